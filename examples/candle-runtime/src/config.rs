//! What a header says of a network, and whether this runtime can run it.

use gguf_admission::{Code, Error, Header, Path, Value};

use crate::tensors;
use crate::tokens::Tokens;

/// The architecture, in `general.architecture`.
const ARCHITECTURE: &str = "gemma3";

/// Layers of Gemma 3 27B, which divides its scores by another number than the others: no entry of a file says so, and
/// readers know it by this.
const QUERIES_SCALED_OTHERWISE: usize = 62;

/// The context that a model has until a host sets another length, in tokens.
pub(crate) const DEFAULT_CONTEXT: usize = 512;

/// Tokens that are evaluated together: bounds what a long prompt takes beside the context.
pub(crate) const CHUNK: usize = 64;

/// Bytes of a number that the network computes with.
const FLOAT: u64 = size_of::<f32>() as u64;

/// The numbers of a Gemma 3 network.
#[derive(Clone, Debug)]
pub struct Config {
    /// Layers.
    pub layers: usize,
    /// Numbers that stand for a token between the layers.
    pub width: usize,
    /// Numbers between the two halves of a layer's feed-forward part.
    pub hidden: usize,
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Numbers of a head; even.
    pub head: usize,
    /// Added to the mean square before its root.
    pub epsilon: f32,
    /// Base of the rotation in layers that see the whole context.
    pub base: f32,
    /// Base of the rotation in layers that see a window.
    pub window_base: f32,
    /// What positions are divided by in layers that see the whole context.
    pub stretch: f32,
    /// Keys that a windowed layer sees, the token's own among them.
    pub window: usize,
    /// Every so many layers, the last sees the whole context.
    pub pattern: usize,
    /// Tokens that there are.
    pub vocabulary: usize,
    /// The longest context that the model was made for, in tokens.
    pub longest: usize,
    /// What bends the gate: Gemma's is GELU by way of tanh.
    pub activation: fn(f32) -> f32,
}

impl Config {
    /// The configuration in a header. [`Code::Limit`] for another architecture, for numbers that make no network, for a
    /// tensor that is missing, has another shape, a type without a kernel, or that the network does not have, and for
    /// another tokeniser than SentencePiece's.
    pub fn of(header: &Header) -> Result<Config, Error> {
        let keys = Keys { header };
        keys.text("general.architecture", ARCHITECTURE)?;
        let config = Config {
            layers: keys.number("block_count", 1, 1 << 10)?,
            width: keys.number("embedding_length", 1, 1 << 20)?,
            hidden: keys.number("feed_forward_length", 1, 1 << 20)?,
            heads: keys.number("attention.head_count", 1, 1 << 10)?,
            kv_heads: keys.number("attention.head_count_kv", 1, 1 << 10)?,
            head: keys.number("attention.key_length", 2, 1 << 12)?,
            epsilon: keys.float("attention.layer_norm_rms_epsilon")?,
            base: keys.float_or("rope.freq_base", 1_000_000.0)?,
            window_base: keys.float_or("rope.freq_base_swa", 10_000.0)?,
            stretch: keys.float_or("rope.scaling.factor", 1.0)?,
            window: keys.number("attention.sliding_window", 1, 1 << 30)?,
            pattern: keys.number_or("attention.sliding_window_pattern", 6)?,
            vocabulary: Tokens::count(header)?,
            longest: keys.number("context_length", 1, 1 << 20)?,
            activation: gelu,
        };
        if !config.heads.is_multiple_of(config.kv_heads) {
            return Err(keys.refused("attention.head_count_kv", "the query heads are no multiple of the key heads"));
        }
        if config.layers == QUERIES_SCALED_OTHERWISE {
            let why = "a network of so many layers scales its queries in a way that is not done here";
            return Err(keys.refused("block_count", why));
        }
        if !config.head.is_multiple_of(2) {
            return Err(keys.refused("attention.key_length", "a head is rotated in pairs, so its length is even"));
        }
        if keys.find("attention.value_length").is_some()
            && keys.number("attention.value_length", 2, 1 << 12)? != config.head
        {
            return Err(keys.refused("attention.value_length", "values are as long as keys"));
        }
        keys.absent("final_logit_softcapping")?;
        keys.absent("attn_logit_softcapping")?;
        keys.absent("expert_count")?;
        if keys.find("rope.scaling.type").is_some() {
            keys.text("gemma3.rope.scaling.type", "linear")?;
        }
        tensors::check(header, &config)?;
        Ok(config)
    }

    /// Whether a layer sees the whole context, or a window of it.
    pub(crate) fn sees_all(&self, layer: usize) -> bool {
        (layer + 1).is_multiple_of(self.pattern)
    }

