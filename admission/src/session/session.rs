//! One file on its way in: the state machine that checks every byte in the push that brought it.

use super::data::{Data, PIECE};
use super::model::Model;
use super::room::Room;
use super::staging::Staging;
use crate::check::Bounds;
use crate::check::profile::Judge;
use crate::contract::{Code, EXACT, Kind, LimitId, Limits, OPEN_WINDOW, State};
use crate::digests::{Algorithm, Digests, Evidence};
use crate::error::Error;
use crate::format::Header;
use crate::sink::{Plan, Sink};

/// A file on its way into `S`.
///
/// Bytes come in file order through [`push`](Session::push), which takes them where they lie, or through
/// [`window`](Session::window) and [`commit`](Session::commit), which lend a place to write them to.
///
/// Invariants: `sink` is there until the state is over, `model` in Admitted; in Failed only `error` is kept.
pub struct Session<S: Sink> {
    pub(super) limits: Limits,
    pub(super) length: Option<u64>,
    pub(super) state: State,
    pub(super) data: Data,
    pub(super) staging: Staging,
    /// Room lent for one group.
    pub(super) room: Option<Room>,
    /// Length of the window lent, 0 for none.
    pub(super) lent: usize,
    /// Whether windows will be lent behind the header.
    lends: bool,
    /// The profile that the header is judged by, and what it found.
    pub(super) profile: Option<Judge>,
    pub(super) sink: Option<S>,
    pub(super) model: Option<Model<S>>,
    error: Option<Error>,
}

impl<S: Sink> Session<S> {
    /// Opens a session. `length` is the exact file length, where it is known: at most 2^53 - 1. A file of 0 bytes is
    /// [`Truncated`](Code::Truncated) at its end, like any other file that is cut.
    pub fn new(sink: S, length: Option<u64>, limits: Limits) -> Result<Self, Error> {
        if length.is_some_and(|length| length > EXACT) {
            return Err(Error::new(Code::Argument, format_args!("a file length is at most 2^53 - 1")));
        }
        Ok(Session {
            limits,
            length,
            state: State::Open,
            data: Data::new(Algorithm::Sha256 as u8, length),
            staging: Staging::default(),
            room: None,
            lent: 0,
            lends: true,
            profile: None,
            sink: Some(sink),
            model: None,
            error: None,
        })
    }

    /// All bytes will be pushed: no room for windows is needed.
    pub(crate) fn never_lends(&mut self) {
        self.lends = false;
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// File bytes accepted so far. After a rejection: where the rejected chunk began.
    pub fn position(&self) -> u64 {
        self.data.position()
    }

    /// The declared length, or the real one once admitted.
    pub fn length(&self) -> Option<u64> {
        self.model.as_ref().map(Model::length).or(self.length)
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The limits in effect.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The header, from HeaderReady on; not after a failure.
    pub fn header(&self) -> Option<&Header> {
        match self.state {
            State::Open | State::Failed => None,
            State::HeaderReady | State::Receiving => Some(self.data.header()),
            State::Admitted => self.model.as_ref().map(Model::header),
        }
    }

    /// The model, once admitted.
    pub fn model(&self) -> Option<&Model<S>> {
        self.model.as_ref()
    }

    /// Rejects a file for what stands outside of it, also one that is admitted.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.reject(error)
    }

    /// Takes the model out, once admitted.
    pub fn into_model(mut self) -> Option<Model<S>> {
        self.model.take()
    }

    /// Bytes requested from the allocator: pages, index, evidence, staging, room for a group, and what the sink holds.
    pub fn held(&self) -> u64 {
        self.kept().saturating_add(self.room.as_ref().map_or(0, Room::held))
    }

    /// What it holds beside the room for a group, which the next step frees.
    fn kept(&self) -> u64 {
        let (data, sink) = match &self.model {
            Some(model) => (model.held(), Some(&model.sink)),
            None => (self.data.held(), self.sink.as_ref()),
        };
        let sink = sink.map_or(0, Sink::held);
        data.saturating_add(self.staging.held()).saturating_add(sink).saturating_add(self.profile_held())
    }

    /// The most that `held` will be from here on, beside room for a group: known once the header is.
    pub fn needed(&self) -> u64 {
        self.needed_with(self.largest_window())
    }

    fn needed_with(&self, window: usize) -> u64 {
        let held = self.kept();
        let (State::HeaderReady, Some(sink)) = (self.state, &self.sink) else {
            return held;
        };
        let evidence = self.data.values_to_come(self.bounds());
        let after = held.saturating_add(evidence).saturating_add(sink.requires(&self.plan(window)));
        let freed = if self.staging.has_waiting() { 0 } else { self.staging.held() };
        held.max(after.saturating_sub(freed))
    }

    /// Header bytes that were looked at: by the parser at most about twice those it was given, by a profile at most
    /// three times the header.
    pub fn work(&self) -> u64 {
        self.data.work().saturating_add(self.profile.as_ref().map_or(0, Judge::work))
    }

    /// Takes the next bytes of the file where they lie and tells how many: at least 1 of a chunk that is not empty, and
    /// no byte beyond the end of the header in the call that reaches it, so that the caller can look at it; call again
    /// with the rest.
    ///
    /// A [`Retry`](crate::Kind::Retry) took nothing. A rejection has failed the session; so has a panic of the sink.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let start = self.position();
        let taken = self.guarded(|session| session.take(bytes));
        match taken {
            // What came before a retry is in.
            Err(_) if self.state != State::Failed && self.position() > start => {
                Ok(self.position().saturating_sub(start) as usize)
            }
            taken => self.since(start, taken),
        }
    }

