//! The session of a sink that lends: a window is lent, a host fills it, and its bytes are committed.

use super::session::{OPEN_WINDOW, Session, clip, walk};
use crate::check::Cursor;
use crate::contract::{Code, LimitId, State};
use crate::error::Error;
use crate::memory;
use crate::sink::Lend;

impl<S: Lend> Session<S> {
    /// Whether a window is lent, and how long it is.
    pub fn lent(&self) -> Option<usize> {
        (self.lent > 0).then_some(self.lent)
    }

    /// Lends the place for the next file bytes: at least 1 byte, all initialised, at the same address until it is
    /// consumed. After the header this call is the consent to reserve storage for the data.
    pub fn window(&mut self) -> Result<&mut [u8], Error> {
        let most = self.limits.get(LimitId::Window) as usize;
        match self.state {
            State::Admitted | State::Failed => return Err(self.misplaced("window")),
            State::Open => {
                let size = OPEN_WINDOW.min(most);
                if self.staging.is_empty() {
                    self.afford(self.held().saturating_add(size as u64))?;
                    memory::reserve(&mut self.staging, size)?;
                    memory::zero_reserved(&mut self.staging, size);
                }
                self.lent = self.staging.len();
                return Ok(&mut self.staging);
            }
            State::HeaderReady => self.consent()?,
            State::Receiving => {}
        }
        let window = match &mut self.sink {
            Some(sink) => sink.lend(self.position, most),
            None => &mut [],
        };
        self.lent = window.len();
        Ok(window)
    }

    /// The bytes of the window that is lent, as they are now.
    pub(crate) fn lent_bytes(&mut self) -> &[u8] {
        let lent = self.lent;
        match (self.state, &mut self.sink) {
            (State::Open, _) => self.staging.get(..lent).unwrap_or_default(),
            (_, Some(sink)) => sink.lend(self.position, lent),
            _ => &[],
        }
    }

    /// The first `len` bytes of the window are the file's next bytes: checks and hashes them, and what the push brought
    /// is consumed. A [`Misuse`](crate::Kind::Misuse) or a [`Retry`](crate::Kind::Retry) leaves the window lent.
    pub fn commit(&mut self, len: usize) -> Result<(), Error> {
        if matches!(self.state, State::Admitted | State::Failed) {
            return Err(self.misplaced("push_chunk"));
        }
        if len == 0 {
            return Err(Error::new(Code::Argument, format_args!("a chunk has at least 1 byte")));
        }
        if len > self.lent {
            return Err(Error::new(Code::Window, format_args!("{len} bytes of a window of {}", self.lent))
                .with(format_args!("at most {}", self.lent), format_args!("{len}")));
        }
        let start = self.position;
        let result = if self.state == State::Open { self.commit_header(len) } else { self.commit_data(len) };
        match result {
            Ok(()) => self.lent = 0,
            Err(_) if self.state == State::Failed => self.position = start,
            Err(_) => {}
        }
        result
    }

    fn commit_header(&mut self, len: usize) -> Result<(), Error> {
        let staging = core::mem::take(&mut self.staging);
        let result = self.read_staged(staging.get(..len).unwrap_or_default(), staging.capacity());
        if self.state != State::Failed {
            self.staging = staging;
        }
        result
    }

    /// Reads a staged chunk: header bytes, and behind the header's end data that waits for the consent.
    fn read_staged(&mut self, chunk: &[u8], staging: usize) -> Result<(), Error> {
        let inside = self.inside(chunk);
        self.reserve_header(inside, staging)?;
        let header = self.take_header(inside)?;
        let data = inside.get(header..).unwrap_or_default();
        let result = walk(&self.parser.header, &mut self.cursor, None::<&mut S>, data);
        self.settle(result)?;
        self.accept(data);
        self.staged = (header, inside.len());
        if inside.len() < chunk.len() { Err(self.past_length()) } else { Ok(()) }
    }

    fn commit_data(&mut self, len: usize) -> Result<(), Error> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        let chunk = sink.lend(self.position, self.lent).get(..len).unwrap_or_default();
        let left = self.length.map_or(u64::MAX, |length| length.saturating_sub(self.position));
        let inside = clip(chunk, left);
        let taken = inside.len();
        let whole = self.cursor.as_ref().map_or(0, Cursor::whole);
        let result = walk(&self.parser.header, &mut self.cursor, None::<&mut S>, inside);
        if result.is_ok() {
            self.hashers.update(inside);
            sink.filled(taken);
            (whole..self.cursor.as_ref().map_or(whole, Cursor::whole)).for_each(|index| sink.whole(index));
        }
        self.settle(result)?;
        self.position = self.position.saturating_add(taken as u64);
        if taken < len { Err(self.past_length()) } else { Ok(()) }
    }
}
