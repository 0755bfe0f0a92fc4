//! The network over candle's tensors: the weights stay as they were admitted, and candle multiplies by them.
//!
//! Everything between the products is computed here, in f32 that this file allocates: keys and values of the context
//! are reserved whole before the first token, so that a context that does not fit is an answer.

use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{Device, Storage, Tensor};
use gguf_admission::{Code, Error};
use gguf_admission_candle::Weights;

use crate::config::{CHUNK, Config, Kind};
use crate::memory::{ask, reserve, reserved};
use crate::tensors::{EMBEDDING, OUTPUT, OUTPUT_NORM, name};

/// Why a computation of candle's cannot fail.
const CHECKED: &str = "types and shapes were checked at the header";

/// How products with the weights are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// By candle's kernels, which round the other factor to the precision of the weights.
    Fast,
    /// In f32, by weights in f32: what the file says, at four bytes a weight. For tests.
    Exact,
}

/// A network with the tokens that it has seen.
///
/// Invariants: `position <= length`; each layer's `keys` and `values` hold `position` tokens, in room for `length`, or
/// are empty.
pub struct Network {
    config: Config,
    embedding: Arc<QTensor>,
    output: Matrix,
    output_norm: Vec<f32>,
    layers: Vec<Layer>,
    /// Turns a token further in a rotation, a number for each pair of a head: in layers that see all, and in the
    /// others.
    turns: [Vec<f64>; 2],
    length: usize,
    position: usize,
    /// How much a token looks at each one before it.
    scores: Vec<f32>,
    logits: Vec<f32>,
    has_logits: bool,
}

