//! GGUF files out of decisions: good ones from zeros, and lies where the bytes ask for them.

use crate::source::Source;

/// id, elements of a block, bytes of a block.
const TYPES: [(u32, u64, u64); 12] = [
    (0, 1, 4),
    (24, 1, 1),
    (1, 1, 2),
    (2, 32, 18),
    (8, 32, 34),
    (12, 256, 144),
    (27, 1, 8),
    (39, 32, 17),
    (40, 64, 36),
    (41, 128, 18),
    (4, 32, 20),
    (43, 1, 1),
];

/// Names with every character that some reader treats apart.
const NAMES: [&[u8]; 14] = [
    b"general.name",
    b"a",
    b"ab",
    b"tokenizer.ggml.tokens",
    b"GGUF.version",
    b"__proto__",
    "caf\u{e9}".as_bytes(),
    b"general.alignment",
    b"a\x7f",
    b"\xff",
    b"a\0b",
    b"",
    "\u{85}".as_bytes(),
    b"sixty-four-bytes-sixty-four-bytes-sixty-four-bytes-sixty-four-byt",
];

/// A file. Whatever `source` says, it is at most some 40 KiB.
pub(crate) fn build(source: &mut Source<'_>) -> Vec<u8> {
    Builder { source, out: Vec::new(), fields: Vec::new() }.file()
}

struct Builder<'a, 'b> {
    source: &'a mut Source<'b>,
    out: Vec<u8>,
    /// Where numbers stand, and how wide they are: what lies are told in.
    fields: Vec<(usize, usize)>,
}

impl Builder<'_, '_> {
    fn file(mut self) -> Vec<u8> {
        let entries = self.source.below(6);
        let tensors = self.source.below(6);
        let alignment = match self.source.below(8) {
            0..5 => None,
            5 => Some(8),
            6 => Some(64),
            _ => Some(1 << self.source.below(22)),
        };
        self.out.extend(b"GGUF");
        let version = if self.source.chance(32) { 2 } else { 3 };
        self.u32(version);
        self.u64(tensors as u64);
        self.u64((entries + usize::from(alignment.is_some())) as u64);
        for index in 0..entries {
            if let (0, Some(alignment)) = (index, alignment) {
                self.alignment(alignment);
            }
            self.name(b'k', index);
            self.value();
        }
        if let (0, Some(alignment)) = (entries, alignment) {
            self.alignment(alignment);
        }
        let alignment = alignment.map_or(32, u64::from);
        let data = self.tensors(tensors, alignment);
        // A data region that is not worth building stays away: the file is truncated.
        if tensors > 0 || self.source.chance(64) {
            let start = (self.out.len() as u64).next_multiple_of(alignment.max(1));
            self.out.resize((start as usize).min(self.out.len() + 2048), 0);
            self.data(&data);
        }
        self.lies();
        self.out
    }

    fn alignment(&mut self, alignment: u32) {
        self.string(b"general.alignment");
        self.u32(4);
        self.u32(alignment);
    }

    /// A name of its own for record `index`, mostly.
    fn name(&mut self, prefix: u8, index: usize) {
        if self.source.chance(24) {
            let name = self.source.pick(&NAMES);
            return self.string(name);
        }
        let mut name = vec![prefix; 1 + self.source.below(3)];
        name.extend(index.to_string().bytes());
        if self.source.chance(16) {
            let odd = self.source.pick(&[0u8, 10, 0x80, 0xc3, 0x7f]);
            name.push(odd);
        }
        self.string(&name);
    }

    fn value(&mut self) {
        let ty = self.source.pick(&[8u32, 4, 9, 9, 7, 0, 1, 2, 3, 5, 6, 10, 11, 12, 9, 8]);
        self.u32(ty);
        if ty != 9 {
            return self.scalar(ty);
        }
        let of = self.source.pick(&[8u32, 7, 0, 4, 12, 3, 10, 8]);
        let items = if self.source.chance(20) { self.source.short() % 600 } else { self.source.below(6) };
        self.u32(of);
        self.u64(items as u64);
        for _ in 0..items {
            self.scalar(of);
        }
    }

