//! The second opinion: judges a whole file that lies in memory, rule after rule, knowing nothing of chunks or states.
//!
//! Written from the published rules (the numbers are theirs), with wide integers instead of checked ones. It shares no
//! code with the parser: where the two differ, one of them misreads the rules.

use std::collections::HashSet;

use gguf_admission::{LimitId, Limits};

/// The first fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The word of the code.
    pub(crate) code: &'static str,
    /// Where in the file.
    pub(crate) offset: Option<u64>,
    /// Which field.
    pub(crate) path: String,
}

/// What an admitted file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The format's version.
    pub(crate) version: u32,
    /// `general.alignment`, or 32.
    pub(crate) alignment: u64,
    /// Header end, data start, required end, allowed end.
    pub(crate) ends: [u64; 4],
    /// The keys, in file order.
    pub(crate) keys: Vec<Vec<u8>>,
    /// The tensors, in file order.
    pub(crate) tensors: Vec<Tensor>,
}

/// Name, dimensions, type, offset and size.
pub(crate) type Tensor = (Vec<u8>, Vec<u64>, u32, u64, u64);

/// How the file is presented.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// The declared length.
    pub(crate) declared: Option<u64>,
    /// The limits in effect.
    pub(crate) limits: &'a Limits,
    /// Whether the data is to be kept.
    pub(crate) resident: bool,
}

const I64_MAX: u128 = i64::MAX as u128;
const EXACT: u128 = (1 << 53) - 1;
/// What a memory of this machine's addresses holds, and one buffer in it.
const MEMORY: u128 = if usize::BITS == 32 { (1 << 32) - (1 << 24) } else { EXACT };
const BUFFER: u128 = (1 << (usize::BITS - 1)) - 1;

/// More than a model of a small file can take beside its data: header, index, and room for alignment.
const BESIDE: u128 = 1 << 32;

/// The verdict: the facts, or the first fault.
pub(crate) fn judge(file: &[u8], terms: Terms<'_>) -> Result<Facts, Fault> {
    judge_beside(file, terms, 0)
}

/// Whether a model to keep is so near the bound that what it takes beside its data decides. The rules do not say how
/// much that is.
pub(crate) fn is_at_bound(file: &[u8], terms: Terms<'_>) -> bool {
    terms.resident && judge(file, terms) != judge_beside(file, terms, BESIDE)
}

