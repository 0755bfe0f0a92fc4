//! Where the project lies. Every command names its files relative to this root.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::failure::Failure;

#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The first folder, from the current one upwards, that holds `xtask/Cargo.toml`.
    pub(crate) fn find() -> Result<Project, Failure> {
        let here = std::env::current_dir()
            .map_err(|error| Failure::Unavailable(format!("there is no current folder: {error}")))?;
        here.ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .map(|root| Project { root: root.to_owned() })
            .ok_or_else(|| Failure::Usage(format!("{} is not inside the project", here.display())))
    }

    /// A copy of the project whose root is `root`.
    pub(crate) fn at(root: PathBuf) -> Project {
        Project { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `path` as people read it: relative to the root where it lies inside.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Creates the folder `relative`, with its parents, and answers its path.
    pub(crate) fn folder(&self, relative: &str) -> Result<PathBuf, Failure> {
        let folder = self.path(relative);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::io("creating", &folder, &error))?;
        Ok(folder)
    }
}

/// Whether `file` is there and not older than `than`.
pub(crate) fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().and_then(|file| file.modified()).ok() };
    matches!((modified(file), modified(than)), (Some(file), Some(than)) if file >= than)
}
