//! The small traits of the public types: what they say of themselves, and what is read from text.

use std::collections::HashSet;
use std::error::Error as _;
use std::fmt::Debug;
use std::hash::Hash;
use std::io;

use gguf_admission::{
    AdmitError, Algorithm, Code, Digest, Error, Evidence, Kind, Level, LimitId, Options, Path, Profile, Rule, Session,
    Severity, State, Storage, TensorType, ValueType, Zone, admit_reader,
};
use gguf_tests::sinks::Weights;
use gguf_tests::writer::{Writer, file_of};

#[test]
fn a_code_is_shown_by_its_word_and_counts_as_itself() {
    for code in Code::ALL {
        assert_eq!(code.to_string(), code.name());
        assert_eq!(format!("[{code:>10}]"), format!("[{:>10}]", code.name()));
    }
    assert_eq!(Code::ALL.iter().chain(Code::ALL).collect::<HashSet<_>>().len(), Code::ALL.len());
}

/// Each of `all` counts once, however often it comes.
fn counts_as_itself<T: Copy + Debug + Eq + Hash>(all: &[T]) {
    assert_eq!(all.iter().chain(all).collect::<HashSet<_>>().len(), all.len(), "{all:?}");
}

#[test]
fn what_is_plain_can_be_a_key() {
    counts_as_itself(&[Kind::Misuse, Kind::Retry, Kind::Rejected, Kind::Dead]);
    counts_as_itself(&[State::Open, State::HeaderReady, State::Receiving, State::Admitted, State::Failed]);
    counts_as_itself(&[Storage::Verify, Storage::Resident]);
    counts_as_itself(&Algorithm::ALL);
    counts_as_itself(&LimitId::ALL);
    counts_as_itself(&ValueType::ALL);
    counts_as_itself(TensorType::ALL);
    counts_as_itself(&[Path::None, Path::Key(0), Path::Key(1), Path::Dim(0, 1), Path::Dim(1, 0)]);
    counts_as_itself(&[Digest([0; 32]), Digest([1; 32])]);
    counts_as_itself(&[Profile::Llama]);
    counts_as_itself(&[Level::Report, Level::Refuse]);
    counts_as_itself(&[Rule::L1, Rule::L9]);
    counts_as_itself(&[Severity::Error, Severity::Warning]);
    counts_as_itself(&[Zone::Padding, Zone::Trailing, Zone::Tensor { index: 0, at: 1 }]);
}

#[test]
fn why_an_admission_ended_is_said_in_a_sentence() {
    let says = |error: AdmitError<io::Error>, text: &str| assert_eq!(error.to_string(), text);
    says(AdmitError::Source(io::Error::other("it broke")), "the source failed: it broke");
    says(AdmitError::Tee(io::Error::other("no room")), "the tee failed: no room");
    let error = admit_reader(&b"GGUX"[..], Options::verify()).unwrap_err();
    says(error, "refused: magic at byte 0: not a GGUF file");
}

#[test]
fn a_digest_is_read_from_the_text_that_it_is_shown_as_and_from_capitals() {
    let digest = Digest(std::array::from_fn(|index| (index * 37) as u8));
    let hex = digest.to_string();
    assert_eq!(hex.len(), 64);
    assert_eq!(Digest([0xab; 32]).to_string(), "ab".repeat(32), "in small letters");
    assert_eq!(hex.parse(), Ok(digest));
    assert_eq!(hex.to_uppercase().parse(), Ok(digest));
    assert_eq!(format!("{digest:?}"), hex);
    let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse::<Digest>();
    assert_eq!(known.expect("64 digits").0[..4], [0xe3, 0xb0, 0xc4, 0x42]);
}

