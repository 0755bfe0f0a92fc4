//! Names that two headers have in common.
//!
//! Both trees are walked at once. Where their names part, nothing below is looked at; where they do not, each node is
//! looked at once. Looking up every name of one in the other would cost a walk from the root for each, and whoever
//! wrote the names can make it as deep as a name has bits.

use super::bytes::Bytes;
use super::names::{Link, Names, Node, bit_of};
use super::pages::Pages;

/// Forks that one walk keeps in mind, in 4 KiB of stack: more than a name of 63 bytes has bits. A deeper one begins
/// another walk: 64 of them for a name of 4,096 bytes, the longest that limit NAME_BYTES allows.
const FORKS: usize = 512;

/// The records of one kind of a header.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) names: &'a Names,
    pub(crate) pages: &'a Pages,
}

/// A place in each tree, whose names may be the same.
///
/// Invariant: below both, all names agree in the bytes before `same`.
#[derive(Clone, Copy)]
struct Pair {
    links: [Link; 2],
    same: u64,
}

enum Step {
    /// No name is below both.
    Parted,
    /// A name of both: the record of the first tree.
    Same(usize),
    /// Both test the same bit.
    Fork,
    Down(Pair),
}

/// The first record of `one` whose name is one of `other`'s too. `work` grows by the bytes compared: at most the bytes
/// of all names of one of them, and two for each name of both.
pub(crate) fn first_shared(one: Records<'_>, other: Records<'_>, work: &mut u64) -> Option<usize> {
    let from = Pair { links: [one.names.root()?, other.names.root()?], same: 0 };
    let mut first = None;
    walk(one, other, from, &mut first, work);
    first
}

fn walk(one: Records<'_>, other: Records<'_>, from: Pair, first: &mut Option<usize>, work: &mut u64) {
    let mut forks = [[Link::default(); 2]; FORKS];
    let mut kept = 0usize;
    let mut next = Some(from);
    while let Some(pair) = next {
        next = match step(one, other, pair, work).unwrap_or(Step::Parted) {
            Step::Down(pair) => Some(pair),
            Step::Fork => {
                match (forks.get_mut(kept), children(one, other, pair.links, 1)) {
                    (Some(place), _) => {
                        *place = pair.links;
                        kept = kept.saturating_add(1);
                    }
                    (None, Some(far)) => walk(one, other, far, first, work),
                    (None, None) => {}
                }
                children(one, other, pair.links, 0)
            }
            step => {
                if let Step::Same(record) = step {
                    *first = Some(first.map_or(record, |first| first.min(record)));
                }
                let last = kept.checked_sub(1);
                kept = last.unwrap_or(0);
                last.and_then(|last| children(one, other, *forks.get(last)?, 1))
            }
        };
    }
}

/// One step down in the tree that tests the earlier bit. `None` cannot be: links lead somewhere.
fn step(one: Records<'_>, other: Records<'_>, pair: Pair, work: &mut u64) -> Option<Step> {
    let Pair { links: [mine, theirs], same } = pair;
    let (my_node, their_node) = (one.names.node(mine), other.names.node(theirs));
    let bit_of_node = |node: Option<&Node>| node.map_or(u32::MAX, Node::bit);
    let bit = bit_of_node(my_node).min(bit_of_node(their_node));
    let (my_name, their_name) = (one.name(mine)?, other.name(theirs)?);
    let index = u64::from(bit >> 3);
    let end = index.saturating_add(1).min(my_name.len().max(their_name.len()));
    for at in same..end {
        *work = work.saturating_add(1);
        let difference = byte(my_name, at) ^ byte(their_name, at);
        if difference != 0 && bit_of(at, difference) < bit {
            return Some(Step::Parted);
        }
    }
    let is_next = |node: &&Node| node.bit() == bit;
    Some(match (my_node.filter(is_next), their_node.filter(is_next)) {
        (None, None) => Step::Same(one.names.sample(mine)?),
        (Some(_), Some(_)) => Step::Fork,
        (Some(node), None) => Step::Down(Pair { links: [node.child(byte(their_name, index))?, theirs], same: index }),
        (None, Some(node)) => Step::Down(Pair { links: [mine, node.child(byte(my_name, index))?], same: index }),
    })
}

/// Behind a fork, the children with the names in which the bit is 0, or 1.
fn children(one: Records<'_>, other: Records<'_>, [mine, theirs]: [Link; 2], bit: usize) -> Option<Pair> {
    let node = one.names.node(mine)?;
    let child = |node: &Node| node.children().get(bit).copied();
    Some(Pair { links: [child(node)?, child(other.names.node(theirs)?)?], same: node.index() })
}

