//! The states of a session.

/// Where a session stands. The number is the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The header is coming in.
    Open = 1,
    /// The header is known, and nothing of tensor size is reserved. The next [`window`](crate::Session::window),
    /// [`push`](crate::Session::push) or [`finish`](crate::Session::finish) consents to that.
    HeaderReady = 2,
    /// Storage is reserved and the data is coming in.
    Receiving = 3,
    /// Every check has passed.
    Admitted = 4,
    /// The file or the transfer was rejected; nothing is held but the reason.
    Failed = 5,
}

impl State {
    /// Whether the file is at its end, well or badly: no byte can follow.
    pub const fn is_over(self) -> bool {
        matches!(self, State::Admitted | State::Failed)
    }

    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::HeaderReady => "header_ready",
            State::Receiving => "receiving",
            State::Admitted => "admitted",
            State::Failed => "failed",
        }
    }
}
