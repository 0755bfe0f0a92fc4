//! A look at a file's header before its data is paid for.

use std::fmt;

use futures::StreamExt;
use gguf_admission::abi::{Json, object};
use gguf_admission::{Builtin, Header, Options, Session, Value};
use gguf_admission_web::{ByteStream, Error};

use crate::json;

/// Bytes of a name that are shown: as many as a report shows of a string.
const SHOWN_BYTES: u64 = 4096;

/// Feeds `stream` to a session until its header is whole. The session and the stream are dropped at the end: nothing
/// was reserved for the data, and the download stops.
pub(crate) async fn peek(stream: ByteStream, options: Options<Builtin>) -> Result<String, Error> {
    let mut stream = stream.expecting(options.length)?;
    let facts = look(&mut stream, options).await;
    if let Err(error) = &facts {
        stream.cancel(&error.clone().into());
    }
    facts
}

async fn look(stream: &mut ByteStream, options: Options<Builtin>) -> Result<String, Error> {
    let mut session = Session::new(options.sink, stream.length(), options.limits)?;
    loop {
        match stream.next().await.transpose()? {
            Some(chunk) => feed(&mut session, chunk.as_ref()),
            // The file ended in its header: this says where, and what is missing.
            None => session.finish(),
        }
        .map_err(|refused| stream.explain(refused))?;
        if let Some(header) = session.header() {
            return json::text(|json| write_facts(header, session.needed(), json));
        }
    }
}

/// Pushes `bytes`, or as many of them as the header takes.
fn feed(session: &mut Session<Builtin>, mut bytes: &[u8]) -> Result<(), gguf_admission::Error> {
    while !bytes.is_empty() && session.header().is_none() {
        bytes = &bytes[session.push(bytes)?..];
    }
    Ok(())
}

fn write_facts(header: &Header, needed: u64, json: &mut Json<'_>) -> fmt::Result {
    let architecture = match header.value("general.architecture") {
        Some(Value::String(name)) => name.first(SHOWN_BYTES).to_string(),
        _ => String::new(),
    };
    let layout = header.layout();
    json.value(&object(|json| {
        json.field("architecture", architecture.as_str())?;
        json.field("tensors", &(header.tensor_count() as u64))?;
        json.field("headerBytes", &layout.header_end)?;
        json.field("dataBytes", &layout.data_bytes())?;
        json.field("needed", &needed)
    }))
}
