//! Sets and profiles natively, against what was stated by hand and against the oracle, which shares no code.

use gguf_admission::{Error, Header, Level, Limits, Path, Profile, Session, Set, State, Storage, Verify};
use gguf_tests::corpus;
use gguf_tests::dice::Dice;
use gguf_tests::next_reader;
use serde_json::{Value, json};

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const SEED: u64 = 12;
const MUTATIONS: usize = 30;

/// A session that has read a header, or was refused there.
fn read(file: &[u8], level: Option<Level>, chunk: usize) -> Result<Session<Verify>, Error> {
    let mut session = Session::new(Verify::default(), Some(file.len() as u64), Limits::new(Storage::Verify))?;
    session.set_profile(level.map(|level| (Profile::Llama, level)))?;
    let mut at = 0;
    while session.state() == State::Open {
        at += session.push(&file[at..(at + chunk).min(file.len())])?;
    }
    Ok(session)
}

fn path(path: Path) -> Value {
    if path == Path::None { Value::Null } else { json!(path.to_string()) }
}

/// The findings as the corpus has them, and how many there are in all.
fn found(session: &Session<Verify>) -> (Vec<Value>, u64) {
    let findings = session.findings().expect("a profile was chosen");
    let told = findings.kept().iter().map(|finding| {
        json!([finding.rule().name(), finding.severity().name(), path(finding.path()), finding.offset()])
    });
    (told.collect(), findings.count())
}

#[test]
fn the_profile_finds_what_was_stated_whatever_the_pieces() {
    for case in next_reader::load(SCRATCH).0 {
        let file = &case.contents;
        for chunk in [1, 7, file.len()] {
            let told = read(file, Some(Level::Report), chunk).expect(&case.name);
            assert_eq!(found(&told), (case.listed(), case.findings.len() as u64), "{}", case.name);
            let refused = read(file, Some(Level::Refuse), chunk);
            match (case.findings.iter().find(|finding| finding[1] == "error"), refused) {
                (Some(first), Err(error)) => {
                    let rule = first[0].as_str().expect("a rule");
                    assert!(error.message().starts_with(&format!("{rule}: ")), "{}", case.name);
                    let place = (error.code().name(), path(error.path()), json!(error.offset()));
                    assert_eq!(place, ("profile", first[2].clone(), first[3].clone()), "{}", case.name);
                }
                (None, Ok(_)) => {}
                (stated, told) => panic!("{}: {stated:?}, refused: {}", case.name, told.is_err()),
            }
        }
    }
}

#[test]
fn the_oracle_finds_the_same_in_mutated_headers() {
    let mut dice = Dice::new(SEED);
    let mut files = Vec::new();
    for case in next_reader::load(SCRATCH).0 {
        for _ in 0..MUTATIONS {
            let mut file = case.contents.clone();
            for _ in 0..=dice.below(3) {
                let at = 24 + dice.below(file.len().min(1_000) - 24);
                // Near numbers and letters: what a rule compares with.
                file[at] = [file[at].wrapping_add(1), file[at].wrapping_sub(1), b'<', b'6', 0, 0xff][dice.below(6)];
            }
            files.push(file);
        }
    }
    let hex = |file: &[u8]| file.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let answers = corpus::oracle(files.iter().map(|file| json!({ "hex": hex(file), "profile": true })));
    assert_eq!(answers.len(), files.len());
    let (mut judged, mut with_findings) = (0, 0);
    for (file, answer) in files.iter().zip(answers) {
        let Some(stated) = answer["findings"].as_array() else { continue };
        let told = read(file, Some(Level::Report), file.len()).expect("the oracle reads its header");
        let (listed, count) = found(&told);
        assert_eq!(
            (count, listed.len()),
            (stated.len() as u64, answer["listed"].as_u64().unwrap() as usize),
            "{file:?}"
        );
        let stated: Vec<&Value> = stated.iter().filter(|finding| listed.contains(finding)).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), stated, "seed {SEED}: {}", hex(file));
        judged += 1;
        with_findings += usize::from(count > 0);
    }
    assert!(judged > files.len() / 4 && with_findings > judged / 4, "{judged} judged, {with_findings} with findings");
}

#[test]
fn shards_join_as_was_stated_in_every_order() {
    for case in next_reader::load(SCRATCH).1 {
        let sessions: Vec<Session<Verify>> =
            case.files.iter().map(|file| read(file, None, file.len()).expect(&case.name)).collect();
        let headers: Vec<&Header> = sessions.iter().map(|session| session.header().expect("a header")).collect();
        for (order, joins) in &case.orders {
            let mut set: Option<Set<'_>> = None;
            for (place, stated) in order.iter().zip(joins) {
                let joined = match &mut set {
                    Some(set) => set.join(headers[*place]),
                    None => Set::new(headers[*place]).map(|new| set = Some(new)),
                };
                match joined {
                    Ok(()) => assert_eq!(stated, &Value::Null, "{} {order:?}", case.name),
                    Err(error) => {
                        let told = json!([error.code().name(), error.offset(), path(error.path())]);
                        assert_eq!(&told, stated, "{} {order:?}", case.name);
                    }
                }
                if set.is_none() {
                    break; // without a lead there is nothing to join
                }
            }
            let members = joins.iter().filter(|stated| stated.is_null()).count();
            assert_eq!(set.map_or(0, |set| set.joined().count()), members, "{} {order:?}", case.name);
        }
    }
}
