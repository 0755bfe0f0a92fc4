//! What admission answers, in a form that can be compared: with another run, or with what the corpus expects.

use gguf_admission::abi::{Json, object};
use gguf_admission::{AdmitError, Error, Model, Path};
use serde_json::Value;

/// The answer to a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Admitted, with the sections of the report that depend on the file alone, as JSON.
    Admitted(String),
    /// Rejected.
    Rejected(Rejection),
}

/// Why a file was rejected: the part that programs match on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code's name.
    pub code: String,
    /// Where in the file.
    pub offset: Option<u64>,
    /// Which field.
    pub path: Option<String>,
}

impl Verdict {
    /// The verdict of an admission.
    pub fn of<S>(result: Result<&Model<S>, &Error>) -> Self {
        match result {
            Ok(model) => Verdict::Admitted(sections(model)),
            Err(error) => Verdict::Rejected(Rejection::of(error)),
        }
    }

    /// The verdict of `admit` or `admit_reader` over a source that does not fail.
    pub fn of_admission<S, E: std::fmt::Debug>(result: Result<Model<S>, AdmitError<E>>) -> Self {
        match result {
            Ok(model) => Verdict::of(Ok(&model)),
            Err(AdmitError::Refused(error)) => Verdict::of::<S>(Err(&error)),
            Err(AdmitError::Source(error)) => panic!("the source failed: {error:?}"),
            Err(AdmitError::Tee(error)) => panic!("the tee failed: {error}"),
        }
    }

    /// A verdict as the corpus states it: `{"verdict", "code", "offset", "path"}`; the report is not part of it.
    pub fn agrees_with(&self, stated: &Value) -> bool {
        match self {
            Verdict::Admitted(_) => stated["verdict"] == "admitted",
            Verdict::Rejected(rejection) => {
                stated["verdict"] == "rejected"
                    && stated["code"] == rejection.code.as_str()
                    && stated["offset"].as_u64() == rejection.offset
                    && stated["path"].as_str() == rejection.path.as_deref()
            }
        }
    }
}

impl Rejection {
    /// What an error says.
    pub fn of(error: &Error) -> Self {
        let path = (error.path() != Path::None).then(|| error.path().to_string());
        Rejection { code: error.code().name().to_owned(), offset: error.offset(), path }
    }
}

/// The sections `gguf`, `metadata`, `tensors`, `digests` of a model's report, as one object.
pub fn sections<S>(model: &Model<S>) -> String {
    let mut text = String::new();
    let sections = object(|json| model.write_sections(json));
    Json::new(&mut text).value(&sections).expect("a string");
    text
}

/// JSON that must be well formed.
pub fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

/// Those sections of a whole report.
pub fn sections_of(report: &Value) -> Value {
    ["gguf", "metadata", "tensors", "digests"].map(|name| (name.to_owned(), report[name].clone())).into_iter().collect()
}

/// Whether two JSON values say the same; numbers are compared as f64.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
