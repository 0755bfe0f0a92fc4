//! The program from outside: what it prints, how it ends, and that its verdicts are the oracle's.

mod support;

use std::fs;

use gguf_tests::corpus;
use serde_json::Value;
use support::{Folder, GOOD, HASH, gguf_admit, run};

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// Every file of the corpus, in one process, from pipes, with BLAKE3, and its header alone.
#[test]
fn the_corpus_is_judged_as_the_oracle_judges_it() {
    let folder = Folder::new();
    let mut cases = corpus::load(SCRATCH);
    cases.retain(|case| case.has_default_limits() && case.sink == gguf_admission::Storage::Verify);
    assert!(cases.len() > 300);
    let names: Vec<String> = cases.iter().map(|case| format!("{}.gguf", case.name)).collect();
    cases.iter().zip(&names).for_each(|(case, name)| folder.put(name, &case.contents));
    for options in [&["--jobs", "3"][..], &["--blake3"], &["--blake3", "--jobs", "2"]] {
        let arguments: Vec<&str> = ["check", "--json"].into_iter().chain(options.iter().copied()).collect();
        let (text, _, code) = folder.run(&[&arguments[..], &support::strs(&names)].concat());
        assert_eq!(code, 1);
        assert_eq!(text.lines().count(), cases.len());
        for ((case, name), line) in cases.iter().zip(&names).zip(text.lines()) {
            let said: Value = serde_json::from_str(line).expect("JSON");
            agrees(&said, case.stated(true), line);
            assert_eq!(
                (said["file"].as_str(), said["length"].as_u64()),
                (Some(&name[..]), Some(case.contents.len() as u64))
            );
            if let (Some(report), false) = (&case.report, options.contains(&"--blake3")) {
                assert_eq!(said["digests"]["sha256"], report["digests"]["sha256"], "{line}");
                assert_eq!(said["tensors"], report["tensors"].as_array().map(Vec::len).into_json(), "{line}");
            }
        }
    }
    for case in &cases {
        let (text, _, code) = run(gguf_admit(), &["check", "--json", "-"], &case.contents);
        agrees(&serde_json::from_str(&text).expect("JSON"), case.stated(false), &text);
        assert_eq!(code, i32::from(case.expect_unknown["verdict"] != "admitted"), "{}", case.name);
    }
}

trait IntoJson {
    fn into_json(self) -> Value;
}

impl IntoJson for Option<usize> {
    fn into_json(self) -> Value {
        self.map_or(Value::Null, Value::from)
    }
}

fn agrees(said: &Value, stated: &Value, line: &str) {
    assert_eq!(said["verdict"], stated["verdict"], "{line}");
    if stated["verdict"] == "rejected" {
        for field in ["code", "offset", "path"] {
            assert_eq!(said[field], stated[field], "{field}: {line}");
        }
    }
}

#[test]
fn every_field_stands_in_every_line() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    folder.put("bad.gguf", b"GGUX");
    let (text, _, code) = folder.run(&["check", "--json", "good.gguf", "bad.gguf", "missing.gguf"]);
    assert_eq!(code, 3);
    let fields = "file verdict code offset path message length digests architecture tensors findings";
    for line in text.lines() {
        let mut at = 0;
        for field in fields.split(' ') {
            at += line[at..]
                .find(&format!("\"{field}\":"))
                .unwrap_or_else(|| panic!("{field} is missing, or not in order: {line}"));
        }
    }
}

