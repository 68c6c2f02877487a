use moim_signal::message::{CloseCode, ErrorCode, LeaveReason};
use std::fmt;
use std::time::Duration;

/// What went wrong with a room, a connection or a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is none of a room.
    #[error("{0}")]
    Url(#[from] crate::UrlError),
    /// A certificate of the user's own cannot be used.
    #[error("{0}")]
    Trust(#[from] crate::TrustError),
    /// The server could not be reached, refused, or ended the session.
    #[error("{0}")]
    Signal(#[from] SignalError),
    /// A peer connection could not be made, or what was asked of it is not possible.
    #[error("{0}")]
    Connection(String),
    /// A source of media cannot be opened, or a recording not written.
    #[error("{0}")]
    Media(String),
    /// The room has been left.
    #[error("the room has been left")]
    Left,
}

/// A step of joining a room that waits for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinStep {
    /// The server's `welcome`, which begins a session.
    Welcome,
    /// Another link, as the first one was lost before the room was joined.
    Link,
    /// The server's `joined`.
    Joined,
}

impl fmt::Display for JoinStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Welcome => "the server did not welcome this client",
            Self::Link => "the link to the server was lost, and no other could be opened",
            Self::Joined => "the server did not say that this client is in the room",
        })
    }
}

/// What is wrong between this client and its server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// There is no way to the server, or it does not answer.
    #[error("the server at {server} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The room was not joined in time.
    #[error("the room was not joined within {} s: {missing}", waited.as_secs())]
    JoinTimedOut {
        /// What did not come.
        missing: JoinStep,
        /// How long it was waited for, all steps together.
        waited: Duration,
    },
    /// So many events wait for the application, which does not hear them, that no more can be kept.
    #[error("{0} events wait already, because nobody hears them")]
    Unheard(usize),
    /// The server has refused a message.
    #[error("the server refused ({code:?}): {message}")]
    Refused {
        /// What kind of refusal.
        code: ErrorCode,
        /// What happened, why, and what to do.
        message: String,
    },
    /// The server has ended the session, and going on with it is of no use.
    #[error("the server ended the session ({code:?}): {message}")]
    Closed {
        /// Why.
        code: CloseCode,
        /// What happened, why, and what to do.
        message: String,
    },
    /// The server lost the session before it answered.
    #[error("the server lost this session before it answered")]
    Lost,
    /// So many messages wait for the server that no other can.
    #[error("{0} messages wait for the server already, because it does not answer")]
    TooManyPending(usize),
    /// The session is over.
    #[error("the session with the server is over")]
    Over,
    /// This participant was removed from the room.
    #[error("this participant is no longer in the room ({0:?})")]
    Removed(LeaveReason),
}
