//! `gguf-bindgen MODULE FOLDER`: writes wasm-bindgen's JavaScript for a linked module, for pages without a bundler.
//!
//! A program of its own, so that `cargo xtask` does not compile wasm-bindgen's tools; a library call, so that their
//! version is the workspace's and nothing has to be installed.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder] = &arguments[..] else {
        eprintln!("usage: gguf-bindgen MODULE FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).remove_producers_section(true).typescript(true).omit_default_module_path(false);
    match bindgen.web(true).and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gguf-bindgen: {error:?}");
            ExitCode::FAILURE
        }
    }
}
