//! Names of files as a terminal may show them: a name can hold any byte, and escapes that rewrite the screen.

use std::ffi::OsStr;
use std::fmt::Write;

use gguf_admission::abi::is_unseen;

/// The name with control characters, marks that turn the writing direction, and bytes that are no text escaped.
pub(crate) fn label(name: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push(&mut shown, letter));
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// The same of text from a file's header.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    String::from_utf8_lossy(bytes).chars().for_each(|letter| push(&mut shown, letter));
    shown
}

/// JSON on one line, with the same letters escaped as JSON does it: a program reads what it would have read.
pub(crate) fn json(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for letter in line.chars() {
        if is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn is_hidden(letter: char) -> bool {
    letter.is_control() || is_unseen(letter)
}

fn push(shown: &mut String, letter: char) {
    match letter {
        '\\' => shown.push_str("\\\\"),
        letter if is_hidden(letter) => shown.extend(letter.escape_default()),
        letter => shown.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_rewrite_the_screen_is_escaped() {
        assert_eq!(label(OsStr::new("a ü.gguf")), "a ü.gguf");
        assert_eq!(label(OsStr::new("\u{1b}[2J\n\r\\\u{202e}\u{9b}")), "\\u{1b}[2J\\n\\r\\\\\\u{202e}\\u{9b}");
        assert_eq!(label(OsStr::new("\u{61c}\u{ad}\u{e0041}e\u{301}")), "\\u{61c}\\u{ad}\\u{e0041}e\u{301}");
    }

    #[test]
    fn json_means_the_same_with_its_letters_escaped() {
        let name = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{ad}\u{e0041}\u{2028}\"\\ü.gguf";
        let plain = serde_json::to_string(name).expect("text");
        let shown = json(&plain);
        assert_eq!(shown, r#""a\u001b\u007f\u009b\u202e\u00ad\udb40\udc41\u2028\"\\ü.gguf""#);
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), name);
    }

    #[test]
    #[cfg(unix)]
    fn bytes_that_are_no_text_are_escaped() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(label(OsStr::from_bytes(b"a\xff\xc3.gguf")), "a\\xff\\xc3.gguf");
    }
}
