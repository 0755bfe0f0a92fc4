//! One file on its way in: the state machine that checks every byte in the push that brought it.

use super::model::Model;
use crate::check::table;
use crate::check::{Bounds, Cursor, Parser};
use crate::contract::{Code, EXACT, Kind, LimitId, Limits, State};
use crate::digests::{Algorithm, Digest, Digests, Hashers};
use crate::error::Error;
use crate::format::Header;
use crate::sink::{Plan, Sink};

/// The window lent while the header comes in: it bounds what a file can cost before anything of it is known.
pub const OPEN_WINDOW: usize = 64 * 1024;

/// A long chunk is stored and hashed piece by piece, while each piece is in the cache. An engine that compiles in tiers
/// also needs it: it takes up better code for a loop only where the loop is called again.
const PIECE: usize = 64 * 1024;

/// A file on its way into `S`.
///
/// Bytes come in file order through [`push`](Session::push), which takes them where they lie, or through
/// [`window`](Session::window) and [`commit`](Session::commit), which lend a place to write them to.
///
/// Invariants: `staged.0 <= staged.1 <= staging.len()`; `position` counts the bytes that were checked and hashed;
/// in Failed only `error` is kept.
pub struct Session<S: Sink> {
    pub(super) limits: Limits,
    pub(super) length: Option<u64>,
    pub(super) state: State,
    pub(super) position: u64,
    pub(super) hashers: Hashers,
    pub(super) parser: Parser,
    pub(super) cursor: Option<Cursor>,
    pub(super) staging: Vec<u8>,
    /// Bytes of `staging` behind the header that wait for the consent.
    pub(super) staged: (usize, usize),
    /// Length of the window lent, 0 for none.
    pub(super) lent: usize,
    /// Whether windows will be lent behind the header.
    pub(super) lends: bool,
    pub(super) sink: Option<S>,
    pub(super) model: Option<Model<S>>,
    pub(super) error: Option<Error>,
}

