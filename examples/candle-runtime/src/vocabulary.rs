//! The tokens of a file: their texts, kinds and scores, and which of them has a text.
//!
//! A file chooses its tokens, and a hostile one chooses them so that looking them up is slow. So what a look-up takes
//! is bounded: tokens with the same hash are sorted, and a token's text has a greatest length.

use gguf_admission::{Array, Error, Header, Value, ValueType};

use crate::config::{expect_text, refused};
use crate::memory::reserved;

/// The longest text of a token, in bytes. Gemma's longest has 48. Merging compares texts of up to twice this length for
/// each character of a prompt.
pub(crate) const TOKEN_BYTES: u64 = 1024;

/// The most tokens of the kind `USER_DEFINED`. Each is looked for in every prompt. Gemma has 165, and some files give
/// this kind to its 6,249 control tokens too.
const USER_DEFINED_TOKENS: usize = 1 << 14;

const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const KINDS: &str = "tokenizer.ggml.token_type";

/// Kinds of tokens, in `tokenizer.ggml.token_type`.
pub(crate) const NORMAL: u8 = 1;
pub(crate) const USER_DEFINED: u8 = 4;
pub(crate) const BYTE: u8 = 6;

/// The tokens of a header.
///
/// Invariants: `ends`, `scores` and `kinds` have one item a token; `ends` are ascending, the last one `texts.len()`.
/// `sorted` has each token once, by bucket, in a bucket by text, and of equal texts by id. Bucket `b` is
/// `sorted[starts[b]..starts[b + 1]]`; the buckets are a power of two.
pub(crate) struct Vocabulary {
    texts: Vec<u8>,
    ends: Vec<u32>,
    scores: Vec<f32>,
    kinds: Vec<u8>,
    sorted: Vec<u32>,
    starts: Vec<u32>,
}

impl Vocabulary {
    /// How many tokens the header has, at least one. An error of code `limit` where its arrays do not fit each other, a
    /// text is too long, or too many are of the kind that is cut out of every prompt.
    pub(crate) fn count(header: &Header) -> Result<usize, Error> {
        expect_text(header, "tokenizer.ggml.model", "llama")?;
        let texts = array(header, TOKENS, ValueType::String)?;
        let kinds = array(header, KINDS, ValueType::I32)?;
        for (key, length) in [(SCORES, array(header, SCORES, ValueType::F32)?.len()), (KINDS, kinds.len())] {
            if length != texts.len() {
                return Err(refused(header, key, "there is one item for each token"));
            }
        }
        if texts.is_empty() {
            return Err(refused(header, TOKENS, "there are no tokens"));
        }
        if texts.iter().any(|text| matches!(text, Value::String(text) if text.len() > TOKEN_BYTES)) {
            return Err(refused(header, TOKENS, &format!("a token has at most {TOKEN_BYTES} bytes")));
        }
        let is_cut = |kind: &Value<'_>| matches!(kind, Value::I32(kind) if *kind == i32::from(USER_DEFINED));
        if kinds.iter().filter(is_cut).count() > USER_DEFINED_TOKENS {
            let why = format!("at most {USER_DEFINED_TOKENS} tokens are of the kind {USER_DEFINED}");
            return Err(refused(header, KINDS, &why));
        }
        Ok(texts.len() as usize)
    }

    /// The most bytes that the vocabulary of this header takes.
    pub(crate) fn bytes_of(header: &Header, count: usize) -> u64 {
        let items = size_of::<u32>() + size_of::<f32>() + size_of::<u8>() + size_of::<u32>();
        let starts = (count.next_power_of_two() + 1) * size_of::<u32>();
        header.layout().header_end + count as u64 * items as u64 + starts as u64
    }

    /// The vocabulary of a header for which [`count`](Vocabulary::count) answered.
    pub(crate) fn of(header: &Header) -> Result<Vocabulary, Error> {
        let strings = array(header, TOKENS, ValueType::String)?;
        let count = strings.len() as usize;
        let length =
            strings.iter().map(|text| if let Value::String(text) = text { text.len() } else { 0 }).sum::<u64>();
        let mut vocabulary = Vocabulary {
            texts: reserved(length as usize)?,
            ends: reserved(count)?,
            scores: reserved(count)?,
            kinds: reserved(count)?,
            sorted: reserved(count)?,
            starts: reserved(count.next_power_of_two() + 1)?,
        };
        for text in strings.iter() {
            if let Value::String(text) = text {
                text.runs().for_each(|run| vocabulary.texts.extend_from_slice(run));
            }
            vocabulary.ends.push(vocabulary.texts.len() as u32);
        }
        let scores = array(header, SCORES, ValueType::F32)?;
        vocabulary.scores.extend(scores.iter().map(|score| if let Value::F32(score) = score { score } else { 0.0 }));
        let kinds = array(header, KINDS, ValueType::I32)?;
        vocabulary.kinds.extend(
            kinds.iter().map(|kind| if let Value::I32(kind) = kind { u8::try_from(kind).unwrap_or(0) } else { 0 }),
        );
        vocabulary.sort(&mut 0);
        Ok(vocabulary)
    }

