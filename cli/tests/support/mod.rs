//! Runs the program in a folder of its own.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// One entry, `general.architecture` = `tiny`, and one tensor of four f32.
pub const GOOD: &[u8] = &good();

/// Its SHA-256, by `sha256sum`.
pub const HASH: &str = "4974b5f794763c6976fe95200fd0b4552de38ed0a4f062e4373ed1c2ce2b3efa";

/// A folder that goes with the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file");
    }

    /// Standard output, standard error, and the exit code.
    pub fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let mut command = gguf_admit();
        command.current_dir(self.0.path());
        run(command, arguments, b"")
    }
}

pub fn gguf_admit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gguf-admit"))
}

/// Runs it with `input` on standard input.
pub fn run(mut command: Command, arguments: &[&str], input: &[u8]) -> (String, String, i32) {
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // It may end before it has read all.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("it ends")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().expect("no signal"))
}

/// Compares with the file in `golden/`; with GGUF_BLESS in the environment, writes it.
pub fn golden(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("GGUF_BLESS").is_some() {
        fs::write(&path, found).expect("the golden file");
    }
    let wanted = fs::read_to_string(&path).expect("the golden file; GGUF_BLESS=1 writes it");
    assert_eq!(found, wanted);
}

pub fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

const fn good() -> [u8; 144] {
    let header = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\
        \x14\0\0\0\0\0\0\0general.architecture\x08\0\0\0\x04\0\0\0\0\0\0\0tiny\
        \x01\0\0\0\0\0\0\0w\x01\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut file = [0; 144];
    let mut at = 0;
    while at < header.len() {
        file[at] = header[at];
        at += 1;
    }
    assert!(header.len() <= 128 && header.len() > 96);
    // Four ones behind the padding.
    at = 128;
    while at < 144 {
        file[at + 2] = 0x80;
        file[at + 3] = 0x3f;
        at += 4;
    }
    file
}
