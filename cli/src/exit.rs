//! How the process ends.

/// The worst of what happened; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Good = 0,
    Refused = 1,
    Usage = 2,
    Unread = 3,
}
