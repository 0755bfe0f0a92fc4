//! `Repr-Digest` (RFC 9530): the SHA-256 that the client says the file has, and the one that was found.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gguf_admission::Digest;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::problem::Problem;

pub const REPR_DIGEST: &str = "repr-digest";

/// The SHA-256 among the digests told, if there is one. Other algorithms are ignored, as the RFC has it; a field that
/// cannot be read, or a SHA-256 that is none, is an error: it was meant to protect the file.
pub fn sha256(headers: &HeaderMap) -> Result<Option<Digest>, Problem> {
    let mut lines = Vec::new();
    for line in headers.get_all(REPR_DIGEST) {
        lines.push(line.to_str().map_err(|_| Problem::repr_digest())?);
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let told: Dictionary = Parser::new(&lines.join(", ")).parse().map_err(|_| Problem::repr_digest())?;
    match told.get("sha-256") {
        None => Ok(None),
        Some(ListEntry::Item(item)) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => {
                let bytes = <[u8; 32]>::try_from(&bytes[..]).map_err(|_| Problem::repr_digest())?;
                Ok(Some(Digest(bytes)))
            }
            _ => Err(Problem::repr_digest()),
        },
        Some(_) => Err(Problem::repr_digest()),
    }
}

/// The field for a digest that was found.
pub fn field(digest: &[u8]) -> HeaderValue {
    let text = format!("sha-256=:{}:", STANDARD.encode(digest));
    HeaderValue::from_str(&text).expect("base64 is plain text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<Option<Vec<u8>>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(REPR_DIGEST, line.parse().expect("a header's value"));
        }
        sha256(&headers).ok().map(|digest| digest.map(|digest| digest.0.to_vec()))
    }

    #[test]
    fn the_sha_256_is_found_among_others_and_on_any_line() {
        let zero = field(&[0; 32]);
        let zero = zero.to_str().expect("plain text");
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&[zero]), Some(Some(vec![0; 32])));
        assert_eq!(read(&["sha-512=:AAAA:, md5=:AA==:"]), Some(None));
        assert_eq!(read(&["md5=:AA==:", &format!("sha-512=:AAAA:;a=1, {zero};b")]), Some(Some(vec![0; 32])));
    }

    #[test]
    fn what_cannot_be_read_is_not_ignored() {
        for line in ["sha-256", "sha-256=:AAAA:", "sha-256=\"AAAA\"", "sha-256=(:AAAA:)", "SHA-256=x=", "sha-256=:*:"] {
            assert_eq!(read(&[line]), None, "{line}");
        }
    }
}
