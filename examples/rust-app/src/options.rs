//! The options bag of JavaScript, as the core's options.

use gguf_admission::{Algorithm, Builtin, Code, Digest, LimitId, Limits, Options, Storage};
use gguf_admission_web::Error;
use js_sys::Reflect;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortSignal;

// As in js-sys, but for what it throws: of a proxy that was revoked nobody can say what it is.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Array, js_name = isArray)]
    fn is_array(value: &JsValue) -> Result<bool, JsValue>;
}

/// What one admission is told.
pub(crate) struct Settings {
    pub(crate) options: Options<Builtin>,
    pub(crate) signal: Option<AbortSignal>,
}

impl Settings {
    /// Reads `{ sink, length, sha256, blake3, digests, limits, signal }`, or undefined.
    ///
    /// # Errors
    ///
    /// `argument`, for a value that is not of its kind.
    pub(crate) fn read(bag: &JsValue) -> Result<Self, Error> {
        let storage = match text(bag, "sink")?.as_deref() {
            None | Some("resident") => Storage::Resident,
            Some("verify") => Storage::Verify,
            Some(other) => return Err(wrong("sink", "'resident' or 'verify'", other)),
        };
        let (sha256, blake3) = (digest(bag, "sha256")?, digest(bag, "blake3")?);
        let is_expected = sha256.is_some() || blake3.is_some();
        let options = Options {
            length: whole_number(bag, "length")?,
            limits: limits(&field(bag, "limits")?, storage)?,
            digests: digests(&field(bag, "digests")?, is_expected)?,
            sha256,
            blake3,
            ..Options::into_sink(Builtin::new(storage))
        };
        let signal = field(bag, "signal")?.map(|signal| signal.dyn_into::<AbortSignal>());
        let signal = signal.transpose().map_err(|_| wrong("signal", "an AbortSignal", "something else"))?;
        Ok(Settings { options, signal })
    }
}

fn limits(bag: &Option<JsValue>, storage: Storage) -> Result<Limits, Error> {
    let mut limits = Limits::new(storage);
    let Some(bag) = bag else { return Ok(limits) };
    let names = Reflect::own_keys(bag).map_err(|_| wrong("limits", "an object", "something else"))?;
    for name in names.iter().filter_map(|key| key.as_string()) {
        let id = match name.as_str() {
            "headerBytes" => LimitId::HeaderBytes,
            "metadataEntries" => LimitId::MetadataEntries,
            "tensors" => LimitId::Tensors,
            "stringBytes" => LimitId::StringBytes,
            "arrayItems" => LimitId::ArrayItems,
            "memory" => LimitId::Memory,
            "window" => LimitId::Window,
            "trailingBytes" => LimitId::TrailingBytes,
            "nameBytes" => LimitId::NameBytes,
            "dimensions" => LimitId::Dimensions,
            _ => return Err(wrong("limits", "the name of a limit", &name)),
        };
        if let Some(value) = whole_number(bag, &name)? {
            limits.set(id, value);
        }
    }
    Ok(limits)
}

/// The mask of the digests asked for: by default those that are expected, else SHA-256.
fn digests(names: &Option<JsValue>, is_expected: bool) -> Result<u8, Error> {
    let Some(names) = names else {
        return Ok(if is_expected { 0 } else { Algorithm::Sha256 as u8 });
    };
    let none = || wrong("digests", "an array of names", "something else");
    if !is_array(names).unwrap_or(false) {
        return Err(none());
    }
    let length = Reflect::get(names, &"length".into()).ok().and_then(|length| length.as_f64()).ok_or_else(none)?;
    (0..length as u32).try_fold(0, |mask, index| {
        let name = Reflect::get_u32(names, index).ok().and_then(|name| name.as_string());
        match name.as_deref() {
            Some("sha256") => Ok(mask | Algorithm::Sha256 as u8),
            Some("blake3") => Ok(mask | Algorithm::Blake3 as u8),
            _ => Err(wrong("digests", "'sha256' or 'blake3'", "something else")),
        }
    })
}

fn digest(bag: &JsValue, name: &str) -> Result<Option<Digest>, Error> {
    let Some(hex) = text(bag, name)? else { return Ok(None) };
    hex.parse().map(Some).map_err(|_| wrong(name, "64 hex digits", &hex))
}

fn text(bag: &JsValue, name: &str) -> Result<Option<String>, Error> {
    let text =
        field(bag, name)?.map(|value| value.as_string().ok_or_else(|| wrong(name, "a string", "something else")));
    text.transpose()
}

fn whole_number(bag: &JsValue, name: &str) -> Result<Option<u64>, Error> {
    let Some(value) = field(bag, name)? else { return Ok(None) };
    let number = value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0 && *number < 2f64.powi(53));
    number.map(|number| Some(number as u64)).ok_or_else(|| wrong(name, "a whole number", "something else"))
}

/// A field that is given: null says, as undefined does, that it is not; so does a bag that is one of them.
fn field(bag: &JsValue, name: &str) -> Result<Option<JsValue>, Error> {
    if bag.is_null_or_undefined() {
        return Ok(None);
    }
    let value =
        Reflect::get(bag, &name.into()).map_err(|_| wrong(name, "a field that can be read", "one that cannot"))?;
    Ok(Some(value).filter(|value| !value.is_null_or_undefined()))
}

fn wrong(name: &str, expected: &str, found: &str) -> Error {
    gguf_admission::Error::new(Code::Argument, format_args!("{name} must be {expected}, found {found}")).into()
}
