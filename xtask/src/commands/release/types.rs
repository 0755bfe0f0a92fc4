//! `guest.d.ts`: the module's exports for TypeScript, from the tables of the docs, which a test holds to the module.

use std::fmt::Write;

use crate::failure::Failure;
use crate::project::Project;

const PAGES: [&str; 2] = ["docs/abi-v2.md", "docs/abi-v1.md"];

/// The text of the file.
pub(super) fn declarations(project: &Project) -> Result<String, Failure> {
    let mut text = format!(
        "// The exports of guest.wasm of gguf-admission {}, instantiated without imports. The contract of each is in\n\
         // docs/abi-v2.md and docs/abi-v1.md.\n\nexport interface GuestExports {{\n",
        env!("CARGO_PKG_VERSION")
    );
    for page in PAGES {
        let file = project.path(page);
        let contents = std::fs::read_to_string(&file).map_err(|error| Failure::io("reading", &file, &error))?;
        let exports = exports(&contents);
        if exports.is_empty() {
            return Err(Failure::Failed(format!("{page} has no table of exports")));
        }
        for (name, ty, meaning) in exports {
            let line = format!("  /** {meaning} */\n  {};\n", declaration(name, ty));
            // Memory stands in both tables.
            if !text.contains(line.lines().nth(1).unwrap_or_default()) {
                text.push_str(&line);
            }
        }
    }
    text.push_str("}\n");
    Ok(text)
}

/// The rows of the table of exports: name, type, meaning.
fn exports(page: &str) -> Vec<(&str, &str, String)> {
    let rows = page.lines().skip_while(|line| !line.starts_with("| export | type |")).skip(2);
    rows.take_while(|row| row.starts_with('|')).filter_map(cells).collect()
}

fn cells(row: &str) -> Option<(&str, &str, String)> {
    let (name, rest) = row.strip_prefix("| `")?.split_once("` | ")?;
    let (ty, meaning) = rest.split_once(" | ")?;
    let meaning = meaning.trim_end_matches(" |").replace("\\|", "|").replace("*/", "* /");
    Some((name, ty.trim_matches('`'), meaning))
}

/// `(handle, id: i32) -> i64` as `limit(handle: number, id: number): bigint`.
fn declaration(name: &str, ty: &str) -> String {
    let Some((parameters, result)) = ty.strip_prefix('(').and_then(|ty| ty.split_once(')')) else {
        return format!("readonly {name}: WebAssembly.Memory");
    };
    let mut text = format!("{name}(");
    for (index, parameter) in parameters.split(", ").filter(|parameter| !parameter.is_empty()).enumerate() {
        let (name, ty) = parameter.split_once(": ").unwrap_or((parameter, "i32"));
        let _ = write!(text, "{}{name}: {}", if index > 0 { ", " } else { "" }, script_type(ty));
    }
    let result = result.strip_prefix(" -> ").map_or("void", script_type);
    let _ = write!(text, "): {result}");
    text
}

fn script_type(ty: &str) -> &'static str {
    if ty == "i64" { "bigint" } else { "number" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_declarations() {
        let page = "| export | type | meaning |\n|---|---|---|\n| `memory` | memory | bytes |\n\
                    | `limit` | `(handle, id: i32, value: i64) -> i64` | a \\| b |\n\
                    | `dealloc` | `(ptr: i32)` | frees |\n\ntext";
        let lines: Vec<String> = exports(page).into_iter().map(|(name, ty, _)| declaration(name, ty)).collect();
        let expected = [
            "readonly memory: WebAssembly.Memory",
            "limit(handle: number, id: number, value: bigint): bigint",
            "dealloc(ptr: number): void",
        ];
        assert_eq!(lines, expected);
        assert_eq!(exports(page)[1].2, "a | b");
    }
}
