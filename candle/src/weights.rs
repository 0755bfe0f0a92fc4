//! The sink: every tensor of a file as a tensor of candle's.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::Shape;
use candle_core::quantized::{QStorage, QTensor};
use gguf_admission::{
    Code, Error, Header, Keep, Lend, Path, Plan, Read, Resident, Sink, Storage, Tensor, Verify, Zone,
};

use crate::blocks::Blocks;
use crate::memory;

/// What candle allocates beside the blocks of a tensor, at most: the box of its vector, and the `QTensor` with the
/// counters of its `Arc`.
const RECORD: usize = size_of::<QTensor>() + 64;

/// Lent for padding and for bytes behind the last tensor, which are checked and thrown away.
const GAP: usize = 4096;

/// The weights of a model, as candle's tensors, filled while the file streams in.
///
/// Invariants: `slots` are in file order, and so are their bytes; `by_name` has the index of every slot, sorted by
/// name; all slots are filling until the commit and ready after it; until then `records` keeps the room for what candle
/// allocates in the commit, where running out of memory could not be told.
#[derive(Default)]
pub struct Weights {
    /// The whole sink, where a host only verifies.
    verify: Option<Verify>,
    slots: Vec<Slot>,
    by_name: Vec<u32>,
    /// No slot before this one takes the byte that was asked for last.
    current: usize,
    gap: Vec<u8>,
    records: Vec<u8>,
    held: u64,
}

struct Slot {
    name: String,
    shape: Vec<usize>,
    /// File offset of the first byte, and how many bytes there are.
    start: u64,
    bytes: u64,
    data: Data,
}

enum Data {
    Filling(Blocks),
    Ready(Arc<QTensor>),
    /// Between the two.
    Taken,
}

impl Weights {
    /// No tensors yet.
    pub fn new() -> Self {
        Weights::default()
    }

    /// The tensor with this name, which must have this shape: rows first, as candle counts, which is the file's
    /// dimensions backwards. An error names the tensor that is not there, or its shape.
    pub fn get<S: Into<Shape>>(&self, shape: S, name: &str) -> candle_core::Result<Arc<QTensor>> {
        let shape = shape.into();
        let tensor =
            self.find(name).ok_or_else(|| candle_core::Error::CannotFindTensor { path: to_string(name) }.bt())?;
        if tensor.shape() != &shape {
            return Err(candle_core::Error::UnexpectedShape {
                msg: to_string(name),
                expected: shape,
                got: tensor.shape().clone(),
            }
            .bt());
        }
        Ok(Arc::clone(tensor))
    }

    /// The tensor with this name, whatever its shape.
    pub fn find(&self, name: &str) -> Option<&Arc<QTensor>> {
        let at = self.by_name.binary_search_by(|index| self.name_of(*index).cmp(name)).ok()?;
        self.tensor(*self.by_name.get(at)? as usize)
    }

    /// Tensor `index` of the file; none before the model is admitted.
    pub fn tensor(&self, index: usize) -> Option<&Arc<QTensor>> {
        match &self.slots.get(index)?.data {
            Data::Ready(tensor) => Some(tensor),
            Data::Filling(_) | Data::Taken => None,
        }
    }

    /// All tensors with their names, in file order; none before the model is admitted.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Arc<QTensor>)> {
        let named = self.slots.iter().enumerate();
        named.filter_map(|(index, slot)| Some((slot.name.as_str(), self.tensor(index)?)))
    }

    fn name_of(&self, index: u32) -> &str {
        self.slots.get(index as usize).map_or("", |slot| &slot.name)
    }
}

impl Sink for Weights {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        if let Some(verify) = &self.verify {
            return verify.requires(plan);
        }
        let gap = gap(plan) as u64;
        plan.header.tensors().fold(gap, |sum, tensor| {
            let record = record(&tensor) as u64;
            sum.saturating_add(tensor.bytes).saturating_add(record)
        })
    }

    fn held(&self) -> u64 {
        if let Some(verify) = &self.verify {
            return verify.held();
        }
        self.held
    }

    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        if let Some(verify) = &self.verify {
            return verify.check(plan);
        }
        // What no memory can hold is refused as the sink that comes with the core refuses it.
        Resident::default().check(plan)?;
        plan.header.tensors().enumerate().try_for_each(|(index, tensor)| {
            let dims = tensor.dims();
            // The type stands before the offset, and the dimensions with their count before the type.
            let type_at = plan.header.offset_field(index).map_or(0, |at| at.saturating_sub(4));
            if !Blocks::are_known(tensor.ty) {
                return Err(unknown(&tensor, type_at, index));
            }
            let elements = dims.iter().rev().try_fold(1usize, |all, dim| all.checked_mul(usize::try_from(*dim).ok()?));
            if dims.is_empty() || elements.is_none() {
                let at = type_at.saturating_sub((dims.len() as u64).saturating_mul(8)).saturating_sub(4);
                let why = format_args!("tensor {:?} of dimensions {dims:?} has no shape in candle", tensor.name());
                return Err(Error::at(Code::Limit, at, Path::Dims(index as u32), why));
            }
            Ok(())
        })
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        if let Some(verify) = &mut self.verify {
            return verify.reserve(plan);
        }
        let count = plan.header.tensor_count();
        let mut new = Weights { held: self.requires(plan), ..Weights::default() };
        memory::reserve(&mut new.slots, count)?;
        for tensor in plan.header.tensors() {
            memory::push_reserved(&mut new.slots, Slot::reserve(&tensor)?);
        }
        memory::reserve(&mut new.by_name, count)?;
        (0..count as u32).for_each(|index| memory::push_reserved(&mut new.by_name, index));
        let slots = &new.slots;
        let name = |index: &u32| slots.get(*index as usize).map(|slot| slot.name.as_str());
        new.by_name.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
        memory::reserve(&mut new.gap, gap(plan))?;
        memory::resize_reserved(&mut new.gap, gap(plan), 0);
        memory::reserve(&mut new.records, count.saturating_mul(RECORD))?;
        *self = new;
        Ok(())
    }

    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        if let Some(verify) = &mut self.verify {
            return verify.write(offset, zone, bytes);
        }
        let Zone::Tensor { index, at } = zone else {
            return Ok(());
        };
        let place = self.slots.get_mut(index).map(|slot| slot.place(at, bytes.len())).unwrap_or_default();
        if place.len() != bytes.len() {
            return Err(refused(format_args!("bytes past what was reserved")));
        }
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        if let Some(verify) = &mut self.verify {
            return verify.commit();
        }
        self.gap = Vec::new();
        self.records = Vec::new();
        self.slots.iter_mut().try_for_each(Slot::commit)
    }

    fn rollback(&mut self) {
        *self = Weights::default();
    }
}

