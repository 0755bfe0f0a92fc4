//! A look at a file's header before its data is paid for.

use std::pin::pin;

use futures::StreamExt;
use gguf_admission::{Builtin, Header, Options, Session, State, Value};
use gguf_admission_web::{ByteStream, Error};

/// Feeds `stream` to a session until its header is whole. The session and the stream are dropped at the end: nothing was
/// reserved for the data, and the download stops.
pub(crate) async fn peek(stream: ByteStream, options: Options<Builtin>) -> Result<String, Error> {
    let mut session = Session::new(options.sink, options.length.or(stream.length()), options.limits)?;
    let mut stream = pin!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            rest = &rest[session.push(rest)?..];
            if let (State::HeaderReady, Some(header)) = (session.state(), session.header()) {
                return Ok(facts(header, session.needed()));
            }
        }
    }
    // The file ended in its header: finish says where, and what is missing.
    session.finish()?;
    Ok(session.header().map(|header| facts(header, session.needed())).unwrap_or_default())
}

fn facts(header: &Header, needed: u64) -> String {
    let architecture = match header.value("general.architecture") {
        Some(Value::String(name)) => name.to_string(),
        _ => String::new(),
    };
    let layout = header.layout();
    format!(
        r#"{{"architecture":{architecture:?},"tensors":{},"headerBytes":{},"dataBytes":{},"needed":{needed}}}"#,
        header.tensor_count(),
        layout.header_end,
        layout.data_bytes(),
    )
}
