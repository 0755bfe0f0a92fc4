//! A conversation with an admitted model: what the exports are calls on.

use gguf_admission::{Code, Error, Model};

use crate::config::{Config, DEFAULT_CONTEXT};
use crate::memory::reserved;
use crate::network::{Network, Precision};
use crate::runnable::Runnable;
use crate::sampler::Sampler;
use crate::tokens::Tokens;
use crate::vocabulary::TOKEN_BYTES;

/// The longest prompt, in bytes.
pub const PROMPT_BYTES: usize = 256 * 1024;

/// An admitted model with its tokeniser and its context.
pub struct Engine {
    tokens: Tokens,
    network: Network,
    sampler: Sampler,
    /// What the host writes the next prompt to.
    window: Vec<u8>,
    prompt: Vec<u32>,
    /// Tokens that the next evaluation takes.
    pending: Vec<u32>,
    text: Vec<u8>,
}

impl Engine {
    /// [`Code::State`] for a model that was admitted without its weights, and [`Code::Memory`].
    pub fn new(model: &Model<Runnable>) -> Result<Engine, Error> {
        // A model that is only verified may be any.
        model.sink().weights()?;
        Engine::with(model, Config::of(model.header())?, Precision::Fast)
    }

    /// The same with a configuration and a precision of the caller's.
    pub fn with(model: &Model<Runnable>, config: Config, precision: Precision) -> Result<Engine, Error> {
        let length = DEFAULT_CONTEXT.min(config.longest);
        Ok(Engine {
            tokens: Tokens::of(model.header())?,
            network: Network::new(config, model.sink().weights()?, length, precision)?,
            sampler: Sampler::default(),
            window: Vec::new(),
            prompt: Vec::new(),
            pending: reserved(1)?,
            text: reserved(TOKEN_BYTES as usize)?,
        })
    }

    /// Room for a prompt of `len` bytes: 1 to [`PROMPT_BYTES`].
    pub fn prompt_window(&mut self, len: i32) -> Result<&mut [u8], Error> {
        let Some(len) = usize::try_from(len).ok().filter(|len| (1..=PROMPT_BYTES).contains(len)) else {
            return Err(argument(format_args!("a prompt has 1 to {PROMPT_BYTES} bytes, not {len}")));
        };
        let mut window = reserved(len)?;
        window.resize(len, 0);
        self.window = window;
        Ok(&mut self.window)
    }

    /// Empties the context, and makes the first `len` bytes of the window the prompt: its tokens are pending. How many.
    /// [`Code::Argument`] unless they are UTF-8, [`Code::Budget`] when the context is too short for the tokens.
    pub fn set_prompt(&mut self, len: i32) -> Result<i32, Error> {
        let bytes = usize::try_from(len).ok().and_then(|len| self.window.get(..len)).ok_or_else(|| {
            let most = self.window.len();
            Error::new(Code::Window, format_args!("{len} bytes of a prompt window of {most}"))
        })?;
        let text = core::str::from_utf8(bytes)
            .map_err(|error| argument(format_args!("the prompt is not UTF-8 from byte {} on", error.valid_up_to())))?;
        let prompt = self.tokens.encode(text)?;
        let length = self.network.length();
        if prompt.len() > length {
            let error = format_args!("the context of {length} tokens has no room for a prompt of {}", prompt.len());
            return Err(Error::new(Code::Budget, error)
                .with(format_args!("at most {length}"), format_args!("{}", prompt.len())));
        }
        // A pending token is replaced by another in place.
        let mut pending = reserved(prompt.len().max(1))?;
        pending.extend_from_slice(&prompt);
        self.network.reset(length);
        (self.prompt, self.pending) = (prompt, pending);
        Ok(self.prompt.len() as i32)
    }

    /// The tokens of the latest prompt.
    pub fn prompt_tokens(&self) -> &[u32] {
        &self.prompt
    }