impl<S: Sink> Session<S> {
    /// Opens a session. `length` is the exact file length, where it is known: 1 to 2^53 - 1.
    pub fn new(sink: S, length: Option<u64>, limits: Limits) -> Result<Self, Error> {
        if length.is_some_and(|length| length == 0 || length > EXACT) {
            return Err(Error::new(Code::Argument, format_args!("a file length is 1 to 2^53 - 1")));
        }
        Ok(Session {
            limits,
            length,
            state: State::Open,
            position: 0,
            hashers: Hashers::new(Algorithm::Sha256 as u8),
            parser: Parser::new(),
            cursor: None,
            staging: Vec::new(),
            staged: (0, 0),
            lent: 0,
            lends: true,
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
        self.position
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
            State::HeaderReady | State::Receiving => Some(&self.parser.header),
            State::Admitted => self.model.as_ref().map(Model::header),
        }
    }

    /// The model, once admitted.
    pub fn model(&self) -> Option<&Model<S>> {
        self.model.as_ref()
    }

    /// Takes the model out, once admitted.
    pub fn into_model(mut self) -> Option<Model<S>> {
        self.model.take()
    }

    /// Bytes requested from the allocator: pages, index, staging and what the sink holds.
    pub fn held(&self) -> u64 {
        let (header, sink) = match &self.model {
            Some(model) => (&model.header, Some(&model.sink)),
            None => (&self.parser.header, self.sink.as_ref()),
        };
        let sink = sink.map_or(0, Sink::held);
        header.held().saturating_add(self.staging.capacity() as u64).saturating_add(sink)
    }

    /// The most that `held` will be from here on: known once the header is.
    pub fn needed(&self) -> u64 {
        let held = self.held();
        match (self.state, &self.sink) {
            (State::HeaderReady, Some(sink)) => {
                let mut after = held.saturating_add(sink.requires(&self.plan()));
                if self.staged.0 == self.staged.1 {
                    after = after.saturating_sub(self.staging.capacity() as u64);
                }
                held.max(after)
            }
            _ => held,
        }
    }

    /// Header bytes that the parser has looked at: at most about twice those it was given.
    pub fn work(&self) -> u64 {
        self.parser.work()
    }

    /// Sets a limit, clamped to its bounds, and gives the value in effect. All but MEMORY only before the first byte,
    /// MEMORY until storage is reserved.
    pub fn set_limit(&mut self, id: LimitId, value: u64) -> Result<u64, Error> {
        let settable = match self.state {
            State::Open => self.position == 0 || id == LimitId::Memory,
            State::HeaderReady => id == LimitId::Memory,
            _ => false,
        };
        if !settable {
            return Err(self.misplaced("limit"));
        }
        Ok(self.limits.set(id, value))
    }

    /// Chooses the digests to compute, as a mask of [`Algorithm`]s; before the first byte.
    pub fn set_digests(&mut self, mask: u8) -> Result<(), Error> {
        if self.state != State::Open || self.position > 0 {
            return Err(self.misplaced("digests"));
        }
        if mask > 3 || !self.hashers.restart(mask) {
            return Err(Error::new(Code::Argument, format_args!("a mask of digests that keeps the expected ones"))
                .with(format_args!("0 to 3"), format_args!("{mask}")));
        }
        Ok(())
    }

    /// Requires a digest, once for each algorithm that is computed, before the end.
    pub fn expect_digest(&mut self, algorithm: Algorithm, digest: Digest) -> Result<(), Error> {
        if matches!(self.state, State::Admitted | State::Failed) {
            return Err(self.misplaced("expect_digest"));
        }
        if !self.hashers.computes(algorithm) {
            return Err(Error::new(Code::Argument, format_args!("{algorithm:?} is not computed")));
        }
        let expected = self.hashers.expected(algorithm);
        if expected.is_some() {
            return Err(Error::new(Code::State, format_args!("{algorithm:?} is expected already")));
        }
        *expected = Some(digest);
        Ok(())
    }

    /// Takes the next bytes of the file where they lie and tells how many: at least 1 of a chunk that is not empty, and
    /// no byte beyond the end of the header in the call that reaches it, so that the caller can look at it; call again
    /// with the rest.
    ///
    /// A [`Retry`](crate::Kind::Retry) took nothing. A rejection has failed the session.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let start = self.position;
        let result = self.take(bytes);
        match result {
            Err(error) if self.state == State::Failed => {
                self.position = start;
                Err(error)
            }
            // What came before the retry is in.
            Err(_) if self.position > start => Ok(self.position.saturating_sub(start) as usize),
            result => result,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if matches!(self.state, State::Admitted | State::Failed) {
            return Err(self.misplaced("push"));
        }
        if self.state == State::HeaderReady && !bytes.is_empty() {
            self.consent()?;
        }
        self.lent = 0;
        let inside = self.inside(bytes);
        let mut taken = 0usize;
        while self.state == State::Open && taken < inside.len() {
            let piece = inside.get(taken..).unwrap_or_default();
            let piece = piece.get(..OPEN_WINDOW).unwrap_or(piece);
            self.reserve_header(piece, self.staging.capacity())?;
            taken = taken.saturating_add(self.take_header(piece)?);
        }
        while self.state == State::Receiving && taken < inside.len() {
            let piece = inside.get(taken..).unwrap_or_default();
            let piece = piece.get(..PIECE).unwrap_or(piece);
            let result = walk(&self.parser.header, &mut self.cursor, self.sink.as_mut(), piece);
            self.settle(result)?;
            self.accept(piece);
            taken = taken.saturating_add(piece.len());
        }
        if taken == inside.len() && taken < bytes.len() && self.state != State::HeaderReady {
            return Err(self.past_length());
        }
        Ok(taken)
    }

    /// Ends the file: checks that it is whole and its digests are the expected ones, and commits the sink.
    pub fn finish(&mut self) -> Result<(), Error> {
        match self.state {
            State::Admitted | State::Failed => return Err(self.misplaced("finish")),
            State::Open => {
                let error = self.parser.ends(self.position);
                return Err(self.reject(error));
            }
            State::HeaderReady | State::Receiving => {}
        }
        self.lent = 0;
        if let Some(error) = table::missing(&self.parser.header, self.length, self.position) {
            return Err(self.reject(error));
        }
        if self.state == State::HeaderReady {
            // What is needed is one number for every consent; the window in it is not reserved when no byte is to come.
            self.afford(self.needed())?;
            let lends = core::mem::replace(&mut self.lends, false);
            let consented = self.consent();
            self.lends = lends;
            consented?;
        }
        let result = self.hashers.finish();
        let digests = self.settle(result)?;
        self.admit(digests)
    }

    fn admit(&mut self, digests: Digests) -> Result<(), Error> {
        let committed = match &mut self.sink {
            Some(sink) => sink.commit(),
            None => Ok(()),
        };
        self.settle(committed)?;
        self.model = self.sink.take().map(|sink| Model {
            header: core::mem::take(&mut self.parser.header),
            length: self.position,
            digests,
            sink,
        });
        self.staging = Vec::new();
        self.state = State::Admitted;
        Ok(())
    }

    /// What the whole table shows before a byte behind it is looked at.
    fn judge_table(&self) -> Result<(), Error> {
        table::judge(&self.parser.header, self.bounds())?;
        match &self.sink {
            Some(sink) => sink.check(&self.plan()),
            None => Ok(()),
        }
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds { limits: &self.limits, length: self.length }
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            header: &self.parser.header,
            length: self.length,
            window: if self.lends { self.limits.get(LimitId::Window) as usize } else { 0 },
            trailing: self.limits.get(LimitId::TrailingBytes),
        }
    }

