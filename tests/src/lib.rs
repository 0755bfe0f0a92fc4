//! What the comparative tests share: the corpus with its expectations, ways to feed a file, and nasty doubles.
//!
//! Tests are written from the contract (docs/abi-v2.md): the expectations are made by hand or by the naive oracle in
//! `corpus/`, never by the code under test.

pub mod allocator;
pub mod calls;
pub mod corpus;
pub mod dice;
pub mod evidence;
pub mod feed;
pub mod files;
pub mod next_reader;
pub mod shards;
pub mod sinks;
pub mod verdict;
pub mod writer;

/// The examples of the pages run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../admission/README.md")]
    struct CrateReadme;
    #[doc = include_str!("../../docs/migration.md")]
    struct Migration;
}
