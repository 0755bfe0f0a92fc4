//! Every session and model of an instance under its handle, as a plain value: the ABI crates are thin shells over it.

use super::slots::{Entry, Slots};
use super::stamp::stamp;
use crate::check::profile::{Level, Profile};
use crate::check::set::Set;
use crate::contract::{Code, LimitId, Limits, State, Storage};
use crate::digests::{Algorithm, Digest};
use crate::error::Error;
use crate::format::Header;
use crate::report;
use crate::report::Json;
use crate::session::{Keep, Model, Session};
use crate::sink::Builtin;

/// All sessions and models; what a model keeps is an `S`.
///
/// Invariants: `active` is 0 or names an admitted model; a model that was loaded whole is there exactly while it is
/// active.
#[allow(missing_debug_implementations, reason = "hosts see it through reports")]
pub struct Registry<S: Keep = Builtin> {
    slots: Slots<S>,
    active: i32,
    /// Grows with every change of the active model.
    changes: u64,
    /// The text handed out last.
    text: Vec<u8>,
}

impl<S: Keep> Default for Registry<S> {
    fn default() -> Self {
        Registry::empty()
    }
}

impl Registry {
    /// No session, no model; models are kept as they lie in the file.
    pub const fn new() -> Self {
        Registry::empty()
    }
}

impl<S: Keep> Registry<S> {
    /// No session, no model; models are kept in an `S`.
    pub const fn empty() -> Self {
        Registry { slots: Slots::new(), active: 0, changes: 0, text: Vec::new() }
    }

    /// Opens a session: the exact file length (1 to 2^53 - 1) or -1, and 1 to verify, 2 to keep. Gives its handle.
    pub fn begin(&mut self, length: i64, sink: i32) -> Result<i32, Error> {
        self.text = Vec::new();
        let storage = match sink {
            1 => Storage::Verify,
            2 => Storage::Resident,
            _ => {
                return Err(Error::argument("sink is 1 (verify) or 2 (resident)", i64::from(sink)));
            }
        };
        let length = match length {
            -1 => None,
            1.. => Some(length.cast_unsigned()),
            _ => return Err(Error::argument("length is 1 to 2^53 - 1, or -1", length)),
        };
        let session = Session::new(S::open(storage), length, Limits::new(storage))?;
        self.slots.insert(Entry::new(session, storage))
    }

    /// Sets a limit, or reads it with value -1; gives the value in effect.
    pub fn limit(&mut self, handle: i32, id: i32, value: i64) -> Result<i64, Error> {
        let (id, most) = (LimitId::from_number(id), LimitId::ALL.len());
        let session = self.session(handle)?;
        match (id, session.state()) {
            (Some(id), _) if value == -1 => Ok(session.limits().get(id).cast_signed()),
            (Some(id), _) if value >= 0 => Ok(session.set_limit(id, value.cast_unsigned())?.cast_signed()),
            // Where nothing may be set, that is the answer, whatever the arguments.
            (_, State::Receiving | State::Admitted | State::Failed) if value != -1 => {
                Err(Error::new(Code::State, format_args!("no limit may be set any more")))
            }
            _ => Err(Error::new(Code::Argument, format_args!("a limit id is 1 to {most}, a value not below -1"))
                .with(format_args!("a limit id is 1 to {most}, a value not below -1"), format_args!("{value}"))),
        }
    }

    /// Chooses the digests to compute; gives the state.
    pub fn digests(&mut self, handle: i32, mask: i32) -> Result<State, Error> {
        let session = self.session(handle)?;
        // 255 is no mask: out of range comes after a wrong state.
        session.set_digests(u8::try_from(mask).unwrap_or(u8::MAX))?;
        Ok(session.state())
    }

