//! Reads what a WebAssembly module asks for and offers: its imports, its exports with their types, its first memory.
//!
//! Only the sections type, import, function, memory, global and export are read; all others are stepped over.

use std::fmt;

/// The outside of a module. `exports` are lines such as `func begin (i64, i32) -> i32`, sorted.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    /// The pages of 64 KiB that the first memory starts with.
    pub(crate) pages: Option<u64>,
}

/// Where a module stopped making sense.
#[derive(Debug)]
pub(crate) struct Malformed {
    offset: usize,
    what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not a module this tool can read: {} at byte {}", self.what, self.offset)
    }
}

const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;

/// Reads the outline of `module`.
pub(crate) fn outline(module: &[u8]) -> Result<Outline, Malformed> {
    let mut cursor = Cursor { bytes: module, at: 0 };
    if cursor.take(8)? != b"\0asm\x01\0\0\0" {
        return Err(Malformed { offset: 0, what: "the first 8 bytes" });
    }
    let mut outline = Outline::default();
    let mut types: Vec<String> = Vec::new();
    let mut functions: Vec<usize> = Vec::new();
    let mut globals: Vec<String> = Vec::new();
    while cursor.at < module.len() {
        let id = cursor.byte()?;
        let size = cursor.size()?;
        let end = cursor.at.checked_add(size).filter(|end| *end <= module.len());
        let end = end.ok_or(Malformed { offset: cursor.at, what: "a section's size" })?;
        match id {
            TYPE => types = cursor.list(Cursor::function_type)?,
            // What is imported comes first in the index spaces.
            IMPORT => {
                for import in cursor.list(Cursor::import)? {
                    functions.extend(import.function);
                    globals.extend(import.global);
                    outline.imports.push(import.line);
                }
            }
            FUNCTION => functions.extend(cursor.list(Cursor::size)?),
            MEMORY => outline.pages = cursor.list(Cursor::limits)?.first().copied(),
            // The first global whose value is not a plain constant ends the list; its exports are shown without a type.
            GLOBAL => globals.extend(cursor.constant_globals()?),
            EXPORT => {
                for Export { kind, name, index } in cursor.list(Cursor::export)? {
                    let detail = match kind {
                        "func" => functions.get(index).and_then(|index| types.get(*index)),
                        "global" => globals.get(index),
                        _ => None,
                    };
                    let detail = detail.map(|detail| format!(" {detail}")).unwrap_or_default();
                    outline.exports.push(format!("{kind} {name}{detail}"));
                }
            }
            _ => {}
        }
        cursor.at = end;
    }
    outline.exports.sort();
    Ok(outline)
}

/// `function` is the index of its type, `global` its type.
struct Import {
    line: String,
    function: Option<usize>,
    global: Option<String>,
}

struct Export {
    kind: &'static str,
    name: String,
    index: usize,
}

/// `at <= bytes.len()`.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn fault(&self, what: &'static str) -> Malformed {
        Malformed { offset: self.at, what }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(self.fault("a length"))?;
        let taken = self.bytes.get(self.at..end).ok_or(self.fault("the end of the file"))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(self.fault("the end of the file"))
    }

    /// A LEB128 number of at most 64 bits; signed ones are stepped over with it too.
    fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.fault("a number"))
    }

    fn size(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.number()?).map_err(|_| self.fault("a size"))
    }

    fn name(&mut self) -> Result<String, Malformed> {
        let length = self.size()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn list<T>(&mut self, read: fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let count = self.size()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn value_type(&mut self) -> Result<String, Malformed> {
        Ok(match self.byte()? {
            0x7f => "i32".into(),
            0x7e => "i64".into(),
            0x7d => "f32".into(),
            0x7c => "f64".into(),
            0x7b => "v128".into(),
            0x70 => "funcref".into(),
            0x6f => "externref".into(),
            _ => return Err(self.fault("a value type")),
        })
    }

    fn function_type(&mut self) -> Result<String, Malformed> {
        if self.byte()? != 0x60 {
            return Err(self.fault("a function type"));
        }
        let parameters = self.list(Cursor::value_type)?.join(", ");
        let results = self.list(Cursor::value_type)?.join(", ");
        Ok(if results.is_empty() { format!("({parameters})") } else { format!("({parameters}) -> {results}") })
    }

    /// The smallest size of a memory or a table.
    fn limits(&mut self) -> Result<u64, Malformed> {
        let flags = self.byte()?;
        let least = self.number()?;
        if flags & 1 == 1 {
            self.number()?;
        }
        Ok(least)
    }

    fn global_type(&mut self) -> Result<String, Malformed> {
        let value = self.value_type()?;
        Ok(if self.byte()? == 1 { format!("mut {value}") } else { value })
    }

    fn constant_globals(&mut self) -> Result<Vec<String>, Malformed> {
        let mut globals = Vec::new();
        for _ in 0..self.size()? {
            let global = self.global_type()?;
            let (opcode, _) = (self.byte()?, self.number()?);
            // i32.const or i64.const, then end: the only values that a linker writes.
            if !matches!(opcode, 0x41 | 0x42) || self.byte()? != 0x0b {
                break;
            }
            globals.push(global);
        }
        Ok(globals)
    }

    fn import(&mut self) -> Result<Import, Malformed> {
        let (module, name) = (self.name()?, self.name()?);
        let kind = self.kind()?;
        let (mut function, mut global) = (None, None);
        match kind {
            "func" => function = Some(self.size()?),
            "table" => drop((self.byte()?, self.limits()?)),
            "memory" => drop(self.limits()?),
            "global" => global = Some(self.global_type()?),
            _ => drop((self.byte()?, self.number()?)),
        }
        Ok(Import { line: format!("{kind} {module}.{name}"), function, global })
    }

    fn export(&mut self) -> Result<Export, Malformed> {
        let name = self.name()?;
        Ok(Export { name, kind: self.kind()?, index: self.size()? })
    }

    fn kind(&mut self) -> Result<&'static str, Malformed> {
        Ok(match self.byte()? {
            0 => "func",
            1 => "table",
            2 => "memory",
            3 => "global",
            4 => "tag",
            _ => return Err(self.fault("a kind")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (module (import "env" "now" (func (result i64))) (memory 3) (func (param i32 i64) (result i32) ...)
    /// (export "memory" (memory 0)) (export "f" (func 1)))
    const SMALL: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x0b\x02\x60\x00\x01\x7e\x60\x02\x7f\x7e\x01\x7f\
        \x02\x0b\x01\x03env\x03now\x00\x00\
        \x03\x02\x01\x01\
        \x05\x03\x01\x00\x03\
        \x07\x0e\x02\x06memory\x02\x00\x01f\x00\x01\
        \x0a\x06\x01\x04\x00\x41\x00\x0b";

    #[test]
    fn imports_exports_and_memory_are_read() {
        let outline = outline(SMALL).expect("a module");
        assert_eq!(outline.imports, ["func env.now"]);
        assert_eq!(outline.exports, ["func f (i32, i64) -> i32", "memory memory"]);
        assert_eq!(outline.pages, Some(3));
    }

    #[test]
    fn a_cut_module_is_malformed_and_never_a_panic() {
        for length in 0..SMALL.len() {
            // A cut between two sections leaves a shorter module that is whole.
            let _ = outline(&SMALL[..length]);
        }
        assert!(outline(&SMALL[..SMALL.len() - 1]).is_err());
        assert!(outline(b"GGUF\x03\0\0\0").is_err());
    }
}
