//! An admitted model.

use std::io;

use super::read::Read;
use crate::check::profile::Findings;
use crate::digests::{Digests, Evidence};
use crate::format::{Header, Tensor};
use crate::sink::{Builtin, Resident};

/// What a [`Model`] is made of.
#[non_exhaustive]
pub struct Parts<S> {
    /// Metadata and tensor table.
    pub header: Header,
    /// The length of the file in bytes.
    pub length: u64,
    /// The digests that were computed over the whole file.
    pub digests: Digests,
    /// The evidence of the file, where it was asked for.
    pub evidence: Option<Evidence>,
    /// What the profile found, where one was chosen.
    pub findings: Option<Findings>,
    /// The sink, committed.
    pub sink: S,
}

/// A file that passed every check: its header, its digests, and whatever its sink kept.
pub struct Model<S = Builtin> {
    pub(crate) header: Header,
    pub(crate) length: u64,
    pub(crate) digests: Digests,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) findings: Option<Findings>,
    pub(crate) sink: S,
}

impl<S> Model<S> {
    /// Metadata and tensor table.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digests that were computed over the whole file.
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Bytes requested from the allocator, beside those of the sink.
    pub(super) fn held(&self) -> u64 {
        let findings = self.findings.as_ref().map_or(0, Findings::held);
        let evidence = self.evidence.as_ref().map_or(0, Evidence::held);
        self.header.held().saturating_add(evidence).saturating_add(findings)
    }

    /// The evidence of the file, where it was asked for.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// What the profile found, where one was chosen.
    pub fn findings(&self) -> Option<&Findings> {
        self.findings.as_ref()
    }

    /// The sink, committed.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Takes the sink out.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Takes the model apart, for an owner that keeps header and weights in places of its own.
    ///
    /// ```
    /// use gguf_admission::{Options, Parts, admit_reader};
    ///
    /// let model = admit_reader(std::fs::File::open("examples/tiny.gguf")?, Options::resident())?;
    /// let Parts { header, digests, sink, .. } = model.into_parts();
    /// assert_eq!((header.tensor_count(), digests.sha256.is_some()), (2, true));
    /// # let _: gguf_admission::Resident = sink;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_parts(self) -> Parts<S> {
        let Model { header, length, digests, evidence, findings, sink } = self;
        Parts { header, length, digests, evidence, findings, sink }
    }
}

impl<S: Read> Model<S> {
    /// The bytes of tensor `index`, at an address that is a multiple of the file's alignment. `None` past the last
    /// tensor, or when the model is not resident.
    pub fn tensor(&self, index: usize) -> Option<&[u8]> {
        self.sink.bytes(&self.header, index)
    }

    /// The tensor with this name: its record and its bytes.
    pub fn tensor_named(&self, name: &str) -> Option<(Tensor<'_>, &[u8])> {
        let index = self.header.tensor_index(name)?;
        Some((self.header.tensor(index)?, self.tensor(index)?))
    }

    /// The whole file, byte for byte as it came; `None` when the model is not resident.
    pub fn file(&self) -> Option<File<'_>> {
        Some(File { header: &self.header, data: self.sink.resident()?, length: self.length, position: 0 })
    }
}

/// `Read + Seek` over the file of a resident model, for readers that want one.
pub struct File<'a> {
    header: &'a Header,
    data: &'a Resident,
    pub(super) length: u64,
    pub(super) position: u64,
}

impl File<'_> {
    /// The bytes at the position that lie together; empty at the end of the file.
    fn run(&self) -> &[u8] {
        let header_end = self.header.layout().header_end;
        let (run, end) = if self.position < header_end {
            (self.header.pages.run(self.position), header_end)
        } else {
            (self.data.run(self.position), self.length)
        };
        let left = end.saturating_sub(self.position);
        run.get(..usize::try_from(left).map_or(run.len(), |left| left.min(run.len()))).unwrap_or_default()
    }
}

impl io::Read for File<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let run = self.run();
        let (from, len) = (run.get(..run.len().min(to.len())).unwrap_or_default(), run.len().min(to.len()));
        if let Some(to) = to.get_mut(..len) {
            to.copy_from_slice(from);
        }
        self.position = self.position.saturating_add(len as u64);
        Ok(len)
    }
}

impl io::Seek for File<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(delta) => self.length.checked_add_signed(delta),
            io::SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