    /// Requires a digest, as four big-endian words; gives the state.
    pub fn expect_digest(&mut self, handle: i32, algorithm: i32, words: [i64; 4]) -> Result<State, Error> {
        let session = self.session(handle)?;
        let known = match Algorithm::from_number(algorithm) {
            Some(known) => known,
            // That no digest may be expected any more comes first.
            None if session.state().is_over() => Algorithm::Sha256,
            None => return Err(Error::argument("an algorithm is 1 (SHA-256) or 2 (BLAKE3)", i64::from(algorithm))),
        };
        let mut digest = [0; 32];
        for (to, word) in digest.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        session.expect_digest(known, Digest(digest))?;
        Ok(session.state())
    }

    /// The values of the groups that are whole, one after another; good until the next call.
    pub fn evidence(&mut self, handle: i32) -> Result<&[u8], Error> {
        self.text = Vec::new();
        self.entry(handle)?.session.evidence()
    }

    /// Lends room for the values that are required of the first `groups` groups.
    pub fn expect_evidence(&mut self, handle: i32, groups: i32) -> Result<&mut [u8], Error> {
        // No file has 0 groups: out of range comes after a wrong state.
        self.session(handle)?.lend_evidence(u64::try_from(groups).unwrap_or(0))
    }

    /// Lends room for the bytes of one group.
    pub fn lend_group(&mut self, handle: i32, group: i32) -> Result<&mut [u8], Error> {
        self.session(handle)?.lend_group(u64::try_from(group).unwrap_or(u64::MAX))
    }

    /// Whether the first `len` bytes lent are that group.
    pub fn check_group(&mut self, handle: i32, group: i32, len: i32) -> Result<bool, Error> {
        let len = u64::try_from(len).unwrap_or(0);
        self.session(handle)?.check_group(u64::try_from(group).unwrap_or(u64::MAX), len)
    }

    /// Lends memory for the next file bytes. A window of 16 bytes or more that is newly lent starts with 16 bytes that
    /// tell whether it was written.
    pub fn window(&mut self, handle: i32) -> Result<&mut [u8], Error> {
        let session = self.session(handle)?;
        let stamp = session.lent().is_none().then(|| stamp(handle, session.position()));
        let window = session.window()?;
        if let (Some(stamp), Some(start)) = (stamp, window.first_chunk_mut()) {
            *start = stamp;
        }
        Ok(window)
    }

    /// The first `len` bytes of the window are the file's bytes at `offset`; gives the state.
    pub fn push_chunk(&mut self, handle: i32, offset: i64, len: i32) -> Result<State, Error> {
        let session = self.session(handle)?;
        let mark = stamp(handle, session.position());
        session.commit_at(offset, len, &mark)?;
        Ok(session.state())
    }

    /// Ends the file; from now on the handle names a model.
    pub fn finish(&mut self, handle: i32) -> Result<State, Error> {
        let session = self.session(handle)?;
        session.finish()?;
        Ok(session.state())
    }

    /// File bytes accepted so far.
    pub fn position(&mut self, handle: i32) -> Result<i64, Error> {
        Ok(self.session(handle)?.position().cast_signed())
    }

    /// The report, as JSON; good until the next call.
    pub fn report(&mut self, handle: i32) -> Result<&[u8], Error> {
        self.text = Vec::new();
        let Entry { session, storage, .. } = self.entry(handle)?;
        let lead = self.slots.lead_of(handle);
        let set = lead.and_then(|lead| Some((lead, self.slots.set(lead)?)));
        let set = set.as_ref().map(|(lead, set)| (*lead, set));
        let text = text(session, |out| report::write_report(session, *storage, set, out))?;
        self.text = text;
        Ok(&self.text)
    }

    /// Metadata value `index` in full, as JSON; good until the next call.
    pub fn metadata(&mut self, handle: i32, index: i32) -> Result<&[u8], Error> {
        self.text = Vec::new();
        let Entry { session, .. } = self.entry(handle)?;
        let Some(header) = session.header() else {
            return Err(Error::new(Code::State, format_args!("the header is not known")));
        };
        let entry = usize::try_from(index).ok().and_then(|index| header.entry(index));
        let Some(entry) = entry else {
            return Err(past_the_end("entries", i64::from(index), header.entry_count()));
        };
        let text = text(session, |out| Json::new(out).value(&entry.value()))?;
        self.text = text;
        Ok(&self.text)
    }

