//! Which rules of docs/gguf-rules.md a fault can break. An error has a code and a field, and most pairs of them belong
//! to one rule or two. The corpus test holds this table to the rule that each file is made to break.

use gguf_admission::{Code, Error, Path};

pub fn of(error: &Error) -> &'static [u8] {
    match (error.code(), error.path()) {
        (Code::Magic, _) => &[1],
        (Code::Version, _) => &[2],
        (Code::Limit, Path::TensorCount | Path::EntryCount) => &[3],
        (Code::Limit, Path::Value(_)) => &[4, 9],
        (Code::Limit, Path::Key(_) | Path::Name(_)) => &[4],
        (Code::Header, Path::Key(_)) => &[5, 6],
        (Code::Header, Path::ValueType(_)) => &[7, 12],
        (Code::Header, Path::Value(_)) => &[7, 8, 10, 12],
        (Code::Header, Path::Name(_)) => &[13],
        (Code::Header, Path::Dims(_)) => &[14],
        (Code::Header, Path::Type(_)) => &[16],
        (Code::Layout, Path::Dim(..)) => &[15, 17],
        (Code::Layout, Path::Offset(_)) => &[15, 18, 19],
        (Code::Layout, Path::Padding) => &[21, 22, 23],
        (Code::Truncated, Path::Magic) => &[20, 25],
        (Code::Truncated, Path::Key(_) | Path::Value(_) | Path::Name(_)) => &[3, 4, 9, 20],
        (Code::Truncated, Path::Offset(_)) => &[3, 19, 20, 22],
        (Code::Truncated, Path::Padding) => &[22],
        (Code::Truncated, Path::Length) => &[19],
        (Code::Truncated, _) => &[3, 20],
        (Code::Trailing, _) => &[24],
        _ => &[],
    }
}
