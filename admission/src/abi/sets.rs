//! Which sessions and models are shards of which set. A shard keeps its lead's handle, and nothing else: a lead that is
//! released or fails has ended its set without a word to the others.

use super::slots::{Entry, Slots};
use crate::check::set::Set;
use crate::contract::State;
use crate::sink::Sink;

impl<S: Sink> Entry<S> {
    fn may_join(&self) -> bool {
        self.session.header().is_some()
    }
}

impl<S: Sink> Slots<S> {
    /// The lead of the set that a handle's session or model has joined.
    pub(super) fn lead_of(&self, handle: i32) -> Option<i32> {
        let lead = self.get(handle).filter(|entry| entry.may_join())?.lead?;
        self.get(lead).filter(|entry| entry.may_join() && entry.lead == Some(lead)).map(|_| lead)
    }

    /// The set that `lead` leads, with the shards that have joined.
    pub(super) fn set(&self, lead: i32) -> Option<Set<'_>> {
        let first = self.get(lead).filter(|entry| entry.lead == Some(lead))?.session.header()?;
        let mut set = Set::new(first).ok()?;
        let shards = self.opened().filter(|(handle, entry)| *handle != lead && entry.lead == Some(lead));
        shards.filter_map(|(_, entry)| entry.session.header()).for_each(|header| set.rejoin(header));
        Some(set)
    }

    /// Whether every shard of the set has joined and is admitted.
    pub(super) fn is_whole(&self, lead: i32) -> bool {
        let mut shards = self.opened().filter(|(handle, _)| self.lead_of(*handle) == Some(lead));
        self.set(lead).is_some_and(|set| set.is_complete())
            && shards.all(|(_, entry)| entry.session.state() == State::Admitted)
    }
}