impl Lend for Weights {
    fn lend(&mut self, offset: u64, most: usize) -> &mut [u8] {
        if let Some(verify) = &mut self.verify {
            return verify.lend(offset, most);
        }
        while self.slots.get(self.current).is_some_and(|slot| slot.end() <= offset) {
            self.current = self.current.saturating_add(1);
        }
        let next = self.slots.get_mut(self.current);
        match next.map(|slot| (slot.start, slot)) {
            Some((start, slot)) if start <= offset => slot.place(offset.saturating_sub(start), most),
            next => {
                let room = next.map_or(u64::MAX, |(start, _)| start.saturating_sub(offset));
                let len = usize::try_from(room).unwrap_or(usize::MAX).min(most).min(self.gap.len());
                self.gap.get_mut(..len).unwrap_or_default()
            }
        }
    }

    fn filled(&mut self, _len: usize) {}
}

impl Read for Weights {
    fn resident(&self) -> Option<&Resident> {
        None
    }

    fn bytes(&self, _header: &Header, index: usize) -> Option<&[u8]> {
        match self.tensor(index)?.data() {
            Ok(Cow::Borrowed(bytes)) => Some(bytes),
            // No tensor in this machine's own memory is copied to be read.
            Ok(Cow::Owned(_)) | Err(_) => None,
        }
    }
}

impl Keep for Weights {
    fn open(storage: Storage) -> Self {
        Weights { verify: (storage == Storage::Verify).then(Verify::default), ..Weights::default() }
    }
}

impl Slot {
    fn reserve(tensor: &Tensor<'_>) -> Result<Slot, Error> {
        let count = tensor.bytes.checked_div(tensor.ty.block_bytes()).and_then(|count| usize::try_from(count).ok());
        let blocks = Blocks::reserve(tensor.ty, count.ok_or_else(|| Error::memory(tensor.bytes))?)?;
        let data = Data::Filling(blocks.ok_or_else(|| refused(format_args!("a type that candle does not have")))?);
        let mut shape = Vec::new();
        memory::reserve(&mut shape, tensor.dims().len())?;
        // That each fits was checked at the header.
        let dims = tensor.dims().iter().rev().map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX));
        dims.for_each(|dim| memory::push_reserved(&mut shape, dim));
        Ok(Slot { name: memory::copy(tensor.name())?, shape, start: tensor.offset, bytes: tensor.bytes, data })
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }

    /// At most `most` bytes from byte `at` of the tensor on, all initialised; none past its end.
    fn place(&mut self, at: u64, most: usize) -> &mut [u8] {
        let Data::Filling(blocks) = &mut self.data else {
            return &mut [];
        };
        let left = usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(left.min(most));
        blocks.grown(end).get_mut(at..end).unwrap_or_default()
    }

    fn commit(&mut self) -> Result<(), Error> {
        let Data::Filling(blocks) = core::mem::replace(&mut self.data, Data::Taken) else {
            return Ok(());
        };
        let shape = core::mem::take(&mut self.shape);
        let tensor = QTensor::new(QStorage::Cpu(blocks.boxed()), shape)
            .map_err(|error| refused(format_args!("tensor {:?}: {error}", self.name)))?;
        self.data = Data::Ready(Arc::new(tensor));
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "candle's errors own their texts; this one is for whoever runs the model"
)]
fn to_string(name: &str) -> String {
    name.to_owned()
}

fn refused(why: core::fmt::Arguments<'_>) -> Error {
    Error::new(Code::Limit, why)
}

fn unknown(tensor: &Tensor<'_>, at: u64, index: usize) -> Error {
    let why = format_args!("tensor {:?} has type {}, which candle does not have", tensor.name(), tensor.ty.name());
    Error::at(Code::Limit, at, Path::Type(index as u32), why)
}

/// What a tensor takes beside its bytes.
fn record(tensor: &Tensor<'_>) -> usize {
    let shape = tensor.dims().len().saturating_mul(size_of::<usize>());
    let own = size_of::<Slot>().saturating_add(size_of::<u32>());
    RECORD
        .saturating_add(own)
        .saturating_add(usize::try_from(tensor.name().len()).unwrap_or(usize::MAX))
        .saturating_add(shape)
}

fn gap(plan: &Plan<'_>) -> usize {
    plan.window.min(GAP)
}
