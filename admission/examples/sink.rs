//! Puts each tensor where a runtime wants it, while the file streams: `cargo run --example sink -- MODEL.gguf`.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "the room is reserved, the index is the header's"
)]

use gguf_admission::{Error, Options, Plan, Sink, Zone, admit_reader};

#[derive(Default)]
pub(crate) struct Weights {
    pub(crate) tensors: Vec<Vec<u8>>,
    pub(crate) ready: bool,
}

impl Sink for Weights {
    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        let mut tensors = Vec::new();
        tensors.try_reserve_exact(plan.header.tensor_count()).map_err(|_| Error::memory(0))?;
        for tensor in plan.header.tensors() {
            let mut bytes = Vec::new();
            // More than a 32-bit `usize` holds is more than can be reserved.
            let length = usize::try_from(tensor.bytes).unwrap_or(usize::MAX);
            bytes.try_reserve_exact(length).map_err(|_| Error::memory(tensor.bytes))?;
            tensors.push(bytes);
        }
        self.tensors = tensors;
        Ok(())
    }

    fn write(&mut self, _offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        if let Zone::Tensor { index, .. } = zone {
            self.tensors[index].extend_from_slice(bytes);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.ready = true;
        Ok(())
    }

    fn rollback(&mut self) {
        self.tensors.clear();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: sink MODEL.gguf")?;
    let model = admit_reader(std::fs::File::open(path)?, Options::into_sink(Weights::default()))?;
    let Weights { tensors, ready } = model.sink();
    for (tensor, bytes) in model.header().tensors().zip(tensors) {
        println!("{}: {} bytes", tensor.name(), bytes.len());
    }
    println!("{} tensors, ready: {ready}", tensors.len());
    Ok(())
}
