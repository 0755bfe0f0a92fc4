//! Long arrays of strings: each is read as it stands, and a fault in one of them is told of that string, wherever the
//! pages of the header and the chunks of the file end. What is expected is counted here, string by string.

use std::collections::BTreeSet;

use gguf_admission::abi::Registry;
use gguf_admission::{Level, LimitId, Limits, Options, Profile, Rule, Storage, admit_reader};
use gguf_tests::dice::Dice;
use gguf_tests::feed::{self, Cuts, Way};
use gguf_tests::verdict::{Rejection, Verdict, parsed};
use gguf_tests::writer::Writer;

/// Bytes of a page of the header.
const PAGE: usize = 256 * 1024;
const LONGEST: u64 = 40;

/// A file of one array, and where each string of it starts and ends. What is behind it is a byte of another entry.
struct Array {
    file: Vec<u8>,
    strings: Vec<(usize, usize)>,
}

fn array() -> Array {
    let mut dice = Dice::new(11);
    let count = 30_000;
    let mut writer = Writer::new(0, 2);
    writer.entry_array(b"list", 8, count);
    let strings = (0..count).map(|index| {
        let start = writer.bytes.len();
        // Zeros, so that a length that is read beside its place looks like one.
        let text = format!("{}{index} {}", "\0".repeat(9), "é".repeat(20));
        let most = text.floor_char_boundary(dice.below(LONGEST as usize + 1));
        writer.string(&text.as_bytes()[..most]);
        (start, writer.bytes.len())
    });
    let strings = strings.collect();
    writer.entry_u8(b"last", 1);
    Array { file: writer.bytes, strings }
}

impl Array {
    /// The strings at the ends of pages, and the first and the last of all.
    fn at_pages(&self) -> Vec<usize> {
        [0].into_iter().chain(at_pages(&self.strings)).chain([self.strings.len() - 1]).collect()
    }

    /// Where a string starts that goes on behind byte `end`: the first of them.
    fn beyond(&self, end: usize) -> Option<usize> {
        self.strings.iter().find(|(_, string_end)| *string_end > end).map(|(start, _)| *start)
    }

    /// Places around the string `index`: inside its length, behind it, before its end, at its end.
    fn places(&self, index: usize) -> [usize; 4] {
        let (start, end) = self.strings[index];
        [start + 3, start + 8, (end - 1).max(start + 8), end]
    }
}

/// Which of these fields, each from its start to its end, lie at the ends of pages: those across them, and those before
/// and behind.
fn at_pages(fields: &[(usize, usize)]) -> Vec<usize> {
    let across = |page: usize| fields.partition_point(|(_, end)| *end <= page * PAGE);
    let pages = 1..=fields.last().expect("a field").1 / PAGE;
    let near = pages.map(across).filter(|index| *index > 0).flat_map(|index| [index - 1, index, index + 1]);
    near.filter(|index| *index < fields.len()).collect()
}

fn limits() -> Limits {
    Limits::new(Storage::Verify).with(LimitId::StringBytes, LONGEST)
}

fn rejected(code: &str, start: usize) -> Verdict {
    let path = Some("metadata[0].value".to_owned());
    Verdict::Rejected(Rejection { code: code.to_owned(), offset: Some(start as u64), path })
}

/// The file gets this verdict in pieces of every kind.
fn check(file: &[u8], length: Option<usize>, limits: Limits, near: usize, expected: &Verdict) {
    let length = length.map(|length| length as u64);
    for cuts in [Cuts::Whole, Cuts::Every(64 << 10), Cuts::Every(997), Cuts::At(near), Cuts::Near(near, 60)] {
        for way in [Way::Push, Way::Window] {
            let verdict = feed::verdict(way, file, length, Storage::Verify, limits, cuts.clone());
            assert_eq!(verdict, *expected, "{cuts:?} {way:?} near {near}");
        }
    }
}

