//! v1's two texts. Their schema has a number of its own and never grows.

use core::cell::RefCell;
use core::fmt::{self, Write};

use gguf_admission::abi::{Json, Registry, Text, object};
use gguf_admission::{Error, Keep, Model};

/// What the text exports give after a trap.
pub const POISONED: &str = concat!(
    r#"{"abi":"1","call":"none","status":64,"code":"poisoned","offset":null,"path":null,"#,
    r#""message":"an earlier call trapped"}"#
);

/// The latest result before there is one.
const NO_RESULT: &str =
    r#"{"abi":"1","call":"none","status":0,"code":"ok","offset":null,"path":null,"message":"no call yet"}"#;

/// What the diagnostics say when there is no memory to say more.
const NO_MEMORY: &str = concat!(
    r#"{"abi":"1","model":null,"error":{"call":"get_diagnostics","status":17,"code":"memory","offset":null,"#,
    r#""path":"memory","message":"no memory for the diagnostics"}}"#
);

/// The calls that make a result.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    InitRuntime,
    LoadModel,
    FreeModel,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::InitRuntime => "init_runtime",
            Call::LoadModel => "load_model",
            Call::FreeModel => "free_model",
        }
    }
}

/// The answer to a call: what both texts are made of.
struct Answer {
    call: Call,
    status: i32,
    code: &'static str,
    message: &'static str,
    /// The core's own words, where it refused.
    error: Option<Error>,
}

impl Answer {
    const fn new(call: Call, status: i32, code: &'static str, message: &'static str) -> Self {
        Answer { call, status, code, message, error: None }
    }

    fn write_fields(&self, json: &mut Json<'_>) -> fmt::Result {
        json.field("call", self.call.name())?;
        json.field("status", &self.status)?;
        json.field("code", self.code)?;
        if let Some(error) = &self.error {
            return error.write_place(json);
        }
        json.field("offset", &None::<u64>)?;
        json.field("path", &None::<&str>)?;
        json.field("message", self.message)
    }
}

thread_local! {
    // The latest result, or nothing before the first. Outside of the instance, so that a pointer to it that the host
    // holds outlives the calls that borrow the instance and leave the text as it is.
    static RESULT: RefCell<Text<2048>> = const { RefCell::new(Text::new()) };
}

/// The latest result. Never allocates.
pub(crate) fn result() -> (*const u8, usize) {
    RESULT.with_borrow(|text| {
        let text = if text.is_empty() { NO_RESULT } else { text };
        (text.as_ptr(), text.len())
    })
}

/// The latest error, and the diagnostics, which are made when they are asked for and something has changed.
pub(crate) struct Texts {
    latest_error: Option<Answer>,
    diagnostics: Vec<u8>,
    /// The change of the active model that `diagnostics` knows of; `None`: it is out of date.
    change: Option<u64>,
}

impl Texts {
    pub(crate) const fn new() -> Self {
        Texts { latest_error: None, diagnostics: Vec::new(), change: None }
    }

    /// Notes the answer to a call and gives its number: 0, or the v2 status without its sign.
    pub(crate) fn answer(&mut self, call: Call, result: Result<&'static str, Error>) -> i32 {
        self.note(match result {
            Ok(message) => Answer::new(call, 0, "ok", message),
            Err(error) => {
                let (status, code) = (-error.code().status(), error.code().name());
                Answer { error: Some(error), ..Answer::new(call, status, code, "") }
            }
        })
    }

    /// Notes a refusal that only v1 knows.
    pub(crate) fn refuse(&mut self, call: Call, status: i32, code: &'static str, message: &'static str) -> i32 {
        self.note(Answer::new(call, status, code, message))
    }

    fn note(&mut self, answer: Answer) -> i32 {
        let status = answer.status;
        RESULT.with_borrow_mut(|text| {
            *text = Text::new();
            // A text is cut, never refused, and the longest result fits: a message has at most 200 bytes before
            // escaping.
            let _ = write_result(&answer, text);
        });
        if status != 0 {
            self.latest_error = Some(answer);
        }
        self.change = None;
        status
    }

    /// The active model and the latest error.
    pub(crate) fn diagnostics<S: Keep>(&mut self, registry: &Registry<S>) -> &[u8] {
        if self.change != Some(registry.changes()) {
            self.diagnostics = Vec::new();
            let model = registry.active_model();
            let error = self.latest_error.as_ref();
            self.diagnostics =
                gguf_admission::abi::text(u64::MAX, Error::memory, |out| write_diagnostics(model, error, out))
                    .unwrap_or_default();
            self.change = Some(registry.changes());
        }
        if self.diagnostics.is_empty() { NO_MEMORY.as_bytes() } else { &self.diagnostics }
    }
}

fn write_result(answer: &Answer, out: &mut dyn Write) -> fmt::Result {
    Json::raw(out).value(&object(|json| {
        json.field("abi", "1")?;
        answer.write_fields(json)
    }))
}

fn write_diagnostics<S: Keep>(model: Option<&Model<S>>, error: Option<&Answer>, out: &mut dyn Write) -> fmt::Result {
    let model = model.map(|model| {
        object(|json| {
            json.field("length", &model.length())?;
            model.write_sections(json)
        })
    });
    let error = error.map(|error| object(|json| error.write_fields(json)));
    Json::raw(out).value(&object(|json| {
        json.field("abi", "1")?;
        json.field("model", &model)?;
        json.field("error", &error)
    }))
}
