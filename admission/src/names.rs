//! The records of one kind (entries or tensors): where each starts, and which name it has.
//!
//! Names are kept in a crit-bit tree over the bytes where they lie. A duplicate is known when its last byte arrives, the
//! depth is bounded by the name's own bits (a hash table without a secret key can be flooded; sorting at the end
//! would find a duplicate after the faults behind it), and looking up costs no second index.

use crate::bytes::Bytes;
use crate::error::Error;
use crate::memory;
use crate::pages::Pages;

/// Invariants: record `i` starts with its name string at `starts[i]`; `nodes.len() + 1 == starts.len()`, or both are 0;
/// along every path the tested bits stand ever later in the name.
#[derive(Default)]
pub(crate) struct Names {
    starts: Vec<u32>,
    nodes: Vec<Node>,
    root: Link,
}

/// Tests one bit of a name. A name is read as if endless zeros followed it: none contains a NUL.
#[derive(Clone, Copy)]
struct Node {
    byte: u32,
    mask: u8,
    children: [Link; 2],
}

/// A node, or (with the top bit) a record.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Link(u32);

const RECORD: u32 = 1 << 31;

enum To {
    Node(usize),
    Record(usize),
}

impl Link {
    // Both counts are bounded by a limit far below 2^31.
    fn record(index: usize) -> Link {
        Link(index as u32 | RECORD)
    }

    fn node(index: usize) -> Link {
        Link(index as u32)
    }

    fn to(self) -> To {
        let index = (self.0 & !RECORD) as usize;
        if self.0 & RECORD == 0 { To::Node(index) } else { To::Record(index) }
    }
}

impl Node {
    fn side(&self, name: &Bytes<'_>) -> usize {
        usize::from(name.byte(u64::from(self.byte)).unwrap_or(0) & self.mask != 0)
    }

    fn child(&self, side: usize) -> Link {
        self.children.get(side).copied().unwrap_or_default()
    }
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The file offset of record `index`.
    pub(crate) fn start(&self, index: usize) -> Option<u64> {
        self.starts.get(index).map(|&start| u64::from(start))
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        Self::size(self.starts.capacity())
    }

    fn size(records: usize) -> u64 {
        memory::sum(memory::size_of_items::<u32>(records), memory::size_of_items::<Node>(records))
    }

    /// The capacity that holds `extra` more records; at most twice what has arrived, and never above `declared`.
    fn target(&self, extra: usize, declared: usize) -> usize {
        let need = self.len().saturating_add(extra).min(declared);
        let capacity = self.starts.capacity();
        if need <= capacity { capacity } else { need.max(capacity.saturating_mul(2)).min(declared) }
    }

    /// What `held` will be once `extra` more records are reserved.
    pub(crate) fn held_with(&self, extra: usize, declared: usize) -> u64 {
        Self::size(self.target(extra, declared))
    }

    pub(crate) fn reserve(&mut self, extra: usize, declared: usize) -> Result<(), Error> {
        let target = self.target(extra, declared);
        memory::reserve(&mut self.nodes, target)?;
        memory::reserve(&mut self.starts, target)
    }

    /// Adds the record whose name string starts at `start`; `false` when its name is there already.
    /// `work` grows by the bytes looked at.
    pub(crate) fn insert(&mut self, pages: &Pages, start: u64, work: &mut u64) -> bool {
        let name = pages.string(start);
        let record = self.starts.len();
        if record > 0 {
            let Some((byte, difference)) = self.difference(pages, &name, work) else {
                return false;
            };
            let mask = 0x80u8 >> difference.leading_zeros();
            let side = usize::from(name.byte(byte).unwrap_or(0) & mask != 0);
            let fresh = Link::node(self.nodes.len());
            let displaced = core::mem::replace(self.place(&name, byte, mask, work), fresh);
            let mut children = [displaced; 2];
            if let Some(child) = children.get_mut(side) {
                *child = Link::record(record);
            }
            memory::push_reserved(&mut self.nodes, Node { byte: byte as u32, mask, children });
        } else {
            self.root = Link::record(0);
        }
        memory::push_reserved(&mut self.starts, start as u32); // HEADER_BYTES is below 2^32
        true
    }

