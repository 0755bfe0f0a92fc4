//! What an ABI host can have done with the data.

/// The storage that an ABI host chooses by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Storage {
    /// Keep the header only; the host may store the bytes elsewhere.
    Verify = 1,
    /// Keep header and data in memory.
    Resident = 2,
}

impl Storage {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Storage::Verify => "verify",
            Storage::Resident => "resident",
        }
    }
}
