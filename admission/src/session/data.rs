//! The bytes of a file, in file order, through the checks and the hashers.

use core::ops::Range;

use crate::check::{Bounds, Cursor, Parser, table};
use crate::contract::{LimitId, Limits};
use crate::digests::{Digests, Hashers};
use crate::error::Error;
use crate::format::Header;
use crate::sink::Sink;

/// A long chunk is stored and hashed piece by piece, while each piece is in the cache. An engine that compiles in tiers
/// also needs it: it takes up better code for a loop only where the loop is called again.
const PIECE: usize = 64 * 1024;

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
    /// Nothing yet, hashed by the algorithms of `mask`.
    pub(super) fn new(mask: u8) -> Self {
        Data { parser: Parser::new(), cursor: None, hashers: Hashers::new(mask), position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The header; whole once [`Data::read`] has judged it.
    pub(super) fn header(&self) -> &Header {
        &self.parser.header
    }

    pub(super) fn take_header(&mut self) -> Header {
        core::mem::take(&mut self.parser.header)
    }

    /// Header bytes looked at so far.
    pub(super) fn work(&self) -> u64 {
        self.parser.work()
    }

    /// What the header will hold at most once `piece` is read.
    pub(super) fn held_with(&self, piece: &[u8], limits: &Limits) -> u64 {
        self.parser.held_with(piece, limits)
    }

    /// Reserves all that reading `piece` of the header can need.
    pub(super) fn reserve(&mut self, piece: &[u8], limits: &Limits) -> Result<(), Error> {
        self.parser.reserve(piece, limits)
    }

    /// Reads a piece of the header that was reserved, and tells how many of its bytes are the header's. Once the header is
    /// whole, it is judged by the rules for a whole table, and then by `judge`.
    pub(super) fn read(
        &mut self,
        piece: &[u8],
        bounds: Bounds<'_>,
        judge: impl FnOnce(&Header) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let mut header = piece;
        if self.parser.feed(piece, bounds)? {
            table::judge(self.header(), bounds)?;
            judge(self.header())?;
            let left = self.header().layout().header_end.saturating_sub(self.position);
            header = piece.get(..left as usize).unwrap_or(piece);
            self.start(bounds.limits);
        }
        self.hash(header);
        Ok(header.len())
    }

    /// Checks and hashes the next bytes behind the header, and gives each piece to the sink, if there is one. Gives the
    /// tensors that are whole with them; the sink was told.
    pub(super) fn take<S: Sink>(&mut self, bytes: &[u8], mut sink: Option<&mut S>) -> Result<Range<usize>, Error> {
        let first = self.whole();
        for piece in bytes.chunks(PIECE) {
            self.walk(piece, sink.as_deref_mut())?;
            self.hash(piece);
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

    /// The digests, or the first that is not the expected one.
    pub(super) fn digests(&self) -> Result<Digests, Error> {
        self.hashers.finish()
    }

    /// Whether the header is whole.
    pub(super) fn has_header(&self) -> bool {
        self.cursor.is_some()
    }

    /// Frees what it holds.
    pub(super) fn clear(&mut self) {
        self.parser.clear();
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

    fn hash(&mut self, bytes: &[u8]) {
        self.hashers.update(bytes);
        self.position = self.position.saturating_add(bytes.len() as u64);
    }

    /// Walks bytes through the zones of the file, and gives each piece to the sink, if there is one.
    fn walk<S: Sink>(&mut self, mut bytes: &[u8], mut sink: Option<&mut S>) -> Result<(), Error> {
        let header = &self.parser.header;
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
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
}
