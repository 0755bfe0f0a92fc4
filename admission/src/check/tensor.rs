//! A tensor record: its name, its dimensions, its type, where its data stands.

use super::fields::{Bounds, Fields, Stop};
use crate::contract::{Code, LimitId};
use crate::error::{Error, Path};
use crate::format::{DIMENSIONS, SIZE, TensorType};

/// A record being read.
pub(super) struct TensorReader {
    pub(super) step: TensorStep,
    dims: [u64; DIMENSIONS],
    dim_count: u32,
    /// Of the dimensions that are not 0.
    product: u64,
    /// The file offset of the first dimension.
    dims_at: u64,
    padded: u64,
    bytes: u64,
}

/// The field of a record that comes next.
#[derive(Clone, Copy)]
pub(super) enum TensorStep {
    Name,
    DimCount,
    Dim(u32),
    TensorType,
    Offset,
}

/// Where the data of the tensors ends that were read so far, counted from the data start.
#[derive(Clone, Copy, Default)]
pub(super) struct Ends {
    /// With the padding behind the last.
    pub(super) padded: u64,
    /// Without it.
    pub(super) last: u64,
}

/// The step behind a field; none at the end of the record.
type Next = Result<Option<TensorStep>, Stop>;

impl TensorReader {
    pub(super) fn new() -> Self {
        TensorReader {
            step: TensorStep::Name,
            dims: [0; DIMENSIONS],
            dim_count: 0,
            product: 1,
            dims_at: 0,
            padded: 0,
            bytes: 0,
        }
    }

    /// Takes one field; `true` behind the last.
    pub(super) fn take(&mut self, fields: &mut Fields, ends: &mut Ends, bounds: Bounds<'_>) -> Result<bool, Stop> {
        let next = match self.step {
            TensorStep::Name => name(fields, bounds),
            TensorStep::DimCount => self.dim_count(fields, bounds),
            TensorStep::Dim(index) => self.dim(index, fields, bounds),
            TensorStep::TensorType => self.tensor_type(fields, bounds),
            TensorStep::Offset => self.offset(fields, ends, bounds),
        }?;
        match next {
            Some(step) => self.step = step,
            None => return Ok(true),
        }
        Ok(false)
    }

    /// The path of the next field; `known` names were read.
    pub(super) fn path(&self, known: u32) -> Path {
        let this = known.saturating_sub(1);
        match self.step {
            TensorStep::Name => Path::Name(known),
            TensorStep::DimCount => Path::Dims(this),
            TensorStep::Dim(index) => Path::Dim(this, index),
            TensorStep::TensorType => Path::Type(this),
            TensorStep::Offset => Path::Offset(this),
        }
    }

    fn dim_count(&mut self, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        let count = fields.u32(bounds)?;
        let most = bounds.limits.get(LimitId::Dimensions);
        if u64::from(count) > most {
            return Err(fields
                .fault(Code::Header, format_args!("a tensor has {count} dimensions, above limit DIMENSIONS"))
                .with(format_args!("0 to {most}"), format_args!("{count}"))
                .into());
        }
        fields.skip(4);
        self.dim_count = count;
        self.dims_at = fields.at;
        Ok(Some(self.dim_or_type(0)))
    }

    fn dim(&mut self, index: u32, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        let dim = fields.u64(bounds)?;
        let product = self.product.checked_mul(dim.max(1)).filter(|product| *product <= SIZE);
        let (Some(product), true) = (product, dim <= SIZE) else {
            return Err(fields
                .fault(Code::Layout, format_args!("the dimensions multiply to more than 2^63 - 1"))
                .with(format_args!("at most {SIZE}"), format_args!("{dim}"))
                .into());
        };
        self.product = product;
        if let Some(slot) = self.dims.get_mut(index as usize) {
            *slot = dim;
        }
        fields.skip(8);
        Ok(Some(self.dim_or_type(index.saturating_add(1))))
    }

    fn dim_or_type(&self, index: u32) -> TensorStep {
        if index < self.dim_count { TensorStep::Dim(index) } else { TensorStep::TensorType }
    }

    fn tensor_type(&mut self, fields: &mut Fields, bounds: Bounds<'_>) -> Next {
        let number = fields.u32(bounds)?;
        let Some(ty) = TensorType::known(number) else {
            let why = if TensorType::is_removed(number) { "was removed from" } else { "is not in" };
            return Err(fields
                .fault(Code::Header, format_args!("tensor type {number} {why} the format"))
                .with(format_args!("a known type"), format_args!("{number}"))
                .into());
        };
        self.measure(ty, fields)?;
        fields.skip(4);
        Ok(Some(TensorStep::Offset))
    }

    /// The size of the tensor whose dimensions and type are known.
    fn measure(&mut self, ty: TensorType, fields: &Fields) -> Result<(), Error> {
        let dims = self.dims.get(..self.dim_count as usize).unwrap_or_default();
        let path = Path::Dim((fields.header.tensor_count() as u32).saturating_sub(1), 0);
        let row = dims.first().copied().unwrap_or(1);
        if !row.is_multiple_of(ty.block_elements()) {
            let block = ty.block_elements();
            let message = format_args!("a row of {row} elements is not whole {} blocks", ty.name());
            return Err(Error::at(Code::Layout, self.dims_at, path, message)
                .with(format_args!("a multiple of {block}"), format_args!("{row}")));
        }
        let size = ty.byte_size(dims);
        let padded = size.and_then(|size| size.checked_next_multiple_of(fields.header.alignment));
        let (Some(bytes), Some(padded)) = (size, padded.filter(|padded| *padded <= SIZE)) else {
            let message = format_args!("the tensor is larger than 2^63 - 1 bytes");
            return Err(Error::at(Code::Layout, self.dims_at, path, message));
        };
        (self.bytes, self.padded) = (bytes, padded);
        Ok(())
    }

    fn offset(&mut self, fields: &mut Fields, ends: &mut Ends, bounds: Bounds<'_>) -> Next {
        let offset = fields.u64(bounds)?;
        let expected = ends.padded;
        if offset != expected {
            let header = &fields.header;
            let record = header.tensors.len().checked_sub(1).and_then(|last| header.tensors.start(last));
            let name = header.pages.string(record.unwrap_or(0));
            return Err(fields
                .fault(Code::Layout, format_args!("{name:?} starts at {offset}, expected {expected}"))
                .with(format_args!("{expected}"), format_args!("{offset}"))
                .into());
        }
        let padded = offset.saturating_add(self.padded);
        if padded > SIZE {
            return Err(fields.fault(Code::Layout, format_args!("the sizes add up to more than 2^63 - 1")).into());
        }
        *ends = Ends { padded, last: offset.saturating_add(self.bytes) };
        fields.skip(8);
        Ok(None)
    }
}

fn name(fields: &mut Fields, bounds: Bounds<'_>) -> Next {
    let most = bounds.limits.get(LimitId::NameBytes);
    let end = fields.name(most, ", above limit NAME_BYTES", bounds)?;
    let Fields { header, at, work, .. } = fields;
    if !header.tensors.insert(&header.pages, *at, work) {
        return Err(fields.twice().into());
    }
    fields.at = end;
    Ok(Some(TensorStep::DimCount))
}
