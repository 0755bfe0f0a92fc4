//! The bytes of a file, in file order, through the checks and the hashers.

use core::ops::Range;

use crate::check::{Bounds, Cursor, Parser, table};
use crate::contract::{Code, LimitId, Limits};
use crate::digests::{Digests, Evidence, Groups, Hashers, MOST_GROUPS, Values, groups_of};
use crate::error::{Error, Path};
use crate::format::Header;
use crate::sink::Sink;

/// A long chunk is stored and hashed piece by piece, while each piece is in the cache. An engine that compiles in tiers
/// also needs it: it takes up better code for a loop only where the loop is called again.
pub(super) const PIECE: usize = 64 * 1024;

/// What has come of the file.
///
/// Invariants: `position` counts the bytes that were checked and hashed; `cursor` is there once the header is whole.
pub(super) struct Data {
    parser: Parser,
    cursor: Option<Cursor>,
    pub(super) hashers: Hashers,
    position: u64,
}

impl Data {
    /// Nothing yet of a file of `length` bytes, where that is declared, hashed by the algorithms of `mask`.
    pub(super) fn new(mask: u8, length: Option<u64>) -> Self {
        Data { parser: Parser::new(), cursor: None, hashers: Hashers::new(mask, length), position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The header; whole once [`Data::read`] has judged it.
    pub(super) fn header(&self) -> &Header {
        self.parser.header()
    }

    pub(super) fn take_header(&mut self) -> Header {
        self.parser.take_header()
    }

    /// Header bytes looked at so far.
    pub(super) fn work(&self) -> u64 {
        self.parser.work()
    }

    /// Bytes requested from the allocator, for the header and the evidence.
    pub(super) fn held(&self) -> u64 {
        self.header().held().saturating_add(self.hashers.groups().map_or(0, Groups::held))
    }

    /// What is held at most once `piece` is read, of the header and what follows it.
    pub(super) fn held_with(&self, piece: &[u8], limits: &Limits) -> u64 {
        let evidence = self.hashers.groups().map_or(0, |groups| groups.held_with(piece.len()));
        self.parser.held_with(piece, limits).saturating_add(evidence)
    }

    /// Reserves all that reading `piece` of the header, and what follows it, can need.
    pub(super) fn reserve(&mut self, piece: &[u8], limits: &Limits) -> Result<(), Error> {
        self.parser.reserve(piece, limits)?;
        self.hashers.groups_mut().map_or(Ok(()), |groups| groups.reserve(piece.len()))
    }

    /// Reads bytes of the header that were reserved, and tells how many of them are the header's. Once the header is
    /// whole, it is judged by the rules for a whole table, and then by `judge`.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        bounds: Bounds<'_>,
        mut judge: impl FnMut(&Header) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let mut read = 0usize;
        while read < bytes.len() && !self.has_header() {
            let piece = self.hashers.clip(bytes.get(read..).unwrap_or_default());
            let mut header = piece;
            if self.parser.feed(piece, bounds)? {
                table::judge(self.header(), bounds)?;
                self.judge_groups(bounds)?;
                judge(self.header())?;
                let left = self.header().layout().header_end.saturating_sub(self.position);
                header = piece.get(..left as usize).unwrap_or(piece);
                self.start(bounds.limits);
            }
            self.hash(header)?;
            read = read.saturating_add(header.len());
        }
        Ok(read)
    }

    /// Refuses a file whose evidence no 32-bit memory can hold, where it is asked for.
    fn judge_groups(&self, bounds: Bounds<'_>) -> Result<(), Error> {
        let groups = groups_of(self.longest(bounds));
        if self.hashers.groups().is_none() || groups <= MOST_GROUPS {
            return Ok(());
        }
        let last = self.header().tensor_count().checked_sub(1);
        let at = last.and_then(|last| self.header().offset_field(last)).unwrap_or(0);
        let message = format_args!("no 32-bit memory can hold the evidence of this file");
        Err(Error::at(Code::Limit, at, Path::Memory, message)
            .with(format_args!("at most {MOST_GROUPS} groups"), format_args!("{groups}")))
    }

    /// The most bytes that the file can have; the header is known.
    pub(super) fn longest(&self, bounds: Bounds<'_>) -> u64 {
        let end = self.header().layout().allowed_end;
        bounds.length.unwrap_or_else(|| end.saturating_add(bounds.limits.get(LimitId::TrailingBytes)))
    }

    /// A longer list for the values of all groups, where one is needed; the header is known.
    pub(super) fn reserve_values(&self, bounds: Bounds<'_>) -> Result<Option<Values>, Error> {
        let longest = self.longest(bounds);
        self.hashers.groups().map_or(Ok(None), |groups| groups.reserve_all(longest))
    }

    /// What reserving the values of all groups will add to what is held; the header is known.
    pub(super) fn values_to_come(&self, bounds: Bounds<'_>) -> u64 {
        let more = |groups: &Groups| groups.held_for(self.longest(bounds)).saturating_sub(groups.held());
        self.hashers.groups().map_or(0, more)
    }

    /// Checks and hashes the next bytes behind the header, and gives each piece to the sink, if there is one. Gives the
    /// tensors that are whole with them; the sink was told.
    pub(super) fn take<S: Sink>(&mut self, bytes: &[u8], mut sink: Option<&mut S>) -> Result<Range<usize>, Error> {
        let first = self.whole();
        let mut left = bytes;
        while !left.is_empty() {
            let piece = self.hashers.clip(left.get(..PIECE).unwrap_or(left));
            self.walk(piece, sink.as_deref_mut())?;
            self.hash(piece)?;
            left = left.get(piece.len()..).unwrap_or_default();
        }
        Ok(first..self.whole())
    }

    /// Gives the sink the first bytes behind the header, which were taken without it.
    pub(super) fn place<S: Sink>(&mut self, bytes: &[u8], limits: &Limits, sink: &mut S) -> Result<(), Error> {
        self.start(limits);
        self.walk(bytes, Some(sink))
    }

    /// The first thing that the file lacks if it ends here.
    pub(super) fn ends(&self, length: Option<u64>) -> Option<Error> {
        match self.cursor {
            Some(_) => table::missing(self.header(), length, self.position),
            None => Some(self.parser.ends(self.position)),
        }
    }

    /// The digests and the evidence, or the first thing that is not as expected.
    pub(super) fn digests(&mut self) -> Result<(Digests, Option<Evidence>), Error> {
        self.hashers.finish()
    }

    /// Whether the header is whole.
    pub(super) fn has_header(&self) -> bool {
        self.cursor.is_some()
    }

    /// Frees what it holds.
    pub(super) fn clear(&mut self) {
        self.parser.clear();
        self.hashers = Hashers::new(0, None);
        self.cursor = None;
    }

    /// Says that it stands at `position`: where a rejected chunk began.
    pub(super) fn rewind(&mut self, position: u64) {
        self.position = position;
    }

    fn start(&mut self, limits: &Limits) {
        self.cursor = Some(Cursor::new(self.header().layout(), limits.get(LimitId::TrailingBytes)));
    }

    /// How many tensors are whole.
    fn whole(&self) -> usize {
        self.cursor.as_ref().map_or(0, Cursor::whole)
    }

    fn hash(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hashers.update(bytes)?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Walks bytes through the zones of the file, and gives each piece to the sink, if there is one.
    fn walk<S: Sink>(&mut self, mut bytes: &[u8], mut sink: Option<&mut S>) -> Result<(), Error> {
        let header = self.parser.header();
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
        let mut told = cursor.whole();
        // Tensors without bytes are whole before the piece behind them.
        cursor.leave(header);
        loop {
            if let Some(sink) = &mut sink {
                (told..cursor.whole()).try_for_each(|index| sink.whole(index))?;
                told = cursor.whole();
            }
            let Some(piece) = cursor.next(header, &mut bytes)? else { return Ok(()) };
            if let Some(sink) = &mut sink {
                sink.write(piece.offset, piece.zone, piece.bytes)?;
            }
        }
    }
}
