//! Sets and profiles of the corpus from the command line.

mod support;

use gguf_tests::next_reader;
use serde_json::{Value, json};
use support::Folder;

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_profile_finds_what_was_stated() {
    let folder = Folder::new();
    let (cases, _) = next_reader::load(SCRATCH);
    let names: Vec<String> = cases.iter().map(|case| format!("{}.gguf", case.name)).collect();
    cases.iter().zip(&names).for_each(|(case, name)| folder.put(name, &case.contents));
    let mut arguments = vec!["check", "--json", "--profile", "llama"];
    arguments.extend(names.iter().map(String::as_str));
    let (text, error, code) = folder.run(&arguments);
    assert_eq!(code, 1, "{error}");
    let told = lines(&text);
    assert_eq!(told.len(), cases.len());
    for (case, told) in cases.iter().zip(told) {
        let findings = told["findings"].as_array().expect("a profile was chosen").iter();
        let fields = ["rule", "level", "path", "offset"];
        let found: Vec<Value> = findings.map(|one| json!(fields.map(|field| one[field].clone()))).collect();
        assert_eq!(found, case.listed(), "{}", case.name);
        let first = case.findings.iter().find(|finding| finding[1] == "error");
        let verdict = [told["verdict"].clone(), told["code"].clone(), told["path"].clone(), told["offset"].clone()];
        let stated = match first {
            Some(first) => json!(["rejected", "profile", first[2], first[3]]),
            None => json!(["admitted", null, null, null]),
        };
        assert_eq!(json!(verdict), stated, "{}", case.name);
    }
}

#[test]
fn sets_of_as_many_files_as_they_say_are_judged_as_was_stated() {
    let folder = Folder::new();
    let mut judged = 0;
    for case in next_reader::load(SCRATCH).1 {
        let count = case.files.len();
        let name = |no: usize| format!("{}-{:05}-of-{count:05}.gguf", case.name, no + 1);
        case.files.iter().enumerate().for_each(|(no, file)| folder.put(&name(no), file));
        let (_, joins) = &case.orders[0];
        let (text, error, code) = folder.run(&["check", "--json", "--set", &name(0)]);
        let told = lines(&text);
        assert_eq!(told.len(), count, "{}: {error}", case.name);
        // Without its lead there is no set to join: the others are whole files.
        for (stated, told) in joins.iter().zip(&told).filter(|(stated, _)| stated[0] != "state") {
            let found = json!([told["code"], told["offset"], told["path"]]);
            let stated = if stated.is_null() { json!([null, null, null]) } else { stated.clone() };
            assert_eq!(found, stated, "{}", case.name);
        }
        assert_eq!(code, i32::from(joins.iter().any(|stated| !stated.is_null())), "{}", case.name);
        judged += 1;
    }
    assert!(judged > 40);
}
