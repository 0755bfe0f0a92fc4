//! From whatever holds a file to a stream of its bytes.

use wasm_bindgen::JsValue;
use web_sys::{Blob, Headers, ReadableStream, Response, ResponseType};

use crate::error::{Error, SourceError};
use crate::reader::{self, Reader};
use crate::realm::as_a;
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
    /// None that is known: a file that went away fails in the first read.
    pub fn from_blob(blob: &Blob) -> Result<Self, Error> {
        let size = blob.size() as u64;
        Ok(ByteStream::new(Some(lock(&blob.stream())?), Some(size)).sure(size))
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
        let checked = check(response).and_then(|()| {
            let headers = response.headers();
            let sent = sent(&headers);
            let is_hidden = response.type_() == ResponseType::Cors;
            let reader = response.body().as_ref().map(lock).transpose()?;
            let stream = ByteStream::new(reader, sent.filter(|_| !is_hidden));
            let page = header(&headers, "content-type").filter(|kind| is_page(kind));
            Ok(match response.type_() {
                // One that was made by hand, of a stream perhaps, may hold less than its headers say.
                ResponseType::Default => stream.called(page),
                _ => stream.called(page).fetched().sure(sure(sent.unwrap_or(0), is_hidden)),
            })
        });
        if let (Err(_), Some(body)) = (&checked, response.body().filter(|body| !body.locked())) {
            reader::ignore(&body.cancel());
        }
        Ok(checked?)
    }

    /// The bytes of a `Blob`, a `File`, a `Response` or a `ReadableStream`, as a function that is called from
    /// JavaScript is given them.
    ///
    /// # Errors
    ///
    /// `unsupported`, when it is none of them; else those of the function for what it is.
    pub fn from_value(value: &JsValue) -> Result<Self, Error> {
        if let Some(blob) = as_a(value, &["Blob", "File"]) {
            return ByteStream::from_blob(blob);
        }
        if let Some(response) = as_a(value, &["Response"]) {
            return ByteStream::from_response(response);
        }
        if let Some(stream) = as_a(value, &["ReadableStream"]) {
            return ByteStream::from_stream(stream);
        }
        let found = value.js_typeof().as_string().unwrap_or_default();
        let message = format!("a Blob, a File, a Response or a ReadableStream is needed, found another {found}");
        Err(SourceError::new("unsupported", message).into())
    }
}

fn lock(stream: &ReadableStream) -> Result<Reader, SourceError> {
    if stream.locked() {
        return Err(SourceError::new("locked", "the stream is locked to another reader"));
    }
    Reader::new(stream).map_err(|thrown| SourceError::thrown(thrown).at(0))
}

/// Whether the response can hold a file at all.
fn check(response: &Response) -> Result<(), SourceError> {
    let status = response.status();
    if matches!(response.type_(), ResponseType::Opaque | ResponseType::Opaqueredirect) {
        let message = "the response is opaque: it was fetched without CORS, or not redirected";
        return Err(SourceError::new("http", message).answered(status));
    }
    if !response.ok() {
        let message = format!("the server answered {status} {} for {}", response.status_text(), response.url());
        return Err(SourceError::new("http", message).answered(status));
    }
    if response.body_used() {
        return Err(SourceError::new("locked", "the body of this response was read already"));
    }
    let range = header(&response.headers(), "content-range");
    if status == 206 && !range.as_deref().is_some_and(is_whole) {
        return Err(SourceError::new("range", "the response holds a part of a file").found(range));
    }
    Ok(())
}

/// How many bytes were sent, unless they are known to be compressed.
fn sent(headers: &Headers) -> Option<u64> {
    let encoding = header(headers, "content-encoding").unwrap_or_default();
    let is_plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    header(headers, "content-length").filter(|_| is_plain)?.parse().ok()
}

/// How many bytes are sure to come out of `sent` bytes.
///
/// Where it is hidden whether they are compressed: if they are, they are nearly always fewer than what comes out. What
/// does not compress grows by its packing, 5 bytes for every 16 KiB in deflate, less elsewhere.
fn sure(sent: u64, is_hidden: bool) -> u64 {
    if is_hidden { (sent - sent.div_ceil(1000)).saturating_sub(100) } else { sent }
}

fn header(headers: &Headers, name: &str) -> Option<String> {
    Some(headers.get(name).ok()??.trim().to_owned())
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
