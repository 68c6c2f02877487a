use crate::candidate::{Candidate, Protocol};
use crate::config::IceRole;
use crate::extras::Extra;
use crate::table::Key;
use std::net::SocketAddr;
use std::ops::Range;

/// A packet that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The address it came to: of the socket, or of this end of the connection.
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
    /// What it came by.
    pub protocol: Protocol,
    /// What it says: a datagram, or one message out of a stream.
    pub bytes: &'a [u8],
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// It was for the agent itself.
    Taken,
    /// It is the application's, from a peer whose checks were authentic.
    Data {
        /// The pair it came by.
        path: PathId,
        /// Where it lies within the packet.
        range: Range<usize>,
    },
    /// It is a STUN message for another agent, going by its user name.
    NotForMe,
    /// It is of no use. It has been counted.
    Dropped(DropReason),
}

/// A packet that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From where.
    pub local: SocketAddr,
    /// To where.
    pub remote: SocketAddr,
    /// By what.
    pub protocol: Protocol,
    /// How long it is.
    pub len: usize,
}

/// A pair of candidates, as what data goes by. It is never used again for another pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub(crate) Key);

/// A name that the driver is to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub(crate) u32);

/// A connection that the driver is to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u32);

/// How messages are told apart on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each with its length before it ([`framing`](crate::framing), RFC 4571): with a peer.
    Rfc4571,
    /// As [`moim_turn::channel_data::framed_len`] says (RFC 8656 §3.1): with a TURN server.
    Turn,
}

/// What happened, or is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Gathering has begun, or is complete: then the peer is to be told the end of candidates (RFC 8838 §13).
    GatheringState(GatheringState),
    /// There is a candidate for the peer to be told about.
    LocalCandidate(Candidate),
    /// A server gave no candidate.
    LocalCandidateError {
        /// Which server.
        server: SocketAddr,
        /// Why not, as `icecandidateerror` of WebRTC has it: the STUN error code, or 701 if the server was not reached.
        code: u16,
        /// The same in words.
        reason: &'static str,
    },
    /// The connection is in another state.
    ConnectionState(ConnectionState),
    /// Data goes by another pair from now on. Its route may still change, when a channel is bound.
    Selected {
        /// By which.
        path: PathId,
        /// Its local candidate: that of the address that the peer sees.
        local: Box<Candidate>,
        /// Its remote candidate.
        remote: Box<Candidate>,
    },
    /// A check or an answer came that is authentic, with these of the attributes that [`Extras::known`](crate::Extras::known) names: none, if it had none of them.
    Extras(Vec<Extra>),
    /// Both agents had the same role, and this one has given in.
    RoleChanged(IceRole),
    /// The driver is to do something.
    Ask(Ask),
}

/// What is not the agent's to do: names and connections belong to the driver. A peer connection passes it on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A name is to be resolved: answer by [`Agent::resolved`](crate::Agent::resolved).
    ResolveName {
        /// What to answer by.
        id: NameId,
        /// The name.
        name: String,
    },
    /// A connection is to be opened: answer by [`Agent::connection_opened`](crate::Agent::connection_opened) or
    /// [`Agent::connection_failed`](crate::Agent::connection_failed).
    Connect {
        /// What to answer by.
        id: ConnectionId,
        /// Which address to connect from. The port counts only if [`bind_port`](Self::Connect::bind_port) is set. [`None`]: any.
        local: Option<SocketAddr>,
        /// Whether to connect from that very port (RFC 6544 §4.1, simultaneous open).
        bind_port: bool,
        /// Where to.
        remote: SocketAddr,
        /// TCP or TLS.
        protocol: Protocol,
        /// How messages are told apart on it.
        framing: Framing,
    },
    /// A connection is wanted no longer, open or not yet.
    Disconnect {
        /// This end of it. [`None`]: it is not open yet.
        local: Option<SocketAddr>,
        /// The other end.
        remote: SocketAddr,
        /// What it was called, if the agent had asked for it.
        id: Option<ConnectionId>,
    },
}

/// How far gathering is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatheringState {
    /// It has not begun.
    New,
    /// It is under way.
    Gathering,
    /// All that is known was asked, and has answered or not.
    Complete,
}

