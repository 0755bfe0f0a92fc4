//! Where the output goes: a full disk, the file itself, devices and links, and letters that hide or turn others.

#![cfg(unix)]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, symlink};

use serde_json::Value;
use support::{Folder, GOOD, HASH, gguf_admit, run};

/// `/dev/full` refuses every byte, as a full disk does.
#[test]
fn output_that_could_not_be_written_is_no_success() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    for arguments in
        ["check good.gguf", "check --json good.gguf", "show good.gguf", "show --json good.gguf", "show --json missing"]
    {
        let mut command = gguf_admit();
        command.current_dir(folder.path(".")).args(arguments.split(' '));
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let ended = command.stdout(full).output().expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), said.contains("standard output: ")), (Some(3), true), "{arguments}: {said}");
    }
}

#[test]
fn evidence_never_replaces_the_file_that_it_is_of() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    symlink("good.gguf", folder.path("link.gguf")).expect("a link");
    let mut piped = gguf_admit();
    piped.current_dir(folder.path(".")).args(["evidence", "-", "-o", "link.gguf"]);
    piped.stdin(File::open(folder.path("good.gguf")).expect("it is there"));
    let mut codes = vec![piped.output().expect("it runs").status.code()];
    for arguments in ["good.gguf -o good.gguf", "link.gguf -o ./good.gguf", "good.gguf -o link.gguf"] {
        codes.push(Some(folder.run(&[&["evidence"], &arguments.split(' ').collect::<Vec<_>>()[..]].concat()).2));
    }
    assert_eq!(codes, [Some(2); 4]);
    assert!(fs::read(folder.path("good.gguf")).expect("it is there") == GOOD);
}

#[test]
fn evidence_goes_into_a_device_and_behind_a_link() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    let (text, error, code) = folder.run(&["evidence", "good.gguf", "-o", "/dev/stdout"]);
    assert_eq!((code, text.is_empty()), (0, false), "{error}");
    folder.put("old", b"old");
    symlink("old", folder.path("link")).expect("a link");
    assert_eq!(folder.run(&["evidence", "good.gguf", "-o", "link"]).2, 0);
    assert!(fs::symlink_metadata(folder.path("link")).expect("it is there").is_symlink());
    assert_eq!(fs::read(folder.path("old")).expect("it is there").len(), 32);
    let made = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().expect("it runs");
    assert!(made.success());
    let pipe = folder.path("pipe");
    let reader = std::thread::spawn(move || fs::read(pipe));
    assert_eq!(folder.run(&["evidence", "good.gguf", "-o", "pipe"]).2, 0);
    assert!(fs::symlink_metadata(folder.path("pipe")).expect("it is there").file_type().is_fifo(), "it is kept");
    assert_eq!(reader.join().expect("it reads").expect("32 bytes").len(), 32);
}

#[test]
fn json_on_a_terminal_hides_and_turns_nothing_and_means_the_same() {
    let folder = Folder::new();
    let name = "a\u{9b}2J\u{202e}\u{ad}\u{e0041}.gguf";
    folder.put(name, GOOD);
    for command in ["check", "show"] {
        let (text, _, code) = folder.run(&[command, "--json", name]);
        assert!(text.is_ascii(), "{text}");
        let said: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((code, said["file"].as_str()), (0, Some(name)));
    }
}

#[test]
fn a_list_comes_from_standard_input_too() {
    let folder = Folder::new();
    folder.put("good.gguf", GOOD);
    let list = format!("{HASH}  good.gguf\n");
    for (code, arguments, list) in [
        (0, &["check", "--sums", "-"][..], list.as_bytes()),
        (1, &["check", "--sums", "-"], list.replace(&HASH[..4], "0000").as_bytes()),
        (2, &["check", "--sums", "-", "-"], list.as_bytes()),
        // Nothing would be checked.
        (3, &["check", "--sums", "-"], b"# nothing\n"),
    ] {
        let mut command = gguf_admit();
        command.current_dir(folder.path("."));
        let (text, error, found) = run(command, arguments, list);
        assert_eq!(found, code, "{arguments:?}\n{text}{error}");
    }
}
