//! The golden lists of the Rust API: what a change of a crate's public face is seen by.
//!
//! `cargo xtask build --bless` writes them anew. They are read from the sources, so that any stable toolchain makes the
//! same lists.

#[path = "api/face.rs"]
mod face;
#[path = "api/modules.rs"]
mod modules;
#[path = "api/text.rs"]
mod text;

use face::face;
use modules::Modules;

const CRATES: [(&str, &str); 4] = [
    ("gguf_admission", "admission/src/lib.rs"),
    ("gguf_abi_v1", "abi-v1/src/lib.rs"),
    ("gguf_abi_v2", "abi-v2/src/lib.rs"),
    ("gguf_admission_web", "web/src/lib.rs"),
];

#[test]
fn the_public_faces_are_those_of_the_golden_lists() {
    let mut changes = Vec::new();
    for (name, root) in CRATES {
        let golden = project(&format!("tests/golden/api-{}.txt", name.replace('_', "-")));
        let now = face(name, &Modules::read(&project(root)));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &now).expect("a golden list can be written");
        }
        let before = std::fs::read_to_string(&golden).unwrap_or_default();
        changes
            .extend(before.lines().filter(|line| !now.lines().any(|new| new == *line)).map(|line| format!("- {line}")));
        changes
            .extend(now.lines().filter(|line| !before.lines().any(|old| old == *line)).map(|line| format!("+ {line}")));
        if changes.is_empty() && before != now {
            changes.push(format!("{name}: the same lines in another order"));
        }
    }
    assert!(
        changes.is_empty(),
        "the Rust API changed; if that is meant: cargo xtask build --bless, and a line in CHANGELOG.md\n{}",
        changes.join("\n")
    );
}

/// The test of the test: what is seen of a small crate, and what is not.
#[test]
fn methods_fields_variants_and_impls_are_seen_through_re_exports() {
    let face = face(
        "c",
        &Modules::of(&[
            ("", "mod a; pub mod b; pub use a::{Shown, Told as Said, Code}; pub use b::*; pub(crate) use a::Hidden;"),
            (
                "a",
                "/// Docs.\n#[derive(Debug, Clone)] pub struct Shown<T> { pub field: T, private: u8 }
                 impl<T> Shown<T> { pub fn new(field: T) -> Self { todo!() } fn secret(&self) {} }
                 pub struct Hidden; pub(crate) trait Inner {} impl Inner for Told {}
                 #[non_exhaustive] pub enum Told { A, B(u8) }
                 macro_rules! codes { ($($n:ident = $v:literal;)*) => { pub enum Code { $($n = $v,)* } } }
                 codes! { One = 1; }",
            ),
            (
                "b",
                "use crate::a::Told; use std::fmt; use super::Said;
                 impl fmt::Display for Told { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) } }
                 impl Iterator for Said { type Item = u8; fn next(&mut self) -> Option<u8> { None } }
                 pub trait Sink { const N: usize = 1; fn must(&self); fn may(&self) {} }
                 pub async fn go<S>(mut a: S) -> u8 where S: Sink { 0 }
                 #[cfg(test)] mod tests { pub fn t() {} } pub const X: usize = 3;",
            ),
        ]),
    );
    let expected = "\
c::Code
    codes!: macro_rules! codes { ($ ($ n : ident = $ v : literal ;) *) => { pub enum Code { $ ($ n = $ v ,) * } } }
    codes! { One = 1 ; }
c::Said
    #[non_exhaustive]
    pub enum Said {
        A,
        B(u8),
    }
    impl Iterator for Said { type Item = u8 }
    impl fmt::Display for Said
c::Shown
    #[derive(Clone, Debug)]
    pub struct Shown<T> {
        pub field: T,
    }
    private fields
    pub fn new(field: T) -> Self
c::Sink = c::b::Sink
c::X = c::b::X
c::b::Sink
    pub trait Sink {
        const N: usize = 1;
        fn must(&self);
        fn may(&self) {}
    }
c::b::X
    pub const X: usize = 3;
c::b::go
    pub async fn go<S>(a: S) -> u8 where S: Sink
c::go = c::b::go
";
    assert_eq!(face, expected);
}

fn project(file: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}
