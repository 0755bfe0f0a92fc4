//! No file is too long to read at once, and no line too long to read beside another. JavaScript is held to the same by
//! `js/test/house.test.js`.

use std::path::{Path, PathBuf};

const MOST_LINES: usize = 400;
const MOST_COLUMNS: usize = 120;

/// Folders in which nothing is written by hand, or which are not the project's.
const MADE: [&str; 4] = ["target", "node_modules", "pkg", "__pycache__"];

#[test]
fn no_file_of_rust_or_python_is_longer_than_400_lines_and_no_line_of_rust_than_120_columns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    find(&root, &mut files);
    assert!(files.len() > 150, "{} files are too few: the search goes wrong", files.len());
    let mut faults = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file is text");
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        faults.extend(
            faults_of(&text, is_rust)
                .into_iter()
                .map(|fault| format!("{}{fault}", file.strip_prefix(&root).expect("below the root").display())),
        );
    }
    assert!(faults.is_empty(), "\n  {}", faults.join("\n  "));
}

#[test]
fn a_line_and_a_file_that_are_one_too_long_are_seen() {
    let line = "é".repeat(MOST_COLUMNS);
    assert_eq!(faults_of(&format!("{line}\n").repeat(MOST_LINES), true), [""; 0]);
    assert_eq!(faults_of(&format!("\n{line}e\n"), true), [":2 has 121 columns"]);
    assert_eq!(faults_of(&format!("{line}e\n"), false), [""; 0]);
    assert_eq!(faults_of(&"\n".repeat(MOST_LINES + 1), false), [" has 401 lines"]);
}

fn faults_of(text: &str, has_columns: bool) -> Vec<String> {
    let columns = text.lines().map(|line| line.chars().count()).enumerate();
    let long = columns.filter(|(_, columns)| has_columns && *columns > MOST_COLUMNS);
    let mut faults: Vec<String> = long.map(|(at, columns)| format!(":{} has {columns} columns", at + 1)).collect();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        faults.push(format!(" has {lines} lines"));
    }
    faults
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("a folder's entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !MADE.contains(&name.as_str()) {
                find(&path, files);
            }
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            files.push(path);
        }
    }
}
