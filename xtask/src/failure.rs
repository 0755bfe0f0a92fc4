//! Why a command did not do its work, and what its exit code says about it.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The project is wrong: exit code 1.
    Failed(String),
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// This machine lacks something (network, a tool): exit code 3. `test` counts it as "could not run".
    Unavailable(String),
}

impl Failure {
    /// An I/O error with the action that met it: `reading js/guest.wasm: no such file`.
    pub(crate) fn io(action: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::Failed(format!("{action} {}: {error}", path.display()))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Failed(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unavailable(_) => 3,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(message) | Failure::Usage(message) | Failure::Unavailable(message) => {
                out.write_str(message)
            }
        }
    }
}