#[test]
fn what_is_no_digest_says_what_is_wrong_with_it() {
    let hex = "0f".repeat(32);
    for (text, why) in [
        (String::new(), "found 0"),
        (hex[1..].to_owned(), "found 63"),
        (format!("{hex}0"), "found 65"),
        (format!("{hex}{}", "é".repeat(1000)), "found 1064"),
        (format!("g{}", &hex[1..]), "found 'g' after 0"),
        (format!("{}+f", &hex[2..]), "found '+' after 62"),
        (format!(" {hex}"), "found ' ' after 0"),
        (format!("0x{}", &hex[2..]), "found 'x' after 1"),
        (format!("\u{1b}{}", &hex[1..]), "found '\\u{1b}' after 0"),
        (format!("é{}", &hex[2..]), "found 'é' after 0"),
        ("٣".repeat(64), "found '٣' after 0"),
    ] {
        let error = text.parse::<Digest>().expect_err(&text);
        assert_eq!(error.to_string(), format!("a digest is 64 hexadecimal digits, {why}"));
        assert!(error.source().is_none());
    }
}

#[test]
fn why_an_admission_ended_leads_to_what_it_ended_with() {
    let broken = AdmitError::Source(io::Error::new(io::ErrorKind::ConnectionReset, "reset"));
    let source = broken.source().and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));

    let refused = admit_reader(&b"GGUX"[..], Options::verify()).unwrap_err();
    let source = refused.source().and_then(|source| source.downcast_ref::<Error>());
    assert_eq!(source.map(Error::code), Some(Code::Magic));
    assert!(source.expect("an error").source().is_none());
}

/// A file of 3 MB: a long name, a long text, many items.
fn large() -> Vec<u8> {
    let mut writer = Writer::new(1, 2);
    writer.entry_string(b"text", &[b'x'; 1 << 20]).entry_array(b"items", 4, 1 << 19);
    writer.bytes.resize(writer.bytes.len() + (4 << 19), 7);
    writer.tensor(b"w", 64, 32).pad(32).data(0, 64, 32);
    writer.bytes
}

/// The text of a value is short, and says `words`.
fn says(value: &impl Debug, words: &[&str]) {
    let text = format!("{value:?}");
    assert!(text.len() < 700, "{} bytes: {}...", text.len(), &text[..200]);
    for word in words {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[test]
fn what_is_shown_to_a_programmer_is_short_whatever_the_file_holds() {
    let file = large();
    let mut session = Session::new(Weights::new().0, Some(file.len() as u64), Options::verify().limits).expect("opens");
    says(&session, &["Session", "Open", "position: 0", &format!("length: Some({})", file.len())]);
    session.push_all(&file).expect("a good file");
    says(&session.header().expect("it is known"), &["Header", "entries: 2", "tensors: 1", "header_end"]);
    session.finish().expect("a good file");
    says(&session.into_model().expect("admitted"), &["Model", "sha256: Some(", "tensors: 1"]);

    let model = admit_reader(&file[..], Options { evidence: true, ..Options::resident() }).expect("a good file");
    says(&model, &[&format!("length: {}", file.len()), "blake3: Some("]);
    says(&model.sink(), &["Resident", "held"]);
    says(&model.file().expect("resident"), &["position: 0"]);
    let entry = model.header().entry(1).expect("there are two");
    says(&entry, &["items", "Array"]);
}

#[test]
fn options_are_shown_without_the_bytes_of_their_evidence() {
    let evidence = Evidence::from_bytes(&vec![7; 32 * 100_000]).expect("whole values");
    says(&evidence, &["groups: 100000"]);
    let options = Options {
        length: Some(5),
        digests: Algorithm::Blake3 as u8,
        expected_evidence: Some(evidence),
        ..Options::into_sink(Weights::new().0)
    };
    says(&options, &["length: Some(5)", "groups: 100000"]);
}

#[test]
fn a_result_with_a_model_of_any_sink_can_be_unwrapped_as_an_error() {
    let file = file_of(&[8], 32);
    let error = admit_reader(&file[..file.len() - 30], Options::into_sink(Weights::new().0)).unwrap_err();
    assert!(matches!(error, AdmitError::Refused(error) if error.code() == Code::Truncated));
}
