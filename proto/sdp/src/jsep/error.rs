use super::{SignalingState, TransceiverId};

/// Why a negotiation does not go on. The negotiator stays as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not the time for it (RFC 9429 §3.2).
    #[error("{operation} is not possible in the signalling state {state}")]
    InvalidState {
        /// What was asked for.
        operation: &'static str,
        /// The state.
        state: SignalingState,
    },
    /// A local description is not the one that was created last (RFC 9429 §5.4).
    #[error("the local description is not the one that was created last")]
    Modified,
    /// The other side's description contradicts what was agreed, or itself.
    #[error("{reason}, in {}", place(*.section))]
    PeerMisbehaved {
        /// The media section, counted from 0; `None` if it is about all of it.
        section: Option<usize>,
        /// What is wrong.
        reason: &'static str,
    },
    /// There is no such transceiver (any more).
    #[error("there is no transceiver {0}")]
    UnknownTransceiver(TransceiverId),
    /// The caller asks for what cannot be.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// There is enough of it.
    #[error("there cannot be more {0}")]
    LimitReached(&'static str),
}

impl Error {
    pub(super) fn misbehaved(section: usize, reason: &'static str) -> Self {
        Self::PeerMisbehaved { section: Some(section), reason }
    }

    pub(super) fn misbehaved_overall(reason: &'static str) -> Self {
        Self::PeerMisbehaved { section: None, reason }
    }
}

fn place(section: Option<usize>) -> String {
    match section {
        Some(index) => format!("media section {index} (counted from 0)"),
        None => "the description".to_owned(),
    }
}