    /// Pushes all of `bytes`. Where the header ends among them, going on with the rest is the consent.
    pub fn push_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.push(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.state.is_over() {
            return Err(self.misplaced("push"));
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        self.begin_push()?;
        if self.state == State::HeaderReady {
            self.consent(self.largest_window())?;
        }
        self.lent = 0;
        let inside = self.inside(bytes);
        let taken = match self.state {
            State::Open => self.take_header(inside)?,
            _ => self.take_data(inside)?,
        };
        if taken == inside.len() && taken < bytes.len() && self.state != State::HeaderReady {
            return Err(self.past_length());
        }
        Ok(taken)
    }

    /// Takes data, piece by piece: a sink may have to make room for each.
    fn take_data(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        for piece in bytes.chunks(PIECE) {
            let prepared = self.sink.as_mut().map_or(Ok(()), |sink| sink.prepare(piece.len()));
            prepared.map_err(|error| self.refuse(error))?;
            let taken = self.data.take(piece, self.sink.as_mut());
            self.settle(taken)?;
        }
        Ok(bytes.len())
    }

    /// Takes the header's part of `bytes`, piece by piece: room is made for no more than a window at a time.
    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut taken = 0usize;
        for piece in bytes.chunks(OPEN_WINDOW) {
            taken = taken.saturating_add(self.read(piece, self.staging.held())?);
            if self.state != State::Open {
                break;
            }
        }
        Ok(taken)
    }

