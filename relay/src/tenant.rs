//! Who lives on the relay's threads besides the relay: what a [`Tenant`] is asked, and what it is given.

mod hosting;
mod outbox;
#[cfg(feature = "testing")]
pub mod testing;

use crate::mailbox::{Bell, Mailbox, mailbox};
use moim_turn::{FiveTuple, ShardId, Shards};
use moim_wire::Deadline;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

pub(crate) use hosting::{Asked, Hosting, HostingParts, Owner};
pub use outbox::{OUTBOX_LEN_MAX, OUTBOX_RUNS_MAX, Outbox, Way};

/// How many messages wait for a tenant of one shard.
pub const TENANT_MESSAGES_MAX: usize = 1024;

/// Somebody who shares a shard's thread, sockets and turns with the relay: peer connections, and what forwards between them.
///
/// There is one for each shard, and it is called on the shard's thread alone. What it does is part of a turn, which everybody on the
/// thread waits for: it computes, and neither blocks nor sleeps; a panic ends the thread. It is asked about
///
/// - connectivity checks whose user name begins with [its shard's prefix](crate::ufrag_prefix), wherever they come from. One that
///   it takes makes the address that it came from known: what follows from there is brought to it, whichever shard the kernel
///   delivers it to.
/// - other datagrams that no client of the relay can mean by their first bytes (RFC 7983): RTP and RTCP, DTLS, and STUN Binding
///   responses and indications.
///
/// Binding requests without such a user name are the STUN server's, and all that is TURN's is the relay's, also where both come
/// from one address: browsers use one socket for all.
pub trait Tenant: Send + 'static {
    /// What other threads tell it.
    type Message: Send + 'static;

    /// Datagrams of a 5-tuple, which may be its own or nobody's. What it does not take it leaves unchanged.
    fn handle_datagrams(&mut self, datagrams: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim;

    /// Connectivity checks for connections of its shard. It takes those that are authentic, and no others: which shard
    /// what comes from there belongs to goes by the last one that was taken.
    fn handle_checks(&mut self, checks: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim;

    /// What a tenant of another shard has [sent](Outbox::send_parcel).
    fn handle_parcels(&mut self, parcels: Parcels<'_>, out: &mut Outbox<'_>, now: Instant);

    /// What another thread has told it.
    fn handle_message(&mut self, message: Self::Message, out: &mut Outbox<'_>, now: Instant);

    /// Does what is due, and sends what is to be sent. It is called at the end of every turn, whatever the turn was about.
    fn handle_timeout(&mut self, out: &mut Outbox<'_>, now: Instant);

    /// When the next turn has to be, at the latest. If it has more to send than the outbox took, that is now.
    fn poll_timeout(&self) -> Option<Deadline>;
}

/// Datagrams that came from one address to one address, back to back.
#[derive(Debug)]
pub struct Datagrams<'a> {
    /// From where to where. [`FiveTuple::server`] is an address that is listened on, as this host knows it.
    pub five_tuple: FiveTuple,
    /// One after the other, for the tenant to change: media is decrypted where it lies.
    pub bytes: &'a mut [u8],
    /// How long each of them is, in bytes; the last may be shorter.
    pub segment_len: usize,
    /// The traffic class byte of their IP headers: the DSCP and the congestion mark (RFC 2474, RFC 3168).
    pub traffic_class: u8,
}

/// What a tenant of a shard has for that of another, in pieces that have their header in common.
#[derive(Debug)]
pub struct Parcels<'a> {
    /// The shard they come from.
    pub from: ShardId,
    /// What the sender says of each of them.
    pub header: ParcelHeader,
    /// One after the other, for the tenant to change.
    pub bytes: &'a mut [u8],
    /// How long each of them is, in bytes; the last may be shorter.
    pub segment_len: usize,
}

/// What tenants say of a parcel. It means nothing to the relay.
pub type ParcelHeader = [u8; 16];

/// Whether datagrams are a tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// They are, and have been dealt with, whatever became of them.
    Taken,
    /// They are of no connection of its. Nothing was done.
    NotMine,
}

/// Where a tenant is going to live.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// How many shards there are, and which one it is.
    pub shards: Shards,
    /// The addresses that are listened on, with the ports that were picked if they were 0: see
    /// [`Relay::local_addrs`](crate::Relay::local_addrs).
    pub addresses: &'a [SocketAddr],
}

/// How other threads reach the tenants. Clones reach the same ones.
pub struct Tenants<M> {
    posts: Vec<Mailbox<M>>,
}

