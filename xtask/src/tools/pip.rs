//! Python packages: fetched as files, or installed into a folder below target/ (never into the system).

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::project::{Project, is_newer};
use crate::tools::shell;

const SHOWN_OF_A_FAILURE: usize = 6;

/// Has pip put the files of `packages`, without what they depend on, into `folder`.
pub(crate) fn download(
    project: &Project,
    folder: &Path,
    what: &str,
    options: &[String],
    packages: &[String],
) -> Result<(), Failure> {
    let mut arguments = vec!["download".to_owned(), "--no-deps".into(), "--dest".into(), folder.display().to_string()];
    arguments.extend(options.iter().chain(packages).cloned());
    pip(project, what, &arguments, &folder.with_extension("log"))
}

/// The folder with what the file `requirements` lists, for PYTHONPATH. Installs it when it is missing or older.
pub(crate) fn installed(project: &Project, requirements: &str, folder: &str) -> Result<PathBuf, Failure> {
    let list = project.path(requirements);
    let installed = project.folder(folder)?;
    let done = installed.join("requirements.txt");
    if is_newer(&done, &list) {
        return Ok(installed);
    }
    println!("installing what {requirements} lists into {folder}");
    let arguments = ["install", "--upgrade", "--target", folder, "--requirement", requirements].map(str::to_owned);
    pip(project, &format!("what {requirements} lists"), &arguments, &installed.with_extension("log"))?;
    std::fs::copy(&list, &done).map_err(|error| Failure::io("writing", &done, &error))?;
    Ok(installed)
}

/// Whatever stops pip is something that is missing here.
fn pip(project: &Project, what: &str, arguments: &[String], log: &Path) -> Result<(), Failure> {
    let mut pip = shell::command(project, "python3");
    pip.args(["-m", "pip"]).args(arguments).args(["--quiet", "--disable-pip-version-check", "--retries=2"]);
    let record = shell::record(&mut pip, log)?;
    if record.success {
        // The log matters only for a failure.
        let _ = std::fs::remove_file(log);
        return Ok(());
    }
    let advice = if record.text.contains("No module named pip") {
        "pip is not installed: install python3-pip"
    } else {
        "is the Python package index reachable from here?"
    };
    let is_said = |line: &&str| !line.starts_with("WARNING");
    let said: Vec<&str> = record.text.lines().filter(is_said).collect();
    Err(Failure::Unavailable(format!(
        "{what} could not be fetched; {advice} pip said:\n{}",
        shell::tail(&said.join("\n"), SHOWN_OF_A_FAILURE)
    )))
}
