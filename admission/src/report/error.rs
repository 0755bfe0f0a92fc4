//! An error as hosts read it.

use core::fmt::{self, Write};

use super::json::Json;
use crate::contract::State;
use crate::error::{Error, Path};
use crate::text::Text;

impl Error {
    /// Writes the detail as JSON; `state` is that of the session the call named.
    pub fn write_json(&self, out: &mut dyn Write, state: Option<State>) -> fmt::Result {
        let mut json = Json::new(out);
        json.open('{')?;
        json.key("status")?;
        json.display(&self.code().status())?;
        json.key("code")?;
        json.str(self.code().name())?;
        json.key("kind")?;
        json.str(self.code().kind().name())?;
        json.key("state")?;
        json.str(state.map_or("none", State::name))?;
        self.write_place(&mut json)?;
        json.key("expected")?;
        json.optional_str(self.expected())?;
        json.key("found")?;
        json.optional_str(self.found())?;
        json.close('}')
    }

    /// Writes the fields `offset`, `path` and `message`: the part that both ABIs tell in the same words.
    pub fn write_place(&self, json: &mut Json<'_>) -> fmt::Result {
        json.key("offset")?;
        match self.offset() {
            Some(offset) => json.u64(offset)?,
            None => json.null()?,
        }
        json.key("path")?;
        let mut path = Text::<48>::new();
        path.put(format_args!("{}", self.path()));
        json.optional_str((self.path() != Path::None).then_some(&path))?;
        json.key("message")?;
        json.str(self.message())
    }
}
