//! The second opinion on a profile: reads a whole header that lies in memory, and asks it rule after rule.
//!
//! Written from docs/profiles.md. It shares no code with the judge: where the two differ, one of them misreads that
//! page.

use std::collections::HashMap;

/// Rule, whether it is an error, path, and offset.
pub(crate) type Finding = (&'static str, bool, String, Option<u64>);

const MOST_BLOCKS: u64 = 512;
const LONGEST_TOKEN: u64 = 4096;
const BYTE_TOKEN: u64 = 6;

const I32: u32 = 5;
const U32: u32 = 4;
const F32: u32 = 6;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// What each vocabulary's reader assumes where a file does not say.
const ASSUMED: [(&str, &[(&str, u64)]); 4] = [
    ("llama", &[("bos", 1), ("eos", 2), ("unknown", 0)]),
    ("gpt2", &[("bos", 11), ("eos", 11)]),
    ("bert", &[("unknown", 100), ("bos", 101), ("seperator", 102), ("mask", 103)]),
    ("t5", &[("eos", 1), ("unknown", 2)]),
];

/// What the profile `llama` finds in a file whose header keeps the rules: all of it, in the order of a report.
pub(crate) fn llama(file: &[u8]) -> Vec<Finding> {
    let mut judge = Judge { header: Header::read(file), found: Vec::new() };
    if judge.is_asked() {
        judge.all();
    }
    judge.found.sort_by_key(|(rule, _, _, offset)| (*rule, offset.map_or(0, |offset| offset + 1)));
    judge.found
}

struct Header<'a> {
    file: &'a [u8],
    entries: Vec<Entry<'a>>,
    index: HashMap<&'a [u8], usize>,
    tensors: Vec<Tensor<'a>>,
}

struct Entry<'a> {
    key: &'a [u8],
    ty: u32,
    /// The value's first byte.
    at: usize,
}

struct Tensor<'a> {
    name: &'a [u8],
    name_at: usize,
    dims: Vec<u64>,
    dims_at: usize,
}

/// An array's element type, its length, and where its elements begin.
#[derive(Clone, Copy)]
struct Array {
    of: u32,
    items: u64,
    body: usize,
}

fn width(ty: u32) -> usize {
    [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][ty as usize]
}

impl<'a> Header<'a> {
    fn read(file: &'a [u8]) -> Self {
        let mut header = Header { file, entries: Vec::new(), index: HashMap::new(), tensors: Vec::new() };
        let mut at = 24;
        for index in 0..header.number(16, 8) {
            let key = header.string(at);
            let ty = header.number(at + 8 + key.len(), 4) as u32;
            let value = at + 12 + key.len();
            header.index.insert(key, index as usize);
            header.entries.push(Entry { key, ty, at: value });
            at = match ty {
                STRING => value + 8 + header.string(value).len(),
                ARRAY => {
                    let Array { of, items, body } = header.array_at(value);
                    match of {
                        STRING => header.strings(body, items).last().map_or(body, |(at, text)| at + 8 + text.len()),
                        of => body + items as usize * width(of),
                    }
                }
                ty => value + width(ty),
            };
        }
        for _ in 0..header.number(8, 8) {
            let name = header.string(at);
            let dims_at = at + 8 + name.len();
            let count = header.number(dims_at, 4) as usize;
            let dims = (0..count).map(|no| header.number(dims_at + 4 + 8 * no, 8)).collect();
            header.tensors.push(Tensor { name, name_at: at, dims, dims_at });
            at = dims_at + 4 + 8 * count + 12;
        }
        header
    }

    fn number(&self, at: usize, width: usize) -> u64 {
        self.file[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn string(&self, at: usize) -> &'a [u8] {
        &self.file[at + 8..at + 8 + self.number(at, 8) as usize]
    }

    /// Each with where its length field stands.
    fn strings(&self, body: usize, items: u64) -> impl Iterator<Item = (usize, &'a [u8])> {
        let mut at = body;
        (0..items).map(move |_| {
            let found = (at, self.string(at));
            at += 8 + found.1.len();
            found
        })
    }

    fn array_at(&self, at: usize) -> Array {
        Array { of: self.number(at, 4) as u32, items: self.number(at + 4, 8), body: at + 12 }
    }
}

struct Judge<'a> {
    header: Header<'a>,
    found: Vec<Finding>,
}

