//! SentencePiece's tokeniser as GGUF files of the model `llama` describe it, in `tokenizer.ggml.*`. It answers what
//! llama.cpp answers when it is told that the text has no control tokens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gguf_admission::{Error, Header, Value};

use crate::config::refused;
use crate::memory::{make_room, reserved};
use crate::vocabulary::{BYTE, NORMAL, USER_DEFINED, Vocabulary};

/// How SentencePiece writes a space.
const SPACE: &str = "\u{2581}";

/// No symbol.
const NONE: u32 = u32::MAX;

/// How a text becomes tokens, and tokens a text.
pub struct Tokens {
    vocabulary: Vocabulary,
    /// Tokens that are cut out of a text before anything else, the longest first.
    cut: Vec<u32>,
    /// The token of each byte, for texts that the vocabulary does not have.
    bytes: [u32; 256],
    begin: Option<u32>,
    end: Option<u32>,
    ends_prompts: bool,
    space_first: bool,
}

impl Tokens {
    /// How many tokens there are; an error of code `limit` where they are another tokeniser's, or make no vocabulary.
    pub fn count(header: &Header) -> Result<usize, Error> {
        let count = Vocabulary::count(header)?;
        for key in ["bos_token_id", "eos_token_id", "unknown_token_id"] {
            let key = format!("tokenizer.ggml.{key}");
            if id(header, &key, count).is_none() && header.value(&key).is_some() {
                return Err(refused(header, &key, "a u32 that is the id of a token is wanted"));
            }
        }
        Ok(count)
    }

    /// The most bytes that the tokens of this header take.
    pub(crate) fn bytes_of(header: &Header, count: usize) -> u64 {
        // And the tokens that are cut out.
        Vocabulary::bytes_of(header, count) + count as u64 * size_of::<u32>() as u64
    }

    /// The tokens of a header for which [`count`](Tokens::count) answered.
    pub fn of(header: &Header) -> Result<Tokens, Error> {
        let vocabulary = Vocabulary::of(header)?;
        let count = vocabulary.len();
        let flag = |key: &str, default| match header.value(&format!("tokenizer.ggml.{key}")) {
            Some(Value::Bool(flag)) => flag,
            _ => default,
        };
        let is_cut = |id: &u32| vocabulary.kind(*id) == Some(USER_DEFINED) && !vocabulary.text(*id).is_empty();
        let mut cut: Vec<u32> = reserved((0..count as u32).filter(is_cut).count())?;
        cut.extend((0..count as u32).filter(is_cut));
        // Of the same length the first in the file. A sort that keeps the order by itself would allocate.
        cut.sort_unstable_by_key(|id| (Reverse(vocabulary.text(*id).len()), *id));
        let unknown = id(header, "tokenizer.ggml.unknown_token_id", count).unwrap_or(0);
        let byte_token = |byte: u8| {
            let token = vocabulary.find(format!("<0x{byte:02X}>").as_bytes()).or_else(|| vocabulary.find(&[byte]));
            token.unwrap_or(unknown)
        };
        Ok(Tokens {
            cut,
            bytes: std::array::from_fn(|byte| byte_token(byte as u8)),
            begin: id(header, "tokenizer.ggml.bos_token_id", count).filter(|_| flag("add_bos_token", true)),
            end: id(header, "tokenizer.ggml.eos_token_id", count),
            ends_prompts: flag("add_eos_token", false),
            space_first: flag("add_space_prefix", true),
            vocabulary,
        })
    }

    /// How many tokens there are; ids are below it.
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// Whether there are none, which never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The token that ends a text, if the file has one.
    pub fn end(&self) -> Option<u32> {
        self.end
    }

