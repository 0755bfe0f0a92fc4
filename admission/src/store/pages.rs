//! The header's bytes, kept in pages: growing never moves more than the first page.

use crate::error::Error;
use crate::memory;

/// Bytes of a page. One growing buffer would cost two to three times the header while it grows.
pub(crate) const PAGE: usize = 256 * 1024;

/// The first page starts with this much, so that a session over a small file costs little.
const FIRST: usize = 4 * 1024;

/// An append-only sequence of bytes.
///
/// Invariants: `len <= reserved`; page `i` holds the bytes `i * PAGE .. (i + 1) * PAGE`; every page but the last in use
/// is full; the pages that `reserve` asked for stand in `reserved`.
#[derive(Default)]
pub(crate) struct Pages {
    pages: Vec<Vec<u8>>,
    len: usize,
    reserved: usize,
}

impl Pages {
    pub(crate) fn len(&self) -> u64 {
        self.len as u64
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        memory::sum(self.reserved, memory::size_of_items::<Vec<u8>>(self.pages.capacity()))
    }

    /// What `held` will be once `extra` more bytes are reserved.
    pub(crate) fn held_with(&self, extra: usize) -> u64 {
        let (reserved, pages) = self.target(extra);
        memory::sum(reserved, memory::size_of_items::<Vec<u8>>(pages.max(self.pages.capacity())))
    }

    /// The reserved bytes, and the page slots, that hold `extra` more bytes.
    fn target(&self, extra: usize) -> (usize, usize) {
        let need = self.len.saturating_add(extra);
        let bytes = if need <= self.reserved {
            self.reserved
        } else if need <= PAGE {
            need.next_power_of_two().max(FIRST)
        } else {
            need.div_ceil(PAGE).saturating_mul(PAGE)
        };
        let pages = bytes.div_ceil(PAGE);
        // Page slots grow by doubling: 24 bytes for each 256 KiB.
        let slots =
            if pages <= self.pages.capacity() { self.pages.capacity() } else { pages.next_power_of_two().max(4) };
        (bytes, slots)
    }

    /// Makes room for `extra` more bytes; on an error nothing that is kept has changed.
    pub(crate) fn reserve(&mut self, extra: usize) -> Result<(), Error> {
        let (bytes, slots) = self.target(extra);
        memory::reserve(&mut self.pages, slots)?;
        while self.reserved < bytes {
            let in_use = self.pages.len();
            let whole = self.reserved.is_multiple_of(PAGE);
            let page_size = bytes.min(PAGE);
            if whole {
                let mut page = Vec::new();
                memory::reserve(&mut page, page_size)?;
                memory::push_reserved(&mut self.pages, page);
                self.reserved = in_use.saturating_mul(PAGE).saturating_add(page_size);
            } else if let Some(first) = self.pages.first_mut() {
                memory::reserve(first, page_size)?;
                self.reserved = page_size;
            }
        }
        Ok(())
    }

    /// Appends bytes that were reserved.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let within = self.len % PAGE;
            let Some(page) = self.pages.get_mut(self.len / PAGE) else {
                debug_assert!(false, "append without reserve");
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(PAGE.saturating_sub(within)));
            memory::append_reserved(page, now);
            self.len = self.len.saturating_add(now.len());
            bytes = later;
        }
    }

    /// Forgets all bytes from `len` on; their room stays.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.len = self.len.min(usize::try_from(len).unwrap_or(usize::MAX));
        let (full, rest) = (self.len / PAGE, self.len % PAGE);
        for (index, page) in self.pages.iter_mut().enumerate().skip(full) {
            page.truncate(if index == full { rest } else { 0 });
        }
    }

    /// The bytes from `at` to the end of its page; empty past the end.
    pub(crate) fn run(&self, at: u64) -> &[u8] {
        let at = at as usize; // `len` is a usize, so an offset inside is one too
        self.pages.get(at / PAGE).and_then(|page| page.get(at % PAGE..)).unwrap_or_default()
    }

    /// One byte; 0 past the end.
    pub(crate) fn byte(&self, at: u64) -> u8 {
        self.run(at).first().copied().unwrap_or(0)
    }

    /// `N` bytes from `at`, which may lie across two pages; zeros past the end.
    pub(crate) fn array<const N: usize>(&self, at: u64) -> [u8; N] {
        let run = self.run(at);
        if let Some(bytes) = run.first_chunk::<N>() {
            return *bytes;
        }
        let mut bytes = [0; N];
        let rest = self.run(at.saturating_add(run.len() as u64));
        for (to, from) in bytes.iter_mut().zip(run.iter().chain(rest)) {
            *to = *from;
        }
        bytes
    }

    pub(crate) fn u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(crate) fn u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_appended_in_any_pieces_read_back_across_pages() {
        let data = (0..251).collect::<Vec<u8>>().repeat(PAGE * 2 / 251 + 1);
        let small = if cfg!(miri) { 40_000 } else { 1000 };
        for piece in [small, PAGE - 1, PAGE + 1] {
            let mut pages = Pages::default();
            for chunk in data.chunks(piece) {
                let promised = pages.held_with(chunk.len());
                pages.reserve(chunk.len()).unwrap();
                assert_eq!(pages.held(), promised);
                pages.append(chunk);
            }
            assert_eq!(pages.bytes(0, data.len() as u64).to_vec().unwrap(), data);
            let at = PAGE as u64 - 3;
            assert_eq!(pages.u64(at).to_le_bytes(), data[PAGE - 3..PAGE + 5]);
        }
    }

    #[test]
    fn a_truncated_sequence_grows_again_from_where_it_was_cut() {
        let mut pages = Pages::default();
        pages.reserve(PAGE + 10).unwrap();
        pages.append(&vec![7; PAGE + 10]);
        pages.truncate(5);
        pages.append(&vec![9; PAGE]);
        assert_eq!(
            (pages.len(), pages.byte(4), pages.byte(5), pages.byte(PAGE as u64 + 4)),
            (PAGE as u64 + 5, 7, 9, 9)
        );
    }
}
