//! Relayed TCP (RFC 6062).

use super::Router;
use crate::keyed::Key;
use crate::splice::{self, Destination, TcpOutcome, Towards};
use crate::stream::Places;
use crate::token::{RelayKey, Token};
use moim_turn::server::ConnectError;
use moim_turn::{ConnectionId, RelayId};
use moim_udp::{Interest, Ready};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many connections of peers are taken in a turn from one relayed transport address. The rest comes with the next one.
const ACCEPTS_PER_TURN: usize = 16;
/// How long no connections are taken from a relayed transport address when none can be.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Relayed transport addresses from which no connections can be taken for the moment. The poller does not look at them, so that
/// there are as many as there are allocations, at most.
#[derive(Debug, Default)]
pub(super) struct Resting {
    relays: Vec<RelayId>,
    until: Option<Instant>,
}

impl Resting {
    /// When to try again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.until
    }
}

impl Router {
    /// Takes what connections peers have made to a relayed transport address.
    pub(crate) fn accept_peers(&mut self, relay: RelayId, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.ends.listener(relay) else { return };
            let (stream, from) = match splice::accept(listener) {
                Ok(Some(accepted)) => accepted,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "connections of peers cannot be taken for the moment");
                    let _ = self.poller.remove(listener);
                    self.resting.relays.push(relay);
                    self.resting.until.get_or_insert(now + ACCEPT_REST);
                    return;
                }
            };
            let peer = self.ends.known_as(from);
            // What is turned away has been counted.
            let Ok((connection, reply)) = self.server.accept_peer(relay, peer, now, self.plan.out()) else {
                continue;
            };
            match self.clients.tcp.keep(connection, stream, &self.poller) {
                Ok(()) => self.plan.respond(reply.five_tuple, reply.len),
                Err(_) => self.server.connection_closed(connection),
            }
        }
    }

    /// Tries again to take connections where none could be taken.
    pub(super) fn resume_accepting(&mut self, now: Instant) {
        if self.resting.until.is_none_or(|until| until > now) {
            return;
        }
        self.resting.until = None;
        for relay in std::mem::take(&mut self.resting.relays) {
            // The allocation may have ended meanwhile.
            let Some(listener) = self.ends.listener(relay) else { continue };
            let token = Token::Relay(RelayKey::from(relay)).to_bits();
            if let Err(error) = self.poller.add(listener, token, Interest::Read) {
                tracing::warn!(%error, "connections of peers cannot be waited for");
            }
        }
    }

    /// Begins to connect to a peer, as a client has asked.
    pub(super) fn connect_peer(
        &mut self,
        connection: ConnectionId,
        relay: RelayId,
        peer: SocketAddr,
        now: Instant,
    ) {
        self.begin_connecting(connection, relay, Destination::Outside(peer), now);
    }

    /// Begins to connect to one of the server's own addresses. Only relayed TCP addresses may be reached, of whatever shard.
    pub(super) fn connect_own(
        &mut self,
        connection: ConnectionId,
        relay: RelayId,
        peer: SocketAddr,
        now: Instant,
    ) {
        match self.ends.sight_tcp(peer) {
            Some(sighting) => self.begin_connecting(connection, relay, Destination::Own(sighting), now),
            None => self.connected(connection, Err(ConnectError::Forbidden), now),
        }
    }

    fn begin_connecting(&mut self, connection: ConnectionId, relay: RelayId, to: Destination, now: Instant) {
        let from = self.ends.local(relay).ok_or(io::Error::from(io::ErrorKind::AddrNotAvailable));
        let begun = from.and_then(|from| self.clients.tcp.connect(connection, from, to, &self.poller));
        if let Err(error) = begun {
            tracing::debug!(%error, "a peer cannot be connected to");
            self.connected(connection, Err(ConnectError::Failed), now);
        }
    }

    /// Handles what the poller says about a relayed TCP connection; without that, that its deadline has come.
    pub(crate) fn handle_tcp(&mut self, key: Key, ready: Option<Ready>, now: Instant) {
        let mut buffer = std::mem::take(&mut self.clients.buffer);
        let server = &mut self.server;
        let meter = |connection, towards, len: usize| {
            if !server.pass_connection(connection, len, now) {
                return false;
            }
            let (to_peer, to_client) = match towards {
                Towards::Peer => (len as u64, 0),
                Towards::Client => (0, len as u64),
            };
            server.count_connection(connection, to_peer, to_client);
            true
        };
        let outcome = self.clients.tcp.handle_ready(key, ready, (&mut buffer, &self.poller), now, meter);
        self.clients.buffer = buffer;
        match outcome {
            None => {}
            Some(TcpOutcome::Connected(connection)) => self.connected(connection, Ok(()), now),
            Some(TcpOutcome::Refused(connection)) => {
                self.connected(connection, Err(ConnectError::Failed), now);
            }
            Some(TcpOutcome::Closed(connection)) => self.server.connection_closed(connection),
        }
    }

    /// Makes a client's connection one with a peer's. The response to the ConnectionBind waits in it already.
    pub(super) fn splice(&mut self, key: Key, connection: ConnectionId, unread: &[u8]) {
        let Some((detached, places)) = self.clients.streams.detach(key, unread) else { return };
        // It is known whose it is, and counted with the allocation.
        let places = Places { until_allocated: None, ..places };
        // The poller finds both ends ready to be written to, so that the first bytes move with the next turn: this one is still
        // using the buffer that they take.
        if self.clients.tcp.splice(connection, detached, places, &self.poller).is_none() {
            self.server.connection_closed(connection);
        }
    }

    /// The server gives a connection up that is not made for too long.
    pub(super) fn give_up_connecting(&mut self, connection: ConnectionId, now: Instant) {
        self.clients.tcp.close(connection);
        self.connected(connection, Err(ConnectError::Failed), now);
    }

    pub(super) fn expire_tcp(&mut self, now: Instant) {
        while let Some(key) = self.clients.tcp.expired(now) {
            self.handle_tcp(key, None, now);
        }
    }

    fn connected(&mut self, connection: ConnectionId, outcome: Result<(), ConnectError>, now: Instant) {
        match self.server.connected(connection, outcome, now, self.plan.out()) {
            Some(reply) => self.plan.respond(reply.five_tuple, reply.len),
            // Nobody waits for it any more.
            None => self.clients.tcp.close(connection),
        }
    }
}
