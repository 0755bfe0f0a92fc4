//! Writes GGUF files for the tests that need them huge or crafted; the corpus has the small ones.

/// A file under way. Counts are given at the start, as the format wants them.
pub struct Writer {
    /// The bytes so far.
    pub bytes: Vec<u8>,
    data: u64,
}

/// A file with one entry and tensors of these sizes, with all its padding.
pub fn file_of(sizes: &[usize], alignment: usize) -> Vec<u8> {
    let mut writer = Writer::new(sizes.len() as u64, 1);
    writer.entry_u32(b"general.alignment", alignment as u32);
    for (index, size) in sizes.iter().enumerate() {
        writer.tensor(format!("t{index}").as_bytes(), *size as u64, alignment as u64);
    }
    writer.pad(alignment);
    for (index, size) in sizes.iter().enumerate() {
        writer.data(index, *size, alignment);
    }
    writer.bytes
}

impl Writer {
    /// Magic, version 3 and the counts.
    pub fn new(tensors: u64, entries: u64) -> Self {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        Writer { bytes, data: 0 }
    }

    /// A length and bytes.
    pub fn string(&mut self, text: &[u8]) -> &mut Self {
        self.bytes.extend((text.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(text);
        self
    }

    /// A key and the number of its value type.
    pub fn key(&mut self, key: &[u8], ty: u32) -> &mut Self {
        self.string(key);
        self.bytes.extend(ty.to_le_bytes());
        self
    }

    /// An entry with a u8 value.
    pub fn entry_u8(&mut self, key: &[u8], value: u8) -> &mut Self {
        self.key(key, 0).bytes.push(value);
        self
    }

    /// An entry with a u32 value.
    pub fn entry_u32(&mut self, key: &[u8], value: u32) -> &mut Self {
        self.key(key, 4).bytes.extend(value.to_le_bytes());
        self
    }

    /// An entry with a string value.
    pub fn entry_string(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.key(key, 8).string(value)
    }

    /// An entry with an array: key, element type and count; the elements are the caller's to write.
    pub fn entry_array(&mut self, key: &[u8], of: u32, count: u64) -> &mut Self {
        self.key(key, 9).bytes.extend(of.to_le_bytes());
        self.bytes.extend(count.to_le_bytes());
        self
    }

    /// A tensor of I8, whose size is its one dimension.
    pub fn tensor(&mut self, name: &[u8], size: u64, alignment: u64) -> &mut Self {
        self.tensor_of(name, 24, &[size], size, alignment)
    }

    /// A tensor of type `ty` and these dimensions, the fastest running first, which takes `size` bytes.
    pub fn tensor_of(&mut self, name: &[u8], ty: u32, dims: &[u64], size: u64, alignment: u64) -> &mut Self {
        self.string(name);
        self.bytes.extend((dims.len() as u32).to_le_bytes());
        self.bytes.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        self.bytes.extend(ty.to_le_bytes());
        self.bytes.extend(self.data.to_le_bytes());
        self.data += size.next_multiple_of(alignment);
        self
    }

    /// Zeros up to the alignment.
    pub fn pad(&mut self, alignment: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
        self
    }

    /// Data that shows where it was shifted, and its padding.
    pub fn data(&mut self, tensor: usize, size: usize, alignment: usize) -> &mut Self {
        self.bytes.extend((0..size).map(|at| ((tensor * 7 + at) % 255 + 1) as u8));
        self.pad(alignment)
    }
}
