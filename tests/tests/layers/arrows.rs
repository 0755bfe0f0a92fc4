//! Which source file of a crate names which other one, read from its tokens: imports, paths in code, paths in macros.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// From a file to a file; a file is named by its path below the sources, without `.rs`.
pub type Arrow = (String, String);

/// The files of a crate: name and text. The root is `main` or `lib`.
pub struct Sources(BTreeMap<String, String>);

/// The top part of a file's name.
pub fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file)
}

/// The files of one circle of arrows, the first of them at both ends; empty if there is none.
pub fn circle(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    // What leads nowhere but to files that lead nowhere is in no circle.
    let mut left = arrows.clone();
    loop {
        let starts: BTreeSet<String> = left.iter().map(|(from, _)| from.clone()).collect();
        let before = left.len();
        left.retain(|(_, to)| starts.contains(to));
        if left.len() == before {
            break;
        }
    }
    let Some((first, _)) = left.first() else { return Vec::new() };
    let mut walk = vec![first.clone()];
    loop {
        let here = walk.last().expect("the walk has a start");
        let (_, next) = left.iter().find(|(from, _)| from == here).expect("every file that is left leads on");
        if let Some(start) = walk.iter().position(|file| file == next) {
            let mut circle = walk.split_off(start);
            circle.push(next.clone());
            return circle;
        }
        walk.push(next.clone());
    }
}

impl Sources {
    /// All `.rs` files below `folder` of the project.
    pub fn read(folder: &str) -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().expect("a folder of sources") {
                let path = entry.expect("a folder's entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.with_extension("").strip_prefix(&root).expect("below the root").to_owned();
                    let name = name.to_str().expect("a name in UTF-8").replace('\\', "/");
                    files.insert(name, std::fs::read_to_string(&path).expect("a source file"));
                }
            }
        }
        assert!(!files.is_empty(), "no sources in {folder}");
        Sources(files)
    }

    pub fn of(files: impl IntoIterator<Item = (&'static str, &'static str)>) -> Sources {
        Sources(files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }

    pub fn rooms(&self) -> BTreeSet<&str> {
        self.0.keys().map(|file| room(file)).collect()
    }

    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (file, text) in &self.0 {
            let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
            let own = if matches!(file.as_str(), "main" | "lib") {
                Vec::new()
            } else {
                file.split('/').map(str::to_owned).collect()
            };
            let mut paths = Vec::new();
            scan(tokens, &own, 0, &mut paths);
            arrows.extend(paths.iter().map(|path| (file.clone(), self.file_of(path))).filter(|(from, to)| from != to));
        }
        arrows
    }

    /// The file that holds what the absolute path names: the longest part of the path that is a file, else the root.
    fn file_of(&self, path: &[String]) -> String {
        let parts = (1..=path.len()).rev().map(|length| path[..length].join("/"));
        let root = if self.0.contains_key("main") { "main" } else { "lib" };
        parts.into_iter().find(|name| self.0.contains_key(name)).unwrap_or_else(|| root.to_owned())
    }
}

/// Adds every path of `tokens` that begins with `crate` or `super`, and every `mod name;`, as absolute paths. `module`
/// is the file's own path; `inside` counts the modules written out in it that the tokens stand in.
fn scan(tokens: TokenStream, module: &[String], inside: usize, paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => word.to_string(),
        _ => String::new(),
    };
    let is_punct = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == c);
    let mut at = 0;
    while at < tokens.len() {
        match word(at).as_str() {
            "crate" if is_punct(at + 1, ':') => expand(&tokens[at + 1..], Vec::new(), paths),
            "super" if is_punct(at + 1, ':') => {
                let mut supers = 1_usize;
                while is_punct(at + 1, ':') && is_punct(at + 2, ':') && word(at + 3) == "super" {
                    supers += 1;
                    at += 3;
                }
                // `super` that stays in this file is no arrow.
                if let Some(out) = supers.checked_sub(inside + 1) {
                    let above = module.len().saturating_sub(out + 1);
                    expand(&tokens[at + 1..], module[..above].to_vec(), paths);
                }
            }
            "mod" if is_punct(at + 2, ';') => paths.push([module, &[word(at + 1)]].concat()),
            "mod" => {
                if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                    scan(body.stream(), module, inside + 1, paths);
                    at += 2;
                }
            }
            _ => {
                if let Some(TokenTree::Group(group)) = tokens.get(at) {
                    scan(group.stream(), module, inside, paths);
                }
            }
        }
        at += 1;
    }
}

/// Follows `:: name :: name` and `:: { ... , ... }` from `start`, and adds each path that they spell.
fn expand(tokens: &[TokenTree], start: Vec<String>, paths: &mut Vec<Vec<String>>) {
    match tokens {
        [TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Ident(name), rest @ ..]
            if a.as_char() == ':' && b.as_char() == ':' =>
        {
            expand(rest, [start, vec![name.to_string()]].concat(), paths);
        }
        [TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Group(group), ..]
            if a.as_char() == ':' && b.as_char() == ':' && group.delimiter() == Delimiter::Brace =>
        {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            for branch in tokens.split(is_comma).filter(|branch| !branch.is_empty()) {
                match branch {
                    [TokenTree::Ident(name), rest @ ..] if name != "self" => {
                        expand(rest, [start.clone(), vec![name.to_string()]].concat(), paths);
                    }
                    _ => paths.push(start.clone()),
                }
            }
        }
        _ => paths.push(start),
    }
}
