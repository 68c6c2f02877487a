use std::fmt;

/// What a description is meant as (RFC 9429 §4.1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdpType {
    /// A proposal.
    Offer,
    /// An answer that is not the last word.
    Pranswer,
    /// The answer.
    Answer,
    /// No description: the open offer is taken back.
    Rollback,
}

/// How far an exchange of descriptions is (RFC 9429 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalingState {
    /// No offer is open.
    Stable,
    /// Ours is.
    HaveLocalOffer,
    /// Theirs is.
    HaveRemoteOffer,
    /// Theirs is, and we have said something that is not the last word.
    HaveLocalPranswer,
    /// Ours is, and they have said something that is not the last word.
    HaveRemotePranswer,
    /// The connection is closed.
    Closed,
}

impl SignalingState {
    /// Its name in the W3C's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPranswer => "have-local-pranswer",
            Self::HaveRemotePranswer => "have-remote-pranswer",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
