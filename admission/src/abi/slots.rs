//! Which session a handle names.

use crate::contract::{Code, Storage};
use crate::error::Error;
use crate::memory;
use crate::session::Session;
use crate::sink::Sink;

/// Slots for sessions and models that were opened with a handle.
pub const SLOTS: usize = 64;

/// A handle is `generation << 8 | slot`; it is positive, so a generation has 23 bits.
const GENERATIONS: u32 = (1 << 23) - 1;

/// The slots of whole-file loads: one is in use, the others are for when its generations have run out.
const LOAD_SLOTS: core::ops::RangeInclusive<u32> = SLOTS as u32..=255;

/// A session or a model, and how it was opened.
pub(super) struct Entry<S: Sink> {
    pub(super) session: Session<S>,
    pub(super) storage: Storage,
    /// The lead of the set that it has joined: its own handle, if it leads.
    pub(super) lead: Option<i32>,
}

impl<S: Sink> Entry<S> {
    pub(super) fn new(session: Session<S>, storage: Storage) -> Self {
        Entry { session, storage, lead: None }
    }
}

/// Every entry under its handle.
///
/// Invariants: `opened.len() <= SLOTS`; a slot's generation counts its entries, so that no handle is given twice.
pub(super) struct Slots<S: Sink> {
    opened: Vec<Slot<S>>,
    /// The model that was loaded whole, with its handle.
    loaded: Option<(i32, Entry<S>)>,
    load_slot: u32,
    load_generation: u32,
}

struct Slot<S: Sink> {
    generation: u32,
    entry: Option<Entry<S>>,
}

/// Where an entry is.
enum Place {
    Opened(usize),
    Loaded,
}

impl<S: Sink> Slots<S> {
    pub(super) const fn new() -> Self {
        Slots { opened: Vec::new(), loaded: None, load_slot: *LOAD_SLOTS.start(), load_generation: 0 }
    }

    /// The entry that a handle names.
    pub(super) fn get(&self, handle: i32) -> Option<&Entry<S>> {
        match self.place(handle)? {
            Place::Opened(index) => self.opened.get(index)?.entry.as_ref(),
            Place::Loaded => self.loaded.as_ref().map(|(_, entry)| entry),
        }
    }

    pub(super) fn get_mut(&mut self, handle: i32) -> Option<&mut Entry<S>> {
        match self.place(handle)? {
            Place::Opened(index) => self.opened.get_mut(index)?.entry.as_mut(),
            Place::Loaded => self.loaded.as_mut().map(|(_, entry)| entry),
        }
    }

    /// Whether a handle names the model that was loaded whole.
    pub(super) fn is_loaded(&self, handle: i32) -> bool {
        matches!(self.place(handle), Some(Place::Loaded))
    }

    /// Every session and model that was opened, with its handle.
    pub(super) fn opened(&self) -> impl Iterator<Item = (i32, &Entry<S>)> {
        let handles = self.opened.iter().enumerate().map(|(index, slot)| (handle(slot.generation, index as u32), slot));
        handles.filter_map(|(handle, slot)| Some((handle, slot.entry.as_ref()?)))
    }

    /// Drops the entry that a handle names; `false` when it names nothing.
    pub(super) fn remove(&mut self, handle: i32) -> bool {
        match self.place(handle) {
            Some(Place::Opened(index)) => self.opened.get_mut(index).and_then(|slot| slot.entry.take()).is_some(),
            Some(Place::Loaded) => self.loaded.take().is_some(),
            None => false,
        }
    }

    /// Puts an entry into a free slot and gives its handle.
    pub(super) fn insert(&mut self, entry: Entry<S>) -> Result<i32, Error> {
        let free = |slot: &Slot<S>| slot.entry.is_none() && slot.generation < GENERATIONS;
        let index = match self.opened.iter().position(free) {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = self.opened.get_mut(index).ok_or_else(sessions)?;
        slot.generation = slot.generation.saturating_add(1);
        slot.entry = Some(entry);
        Ok(handle(slot.generation, index as u32))
    }

    fn grow(&mut self) -> Result<usize, Error> {
        let index = self.opened.len();
        if index >= SLOTS {
            return Err(sessions());
        }
        memory::reserve(&mut self.opened, index.saturating_add(1))?;
        memory::push_reserved(&mut self.opened, Slot { generation: 0, entry: None });
        Ok(index)
    }

    /// Puts a model that was loaded whole into the place of the one before it, and gives its handle.
    pub(super) fn load(&mut self, entry: Entry<S>) -> Result<i32, Error> {
        let (slot, generation) = match self.load_generation {
            GENERATIONS => (self.load_slot.saturating_add(1), 1),
            generation => (self.load_slot, generation.saturating_add(1)),
        };
        if !LOAD_SLOTS.contains(&slot) {
            return Err(sessions());
        }
        (self.load_slot, self.load_generation) = (slot, generation);
        let handle = handle(generation, slot);
        self.loaded = Some((handle, entry));
        Ok(handle)
    }

    /// Drops the model that was loaded whole, if there is one.
    pub(super) fn unload(&mut self) {
        self.loaded = None;
    }

    fn place(&self, handle: i32) -> Option<Place> {
        if self.loaded.as_ref().is_some_and(|(loaded, _)| *loaded == handle) {
            return Some(Place::Loaded);
        }
        let index = (handle & 0xff) as usize;
        let slot = self.opened.get(index)?;
        // The generation of a negative handle is one that no slot has.
        let is_named = slot.entry.is_some() && i64::from(slot.generation) == i64::from(handle >> 8);
        is_named.then_some(Place::Opened(index))
    }
}

fn handle(generation: u32, slot: u32) -> i32 {
    ((generation << 8) | slot).cast_signed()
}

fn sessions() -> Error {
    Error::new(Code::Sessions, format_args!("every slot is taken: release a session or a model"))
}
