//! The programs in admission/examples: each runs on a small file and prints what it should, and the docs show their
//! code.

use std::path::{Path, PathBuf};
use std::process::Command;

use gguf_admission::{AdmitError, Code, Limits, Options, Session, Storage, admit_reader};
use gguf_tests::allocator::{Counting, each_fault, fail_nth, rearm};
use gguf_tests::files::small;
use gguf_tests::writer::Writer;

#[allow(dead_code, reason = "its `main` is run as a program of its own")]
#[path = "../../admission/examples/sink.rs"]
mod sink;

use sink::Weights;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The file that the front page of the crate's docs opens.
fn tiny() -> Vec<u8> {
    let mut writer = Writer::new(2, 1);
    writer.key(b"general.architecture", 8).string(b"llama");
    writer.tensor(b"token_embd.weight", 64, 32).tensor(b"output.weight", 8, 32).pad(32);
    writer.data(0, 64, 32).data(1, 8, 32);
    writer.bytes
}

/// The file whose metadata the docs of `Header` and `Array` read.
fn vocabulary() -> Vec<u8> {
    let mut writer = Writer::new(0, 7);
    writer.entry_string(b"general.architecture", b"llama").entry_u32(b"llama.block_count", 1);
    writer.key(b"llama.attention.layer_norm_rms_epsilon", 6).bytes.extend(1e-5f32.to_le_bytes());
    writer.key(b"tokenizer.ggml.add_bos_token", 7).bytes.push(1);
    writer.entry_array(b"tokenizer.ggml.tokens", 8, 3).string(b"<unk>").string(b"<s>").string(b"a");
    writer.entry_array(b"tokenizer.ggml.scores", 6, 3);
    writer.bytes.extend([0f32, -1.0, -2.0].iter().flat_map(|score| score.to_le_bytes()));
    writer.entry_array(b"tokenizer.ggml.token_type", 5, 3);
    writer.bytes.extend([2i32, 3, 1].iter().flat_map(|ty| ty.to_le_bytes()));
    writer.bytes
}

/// The small file in two shards.
fn shards() -> [Vec<u8>; 2] {
    let start = |no: u16, entries| {
        let mut writer = Writer::new(1, entries);
        writer.key(b"split.no", 2).bytes.extend(no.to_le_bytes());
        writer.key(b"split.count", 2).bytes.extend(2u16.to_le_bytes());
        writer.key(b"split.tensors.count", 5).bytes.extend(2i32.to_le_bytes());
        writer
    };
    let (mut lead, mut other) = (start(0, 4), start(1, 3));
    lead.entry_string(b"general.architecture", b"llama").tensor(b"token_embd.weight", 64, 32).pad(32).data(0, 64, 32);
    other.tensor(b"output.weight", 8, 32).pad(32).data(1, 8, 32);
    [lead.bytes, other.bytes]
}

fn path_of(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../admission/examples").join(file)
}

fn tiny_path() -> PathBuf {
    path_of("tiny.gguf")
}

fn run(example: &str, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "gguf-admission", "--example", example, "--"])
        .arg(tiny_path())
        .args(arguments)
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_small_files_are_what_the_writer_writes() {
    let [lead, other] = shards();
    for (name, file) in [
        ("tiny.gguf", tiny()),
        ("tiny-00001-of-00002.gguf", lead),
        ("tiny-00002-of-00002.gguf", other),
        ("vocabulary.gguf", vocabulary()),
    ] {
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path_of(name), &file).expect("the file can be written");
        }
        assert!(std::fs::read(path_of(name)).expect("the file is there") == file, "{name}: write it anew with BLESS=1");
    }
}

#[test]
fn admit_file_tells_digest_and_tensors() {
    let told = run("admit_file", &[]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], format!("{} bytes, 2 tensors", tiny().len()));
    assert!(lines[1].strip_prefix("SHA-256 ").is_some_and(|digest| digest.len() == 64), "{told}");
    let start = tiny().len() - 96;
    let first = |at: usize| tiny()[start + at];
    assert_eq!(lines[2], format!("token_embd.weight I8 [64]: first byte Some({})", first(0)));
    assert_eq!(lines[3], format!("output.weight I8 [8]: first byte Some({})", first(64)));
}