#[test]
fn the_worst_that_happened_is_the_exit_code() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    folder.put("bad.gguf", b"GGUX");
    folder.put("empty.gguf", b"");
    folder.put("SUMS", format!("{HASH}  good.gguf\n").as_bytes());
    folder.put("WRONG", format!("{}  good.gguf\n", "0".repeat(64)).as_bytes());
    folder.put("NONSENSE", b"good.gguf\n");
    folder.put("EMPTY", b"");
    fs::create_dir(folder.path("folder")).expect("a folder");
    let wrong = "0".repeat(64);
    for (code, arguments) in [
        (0, "check good.gguf"),
        (0, &format!("check --sha256 {} good.gguf", HASH.to_uppercase())),
        (0, "check --sums SUMS"),
        (0, "check --sums SUMS ./good.gguf"),
        (0, "check --header-only good.gguf"),
        (0, "check --blake3 --jobs 1024 good.gguf"),
        (0, "show good.gguf"),
        (1, "check good.gguf bad.gguf"),
        (1, "check empty.gguf"),
        (1, "check --blake3 empty.gguf"),
        (1, &format!("check --sha256 {wrong} good.gguf")),
        (1, "check --sums WRONG"),
        (1, "show bad.gguf"),
        (1, "evidence bad.gguf"),
        (1, "evidence empty.gguf"),
        (2, "check"),
        (2, "check --sha256 12 good.gguf"),
        (2, &format!("check --sha256 {HASH} good.gguf bad.gguf")),
        (2, &format!("check --sha256 {HASH} --header-only good.gguf")),
        (2, "check --sums SUMS bad.gguf"),
        (2, "check - -"),
        (2, "check --jobs 0 good.gguf"),
        (2, "check --jobs 1025 good.gguf"),
        (2, "check --nonsense good.gguf"),
        (2, "evidence -"),
        (3, "check missing.gguf"),
        (3, "check bad.gguf missing.gguf good.gguf"),
        (3, "check folder"),
        (3, "check --sums MISSING"),
        (3, "check --sums NONSENSE"),
        (3, "check --sums EMPTY"),
        (3, "check --evidence SUMS good.gguf"),
        (3, "show missing.gguf"),
        (3, "evidence good.gguf --output missing/a"),
    ] {
        let (text, error, found) = folder.run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(found, code, "{arguments}\n{text}{error}");
    }
    assert!(!folder.path("bad.gguf.evidence").exists());
}

#[test]
fn text_is_as_it_was() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    folder.put("bad.gguf", b"GGUX");
    folder.put("short.gguf", &GOOD[..GOOD.len() - 1]);
    let escapes = "\u{1b}[2J\u{202e}.gguf";
    folder.put(escapes, GOOD);
    let (check, _, _) = folder.run(&["check", "good.gguf", "bad.gguf", "short.gguf", escapes, "missing.gguf"]);
    let (blake3, _, _) = folder.run(&["check", "--blake3", "good.gguf"]);
    let (header, _, _) = folder.run(&["check", "--header-only", "good.gguf", "short.gguf"]);
    let (show, _, _) = folder.run(&["show", "good.gguf"]);
    let (json, _, _) = folder.run(&["show", "--json", "good.gguf"]);
    support::golden("text.txt", &[check, blake3, header, show, json].join("\n"));
}

/// Python gives it a terminal.
#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    let output = |terminal: bool, no_color: Option<&str>| {
        let mut command = match terminal {
            true => std::process::Command::new("python3"),
            false => gguf_admit(),
        };
        if terminal {
            command.args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])", env!("CARGO_BIN_EXE_gguf-admit")]);
        }
        command
            .env("TERM", "xterm")
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .envs(no_color.map(|value| ("NO_COLOR", value)));
        command.current_dir(folder.path("."));
        run(command, &["check", "good.gguf"], b"").0
    };
    let green = "\u{1b}[32mok";
    let is_green = |text: String| text.replace("\u{1b}[1m", "").contains(green);
    assert!(is_green(output(true, None)));
    assert!(!is_green(output(true, Some("1"))));
    assert!(!output(false, None).contains('\u{1b}'));
}

#[test]
fn who_reads_the_output_may_go_away() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    let mut command = gguf_admit();
    command.current_dir(folder.path(".")).args(["show", "good.gguf"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = command.stdout(writer).stderr(std::process::Stdio::piped()).output().expect("it runs");
    assert_eq!((status.status.code(), status.stderr.len()), (Some(0), 0));
}
