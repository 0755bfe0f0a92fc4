//! Files around the borders of groups, and their evidence as the naive BLAKE3 in `corpus/blake3.py` gives it.

use std::path::Path;
use std::process::Command;

use gguf_admission::{Algorithm, Builtin, Evidence, Limits, Session, Storage};

use crate::corpus::fresh;
use crate::feed;
use crate::writer::Writer;

/// Bytes of a group.
pub const GROUP: usize = 1 << 20;

/// The mask of digests that asks for evidence and nothing else.
pub const EVIDENCE: u8 = Algorithm::Blake3 as u8 | 4;

/// The shortest file of [`file()`].
pub const SHORTEST: usize = 97;

/// A good file of exactly `length` bytes. Two of them differ in the header, and where one of them ends.
pub fn file(length: usize) -> Vec<u8> {
    assert!(length >= SHORTEST);
    let mut writer = Writer::new(1, 0);
    writer.tensor(b"t", length as u64 - 64, 32).pad(32);
    assert_eq!(writer.bytes.len(), 64);
    writer.bytes.extend((64..length).map(pattern));
    writer.bytes
}

/// A byte of data that shows where it was shifted.
fn pattern(at: usize) -> u8 {
    ((at % 251) ^ ((at >> 10) % 256)) as u8
}

/// A good file whose header goes on behind `length` bytes, and then has `behind` entries of one bool; and where each of
/// those bools stands. One short tensor is its data.
pub fn long_header(length: usize, behind: u64) -> (Vec<u8>, Vec<usize>) {
    let mut writer = Writer::new(1, 1 + behind);
    let text = length - writer.bytes.len() - 8 - 4 - 4 - 8;
    writer.entry_string(b"text", &(0..text).map(pattern).collect::<Vec<u8>>());
    assert_eq!(writer.bytes.len(), length);
    let mut bools = Vec::new();
    for entry in 0..behind {
        writer.key(format!("key.{entry}").as_bytes(), 7);
        bools.push(writer.bytes.len());
        writer.bytes.push((entry % 2) as u8);
    }
    writer.tensor(b"t", 40, 32).pad(32).data(0, 40, 32);
    (writer.bytes, bools)
}

/// What the naive BLAKE3 says of a file.
#[derive(Debug, PartialEq)]
pub struct Naive {
    /// The BLAKE3, in hexadecimal.
    pub blake3: String,
    /// The evidence.
    pub evidence: Evidence,
}

/// A file of each length, and what the naive BLAKE3 says of it. `scratch` is a folder for them.
pub fn files_of(scratch: &str, lengths: impl IntoIterator<Item = usize>) -> Vec<(Vec<u8>, Naive)> {
    let files: Vec<Vec<u8>> = lengths.into_iter().map(file).collect();
    let told = naive(scratch, files.iter().map(|file| &file[..]));
    files.into_iter().zip(told).collect()
}

/// The BLAKE3 and the evidence of files, by the naive implementation. `scratch` is a folder for them.
pub fn naive<'a>(scratch: &str, files: impl IntoIterator<Item = &'a [u8]>) -> Vec<Naive> {
    let folder = fresh(scratch, "blake3");
    std::fs::create_dir_all(&folder).expect("a scratch folder");
    let paths: Vec<_> = files
        .into_iter()
        .enumerate()
        .map(|(index, file)| {
            let path = folder.join(index.to_string());
            std::fs::write(&path, file).expect("room for a file");
            path
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/blake3.py");
    let output = Command::new("python3").arg(script).args(&paths).output().expect("python3 is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_dir_all(&folder).expect("it was made here");
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let told: Vec<Naive> = lines
        .map(|line| {
            let told = crate::verdict::parsed(line);
            let values = told["evidence"].as_array().expect("a list").iter();
            let values: Vec<u8> = values.flat_map(|value| bytes_of(value.as_str().expect("text"))).collect();
            Naive {
                blake3: told["blake3"].as_str().expect("text").to_owned(),
                evidence: Evidence::from_bytes(&values).expect("values"),
            }
        })
        .collect();
    assert_eq!(told.len(), paths.len());
    told
}

fn bytes_of(hex: &str) -> impl Iterator<Item = u8> + '_ {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
}

/// Evidence made of some values of another: its first `groups`, with `wrong` changed.
pub fn changed(evidence: &Evidence, groups: usize, wrong: Option<usize>) -> Evidence {
    let mut bytes = evidence.as_bytes()[..32 * groups].to_vec();
    if let Some(group) = wrong {
        bytes[32 * group + 7] ^= 0x10;
    }
    Evidence::from_bytes(&bytes).expect("values")
}

/// A session that computes evidence.
pub fn session(length: Option<u64>, storage: Storage, limits: Limits) -> Session<Builtin> {
    let mut session = feed::session(length, storage, limits);
    session.set_digests(EVIDENCE).expect("nothing is in");
    session
}