#[test]
fn header_first_decides_before_the_data_is_read() {
    let told = run("header_first", &["llama"]);
    assert!(told.starts_with("architecture llama, "), "{told}");
    assert!(told.ends_with(&format!("\nadmitted: {} bytes\n", tiny().len())), "{told}");
    let told = run("header_first", &["bert"]);
    let last = told.lines().last().expect("a line");
    let read = last.strip_prefix("not admitted: ").and_then(|rest| rest.split(' ').next()).expect("a number");
    assert!(read.parse::<usize>().expect("a number") < tiny().len() - 96, "{told}");
}

#[test]
fn shards_are_one_model_in_any_order_and_no_model_where_one_is_missing() {
    let paths = ["tiny-00002-of-00002.gguf", "tiny-00001-of-00002.gguf"].map(path_of);
    let run = |paths: &[PathBuf]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--quiet", "--package", "gguf-admission", "--example", "shards", "--"]);
        command.args(paths).output().expect("cargo runs")
    };
    let told = run(&paths);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    assert_eq!(text, "llama, 2 shards\ntoken_embd.weight: 64 bytes\noutput.weight: 8 bytes\n");
    let told = run(&paths[1..]);
    assert!(!told.status.success() && String::from_utf8_lossy(&told.stderr).contains("shard 1 of 2 is missing"));
}

#[test]
fn sink_holds_every_tensor() {
    let told = run("sink", &[]);
    assert_eq!(told, "token_embd.weight: 64 bytes\noutput.weight: 8 bytes\n2 tensors, ready: true\n");
}

#[test]
fn lend_keeps_every_tensor_too() {
    assert_eq!(run("lend", &[]), "token_embd.weight: 64 bytes\noutput.weight: 8 bytes\n");
}

#[test]
fn the_sink_holds_each_tensor_once_whatever_allocation_fails() {
    let file = small(7);
    let whole = admit_reader(&file[..], Options::into_sink(Weights::default())).expect("a good file");
    let (names, tensors) = (whole.header().tensor_count(), whole.sink().tensors.clone());
    let failures = each_fault(|nth| {
        let limits = Limits::new(Storage::Resident);
        let mut session = Session::new(Weights::default(), Some(file.len() as u64), limits).expect("a length");
        let mut failed = 0;
        fail_nth(nth, false);
        let mut rest = &file[..];
        while !rest.is_empty() {
            match session.push(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(error) => {
                    assert_eq!(error.code(), Code::Memory);
                    failed += 1;
                }
            }
        }
        session.finish().expect("whole");
        let model = session.into_model().expect("admitted");
        assert_eq!((model.sink().tensors.len(), model.sink().ready), (names, true), "failure {nth}");
        assert!(model.sink().tensors == tensors, "failure {nth}");
        rearm(failed);
    });
    // The list of the tensors and each tensor fail at least once, beside what the header needs.
    assert!(failures > names, "{failures} allocations");
}

#[test]
fn a_file_that_breaks_leaves_the_sink_empty() {
    let file = small(7);
    let cut = &file[..file.len() - 40];
    let refused = admit_reader(cut, Options::into_sink(Weights::default())).expect_err("cut");
    assert!(matches!(refused, AdmitError::Refused(error) if error.code() == Code::Truncated));
}

/// Every block of Rust on the page is in one of the examples, word for word.
#[test]
fn the_page_on_migration_shows_the_code_of_the_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/migration.md")).expect("the page");
    let examples = ["admit_file", "sink", "shards"]
        .map(|name| std::fs::read_to_string(root.join(format!("admission/examples/{name}.rs"))).expect("an example"));
    let blocks: Vec<&str> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().expect("an end")).collect();
    assert_eq!(blocks.len(), examples.len());
    for (block, example) in blocks.iter().zip(&examples) {
        // What a reader has to import is said in each by itself.
        let code = block.split_once("\n\n").expect("imports, then code").1;
        assert!(example.contains(code), "not in the example:\n{code}");
    }
}