    fn scalar(&mut self, ty: u32) {
        match ty {
            8 => {
                let size = if self.source.chance(4) { self.source.short() % 5000 } else { self.source.below(9) };
                let mut text = self.source.take(size).to_vec();
                text.resize(size, b'x');
                self.string(&text);
            }
            7 => {
                let bool = if self.source.chance(4) { self.source.byte() } else { self.source.byte() & 1 };
                self.out.push(bool);
            }
            0 | 1 => {
                let byte = self.source.byte();
                self.out.push(byte);
            }
            2 | 3 => {
                let short = self.source.short() as u16;
                self.out.extend(short.to_le_bytes());
            }
            4..=6 => {
                let word = self.source.short() as u32 * 65_537;
                self.u32(word);
            }
            _ => {
                let long = self.source.long();
                self.u64(long);
            }
        }
    }

    /// The records; gives each tensor's size and padded size.
    fn tensors(&mut self, count: usize, alignment: u64) -> Vec<(u64, u64)> {
        let (mut sum, mut data) = (0u64, Vec::new());
        for index in 0..count {
            self.name(b't', index);
            let (ty, block, block_bytes) = if self.source.chance(200) {
                TYPES[self.source.below(10)]
            } else {
                let which = self.source.below(TYPES.len());
                TYPES[if self.source.chance(32) { which } else { which % 10 }]
            };
            let dimensions = self.source.below(5);
            self.u32(dimensions as u32);
            let mut elements = 1u64;
            let mut row = 1u64;
            for k in 0..dimensions {
                let mut dim = match self.source.below(8) {
                    0..5 => 1 + self.source.below(3) as u64,
                    5 => 0,
                    6 => self.source.below(40) as u64,
                    _ => 1,
                };
                if k == 0 {
                    dim = if self.source.chance(12) { dim } else { dim * block };
                    row = dim;
                }
                if self.source.chance(6) {
                    dim = self.source.lie(dim);
                }
                self.u64(dim);
                elements = elements.wrapping_mul(dim);
            }
            self.u32(ty);
            let size = if row.is_multiple_of(block) { (elements / block).wrapping_mul(block_bytes) } else { 0 };
            let padded = size.checked_next_multiple_of(alignment.max(1)).unwrap_or(0);
            self.u64(sum);
            sum = sum.wrapping_add(padded);
            data.push((size, padded));
        }
        data
    }

    fn data(&mut self, tensors: &[(u64, u64)]) {
        let bare_end = self.source.chance(128);
        for (index, &(size, padded)) in tensors.iter().enumerate() {
            if padded > 16_384 || size > padded {
                return;
            }
            let fill = self.source.byte();
            self.out.resize(self.out.len() + size as usize, fill);
            let padding = if bare_end && index + 1 == tensors.len() { 0 } else { padded - size };
            self.out.resize(self.out.len() + padding as usize, 0);
        }
    }

    /// Wrong numbers in fields, bytes flipped, the end moved: all of them seldom.
    fn lies(&mut self) {
        while self.source.chance(48) && !self.fields.is_empty() {
            let (at, width) = self.fields[self.source.short() % self.fields.len()];
            let mut truth = [0; 8];
            truth[..width].copy_from_slice(&self.out[at..at + width]);
            let lie = self.source.lie(u64::from_le_bytes(truth));
            self.out[at..at + width].copy_from_slice(&lie.to_le_bytes()[..width]);
        }
        while self.source.chance(24) && !self.out.is_empty() {
            let at = self.source.short() % self.out.len();
            self.out[at] ^= 1 << self.source.below(8);
        }
        match self.source.below(16) {
            13 => self.out.truncate(self.source.short() % (self.out.len() + 1)),
            14 => {
                let more = self.source.below(70);
                self.out.resize(self.out.len() + more, 0);
            }
            15 => {
                let more = self.source.take(self.source.clone().below(40)).to_vec();
                self.out.extend(more);
            }
            _ => {}
        }
    }

    fn string(&mut self, text: &[u8]) {
        self.u64(text.len() as u64);
        self.out.extend(text);
    }

    fn u32(&mut self, value: u32) {
        self.fields.push((self.out.len(), 4));
        self.out.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.fields.push((self.out.len(), 8));
        self.out.extend(value.to_le_bytes());
    }
}
