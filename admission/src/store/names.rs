//! The records of one kind (entries or tensors): where each starts, and which name it has.
//!
//! Names are kept in a crit-bit tree over the bytes where they lie. A duplicate is known when its last byte arrives,
//! the depth is bounded by the name's own bits (a hash table without a secret key can be flooded; sorting at the end
//! would find a duplicate after the faults behind it), and looking up costs no second index.

use core::ops::Range;

use super::bytes::Bytes;
use super::pages::Pages;
use crate::error::Error;
use crate::memory;

/// Invariants: record `i` starts with its name string at `starts[i]`; `nodes.len() + 1 == starts.len()`, or both are 0;
/// along every path the tested bits stand ever later in the name; all names below a node agree in the bits before its
/// own.
#[derive(Default)]
pub(crate) struct Names {
    starts: Vec<u32>,
    nodes: Vec<Node>,
    root: Link,
}

/// Tests one bit of a name. A name is read as if endless zeros followed it: none contains a NUL.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// The bit, counted from the name's first byte, the highest bit of a byte first; above it, in the top 8 bits, the
    /// byte of the sample in which it stands. A name has at most 65,535 bytes: a bit takes 19.
    test: u32,
    children: [Link; 2],
    /// Any record below.
    sample: u32,
}

/// A node, or (with the top bit) a record.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link(u32);

const RECORD: u32 = 1 << 31;

/// Bytes of index that a record costs: where it starts, and a node.
pub(crate) const RECORD_BYTES: u64 = memory::sum(size_of::<u32>(), size_of::<Node>());
const _: () = assert!(RECORD_BYTES == 20);

enum To {
    Node(usize),
    Record(usize),
}

/// Where a new node goes.
struct Place {
    /// The bit it tests.
    bit: u32,
    /// The node above, and on which side; the root has none.
    parent: Option<(usize, usize)>,
    /// What it takes the place of.
    displaced: Link,
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
    fn new(bit: u32, byte: u8, record: usize, other: Link) -> Node {
        let mut node = Node { test: bit | u32::from(byte) << 24, children: [other; 2], sample: record as u32 };
        let side = node.side(byte);
        if let Some(child) = node.children.get_mut(side) {
            *child = Link::record(record);
        }
        node
    }

    pub(super) fn bit(&self) -> u32 {
        self.test & 0x00ff_ffff
    }

    /// The index of the byte that holds the bit.
    pub(super) fn index(&self) -> u64 {
        u64::from(self.bit() >> 3)
    }

    /// That byte of the sample.
    fn sample_byte(&self) -> u8 {
        (self.test >> 24) as u8
    }

    /// Which child a name with this byte belongs to.
    fn side(&self, byte: u8) -> usize {
        usize::from(byte & (0x80 >> (self.test & 7)) != 0)
    }

    /// The child that a name with this byte belongs to.
    pub(super) fn child(&self, byte: u8) -> Option<Link> {
        self.children.get(self.side(byte)).copied()
    }

    /// Both, that of the names with a 0 first.
    pub(super) fn children(&self) -> [Link; 2] {
        self.children
    }
}