/// What tenants did on a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantCounters {
    /// Datagrams that a tenant has taken.
    pub packets_taken: u64,
    /// What they came in: a train counts once.
    pub trains_taken: u64,
    /// Datagrams that were passed on to the shard whose tenant they are for.
    pub passed_on: u64,
    /// 5-tuples that could not be remembered as another shard's, so that what comes from there is lost.
    pub detours_refused: u64,
    /// Parcels that came from tenants of other shards.
    pub parcels: u64,
    /// Messages that came from other threads.
    pub messages: u64,
}

impl Datagrams<'_> {
    /// Each of them, to be changed.
    pub fn segments_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.bytes.chunks_mut(self.segment_len.max(1))
    }

    /// How many there are.
    pub fn packets(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_len.max(1)).max(1)
    }
}

impl Parcels<'_> {
    /// Each of them, to be changed. An empty parcel is one.
    pub fn segments_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let empty = self.bytes.is_empty().then(Default::default);
        empty.into_iter().chain(self.bytes.chunks_mut(self.segment_len.max(1)))
    }

    /// How many there are.
    pub fn packets(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_len.max(1)).max(1)
    }
}

impl<M> Tenants<M> {
    /// Tells the tenant of a shard something. It comes back if [`TENANT_MESSAGES_MAX`] wait already, or if there is no such shard
    /// (any more).
    pub fn tell(&self, shard: ShardId, message: M) -> Result<(), M> {
        match self.posts.get(usize::from(shard.0)) {
            Some(post) => post.put(message),
            None => Err(message),
        }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.posts.len()
    }
}

impl<M> Clone for Tenants<M> {
    fn clone(&self) -> Self {
        Self { posts: self.posts.clone() }
    }
}

impl<M> fmt::Debug for Tenants<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("shards", &self.posts.len()).finish_non_exhaustive()
    }
}

/// A tenant as a shard knows it, whatever its messages are. One call of a train is one call through a table, which is nothing.
pub(crate) trait Guest: Send {
    /// See [`Tenant::handle_datagrams`].
    fn handle_datagrams(&mut self, datagrams: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim;
    /// See [`Tenant::handle_checks`].
    fn handle_checks(&mut self, checks: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim;
    /// See [`Tenant::handle_parcels`].
    fn handle_parcels(&mut self, parcels: Parcels<'_>, out: &mut Outbox<'_>, now: Instant);
    /// Takes a message in, if there is one. Whether there was.
    fn take_message(&mut self, out: &mut Outbox<'_>, now: Instant) -> bool;
    /// See [`Tenant::handle_timeout`].
    fn handle_timeout(&mut self, out: &mut Outbox<'_>, now: Instant);
    /// See [`Tenant::poll_timeout`].
    fn poll_timeout(&self) -> Option<Deadline>;
}

/// A tenant, and its messages.
struct Host<T: Tenant> {
    tenant: T,
    inbox: Receiver<T::Message>,
}

/// Lets tenants in, one a call, in the order of the shards; how they are reached is known when all are in.
pub(crate) struct Letting<T: Tenant, F> {
    make: F,
    posts: Vec<Mailbox<T::Message>>,
}

impl<T: Tenant, F: FnMut(Seat<'_>) -> T> Letting<T, F> {
    /// Nobody is in yet.
    pub(crate) fn new(make: F) -> Self {
        Self { make, posts: Vec::new() }
    }

    /// Makes the next shard's tenant.
    pub(crate) fn let_in(&mut self, seat: Seat<'_>, bell: &Arc<Bell>) -> Box<dyn Guest> {
        let (post, inbox) = mailbox(TENANT_MESSAGES_MAX, bell);
        self.posts.push(post);
        Box::new(Host { tenant: (self.make)(seat), inbox })
    }

    /// How those that are in are reached.
    pub(crate) fn into_tenants(self) -> Tenants<T::Message> {
        Tenants { posts: self.posts }
    }
}

impl<T: Tenant> Guest for Host<T> {
    fn handle_datagrams(&mut self, datagrams: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim {
        self.tenant.handle_datagrams(datagrams, out, now)
    }

    fn handle_checks(&mut self, checks: Datagrams<'_>, out: &mut Outbox<'_>, now: Instant) -> Claim {
        self.tenant.handle_checks(checks, out, now)
    }

    fn handle_parcels(&mut self, parcels: Parcels<'_>, out: &mut Outbox<'_>, now: Instant) {
        self.tenant.handle_parcels(parcels, out, now);
    }

    fn take_message(&mut self, out: &mut Outbox<'_>, now: Instant) -> bool {
        let Ok(message) = self.inbox.try_recv() else { return false };
        self.tenant.handle_message(message, out, now);
        true
    }

    fn handle_timeout(&mut self, out: &mut Outbox<'_>, now: Instant) {
        self.tenant.handle_timeout(out, now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.tenant.poll_timeout()
    }
}
