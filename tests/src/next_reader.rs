//! The corpus of sets and profiles: files that are good by themselves, and what their next reader is told of them.

use serde_json::Value;

use crate::corpus::{fresh, generate, read};

/// A header that a profile judges.
pub struct ProfileCase {
    /// What is wrong with it.
    pub name: String,
    /// The file.
    pub contents: Vec<u8>,
    /// All findings in order, each its rule, level, path and offset.
    pub findings: Vec<Value>,
    /// How many of them a report lists.
    pub listed: usize,
}

/// Files that are joined to the first of them.
pub struct SetCase {
    /// What is wrong with one of them.
    pub name: String,
    /// The files.
    pub files: Vec<Vec<u8>>,
    /// For each order of them what each is told: null, or code, offset and path. The first order was stated by hand.
    pub orders: Vec<(Vec<usize>, Vec<Value>)>,
}

impl ProfileCase {
    /// Those that a report lists: the first six of each rule.
    pub fn listed(&self) -> Vec<Value> {
        let mut listed: Vec<Value> = Vec::new();
        for finding in &self.findings {
            if listed.iter().filter(|other| other[0] == finding[0]).count() < 6 {
                listed.push(finding.clone());
            }
        }
        assert_eq!(listed.len(), self.listed, "{}", self.name);
        listed
    }
}

/// Makes them in a directory of its own below `scratch`, reads them, and removes the directory.
pub fn load(scratch: &str) -> (Vec<ProfileCase>, Vec<SetCase>) {
    let directory = fresh(scratch, "next-reader");
    generate(&[directory.as_os_str()]);
    let list = |name: &str| match serde_json::from_slice(&read(&directory.join(name))).expect(name) {
        Value::Array(list) => list,
        _ => panic!("{name} is no list"),
    };
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let items = |value: &Value| value.as_array().expect("a list").clone();
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let profiles: Vec<ProfileCase> = list("profiles.json")
        .iter()
        .map(|case| ProfileCase {
            name: text(&case["name"]),
            contents: read(&directory.join(text(&case["file"]))),
            findings: items(&case["findings"]),
            listed: number(&case["listed"]),
        })
        .collect();
    let sets: Vec<SetCase> = list("sets.json")
        .iter()
        .map(|case| SetCase {
            name: text(&case["name"]),
            files: items(&case["files"]).iter().map(|file| read(&directory.join(text(file)))).collect(),
            orders: items(&case["orders"])
                .iter()
                .map(|order| (items(&order["order"]).iter().map(number).collect(), items(&order["joins"])))
                .collect(),
        })
        .collect();
    std::fs::remove_dir_all(&directory).expect("it was made here");
    assert!(profiles.len() > 80 && sets.len() > 40, "{} headers and {} sets", profiles.len(), sets.len());
    (profiles, sets)
}
