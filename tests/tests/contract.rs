//! The tables of docs/abi-v2.md, docs/abi-v1.md and docs/gguf-rules.md say what the code does: every row on either side
//! has its twin on the other.

#[path = "contract/code.rs"]
mod code;
#[path = "contract/docs.rs"]
mod docs;

use std::collections::BTreeMap;

/// Names and what is said of each, in one spelling for docs and code.
type Facts = BTreeMap<String, String>;

/// A table: where it stands, the first cells of its head, and how both sides are read.
struct Table {
    name: &'static str,
    page: &'static str,
    head: &'static str,
    stated: fn(&str) -> Facts,
    built: fn() -> Facts,
}

const TABLES: [Table; 9] = [
    Table {
        name: "exports of ABI v2",
        page: "docs/abi-v2.md",
        head: "| export | type |",
        stated: docs::exports,
        built: || code::exports("tests/golden/exports-combined.txt", "tests/golden/exports-v1.txt"),
    },
    Table {
        name: "exports of ABI v1",
        page: "docs/abi-v1.md",
        head: "| export | type |",
        stated: docs::exports,
        built: || code::exports("tests/golden/exports-v1.txt", ""),
    },
    Table {
        name: "statuses",
        page: "docs/abi-v2.md",
        head: "| status | code |",
        stated: docs::statuses,
        built: code::statuses,
    },
    Table { name: "kinds", page: "docs/abi-v2.md", head: "| range | kind |", stated: docs::kinds, built: code::kinds },
    Table {
        name: "limits",
        page: "docs/abi-v2.md",
        head: "| id | name | default | lowest | highest |",
        stated: docs::limits,
        built: code::limits,
    },
    Table {
        name: "value types",
        page: "docs/gguf-rules.md",
        head: "| value type | name | bytes |",
        stated: docs::value_types,
        built: code::value_types,
    },
    Table {
        name: "tensor types",
        page: "docs/gguf-rules.md",
        head: "| tensor type | name | elements of a block | bytes of a block |",
        stated: docs::tensor_types,
        built: code::tensor_types,
    },
    Table {
        name: "tensor types that were removed",
        page: "docs/gguf-rules.md",
        head: "The types 4, 5",
        stated: docs::removed_types,
        built: code::removed_types,
    },
    Table {
        name: "states",
        page: "docs/abi-v2.md",
        head: "* A **state** is",
        stated: docs::states,
        built: code::states,
    },
];

impl Table {
    fn text(&self) -> String {
        docs::block(&code::read(self.page), self.head).unwrap_or_else(|| panic!("{} has no `{}`", self.page, self.head))
    }

    /// What the docs say and the code does not, and the other way round.
    fn differences(&self, text: &str, built: &Facts) -> Vec<String> {
        let stated = (self.stated)(text);
        let mut differences = Vec::new();
        for (name, fact) in &stated {
            match built.get(name) {
                None => {
                    differences.push(format!("{}: `{name}` stands in {} and not in the code", self.name, self.page))
                }
                Some(known) if known != fact => {
                    differences.push(format!("{}: `{name}` is {known}, and {} says {fact}", self.name, self.page));
                }
                Some(_) => {}
            }
        }
        let missing = built.keys().filter(|name| !stated.contains_key(*name));
        differences.extend(missing.map(|name| format!("{}: `{name}` is missing in {}", self.name, self.page)));
        differences
    }
}

#[test]
fn the_tables_of_the_docs_and_the_code_say_the_same() {
    let differences: Vec<String> =
        TABLES.iter().flat_map(|table| table.differences(&table.text(), &(table.built)())).collect();
    assert!(differences.is_empty(), "\n  {}", differences.join("\n  "));
}

/// The test of the test: a row that is taken out, or a digit that is changed in a cell that is compared, is named.
#[test]
fn a_missing_row_and_a_changed_number_are_seen_in_every_table() {
    for table in &TABLES {
        let (text, built) = (table.text(), (table.built)());
        let rows: Vec<&str> = text.lines().collect();
        let is_table = text.starts_with('|');
        for (at, row) in rows.iter().enumerate().skip(if is_table { 2 } else { 0 }) {
            if is_table {
                let rest = [&rows[..at], &rows[at + 1..]].concat().join("\n");
                assert_eq!(table.differences(&rest, &built).len(), 1, "{}: without {row}", table.name);
            }
            let compared = docs::compared(table.head, row);
            for (place, digit) in compared.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
                let other = if digit == '9' { '8' } else { char::from_u32(digit as u32 + 1).expect("a digit") };
                let changed = format!("{}{other}{}", &row[..place], &row[place + 1..]);
                let text = [&rows[..at], &[changed.as_str()], &rows[at + 1..]].concat().join("\n");
                assert!(!table.differences(&text, &built).is_empty(), "{}: {changed}", table.name);
            }
        }
    }
}

#[test]
fn every_code_of_the_rules_is_a_code_and_every_rejection_has_a_rule() {
    let text = docs::block(&code::read("docs/gguf-rules.md"), "| # | rule |").expect("the table of rules");
    let codes = code::statuses();
    let mut used = Vec::new();
    for row in docs::rows(&text) {
        for code in row[3].split(" / ").filter(|code| *code != "-") {
            assert!(codes.keys().any(|known| known == code), "rule {}: no code is named {code}", row[0]);
            used.push(code.to_owned());
        }
    }
    for (name, status) in codes {
        // `digest` is no rule of the format: it is the host's.
        if status.ends_with("rejected") && name != "digest" {
            assert!(used.contains(&name), "no rule has the code {name}");
        }
    }
}
