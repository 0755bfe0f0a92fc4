//! A runtime's own sink: keeps each tensor under its name, writes down every call, and fails where it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use gguf_admission::{Code, Error, Lend, Plan, Sink, Zone};

/// A call that a session made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `check`.
    Check,
    /// `reserve`.
    Reserve,
    /// `write`: offset, zone and length.
    Write(u64, Zone, usize),
    /// `filled`: length.
    Filled(usize),
    /// `whole`: which tensor.
    Whole(usize),
    /// `commit`.
    Commit,
    /// `rollback`.
    Rollback,
}

/// What a sink was told to fail in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told(pub Call);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "told to fail in {:?}", self.0)
    }
}

impl std::error::Error for Told {}

/// What a sink kept and was told; it outlives the session.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Record>>);

/// The contents of a [`Log`].
#[derive(Default)]
pub struct Record {
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Vec<u8>>,
    names: Vec<(String, usize)>,
}

impl Log {
    /// The record as it is now.
    pub fn read(&self) -> MutexGuard<'_, Record> {
        self.0.lock().expect("no test panics with the lock")
    }
}

/// The sink. [`Weights::fail_at`] makes one of its fallible calls fail.
#[derive(Default)]
pub struct Weights {
    log: Log,
    /// Fallible calls left until the one that fails, and what it says.
    fuse: Option<(usize, Code)>,
    fallible: usize,
    window: Vec<u8>,
}

impl Weights {
    /// A sink and its log.
    pub fn new() -> (Self, Log) {
        let weights = Weights::default();
        let log = weights.log.clone();
        (weights, log)
    }

    /// A sink whose `nth` call of `reserve`, `write`, `whole` or `commit` fails (the first is 1), caused by [`Told`].
    pub fn fail_at(nth: usize, code: Code) -> (Self, Log) {
        let (mut weights, log) = Weights::new();
        weights.fuse = Some((nth, code));
        (weights, log)
    }

    fn try_call(&mut self, call: Call) -> Result<(), Error> {
        self.fallible += 1;
        self.log.read().calls.push(call);
        match self.fuse {
            Some((nth, code)) if nth == self.fallible => {
                Err(Error::new(code, format_args!("told to fail")).caused_by(Told(call)))
            }
            _ => Ok(()),
        }
    }
}

impl Sink for Weights {
    fn check(&self, _plan: &Plan<'_>) -> Result<(), Error> {
        self.log.read().calls.push(Call::Check);
        Ok(())
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        self.try_call(Call::Reserve)?;
        let mut record = self.log.read();
        record.names = plan.header.tensors().map(|tensor| (tensor.name().to_string(), tensor.bytes as usize)).collect();
        let empty = record.names.iter().map(|(name, size)| (name.clone(), Vec::with_capacity(*size)));
        record.tensors = empty.collect();
        drop(record);
        self.window = vec![0; plan.window];
        Ok(())
    }

    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        self.try_call(Call::Write(offset, zone, bytes.len()))?;
        if let Zone::Tensor { index, at } = zone {
            let mut record = self.log.read();
            let name = record.names[index].0.clone();
            let tensor = record.tensors.get_mut(&name).expect("a name of the header");
            assert_eq!(tensor.len() as u64, at, "writes come in order");
            tensor.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn whole(&mut self, index: usize) -> Result<(), Error> {
        self.try_call(Call::Whole(index))
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.try_call(Call::Commit)
    }

    fn rollback(&mut self) {
        let mut record = self.log.read();
        record.calls.push(Call::Rollback);
        record.tensors.clear();
    }
}

/// Lends a window of its own; what was written there is not kept.
impl Lend for Weights {
    fn lend(&mut self, _offset: u64, most: usize) -> &mut [u8] {
        let most = self.window.len().min(most);
        &mut self.window[..most]
    }

    fn filled(&mut self, len: usize) {
        self.log.read().calls.push(Call::Filled(len));
    }
}