impl<'a> Judge<'a> {
    fn add(&mut self, rule: &'static str, is_error: bool, path: String, at: usize) {
        self.found.push((rule, is_error, path, Some(at as u64)));
    }

    /// A finding about the value of a key that is there.
    fn blame(&mut self, rule: &'static str, is_error: bool, key: &str) {
        let index = self.header.index[key.as_bytes()];
        self.add(rule, is_error, format!("metadata[{index}].value"), self.header.entries[index].at);
    }

    fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        Some(&self.header.entries[*self.header.index.get(key.as_bytes())?])
    }

    fn text(&self, key: &str) -> Option<&'a [u8]> {
        self.entry(key).filter(|entry| entry.ty == STRING).map(|entry| self.header.string(entry.at))
    }

    fn array(&self, key: &str) -> Option<Array> {
        self.entry(key).filter(|entry| entry.ty == ARRAY).map(|entry| self.header.array_at(entry.at))
    }

    fn integer(&self, key: &str) -> Option<u64> {
        let Entry { ty, at, .. } = *self.entry(key)?;
        if !matches!(ty, 0..=5 | 10 | 11) {
            return None;
        }
        let number = self.header.number(at, width(ty));
        let is_negative = matches!(ty, 1 | 3 | 5 | 11) && number >> (8 * width(ty) - 1) == 1;
        (!is_negative).then_some(number)
    }

    fn is_asked(&self) -> bool {
        self.integer("split.no").unwrap_or(0) == 0
            && self.text("general.type").is_none_or(|kind| kind == b"model")
            && self.text("general.architecture") != Some(b"clip")
    }

    fn all(&mut self) {
        let tokens = self.array("tokenizer.ggml.tokens");
        let is_vocabulary = self.header.tensors.is_empty();
        match self.entry("general.architecture").map(|_| self.text("general.architecture")) {
            None => self.found.push(("L1", true, String::new(), None)),
            Some(None | Some(b"")) => self.blame("L1", true, "general.architecture"),
            // Keys are UTF-8: behind another architecture there are none.
            Some(Some(name)) if !is_vocabulary => self.blocks_and_heads(&String::from_utf8_lossy(name)),
            Some(Some(_)) => {}
        }
        self.vocabulary(tokens);
        if let Some(tokens) = tokens {
            self.special(tokens);
            if tokens.of == STRING {
                self.each_token(tokens);
            }
            self.embedding(tokens);
        }
    }

    /// L2 and L7.
    fn blocks_and_heads(&mut self, architecture: &str) {
        let key = |name: &str| format!("{architecture}.{name}");
        let blocks = self.integer(&key("block_count")).filter(|count| (1..=MOST_BLOCKS).contains(count));
        match blocks {
            None if self.entry(&key("block_count")).is_some() => self.blame("L2", true, &key("block_count")),
            None => self.found.push(("L2", true, String::new(), None)),
            Some(blocks) => {
                for index in 0..self.header.tensors.len() {
                    let Tensor { name, name_at, .. } = self.header.tensors[index];
                    if block_of(name).is_some_and(|block| block >= blocks.into()) {
                        self.add("L2", true, format!("tensors[{index}].name"), name_at);
                    }
                }
            }
        }

        let [heads, kv, forward] = ["attention.head_count", "attention.head_count_kv", "feed_forward_length"].map(key);
        let without_attention = ["ssm.", "wkv.", "shortconv."].map(key);
        let may_be_0 = |name: &[u8]| without_attention.iter().any(|start| name.starts_with(start.as_bytes()));
        let may_be_0 = self.header.entries.iter().any(|entry| may_be_0(entry.key));
        for (name, is_head_count) in [(&heads, true), (&kv, true), (&forward, false)] {
            let is_good = match (self.entry(name), self.array(name), self.integer(name)) {
                (None, ..) => true,
                (_, Some(array), _) => blocks.is_none_or(|blocks| array.items == blocks),
                (_, _, Some(0)) => !is_head_count || may_be_0,
                (_, _, number) => number.is_some(),
            };
            if !is_good {
                self.blame("L7", true, name);
            }
        }
        let fits = |whole: Option<u64>, part: Option<u64>| match (whole, part) {
            (Some(whole), Some(part)) if part > 0 => whole.is_multiple_of(part),
            _ => true,
        };
        if !fits(self.integer(&heads), self.integer(&kv)) {
            self.blame("L7", true, &kv);
        }
        let embedding = key("embedding_length");
        let has_key_length = self.entry(&key("attention.key_length")).is_some();
        if !has_key_length && !fits(self.integer(&embedding), self.integer(&heads)) {
            self.blame("L7", true, &embedding);
        }
        let (experts, used) = (key("expert_count"), key("expert_used_count"));
        let experts = if self.entry(&experts).is_some() { self.integer(&experts) } else { Some(0) };
        if let (Some(experts), Some(number)) = (experts, self.integer(&used))
            && number > experts
        {
            self.blame("L7", true, &used);
        }
    }

    /// L3 and L6.
    fn vocabulary(&mut self, tokens: Option<Array>) {
        for (name, of, is_twin) in
            [("tokens", STRING, false), ("scores", F32, true), ("token_type", I32, true), ("merges", STRING, false)]
        {
            let key = format!("tokenizer.ggml.{name}");
            match self.array(&key) {
                None if self.entry(&key).is_none() => {}
                None => self.blame("L3", true, &key),
                Some(array) => {
                    if array.of != of {
                        self.blame("L3", !(name == "token_type" && array.of == U32), &key);
                    }
                    if is_twin && tokens.is_some_and(|tokens| tokens.items != array.items) {
                        self.blame("L3", true, &key);
                    }
                }
            }
        }
        let has_merges = self.entry("tokenizer.ggml.merges").is_some();
        if self.text("tokenizer.ggml.model") == Some(b"gpt2") && !has_merges {
            self.blame("L6", true, "tokenizer.ggml.model");
        }
    }

    /// L4.
    fn special(&mut self, tokens: Array) {
        let keys: Vec<&'a [u8]> = self.header.entries.iter().map(|entry| entry.key).collect();
        for key in keys {
            let key = std::str::from_utf8(key).expect("keys are UTF-8");
            let is_special =
                key.strip_prefix("tokenizer.ggml.").is_some_and(|rest| rest.strip_suffix("_token_id").is_some());
            if is_special && self.integer(key).is_none_or(|token| token >= tokens.items) {
                self.blame("L4", true, key);
            }
        }
        let model = self.text("tokenizer.ggml.model").unwrap_or_default();
        for (_, assumed) in ASSUMED.iter().filter(|(name, _)| name.as_bytes() == model) {
            for (name, token) in *assumed {
                let is_told = self.entry(&format!("tokenizer.ggml.{name}_token_id")).is_some();
                if !is_told && *token >= tokens.items {
                    self.blame("L4", true, "tokenizer.ggml.tokens");
                }
            }
        }
    }

    /// L5 and L9.
    fn each_token(&mut self, tokens: Array) {
        let index = self.header.index[&b"tokenizer.ggml.tokens"[..]];
        let types = self.array("tokenizer.ggml.token_type").filter(|types| matches!(types.of, I32 | U32));
        let all: Vec<_> = self.header.strings(tokens.body, tokens.items).enumerate().collect();
        for (no, (at, token)) in all {
            let is_typed = types.is_some_and(|types| {
                (no as u64) < types.items && self.header.number(types.body + 4 * no, 4) == BYTE_TOKEN
            });
            let digits = match token {
                [b'<', b'0', b'x', one, two, b'>'] => Some([*one, *two]),
                _ => None,
            };
            let is_byte = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            if (is_typed || digits.is_some()) && !is_byte {
                self.add("L5", true, format!("metadata[{index}].value"), at);
            }
            if token.len() as u64 > LONGEST_TOKEN {
                self.add("L9", false, format!("metadata[{index}].value"), at);
            }
        }
    }

    /// L8.
    fn embedding(&mut self, tokens: Array) {
        let Some(index) = self.header.tensors.iter().position(|tensor| tensor.name == b"token_embd.weight") else {
            return;
        };
        let Tensor { dims, dims_at, .. } = &self.header.tensors[index];
        let (rows, path, at) = match dims[..] {
            [_, rows, ..] => (rows, format!("tensors[{index}].dims[1]"), dims_at + 12),
            _ => (1, format!("tensors[{index}].dims"), *dims_at),
        };
        if rows != tokens.items {
            self.add("L8", rows < tokens.items, path, at);
        }
    }
}

/// `N` of a name that begins with `blk.N.`; the largest number where it has too many digits.
fn block_of(name: &[u8]) -> Option<u128> {
    let (number, _) = std::str::from_utf8(name).ok()?.strip_prefix("blk.")?.split_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    is_number
        .then(|| number.trim_start_matches('0'))
        .map(|digits| if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u128::MAX) })
}
