//! Numbers out of a tensor's bytes.

use gguf_admission::Error;

/// The first `count` values of a tensor of the type called `name`, or as many as it has. `None` for the types that pack
/// values in blocks.
///
/// # Errors
///
/// `memory`, when there is none for them: they take more than the tensor does.
pub(crate) fn first(name: &str, bytes: &[u8], count: usize) -> Result<Option<Vec<f64>>, Error> {
    let values = match name {
        "F64" => take(bytes, count, f64::from_le_bytes),
        "F32" => take(bytes, count, |bytes| f64::from(f32::from_le_bytes(bytes))),
        "F16" => take(bytes, count, |bytes| half(u16::from_le_bytes(bytes))),
        "BF16" => take(bytes, count, |bytes| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))),
        "I64" => take(bytes, count, |bytes| i64::from_le_bytes(bytes) as f64),
        "I32" => take(bytes, count, |bytes| f64::from(i32::from_le_bytes(bytes))),
        "I16" => take(bytes, count, |bytes| f64::from(i16::from_le_bytes(bytes))),
        "I8" => take(bytes, count, |[byte]| f64::from(byte.cast_signed())),
        _ => return Ok(None),
    };
    values.map(Some)
}

fn take<const N: usize>(bytes: &[u8], count: usize, value: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, Error> {
    let there = bytes.as_chunks::<N>().0;
    let count = count.min(there.len());
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Error::memory(8 * count as u64))?;
    values.extend(there[..count].iter().map(|bytes| value(*bytes)));
    Ok(values)
}

/// An IEEE 754 half.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_as_the_standard_says() {
        let cases =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 2f64.powi(-24)), (0xfc00, f64::NEG_INFINITY)];
        for (bits, value) in cases {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn no_more_values_are_read_than_there_are() {
        let values = |name, bytes: &[u8], count| first(name, bytes, count).expect("there is memory");
        assert_eq!(values("I16", &[1, 0, 0xff, 0xff, 9], 7), Some(vec![1.0, -1.0]));
        assert_eq!(values("BF16", &[0x80, 0x3f, 0, 0], 1), Some(vec![1.0]));
        assert_eq!(values("Q4_K", &[0; 144], 1), None);
    }
}
