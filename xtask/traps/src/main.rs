//! `gguf-traps MODULE OUT`: writes a linked module without its imports. Each imported function becomes one that traps,
//! and what wasm-bindgen left for its own tools goes.
//!
//! For code that is linked and never runs: a library's source of random numbers, say, in a program that wants none. If
//! it did run after all, the call would trap, as a bug does, and not do something else.

use std::error::Error;
use std::process::ExitCode;

use walrus::{ImportKind, Module};

/// Exports that only wasm-bindgen's JavaScript would use.
const TOOLS: [&str; 5] = ["__wbindgen", "__wbg", "__externref", "__abort_handler", "__instance_terminated"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, out] = &arguments[..] else {
        eprintln!("usage: gguf-traps MODULE OUT");
        return ExitCode::from(2);
    };
    match run(module, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gguf-traps: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    let mut module = Module::from_file(from)?;
    let imports: Vec<_> = module.imports.iter().map(|import| (import.name.clone(), import.kind.clone())).collect();
    for (name, kind) in imports {
        let ImportKind::Function(function) = kind else {
            return Err(format!("{name} is imported and no function").into());
        };
        module.replace_imported_func(function, |(body, _)| {
            body.unreachable();
        })?;
        println!("{name}: a trap");
    }
    let tools: Vec<_> = module
        .exports
        .iter()
        .filter(|export| TOOLS.iter().any(|tool| export.name.starts_with(tool)))
        .map(|export| export.id())
        .collect();
    tools.into_iter().for_each(|export| module.exports.delete(export));
    let sections: Vec<_> = module
        .customs
        .iter()
        .filter(|(_, section)| section.name().starts_with("__wasm_bindgen"))
        .map(|(id, _)| id)
        .collect();
    for section in sections {
        module.customs.delete(section);
    }
    walrus::passes::gc::run(&mut module);
    module.emit_wasm_file(to)?;
    Ok(())
}