    /// The first byte in which `name` differs from the most similar name, and how; `None`: they are the same.
    fn difference(&self, pages: &Pages, name: &Bytes<'_>, work: &mut u64) -> Option<(u64, u8)> {
        let other = pages.string(self.start(self.nearest(name, work))?);
        let longest = name.len().max(other.len());
        for index in 0..longest {
            *work = work.saturating_add(1);
            let difference = name.byte(index).unwrap_or(0) ^ other.byte(index).unwrap_or(0);
            if difference != 0 {
                return Some((index, difference));
            }
        }
        None
    }

    fn nearest(&self, name: &Bytes<'_>, work: &mut u64) -> usize {
        let mut link = self.root;
        let mut seen = None;
        loop {
            match link.to() {
                To::Record(index) => return index,
                To::Node(index) => {
                    let Some(node) = self.nodes.get(index) else {
                        return 0;
                    };
                    if seen.replace(node.byte) != Some(node.byte) {
                        *work = work.saturating_add(1);
                    }
                    link = node.child(node.side(name));
                }
            }
        }
    }

    /// The link that a node for this bit displaces: the first whose own bit comes later.
    fn place(&mut self, name: &Bytes<'_>, byte: u64, mask: u8, work: &mut u64) -> &mut Link {
        let mut parent: Option<(u64, usize, usize)> = None;
        let mut link = self.root;
        while let To::Node(index) = link.to() {
            let Some(node) = self.nodes.get(index) else {
                break;
            };
            let at = u64::from(node.byte);
            if at > byte || (at == byte && node.mask < mask) {
                break;
            }
            if parent.is_none_or(|(byte, ..)| byte != at) {
                *work = work.saturating_add(1);
            }
            let side = node.side(name);
            parent = Some((at, index, side));
            link = node.child(side);
        }
        match parent {
            Some((_, index, side)) => match self.nodes.get_mut(index).and_then(|node| node.children.get_mut(side)) {
                Some(link) => link,
                None => &mut self.root,
            },
            None => &mut self.root,
        }
    }

    /// The record named `name`.
    pub(crate) fn find(&self, pages: &Pages, name: &[u8]) -> Option<usize> {
        let mut link = self.root;
        if self.starts.is_empty() {
            return None;
        }
        loop {
            match link.to() {
                To::Record(index) => {
                    return (pages.string(self.start(index)?) == *name).then_some(index);
                }
                To::Node(index) => {
                    let node = self.nodes.get(index)?;
                    let byte = usize::try_from(node.byte).ok().and_then(|at| name.get(at)).copied().unwrap_or(0);
                    link = node.child(usize::from(byte & node.mask != 0));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn build(names: &[Vec<u8>]) -> (Pages, Names, Vec<bool>) {
        let (mut pages, mut index, mut fresh) = (Pages::default(), Names::default(), Vec::new());
        for name in names {
            let start = pages.len();
            pages.reserve(name.len() + 8).unwrap();
            pages.append(&(name.len() as u64).to_le_bytes());
            pages.append(name);
            index.reserve(1, usize::MAX).unwrap();
            fresh.push(index.insert(&pages, start, &mut 0));
        }
        (pages, index, fresh)
    }

    #[test]
    fn agrees_with_a_map_on_names_that_share_prefixes() {
        let mut seed = 7u64;
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let names: Vec<Vec<u8>> = (0..4000)
            .map(|_| (0..1 + random() % 6).map(|_| b"ab\x80\xffB"[(random() % 5) as usize]).collect())
            .collect();
        let (pages, index, fresh) = build(&names);
        let mut map = HashMap::new();
        for (name, fresh) in names.iter().zip(&fresh) {
            let next = map.len();
            assert_eq!(*fresh, !map.contains_key(name));
            map.entry(name.clone()).or_insert(next);
        }
        for (name, record) in &map {
            assert_eq!(index.find(&pages, name), Some(*record));
        }
        for missing in [&b""[..], b"c", b"abababababab", b"a\0"] {
            assert_eq!(index.find(&pages, missing), None);
        }
        assert_eq!(index.len(), map.len());
    }

    #[test]
    fn a_prefix_is_another_name() {
        let names: Vec<Vec<u8>> = [&b"a"[..], b"ab", b"abc", b"b", b"ab"].map(Vec::from).into();
        assert_eq!(build(&names).2, [true, true, true, true, false]);
    }
}