    /// The tokens of a text, with the first one that the file asks for, and the last. Names of control tokens in the
    /// text are text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let mut ids = reserved(text.len() / 4 + 2)?;
        ids.extend(self.begin);
        let mut after_token = true;
        for piece in self.pieces(text)? {
            match piece {
                Piece::Token(id) => {
                    make_room(&mut ids, 1)?;
                    ids.push(id);
                }
                Piece::Text(text) => {
                    let space = if self.space_first && after_token { " " } else { "" };
                    let mut written = String::new();
                    written
                        .try_reserve((text.len() + 1) * SPACE.len())
                        .map_err(|_| Error::memory(text.len() as u64))?;
                    for part in space.chars().chain(text.chars()) {
                        if part == ' ' { written.push_str(SPACE) } else { written.push(part) }
                    }
                    self.merge(&written, &mut ids)?;
                }
            }
            after_token = matches!(piece, Piece::Token(_));
        }
        if self.ends_prompts {
            make_room(&mut ids, 1)?;
            ids.extend(self.end);
        }
        Ok(ids)
    }

    /// Cuts the user's tokens out of a text: each of them everywhere, the longest first.
    fn pieces<'a>(&self, text: &'a str) -> Result<Vec<Piece<'a>>, Error> {
        let mut pieces = Vec::new();
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        for id in &self.cut {
            let Ok(needle) = std::str::from_utf8(self.vocabulary.text(*id)) else { continue };
            if !text.contains(needle) {
                continue;
            }
            let mut cut = Vec::new();
            // A piece is at least one byte of the text.
            cut.try_reserve(text.len().min(2 * pieces.len() + text.len() / needle.len() * 2))
                .map_err(|_| Error::memory(text.len() as u64))?;
            for piece in pieces {
                let Piece::Text(mut rest) = piece else {
                    cut.push(piece);
                    continue;
                };
                while let Some((before, after)) = rest.split_once(needle) {
                    if !before.is_empty() {
                        cut.push(Piece::Text(before));
                    }
                    cut.push(Piece::Token(*id));
                    rest = after;
                }
                if !rest.is_empty() {
                    cut.push(Piece::Text(rest));
                }
            }
            pieces = cut;
        }
        Ok(pieces)
    }

    /// Merges the characters of a text: always the two neighbours whose union is the token with the highest score, the
    /// leftmost of equals. What is no token in the end is written as bytes.
    fn merge(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), Error> {
        let count = text.chars().count();
        let mut symbols: Vec<Symbol> = reserved(count)?;
        symbols.extend(text.char_indices().enumerate().map(|(index, (start, character))| Symbol {
            start: start as u32,
            length: character.len_utf8() as u32,
            before: index.checked_sub(1).map_or(NONE, |before| before as u32),
            after: if index + 1 < count { index as u32 + 1 } else { NONE },
        }));
        let mut merges = BinaryHeap::new();
        // Each merge takes one out and puts in at most two, and there are fewer merges than characters.
        merges.try_reserve(2 * count).map_err(|_| Error::memory(count as u64))?;
        for left in 1..count as u32 {
            merges.extend(self.union(text, &symbols, left - 1, left));
        }
        while let Some(Merge { left: Reverse(left), right, length, .. }) = merges.pop() {
            let (first, second) = (symbols[left as usize], symbols[right as usize]);
            // One of the two was merged with another since.
            if first.length == 0 || second.length == 0 || first.after != right || first.length + second.length != length
            {
                continue;
            }
            symbols[left as usize].length = length;
            symbols[left as usize].after = second.after;
            symbols[right as usize].length = 0;
            if second.after != NONE {
                symbols[second.after as usize].before = left;
                merges.extend(self.union(text, &symbols, left, second.after));
            }
            if first.before != NONE {
                merges.extend(self.union(text, &symbols, first.before, left));
            }
        }
        for symbol in symbols.iter().filter(|symbol| symbol.length > 0) {
            let piece = &text.as_bytes()[symbol.start as usize..][..symbol.length as usize];
            make_room(ids, piece.len())?;
            match self.vocabulary.find(piece) {
                Some(id) => ids.push(id),
                None => ids.extend(piece.iter().map(|byte| self.bytes[usize::from(*byte)])),
            }
        }
        Ok(())
    }

    /// The merge of two neighbours, if their union is a token.
    fn union(&self, text: &str, symbols: &[Symbol], left: u32, right: u32) -> Option<Merge> {
        let (first, second) = (symbols[left as usize], symbols[right as usize]);
        let length = first.length + second.length;
        let id = self.vocabulary.find(&text.as_bytes()[first.start as usize..][..length as usize])?;
        Some(Merge { score: Score(self.vocabulary.score(id)), left: Reverse(left), right, length })
    }

    /// Appends what a token says: its text with spaces, or its byte, which may be part of a character. Nothing for a
    /// control token. `false` when there is no such token.
    pub fn decode(&self, id: u32, text: &mut Vec<u8>) -> bool {
        let Some(kind) = self.vocabulary.kind(id) else {
            return false;
        };
        match kind {
            NORMAL => {
                let mut rest = self.vocabulary.text(id);
                while let Some((first, after)) = rest.split_first() {
                    if let Some(after) = rest.strip_prefix(SPACE.as_bytes()) {
                        text.push(b' ');
                        rest = after;
                    } else {
                        text.push(*first);
                        rest = after;
                    }
                }
            }
            USER_DEFINED => text.extend_from_slice(self.vocabulary.text(id)),
            BYTE => {
                let digits = self.vocabulary.text(id).strip_prefix(b"<0x").and_then(|digits| digits.get(..2));
                let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
                text.extend(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()));
            }
            _ => {}
        }
        true
    }
}

enum Piece<'a> {
    Token(u32),
    Text(&'a str),
}

/// A run of characters: where it starts, how many bytes (0: it was merged into another), and its neighbours.
#[derive(Clone, Copy)]
struct Symbol {
    start: u32,
    length: u32,
    before: u32,
    after: u32,
}

/// Two neighbours that may be merged. The greatest is the one to merge first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Merge {
    score: Score,
    left: Reverse<u32>,
    right: u32,
    length: u32,
}

struct Score(f32);

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // As numbers compare: both zeros are one.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

fn id(header: &Header, key: &str, count: usize) -> Option<u32> {
    match header.value(key) {
        Some(Value::U32(id)) if (id as usize) < count => Some(id),
        _ => None,
    }
}
