//! The report: what a host is told about a file. Fields are only ever added.

use core::fmt::{self, Write};

use super::beyond::{write_findings, write_set};
use super::error::Detail;
use super::json::{Json, ToJson, array, object};
use crate::check::set::Set;
use crate::contract::{LimitId, State, Storage};
use crate::digests::{Algorithm, Digests, GROUP_BYTES};
use crate::format::{Entry, Header, Tensor, Value};
use crate::session::{Model, Session};
use crate::sink::Sink;

/// Strings above this many bytes are cut in the report; `metadata` has them whole.
const SHOWN_BYTES: u64 = 4_096;

/// The version of ABI and report.
const ABI: &str = "2.1";

/// Writes the report of a session or a model as it is now.
/// `set`: the set that it has joined, with the handle of its lead.
pub(crate) fn write_report<S: Sink>(
    session: &Session<S>,
    storage: Storage,
    set: Option<(i32, &Set<'_>)>,
    out: &mut dyn Write,
) -> fmt::Result {
    Json::new(out).value(&object(|json| {
        json.field("abi", ABI)?;
        json.field("state", session.state().name())?;
        json.field("sink", storage.name())?;
        json.field("position", &session.position())?;
        json.field("length", &session.length())?;
        if let Some(header) = session.header() {
            write_known(session, header, json)?;
            if let Some((lead, set)) = set {
                write_set(header, lead, set, json)?;
            }
        }
        if let (State::Failed, Some(error)) = (session.state(), session.error()) {
            json.field("error", &Detail(error, Some(State::Failed)))?;
        }
        Ok(())
    }))
}

/// The fields of a session whose header is known.
fn write_known<S: Sink>(session: &Session<S>, header: &Header, json: &mut Json<'_>) -> fmt::Result {
    // From here on the report speaks of the whole file, where its length is known.
    let seen = session.length().unwrap_or(session.position());
    write_gguf(header, seen, json)?;
    json.field(
        "memory",
        &object(|json| {
            json.field("held", &session.held())?;
            json.field("needed", &session.needed())?;
            json.field("limit", &session.limits().get(LimitId::Memory))
        }),
    )?;
    write_records(header, json)?;
    json.field("digests", &session.model().map(Model::digests))?;
    if let Ok(values) = session.evidence() {
        let groups = values.as_chunks::<32>().0.len() as u64;
        json.field(
            "evidence",
            &object(|json| {
                json.field("groupBytes", &GROUP_BYTES)?;
                json.field("groups", &groups)
            }),
        )?;
    }
    session.findings().map_or(Ok(()), |findings| write_findings(findings, json))
}

impl<S> Model<S> {
    /// Writes the sections of the report that depend on the file alone, as members of an object:
    /// `gguf`, `metadata`, `tensors`, `digests`.
    pub fn write_sections(&self, json: &mut Json<'_>) -> fmt::Result {
        write_gguf(&self.header, self.length, json)?;
        write_records(&self.header, json)?;
        json.field("digests", &self.digests)
    }
}

impl ToJson for Digests {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.value(&object(|json| {
            Algorithm::ALL.into_iter().try_for_each(|algorithm| match self.get(algorithm) {
                Some(digest) => json.field(algorithm.name(), &digest),
                None => Ok(()),
            })
        }))
    }
}

fn write_gguf(header: &Header, length: u64, json: &mut Json<'_>) -> fmt::Result {
    let layout = header.layout();
    json.field(
        "gguf",
        &object(|json| {
            json.field("version", &u64::from(header.version()))?;
            json.field("alignment", &header.alignment())?;
            json.field("headerBytes", &layout.header_end)?;
            json.field("dataOffset", &layout.data_start)?;
            json.field("dataBytes", &layout.data_bytes())?;
            json.field("trailingBytes", &length.saturating_sub(layout.allowed_end))
        }),
    )
}

fn write_records(header: &Header, json: &mut Json<'_>) -> fmt::Result {
    let entries = array(|json| header.entries().try_for_each(|entry| json.value(&entry)));
    json.field("metadata", &entries)?;
    json.field("tensors", &array(|json| header.tensors().try_for_each(|tensor| json.value(&tensor))))
}

impl ToJson for Entry<'_> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.value(&object(|json| {
            json.field("key", &self.key)?;
            json.field("type", self.value_type().name())?;
            match self.value() {
                Value::Array(array) => {
                    json.field("of", array.of().name())?;
                    json.field("items", &array.len())?;
                    json.field("offset", &array.offset())
                }
                Value::String(text) => {
                    json.field("value", &text.first(SHOWN_BYTES))?;
                    if text.len() > SHOWN_BYTES { json.field("bytes", &text.len()) } else { Ok(()) }
                }
                value => json.field("value", &value),
            }
        }))
    }
}

impl ToJson for Tensor<'_> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        json.value(&object(|json| {
            json.field("name", &self.name())?;
            json.field("type", self.ty.name())?;
            json.field("dims", &array(|json| self.dims().iter().try_for_each(|dim| json.value(dim))))?;
            json.field("offset", &self.offset)?;
            json.field("bytes", &self.bytes)
        }))
    }
}

/// A metadata value in full. Integers of 64 bits are strings; a float has the fewest digits that give it back, or is
/// its name as a string.
impl ToJson for Value<'_> {
    fn to_json(&self, json: &mut Json<'_>) -> fmt::Result {
        match self {
            Value::U8(value) => json.plain(format_args!("{value}")),
            Value::I8(value) => json.plain(format_args!("{value}")),
            Value::U16(value) => json.plain(format_args!("{value}")),
            Value::I16(value) => json.plain(format_args!("{value}")),
            Value::U32(value) => json.plain(format_args!("{value}")),
            Value::I32(value) => json.plain(format_args!("{value}")),
            Value::Bool(value) => json.plain(format_args!("{value}")),
            Value::U64(value) => json.quoted(value),
            Value::I64(value) => json.quoted(value),
            Value::F32(value) => write_float(value, f64::from(*value), json),
            Value::F64(value) => write_float(value, *value, json),
            Value::String(text) => json.value(text),
            Value::Array(items) => json.value(&array(|json| items.iter().try_for_each(|value| json.value(&value)))),
        }
    }
}

fn write_float(digits: &dyn fmt::Debug, value: f64, json: &mut Json<'_>) -> fmt::Result {
    match value.classify() {
        core::num::FpCategory::Nan => json.value("NaN"),
        core::num::FpCategory::Infinite if value > 0.0 => json.value("Infinity"),
        core::num::FpCategory::Infinite => json.value("-Infinity"),
        _ => json.plain(format_args!("{digits:?}")),
    }
}
