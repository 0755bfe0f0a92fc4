//! What a header says of a network, and whether this runtime can run it.

use gguf_admission::{Code, Error, Header, Path, Value};

use crate::tensors;
use crate::tokens::Tokens;

/// The networks that are known, by `general.architecture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Gemma 3. It has norms of queries, of keys and of what a layer adds, and layers that see a window.
    Gemma3,
    /// Llama 1 and 2, and what is built as they are. It has none of these, and rotates neighbours as pairs.
    Llama,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::Gemma3, Kind::Llama];

    /// The word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Gemma3 => "gemma3",
            Kind::Llama => "llama",
        }
    }

    /// The kind in a header, which is refused by its name where it is not known.
    fn of(header: &Header) -> Result<Kind, Error> {
        const KEY: &str = "general.architecture";
        let known = Kind::ALL.map(Kind::name).join(" and ");
        let Some(Value::String(found)) = header.value(KEY) else {
            return Err(refused(header, KEY, &format!("this runtime runs {known}")));
        };
        Kind::ALL.into_iter().find(|kind| found.compare(kind.name().as_bytes()).is_eq()).ok_or_else(|| {
            let why = format!("this runtime runs {known}, not {found}");
            refused(header, KEY, &why).with(format_args!("{known}"), format_args!("{found}"))
        })
    }
}

/// Layers of Gemma 3 27B, which divides its scores by another number than the others: no entry of a file says so, and
/// readers know it by this.
const QUERIES_SCALED_OTHERWISE: usize = 62;

/// The context that a model has until a host sets another length, in tokens.
pub(crate) const DEFAULT_CONTEXT: usize = 512;

/// Tokens that are evaluated together: bounds what a long prompt takes beside the context.
pub(crate) const CHUNK: usize = 64;

/// Bytes of a number that the network computes with.
const FLOAT: u64 = size_of::<f32>() as u64;

/// The numbers of a network.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it is.
    pub kind: Kind,
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
    /// What bends the gate: GELU by way of tanh in Gemma, SiLU in Llama.
    pub activation: fn(f32) -> f32,
}

impl Config {
    /// The configuration in a header. [`Code::Limit`] for another architecture, for numbers that make no network, for a
    /// tensor that is missing, has another shape, a type without a kernel, or that the network does not have, and for
    /// another tokeniser than SentencePiece's.
    pub fn of(header: &Header) -> Result<Config, Error> {
        let kind = Kind::of(header)?;
        let (keys, gemma) = (Keys { header, kind }, kind == Kind::Gemma3);
        let (width, heads) =
            (keys.number("embedding_length", 1, 1 << 20)?, keys.number("attention.head_count", 1, 1 << 10)?);
        // A file of Llama may lack both: each head has keys of its own, and the heads share the width.
        let has = |key| gemma || keys.find(key).is_some();
        let kv_heads = has("attention.head_count_kv").then(|| keys.number("attention.head_count_kv", 1, 1 << 10));
        let head = has("attention.key_length").then(|| keys.number("attention.key_length", 2, 1 << 12));
        let base = keys.float_or("rope.freq_base", if gemma { 1_000_000.0 } else { 10_000.0 })?;
        let config = Config {
            kind,
            layers: keys.number("block_count", 1, 1 << 10)?,
            width,
            hidden: keys.number("feed_forward_length", 1, 1 << 20)?,
            heads,
            kv_heads: kv_heads.unwrap_or(Ok(heads))?,
            head: head.unwrap_or(Ok(width / heads))?,
            epsilon: keys.float("attention.layer_norm_rms_epsilon")?,
            base,
            window_base: if gemma { keys.float_or("rope.freq_base_swa", 10_000.0)? } else { base },
            stretch: keys.float_or("rope.scaling.factor", 1.0)?,
            window: if gemma { keys.number("attention.sliding_window", 1, 1 << 30)? } else { usize::MAX },
            pattern: if gemma { keys.number_or("attention.sliding_window_pattern", 6)? } else { 1 },
            vocabulary: Tokens::count(header)?,
            longest: keys.number("context_length", 1, 1 << 20)?,
            activation: if gemma { gelu } else { silu },
        };
        if !config.heads.is_multiple_of(config.kv_heads) {
            return Err(keys.refused("attention.head_count_kv", "the query heads are no multiple of the key heads"));
        }
        if gemma && config.layers == QUERIES_SCALED_OTHERWISE {
            let why = "a network of so many layers scales its queries in a way that is not done here";
            return Err(keys.refused("block_count", why));
        }
        if !config.head.is_multiple_of(2) || !(2..=1 << 12).contains(&config.head) {
            return Err(keys.refused("attention.key_length", "a head is rotated in pairs, so its length is even"));
        }
        for key in ["attention.value_length", "rope.dimension_count"] {
            if keys.find(key).is_some() && keys.number(key, 2, 1 << 12)? != config.head {
                return Err(keys.refused(key, "values are as long as keys, which are rotated whole"));
            }
        }
        for key in ["final_logit_softcapping", "attn_logit_softcapping", "expert_count", "attention.scale"] {
            keys.absent(key)?;
        }
        if !gemma {
            keys.absent("attention.sliding_window")?;
        }
        if keys.find("rope.scaling.type").is_some() {
            expect_text(header, &keys.name("rope.scaling.type"), "linear")?;
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

/// SiLU, which is what Llama has there.
fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

/// The entries whose keys begin with the architecture.
struct Keys<'a> {
    header: &'a Header,
    kind: Kind,
}

impl Keys<'_> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.kind.name())
    }

    fn find(&self, key: &str) -> Option<Value<'_>> {
        self.header.value(&self.name(key))
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

    fn refused(&self, key: &str, why: &str) -> Error {
        refused(self.header, &self.name(key), why)
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
