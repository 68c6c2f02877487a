use crate::attribute::{AddressErrorCode, Icmp};
use crate::channel_data::ChannelNumber;
use crate::{ConnectionId, PerFamily, ReservationToken};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// What became of a message from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// Data from a peer.
    Data {
        /// Whom it is from.
        peer: SocketAddr,
        /// Where it lies within the message.
        range: Range<usize>,
    },
    /// It was for the client itself.
    Taken,
    /// It is of no use.
    Ignored(IgnoreReason),
}

/// Why a message from the server is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreReason {
    /// It is neither a STUN message nor ChannelData, or an attribute cannot be read.
    Malformed,
    /// It is a request, or an indication of a kind that clients do not get.
    Unexpected,
    /// It answers nothing that was asked, or a second time.
    NotAsked,
    /// Its message integrity is missing or wrong, or its FINGERPRINT is.
    NotAuthentic,
    /// It is a challenge that was changed on its way (RFC 8489 §9.2.5).
    BidDown,
    /// It is data, or an error, of a peer that was not let through.
    UnknownPeer,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is an allocation.
    Allocated(Box<Allocated>),
    /// There is no allocation, or none any more. The client has ended.
    Failed(Failure),
    /// The allocation was given back. The client has ended.
    Released,
    /// The allocation has followed to the client's new address.
    Moved,
    /// The server lets a peer through.
    Permitted(IpAddr),
    /// The server does not let a peer through, or no longer. It is not asked again.
    NotPermitted {
        /// The peer.
        peer: IpAddr,
        /// Why not.
        failure: Failure,
    },
    /// A channel is bound.
    ChannelBound {
        /// To whom.
        peer: SocketAddr,
        /// Its number.
        number: ChannelNumber,
    },
    /// A channel is not bound, or no longer. It is not asked for again.
    ChannelNotBound {
        /// To whom.
        peer: SocketAddr,
        /// Why not.
        failure: Failure,
    },
    /// What was sent to a peer did not reach it (RFC 8656 §11.6).
    Unreachable {
        /// The peer. Its port is that of the last packet.
        peer: SocketAddr,
        /// What the network said.
        icmp: Icmp,
    },
    /// There is a TCP connection with a peer that was asked for. It waits 30 s for a
    /// [`data_connection`](super::Client::data_connection).
    Connected {
        /// The peer.
        peer: SocketAddr,
        /// What the connection is called.
        connection: ConnectionId,
    },
    /// There is no TCP connection with a peer.
    NotConnected {
        /// The peer.
        peer: SocketAddr,
        /// Why not.
        failure: Failure,
    },
    /// A peer has connected. It waits 30 s for a [`data_connection`](super::Client::data_connection).
    PeerConnected {
        /// The peer.
        peer: SocketAddr,
        /// What the connection is called.
        connection: ConnectionId,
    },
    /// This connection to the server carries the data of a connection with a peer from now on.
    Bound(ConnectionId),
}

/// What an Allocate brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The relayed transport addresses, one at least.
    pub relayed: PerFamily<Option<SocketAddr>>,
    /// The client's own address, as the server sees it.
    pub mapped: Option<SocketAddr>,
    /// For how long, unless it is refreshed; which the client does.
    pub lifetime: Duration,
    /// What the address next to the relayed one can be had with.
    pub reservation: Option<ReservationToken>,
    /// Which of two address families there is none of, and why.
    pub missing: Option<AddressErrorCode>,
    /// Whether the allocation can follow the client.
    pub mobility: bool,
}

/// Why something was not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The server did not answer.
    Timeout,
    /// The server said no, by this error code.
    Refused(u16),
    /// The server does not take the credential.
    Unauthenticated,
    /// The server wants what this client cannot do, such as a password algorithm it does not know.
    Unsupported,
    /// The server has another one asked (300).
    Redirected(Option<SocketAddr>),
    /// The answer lacks what it must have.
    Malformed,
    /// The request cannot be written: something in it is too long.
    Unsendable,
}
