//! The real model, tensor by tensor, against candle's own reader. Skipped, and said so, where it was not fetched.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests may allocate")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests may fail")]

mod common;

use std::fs::File;
use std::io::BufReader;

use gguf_admission::{Options, admit_reader};
use gguf_admission_candle::Weights;

#[test]
fn every_tensor_of_the_real_model_is_as_candle_reads_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/models/gemma-3-270m-q4_k_m.gguf");
    let Ok(file) = File::open(path) else {
        println!("skipped: no {path}; `cargo xtask model` fetches it");
        return;
    };
    let model = admit_reader(&file, Options::into_sink(Weights::new())).expect("a good file");
    assert_eq!(model.header().tensor_count(), 236);
    common::assert_as_candle_reads(&model, &mut BufReader::new(File::open(path).expect("it was there")));
}
