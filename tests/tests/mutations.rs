//! The push parser and the naive oracle agree on files that were broken at random, and on every wrong length.
//!
//! `GGUF_MUTATION_SEED` adds a seed of the caller's.

use gguf_admission::{LimitId, Storage};
use gguf_tests::corpus;
use gguf_tests::dice::Dice;
use gguf_tests::feed::{self, Cuts, Way};
use gguf_tests::verdict::{Verdict, parsed, same, sections_of};
use serde_json::{Value, json};

const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

fn check(verdict: &Verdict, stated: &Value, story: impl Fn() -> String) {
    assert!(verdict.agrees_with(stated), "{}\n{verdict:?}\nthe oracle: {stated}", story());
    if let Verdict::Admitted(text) = verdict {
        let sections = parsed(text.as_bytes());
        assert!(same(&sections, &sections_of(stated)), "{}\n{sections}\nthe oracle: {stated}", story());
    }
}

fn agree(seed: u64, count: usize) {
    let mut dice = Dice::new(seed);
    let mut admitted = 0;
    for (index, file) in corpus::mutations(SCRATCH, seed, count).iter().enumerate() {
        for declared in [true, false] {
            if declared && file.contents.is_empty() {
                continue;
            }
            let stated = file.stated(declared);
            let length = declared.then_some(file.contents.len() as u64);
            let way = [Way::Push, Way::Window, Way::Registry, Way::Stream][dice.below(4)];
            let cuts = Cuts::Random(Dice::new(dice.roll()));
            let storage = Storage::Verify;
            let story = || {
                let bytes: String = file.contents.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("seed {seed} file {index}: {}, {way:?}, {length:?}\n{bytes}", file.story())
            };
            let limits = file.limits(storage).with(LimitId::Window, 4096);
            let verdict = feed::verdict(way, &file.contents, length, storage, limits, cuts);
            check(&verdict, stated, story);
            admitted += usize::from(matches!(verdict, Verdict::Admitted(_)));
        }
    }
    assert!(admitted > count / 20, "{admitted} of {count} admitted: the mutations are too wild to test much");
}

#[test]
fn parser_and_oracle_agree_on_12000_broken_files() {
    agree(1, 12_000);
}

#[test]
fn parser_and_oracle_agree_on_another_12000_broken_files() {
    agree(2, 12_000);
}

#[test]
fn parser_and_oracle_agree_on_broken_files_of_the_caller_s_seed() {
    match std::env::var("GGUF_MUTATION_SEED") {
        Ok(seed) => agree(seed.parse().expect("GGUF_MUTATION_SEED is a number"), 20_000),
        Err(_) => println!("not run: GGUF_MUTATION_SEED is not set"),
    }
}

/// A request to the oracle, and how the same is asked of the parser.
struct Asked<'a> {
    case: &'a corpus::Case,
    /// So many bytes arrive.
    arrive: usize,
    length: Option<u64>,
}

fn agree_on(asked: &[Asked<'_>]) {
    let storage = Storage::Verify;
    let requests = asked.iter().map(|Asked { case, arrive, length }| {
        let limits = case.limits(storage);
        let named = |id: LimitId| limits.get(id);
        json!({
            "hex": case.contents[..*arrive].iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "length": length.map_or(json!("unknown"), |length| json!(length)),
            "limits": {
                "header_bytes": named(LimitId::HeaderBytes), "metadata_entries": named(LimitId::MetadataEntries),
                "tensors": named(LimitId::Tensors), "string_bytes": named(LimitId::StringBytes),
                "array_items": named(LimitId::ArrayItems), "trailing_bytes": named(LimitId::TrailingBytes),
                "name_bytes": named(LimitId::NameBytes), "dimensions": named(LimitId::Dimensions),
            },
        })
    });
    let mut dice = Dice::new(3);
    for (Asked { case, arrive, length }, stated) in asked.iter().zip(corpus::oracle(requests)) {
        let way = [Way::Push, Way::Window][dice.below(2)];
        let cuts = Cuts::Random(Dice::new(dice.roll()));
        let limits = case.limits(storage).with(LimitId::Window, 4096);
        let verdict = feed::verdict(way, &case.contents[..*arrive], *length, storage, limits, cuts);
        check(&verdict, &stated, || format!("{}: {arrive} bytes arrive, {length:?} declared, {way:?}", case.name));
    }
}

#[test]
fn a_good_file_that_ends_at_any_byte_is_cut_short_where_the_oracle_says() {
    let cases = corpus::load(SCRATCH);
    let good = cases.iter().filter(|case| case.is_admitted() && case.contents.len() <= 2048);
    let asked: Vec<_> = good
        .flat_map(|case| {
            let whole = case.length(true);
            (0..case.contents.len())
                .flat_map(move |arrive| [None, whole].map(|length| Asked { case, arrive, length }))
                .chain((1..case.contents.len()).map(move |arrive| Asked { case, arrive, length: Some(arrive as u64) }))
        })
        .collect();
    assert!(asked.len() > 20_000, "{} requests", asked.len());
    agree_on(&asked);
}

#[test]
fn a_wrong_length_is_judged_as_the_oracle_says() {
    let cases = corpus::load(SCRATCH);
    let small = cases.iter().filter(|case| case.contents.len() <= 4096);
    let asked: Vec<_> = small
        .flat_map(|case| {
            let len = case.contents.len() as u64;
            let wrong =
                [1, 3, 24, len / 2, len.saturating_sub(32), len.saturating_sub(1), len + 1, len + 31, len + 99_999];
            wrong.map(|length| Asked { case, arrive: case.contents.len(), length: Some(length.max(1)) })
        })
        .collect();
    agree_on(&asked);
}
