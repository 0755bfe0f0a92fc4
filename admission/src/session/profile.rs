//! A session whose header is judged by a profile.

use super::session::Session;
use crate::check::profile::{Findings, Judge, Level, Profile};
use crate::contract::State;
use crate::error::Error;
use crate::sink::Sink;

impl<S: Sink> Session<S> {
    /// Judges the header by a profile once it is whole, or by none; before the first byte. Room for all that it can
    /// find is reserved here.
    pub fn set_profile(&mut self, choice: Option<(Profile, Level)>) -> Result<(), Error> {
        if self.state != State::Open || self.position() > 0 {
            return Err(self.misplaced("profile"));
        }
        match (&mut self.profile, choice) {
            (Some(judge), Some((profile, level))) => judge.choose(profile, level),
            (None, Some((profile, level))) => {
                self.afford(self.held().saturating_add(Judge::room()))?;
                self.profile = Some(Judge::new(profile, level)?);
            }
            (_, None) => self.profile = None,
        }
        Ok(())
    }

    /// What the profile found: known once the header is, where one was chosen; not after a failure.
    pub fn findings(&self) -> Option<&Findings> {
        self.header()?;
        match &self.model {
            Some(model) => model.findings(),
            None => self.profile.as_ref().map(Judge::findings),
        }
    }

    /// Room that the profile holds before the file is admitted; then it is the model's.
    pub(super) fn profile_held(&self) -> u64 {
        self.profile.as_ref().map_or(0, |judge| judge.findings().held())
    }
}