/// How far the connection is (W3C webrtc, `RTCIceConnectionState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionState {
    /// Nothing has been tried yet.
    New,
    /// Pairs are being checked, and none is valid.
    Checking,
    /// Data can go, and better pairs are being looked for.
    Connected,
    /// The pair is nominated.
    Completed,
    /// Nothing has come for a while.
    Disconnected,
    /// There is no pair that works.
    Failed,
    /// The agent was closed.
    Closed,
}

impl ConnectionState {
    /// A name for logs and statistics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

/// Why a pair does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureReason {
    /// No check was answered.
    Timeout,
    /// No check was answered, and the network said that the peer cannot be reached.
    Unreachable,
    /// The peer answered a check with this error.
    Refused(u16),
    /// The answer came from, or to, another address than the check went: data would not arrive (RFC 8445 §7.2.5.2.1).
    NonSymmetric,
    /// The relay does not let the peer through.
    NotPermitted,
    /// The relay is gone.
    RelayLost,
    /// The connection could not be opened, or was closed.
    ConnectionLost,
    /// The peer has not consented for too long (RFC 7675 §5.1).
    ConsentExpired,
    /// The local address is no longer there.
    AddressRemoved,
    /// The check could not be written or kept.
    Unsendable,
    /// Another pair was nominated before this one was tried to its end (RFC 8445 §8.1.2).
    Superseded,
}

impl FailureReason {
    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "no check was answered",
            Self::Unreachable => "the network says that the peer cannot be reached",
            Self::Refused(_) => "the peer answered a check with an error",
            Self::NonSymmetric => "the answer came from another address than the check went to",
            Self::NotPermitted => "the relay does not let the peer through",
            Self::RelayLost => "the relay is gone",
            Self::ConnectionLost => "the connection could not be opened, or was closed",
            Self::ConsentExpired => "the peer has not consented for too long",
            Self::AddressRemoved => "the local address is no longer there",
            Self::Unsendable => "the check could not be written",
            Self::Superseded => "another pair was nominated first",
        }
    }
}

moim_wire::drop_reasons! {
    "Why a packet was dropped, or one that was to be sent was not.";
    /// It looks like STUN, but is not a message.
    Malformed => "malformed",
    /// It is a request or indication of another method than Binding.
    UnsupportedMethod => "unsupported_method",
    /// Its FINGERPRINT is wrong.
    BadFingerprint => "bad_fingerprint",
    /// Its message integrity is missing or wrong.
    NotAuthentic => "not_authentic",
    /// It answers nothing that was asked, or a second time.
    NotAsked => "not_asked",
    /// It did not come to an address of the agent's, or by a connection of the agent's.
    UnknownLocal => "unknown_local",
    /// It is data from where no authentic check came from.
    UnknownPeer => "unknown_peer",
    /// It came to an address that the policy does not use.
    Policy => "policy",
    /// The relay's message is of no use.
    Relay => "relay",
    /// There are as many candidates or pairs as there may be.
    LimitReached => "limit_reached",
    /// So many packets wait to be sent that this one was not.
    TransmitQueueFull => "transmit_queue_full",
    /// The packet to be sent does not fit into the buffer given: give [`TRANSMIT_LEN_MAX`](crate::TRANSMIT_LEN_MAX) bytes.
    BufferTooSmall => "buffer_too_small",
    /// The agent was closed.
    Closed => "closed",
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets dropped, by reason.
    pub drops: Drops,
    /// Requests of the peer that were answered with success.
    pub requests_answered: u64,
    /// Requests that were answered with an error.
    pub requests_refused: u64,
    /// Events that were not told because nobody fetched them.
    pub events_lost: u64,
}

/// Why something cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are as many of these as there may be.
    #[error("there are as many of these as there may be")]
    LimitReached,
    /// No packet can be sent there, or nothing of this agent's can reach it.
    #[error("no packet can be sent to this address")]
    UnusableAddress,
    /// It is of an earlier generation of credentials, or there is no such thing.
    #[error("there is no such thing (any more)")]
    Unknown,
    /// The agent was closed.
    #[error("the agent was closed")]
    Closed,
}
