//! The sink that the module is made for: candle's weights, of models that this runtime can run.

use gguf_admission::{Code, Error, Header, Keep, Lend, Model, Plan, Read, Resident, Sink, Storage, Zone};
use gguf_admission_candle::Weights;

use crate::config::{CHUNK, Config, DEFAULT_CONTEXT};
use crate::exported;
use crate::sampler;
use crate::tokens::Tokens;

/// The weights of a model that can be run; or, where a host only verifies, of any model, kept by nobody.
pub struct Runnable {
    storage: Storage,
    weights: Weights,
}

impl Runnable {
    /// The weights. [`Code::State`] where the host chose not to keep them.
    pub fn weights(&self) -> Result<&Weights, Error> {
        match self.storage {
            Storage::Resident => Ok(&self.weights),
            _ => Err(Error::new(Code::State, format_args!("the active model was verified, and its weights not kept"))),
        }
    }

    /// What running it takes beside the weights, in a context of the default length.
    fn more(header: &Header) -> u64 {
        let Ok(config) = Config::of(header) else {
            return 0;
        };
        let logits = config.vocabulary as u64 * size_of::<f32>() as u64;
        [
            config.context_bytes(DEFAULT_CONTEXT.min(config.longest)),
            config.activation_bytes(CHUNK),
            Tokens::bytes_of(header, config.vocabulary),
            logits,
            config.vocabulary as u64 * sampler::BYTES,
            config.norm_bytes(),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

impl Sink for Runnable {
    fn requires(&self, plan: &Plan<'_>) -> u64 {
        let more = if self.storage == Storage::Resident { Runnable::more(plan.header) } else { 0 };
        self.weights.requires(plan).saturating_add(more)
    }

    fn held(&self) -> u64 {
        self.weights.held()
    }

    fn check(&self, plan: &Plan<'_>) -> Result<(), Error> {
        if self.storage == Storage::Resident {
            Config::of(plan.header)?;
        }
        self.weights.check(plan)
    }

    fn reserve(&mut self, plan: &Plan<'_>) -> Result<(), Error> {
        self.weights.reserve(plan)
    }

    fn write(&mut self, offset: u64, zone: Zone, bytes: &[u8]) -> Result<(), Error> {
        self.weights.write(offset, zone, bytes)
    }

    fn whole(&mut self, index: usize) -> Result<(), Error> {
        self.weights.whole(index)
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.weights.commit()
    }

    fn rollback(&mut self) {
        self.weights.rollback();
    }
}

impl Lend for Runnable {
    fn lend(&mut self, offset: u64, most: usize) -> &mut [u8] {
        self.weights.lend(offset, most)
    }

    fn filled(&mut self, len: usize) {
        self.weights.filled(len);
    }
}

impl Read for Runnable {
    fn resident(&self) -> Option<&Resident> {
        self.weights.resident()
    }

    fn bytes(&self, header: &Header, index: usize) -> Option<&[u8]> {
        self.weights.bytes(header, index)
    }
}

impl Keep for Runnable {
    fn open(storage: Storage) -> Self {
        Runnable { storage, weights: Weights::open(storage) }
    }

    fn active(_model: Option<&Model<Self>>) {
        exported::forget();
    }
}
