//! The tensors of a network: their names and shapes.

use gguf_admission::{Code, Error, Header, Path};

use crate::config::{Config, Kind};

/// A tensor of a layer, by its name behind `blk.N.`.
pub(crate) enum Part {
    Norm(&'static str, usize),
    Matrix(&'static str, usize, usize),
}

/// The parts of a layer, a norm with its length, a matrix with its rows and columns.
pub(crate) fn parts(config: &Config) -> impl Iterator<Item = Part> {
    let (width, hidden, query, key, head) = (config.width, config.hidden, config.query(), config.key(), config.head);
    let every = [
        Part::Norm("attn_norm", width),
        Part::Matrix("attn_q", query, width),
        Part::Matrix("attn_k", key, width),
        Part::Matrix("attn_v", key, width),
        Part::Matrix("attn_output", width, query),
        Part::Norm("ffn_norm", width),
        Part::Matrix("ffn_gate", hidden, width),
        Part::Matrix("ffn_up", hidden, width),
        Part::Matrix("ffn_down", width, hidden),
    ];
    let gemma = [
        Part::Norm("attn_q_norm", head),
        Part::Norm("attn_k_norm", head),
        Part::Norm("post_attention_norm", width),
        Part::Norm("post_ffw_norm", width),
    ];
    let more = (config.kind == Kind::Gemma3).then_some(gemma);
    every.into_iter().chain(more.into_iter().flatten())
}

/// The full name of a part.
pub(crate) fn name(layer: usize, part: &str) -> String {
    format!("blk.{layer}.{part}.weight")
}

pub(crate) const EMBEDDING: &str = "token_embd.weight";
pub(crate) const OUTPUT_NORM: &str = "output_norm.weight";
/// Not there where the embedding is used again.
pub(crate) const OUTPUT: &str = "output.weight";

/// That the header has every tensor of the network in its shape and a type with a kernel, and no other.
pub(crate) fn check(header: &Header, config: &Config) -> Result<(), Error> {
    let mut known = 0;
    let mut expect = |name: &str, rows: Option<usize>, columns: usize| {
        known += 1;
        expect(header, name, rows, columns)
    };
    expect(EMBEDDING, Some(config.vocabulary), config.width)?;
    expect(OUTPUT_NORM, None, config.width)?;
    if header.tensor_index(OUTPUT).is_some() {
        expect(OUTPUT, Some(config.vocabulary), config.width)?;
    }
    for layer in 0..config.layers {
        for part in parts(config) {
            match part {
                Part::Norm(part, length) => expect(&name(layer, part), None, length)?,
                Part::Matrix(part, rows, columns) => expect(&name(layer, part), Some(rows), columns)?,
            }
        }
    }
    if known == header.tensor_count() {
        return Ok(());
    }
    // Names are unique, so what is not among them is one more.
    let why = format_args!("the network has {known} tensors, the file {}", header.tensor_count());
    Err(Error::at(Code::Limit, 8, Path::TensorCount, why))
}

/// A matrix of `rows`, or a norm: one dimension of f32.
fn expect(header: &Header, name: &str, rows: Option<usize>, columns: usize) -> Result<(), Error> {
    let Some(index) = header.tensor_index(name) else {
        return Err(Error::at(Code::Limit, 8, Path::TensorCount, format_args!("there is no tensor {name}")));
    };
    let (Some(tensor), Some(offset_at)) = (header.tensor(index), header.offset_field(index)) else {
        return Err(Error::memory(0));
    };
    let type_at = offset_at - 4;
    let ty = tensor.ty.name();
    // Q8_1 and Q8_K are for numbers on their way: candle multiplies by them, never them.
    let has_kernel = if rows.is_none() { ty == "F32" } else { !matches!(ty, "Q8_1" | "Q8_K") };
    if !has_kernel {
        let why = format_args!("{name} has type {ty}, for which this runtime has no kernel");
        return Err(Error::at(Code::Limit, type_at, Path::Type(index as u32), why));
    }
    let wanted = [columns as u64, rows.unwrap_or(1) as u64];
    let wanted = if rows.is_some() { &wanted[..] } else { &wanted[..1] };
    if tensor.dims() == wanted {
        return Ok(());
    }
    let dims_at = type_at - 8 * tensor.dims().len() as u64 - 4;
    let why = format_args!("{name} has not the shape that the network gives it");
    let error = Error::at(Code::Limit, dims_at, Path::Dims(index as u32), why);
    Err(error.with(format_args!("{wanted:?}"), format_args!("{:?}", tensor.dims())))
}
