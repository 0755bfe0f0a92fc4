//! `SHA256SUMS`: the checksums of a folder's files, as `sha256sum --check` reads them.

use std::path::Path;

use crate::failure::Failure;
use crate::project::Project;
use crate::tools::shell;

const SCRIPT: &str = "
import hashlib, pathlib, sys
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if file.name != 'SHA256SUMS':
        print(hashlib.sha256(file.read_bytes()).hexdigest() + '  ' + file.name)
";

pub(super) fn of(project: &Project, folder: &Path) -> Result<String, Failure> {
    shell::capture(shell::command(project, "python3").args(["-c", SCRIPT]).arg(folder))
}