fn judge_beside(file: &[u8], terms: Terms<'_>, beside: u128) -> Result<Facts, Fault> {
    let known = file.len().min(terms.declared.map_or(usize::MAX, |length| length as usize));
    let mut reader = Reader { file, known: known as u128, limits: terms.limits, at: 0 };
    let mut facts = Facts { alignment: 32, ..Facts::default() };

    // Rule 25: an empty file is truncated, whatever the limits.
    if file.is_empty() {
        return fault("truncated", 0, "magic");
    }
    // Rules 1 to 3.
    let (_, magic) = reader.take(4, "magic")?;
    if magic != b"GGUF" {
        return fault("magic", 0, "magic");
    }
    facts.version = reader.u32("version")?;
    if ![2, 3].contains(&facts.version) {
        return fault("version", 4, "version");
    }
    let tensors = reader.u64("tensorCount")?;
    if tensors > terms.limits.get(LimitId::Tensors) {
        return fault("limit", 8, "tensorCount");
    }
    let entries = reader.u64("entryCount")?;
    if entries > terms.limits.get(LimitId::MetadataEntries) {
        return fault("limit", 16, "entryCount");
    }

    let mut keys = HashSet::new();
    for index in 0..entries {
        entry(&mut reader, &mut facts, &mut keys, &format!("metadata[{index}]"))?;
    }
    let (mut names, mut sum) = (HashSet::new(), 0);
    let mut fields = Vec::new();
    for index in 0..tensors {
        fields.push(tensor(&mut reader, &mut facts, &mut names, &mut sum, &format!("tensors[{index}]"))?);
    }

    // Where the parts lie.
    let header_end = reader.at;
    let data_start = round_up(header_end, facts.alignment);
    let mut ends: Vec<u128> = Vec::new();
    for tensor in &mut facts.tensors {
        ends.push(data_start + u128::from(tensor.3) + u128::from(tensor.4));
        tensor.3 = (data_start + u128::from(tensor.3)) as u64;
    }
    let required_end = ends.last().copied().unwrap_or(header_end);
    let allowed_end = data_start + sum;
    facts.ends = [header_end, data_start, required_end, allowed_end].map(|end| end as u64);
    let last_allowed = allowed_end + u128::from(terms.limits.get(LimitId::TrailingBytes));
    let short_of = |length: u128| -> Result<(), Fault> {
        // Rules 22 and 19.
        if !fields.is_empty() && length < data_start {
            return fault("truncated", header_end, "padding");
        }
        match ends.iter().position(|end| *end > length) {
            Some(index) => fault("truncated", fields[index], format!("tensors[{index}].offset")),
            None => Ok(()),
        }
    };

    // The whole table.
    if let Some(length) = terms.declared {
        if u128::from(length) > last_allowed {
            return fault("trailing", last_allowed, "trailing");
        }
        short_of(length.into())?;
    } else if let Some(index) = ends.iter().position(|end| *end > EXACT) {
        return fault("layout", fields[index], format!("tensors[{index}].offset"));
    }
    if let (true, Some(at)) = (terms.resident, fields.last()) {
        let largest = facts.tensors.iter().map(|tensor| tensor.4).max().unwrap_or(0);
        if u128::from(largest) > BUFFER - u128::from(facts.alignment - 1) || sum + beside > MEMORY {
            return fault("limit", *at, "memory");
        }
    }

    // Rules 21, 23, 24: padding is zero, in file order; then what follows.
    let mut padding = vec![(header_end, data_start)];
    for (index, end) in ends.iter().enumerate() {
        padding.push((*end, facts.tensors.get(index + 1).map_or(allowed_end, |next| next.3.into())));
    }
    for (start, end) in padding {
        for at in start..end.min(known as u128) {
            if file[at as usize] != 0 {
                return fault("layout", at, "padding");
            }
        }
    }
    if known as u128 > last_allowed {
        return fault("trailing", last_allowed, "trailing");
    }
    if file.len() > known {
        return fault("trailing", known as u128, "trailing");
    }
    // Rule 20, and a host that stops short.
    short_of(known as u128)?;
    match terms.declared {
        Some(declared) if declared > known as u64 => fault("truncated", known as u128, "length"),
        _ => Ok(facts),
    }
}

struct Reader<'a> {
    file: &'a [u8],
    known: u128,
    limits: &'a Limits,
    at: u128,
}

impl<'a> Reader<'a> {
    /// Limit first, then the file's end.
    fn need(&self, end: u128, field: u128, path: &str) -> Result<(), Fault> {
        if end > self.limits.get(LimitId::HeaderBytes).into() {
            return fault("limit", field, path);
        }
        if end > self.known {
            return fault("truncated", field, path);
        }
        Ok(())
    }

    fn take(&mut self, size: u128, path: &str) -> Result<(u128, &'a [u8]), Fault> {
        let field = self.at;
        self.need(field + size, field, path)?;
        self.at += size;
        Ok((field, &self.file[field as usize..self.at as usize]))
    }

