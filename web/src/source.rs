//! From whatever holds a file to a stream of its bytes.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ReadableStream, Response};

use crate::error::{Error, SourceError};
use crate::foreign::{as_a, call, field, ignore, message_of, tag_of, text_of};
use crate::reader::Reader;
use crate::stream::ByteStream;

impl ByteStream {
    /// The bytes of `stream`, which is locked from here on. Their number is not known.
    ///
    /// # Errors
    ///
    /// `locked`, when another reader has it.
    pub fn from_stream(stream: &ReadableStream) -> Result<Self, Error> {
        Ok(ByteStream::new(Some(lock(stream)?), None))
    }

    /// The bytes of a `Blob`, or of a `File`, which is one. Their number is exact.
    ///
    /// # Errors
    ///
    /// None that is known of a real one: a file that went away fails in the first read.
    pub fn from_blob(blob: &Blob) -> Result<Self, Error> {
        let size = read(blob, "size", "blob")?.as_f64().unwrap_or(f64::NAN);
        if !(0.0..2f64.powi(53)).contains(&size) {
            return Err(SourceError::new("source", "the blob's size is no number of bytes").into());
        }
        let stream = call(blob, "stream", &[]).map_err(|thrown| SourceError::unreadable("the blob", thrown))?;
        let size = size as u64;
        Ok(ByteStream::new(Some(lock(stream.unchecked_ref())?), Some(size)).sure(size))
    }

    /// The body of a response, which is its owner's no more: on an error it is cancelled. Without a body it is an empty
    /// file.
    ///
    /// Their number is that of `Content-Length`, unless the body is compressed, or comes from another origin, which
    /// hides whether it is: then it is not known.
    ///
    /// # Errors
    ///
    /// `http`, when the status is no success or is hidden; `range`, when this is a part of a file; `locked`, when the
    /// body was read already.
    pub fn from_response(response: &Response) -> Result<Self, Error> {
        let stream = body_of(response);
        if stream.is_err()
            && let Ok(body) = field(response, "body")
            && field(&body, "locked").is_ok_and(|locked| locked.is_falsy())
            && let Ok(cancelled) = call(&body, "cancel", &[])
        {
            ignore(&cancelled);
        }
        Ok(stream?)
    }

    /// The bytes of a `Blob`, a `File`, a `Response` or a `ReadableStream`, as a function that is called from
    /// JavaScript is given them.
    ///
    /// # Errors
    ///
    /// `unsupported`, when it is none of them; else those of the function for what it is. `source`, when a field of it
    /// cannot be read.
    pub fn from_value(value: &JsValue) -> Result<Self, Error> {
        let tag = tag_of(value);
        let called = tag.as_deref().unwrap_or_default();
        if let Some(blob) = as_a(value, called, &["Blob", "File"]) {
            return ByteStream::from_blob(blob);
        }
        if let Some(response) = as_a(value, called, &["Response"]) {
            return ByteStream::from_response(response);
        }
        if let Some(stream) = as_a(value, called, &["ReadableStream"]) {
            return ByteStream::from_stream(stream);
        }
        let found = value.js_typeof().as_string().unwrap_or_default();
        let message = format!("a Blob, a File, a Response or a ReadableStream is needed, found another {found}");
        Err(match tag {
            Ok(_) => SourceError::new("unsupported", message),
            Err(thrown) => {
                let why = message_of(&thrown);
                SourceError::new("unsupported", format!("{message}, whose name cannot be read: {why}")).because(thrown)
            }
        }
        .into())
    }
}

/// A field of a source.
fn read(value: &JsValue, name: &'static str, source: &str) -> Result<JsValue, SourceError> {
    field(value, name).map_err(|thrown| SourceError::unreadable(&format!("the {source}'s field {name}"), thrown))
}

fn lock(stream: &ReadableStream) -> Result<Reader, SourceError> {
    if read(stream, "locked", "stream")?.is_truthy() {
        return Err(SourceError::new("locked", "the stream is locked to another reader"));
    }
    Reader::new(stream).map_err(|thrown| SourceError::thrown(thrown).at(0))
}

fn body_of(response: &JsValue) -> Result<ByteStream, SourceError> {
    let kind = text_of(&read(response, "type", "response")?).unwrap_or_default();
    let headers = read(response, "headers", "response")?;
    check(response, &kind, &headers)?;
    let sent = sent(&headers)?;
    let is_hidden = kind == "cors";
    let page = header(&headers, "content-type")?.filter(|kind| is_page(kind));
    let body = Some(read(response, "body", "response")?).filter(|body| !body.is_null_or_undefined());
    let reader = body.map(|body| lock(body.unchecked_ref())).transpose()?;
    let stream = ByteStream::new(reader, sent.filter(|_| !is_hidden)).called(page);
    Ok(match kind.as_str() {
        // One that was made by hand, of a stream perhaps, may hold less than its headers say.
        "default" => stream,
        _ => stream.fetched().sure(sure(sent.unwrap_or(0), is_hidden)),
    })
}

