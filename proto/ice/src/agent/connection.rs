//! Connections: those of TCP candidates (RFC 6544), and those to TURN servers. The driver owns them.

use super::check::Purpose;
use super::input::Source;
use super::{ACCEPTED_MAX, Agent, CONNECTIONS_MAX};
use crate::candidate::{CandidateProtocol, Protocol, TcpType, canonical};
use crate::event::{Ask, ConnectionId, DropReason, Error, Event, FailureReason, Framing, Handled, PathId};
use crate::pair::{Origin, PairState, RelayId};
use crate::route::{Prefix, Route};
use std::net::SocketAddr;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// This end of it. [`None`]: it is being opened.
    pub(super) local: Option<SocketAddr>,
    remote: SocketAddr,
    protocol: Protocol,
    purpose: ConnectionPurpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionPurpose {
    /// It was opened for a pair.
    Pair(PathId),
    /// It was opened for an allocation.
    Relay(RelayId),
    /// A peer has connected to an address of ours; a check will say for which pair.
    Accepted(Origin),
}

impl Agent {
    /// A connection that [`Ask::Connect`] asked for is open, at this address of the machine's.
    pub fn connection_opened(&mut self, id: ConnectionId, local: SocketAddr, now: Instant) {
        let Some(connection) = self.connection_by_id(id) else { return };
        connection.local = Some(canonical(local));
        match connection.purpose {
            ConnectionPurpose::Pair(path) => self.pair_connected(path, now),
            ConnectionPurpose::Relay(relay) => self.relay_connected(relay, now),
            ConnectionPurpose::Accepted(_) => {}
        }
        self.advance(now);
    }

    /// A connection that [`Ask::Connect`] asked for cannot be opened.
    pub fn connection_failed(&mut self, id: ConnectionId, now: Instant) {
        if let Some(position) = self.connections.iter().position(|connection| connection.id == id) {
            self.connection_lost(position, now);
        }
        self.advance(now);
    }

    /// A peer has connected to a passive address (RFC 6544 §5.3). An error means that the connection is to be closed.
    pub fn connection_accepted(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let (local, remote) = (canonical(local), canonical(remote));
        let waits = |protocol| {
            matches!(protocol, CandidateProtocol::Tcp(TcpType::Passive | TcpType::SimultaneousOpen))
        };
        let base = self.addresses.iter().find(|base| base.address == local && waits(base.protocol));
        let origin = base.ok_or(Error::Unknown)?.origin();
        self.make_room_for_accepted();
        if self.connections.len() >= CONNECTIONS_MAX {
            return Err(Error::LimitReached);
        }
        let id = ConnectionId(self.fresh_id());
        let purpose = ConnectionPurpose::Accepted(origin);
        let local = Some(local);
        self.connections.push(Connection { id, local, remote, protocol: Protocol::Tcp, purpose });
        self.advance(now);
        Ok(())
    }

    /// Anybody may connect, and say nothing: of those who have not said who they are, the one that has waited longest makes room.
    fn make_room_for_accepted(&mut self) {
        let is_unknown = |it: &&Connection| matches!(it.purpose, ConnectionPurpose::Accepted(_));
        if self.connections.iter().filter(is_unknown).count() < ACCEPTED_MAX {
            return;
        }
        // Numbers are given out in order.
        let oldest = self.connections.iter().filter(is_unknown).map(|it| it.id).min_by_key(|id| id.0);
        if let Some(id) = oldest {
            self.counters.drops.count(DropReason::LimitReached);
            self.disconnect(id);
        }
    }

    /// A connection was closed by the other end, or broke.
    pub fn connection_closed(&mut self, local: SocketAddr, remote: SocketAddr, now: Instant) {
        let (local, remote) = (canonical(local), canonical(remote));
        let is_it = |it: &Connection| it.local == Some(local) && it.remote == remote;
        if let Some(position) = self.connections.iter().position(is_it) {
            self.connection_lost(position, now);
        }
        self.advance(now);
    }

    /// The network says that packets from here to there do not arrive (ICMP). It may be mistaken, so that pairs go on; but if nothing is
    /// answered, it is why.
    pub fn unreachable(&mut self, local: SocketAddr, remote: SocketAddr) {
        if let Some(path) = self.find_pair(Origin::Udp(canonical(local)), canonical(remote))
            && let Some(pair) = self.pair_mut(path)
        {
            pair.is_unreachable = true;
        }
    }

