//! An admitted model whose file came in shards.

use super::model::Model;
use super::read::Read;
use crate::check::set::Set;
use crate::contract::Code;
use crate::error::Error;
use crate::format::{Header, Tensor};
use crate::sink::Builtin;

/// A model that comes in several files, the shards of a set: its tensors are found by name, in whichever shard.
///
/// Each shard is admitted as a file of its own, in any order and side by side. To check a set by its headers alone,
/// before its data is fetched, there is [`Set`](crate::Set).
///
/// ```
/// use std::fs::File;
///
/// use gguf_admission::{Options, SetModel, admit_reader};
///
/// let shards = ["examples/tiny-00001-of-00002.gguf", "examples/tiny-00002-of-00002.gguf"];
/// let admitted = |path| admit_reader(File::open(path)?, Options::resident()).map_err(std::io::Error::other);
/// let model = SetModel::new(shards.into_iter().map(admitted).collect::<Result<Vec<_>, _>>()?)?;
///
/// assert_eq!(model.header().str("general.architecture")?, "llama");
/// let names: Vec<String> = model.tensors().map(|tensor| tensor.name().to_string()).collect();
/// assert_eq!(names, ["token_embd.weight", "output.weight"]);
/// let (tensor, bytes) = model.tensor_named("output.weight").expect("it is in the second shard");
/// assert_eq!((tensor.dims(), bytes.len()), (&[8][..], 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Invariant: `shards[n]` is the model whose header says `split.no` n, and all of the set are there.
pub struct SetModel<S = Builtin> {
    pub(super) shards: Vec<Model<S>>,
}

impl<S> SetModel<S> {
    /// The model of these shards, which may come in any order.
    ///
    /// An error where they do not belong together or one is missing, by the tests of [`Set`](crate::Set) and with its
    /// code [`Set`](Code::Set). The models are dropped then: to keep them, join their headers in a `Set` before.
    pub fn new(mut shards: Vec<Model<S>>) -> Result<Self, Error> {
        // Without a lead the first is refused in its place.
        let lead = shards.iter().position(|shard| number(shard) == 0).unwrap_or(0);
        let Some(first) = shards.get(lead) else {
            return Err(Error::argument("a set has at least 1 shard", 0));
        };
        let mut set = Set::new(first.header())?;
        for (_, shard) in shards.iter().enumerate().filter(|(index, _)| *index != lead) {
            set.join(shard.header())?;
        }
        if let Some(missing) = (0..set.count()).find(|no| set.shard(*no).is_none()) {
            let message = format_args!("shard {missing} of {} is missing", set.count());
            return Err(Error::new(Code::Set, message));
        }
        shards.sort_unstable_by_key(number);
        Ok(SetModel { shards })
    }

    /// The shards, by `split.no`.
    pub fn shards(&self) -> &[Model<S>] {
        &self.shards
    }

    /// The lead's header, which has the metadata. Its tensors are those of the first shard alone.
    pub fn header(&self) -> &Header {
        #[expect(clippy::indexing_slicing, reason = "the invariant: a set has at least its lead")]
        self.shards[0].header()
    }

    /// The length of all files in bytes.
    pub fn length(&self) -> u64 {
        self.shards.iter().map(Model::length).fold(0, u64::saturating_add)
    }

    /// How many tensors, over all shards.
    pub fn tensor_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.header().tensor_count()).fold(0, usize::saturating_add)
    }

    /// The tensors of all shards, in the order of the shards.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        self.shards.iter().flat_map(|shard| shard.header().tensors())
    }

    /// Where the tensor with this name is: the number of its shard, and its index in the shard's header.
    pub fn find(&self, name: &str) -> Option<(usize, usize)> {
        let mut shards = self.shards.iter().enumerate();
        shards.find_map(|(no, shard)| Some((no, shard.header().tensor_index(name)?)))
    }

    /// Takes the shards out, by `split.no`.
    pub fn into_shards(self) -> Vec<Model<S>> {
        self.shards
    }
}

impl<S: Read> SetModel<S> {
    /// The tensor with this name: its record and its bytes.
    pub fn tensor_named(&self, name: &str) -> Option<(Tensor<'_>, &[u8])> {
        let (no, index) = self.find(name)?;
        let shard = self.shards.get(no)?;
        Some((shard.header().tensor(index)?, shard.tensor(index)?))
    }
}

/// The shard's number as its header says it. A header that does not say it is refused when it joins.
fn number<S>(shard: &Model<S>) -> u64 {
    shard.header().u64("split.no").unwrap_or(u64::MAX)
}