    /// The bytes of a tensor of an admitted resident model.
    pub fn tensor(&mut self, handle: i32, index: i32) -> Result<&[u8], Error> {
        self.text = Vec::new();
        let Entry { session, storage, .. } = self.entry(handle)?;
        let Some(model) = session.model().filter(|_| *storage == Storage::Resident) else {
            return Err(Error::new(Code::State, format_args!("only an admitted resident model has tensors to read")));
        };
        let bytes = usize::try_from(index).ok().and_then(|index| model.tensor(index));
        bytes.ok_or_else(|| past_the_end("tensors", i64::from(index), model.header().tensor_count()))
    }

    /// Judges the header by profile `id` (1 `llama`): level 0 not at all, 1 findings stand in the report, 2 an error
    /// rejects the file. Gives the state.
    pub fn profile(&mut self, handle: i32, id: i32, level: i32) -> Result<State, Error> {
        let session = self.session(handle)?;
        let choice = match (Profile::from_number(id), level) {
            // Where nothing may be chosen, that is the answer, whatever the arguments.
            _ if session.state() != State::Open || session.position() > 0 => None,
            (Some(_), 0) => None,
            (Some(profile), 1) => Some((profile, Level::Report)),
            (Some(profile), 2) => Some((profile, Level::Refuse)),
            (Some(_), _) => {
                return Err(Error::argument("a level is 0 (off), 1 (report) or 2 (refuse)", i64::from(level)));
            }
            (None, _) => return Err(Error::argument("a profile is 1 (llama)", i64::from(id))),
        };
        session.set_profile(choice)?;
        Ok(session.state())
    }

    /// Makes a session or model a shard of the set that `lead` leads; the lead joins itself first. A shard that does
    /// not fit is rejected, also an admitted one; nobody else is touched. Gives the state.
    pub fn join(&mut self, handle: i32, lead: i32) -> Result<State, Error> {
        self.text = Vec::new();
        let header = self.joinable(handle)?;
        self.joinable(lead)?;
        if self.slots.lead_of(handle).is_some() {
            return Err(Error::new(Code::State, format_args!("handle {handle} has joined a set already")));
        }
        let fits = if handle == lead {
            Set::new(header).map(|_| ())
        } else {
            let Some(mut set) = self.slots.set(lead) else {
                return Err(Error::new(
                    Code::State,
                    format_args!("handle {lead} has not joined itself: it leads no set"),
                ));
            };
            set.join(header)
        };
        let entry = self.slots.get_mut(handle).ok_or_else(|| unknown(handle))?;
        match fits {
            Ok(()) => {
                entry.lead = Some(lead);
                let state = entry.session.state();
                self.check_active();
                Ok(state)
            }
            Err(error) => {
                let error = entry.session.fail(error);
                self.check_active();
                Err(error)
            }
        }
    }

    /// The header of a session or model that may join a set.
    fn joinable(&self, handle: i32) -> Result<&Header, Error> {
        let header = self.entry(handle)?.session.header().filter(|_| !self.slots.is_loaded(handle));
        header.ok_or_else(|| {
            let rule = "its header is known, it has not failed, and it was not loaded whole";
            Error::new(Code::State, format_args!("a shard joins while {rule}"))
        })
    }

    /// Makes no model active where the one that is can no longer be: it failed, or its set is not whole.
    fn check_active(&mut self) {
        if self.active != 0 && self.may_be_active(self.active).is_err() {
            self.set_active(0);
        }
    }

    fn may_be_active(&self, handle: i32) -> Result<(), Error> {
        if self.entry(handle)?.session.model().is_none() {
            return Err(Error::new(Code::State, format_args!("only an admitted model can be active")));
        }
        match self.slots.lead_of(handle) {
            Some(lead) if lead != handle => {
                Err(Error::new(Code::State, format_args!("of a set, the lead is made active: handle {lead}")))
            }
            Some(lead) if !self.slots.is_whole(lead) => {
                Err(Error::new(Code::State, format_args!("not every shard has joined and is admitted")))
            }
            _ => Ok(()),
        }
    }