/// A name is read as if endless zeros followed it, as in its tree.
fn byte(name: Bytes<'_>, at: u64) -> u8 {
    name.byte(at).unwrap_or(0)
}

impl<'a> Records<'a> {
    /// A name below the link.
    fn name(self, link: Link) -> Option<Bytes<'a>> {
        Some(self.pages.string(self.names.start(self.names.sample(link)?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn build(names: &[Vec<u8>]) -> (Pages, Names) {
        let (mut pages, mut index) = (Pages::default(), Names::default());
        for name in names {
            let start = pages.len();
            pages.reserve(name.len() + 8).unwrap();
            pages.append(&(name.len() as u64).to_le_bytes());
            pages.append(name);
            index.reserve(1, usize::MAX).unwrap();
            assert!(index.insert(&pages, start, &mut 0), "{name:?} is there twice");
        }
        (pages, index)
    }

    /// Compares with a set, and holds the cost to what `first_shared` says.
    fn check(one: &[Vec<u8>], other: &[Vec<u8>]) {
        let theirs: HashSet<&Vec<u8>> = other.iter().collect();
        let expected = one.iter().position(|name| theirs.contains(name));
        let ((my_pages, mine), (their_pages, others)) = (build(one), build(other));
        let mut work = 0;
        let records = |names, pages| Records { names, pages };
        let found = first_shared(records(&mine, &my_pages), records(&others, &their_pages), &mut work);
        assert_eq!(found, expected, "{one:?} {other:?}");
        let bytes = |names: &[Vec<u8>]| names.iter().map(Vec::len).sum::<usize>();
        let most = bytes(one).min(bytes(other)) + 2 * (one.len() + other.len());
        assert!(work <= most as u64, "{work} bytes compared of at most {most}: {one:?} {other:?}");
    }

    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes, and no pointer is in it")]
    fn agrees_with_a_set_on_names_that_share_prefixes() {
        let mut seed = 7;
        for round in 0..1500 {
            let mut names = |most: u64| -> Vec<Vec<u8>> {
                let mut known = HashSet::new();
                let count = random(&mut seed) % most;
                let mut name = || -> Vec<u8> {
                    let length = 1 + random(&mut seed) % 5;
                    (0..length).map(|_| b"ab\x80\xffB"[(random(&mut seed) % 5) as usize]).collect()
                };
                (0..count).map(|_| name()).filter(|name| known.insert(name.clone())).collect()
            };
            let most = if round % 2 == 0 { 6 } else { 60 };
            let (one, other) = (names(most), names(most));
            check(&one, &other);
            check(&other, &one);
        }
    }

    /// A stem of one byte over and over, from which a name leaves at each of its bits, and `count` names at its end.
    fn deep(byte: u8, stem: usize, count: usize, tail: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
        let leaves = (0..stem).flat_map(|at| (0..6).map(move |bit| (at, bit))).map(|(at, bit)| {
            let mut name = vec![byte; at + 1];
            name[at] ^= 1 << bit;
            name.extend(tail(0).bytes());
            name
        });
        let ends = (0..count).map(|number| [vec![byte; stem], tail(number).into_bytes()].concat());
        leaves.chain(ends).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes, and no pointer is in it")]
    fn the_cost_is_that_of_the_names_however_deep_their_trees_are() {
        let count = 500;
        // By a bit that is 0 the stem goes on first, by one that is 1 last; with more forks than a walk keeps in mind.
        for (byte, stem) in [(b'@', 57), (b'?', 57), (b'@', 200), (b'?', 200), (b'U', 200)] {
            let even = deep(byte, stem, count, |number| format!("{:05}", 2 * number));
            let mut odd = deep(byte, stem, count, |number| format!("{:05}", 2 * number + 1));
            check(&even, &odd);
            odd.push(even[even.len() - 3].clone());
            odd.push(even[5].clone());
            odd.push(even[6 * stem - 1].clone());
            check(&even, &odd);
            check(&odd, &even);
            for name in [0, 3 * stem, 6 * stem - 1, even.len() - 1] {
                check(&odd[..6 * stem], &even[name..=name]);
                check(&even, &[&odd[..6 * stem], &even[name..=name]].concat());
            }
            check(&even, &even);
        }
    }

    #[test]
    fn no_name_and_names_that_go_on_are_others() {
        let names = |names: &[&str]| -> Vec<Vec<u8>> { names.iter().map(|name| name.as_bytes().to_vec()).collect() };
        for (one, other) in [(&[][..], &["a"][..]), (&["a"], &["ab"]), (&["ab", "b"], &["a", "abc", "bb"]), (&[], &[])]
        {
            check(&names(one), &names(other));
            check(&names(other), &names(one));
        }
        check(&names(&["b", "a", "c"]), &names(&["c", "a"]));
    }
}