    /// Numbers of the queries of a token, and of its keys.
    pub(crate) fn query(&self) -> usize {
        self.heads * self.head
    }

    pub(crate) fn key(&self) -> usize {
        self.kv_heads * self.head
    }

    /// Bytes of the keys and values of `context` tokens. None of these sums is computed in a `usize`, which a hostile
    /// file's numbers pass where it has 32 bits; bounded as they are, they fit 64.
    pub(crate) fn context_bytes(&self, context: usize) -> u64 {
        let token = 2 * self.layers as u64 * self.key() as u64;
        // And a score for each.
        (token + 1) * FLOAT * context as u64
    }

    /// Bytes of the norms, and of the longest once more, while it is copied.
    pub(crate) fn norm_bytes(&self) -> u64 {
        let layer = 4 * self.width as u64 + 2 * self.head as u64;
        (self.layers as u64 * layer + 2 * self.width.max(self.head) as u64) * FLOAT
    }

    /// Bytes that the evaluation of `tokens` tokens takes for a moment, what candle allocates among them.
    pub(crate) fn activation_bytes(&self, tokens: usize) -> u64 {
        let [width, hidden, head] = [self.width, self.hidden, self.head].map(|number| number as u64);
        let token = 6 * width + 4 * hidden + 4 * self.query() as u64 + 4 * self.key() as u64 + 2 * head;
        (token * tokens as u64 + self.vocabulary as u64) * FLOAT
    }
}

/// GELU, approximated by way of tanh as the model was trained.
pub(crate) fn gelu(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (ROOT * x * (1.0 + 0.044_715 * x * x)).tanh())
}

struct Keys<'a> {
    header: &'a Header,
}

impl Keys<'_> {
    /// Index and value of `gemma3.key`.
    fn find(&self, key: &str) -> Option<Value<'_>> {
        self.header.value(&format!("{ARCHITECTURE}.{key}"))
    }

    fn number(&self, key: &str, least: u32, most: u32) -> Result<usize, Error> {
        match self.find(key) {
            Some(Value::U32(number)) if (least..=most).contains(&number) => Ok(number as usize),
            _ => Err(self.refused(key, &format!("a u32 from {least} to {most} is wanted"))),
        }
    }

    fn number_or(&self, key: &str, default: usize) -> Result<usize, Error> {
        if self.find(key).is_some() { self.number(key, 1, 1 << 10) } else { Ok(default) }
    }

    fn float(&self, key: &str) -> Result<f32, Error> {
        match self.find(key) {
            Some(Value::F32(number)) if number.is_finite() && number > 0.0 => Ok(number),
            _ => Err(self.refused(key, "an f32 above 0 is wanted")),
        }
    }

    fn float_or(&self, key: &str, default: f32) -> Result<f32, Error> {
        if self.find(key).is_some() { self.float(key) } else { Ok(default) }
    }

    fn absent(&self, key: &str) -> Result<(), Error> {
        match self.find(key) {
            None => Ok(()),
            Some(_) => Err(self.refused(key, "this runtime does not do it")),
        }
    }

    /// That the value of `key`, in full, is this text.
    fn text(&self, key: &str, wanted: &str) -> Result<(), Error> {
        expect_text(self.header, key, wanted)
    }

    fn refused(&self, key: &str, why: &str) -> Error {
        refused(self.header, &format!("{ARCHITECTURE}.{key}"), why)
    }
}

/// That the entry `key` is a string, and this one.
pub(crate) fn expect_text(header: &Header, key: &str, wanted: &str) -> Result<(), Error> {
    let Some(Value::String(found)) = header.value(key) else {
        return Err(refused(header, key, &format!("this runtime runs {wanted}")));
    };
    if found.compare(wanted.as_bytes()).is_eq() {
        return Ok(());
    }
    let why = format!("this runtime runs {wanted}, not {found}");
    Err(refused(header, key, &why).with(format_args!("{wanted}"), format_args!("{found}")))
}

/// A refusal of the value of an entry, or of a header that lacks it.
pub(crate) fn refused(header: &Header, key: &str, why: &str) -> Error {
    let entry = header.entries().enumerate().find(|(_, entry)| entry.key.compare(key.as_bytes()).is_eq());
    match entry {
        Some((index, entry)) => {
            let at = entry.key.offset() + entry.key.len();
            Error::at(Code::Limit, at, Path::Value(index as u32), format_args!("{key}: {why}"))
        }
        None => Error::at(Code::Limit, 16, Path::EntryCount, format_args!("there is no {key}: {why}")),
    }
}
