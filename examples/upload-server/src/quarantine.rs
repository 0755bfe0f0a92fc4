//! Where the bytes of an upload lie until the file is whole and good: a folder of the local disk, for one server alone.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

pub const QUARANTINE: &str = "quarantine";

/// Held for as long as the server runs, so that no second server cleans up under it.
const LOCK: &str = "lock";

pub struct Quarantine {
    folder: PathBuf,
    _lock: File,
}

/// The bytes of one upload. Dropping it removes them.
pub struct Part(NamedTempFile);

impl Quarantine {
    /// Opens the quarantine in `data`, and removes what an earlier server left in it: all of that was unfinished.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(QUARANTINE);
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.try_lock().map_err(|error| {
            io::Error::new(io::ErrorKind::ResourceBusy, format!("{}: another server: {error}", folder.display()))
        })?;
        let mut removed = 0;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        tracing::info!("quarantine cleaned: {removed} unfinished uploads removed");
        Ok(Quarantine { folder, _lock: lock })
    }

    /// A new, empty file that nobody else has.
    pub fn part(&self) -> io::Result<Part> {
        // The model keeps these permissions: the umask says who may read it.
        let mut builder = tempfile::Builder::new();
        builder.prefix("").suffix(".part").rand_bytes(20).permissions(Permissions::from_mode(0o666));
        builder.tempfile_in(&self.folder).map(Part)
    }
}

impl Part {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.as_file_mut().write_all(bytes)
    }

    /// What was written is on the disk, and stays as it is. Where it lies; dropping that removes it.
    pub fn close(self) -> io::Result<TempPath> {
        self.0.as_file().sync_all()?;
        Ok(self.0.into_temp_path())
    }
}
