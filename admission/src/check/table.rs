//! What the whole tensor table shows, and what a file lacks at its end.

use super::fields::Bounds;
use crate::contract::{Code, EXACT, LimitId};
use crate::error::{Error, Path};
use crate::format::Header;

/// Judges a whole table before a byte behind it is looked at.
pub(crate) fn judge(header: &Header, bounds: Bounds<'_>) -> Result<(), Error> {
    let layout = header.layout();
    match bounds.length {
        Some(length) => {
            let end = layout.allowed_end.saturating_add(bounds.limits.get(LimitId::TrailingBytes));
            if length > end {
                return Err(Error::trailing(end));
            }
            missing(header, Some(length), length).map_or(Ok(()), Err)
        }
        None if layout.required_end > EXACT => match first_beyond(header, EXACT) {
            Some(Beyond { index, end, field }) => {
                let message = format_args!("a tensor ends at {end}, above 2^53 - 1");
                Err(Error::at(Code::Layout, field, Path::Offset(index), message))
            }
            None => Ok(()),
        },
        None => Ok(()),
    }
}

/// The first thing that a file of `length` bytes lacks; `declared` is the length it was said to have.
pub(crate) fn missing(header: &Header, declared: Option<u64>, length: u64) -> Option<Error> {
    let layout = header.layout();
    if header.tensor_count() > 0 && length < layout.data_start {
        return Some(Error::truncated(layout.header_end, Path::Padding, layout.data_start, length));
    }
    if length < layout.required_end
        && let Some(Beyond { index, end, field }) = first_beyond(header, length)
    {
        return Some(Error::truncated(field, Path::Offset(index), end, length));
    }
    let declared = declared.filter(|declared| length < *declared)?;
    Some(Error::truncated(length, Path::Length, declared, length))
}

/// A tensor that ends at `end`, too far; `field` is the file offset where its record says its data offset.
struct Beyond {
    index: u32,
    end: u64,
    field: u64,
}

/// The first tensor that ends beyond `length`.
fn first_beyond(header: &Header, length: u64) -> Option<Beyond> {
    (0..header.tensor_count()).find_map(|index| {
        let (start, bytes) = header.extent(index)?;
        let end = start.saturating_add(bytes);
        (end > length).then(|| Beyond { index: index as u32, end, field: header.offset_field(index).unwrap_or(0) })
    })
}
