//! Relayed transport addresses come and go.

use super::Router;
use crate::ends::{BindError, Bound};
use crate::token::Token;
use moim_turn::attribute::Icmp;
use moim_turn::quota::{Lease, QuotaReached};
use moim_turn::server::{AllocateError, AllocateRequest, Event, Freed, PortWanted, Relayed, Wanted};
use moim_turn::{AddressFamily, AllocationId, Now, PerFamily, RelayId, ReservationToken};
use moim_udp::{Interest, PeerError};
use std::sync::PoisonError;
use std::time::Instant;

impl Router {
    /// Binds what an Allocate wants, and plans the response.
    pub(super) fn allocate(&mut self, request: AllocateRequest, now: Now) {
        // Places of allocations are used again: what was behind them is closed before.
        self.handle_events(now.at);
        let five_tuple = *request.five_tuple();
        let reservation = request.wanted().find_map(reservation);
        let (bound, outcome) = match self.admit(&request) {
            Ok(lease) => self.bind(&request, lease, now.at),
            Err(quota) => (PerFamily::default(), Err(AllocateError::Quota(quota))),
        };
        let allocated = self.server.allocate(request, outcome, now.at, self.plan.out());
        for bound in [bound.ipv4, bound.ipv6].into_iter().flatten() {
            match allocated.allocation {
                Some(allocation) => self.open(allocation, bound),
                None => self.ends.release(bound),
            }
        }
        if allocated.allocation.is_none()
            && let Some(token) = reservation
        {
            self.ends.release_reserved(token);
        }
        if let Some(lease) = allocated.lease {
            self.release(lease);
        }
        if let Some(len) = allocated.response {
            self.plan.respond(five_tuple, len);
        }
    }

    /// Does what an event asks for, and tells it to whoever reads the log.
    pub(super) fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Freed(freed) => {
                self.clients.set_allocated(&freed.five_tuple, false, now);
                self.handle_freed(*freed);
            }
            Event::RelayFreed { relay, .. } => self.ends.remove(relay),
            Event::ReservationExpired(token) => self.ends.release_reserved(token),
            Event::Allocated { id, five_tuple, username, transport, .. } => {
                self.clients.set_allocated(&five_tuple, true, now);
                let (client, username) = (self.privacy.show(five_tuple.client), self.privacy.show(username));
                let via = five_tuple.transport.as_str();
                let allocation = self.known_as(id);
                tracing::info!(%allocation, %client, via, %username, ?transport, "allocated");
            }
            Event::Moved { id, from, to } => {
                self.clients.set_allocated(&from, false, now);
                self.clients.set_allocated(&to, true, now);
                let (from, to) = (self.privacy.show(from.client), self.privacy.show(to.client));
                let allocation = self.known_as(id);
                tracing::info!(%allocation, %from, %to, "a client has moved");
            }
            Event::PeerDenied { id, peer, reason } => {
                let reason = reason.as_str();
                let allocation = self.known_as(id);
                tracing::debug!(%allocation, %peer, reason, "a peer is denied");
            }
            Event::ConnectionClosed(connection) => self.clients.tcp.close(connection),
            Event::ConnectOverdue(connection) => self.give_up_connecting(connection, now),
        }
    }

    /// An allocation as operators know it: the shard, since each numbers its own, and the id.
    fn known_as(&self, id: AllocationId) -> String {
        format!("{}-{id}", self.shards.own().0)
    }

    fn handle_freed(&mut self, freed: Freed) {
        let Freed { id, five_tuple, username, usage, age, cause, lease, .. } = freed;
        for family in AddressFamily::ALL {
            self.ends.remove(RelayId { allocation: id, family });
        }
        if let Some(lease) = lease {
            self.release(lease);
        }
        let (client, username) = (self.privacy.show(five_tuple.client), self.privacy.show(username));
        let allocation = self.known_as(id);
        tracing::info!(
            %allocation,
            %client,
            %username,
            cause = cause.as_str(),
            age_s = age.as_secs(),
            to_peers_bytes = usage.to_peers.bytes,
            to_client_bytes = usage.to_client.bytes,
            "freed"
        );
    }

    fn admit(&self, request: &AllocateRequest) -> Result<Lease, QuotaReached> {
        // Nothing that can panic is done under the lock.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.admit(request.realm(), request.user(), request.five_tuple().client.ip())
    }

    fn release(&self, lease: Lease) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).release(lease);
    }

    /// Binds what can be bound: of two families, one is enough (RFC 8656 §7.2).
    fn bind(
        &mut self,
        request: &AllocateRequest,
        lease: Lease,
        now: Instant,
    ) -> (PerFamily<Option<Bound>>, Result<Relayed, AllocateError>) {
        let mut bound = PerFamily::default();
        let mut addresses = PerFamily::default();
        for wanted in request.wanted() {
            match self.ends.bind(wanted, self.config.relay) {
                Ok(one) => {
                    *addresses.of_mut(wanted.family) = self.ends.advertised(&one);
                    *bound.of_mut(wanted.family) = Some(one);
                }
                Err(error @ BindError::System(_)) => {
                    if let Some(untold) = self.bind_warning.due(now) {
                        let source = std::error::Error::source(&error);
                        tracing::warn!(%error, ?source, untold, "no relayed address");
                    }
                }
                Err(BindError::NoPort | BindError::Unsupported) => {}
            }
        }
        (bound, Ok(Relayed { addresses, lease: Some(lease) }))
    }

    fn open(&mut self, allocation: AllocationId, bound: Bound) {
        let Some((socket, key)) = self.ends.insert(allocation, bound) else { return };
        let token = Token::Relay(key).to_bits();
        if let Err(error) = self.poller.add(socket, token, Interest::Read) {
            tracing::warn!(%error, "packets of a relayed address cannot be waited for");
        }
    }
}

/// The name under which the next port is kept as well.
fn reservation(wanted: &Wanted) -> Option<ReservationToken> {
    match wanted.port {
        PortWanted::EvenWithNext(token) => Some(token),
        PortWanted::Any | PortWanted::Even | PortWanted::Reserved(_) => None,
    }
}

/// What ICMP says, as clients are told it (RFC 8656 §18.13).
pub(super) fn icmp(error: &PeerError) -> Icmp {
    Icmp { icmp_type: error.icmp_type, code: error.icmp_code, data: error.mtu.unwrap_or(0) }
}
