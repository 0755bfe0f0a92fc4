//! A file on its way in, whose header is shown to a callback.

use super::options::{Options, Refusal};
use crate::contract::Code;
use crate::error::Error;
use crate::format::Header;
use crate::session::{Model, Session};
use crate::sink::Sink;

/// Invariant: `on_header` is there until the header is known.
pub(super) struct Intake<S: Sink, F> {
    session: Session<S>,
    on_header: Option<F>,
}

impl<S, F> Intake<S, F>
where
    S: Sink,
    F: FnOnce(&Header) -> Result<(), Refusal>,
{
    pub(super) fn open(options: Options<S, F>) -> Result<Self, Error> {
        let (mut session, on_header) = options.session()?;
        session.never_lends();
        Ok(Intake { session, on_header: Some(on_header) })
    }

    /// Takes all of `bytes`. A push stops at the header's end: the callback sees the header before the next one, which
    /// is the consent.
    pub(super) fn push_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.session.push(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            if let Some(header) = self.session.header()
                && let Some(on_header) = self.on_header.take()
            {
                on_header(header).map_err(refused)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Model<S>, Error> {
        self.session.finish()?;
        // `finish` answers Ok only with a model in place.
        self.session.into_model().ok_or_else(|| Error::memory(0))
    }
}

/// A callback's refusal, as the error of the admission.
fn refused(refusal: Refusal) -> Error {
    match refusal.downcast::<Error>() {
        Ok(error) => *error,
        Err(refusal) => Error::new(Code::Limit, format_args!("{refusal}")).caused_by(refusal),
    }
}
