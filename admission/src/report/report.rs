//! The report: what a host is told about a file. Fields are only ever added.

use core::fmt::{self, Write};

use super::beyond::{write_findings, write_set};
use super::json::{Float, Json};
use crate::check::set::Set;
use crate::contract::{LimitId, State, Storage};
use crate::digests::{Digests, GROUP_BYTES};
use crate::format::{Header, Value};
use crate::session::{Model, Session};
use crate::sink::Builtin;

/// Strings above this many bytes are cut in the report; `metadata` has them whole.
const SHOWN_BYTES: u64 = 4_096;

/// The version of ABI and report.
const ABI: &str = "2.0";

/// Writes the report of a session or a model as it is now.
/// `set`: the set that it has joined, with the handle of its lead.
pub(crate) fn write_report(
    session: &Session<Builtin>,
    storage: Storage,
    set: Option<(i32, &Set<'_>)>,
    out: &mut dyn Write,
) -> fmt::Result {
    let mut json = Json::new(out);
    json.open('{')?;
    json.key("abi")?;
    json.str(ABI)?;
    json.key("state")?;
    json.str(session.state().name())?;
    json.key("sink")?;
    json.str(storage.name())?;
    json.key("position")?;
    json.u64(session.position())?;
    json.key("length")?;
    match session.length() {
        Some(length) => json.u64(length)?,
        None => json.null()?,
    }
    if let Some(header) = session.header() {
        // From here on the report speaks of the whole file, where its length is known.
        let seen = session.length().unwrap_or(session.position());
        write_gguf(header, seen, &mut json)?;
        json.key("memory")?;
        json.open('{')?;
        json.key("held")?;
        json.u64(session.held())?;
        json.key("needed")?;
        json.u64(session.needed())?;
        json.key("limit")?;
        json.u64(session.limits().get(LimitId::Memory))?;
        json.close('}')?;
        write_records(header, &mut json)?;
        json.key("digests")?;
        match session.model() {
            Some(model) => write_digests(model.digests(), &mut json)?,
            None => json.null()?,
        }
        if let Ok(values) = session.evidence() {
            json.key("evidence")?;
            json.open('{')?;
            json.key("groupBytes")?;
            json.u64(GROUP_BYTES)?;
            json.key("groups")?;
            json.u64(values.as_chunks::<32>().0.len() as u64)?;
            json.close('}')?;
        }
        if let Some(findings) = session.findings() {
            write_findings(findings, &mut json)?;
        }
        if let Some((lead, set)) = set {
            write_set(header, lead, set, &mut json)?;
        }
    }
    if let (State::Failed, Some(error)) = (session.state(), session.error()) {
        json.key("error")?;
        json.nested(|out| error.write_json(out, Some(State::Failed)))?;
    }
    json.close('}')
}

impl<S> Model<S> {
    /// Writes the sections of the report that depend on the file alone, as members of an object that is open:
    /// `gguf`, `metadata`, `tensors`, `digests`.
    pub fn write_sections(&self, json: &mut Json<'_>) -> fmt::Result {
        write_gguf(&self.header, self.length, json)?;
        write_records(&self.header, json)?;
        json.key("digests")?;
        write_digests(&self.digests, json)
    }
}

fn write_digests(digests: &Digests, json: &mut Json<'_>) -> fmt::Result {
    json.open('{')?;
    for (name, digest) in [("sha256", digests.sha256), ("blake3", digests.blake3)] {
        if let Some(digest) = digest {
            json.key(name)?;
            json.quoted(&digest)?;
        }
    }
    json.close('}')
}

fn write_gguf(header: &Header, length: u64, json: &mut Json<'_>) -> fmt::Result {
    let layout = header.layout();
    json.key("gguf")?;
    json.open('{')?;
    for (key, value) in [
        ("version", u64::from(header.version())),
        ("alignment", header.alignment()),
        ("headerBytes", layout.header_end),
        ("dataOffset", layout.data_start),
        ("dataBytes", layout.data_bytes()),
        ("trailingBytes", length.saturating_sub(layout.allowed_end)),
    ] {
        json.key(key)?;
        json.u64(value)?;
    }
    json.close('}')
}

fn write_records(header: &Header, json: &mut Json<'_>) -> fmt::Result {
    json.key("metadata")?;
    json.open('[')?;
    for entry in header.entries() {
        json.open('{')?;
        json.key("key")?;
        json.bytes(entry.key)?;
        json.key("type")?;
        json.str(entry.value_type().name())?;
        match entry.value() {
            Value::Array(array) => {
                json.key("of")?;
                json.str(array.of().name())?;
                json.key("items")?;
                json.u64(array.len())?;
                json.key("offset")?;
                json.u64(array.offset())?;
            }
            Value::String(text) => {
                json.key("value")?;
                json.bytes(text.first(SHOWN_BYTES))?;
                if text.len() > SHOWN_BYTES {
                    json.key("bytes")?;
                    json.u64(text.len())?;
                }
            }
            value => {
                json.key("value")?;
                write_value(&value, json)?;
            }
        }
        json.close('}')?;
    }
    json.close(']')?;
    json.key("tensors")?;
    json.open('[')?;
    for tensor in header.tensors() {
        json.open('{')?;
        json.key("name")?;
        json.str(tensor.name())?;
        json.key("type")?;
        json.str(tensor.ty.name())?;
        json.key("dims")?;
        json.open('[')?;
        for dim in tensor.dims() {
            json.u64(*dim)?;
        }
        json.close(']')?;
        json.key("offset")?;
        json.u64(tensor.offset)?;
        json.key("bytes")?;
        json.u64(tensor.bytes)?;
        json.close('}')?;
    }
    json.close(']')
}

/// Writes one metadata value in full.
pub(crate) fn write_value(value: &Value<'_>, json: &mut Json<'_>) -> fmt::Result {
    match value {
        Value::U8(value) => json.display(value),
        Value::I8(value) => json.display(value),
        Value::U16(value) => json.display(value),
        Value::I16(value) => json.display(value),
        Value::U32(value) => json.display(value),
        Value::I32(value) => json.display(value),
        Value::Bool(value) => json.display(value),
        Value::U64(value) => json.quoted(value),
        Value::I64(value) => json.quoted(value),
        Value::F32(value) => json.float(float(value, f64::from(*value))),
        Value::F64(value) => json.float(float(value, *value)),
        Value::String(text) => json.bytes(*text),
        Value::Array(array) => {
            json.open('[')?;
            for value in array.iter() {
                write_value(&value, json)?;
            }
            json.close(']')
        }
    }
}

fn float(digits: &dyn fmt::Debug, value: f64) -> Float<'_> {
    match value.classify() {
        core::num::FpCategory::Nan => Float::Named("NaN"),
        core::num::FpCategory::Infinite if value > 0.0 => Float::Named("Infinity"),
        core::num::FpCategory::Infinite => Float::Named("-Infinity"),
        _ => Float::Finite(digits),
    }
}