/// The first bit in which two bytes at `index` of a name differ.
pub(super) fn bit_of(index: u64, difference: u8) -> u32 {
    (index as u32).wrapping_mul(8).wrapping_add(difference.leading_zeros())
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The file offset of record `index`.
    pub(crate) fn start(&self, index: usize) -> Option<u64> {
        self.starts.get(index).map(|&start| u64::from(start))
    }

    /// Where the tree begins.
    pub(super) fn root(&self) -> Option<Link> {
        (!self.starts.is_empty()).then_some(self.root)
    }

    /// The node that a link leads to; a record is none.
    pub(super) fn node(&self, link: Link) -> Option<&Node> {
        match link.to() {
            To::Node(index) => self.nodes.get(index),
            To::Record(_) => None,
        }
    }

    /// Any record below a link, or the record that it leads to.
    pub(super) fn sample(&self, link: Link) -> Option<usize> {
        match link.to() {
            To::Node(index) => Some(self.nodes.get(index)?.sample as usize),
            To::Record(index) => Some(index),
        }
    }

    /// Bytes requested from the allocator.
    pub(crate) fn held(&self) -> u64 {
        self.held_at_least(0)
    }

    /// What is held once there is room for so many records.
    fn held_at_least(&self, records: usize) -> u64 {
        memory::sum(
            memory::size_of_items::<u32>(self.starts.capacity().max(records)),
            memory::size_of_items::<Node>(self.nodes.capacity().max(records)),
        )
    }

    /// The capacity that holds `extra` more records; at most twice what has arrived, and never above `declared`.
    fn target(&self, extra: usize, declared: usize) -> usize {
        let need = self.len().saturating_add(extra).min(declared);
        let capacity = self.starts.capacity();
        if need <= capacity { capacity } else { need.max(capacity.saturating_mul(2)).min(declared) }
    }

    /// What `held` will be once `extra` more records are reserved.
    pub(crate) fn held_with(&self, extra: usize, declared: usize) -> u64 {
        self.held_at_least(self.target(extra, declared))
    }

    pub(crate) fn reserve(&mut self, extra: usize, declared: usize) -> Result<(), Error> {
        let target = self.target(extra, declared);
        memory::reserve(&mut self.nodes, target)?;
        memory::reserve(&mut self.starts, target)
    }

    /// Adds the record whose name string starts at `start`; `false` when its name is there already.
    /// `work` grows by the bytes of the name that were compared: at most all of them once, and one more.
    pub(crate) fn insert(&mut self, pages: &Pages, start: u64, work: &mut u64) -> bool {
        let name = pages.string(start);
        let record = self.starts.len();
        if record == 0 {
            self.root = Link::record(0);
        } else {
            let Some(Place { bit, parent, displaced }) = self.place(pages, name) else {
                *work = work.saturating_add(name.len());
                return false;
            };
            let index = u64::from(bit >> 3);
            *work = work.saturating_add(index).saturating_add(1);
            let byte = name.byte(index).unwrap_or(0);
            let fresh = Link::node(self.nodes.len());
            let place = parent.and_then(|(index, side)| self.nodes.get_mut(index)?.children.get_mut(side));
            *place.unwrap_or(&mut self.root) = fresh;
            memory::push_reserved(&mut self.nodes, Node::new(bit, byte, record, displaced));
        }
        memory::push_reserved(&mut self.starts, start as u32); // HEADER_BYTES is below 2^32
        true
    }

    /// Where a node for `name` goes; `None`: the name is there already.
    ///
    /// The way down compares the name with a sample of a node, from where the last comparison ended. The first node
    /// whose bit comes after a difference is displaced. Each byte of the name is looked at once, up to the difference.
    fn place(&self, pages: &Pages, name: Bytes<'_>) -> Option<Place> {
        let run = name.run(0);
        let byte_at = |at: usize| run.get(at).copied().unwrap_or_else(|| name.byte(at as u64).unwrap_or(0));
        let mut parent = None;
        let mut link = self.root;
        let mut same = 0;
        while let To::Node(index) = link.to() {
            let node = self.nodes.get(index)?;
            let at = node.index();
            // Most nodes test the byte that the node above them tests.
            if same < at {
                let sample = pages.string(self.start(node.sample as usize)?);
                if let Some(bit) = first_difference(name, sample, same..at) {
                    return Some(Place { bit, parent, displaced: link });
                }
                same = at;
            }
            let byte = byte_at(at as usize);
            let difference = byte ^ node.sample_byte();
            if difference != 0 && bit_of(at, difference) < node.bit() {
                return Some(Place { bit: bit_of(at, difference), parent, displaced: link });
            }
            let side = node.side(byte);
            parent = Some((index, side));
            link = *node.children.get(side)?;
        }
        let To::Record(record) = link.to() else { return None };
        let other = pages.string(self.start(record)?);
        let bit = first_difference(name, other, same..name.len().max(other.len()))?;
        Some(Place { bit, parent, displaced: link })
    }

    /// The record named `name`.
    pub(crate) fn find(&self, pages: &Pages, name: &[u8]) -> Option<usize> {
        let byte = |at| usize::try_from(at).ok().and_then(|at| name.get(at)).copied();
        self.candidate(byte).filter(|index| self.start(*index).is_some_and(|start| pages.string(start) == *name))
    }

    /// The only record that can have the name of these bytes.
    fn candidate(&self, byte: impl Fn(u64) -> Option<u8>) -> Option<usize> {
        if self.starts.is_empty() {
            return None;
        }
        let mut link = self.root;
        loop {
            match link.to() {
                To::Record(index) => return Some(index),
                To::Node(index) => {
                    let node = self.nodes.get(index)?;
                    link = *node.children.get(node.side(byte(node.index()).unwrap_or(0)))?;
                }
            }
        }
    }
}

/// The first bit in which two names differ, among the bytes `range`.
fn first_difference(one: Bytes<'_>, other: Bytes<'_>, range: Range<u64>) -> Option<u32> {
    let mut at = range.start;
    while at < range.end {
        let here = one.run(at).iter().zip(other.run(at)).take(range.end.saturating_sub(at) as usize);
        at = at.saturating_add(here.take_while(|(one, other)| one == other).count() as u64);
        if at < range.end {
            let difference = one.byte(at).unwrap_or(0) ^ other.byte(at).unwrap_or(0);
            if difference != 0 {
                return Some(bit_of(at, difference));
            }
            at = at.saturating_add(1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::pages::PAGE;
    use std::collections::HashMap;

    /// The names one behind the other, from byte `at` on, and whether each of them was new.
    fn build(at: usize, names: &[Vec<u8>]) -> (Pages, Names, Vec<bool>) {
        let (mut pages, mut index, mut fresh) = (Pages::default(), Names::default(), Vec::new());
        pages.reserve(at).unwrap();
        pages.append(&vec![0; at]);
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
        let count = if cfg!(miri) { 150 } else { 4000 };
        let names: Vec<Vec<u8>> = (0..count)
            .map(|_| (0..1 + random() % 6).map(|_| b"ab\x80\xffB"[(random() % 5) as usize]).collect())
            .collect();
        let (pages, index, fresh) = build(0, &names);
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
        assert_eq!(build(0, &names).2, [true, true, true, true, false]);
    }

    #[test]
    fn a_name_across_pages_is_the_same_name() {
        let names = ["blk.1.norm", "blk.10.norm", "blk.1.nor", "blk.1.norm", "blk.2.norm", "blk.10.norm", "blk.2"];
        let names = names.map(|name| name.as_bytes().to_vec());
        let all: usize = names.iter().map(|name| name.len() + 8).sum();
        for before in (0..all).step_by(if cfg!(miri) { 31 } else { 1 }) {
            let (pages, index, fresh) = build(PAGE - before, &names);
            assert_eq!(fresh, [true, true, true, false, true, false, true], "{before} bytes before the page's end");
            for (name, record) in [(0, 0), (1, 1), (2, 2), (4, 3), (6, 4)].map(|(name, at)| (&names[name], at)) {
                assert_eq!(index.find(&pages, name), Some(record), "{before} bytes before the page's end");
            }
        }
    }
}