    /// Makes an admitted model the active one; of a set, its lead, when every shard has joined and is admitted. A model
    /// that was loaded whole and is displaced ends.
    pub fn activate(&mut self, handle: i32) -> Result<State, Error> {
        self.text = Vec::new();
        self.may_be_active(handle)?;
        if self.active != handle {
            self.slots.unload();
            self.set_active(handle);
        }
        Ok(State::Admitted)
    }

    /// The handle of the active model, or 0.
    pub fn active(&self) -> i32 {
        self.active
    }

    /// The active model.
    pub fn active_model(&self) -> Option<&Model<S>> {
        self.entry(self.active).ok()?.session.model()
    }

    /// Grows with every change of the active model.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn set_active(&mut self, handle: i32) {
        self.active = handle;
        self.changes = self.changes.saturating_add(1);
        S::active(self.active_model());
    }

    /// Drops a session or a model in any state.
    pub fn release(&mut self, handle: i32) -> Result<(), Error> {
        self.text = Vec::new();
        if !self.slots.remove(handle) {
            return Err(unknown(handle));
        }
        self.check_active();
        Ok(())
    }

    /// Admits a whole file that lies in memory as a resident model, and makes it the active one. On failure the active
    /// model stays. The model lives exactly as long as it is active.
    pub fn load(&mut self, file: &[u8]) -> Result<(), Error> {
        self.text = Vec::new();
        if file.is_empty() {
            return Err(Error::new(Code::Argument, format_args!("a file length is 1 to 2^53 - 1")));
        }
        let limits = Limits::new(Storage::Resident);
        let mut session = Session::new(S::open(Storage::Resident), Some(file.len() as u64), limits)?;
        session.push_all(file)?;
        session.finish()?;
        let handle = self.slots.load(Entry::new(session, Storage::Resident))?;
        self.set_active(handle);
        Ok(())
    }

    /// Makes no model active; one that was loaded whole ends. `false` when none was.
    pub fn free_active(&mut self) -> bool {
        self.text = Vec::new();
        if self.active == 0 {
            return false;
        }
        self.slots.unload();
        self.set_active(0);
        true
    }

    /// The state of what a handle names.
    pub fn state(&self, handle: i32) -> Option<State> {
        Some(self.entry(handle).ok()?.session.state())
    }

    fn entry(&self, handle: i32) -> Result<&Entry<S>, Error> {
        self.slots.get(handle).ok_or_else(|| unknown(handle))
    }

    /// The session a handle names, for a call that may change it. Texts end with the call.
    fn session(&mut self, handle: i32) -> Result<&mut Session<S>, Error> {
        self.text = Vec::new();
        self.slots.get_mut(handle).map(|entry| &mut entry.session).ok_or_else(|| unknown(handle))
    }
}

/// A text of a session: what it takes counts against limit MEMORY for as long as MEMORY can be raised.
fn text<S: Keep>(
    session: &Session<S>,
    write: impl Fn(&mut dyn core::fmt::Write) -> core::fmt::Result,
) -> Result<Vec<u8>, Error> {
    if !matches!(session.state(), State::Open | State::HeaderReady) {
        return report::text(u64::MAX, Error::memory, write);
    }
    let held = session.held();
    let limit = session.limits().get(LimitId::Memory);
    // A report tells the limit: when that is raised, the text can grow by its ten digits.
    let over = |length: u64| Error::budget(held.saturating_add(length).saturating_add(10), limit);
    report::text(limit.saturating_sub(held), over, write)
}

/// What a model's entry is asked for outside its range.
fn past_the_end(what: &str, index: i64, count: usize) -> Error {
    Error::new(Code::Argument, format_args!("there are {count} {what}"))
        .with(format_args!("0 to {}", count.saturating_sub(1)), format_args!("{index}"))
}

fn unknown(handle: i32) -> Error {
    Error::new(Code::Handle, format_args!("there is no session or model {handle}: it has ended, or never was"))
}
