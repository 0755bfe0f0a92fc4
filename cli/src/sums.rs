//! Lists of SHA-256 as `sha256sum` and `shasum` write them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gguf_admission::Digest;

use crate::input::is_standard_input;

/// The digest of each name, and the names in the order of the list.
pub(crate) struct Sums {
    digests: BTreeMap<PathBuf, Digest>,
    pub(crate) names: Vec<PathBuf>,
}

impl Sums {
    /// Reads a list. A line that is none is an error: it was meant to name a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = match is_standard_input(path) {
            true => {
                let mut text = Vec::new();
                io::stdin().read_to_end(&mut text)?;
                text
            }
            false => fs::read(path)?,
        };
        let mut sums = Sums { digests: BTreeMap::new(), names: Vec::new() };
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {what}", index + 1));
            let (name, digest) = entry(line).ok_or_else(|| wrong("not a line of a SHA-256 list"))?;
            match sums.digests.insert(name.clone(), digest) {
                Some(other) if other != digest => return Err(wrong("another SHA-256 for the same name")),
                Some(_) => {}
                None => sums.names.push(name),
            }
        }
        // Nothing would be checked, and all would be well.
        if sums.names.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no file is listed"));
        }
        Ok(sums)
    }

    pub(crate) fn get(&self, file: &Path) -> Option<Digest> {
        self.digests.get(&plain(file.as_os_str().to_owned())).copied()
    }
}

/// `HEX  NAME`, `HEX *NAME`, `\HEX  NAME` with escapes, or `SHA256 (NAME) = HEX`.
fn entry(line: &[u8]) -> Option<(PathBuf, Digest)> {
    if let Some(rest) = line.strip_prefix(b"SHA256 (") {
        let end = rest.len().checked_sub(") = ".len() + 64)?;
        let hex = rest[end..].strip_prefix(b") = ")?;
        return Some((plain(name(&rest[..end])?), hex_digest(hex)?));
    }
    let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |rest| (true, rest));
    let (hex, rest) = line.split_at_checked(64)?;
    let file = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    let file = if escaped { unescaped(file)? } else { file.to_vec() };
    Some((plain(name(&file)?), hex_digest(hex)?))
}

fn hex_digest(hex: &[u8]) -> Option<Digest> {
    std::str::from_utf8(hex).ok()?.parse().ok()
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = name.iter();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(plain)
}

/// `./a` and `a` are the same file.
fn plain(name: OsString) -> PathBuf {
    Path::new(&name).components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

#[cfg(unix)]
fn name(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt;
    (!bytes.is_empty()).then(|| OsStr::from_bytes(bytes).to_owned())
}

#[cfg(not(unix))]
fn name(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().filter(|name| !name.is_empty()).map(|name| OsStr::new(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    fn name_of(line: &str) -> Option<PathBuf> {
        entry(line.as_bytes()).map(|(name, digest)| {
            assert_eq!(digest.0[..3], [0, 1, 2]);
            assert_eq!(digest.0[31], 0x1f);
            name
        })
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        assert_eq!(name_of(&format!("{HEX}  a b.gguf")), Some("a b.gguf".into()));
        assert_eq!(name_of(&format!("{HEX} *./d/a.gguf")), Some("d/a.gguf".into()));
        assert_eq!(name_of(&format!("\\{HEX}  a\\nb\\\\.gguf")), Some("a\nb\\.gguf".into()));
        assert_eq!(name_of(&format!("SHA256 (a) = (b.gguf) = {HEX}")), Some("a) = (b.gguf".into()));
    }

    #[test]
    fn what_is_no_line_is_not_guessed_at() {
        let lines = [
            HEX.to_owned(),
            format!("{HEX} a"),
            format!("{HEX}  "),
            "x  a".into(),
            format!("SHA256 () = {HEX}"),
            "é".repeat(40),
        ];
        for line in lines {
            assert_eq!(entry(line.as_bytes()), None, "{line}");
        }
    }
}
