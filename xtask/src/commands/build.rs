//! `cargo xtask build`: the WebAssembly modules, optimised, and checked against what the contract promises of them.

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::module::{self, Module};
use crate::tools::{npm, shell, wasm};

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let bless = match arguments {
        [] => false,
        [only] if only == "--bless" => true,
        _ => return Err(Failure::Usage("usage: cargo xtask build [--bless]  (--bless rewrites tests/golden/)".into())),
    };
    for module in module::ALL {
        module::build(project, module)?;
        if bless {
            write_golden(project, module)?;
        }
        check(project, module)?;
    }
    if bless {
        write_api(project)?;
        write_package(project)?;
    }
    Ok(())
}

/// Builds and checks every module.
pub(crate) fn ensure(project: &Project) -> Result<(), Failure> {
    run(project, &[])
}

/// Holds a built module to its promises: no import, the golden exports, the size.
pub(crate) fn check(project: &Project, module: &Module) -> Result<(), Failure> {
    let (bytes, outline) = read(project, module)?;
    println!(
        "{}: {bytes} bytes (at most {}), {} imports, {} exports, {} KiB of memory at the start",
        module.out,
        module.limit,
        outline.imports.len(),
        outline.exports.len(),
        outline.pages.unwrap_or(0) * 64,
    );
    let mut faults = Vec::new();
    if bytes > module.limit {
        faults.push(format!("has {bytes} bytes, {} are allowed", module.limit));
    }
    faults.extend(outline.imports.iter().map(|import| format!("imports {import}; a host instantiates it with {{}}")));
    faults.extend(difference(project, module, &outline)?);
    if faults.is_empty() {
        return Ok(());
    }
    let faults: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    Err(Failure::Failed(format!("the {} module ({}):{faults}", module.name, module.out)))
}

fn read(project: &Project, module: &Module) -> Result<(u64, wasm::Outline), Failure> {
    let path = project.path(module.out);
    let bytes = std::fs::read(&path).map_err(|error| Failure::io("reading", &path, &error))?;
    let outline = wasm::outline(&bytes).map_err(|malformed| Failure::Failed(format!("{}: {malformed}", module.out)))?;
    Ok((bytes.len() as u64, outline))
}

/// What is exported and not in the golden list, and the other way round.
fn difference(project: &Project, module: &Module, outline: &wasm::Outline) -> Result<Vec<String>, Failure> {
    let path = project.path(module.golden);
    let golden = std::fs::read_to_string(&path).map_err(|error| Failure::io("reading", &path, &error))?;
    let golden: Vec<&str> = golden.lines().collect();
    let is_exported = |line: &&str| outline.exports.iter().any(|export| export == line);
    let missing = golden.iter().copied().filter(|line| !is_exported(line));
    let extra = outline.exports.iter().filter(|export| !golden.contains(&export.as_str()));
    Ok(missing
        .map(|line| format!("does not export `{line}`, which {} lists", module.golden))
        .chain(extra.map(|line| format!("exports `{line}`, which {} does not list", module.golden)))
        .collect())
}

pub(crate) fn write_golden(project: &Project, module: &Module) -> Result<(), Failure> {
    let (_, outline) = read(project, module)?;
    let path = project.path(module.golden);
    let text: String = outline.exports.iter().map(|export| format!("{export}\n")).collect();
    std::fs::write(&path, text).map_err(|error| Failure::io("writing", &path, &error))?;
    println!("{}: written", module.golden);
    Ok(())
}

/// The types of the npm package, and the codes of its errors.
fn write_package(project: &Project) -> Result<(), Failure> {
    npm::package(project, "js", "typescript")?;
    let mut node = shell::command(project, "node");
    node.arg("js/test/support/golden.js");
    shell::run(&mut node)
}

/// The lists of the Rust API, which their own test writes.
fn write_api(project: &Project) -> Result<(), Failure> {
    let mut cargo = shell::command(project, "cargo");
    cargo.args(["test", "--quiet", "--package", "gguf-tests", "--test", "api"]).env("BLESS", "1");
    shell::run(&mut cargo)
}
