//! `gguf-admit show`: what stands in a file's header.

use std::fmt::Write;

use gguf_admission::{Array, Header, Options, Session, Value, Verify};
use serde_json::{Number, Value as Json, json};

use crate::arguments::Show;
use crate::exit::Exit;
use crate::input::Input;
use crate::label::{self, text as escaped};
use crate::stream;
use crate::text::{self, DIM, grouped, width};
use crate::verdict::{Stop, Verdict};

/// Bytes of a string, and elements of an array, that are shown.
const TEXT_BYTES: u64 = 60;
const JSON_BYTES: u64 = 4_096;
const TEXT_ITEMS: usize = 4;
const JSON_ITEMS: usize = 16;

pub(crate) fn run(arguments: &Show) -> Exit {
    let session = match read(arguments) {
        Ok(session) => session,
        Err((length, stop)) => {
            let verdict = Verdict::stopped(arguments.file.clone().into_os_string(), length, stop);
            if !arguments.json {
                anstream::eprintln!("{}", text::line(&verdict, 0));
                return verdict.exit();
            }
            return printed(&format!("{}\n", verdict.json()), verdict.exit());
        }
    };
    // The session has stopped behind its header, so there is one.
    let Some(header) = session.header() else { return Exit::Unread };
    let shown = match arguments.json {
        true => {
            let file = arguments.file.as_os_str().to_string_lossy();
            format!("{}\n", label::json(&as_json(&file, session.length(), header).to_string()))
        }
        false => as_text(session.length(), header),
    };
    printed(&shown, Exit::Good)
}

/// Prints, and ends so, unless it could not be written.
fn printed(text: &str, exit: Exit) -> Exit {
    text::print(text).map_or_else(|error| text::unwritten(&error), |()| exit)
}

fn read(arguments: &Show) -> Result<Session<Verify>, (Option<u64>, Stop)> {
    let mut input = Input::open(&arguments.file).map_err(|error| (None, error.into()))?;
    let length = input.length();
    let session = Options { length, digests: 0, ..Options::verify() }.open().map_err(Stop::from);
    let found = session.and_then(|mut session| {
        match &mut input {
            Input::File(file, _) => stream::header(&mut session, file),
            Input::Stream(stream) => stream::header(&mut session, stream),
        }?;
        Ok(session)
    });
    found.map_err(|stop| (length, stop))
}

fn as_text(length: Option<u64>, header: &Header) -> String {
    let mut out = String::new();
    let layout = header.layout();
    let elements = header.tensors().map(|tensor| tensor.dims().iter().product::<u64>()).fold(0, u64::saturating_add);
    let facts = [
        ("GGUF version", header.version().to_string()),
        ("alignment", header.alignment().to_string()),
        ("file", length.map_or("unknown".into(), |length| format!("{} bytes", grouped(length)))),
        ("header", format!("{} bytes", grouped(layout.header_end))),
        ("data from", format!("byte {}", grouped(layout.data_start))),
        ("entries", grouped(header.entry_count() as u64)),
        ("tensors", grouped(header.tensor_count() as u64)),
        ("parameters", grouped(elements)),
    ];
    // Writing to a string does not fail.
    for (name, value) in facts {
        let _ = writeln!(out, "{DIM}{name:<12}{DIM:#}  {value}");
    }
    let rows = header.entries().map(|entry| {
        let kind = match entry.value() {
            Value::Array(array) => format!("{}[{}]", array.of().name(), array.len()),
            _ => entry.value_type().name().to_owned(),
        };
        [bytes_text(entry.key, u64::MAX), kind, value_text(entry.value())]
    });
    table(&mut out, rows.collect());
    let rows = header.tensors().map(|tensor| {
        let dims = tensor.dims().iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
        [bytes_text(tensor.name(), u64::MAX), tensor.ty.name().to_owned(), dims]
    });
    table(&mut out, rows.collect());
    out
}

