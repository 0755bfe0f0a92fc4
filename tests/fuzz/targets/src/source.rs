//! Decisions out of the fuzzer's bytes.

/// Bytes as a stream of decisions. Past the end every byte is 0, which always is the ordinary choice.
#[derive(Clone)]
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
}

/// The bytes at an input's end that choose how the file before them is treated.
pub const CONTROL: usize = 32;

impl<'a> Source<'a> {
    /// Decides from `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Source { bytes }
    }

    /// Splits an input into its body and the decisions behind it, so that any file with `CONTROL` bytes behind it is an
    /// input.
    pub(crate) fn split(input: &'a [u8]) -> (&'a [u8], Source<'a>) {
        let (body, control) = input.split_at(input.len().saturating_sub(CONTROL));
        (body, Source::new(control))
    }

    /// Whether every byte was used.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    /// The next two bytes.
    pub(crate) fn short(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    /// The next eight bytes.
    pub(crate) fn long(&mut self) -> u64 {
        (0..8).fold(0, |value, _| value << 8 | u64::from(self.byte()))
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// True for `of_256` of the 256 values of a byte, the highest.
    pub(crate) fn chance(&mut self, of_256: u32) -> bool {
        u32::from(self.byte()) + of_256 > 255
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// So many bytes, or what is left.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

/// Numbers at which readers break.
const NASTY: [u64; 28] = [
    0,
    1,
    2,
    3,
    5,
    7,
    9,
    13,
    31,
    32,
    63,
    64,
    255,
    256,
    4096,
    65_535,
    65_536,
    65_537,
    1 << 20,
    (1 << 22) + 1,
    (1 << 31) - 1,
    1 << 32,
    (1 << 53) - 1,
    1 << 61,
    (1 << 63) - 32,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 31,
];

impl Source<'_> {
    /// A number at which readers break, or one near `truth`.
    pub(crate) fn lie(&mut self, truth: u64) -> u64 {
        match self.below(4) {
            0 => truth.wrapping_add(1),
            1 => truth.wrapping_sub(1),
            2 => self.pick(&NASTY),
            _ => self.pick(&NASTY).wrapping_add(truth),
        }
    }
}
