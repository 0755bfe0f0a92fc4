//! The stable table of answers: what went wrong, and what the host does about it.

use core::fmt;

/// What the host does about a [`Code`]: `-status >> 4` sorts codes of today and of tomorrow, so no kind is ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Fix the host. The call changed nothing.
    Misuse,
    /// Free or grant something and make the same call again. The call changed nothing.
    Retry,
    /// This file or transfer is bad; the session has failed and holds nothing but the reason.
    Rejected,
    /// The instance is beyond use.
    Dead,
}

impl Kind {
    /// The word that error details use.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Misuse => "misuse",
            Kind::Retry => "retry",
            Kind::Rejected => "rejected",
            Kind::Dead => "dead",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal, $name:literal;)*) => {
        /// Why a call was refused or a file rejected. Numbers never change their meaning, and codes are added: to one
        /// that is not known its [`kind`](Code::kind) says what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant = $status,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The word that programs match on.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// The handle names nothing (any more).
    Handle = -1, "handle";
    /// The call is not allowed in the session's state.
    State = -2, "state";
    /// An argument is outside its range.
    Argument = -3, "argument";
    /// The chunk's offset is not the session's position.
    Offset = -4, "offset";
    /// No window is lent, or the length is above it.
    Window = -5, "window";
    /// The window still shows the bytes it was lent with.
    Unwritten = -6, "unwritten";
    /// Every slot is taken.
    Sessions = -16, "sessions";
    /// The allocator could not; releasing something can help.
    Memory = -17, "memory";
    /// Limit MEMORY is below what is needed; raising it can help.
    Budget = -18, "budget";
    /// Not a GGUF file.
    Magic = -32, "magic";
    /// A version, or a byte order, that is not read.
    Version = -33, "version";
    /// A malformed key, value, string or tensor record.
    Header = -34, "header";
    /// Well formed, and above a limit.
    Limit = -35, "limit";
    /// Extents are wrong, misaligned or overflow, or padding is not zero.
    Layout = -36, "layout";
    /// The file ends before something it declares.
    Truncated = -37, "truncated";
    /// The file goes on after its end.
    Trailing = -38, "trailing";
    /// The bytes are not those of the expected digest.
    Digest = -39, "digest";
    /// The shards do not belong together.
    Set = -40, "set";
    /// Well formed, and the readers of the chosen profile could not load it.
    Profile = -41, "profile";
    /// An earlier call trapped.
    Poisoned = -64, "poisoned";
}

impl Code {
    /// The number that the ABI answers: always negative.
    pub const fn status(self) -> i32 {
        self as i32
    }

    /// What the host does about it.
    pub const fn kind(self) -> Kind {
        match self.status().unsigned_abs() >> 4 {
            0 => Kind::Misuse,
            1 => Kind::Retry,
            2 | 3 => Kind::Rejected,
            _ => Kind::Dead,
        }
    }
}

/// The word that programs match on.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_range_of_its_kind() {
        for code in Code::ALL {
            let range = match code.kind() {
                Kind::Misuse => -15..=-1,
                Kind::Retry => -31..=-16,
                Kind::Rejected => -63..=-32,
                Kind::Dead => i32::MIN..=-64,
            };
            assert!(range.contains(&code.status()), "{}", code.name());
        }
    }
}