fn table(out: &mut String, rows: Vec<[String; 3]>) {
    if rows.is_empty() {
        return;
    }
    let column = |index: usize| rows.iter().map(|row| width(&row[index])).max().unwrap_or(0);
    let (first, second) = (column(0), column(1));
    out.push('\n');
    for [name, kind, value] in &rows {
        let (gap, kind_gap) = (first - width(name), second - width(kind));
        let _ = writeln!(out, "{name}{:gap$}  {DIM}{kind}{DIM:#}{:kind_gap$}  {value}", "", "");
    }
}

fn value_text(value: Value<'_>) -> String {
    match value {
        Value::String(bytes) => bytes_text(bytes, TEXT_BYTES),
        Value::Array(array) => {
            let shown: Vec<String> = array.iter().take(TEXT_ITEMS).map(value_text).collect();
            let more = if array.len() > TEXT_ITEMS as u64 { ", ..." } else { "" };
            format!("[{}{more}]", shown.join(", "))
        }
        number => scalar(number).to_string(),
    }
}

fn bytes_text(bytes: gguf_admission::Bytes<'_>, most: u64) -> String {
    let more = if bytes.len() > most { "..." } else { "" };
    // Out of memory for 60 bytes: there is nothing better to show.
    format!("{}{more}", bytes.first(most).to_vec().map_or_else(|error| error.to_string(), |text| escaped(&text)))
}

fn as_json(file: &str, length: Option<u64>, header: &Header) -> Json {
    let layout = header.layout();
    let metadata: Vec<Json> = header
        .entries()
        .map(|entry| {
            let key = string(entry.key, u64::MAX);
            match entry.value() {
                Value::Array(array) => {
                    let (of, items) = (array.of().name(), array.len());
                    json!({ "key": key, "type": "array", "of": of, "items": items, "first": first(array) })
                }
                value => json!({ "key": key, "type": entry.value_type().name(), "value": scalar(value) }),
            }
        })
        .collect();
    let tensors: Vec<Json> = header
        .tensors()
        .map(|tensor| {
            let (name, ty, dims) = (tensor.name().to_string(), tensor.ty.name(), tensor.dims());
            json!({ "name": name, "type": ty, "dims": dims, "offset": tensor.offset, "bytes": tensor.bytes })
        })
        .collect();
    json!({
        "file": file, "version": header.version(), "alignment": header.alignment(), "length": length,
        "headerBytes": layout.header_end, "dataOffset": layout.data_start, "metadata": metadata, "tensors": tensors,
    })
}

fn first(array: Array<'_>) -> Vec<Json> {
    array.iter().take(JSON_ITEMS).map(scalar).collect()
}

/// JSON has no infinities and no NaN: these are their names.
fn scalar(value: Value<'_>) -> Json {
    let float = |number: f64, shortest: String| {
        Number::from_f64(number)
            .map_or_else(|| json!(number.to_string()), |_| shortest.parse().map_or(Json::Null, Json::Number))
    };
    match value {
        Value::U8(number) => json!(number),
        Value::I8(number) => json!(number),
        Value::U16(number) => json!(number),
        Value::I16(number) => json!(number),
        Value::U32(number) => json!(number),
        Value::I32(number) => json!(number),
        Value::U64(number) => json!(number),
        Value::I64(number) => json!(number),
        Value::F32(number) => float(number.into(), number.to_string()),
        Value::F64(number) => float(number, number.to_string()),
        Value::Bool(is) => json!(is),
        Value::String(bytes) => json!(string(bytes, JSON_BYTES)),
        Value::Array(array) => Json::Array(first(array)),
        other => json!(format!("{other:?}")),
    }
}

fn string(bytes: gguf_admission::Bytes<'_>, most: u64) -> String {
    bytes
        .first(most)
        .to_vec()
        .map_or_else(|error| error.to_string(), |text| String::from_utf8_lossy(&text).into_owned())
}