/// Whether the response can hold a file at all.
fn check(response: &JsValue, kind: &str, headers: &JsValue) -> Result<(), SourceError> {
    let read = |name| read(response, name, "response");
    let status = read("status")?.as_f64().unwrap_or(0.0) as u16;
    if matches!(kind, "opaque" | "opaqueredirect") {
        let message = "the response is opaque: it was fetched without CORS, or not redirected";
        return Err(SourceError::new("http", message).answered(status));
    }
    if !read("ok")?.is_truthy() {
        let text = |name| read(name).ok().as_ref().and_then(text_of).unwrap_or_default();
        let message = refusal(status, &text("statusText"), &text("url"));
        return Err(SourceError::new("http", message).answered(status));
    }
    if read("bodyUsed")?.is_truthy() {
        return Err(SourceError::new("locked", "the body of this response was read already"));
    }
    let range = header(headers, "content-range")?;
    if status == 206 && !range.as_deref().is_some_and(is_whole) {
        return Err(SourceError::new("range", "the response holds a part of a file").found(range));
    }
    Ok(())
}

/// What a server's refusal is called: its words escaped and cut, its address without what may be a secret.
fn refusal(status: u16, text: &str, url: &str) -> String {
    let text: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    let url = url.split(['?', '#']).next().unwrap_or_default();
    format!("the server answered {status} {text} for {url}")
}

/// How many bytes were sent, unless they are known to be compressed.
fn sent(headers: &JsValue) -> Result<Option<u64>, SourceError> {
    let encoding = header(headers, "content-encoding")?.unwrap_or_default();
    let is_plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    Ok(header(headers, "content-length")?.filter(|_| is_plain).and_then(|length| length.parse().ok()))
}

/// How many bytes are sure to come out of `sent` bytes.
///
/// Where it is hidden whether they are compressed: if they are, they are nearly always fewer than what comes out. What
/// does not compress grows by its packing, 5 bytes for every 16 KiB in deflate, less elsewhere.
fn sure(sent: u64, is_hidden: bool) -> u64 {
    if is_hidden { (sent - sent.div_ceil(1000)).saturating_sub(100) } else { sent }
}

fn header(headers: &JsValue, name: &str) -> Result<Option<String>, SourceError> {
    let value = call(headers, "get", &[&name.into()]);
    let value = value.map_err(|thrown| SourceError::unreadable(&format!("the response's header {name}"), thrown))?;
    Ok(text_of(&value).map(|value| value.trim().to_owned()))
}

fn is_page(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    content_type.starts_with("text/html") || content_type.starts_with("application/xhtml")
}

/// Whether a `Content-Range` says that the part is the whole: `bytes 0-99/100`.
fn is_whole(range: &str) -> bool {
    let range = range.to_ascii_lowercase();
    let Some((part, total)) = range.strip_prefix("bytes 0-").and_then(|range| range.split_once('/')) else {
        return false;
    };
    let end = part.parse::<u64>().ok().and_then(|last| last.checked_add(1));
    end.is_some() && end == total.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_whole_from_0_to_the_last_byte() {
        assert!(is_whole("bytes 0-99/100") && is_whole("Bytes 0-99/100"));
        for part in
            ["bytes 0-98/100", "bytes 1-99/100", "bytes 0-99/*", "bytes */100", "bytes 0-18446744073709551615/0", ""]
        {
            assert!(!is_whole(part), "{part}");
        }
    }

    #[test]
    fn a_refusal_tells_no_secret_and_nothing_that_a_terminal_obeys() {
        let message = refusal(403, &"\u{1b}[2J".repeat(1000), "https://u.example/m.gguf?X-Signature=secret#part");
        assert!(message.starts_with("the server answered 403 \\u{1b}[2J\\u{1b}[2J"), "{message}");
        assert!(message.ends_with(" for https://u.example/m.gguf") && message.len() < 1000, "{message}");
    }

    #[test]
    fn what_is_sure_to_come_is_what_was_sent_less_what_packing_may_have_added() {
        assert_eq!((sure(5_000_000, false), sure(5_000_000, true)), (5_000_000, 4_994_900));
        assert_eq!((sure(0, true), sure(99, true), sure(u64::MAX, false)), (0, 0, u64::MAX));
    }

    #[test]
    fn a_page_is_told_by_its_content_type() {
        assert!(is_page("text/html; charset=utf-8") && is_page("Application/XHTML+xml"));
        assert!(!is_page("application/octet-stream") && !is_page(""));
    }
}
