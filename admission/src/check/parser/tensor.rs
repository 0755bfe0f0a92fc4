//! The fields of a tensor record.

use super::{Bounds, I64_MAX, Parser, Step, TensorRecord, TensorStep};
use crate::contract::Code;
use crate::error::{Error, Path};
use crate::format::TensorType;

const MAX_NAME: u64 = 63;
const MAX_DIMS: u32 = 4;

impl Parser {
    /// Takes one field of a tensor record.
    pub(super) fn tensor_step(&mut self, step: TensorStep, bounds: Bounds<'_>) -> Result<bool, Error> {
        match step {
            TensorStep::Name => {
                let Some(end) = self.string(bounds)? else {
                    return Ok(false);
                };
                self.named(end, MAX_NAME)?;
                self.go_to(end, Step::Tensor(TensorStep::DimCount))
            }
            TensorStep::DimCount => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let count = self.header.pages.u32(self.at);
                if count > MAX_DIMS {
                    return Err(self
                        .fault(Code::Header, format_args!("a tensor has at most 4 dimensions"))
                        .with(format_args!("0 to 4"), format_args!("{count}")));
                }
                self.record = TensorRecord {
                    dim_count: count,
                    product: 1,
                    dims_at: self.at.saturating_add(4),
                    ..TensorRecord::default()
                };
                self.go(
                    4,
                    if count == 0 { Step::Tensor(TensorStep::TensorType) } else { Step::Tensor(TensorStep::Dim(0)) },
                )
            }
            TensorStep::Dim(index) => {
                if !self.fixed(8, bounds)? {
                    return Ok(false);
                }
                let dim = self.header.pages.u64(self.at);
                let product = self.record.product.checked_mul(dim.max(1)).filter(|product| *product <= I64_MAX);
                let (Some(product), true) = (product, dim <= I64_MAX) else {
                    return Err(self
                        .fault(Code::Layout, format_args!("the dimensions multiply to more than 2^63 - 1"))
                        .with(format_args!("at most {I64_MAX}"), format_args!("{dim}")));
                };
                self.record.product = product;
                if let Some(slot) = self.record.dims.get_mut(index as usize) {
                    *slot = dim;
                }
                let next = index.saturating_add(1);
                self.go(
                    8,
                    if next < self.record.dim_count {
                        Step::Tensor(TensorStep::Dim(next))
                    } else {
                        Step::Tensor(TensorStep::TensorType)
                    },
                )
            }
            TensorStep::TensorType => {
                if !self.fixed(4, bounds)? {
                    return Ok(false);
                }
                let number = self.header.pages.u32(self.at);
                let Some(ty) = TensorType::from_number(number) else {
                    let why = if TensorType::is_removed(number) { "was removed from" } else { "is not in" };
                    return Err(self
                        .fault(Code::Header, format_args!("tensor type {number} {why} the format"))
                        .with(format_args!("a known type"), format_args!("{number}")));
                };
                self.measure(ty)?;
                self.go(4, Step::Tensor(TensorStep::Offset))
            }
            TensorStep::Offset => {
                if !self.fixed(8, bounds)? {
                    return Ok(false);
                }
                let offset = self.header.pages.u64(self.at);
                if offset != self.data_bytes {
                    let name =
                        self.header.tensors.len().checked_sub(1).and_then(|last| self.header.tensors.start(last));
                    let name = self.header.pages.string(name.unwrap_or(0));
                    let expected = self.data_bytes;
                    return Err(self
                        .fault(Code::Layout, format_args!("{name:?} starts at {offset}, expected {expected}"))
                        .with(format_args!("{expected}"), format_args!("{offset}")));
                }
                self.header.layout.required_end = offset.saturating_add(self.record.bytes);
                self.data_bytes = offset.saturating_add(self.record.padded);
                if self.data_bytes > I64_MAX {
                    return Err(self.fault(Code::Layout, format_args!("the sizes add up to more than 2^63 - 1")));
                }
                self.at = self.at.saturating_add(8);
                self.record_end()
            }
        }
    }

    /// The size of the tensor whose dimensions and type are known.
    fn measure(&mut self, ty: TensorType) -> Result<(), Error> {
        let TensorRecord { dims, dim_count, dims_at, .. } = self.record;
        let dims = dims.get(..dim_count as usize).unwrap_or_default();
        let path = Path::Dim((self.header.tensors.len() as u32).saturating_sub(1), 0);
        let row = dims.first().copied().unwrap_or(1);
        if !row.is_multiple_of(ty.block_elements()) {
            let block = ty.block_elements();
            let message = format_args!("a row of {row} elements is not whole {} blocks", ty.name());
            return Err(Error::at(Code::Layout, dims_at, path, message)
                .with(format_args!("a multiple of {block}"), format_args!("{row}")));
        }
        let size = ty.byte_size(dims);
        let padded = size.and_then(|size| size.checked_next_multiple_of(self.header.alignment));
        let (Some(bytes), Some(padded)) = (size, padded.filter(|padded| *padded <= I64_MAX)) else {
            return Err(Error::at(
                Code::Layout,
                dims_at,
                path,
                format_args!("the tensor is larger than 2^63 - 1 bytes"),
            ));
        };
        self.record.bytes = bytes;
        self.record.padded = padded;
        Ok(())
    }
}
