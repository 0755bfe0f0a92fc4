//! The session's evidence: what it computes, what is expected, and single groups that are proven apart from the file.

use super::room::Room;
use super::session::Session;
use crate::contract::{Code, State};
use crate::digests::{Evidence, GROUP_BYTES, Groups, MOST_GROUPS, groups_of, value_of};
use crate::error::Error;
use crate::sink::Sink;

impl<S: Sink> Session<S> {
    /// The values of the groups that are whole, 32 bytes each, in file order; once admitted, of all.
    pub fn evidence(&self) -> Result<&[u8], Error> {
        let values = match (self.state, &self.model) {
            (State::Failed, _) => return Err(self.misplaced("evidence")),
            (_, Some(model)) => model.evidence().map(Evidence::as_bytes),
            _ => self.data.hashers.groups().map(Groups::so_far),
        };
        values.ok_or_else(not_computed)
    }

    /// Requires these values of the file's first groups; before the first byte, once. Each is compared when its group
    /// is whole. Where they are those of all groups and a BLAKE3 is expected too, the first push holds them against it.
    pub fn expect_evidence(&mut self, evidence: Evidence) -> Result<(), Error> {
        let groups = self.expectable(evidence.len() as u64)?;
        groups.expect_these(evidence);
        Ok(())
    }

    /// Lends room for the values that are expected of the first `groups` groups, for the caller to fill before the
    /// first push. Its address holds until then.
    pub(crate) fn lend_evidence(&mut self, groups: u64) -> Result<&mut [u8], Error> {
        self.expectable(groups)?;
        let room = groups.saturating_mul(size_of::<[u8; 32]>() as u64);
        self.afford(self.held().saturating_add(room))?;
        self.expectable(groups)?.expect(groups as usize)
    }

    /// The evidence under way, where a list of `groups` values may be expected.
    fn expectable(&mut self, groups: u64) -> Result<&mut Groups, Error> {
        if self.state != State::Open || self.position() > 0 {
            return Err(self.misplaced("expect_evidence"));
        }
        let most = self.length.map_or(MOST_GROUPS, |length| groups_of(length).min(MOST_GROUPS));
        let Some(values) = self.data.hashers.groups_mut() else {
            return Err(not_computed());
        };
        if values.expected() > 0 {
            return Err(Error::new(Code::State, format_args!("evidence is expected already")));
        }
        if !(1..=most).contains(&groups) {
            return Err(Error::new(Code::Argument, format_args!("a file of that length has no {groups} groups"))
                .with(format_args!("1 to {most}"), format_args!("{groups}")));
        }
        Ok(values)
    }

    /// Lends room for the bytes of one group whose value is known, apart from the window. Room lent before ends.
    pub(crate) fn lend_group(&mut self, group: u64) -> Result<&mut [u8], Error> {
        let size = self.provable(group, "lend_group")?.1;
        self.judge_evidence()?;
        let held = self.room.as_ref().map_or(0, Room::held);
        if matches!(self.state, State::Open | State::HeaderReady) {
            self.afford(self.held().saturating_sub(held).saturating_add(held.max(size as u64)))?;
        }
        let room = self.room.get_or_insert_default();
        room.lend(group, size)?;
        Ok(&mut room.bytes)
    }

    /// Whether the `len` bytes lent are that group of the file. The answer frees the room.
    pub(crate) fn check_group(&mut self, group: u64, len: u64) -> Result<bool, Error> {
        let (alone, size) = self.provable(group, "check_group")?;
        if len != size as u64 {
            return Err(Error::new(Code::Argument, format_args!("group {group} has {size} bytes"))
                .with(format_args!("{size}"), format_args!("{len}")));
        }
        let Some(room) = self.room.take_if(|room| room.is_lent_for(group)) else {
            return Err(Error::new(Code::Window, format_args!("group {group} is not lent")));
        };
        Ok(self.proven(group) == Some(&value_of(group, &room.bytes, alone)))
    }

    /// A group whose bytes can be proven: whether it is the whole file, and its length.
    fn provable(&self, group: u64, call: &str) -> Result<(bool, usize), Error> {
        let computes = match &self.model {
            Some(model) => model.evidence().is_some(),
            None => self.data.hashers.groups().is_some(),
        };
        let length = match self.length() {
            Some(length) if computes && self.state != State::Failed => length,
            _ => return Err(Error::new(Code::State, format_args!("{call} needs evidence and the file's length"))),
        };
        let groups = groups_of(length);
        if group >= groups {
            return Err(Error::new(Code::Argument, format_args!("there are {groups} groups"))
                .with(format_args!("0 to {}", groups.saturating_sub(1)), format_args!("{}", group.cast_signed())));
        }
        if self.proven(group).is_none() {
            return Err(Error::new(Code::State, format_args!("the value of group {group} is not known")));
        }
        let start = group.saturating_mul(GROUP_BYTES);
        Ok((groups == 1, length.saturating_sub(start).min(GROUP_BYTES) as usize))
    }

    /// The value that a group's bytes are held against: one that is expected, or any of an admitted file.
    fn proven(&self, group: u64) -> Option<&[u8; 32]> {
        match &self.model {
            Some(model) => model.evidence()?.value(group),
            None => self.data.hashers.groups()?.expected_value(group),
        }
    }

    /// What any push does first: room lent for a group ends, and the evidence that is expected is held against the
    /// BLAKE3 that is expected.
    pub(super) fn begin_push(&mut self) -> Result<(), Error> {
        self.room = None;
        self.judge_evidence()
    }

    fn judge_evidence(&mut self) -> Result<(), Error> {
        let result = self.data.hashers.judge_evidence();
        self.settle(result)
    }
}

fn not_computed() -> Error {
    Error::new(Code::Argument, format_args!("evidence is not computed"))
}
