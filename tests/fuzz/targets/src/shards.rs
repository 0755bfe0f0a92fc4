//! Small shards of sets, good and odd, and what they say: written down by hand, not read back.

use gguf_admission::Code;

use crate::source::Source;

/// Tensors have these names, so that two shards often have the same.
const NAMES: usize = 9;

/// Keys of a set in the order of a file, with the number and the bytes of the type that they must have.
const KEYS: [(&str, u32, usize); 3] = [("split.no", 2, 2), ("split.count", 2, 2), ("split.tensors.count", 5, 4)];
const U8: u32 = 0;

/// Why a shard is refused: code, offset and path.
pub(crate) type Unfit = (Code, Option<u64>, String);

/// A number of a shard: what it is, and where; `value` is none where key or type is not as it must be.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) value: Option<i64>,
    offset: Option<u64>,
    path: String,
}

/// A shard's file, and what it says.
pub(crate) struct Shard {
    pub(crate) file: Vec<u8>,
    pub(crate) header_end: usize,
    pub(crate) no: Said,
    pub(crate) count: Said,
    pub(crate) total: Said,
    /// The names of its tensors, each with the offset of its record.
    pub(crate) names: Vec<(u8, u64)>,
}

impl Said {
    pub(crate) fn unfit(&self) -> Unfit {
        (Code::Set, self.offset, self.path.clone())
    }
}

impl Shard {
    /// Mostly one that fits a set of three.
    pub(crate) fn drawn(source: &mut Source<'_>) -> Shard {
        let no = source.below(3) as i64;
        let count = if source.chance(24) { [0, 1, 2, 64, 65, 65_535][source.below(6)] } else { 3 };
        let total = if source.chance(24) { [-1, 0, 1, 9][source.below(4)] } else { 4 };
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        let mut names: Vec<u8> = (0..source.below(3)).map(|_| source.below(NAMES) as u8).collect();
        names.dedup();
        let missing = if source.chance(16) { source.below(3) } else { 3 };
        let other_type = if source.chance(16) { source.below(3) } else { 3 };
        file.extend((names.len() as u64).to_le_bytes());
        file.extend((if missing < 3 { 2u64 } else { 3 }).to_le_bytes());
        let mut entries = 0;
        let mut said = [no, count, total].into_iter().enumerate().map(|(key, value)| {
            let (name, ty, width) = KEYS[key];
            if key == missing {
                return Said { value: None, offset: None, path: String::new() };
            }
            let (ty, width) = if key == other_type { (U8, 1) } else { (ty, width) };
            text(&mut file, name);
            file.extend(ty.to_le_bytes());
            let offset = file.len() as u64;
            file.extend(&value.to_le_bytes()[..width]);
            entries += 1;
            let holds = key != other_type && !(key == 1 && value == 0) && value >= 0;
            let path = format!("metadata[{}].value", entries - 1);
            Said { value: holds.then_some(value), offset: Some(offset), path }
        });
        let [no, count, total] = [said.next(), said.next(), said.next()].map(|said| said.expect("three keys"));
        drop(said);
        let mut records = Vec::new();
        for (index, name) in names.iter().enumerate() {
            records.push((*name, file.len() as u64));
            text(&mut file, &format!("t{name}"));
            file.extend(1u32.to_le_bytes());
            file.extend(8u64.to_le_bytes());
            file.extend(0u32.to_le_bytes());
            file.extend((index as u64 * 32).to_le_bytes());
        }
        if !names.is_empty() {
            file.resize(file.len().next_multiple_of(32), 0);
        }
        let header_end = records.last().map_or(file.len(), |(_, at)| *at as usize + 8 + 2 + 4 + 8 + 4 + 8);
        file.resize(file.len() + names.len() * 32, 1);
        Shard { file, header_end, no, count, total, names: records }
    }

    /// The first of the three numbers that is not there as it must be.
    pub(crate) fn unsaid(&self) -> Option<Unfit> {
        [&self.no, &self.count, &self.total].into_iter().find(|said| said.value.is_none()).map(Said::unfit)
    }

    pub(crate) fn over_64(&self) -> Unfit {
        (Code::Limit, self.count.offset, self.count.path.clone())
    }
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}
