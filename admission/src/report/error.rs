//! An error as hosts read it.

use core::fmt::{self, Write};

use super::json::{Json, ToJson, object};
use crate::contract::State;
use crate::error::Error;

/// An error, and the state of the session that the call named.
pub(super) struct Detail<'a>(pub(super) &'a Error, pub(super) Option<State>);

impl ToJson for Detail<'_> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        let Detail(error, state) = self;
        json.value(&object(|json| {
            json.field("status", &error.code().status())?;
            json.field("code", error.code().name())?;
            json.field("kind", error.code().kind().name())?;
            json.field("state", state.map_or("none", State::name))?;
            error.write_place(json)?;
            json.field("expected", &error.expected())?;
            json.field("found", &error.found())
        }))
    }
}

impl Error {
    /// Writes the detail as JSON; `state` is that of the session the call named.
    pub fn write_json(&self, out: &mut dyn Write, state: Option<State>) -> fmt::Result {
        Json::new(out).value(&Detail(self, state))
    }

    /// Writes the fields `offset`, `path` and `message`: the part that both ABIs tell in the same words.
    pub fn write_place(&self, json: &mut Json<'_>) -> fmt::Result {
        json.field("offset", &self.offset())?;
        json.field("path", &self.path())?;
        json.field("message", self.message())
    }
}
