//! BLAKE3 and evidence on many threads, beside a naive BLAKE3 that shares no code with it.

mod support;

use std::fs;

use gguf_tests::evidence::{GROUP, file, long_header, naive};
use serde_json::Value;
use support::{Folder, gguf_admit, run};

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn blake3_and_evidence_are_the_naive_ones_around_every_border() {
    let folder = Folder::new();
    // Of groups, and of the pieces that they are read in: 64 KiB with few threads, more with many.
    let piece = GROUP / 16;
    let pieces = [piece, piece + 1, 3 * piece + 7, GROUP - 1, GROUP + 5 * piece];
    let lengths = [97, GROUP, GROUP + 1, 2 * GROUP, 2 * GROUP + 12_345].into_iter().chain(pieces);
    let mut files: Vec<Vec<u8>> = lengths.map(file).collect();
    files.push(long_header(GROUP + 20, 100).0);
    let truth = naive(SCRATCH, files.iter().map(Vec::as_slice));
    for (bytes, naive) in files.iter().zip(truth) {
        folder.put("a.gguf", bytes);
        for jobs in ["1", "2", "7", "16", "64"] {
            let (text, _, code) = folder.run(&["check", "--json", "--blake3", "--jobs", jobs, "a.gguf"]);
            let said: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(
                (code, said["digests"]["blake3"].as_str()),
                (0, Some(&naive.blake3[..])),
                "{} bytes",
                bytes.len()
            );
            let (_, error, code) = folder.run(&["evidence", "--jobs", jobs, "a.gguf"]);
            assert_eq!(code, 0, "{error}");
            let written = fs::read(folder.path("a.gguf.evidence")).expect("evidence");
            assert!(written == naive.evidence.as_bytes(), "{} bytes", bytes.len());
            let (text, _, code) = folder.run(&["check", "--evidence", "a.gguf.evidence", "a.gguf"]);
            assert_eq!(code, 0, "{text}");
        }
        let (piped, error, code) = run(gguf_admit(), &["evidence", "-", "-o", "-"], bytes);
        assert_eq!((code, error.contains(&naive.blake3)), (0, true));
        assert_eq!(piped.len(), String::from_utf8_lossy(naive.evidence.as_bytes()).len());
    }
}

/// The first fault in file order, whatever the threads are at.
#[test]
fn of_two_faults_the_first_is_told() {
    let folder = Folder::new();
    let bytes = file(9 * GROUP);
    folder.put("a.gguf", &bytes);
    assert_eq!(folder.run(&["evidence", "a.gguf"]).2, 0);
    for (changed, first) in
        [(vec![3 * GROUP, 7 * GROUP], 3), (vec![8 * GROUP + 5], 8), (vec![2 * GROUP - 1, 2 * GROUP], 1)]
    {
        let mut bytes = bytes.clone();
        changed.iter().for_each(|at| bytes[*at] ^= 1);
        folder.put("b.gguf", &bytes);
        for jobs in ["1", "2", "5", "16"] {
            let (text, _, code) =
                folder.run(&["check", "--json", "--jobs", jobs, "--evidence", "a.gguf.evidence", "b.gguf"]);
            let said: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(code, 1);
            assert_eq!(
                (said["code"].as_str(), said["path"].as_str()),
                (Some("digest"), Some(&format!("evidence[{first}]")[..]))
            );
            assert_eq!(said["offset"].as_u64(), Some((first * GROUP) as u64));
        }
        let (text, _, _) = run(in_folder(&folder), &["check", "--json", "--evidence", "a.gguf.evidence", "-"], &bytes);
        let said: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(said["path"].as_str(), Some(&format!("evidence[{first}]")[..]), "from a pipe");
    }
    // A rule that is broken in a group comes before the value of that group, and after those before it.
    let (mut header, bools) = long_header(GROUP + 20, 10);
    folder.put("h.gguf", &header);
    assert_eq!(folder.run(&["evidence", "h.gguf"]).2, 0);
    header[bools[0]] = 7;
    folder.put("rule.gguf", &header);
    let check = |name| folder.run(&["check", "--json", "--jobs", "4", "--evidence", "h.gguf.evidence", name]).0;
    assert!(check("rule.gguf").contains(&format!("\"code\":\"header\",\"offset\":{}", bools[0])));
    header[GROUP - 5] ^= 1;
    folder.put("value.gguf", &header);
    assert!(check("value.gguf").contains("\"path\":\"evidence[0]\""));
}

#[test]
fn evidence_of_another_file_or_of_a_longer_one_is_a_fault() {
    let folder = Folder::new();
    folder.put("long.gguf", &file(3 * GROUP));
    folder.put("short.gguf", &file(2 * GROUP));
    assert_eq!(folder.run(&["evidence", "long.gguf"]).2, 0);
    let mut evidence = fs::read(folder.path("long.gguf.evidence")).expect("evidence");
    evidence.extend([0; 32]);
    folder.put("longer.evidence", &evidence);
    for input in ["long.gguf", "-"] {
        let bytes = fs::read(folder.path("long.gguf")).expect("the file");
        let (text, _, code) =
            run(in_folder(&folder), &["check", "--json", "--evidence", "longer.evidence", input], &bytes);
        assert_eq!(code, 1);
        assert!(
            text.contains(
                "\"offset\":3145728,\"path\":\"evidence[3]\",\"message\":\"the file has 3 groups, the evidence more\""
            ),
            "{text}"
        );
    }
    let (text, _, code) = folder.run(&["check", "--json", "--evidence", "long.gguf.evidence", "short.gguf"]);
    assert_eq!((code, text.contains("\"path\":\"evidence[0]\"")), (1, true), "{text}");
}

fn in_folder(folder: &Folder) -> std::process::Command {
    let mut command = gguf_admit();
    command.current_dir(folder.path("."));
    command
}