    /// Ends the file: checks that it is whole and its digests are the expected ones, and commits the sink.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.guarded(Session::end)
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.state.is_over() {
            return Err(self.misplaced("finish"));
        }
        self.lent = 0;
        self.room = None;
        if let Some(error) = self.data.ends(self.length) {
            return Err(self.reject(error));
        }
        if self.state == State::HeaderReady {
            // What is needed is one number for every consent; the window in it is not reserved when no byte is to come.
            self.afford(self.needed())?;
            self.consent(0)?;
        }
        let digests = self.data.digests();
        let (digests, evidence) = self.settle(digests)?;
        self.admit(digests, evidence)
    }

    fn admit(&mut self, digests: Digests, evidence: Option<Evidence>) -> Result<(), Error> {
        let committed = match &mut self.sink {
            Some(sink) => sink.commit(),
            None => Ok(()),
        };
        self.settle(committed)?;
        self.model = self.sink.take().map(|sink| Model {
            header: self.data.take_header(),
            length: self.data.position(),
            digests,
            evidence,
            findings: self.profile.take().map(Judge::into_findings),
            sink,
        });
        self.staging = Staging::default();
        self.state = State::Admitted;
        Ok(())
    }

    /// The largest window that will be lent behind the header.
    fn largest_window(&self) -> usize {
        if self.lends { self.limits.get(LimitId::Window) as usize } else { 0 }
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds { limits: &self.limits, length: self.length }
    }

    fn plan(&self, window: usize) -> Plan<'_> {
        Plan {
            header: self.data.header(),
            length: self.length,
            window,
            trailing: self.limits.get(LimitId::TrailingBytes),
        }
    }

    /// Reads a piece of the header, and tells how much of it is the header's. `staging` is held beside it.
    pub(super) fn read(&mut self, piece: &[u8], staging: u64) -> Result<usize, Error> {
        let held = self.data.held_with(piece, &self.limits).saturating_add(self.profile_held());
        self.afford(held.saturating_add(staging))?;
        self.data.reserve(piece, &self.limits)?;
        let bounds = Bounds { limits: &self.limits, length: self.length };
        let (sink, window) = (&self.sink, self.largest_window());
        let trailing = self.limits.get(LimitId::TrailingBytes);
        let profile = &mut self.profile;
        let read = self.data.read(piece, bounds, |header| {
            if let Some(sink) = sink {
                sink.check(&Plan { header, length: bounds.length, window, trailing })?;
            }
            profile.as_mut().map_or(Ok(()), |profile| profile.judge(header))
        });
        let read = self.settle(read)?;
        if self.data.has_header() {
            self.state = State::HeaderReady;
        }
        Ok(read)
    }

    /// Reserves the storage for the data, where windows of `window` bytes will be lent, and places what was staged.
    pub(super) fn consent(&mut self, window: usize) -> Result<(), Error> {
        self.afford(self.needed_with(window))?;
        if !self.staging.has_waiting() {
            self.staging = Staging::default();
        }
        let values = self.data.reserve_values(self.bounds())?;
        let trailing = self.limits.get(LimitId::TrailingBytes);
        let plan = Plan { header: self.data.header(), length: self.length, window, trailing };
        // It stays in its place, from where it is rolled back if it panics.
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        if let Err(error) = sink.reserve(&plan) {
            return Err(self.refuse(error));
        }
        if let (Some(groups), Some(values)) = (self.data.hashers.groups_mut(), values) {
            groups.move_to(values);
        }
        self.state = State::Receiving;
        // What was staged was checked when it came.
        let staging = core::mem::take(&mut self.staging);
        let placed = self.data.place(staging.waiting(), &self.limits, sink);
        self.settle(placed)
    }

    /// The part of `bytes` that is inside the declared length.
    pub(super) fn inside<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        clip(bytes, self.length.map_or(u64::MAX, |length| length.saturating_sub(self.position())))
    }

    /// Rejects bytes past the declared length.
    pub(super) fn past_length(&mut self) -> Error {
        self.reject(Error::trailing(self.length.unwrap_or(self.position())))
    }

    pub(super) fn afford(&self, needed: u64) -> Result<(), Error> {
        let limit = self.limits.get(LimitId::Memory);
        if needed > limit { Err(Error::budget(needed, limit)) } else { Ok(()) }
    }

    /// The error of a call that the state does not allow.
    pub(super) fn misplaced(&self, call: &str) -> Error {
        Error::new(Code::State, format_args!("{call} is not allowed while the session is {}", self.state.name()))
    }

    pub(super) fn settle<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| self.reject(error))
    }

    /// A sink's refusal: one that can be tried again changes nothing.
    pub(super) fn refuse(&mut self, error: Error) -> Error {
        if error.code().kind() == Kind::Retry { error } else { self.reject(error) }
    }

    /// Fails the session: everything is freed at once but the reason.
    fn reject(&mut self, error: Error) -> Error {
        self.roll_back();
        self.model = None;
        self.profile = None;
        self.data.clear();
        self.room = None;
        self.staging = Staging::default();
        self.lent = 0;
        self.state = State::Failed;
        self.error = Some(error.clone());
        error
    }

    fn roll_back(&mut self) {
        if let Some(mut sink) = self.sink.take() {
            sink.rollback();
        }
    }
}

/// The first `left` bytes, or all.
pub(super) fn clip(bytes: &[u8], left: u64) -> &[u8] {
    usize::try_from(left).ok().and_then(|left| bytes.get(..left)).unwrap_or(bytes)
}

impl<S: Sink> Drop for Session<S> {
    fn drop(&mut self) {
        self.roll_back();
    }
}
