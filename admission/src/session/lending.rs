//! The session of a sink that lends: a window is lent, a host fills it, and its bytes are committed.

use super::session::{Session, clip};
use crate::contract::{Code, LimitId, OPEN_WINDOW, State};
use crate::error::Error;
use crate::sink::Lend;

/// Bytes of the mark that a window starts with until it is written.
pub(crate) const MARK: usize = 16;

impl<S: Lend> Session<S> {
    /// Whether a window is lent, and how long it is.
    pub fn lent(&self) -> Option<usize> {
        (self.lent > 0).then_some(self.lent)
    }

    /// Lends the place for the next file bytes: at least 1 byte, all initialised, at the same address until it is
    /// consumed. After the header this call is the consent to reserve storage for the data.
    pub fn window(&mut self) -> Result<&mut [u8], Error> {
        let most = self.limits.get(LimitId::Window) as usize;
        if self.state.is_over() {
            return Err(self.misplaced("window"));
        }
        self.room = None;
        match self.state {
            State::Open => {
                let size = OPEN_WINDOW.min(most);
                if self.staging.bytes.is_empty() {
                    self.afford(self.held().saturating_add(size as u64))?;
                    self.staging.reserve(size)?;
                }
                self.lent = self.staging.bytes.len();
                return Ok(&mut self.staging.bytes);
            }
            State::HeaderReady => self.guarded(|session| session.consent(most))?,
            _ => {}
        }
        let prepared = self.sink.as_mut().map_or(Ok(()), |sink| sink.prepare(most));
        prepared.map_err(|error| self.refuse(error))?;
        let window = match &mut self.sink {
            Some(sink) => sink.lend(self.data.position(), most),
            None => &mut [],
        };
        self.lent = window.len();
        Ok(window)
    }

    /// The first `len` bytes of the window are the file's next bytes: checks and hashes them, and what the push brought
    /// is consumed. A [`Misuse`](crate::Kind::Misuse) or a [`Retry`](crate::Kind::Retry) leaves the window lent.
    pub fn commit(&mut self, len: usize) -> Result<(), Error> {
        let len = self.committable(None, i64::try_from(len).unwrap_or(i64::MAX))?;
        self.take_lent(len)
    }

    /// The same for a host that says where in the file the bytes belong. A window that still starts with `mark` was not
    /// written.
    pub(crate) fn commit_at(&mut self, offset: i64, len: i32, mark: &[u8; MARK]) -> Result<(), Error> {
        let len = self.committable(Some(offset), i64::from(len))?;
        if len >= MARK && self.lent_bytes().first_chunk() == Some(mark) {
            let message = format_args!("the window was not written: a view from before another call?");
            return Err(Error::new(Code::Unwritten, message).offset_is(self.position()));
        }
        self.take_lent(len)
    }

    /// The length of the chunk, if it may be committed now.
    fn committable(&self, offset: Option<i64>, len: i64) -> Result<usize, Error> {
        if self.state.is_over() {
            return Err(self.misplaced("push_chunk"));
        }
        let Some(chunk) = usize::try_from(len).ok().filter(|len| *len > 0) else {
            return Err(Error::argument("a chunk has at least 1 byte", len));
        };
        let position = self.position();
        if let Some(offset) = offset.filter(|offset| *offset != position.cast_signed()) {
            let message = format_args!("the chunk is for byte {offset}, the session at {position}");
            let error = Error::new(Code::Offset, message).with(format_args!("{position}"), format_args!("{offset}"));
            return Err(if offset < 0 { error } else { error.offset_is(offset.cast_unsigned()) });
        }
        let lent = self.lent;
        if chunk > lent {
            let message = match lent {
                0 => format_args!("no window is lent"),
                _ => format_args!("{len} bytes are more than the window"),
            };
            return Err(Error::new(Code::Window, message).with(format_args!("at most {lent}"), format_args!("{len}")));
        }
        Ok(chunk)
    }

    /// The bytes of the window that is lent, as they are now.
    fn lent_bytes(&mut self) -> &[u8] {
        match (self.state, &mut self.sink) {
            (State::Open, _) => self.staging.bytes.get(..self.lent).unwrap_or_default(),
            (_, Some(sink)) => sink.lend(self.data.position(), self.lent),
            _ => &[],
        }
    }

    fn take_lent(&mut self, len: usize) -> Result<(), Error> {
        let start = self.position();
        let taken = self.guarded(|session| {
            session.begin_push()?;
            match session.state {
                State::Open => session.take_staged(len),
                _ => session.take_in_place(len),
            }
        });
        if taken.is_ok() {
            self.lent = 0;
        }
        self.since(start, taken)
    }

    fn take_staged(&mut self, len: usize) -> Result<(), Error> {
        let staging = core::mem::take(&mut self.staging);
        let chunk = staging.bytes.get(..len).unwrap_or_default();
        let taken = self.read_staged(chunk, staging.held());
        if self.state != State::Failed {
            self.staging = staging;
            if let Ok(header) = taken {
                self.staging.wait(header..len);
            }
        }
        taken.map(drop)
    }

    /// Reads a staged chunk: header bytes, and behind the header's end data that waits for the consent. Gives where it
    /// begins.
    fn read_staged(&mut self, chunk: &[u8], staging: u64) -> Result<usize, Error> {
        let inside = self.inside(chunk);
        let header = self.read(inside, staging)?;
        let taken = self.data.take(inside.get(header..).unwrap_or_default(), None::<&mut S>);
        self.settle(taken)?;
        if inside.len() < chunk.len() { Err(self.past_length()) } else { Ok(header) }
    }

    /// Takes the first `len` bytes of the place that the sink lent.
    fn take_in_place(&mut self, len: usize) -> Result<(), Error> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        let left = self.length.map_or(u64::MAX, |length| length.saturating_sub(self.data.position()));
        let chunk = sink.lend(self.data.position(), self.lent).get(..len).unwrap_or_default();
        let inside = clip(chunk, left);
        let taken = inside.len();
        let whole = self.data.take(inside, None::<&mut S>).and_then(|mut whole| {
            sink.filled(taken);
            whole.try_for_each(|index| sink.whole(index))
        });
        self.settle(whole)?;
        if taken < len { Err(self.past_length()) } else { Ok(()) }
    }
}
