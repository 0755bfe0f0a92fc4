//! The vocabulary: its arrays (L3), its special tokens (L4), byte tokens (L5), merges (L6), long tokens (L9).

use super::findings::{Findings, Rule};
use super::keys::Field;
use crate::error::Path;
use crate::format::ValueType;
use crate::format::{Array, Header};
use crate::store::Bytes;

/// The most bytes of a token that readers are known to hold.
const LONGEST_TOKEN: u64 = 4_096;

/// The type of a token that stands for one byte.
const BYTE_TOKEN: u32 = 6;

/// The special tokens that the reader assumes where a key is missing, by `tokenizer.ggml.model`.
const ASSUMED: [(&str, &[(&str, u64)]); 4] = [
    ("llama", &[("bos", 1), ("eos", 2), ("unknown", 0)]),
    ("gpt2", &[("bos", 11), ("eos", 11)]),
    ("bert", &[("unknown", 100), ("bos", 101), ("seperator", 102), ("mask", 103)]),
    ("t5", &[("eos", 1), ("unknown", 2)]),
];

/// The entries of a vocabulary.
pub(super) struct Vocabulary<'a> {
    model: Option<Field<'a>>,
    tokens: Option<Field<'a>>,
    scores: Option<Field<'a>>,
    token_type: Option<Field<'a>>,
    merges: Option<Field<'a>>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn read(header: &'a Header) -> Self {
        let field = |key| Field::named(header, key);
        Vocabulary {
            model: field("tokenizer.ggml.model"),
            tokens: field("tokenizer.ggml.tokens"),
            scores: field("tokenizer.ggml.scores"),
            token_type: field("tokenizer.ggml.token_type"),
            merges: field("tokenizer.ggml.merges"),
        }
    }

    /// How many tokens, if `tokens` is an array.
    pub(super) fn count(&self) -> Option<u64> {
        Some(self.tokens?.array()?.len())
    }

    fn model(&self) -> Option<Bytes<'a>> {
        self.model?.string()
    }
}

pub(super) fn judge(header: &Header, vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    arrays(vocabulary, findings);
    special(header, vocabulary, findings);
    merges(vocabulary, findings);
    tokens(vocabulary, findings);
}

/// L3: arrays of the right elements, as long as the tokens.
fn arrays(vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    let Vocabulary { tokens, scores, token_type, merges, .. } = vocabulary;
    let count = vocabulary.count();
    for (field, of, beside_tokens) in [
        (tokens, ValueType::String, false),
        (scores, ValueType::F32, true),
        (token_type, ValueType::I32, true),
        (merges, ValueType::String, false),
    ] {
        let Some(field) = field else { continue };
        let Some(array) = field.array() else {
            let message = format_args!("{:?} is no array", field.key());
            findings.error(Rule::L3, field.path(), field.offset(), message);
            continue;
        };
        if array.of() != of {
            let message = format_args!("{:?} is an array of {}, not {}", field.key(), array.of().name(), of.name());
            if of == ValueType::I32 && array.of() == ValueType::U32 {
                findings.warning(Rule::L3, field.path(), field.offset(), message);
            } else {
                findings.error(Rule::L3, field.path(), field.offset(), message);
            }
        }
        if let Some(count) = count
            && beside_tokens
            && array.len() != count
        {
            let message = format_args!("{:?} has {} elements for {count} tokens", field.key(), array.len());
            findings.error(Rule::L3, field.path(), field.offset(), message);
        }
    }
}

/// L4: special tokens are tokens.
fn special(header: &Header, vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    let Some(count) = vocabulary.count() else { return };
    for (index, entry) in header.entries().enumerate() {
        let name = entry.key.after_text("tokenizer.ggml.").and_then(|name| name.before_text("_token_id"));
        if name.is_none() {
            continue;
        }
        let field = Field::new(index, entry);
        match field.natural() {
            Some(id) if id < count => {}
            Some(id) => {
                let message = format_args!("{:?} is {id}, and there are {count} tokens", field.key());
                findings.error(Rule::L4, field.path(), field.offset(), message);
            }
            None => {
                let message = format_args!("{:?} is no token", field.key());
                findings.error(Rule::L4, field.path(), field.offset(), message);
            }
        }
    }
    let Some(model) = vocabulary.model() else { return };
    for (name, assumed) in ASSUMED.into_iter().filter(|(name, _)| model == **name).flat_map(|(_, list)| list) {
        if *assumed >= count && !is_chosen(header, name) {
            let (path, offset) = vocabulary.tokens.map_or((Path::None, None), |field| (field.path(), field.offset()));
            let message =
                format_args!("{name}_token_id is missing: {assumed} is assumed, and there are {count} tokens");
            findings.error(Rule::L4, path, offset, message);
        }
    }
}

/// Whether the file itself names this special token.
fn is_chosen(header: &Header, name: &str) -> bool {
    let mut key = crate::text::Text::<64>::new();
    key.put(format_args!("tokenizer.ggml.{name}_token_id"));
    header.entry_index(&key).is_some()
}

/// L6: a byte-pair vocabulary has merges.
fn merges(vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    let Some(model) = &vocabulary.model else { return };
    if model.string().is_some_and(|name| name == "gpt2") && vocabulary.merges.is_none() {
        let message = format_args!("the vocabulary is gpt2's, and tokenizer.ggml.merges is missing");
        findings.error(Rule::L6, model.path(), model.offset(), message);
    }
}

/// L5 and L9, in one walk over the tokens.
fn tokens(vocabulary: &Vocabulary<'_>, findings: &mut Findings) {
    let Some(field) = &vocabulary.tokens else { return };
    let Some(tokens) = field.array().filter(|array| array.of() == ValueType::String) else { return };
    let mut types =
        vocabulary.token_type.and_then(|field| field.array()).filter(is_integers).map(|array| array.words());
    for (id, token) in tokens.texts().enumerate() {
        let ty = types.as_mut().and_then(Iterator::next).unwrap_or(0);
        let offset = Some(token.offset().saturating_sub(8));
        if !byte_is_named(token, ty) {
            let message = format_args!("token {id}, {:?}, stands for a byte and does not name it", token.first(24));
            findings.error(Rule::L5, field.path(), offset, message);
        }
        if token.len() > LONGEST_TOKEN {
            let message = format_args!("token {id} has {} bytes, more than {LONGEST_TOKEN}", token.len());
            findings.warning(Rule::L9, field.path(), offset, message);
        }
    }
}

fn is_integers(array: &Array<'_>) -> bool {
    matches!(array.of(), ValueType::I32 | ValueType::U32)
}

/// Whether a token that stands for a byte is `<0xHH>`. It stands for one by its type, or by the look of its six bytes.
fn byte_is_named(token: Bytes<'_>, ty: u32) -> bool {
    if token.len() != 6 {
        return ty != BYTE_TOKEN;
    }
    if ty != BYTE_TOKEN && token.byte(0) != Some(b'<') {
        return true;
    }
    let looks = token.after_text("<0x").is_some() && token.byte(5) == Some(b'>');
    let is_digit = |index| token.byte(index).is_some_and(|byte| byte.is_ascii_hexdigit());
    if looks { is_digit(3) && is_digit(4) } else { ty != BYTE_TOKEN }
}
