//! `cargo xtask release --out DIR`: the module as a file of its own, with the types of its exports, what it is made of,
//! and checksums. The same sources and tools give the same bytes, in any folder.

mod materials;
mod sums;
mod types;

use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};

use crate::commands::build;
use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{module, rust};

/// What of the project's folders has no part in the module.
const LEFT_OUT: [&str; 5] = ["target", "node_modules", "pkg", "docs", "candle"];
const ELSEWHERE: &str = "target/elsewhere/in a folder whose name is longer";

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let usage = || Failure::Usage("usage: cargo xtask release --out DIR".into());
    let [out, folder] = arguments else { return Err(usage()) };
    if out != "--out" || folder.starts_with('-') {
        return Err(usage());
    }
    write(project, &absolute(folder).map_err(|error| Failure::Failed(format!("locating {folder}: {error}")))?)
}

/// Writes the folder.
pub(crate) fn write(project: &Project, folder: &Path) -> Result<(), Failure> {
    let module = &module::COMBINED;
    module::build(project, module)?;
    build::check(project, module)?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::io("creating", folder, &error))?;
    let put = |name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        std::fs::write(&file, bytes).map_err(|error| Failure::io("writing", &file, &error))
    };
    put("guest.wasm", &read(&project.path(module.out))?)?;
    put("guest.d.ts", types::declarations(project)?.as_bytes())?;
    put("bom.json", materials::bill(project, module)?.as_bytes())?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        put(name, &read(&project.path(name))?)?;
    }
    put("SHA256SUMS", sums::of(project, folder)?.as_bytes())?;
    println!("{}: guest.wasm, guest.d.ts, bom.json, the licences, SHA256SUMS", project.shown(folder));
    Ok(())
}

/// That the module is the same when it is built from a copy of the sources in another folder, with the crates of others
/// in another folder too.
pub(crate) fn reproduce(project: &Project) -> Result<(), Failure> {
    let module = &module::COMBINED;
    module::build(project, module)?;
    let copy = project.folder(ELSEWHERE)?;
    copy_sources(project.root(), &copy)?;
    let elsewhere = Project::at(copy);
    let linked = module::link(&elsewhere, module, &another_home(&elsewhere)?)?;
    let out = elsewhere.path("guest.wasm");
    module::optimise(project, module, &linked, &out)?;
    let (here, there) = (read(&project.path(module.out))?, read(&out)?);
    if here == there {
        println!("{}: the same {} bytes from another folder", module.out, here.len());
        return Ok(());
    }
    let place = here.iter().zip(&there).position(|(here, there)| here != there).unwrap_or(here.len().min(there.len()));
    Err(Failure::Failed(format!(
        "{} and {} differ from byte {place} on ({} and {} bytes)",
        module.out,
        project.shown(&out),
        here.len(),
        there.len()
    )))
}

/// Cargo's home under another name: a folder that leads to everything in it.
fn another_home(elsewhere: &Project) -> Result<PathBuf, Failure> {
    let (home, other) = (rust::cargo_home()?, elsewhere.folder("cargo's home")?);
    let reading = |error| Failure::io("reading", &home, &error);
    for entry in home.read_dir().map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        let link = other.join(path.file_name().unwrap_or_default());
        match std::os::unix::fs::symlink(&path, &link) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Failure::io("making", &link, &error)),
            _ => {}
        }
    }
    Ok(other)
}

/// Copies what Cargo needs to build a member of the workspace.
fn copy_sources(from: &Path, to: &Path) -> Result<(), Failure> {
    let reading = |error| Failure::io("reading", from, &error);
    std::fs::create_dir_all(to).map_err(|error| Failure::io("creating", to, &error))?;
    for entry in from.read_dir().map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        let Some(name) = path.file_name() else { continue };
        let (shown, copy) = (name.to_string_lossy(), to.join(name));
        if path.is_dir() {
            if !shown.starts_with('.') && !LEFT_OUT.contains(&&*shown) {
                copy_sources(&path, &copy)?;
            }
        } else if is_needed(&path) {
            std::fs::copy(&path, &copy).map_err(|error| Failure::io("writing", &copy, &error))?;
        }
    }
    Ok(())
}

fn is_needed(file: &Path) -> bool {
    ["rs", "toml", "lock", "md"].iter().any(|known| file.extension().is_some_and(|extension| extension == *known))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::io("reading", file, &error))
}
