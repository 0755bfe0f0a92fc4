//! What a session, a model and its file look like to a programmer: short, whatever the file holds.

use core::fmt;

use super::model::{File, Model, Parts};
use super::session::Session;
use super::set_model::SetModel;
use crate::sink::Sink;

/// Where it stands; not the sink, which need not be [`Debug`](fmt::Debug).
impl<S: Sink> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state())
            .field("position", &self.position())
            .field("length", &self.length())
            .field("held", &self.held())
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

/// What it is; not the sink, which need not be [`Debug`](fmt::Debug).
impl<S> fmt::Debug for Model<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("length", &self.length)
            .field("digests", &self.digests)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Parts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("length", &self.length).field("header", &self.header).finish_non_exhaustive()
    }
}

/// Its parts, at most 64.
impl<S> fmt::Debug for SetModel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetModel").field("shards", &self.shards).finish_non_exhaustive()
    }
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let File { length, position, .. } = self;
        f.debug_struct("File").field("length", length).field("position", position).finish_non_exhaustive()
    }
}
