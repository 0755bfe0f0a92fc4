//! The npm packages that the project's tools come from. No package is needed to use the project.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::project::{Project, is_newer};
use crate::tools::shell;

/// The folder of the package `name` that `folder`/package.json lists. All of that file's packages are installed when
/// they are missing or older than its lock file.
pub(crate) fn package(project: &Project, folder: &str, name: &str) -> Result<PathBuf, Failure> {
    let package = project.path(&format!("{folder}/node_modules/{name}"));
    let installed = project.path(&format!("{folder}/node_modules/.package-lock.json"));
    let lock = project.path(&format!("{folder}/package-lock.json"));
    if !lock.is_file() {
        return Err(Failure::Failed(format!("{folder}/package-lock.json is missing: it says what to install")));
    }
    if !is_newer(&installed, &lock) || !package.is_dir() {
        println!("{folder}/node_modules is missing or older than {folder}/package-lock.json: installing with npm");
        let mut npm = shell::command(project, "npm");
        npm.args(["ci", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"]);
        shell::run(&mut npm).map_err(|failure| {
            Failure::Unavailable(format!("{failure}\nthe packages in {folder}/package.json could not be installed"))
        })?;
    }
    if package.is_dir() {
        Ok(package)
    } else {
        Err(Failure::Failed(format!("{folder}/package.json does not list {name}")))
    }
}
