//! Where a session stands after a call that failed it, by an error or by a panic of its sink.

use core::mem;

use super::session::Session;
use crate::contract::{Code, State};
use crate::error::Error;
use crate::sink::Sink;

/// Fails the session when it is dropped, which only a panic lets happen.
struct Guard<'a, S: Sink> {
    session: &'a mut Session<S>,
    start: u64,
}

impl<S: Sink> Drop for Guard<'_, S> {
    fn drop(&mut self) {
        let start = self.start;
        self.session.fail(Error::new(Code::Poisoned, format_args!("the sink panicked")));
        self.session.data.rewind(start);
    }
}

impl<S: Sink> Session<S> {
    /// Makes a call in which the sink may panic. If it does, bytes may be half taken: the session fails where the
    /// call began, and the sink is rolled back before the panic goes on.
    pub(super) fn guarded<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> T {
        let guard = Guard { start: self.position(), session: self };
        let result = call(guard.session);
        mem::forget(guard);
        result
    }

    /// The result of a call that began at `start`: where it failed the session, that is where the session stays.
    pub(super) fn since<T>(&mut self, start: u64, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() && self.state == State::Failed {
            self.data.rewind(start);
        }
        result
    }
}