    /// Evaluates at most `tokens` of the pending tokens, and never the last one, so that a host can do other things
    /// while a long prompt is read. How many are pending still: 1 when the rest is for `generate_next_token`.
    /// [`Code::Argument`] unless `tokens` is at least 1, [`Code::State`] when none is pending.
    pub fn evaluate_prompt(&mut self, tokens: i32) -> Result<i32, Error> {
        let Some(most) = usize::try_from(tokens).ok().filter(|most| *most > 0) else {
            return Err(argument(format_args!("at least one token is evaluated, not {tokens}")));
        };
        let Some(before_last) = self.pending.len().checked_sub(1) else {
            return Err(nothing_pending());
        };
        let count = most.min(before_last);
        if count > 0 {
            self.network.read(&self.pending[..count])?;
            self.pending.drain(..count);
        }
        Ok(self.pending.len() as i32)
    }

    /// Evaluates the pending tokens and chooses the next one, which is then pending. [`Code::State`] when none is
    /// pending, [`Code::Budget`] when the context is full, [`Code::Memory`]; then nothing has changed.
    pub fn generate_next_token(&mut self) -> Result<i32, Error> {
        if self.pending.is_empty() {
            return Err(nothing_pending());
        }
        let room = self.sampler.room(self.tokens.len())?;
        self.network.evaluate(&self.pending)?;
        let chosen = self.network.logits().map_or(0, |logits| self.sampler.choose(logits, room));
        self.replace_pending(chosen);
        Ok(chosen as i32)
    }

    /// Makes this token pending, instead of what is.
    pub fn feed(&mut self, id: i32) -> Result<(), Error> {
        let id = u32::try_from(id).ok().filter(|id| (*id as usize) < self.tokens.len()).ok_or_else(|| {
            argument(format_args!("a token is 0 to {}, not {id}", self.tokens.len().saturating_sub(1)))
        })?;
        self.replace_pending(id);
        Ok(())
    }

    fn replace_pending(&mut self, id: u32) {
        self.pending.clear();
        self.pending.push(id);
    }

    /// The token that ends a text. [`Code::State`] where the file has none.
    pub fn end_token(&self) -> Result<i32, Error> {
        let end =
            self.tokens.end().ok_or_else(|| Error::new(Code::State, format_args!("the file names no last token")));
        end.map(|id| id as i32)
    }

    /// What a token says. It may be part of a character; nothing for a control token.
    pub fn token_text(&mut self, id: i32) -> Result<&[u8], Error> {
        self.text.clear();
        let id = u32::try_from(id).unwrap_or(u32::MAX);
        if !self.tokens.decode(id, &mut self.text) {
            return Err(argument(format_args!("a token is 0 to {}", self.tokens.len().saturating_sub(1))));
        }
        Ok(&self.text)
    }

    /// A number for each token, from the latest evaluation. [`Code::State`] before the first in this context.
    pub fn logits(&self) -> Result<&[f32], Error> {
        self.network.logits().ok_or_else(|| Error::new(Code::State, format_args!("nothing was evaluated yet")))
    }

    /// Sets how tokens are chosen.
    pub fn set_sampler(&mut self, sampler: Sampler) {
        self.sampler = sampler;
    }

    /// Empties the context, with what is pending and the prompt, and sets how many tokens it has room for; 0 keeps
    /// that.
    pub fn reset_context(&mut self, tokens: i32) -> Result<(), Error> {
        let longest = self.network.longest();
        let length = match usize::try_from(tokens) {
            Ok(0) => self.network.length(),
            Ok(length) if length <= longest => length,
            _ => {
                return Err(argument(format_args!(
                    "a context has 1 to {longest} tokens, or 0 to keep it, not {tokens}"
                )));
            }
        };
        self.network.reset(length);
        self.prompt.clear();
        self.pending.clear();
        Ok(())
    }
}

fn nothing_pending() -> Error {
    Error::new(Code::State, format_args!("no token is pending: set a prompt, or feed a token"))
}

fn argument(why: core::fmt::Arguments<'_>) -> Error {
    Error::new(Code::Argument, why)
}