struct Layer {
    sees_all: bool,
    attention_norm: Vec<f32>,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    out: Matrix,
    after_attention_norm: Option<Vec<f32>>,
    forward_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    after_forward_norm: Option<Vec<f32>>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Network {
    /// A network of admitted weights, with an empty context for `length` tokens.
    pub fn new(config: Config, weights: &Weights, length: usize, precision: Precision) -> Result<Network, Error> {
        // What candle copies of the norms.
        ask(config.norm_bytes())?;
        let matrix = |name: &str, rows: usize, columns: usize| Matrix::new(weights, name, rows, columns, precision);
        let (width, hidden, query, key, head) =
            (config.width, config.hidden, config.query(), config.key(), config.head);
        let gemma = config.kind == Kind::Gemma3;
        let mut layers = reserved(config.layers)?;
        for layer in 0..config.layers {
            let matrix = |part: &str, rows: usize, columns: usize| matrix(&name(layer, part), rows, columns);
            let norm = |part: &str, length: usize| norm(weights, &name(layer, part), length);
            let gemmas = |part: &str, length: usize| gemma.then(|| norm(part, length)).transpose();
            layers.push(Layer {
                sees_all: config.sees_all(layer),
                attention_norm: norm("attn_norm", width)?,
                query: matrix("attn_q", query, width)?,
                key: matrix("attn_k", key, width)?,
                value: matrix("attn_v", key, width)?,
                query_norm: gemmas("attn_q_norm", head)?,
                key_norm: gemmas("attn_k_norm", head)?,
                out: matrix("attn_output", width, query)?,
                after_attention_norm: gemmas("post_attention_norm", width)?,
                forward_norm: norm("ffn_norm", width)?,
                gate: matrix("ffn_gate", hidden, width)?,
                up: matrix("ffn_up", hidden, width)?,
                down: matrix("ffn_down", width, hidden)?,
                after_forward_norm: gemmas("post_ffw_norm", width)?,
                keys: Vec::new(),
                values: Vec::new(),
            });
        }
        let turns = |base: f32, stretch: f32| -> Vec<f64> {
            let turn = |pair| f64::from(base).powf(-2.0 * pair as f64 / head as f64) / f64::from(stretch);
            (0..head / 2).map(turn).collect()
        };
        let output = if weights.find(OUTPUT).is_some() { OUTPUT } else { EMBEDDING };
        let mut logits = reserved(config.vocabulary)?;
        logits.resize(config.vocabulary, 0.0);
        Ok(Network {
            embedding: find(weights, EMBEDDING, &[config.vocabulary, width])?,
            output: matrix(output, config.vocabulary, width)?,
            output_norm: norm(weights, OUTPUT_NORM, width)?,
            layers,
            turns: [turns(config.base, config.stretch), turns(config.window_base, 1.0)],
            length,
            position: 0,
            scores: Vec::new(),
            logits,
            has_logits: false,
            config,
        })
    }

    /// How many tokens the context has room for.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The longest context that the model was made for.
    pub fn longest(&self) -> usize {
        self.config.longest
    }

    /// How many tokens it has seen.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Forgets all tokens, and sets how many the context has room for.
    pub fn reset(&mut self, length: usize) {
        for layer in &mut self.layers {
            if length == self.length {
                layer.keys.clear();
                layer.values.clear();
            } else {
                (layer.keys, layer.values) = (Vec::new(), Vec::new());
            }
        }
        if length != self.length {
            self.scores = Vec::new();
        }
        (self.length, self.position, self.has_logits) = (length, 0, false);
    }

    /// A number for each token that could be next, after the latest evaluation.
    pub fn logits(&self) -> Option<&[f32]> {
        self.has_logits.then_some(&self.logits)
    }

    /// Takes in tokens, at least one, all below the vocabulary's size, and computes the logits behind the last.
    /// [`Code::Budget`] when the context has no room for them and [`Code::Memory`] when there is no memory for it: then
    /// nothing has changed.
    pub fn evaluate(&mut self, tokens: &[u32]) -> Result<(), Error> {
        self.take_in(tokens, true)
    }

    /// The same without logits, of which there are none afterwards: for tokens that others follow.
    pub fn read(&mut self, tokens: &[u32]) -> Result<(), Error> {
        self.take_in(tokens, false)
    }

    fn take_in(&mut self, tokens: &[u32], wants_logits: bool) -> Result<(), Error> {
        let left = self.length - self.position;
        if tokens.len() > left {
            let why = format_args!("the context of {} tokens has no room for {} more", self.length, tokens.len());
            let error = Error::new(Code::Budget, why);
            return Err(error.with(format_args!("at most {left}"), format_args!("{}", tokens.len())));
        }
        // On a machine of 32 bits it may be more than there are addresses: then it is more than can be reserved, too.
        let room = self.length.saturating_mul(self.config.key());
        for layer in &mut self.layers {
            reserve(&mut layer.keys, room)?;
            reserve(&mut layer.values, room)?;
        }
        reserve(&mut self.scores, self.length)?;
        ask(self.config.activation_bytes(tokens.len().min(CHUNK)))?;
        let mut chunks = tokens.chunks(CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            self.forward(chunk, wants_logits && chunks.peek().is_none());
        }
        self.has_logits = wants_logits;
        Ok(())
    }

    fn forward(&mut self, tokens: &[u32], wants_logits: bool) {
        let Config { kind, width, head, heads, kv_heads, epsilon, window, activation, .. } = self.config;
        let (start, query_size, key_size) = (self.position, self.config.query(), self.config.key());
        let ids = Tensor::new(tokens, &Device::Cpu).expect(CHECKED);
        let mut x = floats(&self.embedding.embedding(&ids).expect(CHECKED));
        if kind == Kind::Gemma3 {
            let root = (width as f32).sqrt();
            x.iter_mut().for_each(|x| *x *= root);
        }
        let angles = [0, 1].map(|kind| angles(&self.turns[kind], start, tokens.len()));
        for layer in &mut self.layers {
            let angles = &angles[usize::from(!layer.sees_all)];
            let h = normed(&x, &layer.attention_norm, epsilon);
            let mut queries = layer.query.multiply(&h);
            let mut keys = layer.key.multiply(&h);
            norm_if(&mut queries, &layer.query_norm, epsilon);
            norm_if(&mut keys, &layer.key_norm, epsilon);
            rotate(&mut queries, query_size, head, angles, kind);
            rotate(&mut keys, key_size, head, angles, kind);
            layer.keys.extend_from_slice(&keys);
            layer.values.extend_from_slice(&layer.value.multiply(&h));
            let mut attended = vec![0.0; queries.len()];
            let scores = &mut self.scores;
            let scale = 1.0 / (head as f32).sqrt();
            for (index, (query, out)) in queries.chunks_exact(head).zip(attended.chunks_exact_mut(head)).enumerate() {
                let (token, own) = (start + index / heads, index % heads / (heads / kv_heads) * head);
                let first = if layer.sees_all { 0 } else { (token + 1).saturating_sub(window) };
                let seen = |from: &[f32], at: usize| -> std::ops::Range<usize> {
                    debug_assert!(from.len() > at * key_size);
                    at * key_size + own..at * key_size + own + head
                };
                scores.clear();
                scores.extend((first..=token).map(|at| dot(&layer.keys[seen(&layer.keys, at)], query) * scale));
                softmax(scores);
                for (at, score) in (first..=token).zip(scores.iter()) {
                    let value = &layer.values[seen(&layer.values, at)];
                    out.iter_mut().zip(value).for_each(|(out, value)| *out += score * value);
                }
            }
            let mut y = layer.out.multiply(&attended);
            norm_if(&mut y, &layer.after_attention_norm, epsilon);
            add(&mut x, &y);
            let h = normed(&x, &layer.forward_norm, epsilon);
            let mut gate = layer.gate.multiply(&h);
            gate.iter_mut().zip(layer.up.multiply(&h)).for_each(|(gate, up)| *gate = activation(*gate) * up);
            let mut y = layer.down.multiply(&gate);
            norm_if(&mut y, &layer.after_forward_norm, epsilon);
            add(&mut x, &y);
        }
        self.position += tokens.len();
        if wants_logits {
            let last = normed(&x[x.len() - width..], &self.output_norm, epsilon);
            self.output.multiply_into(&last, &mut self.logits);
        }
    }
}

/// Weights to multiply by: row times number, for each row.
enum Matrix {
    Fast(Arc<QTensor>, usize, usize),
    Exact(Vec<f32>, usize, usize),
}

impl Matrix {
    fn new(weights: &Weights, name: &str, rows: usize, columns: usize, precision: Precision) -> Result<Matrix, Error> {
        let tensor = find(weights, name, &[rows, columns])?;
        Ok(match precision {
            Precision::Fast => Matrix::Fast(tensor, rows, columns),
            Precision::Exact => Matrix::Exact(floats(&tensor.dequantize(&Device::Cpu).expect(CHECKED)), rows, columns),
        })
    }

