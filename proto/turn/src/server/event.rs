use super::allocation::Usage;
use super::decision::RelayedTransport;
use crate::policy::Denied;
use crate::quota::Lease;
use crate::{AllocationId, ConnectionId, FiveTuple, PerFamily, RealmId, RelayId, ReservationToken};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What happened that the driver has to act on, or that an operator may want to know.
#[derive(Debug)]
pub enum Event {
    /// An allocation was made.
    Allocated {
        /// Which.
        id: AllocationId,
        /// Between whom.
        five_tuple: FiveTuple,
        /// For whom.
        username: Box<str>,
        /// In which realm.
        realm: RealmId,
        /// What is relayed.
        transport: RelayedTransport,
        /// Its addresses, as peers see them.
        relayed: PerFamily<Option<SocketAddr>>,
    },
    /// An allocation is no more: close what is behind its addresses, and give back the lease.
    Freed(Box<Freed>),
    /// An allocation of both families gave one address back: close what is behind it.
    RelayFreed {
        /// Which address.
        relay: RelayId,
        /// The same, as peers saw it.
        address: SocketAddr,
    },
    /// A client's address changed, and its allocation moved with it (RFC 8016).
    Moved {
        /// Which allocation.
        id: AllocationId,
        /// Where the client was.
        from: FiveTuple,
        /// Where it is.
        to: FiveTuple,
    },
    /// A client asked for a peer that must not be relayed to.
    PeerDenied {
        /// Which allocation.
        id: AllocationId,
        /// The peer.
        peer: IpAddr,
        /// Why not.
        reason: Denied,
    },
    /// An address that was kept for a later Allocate is wanted no longer: close what is behind it.
    ReservationExpired(ReservationToken),
    /// A connection with a peer is not made for too long: give it up, and say so by
    /// [`Server::connected`](super::Server::connected).
    ConnectOverdue(ConnectionId),
    /// A connection with a peer is wanted no longer: close it, and what carries its data to the client.
    ConnectionClosed(ConnectionId),
}

/// An allocation that is no more.
#[derive(Debug)]
pub struct Freed {
    /// Which it was.
    pub id: AllocationId,
    /// Between whom.
    pub five_tuple: FiveTuple,
    /// Whose it was.
    pub username: Box<str>,
    /// In which realm.
    pub realm: RealmId,
    /// What was relayed.
    pub transport: RelayedTransport,
    /// The addresses it had at its end, as peers saw them.
    pub relayed: PerFamily<Option<SocketAddr>>,
    /// What went through it.
    pub usage: Usage,
    /// For how long it was there.
    pub age: Duration,
    /// Why it is no more.
    pub cause: FreeCause,
    /// What the quota ledger gave for it.
    pub lease: Option<Lease>,
}

/// Why an allocation is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FreeCause {
    /// It was not refreshed in time.
    Expired,
    /// Its client gave it back.
    Refreshed,
    /// The connection that it belonged to ended.
    ClientGone,
    /// An operator wanted it.
    Kicked,
}

impl FreeCause {
    /// Every cause, in the order they are declared.
    pub const ALL: [Self; 4] = [Self::Expired, Self::Refreshed, Self::ClientGone, Self::Kicked];

    /// A name for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Refreshed => "refreshed",
            Self::ClientGone => "client_gone",
            Self::Kicked => "kicked",
        }
    }
}