    /// Reserves what reading `piece` of the header can need, or changes nothing.
    pub(super) fn reserve_header(&mut self, piece: &[u8], staging: usize) -> Result<(), Error> {
        self.afford(self.parser.held_with(piece, &self.limits).saturating_add(staging as u64))?;
        self.parser.reserve(piece, &self.limits)
    }

    /// Reads a piece of the header that was reserved, and tells how much of it is the header's.
    pub(super) fn take_header(&mut self, piece: &[u8]) -> Result<usize, Error> {
        let bounds = Bounds { limits: &self.limits, length: self.length };
        let result = self.parser.feed(piece, bounds);
        let mut taken = piece.len();
        if self.settle(result)? {
            let result = self.judge_table();
            self.settle(result)?;
            let layout = self.parser.header.layout();
            taken = layout.header_end.saturating_sub(self.position) as usize;
            self.cursor = self.cursor_at_start();
            self.state = State::HeaderReady;
        }
        self.accept(piece.get(..taken).unwrap_or(piece));
        Ok(taken)
    }

    /// Reserves the storage for the data, and places what was staged.
    pub(super) fn consent(&mut self) -> Result<(), Error> {
        let needed = self.needed();
        self.afford(needed)?;
        if self.staged.0 == self.staged.1 {
            self.staging = Vec::new();
        }
        let Some(mut sink) = self.sink.take() else {
            return Ok(());
        };
        let reserved = sink.reserve(&self.plan());
        self.sink = Some(sink);
        if let Err(error) = reserved {
            return Err(self.refuse(error));
        }
        self.state = State::Receiving;
        // What was staged was checked when it came: walking it again tells the sink where it belongs.
        let staging = core::mem::take(&mut self.staging);
        let staged = staging.get(self.staged.0..self.staged.1).unwrap_or_default();
        self.staged = (0, 0);
        self.cursor = self.cursor_at_start();
        let result = walk(&self.parser.header, &mut self.cursor, self.sink.as_mut(), staged);
        self.settle(result)
    }

    fn cursor_at_start(&self) -> Option<Cursor> {
        Some(Cursor::new(self.parser.header.layout(), self.limits.get(LimitId::TrailingBytes)))
    }

    /// The part of `bytes` that is inside the declared length.
    pub(super) fn inside<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        clip(bytes, self.length.map_or(u64::MAX, |length| length.saturating_sub(self.position)))
    }

    /// Rejects bytes past the declared length.
    pub(super) fn past_length(&mut self) -> Error {
        self.reject(Error::trailing(self.length.unwrap_or(self.position)))
    }

    pub(super) fn accept(&mut self, bytes: &[u8]) {
        self.hashers.update(bytes);
        self.position = self.position.saturating_add(bytes.len() as u64);
    }

    pub(super) fn afford(&self, needed: u64) -> Result<(), Error> {
        let limit = self.limits.get(LimitId::Memory);
        if needed > limit { Err(Error::budget(needed, limit)) } else { Ok(()) }
    }

    /// The error of a call that the state does not allow.
    pub(super) fn misplaced(&self, call: &str) -> Error {
        Error::new(Code::State, format_args!("{call} is not allowed in state {}", self.state.name()))
    }

    pub(super) fn settle<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| self.reject(error))
    }

    /// A sink's refusal: one that can be tried again changes nothing.
    fn refuse(&mut self, error: Error) -> Error {
        if error.code().kind() == Kind::Retry { error } else { self.reject(error) }
    }

    /// Fails the session: everything is freed at once but the reason.
    fn reject(&mut self, error: Error) -> Error {
        self.roll_back();
        self.parser.clear();
        self.cursor = None;
        self.staging = Vec::new();
        self.staged = (0, 0);
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

/// Walks bytes through the zones of the file, and gives each piece to the sink, if there is one.
pub(super) fn walk<S: Sink>(
    header: &Header,
    cursor: &mut Option<Cursor>,
    mut sink: Option<&mut S>,
    mut bytes: &[u8],
) -> Result<(), Error> {
    let Some(cursor) = cursor else { return Ok(()) };
    let mut told = cursor.whole();
    // Tensors without bytes are whole before the piece behind them.
    cursor.leave(header);
    loop {
        if let Some(sink) = &mut sink {
            (told..cursor.whole()).for_each(|index| sink.whole(index));
            told = cursor.whole();
        }
        let Some(piece) = cursor.next(header, &mut bytes)? else { return Ok(()) };
        if let Some(sink) = &mut sink {
            sink.write(piece.offset, piece.zone, piece.bytes)?;
        }
    }
}

impl<S: Sink> Drop for Session<S> {
    fn drop(&mut self) {
        self.roll_back();
    }
}