    /// The products with each run of `columns` numbers.
    fn multiply(&self, x: &[f32]) -> Vec<f32> {
        let (Matrix::Fast(_, rows, columns) | Matrix::Exact(_, rows, columns)) = self;
        let mut out = vec![0.0; x.len() / columns * rows];
        self.multiply_into(x, &mut out);
        out
    }

    fn multiply_into(&self, x: &[f32], out: &mut [f32]) {
        match self {
            Matrix::Fast(tensor, _, columns) => {
                let x = Tensor::from_slice(x, (x.len() / columns, *columns), &Device::Cpu).expect(CHECKED);
                let product = x.apply_op1_no_bwd(tensor.as_ref()).expect(CHECKED);
                with_floats(&product, |product| out.copy_from_slice(product));
            }
            Matrix::Exact(weights, rows, columns) => {
                for (row, weights) in weights.chunks_exact(*columns).enumerate() {
                    for (x, out) in x.chunks_exact(*columns).zip(out.chunks_exact_mut(*rows)) {
                        out[row] = dot(weights, x);
                    }
                }
            }
        }
    }
}

fn find(weights: &Weights, name: &str, shape: &[usize]) -> Result<Arc<QTensor>, Error> {
    weights.get(shape, name).map_err(|error| Error::new(Code::State, format_args!("{error}")))
}

fn norm(weights: &Weights, name: &str, length: usize) -> Result<Vec<f32>, Error> {
    Ok(floats(&find(weights, name, &[length])?.dequantize(&Device::Cpu).expect(CHECKED)))
}

/// The numbers of a tensor that candle made, contiguous and of f32.
fn with_floats<R>(tensor: &Tensor, call: impl FnOnce(&[f32]) -> R) -> R {
    match &*tensor.storage_and_layout().0 {
        Storage::Cpu(storage) => call(storage.as_slice().expect(CHECKED)),
        _ => panic!("{CHECKED}"),
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    with_floats(tensor, <[f32]>::to_vec)
}

/// The sum of products, in lanes that a machine adds at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

fn normed(x: &[f32], weights: &[f32], epsilon: f32) -> Vec<f32> {
    let mut normed = x.to_vec();
    norm_each(&mut normed, weights, epsilon);
    normed
}

/// As `norm_each`, where there is such a norm.
fn norm_if(x: &mut [f32], weights: &Option<Vec<f32>>, epsilon: f32) {
    if let Some(weights) = weights {
        norm_each(x, weights, epsilon);
    }
}

/// Divides each run of numbers by the root of its mean square, and multiplies it by the weights.
fn norm_each(x: &mut [f32], weights: &[f32], epsilon: f32) {
    for x in x.chunks_exact_mut(weights.len()) {
        let square = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / weights.len() as f64;
        let factor = (square + f64::from(epsilon)).sqrt().recip() as f32;
        x.iter_mut().zip(weights).for_each(|(x, weight)| *x = *x * factor * weight);
    }
}

/// Sine and cosine of every pair's angle, token after token.
fn angles(turns: &[f64], start: usize, tokens: usize) -> Vec<(f32, f32)> {
    let angle = |token: usize| turns.iter().map(move |turn| (token as f64 * turn).sin_cos());
    (start..start + tokens).flat_map(angle).map(|(sine, cosine)| (sine as f32, cosine as f32)).collect()
}

/// Rotates the pairs of each head: the first half of its numbers with the second, or neighbours, as the weights of this
/// kind of network are laid out.
fn rotate(x: &mut [f32], size: usize, head: usize, angles: &[(f32, f32)], kind: Kind) {
    let turn = |a: &mut f32, b: &mut f32, (sine, cosine): &(f32, f32)| {
        (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
    };
    for (x, angles) in x.chunks_exact_mut(size).zip(angles.chunks_exact(head / 2)) {
        for x in x.chunks_exact_mut(head) {
            match kind {
                Kind::Gemma3 => {
                    let (first, second) = x.split_at_mut(head / 2);
                    first.iter_mut().zip(second).zip(angles).for_each(|((a, b), angle)| turn(a, b, angle));
                }
                Kind::Llama => {
                    let (pairs, _) = x.as_chunks_mut::<2>();
                    pairs.iter_mut().zip(angles).for_each(|([a, b], angle)| turn(a, b, angle));
                }
            }
        }
    }
}

fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::MIN, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}