    pub(super) fn connection_input(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Handled, DropReason> {
        let is_it = |it: &&Connection| it.local == Some(local) && it.remote == remote;
        let connection = self.connections.iter().find(is_it).ok_or(DropReason::UnknownLocal)?;
        let id = connection.id;
        let origin = match connection.purpose {
            ConnectionPurpose::Relay(relay) => return self.relay_input(relay, bytes, now),
            ConnectionPurpose::Pair(path) => self.pair(path).ok_or(DropReason::UnknownPeer)?.origin,
            ConnectionPurpose::Accepted(origin) => origin,
        };
        self.peer_input(Source { origin, peer: remote, connection: Some(id) }, bytes, now)
    }

    /// A pair of TCP is to be checked: first it has to be connected.
    pub(super) fn connect_pair(&mut self, path: PathId, now: Instant) {
        let Some(pair) = self.pair(path) else { return };
        if pair.connection.is_some() {
            return;
        }
        let (Origin::Tcp(local, tcp_type), remote) = (pair.origin, pair.peer) else { return };
        let purpose = ConnectionPurpose::Pair(path);
        let Some(id) = self.add_connection(remote, Protocol::Tcp, purpose) else {
            self.fail_pair(path, FailureReason::ConnectionLost, now);
            return;
        };
        if let Some(pair) = self.pair_mut(path) {
            pair.connection = Some(id);
        }
        let bind_port = tcp_type == TcpType::SimultaneousOpen;
        let (protocol, framing) = (Protocol::Tcp, Framing::Rfc4571);
        let local = Some(local);
        self.tell(Event::Ask(Ask::Connect { id, local, bind_port, remote, protocol, framing }));
    }

    /// Asks for a connection to a TURN server.
    pub(super) fn connect_relay(
        &mut self,
        relay: RelayId,
        remote: SocketAddr,
        protocol: Protocol,
    ) -> Option<ConnectionId> {
        let id = self.add_connection(remote, protocol, ConnectionPurpose::Relay(relay))?;
        let (local, bind_port, framing) = (None, false, Framing::Turn);
        self.tell(Event::Ask(Ask::Connect { id, local, bind_port, remote, protocol, framing }));
        Some(id)
    }

    fn add_connection(
        &mut self,
        remote: SocketAddr,
        protocol: Protocol,
        purpose: ConnectionPurpose,
    ) -> Option<ConnectionId> {
        if self.connections.len() >= CONNECTIONS_MAX {
            self.counters.drops.count(DropReason::LimitReached);
            return None;
        }
        let id = ConnectionId(self.fresh_id());
        self.connections.push(Connection { id, local: None, remote, protocol, purpose });
        Some(id)
    }

    fn pair_connected(&mut self, path: PathId, now: Instant) {
        let Some(pair) = self.pair(path) else { return };
        let route = pair.connection.and_then(|id| self.route_by(id));
        let Some(pair) = self.pair_mut(path) else { return };
        pair.route = route;
        if pair.state == PairState::InProgress {
            // The peer may have named it by a check that came meanwhile; a controlling agent has not decided yet.
            self.begin_check(path, Purpose::Connectivity, false, now);
        }
    }

    /// A check came by a connection: the pair goes by it from now on.
    pub(super) fn take_connection(&mut self, path: PathId, connection: Option<ConnectionId>) {
        let Some(id) = connection else { return };
        let route = self.route_by(id);
        let Some(pair) = self.pair_mut(path) else { return };
        let before = pair.connection.replace(id);
        pair.route = route;
        // RFC 6544 §7.1: of two connections of simultaneous opening, one is enough.
        if let Some(before) = before.filter(|before| *before != id) {
            self.disconnect(before);
        }
        if let Some(connection) = self.connection_by_id(id) {
            connection.purpose = ConnectionPurpose::Pair(path);
        }
    }

    fn route_by(&self, id: ConnectionId) -> Option<Route> {
        let connection = self.connections.iter().find(|connection| connection.id == id)?;
        let (local, remote, protocol) = (connection.local?, connection.remote, connection.protocol);
        Some(Route { local, remote, protocol, prefix: Prefix::EMPTY })
    }

    fn connection_lost(&mut self, position: usize, now: Instant) {
        let connection = self.connections.swap_remove(position);
        match connection.purpose {
            ConnectionPurpose::Pair(path) => {
                if let Some(pair) = self.pair_mut(path)
                    && pair.connection == Some(connection.id)
                {
                    pair.connection = None;
                    pair.route = None;
                    self.fail_pair(path, FailureReason::ConnectionLost, now);
                }
            }
            ConnectionPurpose::Relay(relay) => self.relay_disconnected(relay, now),
            ConnectionPurpose::Accepted(_) => {}
        }
    }

    /// A connection is wanted no longer.
    pub(super) fn disconnect(&mut self, id: ConnectionId) {
        let Some(position) = self.connections.iter().position(|connection| connection.id == id) else {
            return;
        };
        let Connection { local, remote, .. } = self.connections.swap_remove(position);
        self.tell(Event::Ask(Ask::Disconnect { local, remote, id: Some(id) }));
    }

    pub(super) fn close_connections(&mut self) {
        let of_peers: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|connection| !matches!(connection.purpose, ConnectionPurpose::Relay(_)))
            .map(|connection| connection.id)
            .collect();
        for id in of_peers {
            self.disconnect(id);
        }
    }
}
