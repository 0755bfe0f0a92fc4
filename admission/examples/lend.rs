//! Reads a file straight to where its tensors stay: `cargo run --example lend -- MODEL.gguf`.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the room is reserved; that no offset overflows was checked at the header"
)]

use std::io::Read as _;

use gguf_admission::{Error, Header, Keep, Lend, Options, Plan, Read, Resident, Sink, Storage, Zone};

/// Lent for what is no tensor's: padding, and bytes behind the last tensor.
const GAP: usize = 4096;

/// The tensors of a model in file order, each in a buffer of its own.
#[derive(Default)]
pub(crate) struct Weights {
    /// No tensor is kept: a host only wants to know whether the file is right.
    verifies: bool,
    tensors: Vec<Kept>,
    gap: Vec<u8>,
}

struct Kept {
    /// The file offset of the first byte.
    start: u64,
    bytes: Vec<u8>,
}

impl Sink for Weights {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        let data = if self.verifies { 0 } else { plan.header.tensors().map(|tensor| tensor.bytes).sum() };
        data + GAP as u64
    }

    fn held(&self) -> u64 {
        self.gap.len() as u64 + self.tensors.iter().map(|kept| kept.bytes.len() as u64).sum::<u64>()
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        let mut new = Weights { verifies: self.verifies, tensors: Vec::new(), gap: zeroed(GAP as u64)? };
        if !self.verifies {
            new.tensors.try_reserve_exact(plan.header.tensor_count()).map_err(|_| Error::memory(0))?;
            for tensor in plan.header.tensors() {
                new.tensors.push(Kept { start: tensor.offset, bytes: zeroed(tensor.bytes)? });
            }
        }
        *self = new;
        Ok(())
    }

    /// Bytes that nobody wrote into a place lent: data in one chunk with the end of the header.
    fn write(&mut self, _offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        if let (Zone::Tensor { index, at }, false) = (zone, self.verifies) {
            self.tensors[index].bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn rollback(&mut self) {
        *self = Weights { verifies: self.verifies, ..Weights::default() };
    }
}

impl Lend for Weights {
    fn lend(&mut self, offset: u64, most: usize) -> &mut [u8] {
        // A tensor without bytes ends where it starts, and is never next.
        let next = self.tensors.partition_point(|kept| kept.start + kept.bytes.len() as u64 <= offset);
        let start = self.tensors.get(next).map_or(u64::MAX, |kept| kept.start);
        if start > offset {
            let room = usize::try_from(start - offset).unwrap_or(GAP);
            return &mut self.gap[..room.min(GAP).min(most)];
        }
        let place = &mut self.tensors[next].bytes[(offset - start) as usize..];
        let len = place.len().min(most);
        &mut place[..len]
    }

    // What was written there is where it stays.
    fn filled(&mut self, _len: usize) {}
}

impl Read for Weights {
    // This sink has the bytes by itself.
    fn resident(&self) -> Option<&Resident> {
        None
    }

    fn bytes(&self, _header: &Header, index: usize) -> Option<&[u8]> {
        self.tensors.get(index).map(|kept| kept.bytes.as_slice())
    }
}

impl Keep for Weights {
    fn open(storage: Storage) -> Self {
        Weights { verifies: storage == Storage::Verify, ..Weights::default() }
    }
}

fn zeroed(len: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    // More than a 32-bit `usize` holds is more than can be reserved.
    let length = usize::try_from(len).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(length).map_err(|_| Error::memory(len))?;
    bytes.resize(length, 0);
    Ok(bytes)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: lend MODEL.gguf")?;
    let mut file = std::fs::File::open(path)?;
    let length = Some(file.metadata()?.len());
    let mut session = Options { length, ..Options::into_sink(Weights::default()) }.open()?;
    loop {
        let read = match file.read(session.window()?)? {
            0 => break,
            read => read,
        };
        session.commit(read)?;
    }
    session.finish()?;
    let model = session.into_model().ok_or("it is admitted")?;
    for (index, tensor) in model.header().tensors().enumerate() {
        println!("{}: {} bytes", tensor.name(), model.tensor(index).map_or(0, <[u8]>::len));
    }
    Ok(())
}
