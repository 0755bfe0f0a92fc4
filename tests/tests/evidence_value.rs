//! Evidence as a value, as an option, and where no memory could hold it.

use gguf_admission::{Code, Evidence, Limits, Options, Session, State, Storage, Verify, admit_reader};
use gguf_tests::evidence::{EVIDENCE, GROUP, Naive, SHORTEST, changed, files_of};

fn files() -> Vec<(Vec<u8>, Naive)> {
    let lengths = [SHORTEST, GROUP, GROUP + 1, 3 * GROUP, 2 * GROUP + 1];
    files_of(env!("CARGO_TARGET_TMPDIR"), lengths)
}

#[test]
fn evidence_is_a_value_of_its_own() {
    for (file, told) in &files() {
        let evidence = &told.evidence;
        assert_eq!(Evidence::from_bytes(evidence.as_bytes()).expect("values"), *evidence);
        assert_eq!(evidence.len(), file.len().div_ceil(GROUP));
        for (group, bytes) in file.chunks(GROUP).enumerate() {
            assert!(evidence.check(group, bytes), "group {group} of {}", file.len());
            assert!(!evidence.check(group + 1, bytes));
            let mut other = bytes.to_vec();
            *other.last_mut().expect("not empty") ^= 1;
            assert!(!evidence.check(group, &other));
            assert!(!evidence.check(group, &bytes[..bytes.len() - 1]));
        }
        assert!(!evidence.check(0, &[]));
        assert!(file.len() <= GROUP || !evidence.check(0, file), "no group is longer than 2^20 bytes");
        assert_eq!(evidence.root(((evidence.len() + 1) * GROUP) as u64), None);
        assert_eq!(evidence.root(((evidence.len() - 1) * GROUP) as u64), None);
    }
    // The first value of a longer file proves its first group, although a list of one value does not say which it is.
    let (file, told) = &files()[3];
    assert!(changed(&told.evidence, 1, None).check(0, &file[..GROUP]));
    for bytes in [0, 1, 31, 33] {
        assert_eq!(Evidence::from_bytes(&vec![0; bytes]).expect_err("no values").code(), Code::Argument);
    }
    assert!(Evidence::default().is_empty());
    assert_eq!(Evidence::default().root(0), None);
}

#[test]
fn options_ask_for_evidence_and_expect_it() {
    let (file, told) = &files()[4];
    let model = admit_reader(&file[..], Options { evidence: true, ..Options::verify() }).expect("a good file");
    assert_eq!(model.evidence(), Some(&told.evidence));
    assert!(model.digests().sha256.is_some(), "what is computed besides stays");
    let model = admit_reader(&file[..], Options::verify()).expect("a good file");
    assert_eq!(model.evidence(), None);
    let expected = |groups, wrong| Options {
        expected_evidence: Some(changed(&told.evidence, groups, wrong)),
        digests: 0,
        ..Options::verify()
    };
    let model = admit_reader(&file[..], expected(2, None)).expect("the right groups");
    assert_eq!((model.evidence(), model.digests().sha256), (Some(&told.evidence), None));
    let refused = admit_reader(&file[..], expected(2, Some(1))).expect_err("another group");
    assert!(refused.to_string().contains("digest in evidence[1] at byte 1048576"), "{refused}");
}

#[test]
fn a_file_whose_evidence_no_memory_could_hold_is_refused_at_its_header() {
    for (length, fits) in [((1u64 << 26) - 1, true), (1 << 26, false)] {
        let length = length * GROUP as u64;
        let mut writer = gguf_tests::writer::Writer::new(1, 0);
        writer.tensor(b"t", length - 64, 32);
        let header = writer.bytes;
        for known in [Some(length), None] {
            let mut session = Session::new(Verify::default(), known, Limits::new(Storage::Verify)).expect("a length");
            session.set_digests(EVIDENCE).expect("nothing is in");
            let answer = session.push(&header);
            if fits {
                answer.expect("it could be held");
                let error = session.push(&[0]).expect_err("256 MiB are not enough");
                assert_eq!((error.code(), session.state()), (Code::Budget, State::HeaderReady));
                assert!(session.needed() >= 32 * ((1 << 26) - 1));
            } else {
                let error = answer.expect_err("too large");
                assert_eq!((error.code(), error.offset()), (Code::Limit, Some(24 + 9 + 4 + 8 + 4)));
                assert_eq!(error.path().to_string(), "memory");
            }
        }
    }
}