    /// Puts the tokens into their buckets, and sorts each. Adds to `compared` how often two texts were compared.
    fn sort(&mut self, compared: &mut u64) {
        let (count, buckets) = (self.len(), self.len().next_power_of_two());
        self.starts.resize(buckets + 1, 0);
        for id in 0..count as u32 {
            let bucket = self.bucket(self.text(id));
            self.starts[bucket] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        // Each start is its bucket's end now, and goes back by one for each token.
        self.sorted.resize(count, 0);
        for id in (0..count as u32).rev() {
            let bucket = self.bucket(self.text(id));
            self.starts[bucket] -= 1;
            self.sorted[self.starts[bucket] as usize] = id;
        }
        let (texts, ends) = (&self.texts[..], &self.ends[..]);
        let text = |id: u32| text(texts, ends, id);
        for bounds in self.starts.windows(2) {
            let bucket = &mut self.sorted[bounds[0] as usize..bounds[1] as usize];
            bucket.sort_unstable_by(|a, b| {
                *compared += 1;
                text(*a).cmp(text(*b)).then(a.cmp(b))
            });
        }
    }

    fn bucket(&self, text: &[u8]) -> usize {
        let hash = text
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        (hash ^ (hash >> 32)) as usize & (self.starts.len() - 2)
    }

    /// The token with this text; where several have it, the last one.
    pub(crate) fn find(&self, needle: &[u8]) -> Option<u32> {
        let bucket = self.bucket(needle);
        let bucket = &self.sorted[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
        let after = bucket.partition_point(|id| self.text(*id) <= needle);
        let last = *bucket.get(after.checked_sub(1)?)?;
        (self.text(last) == needle).then_some(last)
    }

    /// How many tokens there are; ids are below it.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a token, as the file has it.
    pub(crate) fn text(&self, id: u32) -> &[u8] {
        text(&self.texts, &self.ends, id)
    }

    pub(crate) fn score(&self, id: u32) -> f32 {
        self.scores[id as usize]
    }

    /// What a token is; `None` where there is no such token.
    pub(crate) fn kind(&self, id: u32) -> Option<u8> {
        self.kinds.get(id as usize).copied()
    }
}

fn text<'a>(texts: &'a [u8], ends: &[u32], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    &texts[start..ends[id] as usize]
}

fn array<'a>(header: &'a Header, key: &str, of: ValueType) -> Result<Array<'a>, Error> {
    match header.value(key) {
        Some(Value::Array(array)) if array.of() == of => Ok(array),
        _ => Err(refused(header, key, &format!("an array of {} is wanted", of.name()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(texts: &[String]) -> (Vocabulary, u64) {
        let mut ends = Vec::new();
        let mut end = 0;
        for text in texts {
            end += text.len() as u32;
            ends.push(end);
        }
        let mut vocabulary = Vocabulary {
            texts: texts.concat().into_bytes(),
            ends,
            scores: vec![0.0; texts.len()],
            kinds: vec![NORMAL; texts.len()],
            sorted: Vec::new(),
            starts: Vec::new(),
        };
        let mut compared = 0;
        vocabulary.sort(&mut compared);
        (vocabulary, compared)
    }

    /// If each were compared with all before it, it would be 130,816 times.
    #[test]
    fn tokens_of_one_bucket_are_compared_few_times_and_found() {
        const COUNT: usize = 512;
        let plain: Vec<String> = (0..COUNT).map(|at| format!("{at}")).collect();
        let (by_hash, _) = sorted(&plain);
        let one_bucket = |text: &String| by_hash.bucket(text.as_bytes()) == 0;
        let crafted: Vec<String> = (0..).map(|at: u64| format!("{at}")).filter(one_bucket).take(COUNT).collect();
        for texts in [plain, crafted, vec!["same".to_owned(); COUNT]] {
            let (vocabulary, compared) = sorted(&texts);
            assert!(compared <= 2 * 9 * COUNT as u64, "{compared}");
            for text in &texts {
                let last = texts.iter().rposition(|other| other == text).map(|at| at as u32);
                assert_eq!(vocabulary.find(text.as_bytes()), last, "{text}");
            }
            assert_eq!(vocabulary.find(b"none"), None);
        }
    }
}
