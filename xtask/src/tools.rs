//! The programs that the commands run, and what they need installed; the modules that are built.

pub(crate) mod browsers;
pub(crate) mod module;
pub(crate) mod npm;
pub(crate) mod pip;
pub(crate) mod rust;
pub(crate) mod shell;
pub(crate) mod wasm;
