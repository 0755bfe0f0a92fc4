//! `cargo xtask demo FILE` in a project of this test's, whose tools write down how they are called.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Writes its call down. `rustc` shows a folder that is there, so that no target is added; what `cargo build` and the
/// optimiser are to make is made.
const TOOL: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >> calls
case "$(basename "$0") $1" in
  "rustc --print") echo . ;;
  "cargo build")
    folder=target/wasm-build/combined/wasm32-unknown-unknown/release
    mkdir -p "$folder" && touch "$folder/gguf_abi_v2.wasm" ;;
  "node tests/demo/demo.mjs") exit "$VERDICT" ;;
  node*) for last; do :; done; touch "$last" ;;
esac
"#;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}-{}", std::process::id()));
        let place = Place(root);
        for folder in ["xtask", "tools", "js/node_modules/binaryen"] {
            fs::create_dir_all(place.0.join(folder)).expect("a folder");
        }
        // The lock file first: what is installed is not older.
        for file in ["xtask/Cargo.toml", "js/package-lock.json", "js/node_modules/.package-lock.json", "model.gguf"] {
            fs::write(place.0.join(file), "").expect("a file");
        }
        for tool in ["cargo", "rustc", "rustup", "node", "npm", "python3", "curl"] {
            let file = place.0.join("tools").join(tool);
            fs::write(&file, TOOL).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
        place
    }

    fn demo(&self, verdict: u8) -> Output {
        let tools = format!("{}:/usr/bin:/bin", self.0.join("tools").display());
        let mut demo = Command::new(env!("CARGO_BIN_EXE_xtask"));
        demo.args(["demo", "model.gguf"]).current_dir(&self.0);
        demo.env("PATH", tools).env("VERDICT", verdict.to_string()).output().expect("a run")
    }

    /// The calls so far, the two words of each that say what it is.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.join("calls")).expect("calls");
        text.lines().map(|call| call.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_of_ones_own_costs_the_build_of_one_module_and_nothing_else() {
    let place = Place::new("build");
    assert_eq!(place.demo(0).status.code(), Some(0));
    let optimiser = place.0.join("js/node_modules/binaryen/bin/wasm-opt");
    let wanted = [
        "rustc --print".to_owned(),
        "cargo fetch".to_owned(),
        "cargo build".to_owned(),
        format!("node {}", optimiser.display()),
        "node tests/demo/demo.mjs".to_owned(),
    ];
    assert_eq!(place.calls(), wanted);
    assert!(place.0.join("js/guest.wasm").is_file());
    let build = fs::read_to_string(place.0.join("calls")).expect("calls");
    assert!(build.contains("--package gguf-abi-v2"), "{build}");
}

#[test]
fn the_exit_code_is_the_verdict_on_the_file() {
    let place = Place::new("verdict");
    for (verdict, code, words) in [(0, 0, ""), (1, 1, "model.gguf is rejected"), (2, 1, "did not come out")] {
        let Output { status, stderr, .. } = place.demo(verdict);
        assert_eq!(status.code(), Some(code), "of a script that ends with {verdict}");
        let said = String::from_utf8_lossy(&stderr);
        assert!(said.contains(words), "{said}");
        assert_eq!(said.is_empty(), verdict == 0, "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_costs_nothing() {
    let place = Place::new("missing");
    fs::remove_file(place.0.join("model.gguf")).expect("it is there");
    assert_ne!(place.demo(0).status.code(), Some(0));
    assert!(!place.0.join("calls").exists());
}
