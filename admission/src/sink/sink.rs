//! Where a model's data goes: the trait, and what a sink is told.

use crate::error::Error;
use crate::format::{Header, Zone};

/// Takes the bytes behind the header. A runtime implements it to put weights where they belong while the file still
/// streams; [`Verify`](crate::Verify) and [`Resident`](crate::Resident) come with the crate.
///
/// A session calls, in this order:
///
/// 1. [`check`](Sink::check), once, in the push that completes the header, before the host has consented to anything.
/// 2. [`requires`](Sink::requires) and [`reserve`](Sink::reserve), in the call that is the host's consent. A `reserve`
///    that answered a [`Retry`](crate::Kind::Retry) is called again by the next consent, so it begins from nothing.
/// 3. [`prepare`](Sink::prepare) before each piece, then [`write`](Sink::write) for every byte from the header's end
///    on, in file order, each piece in one [`Zone`]. Bytes that a host wrote into a place lent by [`Lend`] come as
///    [`filled`](Lend::filled) instead. In both cases [`whole`](Sink::whole) follows the last piece of each tensor, and
///    tensors without bytes are whole in their turn.
/// 4. [`commit`](Sink::commit), when every check has passed.
///
/// [`rollback`](Sink::rollback) ends it instead: on a rejection, a failure, or a drop of the session, also before
/// `reserve` and before `check`. Bytes count as checked only at `commit`. `requires` and [`held`](Sink::held) may be
/// asked at any time: `requires` from step 1 to step 2, `held` always.
///
/// What fails in the sink's own code can be told with the [`Error`]: it is the error's
/// [`source`](std::error::Error::source), and the session has failed and is rolled back.
///
/// ```
/// use std::error::Error as _;
/// use std::io;
///
/// use gguf_admission::{AdmitError, Code, Error, Options, Plan, Sink, Zone, admit_reader};
///
/// /// Uploads each tensor to a device once it is whole.
/// struct Device;
///
/// impl Device {
///     fn upload(&mut self, _tensor: usize) -> io::Result<()> {
///         Err(io::Error::other("the device was lost"))
///     }
/// }
///
/// impl Sink for Device {
///     fn reserve(&mut self, _plan: &Plan<'_>) -> Result<(), Error> {
///         Ok(())
///     }
///
///     fn write(&mut self, _offset: u64, _zone: Zone, _bytes: &[u8]) -> Result<(), Error> {
///         Ok(())
///     }
///
///     fn whole(&mut self, index: usize) -> Result<(), Error> {
///         self.upload(index).map_err(|lost| {
///             Error::new(Code::Limit, format_args!("tensor {index} was not taken")).caused_by(lost)
///         })
///     }
/// }
///
/// let file = std::fs::File::open("examples/tiny.gguf")?;
/// let Err(AdmitError::Refused(error)) = admit_reader(file, Options::into_sink(Device)) else { panic!("lost") };
/// assert_eq!(error.message(), "tensor 0 was not taken");
/// assert_eq!(error.source().map(|lost| lost.to_string()).as_deref(), Some("the device was lost"));
/// # Ok::<(), io::Error>(())
/// ```
pub trait Sink {
    /// Bytes that it will hold once reserved: part of what limit MEMORY is compared with.
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        let _ = plan;
        0
    }

    /// Bytes that it holds now.
    fn held(&self) -> u64 {
        0
    }

    /// Whether it could hold this model at all. An error with [`Code::Limit`](crate::Code::Limit) rejects the file in
    /// the push that completes the header.
    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        let _ = plan;
        Ok(())
    }

    /// Reserves storage for every tensor in `plan.header`. On an error nothing is kept: a
    /// [`Retry`](crate::Kind::Retry) may be tried again, anything else rejects the file.
    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error>;

    /// Makes room for the next `bytes` bytes, where [`reserve`](Sink::reserve) has not made room for all. Asked before
    /// bytes are taken or lent, so that a [`Retry`](crate::Kind::Retry) has taken nothing; anything else rejects the
    /// file.
    fn prepare(&mut self, bytes: usize) -> Result<(), Error> {
        let _ = bytes;
        Ok(())
    }

    /// Takes `bytes`, which lie at file offset `offset`, all in `zone`. An error rejects the file, whatever its code:
    /// bytes that were taken cannot be given again.
    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error>;

    /// Every byte of tensor `index` is in. Also told of tensors without bytes. An error rejects the file, whatever its
    /// code.
    fn whole(&mut self, index: usize) -> Result<(), Error> {
        let _ = index;
        Ok(())
    }

    /// Every check has passed: the model may be used. An error rejects the file, whatever its code.
    fn commit(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The model will not be: frees what was reserved.
    fn rollback(&mut self) {}
}

/// A sink that lends the place where the next bytes finally live, so that a host writes each byte once.
pub trait Lend: Sink {
    /// The place of the file bytes from `offset` on: at least 1 byte and at most `most`, all initialised. Until
    /// [`filled`](Lend::filled) it answers the same place for the same offset. Never allocates.
    fn lend(&mut self, offset: u64, most: usize) -> &mut [u8];

    /// The first `len` bytes of the place lent last are the file's.
    fn filled(&mut self, len: usize);
}

/// What a sink can know when it reserves.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plan<'a> {
    /// The whole header; its [`layout`](Header::layout) says where data starts and ends.
    pub header: &'a Header,
    /// The declared length of the file.
    pub length: Option<u64>,
    /// The largest window that will be lent: limit WINDOW, or 0 when none will be.
    pub window: usize,
    /// Limit TRAILING_BYTES.
    pub trailing: u64,
}
