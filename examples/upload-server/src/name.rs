//! Names of models come from the client: they become file names and object keys, so little is allowed in them.

use std::fmt;

use crate::problem::Problem;

/// 1 to 128 ASCII letters, digits, `.`, `_` and `-`; the first is a letter or digit, and it ends with `.gguf`.
///
/// So it is one path segment, no hidden file, no option of a program, and needs no escape in logs, URLs or JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName(String);

const LONGEST: usize = 128;

impl ModelName {
    pub fn parse(name: &str) -> Result<Self, Problem> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let good = name.len() <= LONGEST
            && name.bytes().all(is_plain)
            && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
            && name.len() > ".gguf".len()
            && name.ends_with(".gguf");
        if good { Ok(ModelName(name.to_owned())) } else { Err(Problem::name()) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in ["a.gguf", "gemma-3-270m-q4_k_m.gguf", "Q.8.gguf", &format!("{}.gguf", "x".repeat(123))] {
            assert_eq!(ModelName::parse(name).map(|name| name.0).ok().as_deref(), Some(name));
        }
    }

    #[test]
    fn names_that_could_mean_something_else_do_not() {
        let long = format!("{}.gguf", "x".repeat(124));
        for name in [
            "",
            ".gguf",
            "..",
            "../a.gguf",
            "a/b.gguf",
            "a\\b.gguf",
            "-a.gguf",
            ".a.gguf",
            "a.gguf/",
            "a.gguf\0",
            "a b.gguf",
            "a\n.gguf",
            "ä.gguf",
            "a.GGUF",
            "a.gguf ",
            "a",
            "C:a.gguf",
            "%2e.gguf",
            &long,
        ] {
            assert!(ModelName::parse(name).is_err(), "{name:?}");
        }
    }
}
