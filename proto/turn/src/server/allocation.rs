use super::channel::Channels;
use super::decision::RelayedTransport;
use super::event::{FreeCause, Freed};
use super::permission::Permissions;
use crate::attribute::AddressErrorCode;
use crate::auth::StoredCredential;
use crate::policy::{PeerKind, PeerPolicy, RelayMode};
use crate::quota::Lease;
use crate::{AddressFamily, AllocationId, ConnectionId, FiveTuple, PerFamily, RealmId, ReservationToken};
use moim_stun::TransactionId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the server keeps about a client that has been given a relayed transport address (RFC 8656 §3.2).
///
/// What each packet needs comes first and stays together, so that it takes as few cache lines as it can.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Allocation {
    pub(super) five_tuple: FiveTuple,
    pub(super) transport: RelayedTransport,
    pub(super) channels: Channels,
    pub(super) permissions: Permissions,
    pub(super) usage: Usage,
    pub(super) relays: PerFamily<Option<Relay>>,
    /// The right to it, with its limits of bandwidth. [`None`]: there are none.
    pub(super) lease: Option<Lease>,

    pub(super) realm: RealmId,
    /// Whose it is, and what its requests are checked with.
    pub(super) credential: Arc<StoredCredential>,
    pub(super) created: Instant,
    /// When the next of its relayed addresses expires: its place among the timers.
    pub(super) timer: Instant,
    /// What made it, and what it was answered with besides: an Allocate that comes again gets the same answer.
    pub(super) transaction_id: TransactionId,
    pub(super) reservation: Option<ReservationToken>,
    pub(super) failed: Option<AddressErrorCode>,
    /// How many mobility tickets it has been given. [`None`]: it did not ask for one.
    pub(super) tickets: Option<u32>,
    /// TCP connections with peers, at most [`Limits::connections_max`](super::Limits::connections_max).
    pub(super) connections: Vec<ConnectionId>,
}

/// A relayed transport address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relay {
    /// As peers see it.
    pub(super) address: SocketAddr,
    pub(super) expires: Instant,
}

/// How much went through an allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From the client to peers.
    pub to_peers: Traffic,
    /// From peers to the client.
    pub to_client: Traffic,
}

/// How much went one way. Headers of TURN do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many packets. What went through TCP connections with peers has none.
    pub packets: u64,
    /// How many bytes of data.
    pub bytes: u64,
}

impl Traffic {
    /// One more packet.
    #[inline]
    pub(super) fn count(&mut self, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
    }
}

impl Allocation {
    /// The relayed transport address of a family, unless it has expired.
    #[inline]
    pub(super) fn relay(&self, family: AddressFamily, now: Instant) -> Option<SocketAddr> {
        self.relays.of(family).filter(|relay| relay.expires > now).map(|relay| relay.address)
    }

    /// Its relayed transport address of a family, or all of them, to be changed.
    pub(super) fn relays_of_mut(
        &mut self,
        family: Option<AddressFamily>,
    ) -> impl Iterator<Item = &mut Relay> {
        let PerFamily { ipv4, ipv6 } = &mut self.relays;
        let ipv4 = ipv4.as_mut().filter(|_| family != Some(AddressFamily::Ipv6));
        let ipv6 = ipv6.as_mut().filter(|_| family != Some(AddressFamily::Ipv4));
        ipv4.into_iter().chain(ipv6)
    }

    /// Its relayed transport addresses, as peers see them.
    pub(super) fn relayed(&self) -> PerFamily<Option<SocketAddr>> {
        let address = |relay: Option<Relay>| relay.map(|relay| relay.address);
        PerFamily { ipv4: address(self.relays.ipv4), ipv6: address(self.relays.ipv6) }
    }

    /// When the next of its addresses expires. [`None`]: it has none, and is to be freed.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.relays.iter().map(|(_, relay)| relay.expires).min()
    }

    /// Whether so much may pass now.
    #[inline]
    pub(super) fn has_bandwidth(&self, len: usize, now: Instant) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.pass(len, now))
    }

    /// Drops the permissions and channels of peers that a policy no longer allows.
    pub(super) fn review(&mut self, policy: &PeerPolicy, mode: RelayMode) {
        let is_own = |peer| policy.check(mode, peer).ok().map(|kind| kind == PeerKind::OwnRelayed);
        self.permissions.review(is_own);
        self.channels.review(is_own);
    }

    /// What is told about it.
    pub(super) fn view(&self, id: AllocationId, now: Instant) -> AllocationView<'_> {
        AllocationView {
            id,
            five_tuple: self.five_tuple,
            username: self.credential.username(),
            realm: self.realm,
            transport: self.transport,
            relayed: self.relayed(),
            age: now.saturating_duration_since(self.created),
            expires_in: self.timer.saturating_duration_since(now),
            usage: self.usage,
            permissions: self.permissions.count(now),
            channels: self.channels.count(now),
            connections: self.connections.len(),
        }
    }

    /// What is told about it when it is no more.
    pub(super) fn into_freed(self: Box<Self>, id: AllocationId, cause: FreeCause, now: Instant) -> Freed {
        Freed {
            id,
            five_tuple: self.five_tuple,
            username: self.credential.username().into(),
            realm: self.realm,
            transport: self.transport,
            relayed: self.relayed(),
            usage: self.usage,
            age: now.saturating_duration_since(self.created),
            cause,
            lease: self.lease,
        }
    }
}

/// An allocation, for those who watch the server.
#[derive(Clone, Debug)]
pub struct AllocationView<'a> {
    /// Its id.
    pub id: AllocationId,
    /// Between whom.
    pub five_tuple: FiveTuple,
    /// Whose it is.
    pub username: &'a str,
    /// In which realm.
    pub realm: RealmId,
    /// What is relayed.
    pub transport: RelayedTransport,
    /// Its addresses, as peers see them.
    pub relayed: PerFamily<Option<SocketAddr>>,
    /// For how long it has been there.
    pub age: Duration,
    /// When it, or the first of its addresses, ends unless it is refreshed.
    pub expires_in: Duration,
    /// What went through it.
    pub usage: Usage,
    /// How many permissions it has.
    pub permissions: usize,
    /// How many channels.
    pub channels: usize,
    /// How many TCP connections with peers.
    pub connections: usize,
}
