//! The corpus: one small file for each way to break a rule, and the good ones, with what they must get.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use gguf_admission::{LimitId, Limits, Storage};
use serde_json::Value;

/// One file of the corpus.
pub struct Case {
    /// Its name: what is wrong with it.
    pub name: String,
    /// The file.
    pub contents: Vec<u8>,
    /// Where the expectation wants its data to go.
    pub sink: Storage,
    stated_limits: Value,
    /// The hand-written verdict where the length is declared.
    pub expect: Value,
    /// The hand-written verdict where it is not.
    pub expect_unknown: Value,
    /// The oracle's report, of an admitted file.
    pub report: Option<Value>,
    /// The oracle's metadata values in full, of an admitted file.
    pub values: Option<Value>,
}

impl Case {
    /// The limits that the case asks for.
    pub fn limits(&self, storage: Storage) -> Limits {
        limits(&self.stated_limits, storage)
    }

    /// Whether it asks for no limit of its own.
    pub fn has_default_limits(&self) -> bool {
        self.stated_limits.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// The length to declare, if any: a file without a byte has none that could be.
    pub fn length(&self, declared: bool) -> Option<u64> {
        (declared && !self.contents.is_empty()).then_some(self.contents.len() as u64)
    }

    /// The hand-written verdict. What no 32-bit memory can hold is short of bytes besides: a wider memory sees that.
    pub fn stated(&self, declared: bool) -> &Value {
        let is_held = usize::BITS > 32 && self.expect_unknown["path"] == "memory";
        if is_held || (declared && !self.contents.is_empty()) { &self.expect } else { &self.expect_unknown }
    }

    /// Whether the file is good.
    pub fn is_admitted(&self) -> bool {
        self.expect["verdict"] == "admitted"
    }
}

/// Makes the corpus in a directory of its own below `scratch`, reads it, and removes the directory.
pub fn load(scratch: &str) -> Vec<Case> {
    let directory = fresh(scratch, "corpus");
    generate(&[directory.as_os_str()]);
    let mut reports: Vec<Value> = lines(&directory.join("reports.jsonl"));
    let listed: Value = serde_json::from_slice(&read(&directory.join("cases.json"))).expect("cases.json");
    let cases = listed.as_array().expect("an array").iter().map(|case| {
        let name = case["name"].as_str().expect("a name").to_owned();
        let report = reports.iter_mut().find(|report| report["name"] == name.as_str());
        let (report, values) = report.map(|report| (report["report"].take(), report["values"].take())).unzip();
        Case {
            contents: read(&directory.join(case["file"].as_str().expect("a file"))),
            sink: if case["sink"] == "resident" { Storage::Resident } else { Storage::Verify },
            stated_limits: case["limits"].clone(),
            expect: case["expect"].clone(),
            expect_unknown: case["expect_unknown"].clone(),
            report,
            values,
            name,
        }
    });
    let cases: Vec<Case> = cases.collect();
    std::fs::remove_dir_all(&directory).expect("it was made here");
    assert!(cases.len() > 400, "the corpus has {} cases", cases.len());
    cases
}

/// A mutated file and the oracle's verdicts.
pub struct Mutation {
    /// The file.
    pub contents: Vec<u8>,
    stated: Value,
}

impl Mutation {
    /// The limits it is read with.
    pub fn limits(&self, storage: Storage) -> Limits {
        limits(&self.stated["limits"], storage)
    }

    /// The oracle's verdict.
    pub fn stated(&self, declared: bool) -> &Value {
        &self.stated[if declared { "declared" } else { "unknown" }]
    }

    /// The base file and what was done to it.
    pub fn story(&self) -> String {
        format!("{} {} {}", self.stated["base"], self.stated["done"], self.stated["limits"])
    }
}

/// `count` mutated files of this seed.
pub fn mutations(scratch: &str, seed: u64, count: usize) -> Vec<Mutation> {
    let directory = fresh(scratch, &format!("mutations-{seed}"));
    std::fs::create_dir_all(&directory).expect("a scratch directory");
    let out = directory.join("files");
    let (seed, count_text) = (seed.to_string(), count.to_string());
    let arguments = ["--mutations", &count_text, "--seed", &seed, "--out", out.to_str().expect("UTF-8")];
    generate(&arguments.map(AsRef::as_ref));
    let stated = lines(&directory.join("files.jsonl"));
    let blob = read(&out);
    let mut rest = &blob[..];
    let mut made = Vec::new();
    for stated in stated {
        let (length, behind) = rest.split_first_chunk().expect("a length for every line");
        let (contents, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        made.push(Mutation { contents: contents.to_vec(), stated });
        rest = behind;
    }
    std::fs::remove_dir_all(&directory).expect("it was made here");
    assert_eq!((made.len(), rest.len()), (count, 0));
    made
}

/// The oracle's answers to requests (`hex`, `length`, `truncate`, `limits`, ...), in their order.
pub fn oracle(requests: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut child = Command::new("python3")
        .arg(folder().join("oracle.py"))
        .arg("--batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("piped");
    let requests: Vec<u8> = requests.flat_map(|request| format!("{request}\n").into_bytes()).collect();
    let writer = std::thread::spawn(move || stdin.write_all(&requests));
    let output = child.wait_with_output().expect("the oracle");
    writer.join().expect("no panic").expect("the oracle reads everything");
    assert!(output.status.success());
    output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(crate::verdict::parsed).collect()
}

/// Limits by the names that the corpus gives them.
fn limits(stated: &Value, storage: Storage) -> Limits {
    let mut limits = Limits::new(storage);
    for (name, value) in stated.as_object().expect("an object") {
        let id = match name.as_str() {
            "header_bytes" => LimitId::HeaderBytes,
            "metadata_entries" => LimitId::MetadataEntries,
            "tensors" => LimitId::Tensors,
            "string_bytes" => LimitId::StringBytes,
            "array_items" => LimitId::ArrayItems,
            "memory" => LimitId::Memory,
            "window" => LimitId::Window,
            "trailing_bytes" => LimitId::TrailingBytes,
            "name_bytes" => LimitId::NameBytes,
            "dimensions" => LimitId::Dimensions,
            unknown => panic!("limit {unknown}"),
        };
        limits.set(id, value.as_u64().expect("a number"));
    }
    limits
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

pub(crate) fn generate(arguments: &[&std::ffi::OsStr]) {
    let output =
        Command::new("python3").arg(folder().join("generate.py")).args(arguments).output().expect("python3 is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A directory that no other test uses.
pub(crate) fn fresh(scratch: &str, name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Path::new(scratch).join(format!("{name}-{}-{count}", std::process::id()))
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines(path: &Path) -> Vec<Value> {
    read(path).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(crate::verdict::parsed).collect()
}
