//! A runtime behind the WebAssembly interface: Gemma 3 and Llama on candle, one module without imports.
//!
//! A host streams a model in through the interface of version 2, activates it, and then asks for text with the exports
//! of this module. The model's bytes are written once, to the place where candle's kernels read them.
//!
//! The parts, from the bottom up: [`Config`] reads a header and refuses what cannot be run; [`Tokens`] is the
//! tokeniser; [`Network`] computes; [`Sampler`] chooses; [`Engine`] is a conversation with an admitted model;
//! [`Runnable`] is the sink that the module is made for; the exports are calls on the engine of the active model.

mod config;
mod engine;
pub mod exported;
mod memory;
mod network;
mod runnable;
mod sampler;
mod tensors;
mod tokens;
mod vocabulary;

pub use config::{Config, Kind};
pub use engine::{Engine, PROMPT_BYTES};
pub use network::{Network, Precision};
pub use runnable::Runnable;
pub use sampler::Sampler;
pub use tokens::Tokens;
