//! The server: what clients and peers send goes in, decisions come out.
//!
//! A driver owns the sockets. It gives what a client sends to [`Server::handle_client`], or, when it knows that it is
//! ChannelData, to [`Server::channel_data`]; what comes to a relayed transport address to [`Server::handle_peer`]; and does what it is
//! told. It calls [`Server::handle_timeout`] when [`Server::poll_timeout`] says, and fetches events with
//! [`Server::poll_event`] whenever it likes, at least once in its every turn: they tell which sockets to close.
//!
//! Nothing is stored for a client before it has proved who it is, and everything that is stored has a limit in
//! [`Limits`]. Clients that prove nothing are answered within a [`Budget`].

mod allocate;
mod allocation;
mod channel;
mod channel_bind;
mod config;
mod connection;
mod counters;
mod create_permission;
mod data;
mod decision;
mod event;
mod permission;
mod refresh;
mod request;
mod reservation;
mod table;
mod ticket;
mod timer;

use crate::auth::Nonces;
use crate::budget::Budget;
use crate::channel_data::ChannelData;
use crate::five_tuple::canonical;
use crate::{AllocationId, FiveTuple, Now, RelayId, ReservationToken, Shards};
use connection::Connections;
use moim_stun::{Class, FingerprintCheck, Message};
use moim_wire::is_one_host;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use reservation::Reservation;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use table::Table;
use ticket::TicketKey;
use timer::Timer;

pub use allocate::Allocated;
pub use allocation::{AllocationView, Traffic, Usage};
pub use config::{Alternates, Config, Limits, Redirect, ServerSecrets};
pub use connection::CONNECT_TIMEOUT;
pub use counters::{Counters, DropReason, Refusal, Request};
pub use decision::{
    AllocateError, AllocateRequest, ConnectError, FromClient, PortWanted, Prefix, Received, Relayed,
    RelayedTransport, Reply, ToClient, ToPeer, Wanted,
};
pub use event::{Event, FreeCause, Freed};

/// What an `out` buffer must hold for every response to fit, in bytes.
pub const OUT_LEN_MAX: usize = 1280;
/// Events that are only told, not acted upon, are no longer told when so many wait.
pub const EVENTS_MAX: usize = 4096;

/// Serves the clients of one shard.
pub struct Server {
    config: Arc<Config>,
    shards: Shards,
    random: ChaCha12Rng,
    table: Table,
    timers: BTreeSet<(Instant, Timer)>,
    reservations: BTreeMap<ReservationToken, Reservation>,
    connections: Connections,
    events: VecDeque<Event>,
    /// The latest time that was told.
    clock: Instant,
    counters: Counters,
    budget: Budget,
    nonces: Nonces,
    ticket_key: TicketKey,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every token to come.
        f.debug_struct("Server")
            .field("shards", &self.shards)
            .field("allocations", &self.table.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server without allocations. The seed comes from a cryptographic random source, and is another one for each shard.
    pub fn new(config: Arc<Config>, shards: Shards, seed: [u8; 32], now: Instant) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let table = Table::new([random.next_u64(), random.next_u64()]);
        let mut budget_seed = [0; 16];
        random.fill_bytes(&mut budget_seed);
        Self {
            budget: Budget::new(config.unauthenticated, budget_seed, now),
            nonces: Nonces::new(&config.secrets.nonce, config.nonce_lifetime),
            ticket_key: TicketKey::new(&config.secrets.ticket),
            config,
            shards,
            random,
            table,
            timers: BTreeSet::new(),
            reservations: BTreeMap::new(),
            connections: Connections::default(),
            events: VecDeque::new(),
            clock: now,
            counters: Counters::default(),
        }
    }

    /// Goes by another configuration from now on. Allocations stay; permissions, channels and connections of peers that are no
    /// longer allowed are dropped.
    pub fn set_config(&mut self, config: Arc<Config>) {
        self.budget.set_rate(config.unauthenticated);
        self.nonces = Nonces::new(&config.secrets.nonce, config.nonce_lifetime);
        self.ticket_key = TicketKey::new(&config.secrets.ticket);
        self.config = config;
        self.review_peers();
    }

    /// Takes a message from a client, of any kind. The response, if there is one, is written into `out`, which has at least
    /// [`OUT_LEN_MAX`] bytes.
    pub fn handle_client(&mut self, received: Received<'_>, now: Now, out: &mut [u8]) -> FromClient {
        self.handle_timeout(now.at);
        match self.take(received, now, out) {
            Ok(decision) => decision,
            Err(reason) => {
                self.counters.count_dropped(reason);
                FromClient::Dropped(reason)
            }
        }
    }

