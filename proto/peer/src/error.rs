use crate::data_channel::DataChannelError;
use crate::media::SendError;
use moim_sdp::jsep::TransceiverId;

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The other side's description cannot be read.
    #[error("the session description cannot be read: {0}")]
    Description(#[from] moim_sdp::ParseError),
    /// The exchange of descriptions does not go on like this.
    #[error(transparent)]
    Negotiation(#[from] moim_sdp::jsep::Error),
    /// The other side's candidate cannot be read.
    #[error("the candidate cannot be read: {0}")]
    Candidate(#[from] moim_sdp::CandidateError),
    /// ICE has no use for it.
    #[error("ICE: {0}")]
    Ice(#[from] moim_ice::Error),
    /// The other side's ICE credentials are none.
    #[error("{0}")]
    Credentials(#[from] moim_ice::CredentialError),
    /// About a data channel.
    #[error(transparent)]
    DataChannel(#[from] DataChannelError),
    /// About media.
    #[error(transparent)]
    Media(#[from] SendError),
    /// There is no such transceiver (any more).
    #[error("there is no transceiver {0}")]
    UnknownTransceiver(TransceiverId),
    /// Rates that contradict each other.
    #[error(transparent)]
    Bitrate(#[from] moim_cc::InvalidConfig),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The cryptography of this build does not work.
    #[error("DTLS cannot be set up")]
    Unavailable,
}
