//! The real model, admitted as a host's would be, and what others say of it.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs::File;

use gguf_admission::{Keep, Storage};
use gguf_admission::{Model, Options, admit_reader};
use gguf_candle_runtime::Runnable;
use serde_json::Value;

/// The real model, or `None`, and said so, where it was not fetched.
pub(crate) fn model() -> Option<Model<Runnable>> {
    admitted("gemma-3-270m-q4_k_m.gguf", Storage::Resident)
}

/// A real vocabulary, of the files without tensors that llama.cpp brings for its tests.
pub(crate) fn vocabulary(name: &str) -> Option<Model<Runnable>> {
    admitted(&format!("vocab/ggml-vocab-{name}.gguf"), Storage::Verify)
}

fn admitted(name: &str, storage: Storage) -> Option<Model<Runnable>> {
    let path = format!("{}/../../target/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(file) = File::open(&path) else {
        println!("skipped: no {path}; `cargo xtask model` fetches it");
        return None;
    };
    Some(admit_reader(file, Options::into_sink(Runnable::open(storage))).expect("a good file"))
}

/// A file beside the tests.
pub(crate) fn json(name: &str) -> Value {
    let path = format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("it is JSON")
}

/// The numbers of an array.
pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().expect("an array").iter().map(|id| id.as_u64().expect("an id") as u32).collect()
}
