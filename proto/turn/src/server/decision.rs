//! What the server wants done.

use super::DropReason;
use crate::quota::{Lease, QuotaReached};
use crate::{AddressFamily, ConnectionId, FiveTuple, PerFamily, RealmId, RelayId, ReservationToken, ShardId};
use std::net::SocketAddr;
use std::ops::Range;

/// A message from a client: a datagram, or one framed from a stream by
/// [`framed_len`](crate::channel_data::framed_len).
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Whom it is from, and how it came.
    pub five_tuple: FiveTuple,
    /// The realm of the listener it came to.
    pub realm: RealmId,
    /// What it says.
    pub bytes: &'a [u8],
}

/// What became of a message from a client.
#[derive(Debug)]
#[must_use]
pub enum FromClient {
    /// Nothing is to be done. It has been counted.
    Dropped(DropReason),
    /// The first so many bytes of `out` are the response.
    Respond(usize),
    /// A part of the message is for a peer.
    ToPeer(ToPeer),
    /// Relayed transport addresses are wanted: bind them, ask for the quota, and say how it went by
    /// [`Server::allocate`](super::Server::allocate), in the same turn.
    Allocate(Box<AllocateRequest>),
    /// A TCP connection from the relayed transport address to the peer is wanted: open it, and say how it went by
    /// [`Server::connected`](super::Server::connected). The server gives up after 30 s.
    Connect {
        /// What the connection is called from now on.
        connection: ConnectionId,
        /// Where from.
        relay: RelayId,
        /// Where to.
        peer: SocketAddr,
        /// Whether the peer is at one of the server's own relayed IP addresses. Then nothing but a relayed TCP address of any
        /// shard may be connected to; anything else is [`ConnectError::Forbidden`].
        is_own: bool,
    },
    /// The first so many bytes of `out` are the response to a ConnectionBind; after it, the TCP connection it came by
    /// carries the data of the connection with the peer, and nothing else.
    Spliced {
        /// The connection with the peer.
        connection: ConnectionId,
        /// The length of the response.
        response: usize,
    },
    /// Another shard has what the message is about: pass it on, and, for datagrams, remember the 5-tuple for as long as it
    /// is used.
    Elsewhere(ShardId),
}

/// Data on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToPeer {
    /// The relayed transport address it leaves from.
    pub relay: RelayId,
    /// The same, as peers see it.
    pub source: SocketAddr,
    /// Where it goes.
    pub peer: SocketAddr,
    /// The data, within the message.
    pub range: Range<usize>,
    /// Whether it must not be fragmented on its way.
    pub dont_fragment: bool,
    /// Whether the peer is a relayed address of this process: it is handed over, by
    /// [`Server::relay_at`](super::Server::relay_at) of the shard that [`Shards::of_port`](crate::Shards::of_port) names, and never
    /// sent.
    pub is_own: bool,
}

/// Data on its way to a client: [`Prefix`], then the data, then `padding` bytes of any value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToClient {
    /// Where it goes.
    pub five_tuple: FiveTuple,
    /// How many bytes bring what goes to the client to the length it must have, 0 to 3.
    pub padding: u8,
}

/// What is put before data on its way to a client. The server fills it in.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    pub(super) bytes: [u8; Self::LEN_MAX],
    pub(super) len: u8,
}

impl Prefix {
    /// The longest, in bytes: the beginning of a Data indication with an IPv6 peer.
    pub const LEN_MAX: usize = 48;

    /// One with nothing in it.
    pub const EMPTY: Self = Self { bytes: [0; Self::LEN_MAX], len: 0 };

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// What an Allocate asks the driver for.
#[derive(Debug)]
pub struct AllocateRequest {
    pub(super) pending: super::allocate::Pending,
    pub(super) wanted: PerFamily<Option<Wanted>>,
}

impl AllocateRequest {
    /// Who asks.
    pub fn five_tuple(&self) -> &FiveTuple {
        &self.pending.five_tuple
    }

    /// By which user name.
    pub fn username(&self) -> &str {
        self.pending.user.username()
    }

    /// Whom quotas count the allocation for. [`None`]: the credential does not tell.
    pub fn user(&self) -> Option<&str> {
        self.pending.user.credential().user()
    }

    /// In which realm.
    pub fn realm(&self) -> RealmId {
        self.pending.realm
    }

    /// What is to be bound: one address, or one of each family, of which one is enough.
    pub fn wanted(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().map(|(_, wanted)| wanted)
    }
}

/// A message to a client that is not the answer to what was just given: the first `len` bytes of `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Where it goes.
    pub five_tuple: FiveTuple,
    /// How long it is.
    pub len: usize,
}

/// What the driver bound for an Allocate.
#[derive(Debug, Default)]
pub struct Relayed {
    /// The addresses, as peers see them; at least one of those that were wanted.
    pub addresses: PerFamily<Option<SocketAddr>>,
    /// What the quota ledger gave for it. It comes back with [`Event::Freed`](super::Event::Freed).
    pub lease: Option<Lease>,
}

/// Why the driver bound nothing for an Allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocateError {
    /// The quota ledger says no.
    Quota(QuotaReached),
    /// There is no port, or no socket, for any of the addresses that were wanted; or what was reserved is gone.
    NoCapacity,
}

/// Why there is no connection with a peer (RFC 6062 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// It was refused, failed or took too long.
    Failed,
    /// It is one of the server's own addresses, and not a relayed TCP address.
    Forbidden,
}

/// A relayed transport address that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which family.
    pub family: AddressFamily,
    /// What is relayed.
    pub transport: RelayedTransport,
    /// With which port.
    pub port: PortWanted,
}

/// What is relayed between a relayed transport address and peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayedTransport {
    /// Datagrams.
    Udp,
    /// Connections (RFC 6062).
    Tcp,
}

/// Which port a relayed transport address is to have. In any case, one of this shard
/// ([`Shards::of_port`](crate::Shards::of_port)), chosen at random (RFC 8656 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortWanted {
    /// Any.
    Any,
    /// An even one.
    Even,
    /// An even one, and the next one is to be bound too and kept under this name, until it is asked for or
    /// [`Event::ReservationExpired`](super::Event::ReservationExpired) comes.
    EvenWithNext(ReservationToken),
    /// The one that has been kept under this name.
    Reserved(ReservationToken),
}
