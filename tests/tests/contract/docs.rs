//! The tables of the docs as facts.

use crate::Facts;

/// The table or the paragraph that begins with `head`.
pub fn block(page: &str, head: &str) -> Option<String> {
    let lines: Vec<&str> = page.lines().skip_while(|line| !line.starts_with(head)).collect();
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    (end > 0).then(|| lines[..end].join("\n"))
}

/// The cells of a table's rows, below its head, without the marks of code.
pub fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |row: &str| {
        let row = row.trim().trim_matches('|').replace("\\|", "\u{0}");
        row.split('|').map(|cell| cell.trim().replace('`', "").replace('\u{0}', "|")).collect()
    };
    table.lines().skip(2).map(cells).collect()
}

/// The part of a row that is compared: what is explained behind it may name any number.
pub fn compared<'a>(head: &str, row: &'a str) -> &'a str {
    let cells = match head {
        "| export | type |" | "| status | code |" | "| range | kind |" => 2,
        "| id | name | default | lowest | highest |" => 5,
        _ => usize::MAX,
    };
    // The first bar begins the row.
    row.match_indices('|').nth(cells).map_or(row, |(end, _)| &row[..end])
}

/// `(handle, id: i32) -> i32` as the golden lists have it.
pub fn exports(table: &str) -> Facts {
    let facts = rows(table).into_iter().map(|row| {
        let ty = match row[1].as_str() {
            "memory" => "memory".to_owned(),
            ty => {
                let (parameters, result) = ty[1..].split_once(')').expect("a function's type");
                let types = parameters.split(", ").map(|parameter| match parameter {
                    "handle" => "i32",
                    parameter => parameter.split_once(": ").map_or(parameter, |(_, ty)| ty),
                });
                format!("func ({}){result}", types.collect::<Vec<_>>().join(", "))
            }
        };
        (row[0].clone(), ty)
    });
    facts.collect()
}

/// A code has its number and the kind of its range.
pub fn statuses(table: &str) -> Facts {
    rows(table).into_iter().map(|row| (row[1].clone(), with_kind(&row[0]))).collect()
}

fn with_kind(status: &str) -> String {
    let kind = match status.parse::<i32>().expect("a status") {
        -15..=-1 => "misuse",
        -31..=-16 => "retry",
        -63..=-32 => "rejected",
        ..=-64 => "dead",
        _ => "no kind",
    };
    format!("{status} {kind}")
}

/// The first and the last status of a kind.
pub fn kinds(table: &str) -> Facts {
    rows(table).into_iter().map(|row| (row[1].clone(), row[0].replace("and below", "to any"))).collect()
}

pub fn limits(table: &str) -> Facts {
    let facts = rows(table).into_iter().map(|row| {
        let default = match row[2].split_once("; ") {
            Some((verify, resident)) => {
                let number = |text: &str, word| quantity(text.strip_prefix(word).expect("both defaults"));
                (number(verify, "verify "), number(resident, "resident "))
            }
            None => (quantity(&row[2]), quantity(&row[2])),
        };
        let fact = format!(
            "id {}, verify {}, resident {}, {} to {}",
            row[0],
            default.0,
            default.1,
            quantity(&row[3]),
            quantity(&row[4])
        );
        (row[1].clone(), fact)
    });
    facts.collect()
}

/// `4,096`, `64 MiB` as a number.
fn quantity(text: &str) -> u64 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("no number: {text}"));
    number
        * match unit {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => panic!("no unit: {text}"),
        }
}

/// Names of value types, and the fewest bytes that a value has: its own, or those of its lengths.
pub fn value_types(table: &str) -> Facts {
    let facts = rows(table).into_iter().map(|row| {
        let fixed = row[2].matches("u64").count() * 8 + row[2].matches("u32").count() * 4;
        let bytes = row[2].parse().unwrap_or(fixed);
        (row[1].clone(), format!("{}, {bytes} bytes at least", row[0]))
    });
    facts.collect()
}

pub fn tensor_types(table: &str) -> Facts {
    let fact = |row: &Vec<String>| format!("{}, {} elements in {} bytes", row[0], row[2], row[3]);
    rows(table).iter().map(|row| (row[1].clone(), fact(row))).collect()
}

pub fn removed_types(sentence: &str) -> Facts {
    numbers(sentence).into_iter().map(|number| (number, "removed".to_owned())).collect()
}

/// `1 OPEN, 2 HEADER_READY` as the words of reports.
pub fn states(sentence: &str) -> Facts {
    let words: Vec<&str> = sentence.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| pair[0].parse::<u32>().is_ok());
    pairs.map(|pair| (pair[1].to_lowercase(), pair[0].to_owned())).collect()
}

fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