#[test]
fn every_string_is_read_as_it_stands() {
    let Array { file, strings } = array();
    for cuts in [Cuts::Whole, Cuts::Every(997), Cuts::Random(Dice::new(2))] {
        let (length, mut registry) = (Some(file.len() as u64), Registry::new());
        let handle = feed::by_registry(&mut registry, &file, length, Storage::Verify, limits(), &mut cuts.clone())
            .unwrap_or_else(|(_, error)| panic!("{error}"));
        let values = parsed(registry.metadata(handle, 0).expect("a value"));
        let values = values.as_array().expect("an array");
        assert_eq!(values.len(), strings.len());
        for (value, (start, end)) in values.iter().zip(&strings) {
            assert_eq!(value.as_str().map(str::as_bytes), Some(&file[start + 8..*end]));
        }
    }
    let model = admit_reader(&file[..], Options::verify()).expect("a good file");
    let texts = model.header().array("list").expect("it is there").strings().expect("they are strings");
    assert_eq!(texts.len(), strings.len());
    for (text, (start, end)) in texts.zip(&strings) {
        assert_eq!(text.offset(), *start as u64 + 8);
        assert_eq!(text.to_vec().expect("a copy"), &file[start + 8..*end]);
    }
}

#[test]
fn a_profile_finds_a_token_of_the_wrong_type_wherever_it_and_its_type_stand() {
    let mut cut = 0;
    // The types stand at every place of a word.
    for shift in 0..4 {
        let count = 70_000;
        let mut writer = Writer::new(0, 3);
        writer.entry_string(b"general.architecture", &b"llama123"[..5 + shift]);
        writer.entry_array(b"tokenizer.ggml.tokens", 8, count);
        let tokens = (0..count).map(|index| {
            let start = writer.bytes.len();
            writer.string(format!("token {index}").as_bytes());
            (start, writer.bytes.len())
        });
        let tokens: Vec<_> = tokens.collect();
        writer.entry_array(b"tokenizer.ggml.token_type", 5, count);
        let types = writer.bytes.len();
        let types: Vec<_> = (0..tokens.len()).map(|index| (types + 4 * index, types + 4 * index + 4)).collect();
        let wrong: BTreeSet<_> = at_pages(&tokens).into_iter().chain(at_pages(&types)).collect();
        cut += wrong.iter().filter(|index| types[**index].0 / PAGE != (types[**index].1 - 1) / PAGE).count();
        writer.bytes.extend((0..count).flat_map(|_| 1u32.to_le_bytes()));
        for index in wrong {
            let (start, end) = types[index];
            let mut file = writer.bytes.clone();
            file[start..end].copy_from_slice(&6u32.to_le_bytes());
            let options = Options { digests: 0, profile: Some((Profile::Llama, Level::Report)), ..Options::verify() };
            let model = admit_reader(&file[..], options).expect("a good file");
            let kept = model.findings().expect("a profile was chosen").kept();
            let found = kept.iter().filter(|finding| finding.rule() == Rule::L5).map(|finding| finding.offset());
            assert_eq!(found.collect::<Vec<_>>(), [Some(tokens[index].0 as u64)], "shift {shift}, token {index}");
        }
    }
    assert!(cut > 0, "a type lies across pages");
}

#[test]
fn a_string_above_the_limit_is_told_where_it_starts() {
    let array = array();
    for index in array.at_pages() {
        let (start, _) = array.strings[index];
        for len in [LONGEST + 1, 1 << 32, (1 << 32) + 1, u64::MAX - start as u64, u64::MAX] {
            let mut file = array.file.clone();
            file[start..start + 8].copy_from_slice(&len.to_le_bytes());
            check(&file, None, limits(), start, &rejected("limit", start));
        }
    }
}

#[test]
fn a_header_above_its_limit_is_told_where_the_string_starts_that_goes_beyond_it() {
    let array = array();
    for index in array.at_pages() {
        for place in array.places(index) {
            let Some(start) = array.beyond(place) else { continue };
            let limits = limits().with(LimitId::HeaderBytes, place as u64);
            check(&array.file, Some(array.file.len()), limits, place, &rejected("limit", start));
        }
    }
}

#[test]
fn a_file_that_ends_inside_is_told_where_the_string_starts_that_it_lacks() {
    let array = array();
    for index in array.at_pages() {
        for place in array.places(index) {
            let Some(start) = array.beyond(place) else { continue };
            for length in [Some(place), None] {
                check(&array.file[..place], length, limits(), place, &rejected("truncated", start));
            }
        }
    }
}