    fn u32(&mut self, path: &str) -> Result<u32, Fault> {
        let (_, bytes) = self.take(4, path)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    fn u64(&mut self, path: &str) -> Result<u64, Fault> {
        let (_, bytes) = self.take(8, path)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// Rule 4. A string is one field: length and bytes.
    fn string(&mut self, path: &str) -> Result<(u128, &'a [u8]), Fault> {
        let field = self.at;
        let size = self.u64(path)?;
        if size > self.limits.get(LimitId::StringBytes) {
            return fault("limit", field, path);
        }
        let start = self.at;
        self.need(start + u128::from(size), field, path)?;
        self.at = start + u128::from(size);
        Ok((field, &self.file[start as usize..self.at as usize]))
    }

    /// Rules 5, 6 and 13.
    fn name(&mut self, longest: usize, taken: &mut HashSet<&'a [u8]>, path: &str) -> Result<&'a [u8], Fault> {
        let (field, name) = self.string(path)?;
        let plain = core::str::from_utf8(name).is_ok_and(|text| !text.chars().any(char::is_control));
        if name.is_empty() || name.len() > longest || !plain || !taken.insert(name) {
            return fault("header", field, path);
        }
        Ok(name)
    }
}

/// Bytes of a value of a type that has a fixed size.
fn size_of(ty: u32) -> u128 {
    match ty {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        _ => 8,
    }
}

/// Rules 5 to 12.
fn entry<'a>(
    reader: &mut Reader<'a>,
    facts: &mut Facts,
    keys: &mut HashSet<&'a [u8]>,
    path: &str,
) -> Result<(), Fault> {
    let key = reader.name(65_535, keys, &format!("{path}.key"))?;
    facts.keys.push(key.to_vec());
    let at = reader.at;
    let ty = reader.u32(&format!("{path}.type"))?;
    if ty > 12 || (key == b"general.alignment" && ty != 4) {
        return fault("header", at, format!("{path}.type"));
    }
    let path = &format!("{path}.value");
    match ty {
        8 => drop(reader.string(path)?),
        9 => array(reader, path)?,
        _ => {
            let (at, bytes) = reader.take(size_of(ty), path)?;
            if ty == 7 && bytes[0] > 1 {
                return fault("header", at, path);
            }
            if key == b"general.alignment" {
                facts.alignment = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
                if !(3..=20).any(|power| facts.alignment == 1 << power) {
                    return fault("header", at, path);
                }
            }
        }
    }
    Ok(())
}

fn array(reader: &mut Reader<'_>, path: &str) -> Result<(), Fault> {
    let at = reader.at;
    let of = reader.u32(path)?;
    if of > 12 || of == 9 {
        return fault("header", at, path);
    }
    let count_at = reader.at;
    let count = reader.u64(path)?;
    if count > reader.limits.get(LimitId::ArrayItems) {
        return fault("limit", count_at, path);
    }
    if of == 8 {
        for _ in 0..count {
            reader.string(path)?;
        }
        return Ok(());
    }
    let end = reader.at + u128::from(count) * size_of(of);
    reader.need(end, count_at, path)?;
    if of == 7 {
        for at in reader.at..end {
            if reader.file[at as usize] > 1 {
                return fault("header", at, path);
            }
        }
    }
    reader.at = end;
    Ok(())
}

/// Elements and bytes of a block; rule 16.
fn block(ty: u32) -> Option<(u128, u128)> {
    Some(match ty {
        24 => (1, 1),
        1 | 25 | 30 => (1, 2),
        0 | 26 => (1, 4),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        39 => (32, 17),
        40 => (64, 36),
        42 => (64, 18),
        41 => (128, 18),
        10 => (256, 84),
        11 | 21 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 | 35 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        _ => return None,
    })
}

/// Rules 13 to 18. Gives where the offset field stands; `tensors` gets the offset from the data start.
fn tensor<'a>(
    reader: &mut Reader<'a>,
    facts: &mut Facts,
    names: &mut HashSet<&'a [u8]>,
    sum: &mut u128,
    path: &str,
) -> Result<u128, Fault> {
    let name = reader.name(reader.limits.get(LimitId::NameBytes) as usize, names, &format!("{path}.name"))?;
    let at = reader.at;
    let count = reader.u32(&format!("{path}.dims"))?;
    if u64::from(count) > reader.limits.get(LimitId::Dimensions) {
        return fault("header", at, format!("{path}.dims"));
    }
    let first = reader.at;
    let (mut dims, mut product) = (Vec::new(), 1u128);
    for k in 0..count {
        let at = reader.at;
        let dim = reader.u64(&format!("{path}.dims[{k}]"))?;
        product *= u128::from(dim.max(1));
        if u128::from(dim) > I64_MAX || product > I64_MAX {
            return fault("layout", at, format!("{path}.dims[{k}]"));
        }
        dims.push(dim);
    }
    let at = reader.at;
    let ty = reader.u32(&format!("{path}.type"))?;
    let Some((elements, bytes)) = block(ty) else {
        return fault("header", at, format!("{path}.type"));
    };
    let row = u128::from(dims.first().copied().unwrap_or(1));
    let size = if dims.contains(&0) { 0 } else { product / elements * bytes };
    let padded = round_up(size, facts.alignment);
    if row % elements != 0 || size > I64_MAX || padded > I64_MAX {
        return fault("layout", first, format!("{path}.dims[0]"));
    }
    let field = reader.at;
    let offset = reader.u64(&format!("{path}.offset"))?;
    if u128::from(offset) != *sum || *sum + padded > I64_MAX {
        return fault("layout", field, format!("{path}.offset"));
    }
    *sum += padded;
    facts.tensors.push((name.to_vec(), dims, ty, offset, size as u64));
    Ok(field)
}

fn round_up(size: u128, alignment: u64) -> u128 {
    size.div_ceil(alignment.into()) * u128::from(alignment)
}

fn fault<T>(code: &'static str, offset: u128, path: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { code, offset: Some(offset as u64), path: path.into() })
}
