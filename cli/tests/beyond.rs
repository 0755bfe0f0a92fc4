//! Beyond one file by itself: profiles of readers, and sets of shards.

mod support;

use gguf_tests::shards::{Says, shard};
use gguf_tests::writer::Writer;
use serde_json::{Value, json};
use support::{Folder, GOOD, gguf_admit, run};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_profile_refuses_what_its_readers_could_not_load_and_tells_all_that_it_found() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    // No data behind the header: it is refused before any is asked for.
    folder.put("vocabulary.gguf", &vocabulary());
    for options in [&["check"][..], &["check", "--blake3"], &["check", "--header-only"]] {
        let judged = [options, &["--json", "--profile", "llama", "good.gguf"]].concat();
        let (text, _, code) = folder.run(&judged);
        let said = &lines(&text)[0];
        assert_eq!((code, &said["verdict"], &said["code"]), (1, &json!("rejected"), &json!("profile")), "{text}");
        let finding = &said["findings"][0];
        assert_eq!((&finding["rule"], &finding["level"]), (&json!("L2"), &json!("error")));
        assert_eq!(said["message"], json!(format!("L2: {}", finding["message"].as_str().expect("words"))));

        let (text, _, code) = folder.run(&[options, &["--json", "--profile", "llama", "vocabulary.gguf"]].concat());
        assert_eq!((code, lines(&text)[0]["findings"][0]["rule"].as_str()), (0, Some("L9")), "{text}");
        let (text, _, code) = folder.run(&[options, &["--json", "good.gguf"]].concat());
        assert_eq!((code, &lines(&text)[0]["findings"]), (0, &Value::Null));
    }
    let (text, _, code) = run(gguf_admit(), &["check", "--profile", "llama", "-"], GOOD);
    assert_eq!((code, text.contains("\n        error L2: ")), (1, true), "{text}");
    assert_eq!(folder.run(&["check", "--profile", "other", "good.gguf"]).2, 2);
}

/// A vocabulary with one token that is too long to be liked.
fn vocabulary() -> Vec<u8> {
    let mut writer = Writer::new(0, 6);
    writer.entry_string(b"general.architecture", b"tiny");
    writer.entry_array(b"tokenizer.ggml.tokens", 8, 1).string(&[b'x'; 5_000]);
    for key in ["bos", "eos", "unknown"] {
        writer.entry_u32(format!("tokenizer.ggml.{key}_token_id").as_bytes(), 0);
    }
    writer.entry_string(b"tokenizer.ggml.model", b"llama");
    writer.bytes
}

#[test]
fn a_set_is_checked_as_one_from_any_of_its_shards() {
    let folder = Folder::new();
    let shards = [
        shard(Says { no: 0, count: 3, total: 4 }, &["a", "b"]),
        shard(Says { no: 1, count: 3, total: 4 }, &["c"]),
        shard(Says { no: 2, count: 3, total: 4 }, &["d"]),
    ];
    let name = |no: usize| format!("m-{:05}-of-00003.gguf", no + 1);
    shards.iter().enumerate().for_each(|(no, bytes)| folder.put(&name(no), bytes));
    for jobs in ["1", "4"] {
        for given in 0..3 {
            let (text, _, code) = folder.run(&["check", "--json", "--set", "--jobs", jobs, &name(given)]);
            let files: Vec<Value> = lines(&text).iter().map(|said| said["file"].clone()).collect();
            assert_eq!((code, files), (0, (0..3).map(|no| json!(name(no))).collect()), "{text}");
        }
    }
    // Two that belong together, and are not all: their names lie.
    for (no, bytes) in [(1, &shards[0]), (2, &shards[2])] {
        folder.put(&format!("lie-{no:05}-of-00002.gguf"), bytes);
    }
    let (text, _, code) = folder.run(&["check", "--json", "--set", "lie-00001-of-00002.gguf"]);
    let said = lines(&text);
    assert_eq!((code, &said[0]["code"], &said[0]["path"]), (1, &json!("set"), &json!("metadata[1].value")), "{text}");
    assert_eq!((&said[1]["verdict"], &said[0]["digests"]["sha256"]), (&json!("admitted"), &Value::Null), "{text}");
    // Each of these is sound by itself, and does not belong here.
    for (no, other, path) in [
        (0, shard(Says { no: 1, count: 3, total: 4 }, &["a", "b"]), "metadata[0].value"),
        (1, shard(Says { no: 1, count: 2, total: 4 }, &["c"]), "metadata[1].value"),
        (1, shard(Says { no: 0, count: 3, total: 4 }, &["c"]), "metadata[0].value"),
        (2, shard(Says { no: 2, count: 3, total: 5 }, &["d"]), "metadata[2].value"),
        (2, shard(Says { no: 2, count: 3, total: 4 }, &["d", "e"]), "metadata[2].value"),
        (2, shard(Says { no: 2, count: 3, total: 4 }, &["a"]), "tensors[0].name"),
    ] {
        folder.put(&name(no), &other);
        for options in [&["--set"][..], &["--set", "--header-only"], &["--set", "--blake3"]] {
            let (text, _, code) = folder.run(&[&["check", "--json"], options, &[&name(1)]].concat());
            let said = &lines(&text)[no];
            assert_eq!((code, &said["code"], &said["path"]), (1, &json!("set"), &json!(path)), "{text}");
            let refused = lines(&text).iter().filter(|said| said["verdict"] == "rejected").count();
            assert_eq!(refused, 1, "{text}");
        }
        assert_eq!(folder.run(&["check", &name(no)]).2, 0);
        folder.put(&name(no), &shards[no]);
    }
    // One is missing, or bad by itself.
    folder.put(&name(1), b"GGUX");
    assert_eq!(folder.run(&["check", "--set", &name(0)]).2, 1);
    std::fs::remove_file(folder.path(&name(1))).expect("it is there");
    assert_eq!(folder.run(&["check", "--set", &name(0)]).2, 3);
    folder.put("good.gguf", GOOD);
    assert_eq!(folder.run(&["check", "--set", "good.gguf"]).2, 2);
}
