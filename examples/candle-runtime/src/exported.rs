//! The module: both interfaces over [`Runnable`], and the calls of this runtime. No call takes a pointer.

use core::cell::RefCell;

use gguf_abi_v2::{POISONED, long, number, slice, slice_mut};
use gguf_admission::abi::Registry;
use gguf_admission::{Code, Error};

use crate::engine::Engine;
use crate::runnable::Runnable;
use crate::sampler::Sampler;

gguf_abi_v2::exports!(Runnable);

thread_local! {
    /// The engine of the active model, from the first call that wants it until another model is active.
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// The active model has changed: its engine is made anew when it is wanted.
pub(crate) fn forget() {
    ENGINE.set(None);
}

/// Lends `len` bytes for a prompt (1 to 262,144), as a slice. The one lent before ends.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn prompt_window(len: i32) -> i64 {
    to_slice(|engine| engine.prompt_window(len).map(slice_mut))
}

/// The first `len` bytes lent are the prompt: empties the context, and makes the prompt's tokens pending. How many.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn set_prompt(len: i32) -> i32 {
    to_number(|engine| engine.set_prompt(len))
}

/// The tokens of the prompt, as a slice of u32, good until the next `set_prompt` or `reset_context`.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn prompt_tokens() -> i64 {
    to_slice(|engine| Ok(words(engine.prompt_tokens())))
}

/// Evaluates at most `tokens` of the pending tokens, and never the last one. How many are pending still.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn evaluate_prompt(tokens: i32) -> i32 {
    to_number(|engine| engine.evaluate_prompt(tokens))
}

/// Evaluates the pending tokens and gives the id of the one chosen, which is then pending.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn generate_next_token() -> i32 {
    to_number(Engine::generate_next_token)
}

/// Makes this token pending, instead of what is. 0.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn feed(id: i32) -> i32 {
    to_number(|engine| engine.feed(id).map(|()| 0))
}

/// The token that ends a text.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn end_token() -> i32 {
    to_number(|engine| engine.end_token())
}

/// What a token says, as a slice that is good until the next `token_text`. It may be part of a character.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn token_text(id: i32) -> i64 {
    to_slice(|engine| engine.token_text(id).map(slice))
}

/// A number for each token, from the latest evaluation, as a slice of f32 that is good until the next one.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn logits() -> i64 {
    to_slice(|engine| engine.logits().map(words))
}

/// Sets how tokens are chosen; temperature 0 takes the most likely one. 0.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn set_sampling_config(temperature: f32, top_k: i32, top_p: f32, seed: i64) -> i32 {
    to_number(|engine| {
        engine.set_sampler(Sampler::new(temperature, top_k, top_p, seed)?);
        Ok(0)
    })
}

/// Empties the context and sets how many tokens it has room for; 0 keeps that. 0.
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn reset_context(tokens: i32) -> i32 {
    to_number(|engine| engine.reset_context(tokens).map(|()| 0))
}

fn to_number(call: impl FnOnce(&mut Engine) -> Result<i32, Error>) -> i32 {
    enter(POISONED, |instance| {
        let active = instance.registry.active();
        number(instance, active, |registry| with(registry, call))
    })
}

fn to_slice(call: impl FnOnce(&mut Engine) -> Result<i64, Error>) -> i64 {
    enter(i64::from(POISONED), |instance| {
        let active = instance.registry.active();
        long(instance, active, |registry| with(registry, call))
    })
}

/// Runs a call on the engine of the active model.
fn with<R>(registry: &Registry<Runnable>, call: impl FnOnce(&mut Engine) -> Result<R, Error>) -> Result<R, Error> {
    let Some(model) = registry.active_model() else {
        return Err(Error::new(Code::State, format_args!("no model is active")));
    };
    ENGINE.with_borrow_mut(|engine| match engine {
        Some(engine) => call(engine),
        None => call(engine.insert(Engine::new(model)?)),
    })
}

/// A slice of numbers of four bytes, as they lie in memory.
fn words<T: Word>(words: &[T]) -> i64 {
    match size_of_val(words) {
        0 => 0,
        bytes => ((bytes as i64) << 32) | (words.as_ptr().expose_provenance() as i64 & 0xffff_ffff),
    }
}

/// Numbers of four bytes, which WebAssembly keeps with the lowest byte first.
trait Word {}

impl Word for u32 {}

impl Word for f32 {}