    fn take(&mut self, received: Received<'_>, now: Now, out: &mut [u8]) -> Result<FromClient, DropReason> {
        if ChannelData::is_one(received.bytes) {
            let allocation = self.find(&received.five_tuple).ok_or(DropReason::NoAllocation)?;
            return self.route_to_peer(allocation, received.bytes, now.at).map(FromClient::ToPeer);
        }
        let message = Message::parse(received.bytes)?;
        let fingerprint = match message.check_fingerprint() {
            FingerprintCheck::Absent => false,
            FingerprintCheck::Valid => true,
            FingerprintCheck::Invalid => return Err(DropReason::BadFingerprint),
        };
        match message.class() {
            Class::Request => self.request(&received, message, fingerprint, now, out),
            Class::Indication => self.indication(&received, &message, now.at),
            Class::SuccessResponse | Class::ErrorResponse => Err(DropReason::Response),
        }
    }

    /// The allocation of a 5-tuple, as [`FiveTuple::new`] makes it.
    #[inline]
    pub fn find(&self, five_tuple: &FiveTuple) -> Option<AllocationId> {
        self.table.find(five_tuple)
    }

    /// The 5-tuple of an allocation.
    pub fn five_tuple(&self, allocation: AllocationId) -> Option<FiveTuple> {
        self.table.get(allocation).map(|allocation| allocation.five_tuple)
    }

    /// Whose relayed transport address this is, as peers see it: for handing data over in the process.
    #[inline]
    pub fn relay_at(&self, relayed: SocketAddr) -> Option<RelayId> {
        self.table.at(relayed)
    }

    /// A client's TCP or TLS connection, or DTLS association, ended. Its allocation is freed, unless the client may come back for it
    /// with a mobility ticket. Until then it has no 5-tuple: behind a NAT or a proxy, the next one to connect from the same
    /// address and port may be anybody, and must neither send as that client nor be sent what is that client's.
    pub fn client_gone(&mut self, five_tuple: &FiveTuple, now: Instant) {
        let Some(id) = self.find(five_tuple) else { return };
        if self.table.get(id).is_some_and(|allocation| allocation.tickets.is_some()) {
            self.table.set_adrift(id);
        } else {
            self.free(id, FreeCause::ClientGone, now);
        }
    }

    /// Frees an allocation because an operator wants it. Whether there was one.
    pub fn kick(&mut self, allocation: AllocationId, now: Instant) -> bool {
        self.free(allocation, FreeCause::Kicked, now)
    }

    /// What happened since it was asked last. [`None`]: nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All allocations, in no order that means anything.
    pub fn allocations(&self, now: Instant) -> impl Iterator<Item = AllocationView<'_>> {
        self.table.iter().map(move |(id, allocation)| allocation.view(id, now))
    }

    /// How many allocations there are.
    pub fn allocation_count(&self) -> usize {
        self.table.len()
    }

    /// How often what happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What may be sent to clients that have proved nothing. A driver that answers Binding requests spends from it too.
    pub fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// Frees an allocation and everything that belongs to it. Whether there was one.
    fn free(&mut self, id: AllocationId, cause: FreeCause, now: Instant) -> bool {
        self.clock = now;
        let Some(allocation) = self.table.remove(id) else { return false };
        self.timers.remove(&(allocation.timer, Timer::Allocation(id)));
        for connection in &allocation.connections {
            self.forget_connection(*connection);
            self.events.push_back(Event::ConnectionClosed(*connection));
        }
        self.counters.freed += 1;
        self.events.push_back(Event::Freed(Box::new(allocation.into_freed(id, cause, now))));
        true
    }

    /// Tells something that nobody has to act upon, unless too much waits already.
    fn tell(&mut self, event: Event) {
        if let Event::PeerDenied { reason, .. } = event {
            self.counters.count_denied(reason);
        }
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.events_lost += 1;
        }
    }

    /// Drops what the policy no longer allows.
    fn review_peers(&mut self) {
        let config = &self.config;
        let mut closed = Vec::new();
        for allocation in self.table.iter_mut() {
            allocation.review(&config.peers, config.relay);
            let connections = &self.connections;
            allocation.connections.retain(|id| {
                let allowed = connections
                    .get(*id)
                    .is_some_and(|connection| config.peers.check(config.relay, connection.peer.ip()).is_ok());
                if !allowed {
                    closed.push(*id);
                }
                allowed
            });
        }
        for id in closed {
            self.forget_connection(id);
            self.events.push_back(Event::ConnectionClosed(id));
        }
    }
}

/// The source as clients know it. [`None`]: it cannot be answered, as port 0 and addresses that are not one host's.
fn usable(source: SocketAddr) -> Option<SocketAddr> {
    let source = canonical(source);
    (is_one_host(source.ip()) && source.port() != 0).then_some(source)
}

#[cfg(test)]
mod tests;
