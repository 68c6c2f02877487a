//! TCP connections between relayed transport addresses and peers (RFC 6062).

use super::decision::{ConnectError, RelayedTransport, Reply};
use super::request::{Asked, Envelope, Stop};
use super::timer::Timer;
use super::{DropReason, Event, FromClient, Refusal, Request, Server};
use crate::attribute::XorPeerAddress;
use crate::auth::Authenticated;
use crate::five_tuple::canonical;
use crate::policy::Denied;
use crate::{AddressFamily, AllocationId, ConnectionId, RelayId, method};
use moim_stun::attribute::UnknownAttributes;
use moim_stun::{Class, MessageBuilder, Seal, TransactionId};
use rand_chacha::rand_core::RngCore;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a connection to a peer may take to be made, and how long one that is made waits for its ConnectionBind
/// (RFC 6062 §5.2, §5.3).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often another random number is tried when one is taken.
const NUMBER_ATTEMPTS: usize = 8;

/// The connections of all allocations.
#[derive(Debug, Default)]
pub(super) struct Connections(BTreeMap<ConnectionId, Connection>);

/// A connection with a peer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) allocation: AllocationId,
    pub(super) peer: SocketAddr,
    pub(super) progress: Progress,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) enum Progress {
    /// The driver is making it, because of this Connect.
    Connecting { user: Authenticated, transaction_id: TransactionId, fingerprint: bool, overdue: Instant },
    /// It is there, and the client is to say which of its connections carries the data.
    Waiting { overdue: Instant },
    /// The client has said so.
    Spliced,
}

impl Connections {
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.0.get(&id)
    }
}

impl Connection {
    /// When somebody has waited for too long.
    fn overdue(&self) -> Option<Instant> {
        match self.progress {
            Progress::Connecting { overdue, .. } | Progress::Waiting { overdue } => Some(overdue),
            Progress::Spliced => None,
        }
    }
}

impl Server {
    /// Connect (RFC 6062 §5.2), up to where the connection has to be made.
    pub(super) fn connect(&mut self, asked: &Asked<'_>) -> Result<FromClient, Stop> {
        let id = asked.allocation.ok_or(Refusal::AllocationMismatch)?;
        let transport = self.table.get(id).map(|allocation| allocation.transport);
        if transport != Some(RelayedTransport::Tcp) {
            return Err(Refusal::AllocationMismatch.into());
        }
        let XorPeerAddress(peer) = asked.get()?.ok_or(Refusal::BadRequest)?;
        if peer.port() == 0 {
            return Err(Refusal::BadRequest.into());
        }
        let is_own = self.check_peer(id, peer.ip(), asked.now.at)?;
        if self.has_connection(id, peer) {
            return Err(Refusal::ConnectionAlreadyExists.into());
        }
        let overdue = asked.now.at + CONNECT_TIMEOUT;
        let progress = Progress::Connecting {
            user: asked.user.clone(),
            transaction_id: asked.message.transaction_id(),
            fingerprint: asked.fingerprint,
            overdue,
        };
        let connection = Connection { allocation: id, peer, progress };
        let connection = self.add_connection(connection, overdue).ok_or(Refusal::InsufficientCapacity)?;
        let relay = RelayId { allocation: id, family: AddressFamily::of(peer.ip()) };
        Ok(FromClient::Connect { connection, relay, peer, is_own })
    }

    /// Ends a Connect: the driver has made the connection, or could not. The response is written into `out`, which has at least
    /// [`OUT_LEN_MAX`](super::OUT_LEN_MAX) bytes. [`None`]: nobody waits for it any more, and a connection that was made is to be
    /// closed.
    pub fn connected(
        &mut self,
        connection: ConnectionId,
        outcome: Result<(), ConnectError>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<Reply> {
        let known = self.connections.0.get_mut(&connection)?;
        let (id, peer) = (known.allocation, known.peer.ip());
        let five_tuple = self.table.get(id)?.five_tuple;
        if !matches!(known.progress, Progress::Connecting { .. }) {
            return None;
        }
        let overdue = now + CONNECT_TIMEOUT;
        let before = std::mem::replace(&mut known.progress, Progress::Waiting { overdue });
        let Progress::Connecting { user, transaction_id, fingerprint, overdue: was_overdue } = before else {
            return None;
        };
        self.timers.remove(&(was_overdue, Timer::Connection(connection)));
        let envelope = Envelope { method: method::CONNECT, transaction_id, user: &user, fingerprint };
        let written = match outcome {
            Ok(()) => {
                self.timers.insert((overdue, Timer::Connection(connection)));
                self.counters.count_success(Request::Connect);
                envelope.success(out, |response| response.attribute(&connection))
            }
            Err(error) => {
                self.drop_connection(connection);
                let refusal = match error {
                    ConnectError::Failed => Refusal::ConnectionTimeoutOrFailure,
                    ConnectError::Forbidden => {
                        self.tell(Event::PeerDenied { id, peer, reason: Denied::OwnAddress });
                        Refusal::Forbidden
                    }
                };
                self.counters.count_refused(Request::Connect, refusal);
                self.refuse(envelope, five_tuple, refusal, &UnknownAttributes::EMPTY, out)
            }
        };
        match written {
            Ok(len) => Some(Reply { five_tuple, len }),
            Err(error) => {
                self.counters.count_dropped(error.into());
                self.drop_connection(connection);
                None
            }
        }
    }

    /// A peer connected to a relayed transport address (RFC 6062 §5.3). Unless it is turned away, the client is told by a
    /// ConnectionAttempt, which is written into `out`.
    pub fn accept_peer(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        now: Instant,
        out: &mut [u8],
    ) -> Result<(ConnectionId, Reply), DropReason> {
        self.attempt(relay, canonical(peer), now, out)
            .inspect_err(|reason| self.counters.count_dropped(*reason))
    }

    fn attempt(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        now: Instant,
        out: &mut [u8],
    ) -> Result<(ConnectionId, Reply), DropReason> {
        let allocation = self.table.get(relay.allocation).ok_or(DropReason::NoAllocation)?;
        if allocation.transport != RelayedTransport::Tcp {
            return Err(DropReason::WrongTransport);
        }
        allocation.relay(relay.family, now).ok_or(DropReason::NoRelay)?;
        if !allocation.permissions.permits(peer.ip(), now) {
            return Err(DropReason::NoPermission);
        }
        let five_tuple = allocation.five_tuple;
        let overdue = now + CONNECT_TIMEOUT;
        let progress = Progress::Waiting { overdue };
        let connection = Connection { allocation: relay.allocation, peer, progress };
        let id = self.add_connection(connection, overdue).ok_or(DropReason::TooManyConnections)?;
        let mut transaction_id = TransactionId([0; 12]);
        self.random.fill_bytes(&mut transaction_id.0);
        let mut indication =
            MessageBuilder::new(out, Class::Indication, method::CONNECTION_ATTEMPT, transaction_id)?;
        indication.attribute(&id)?;
        indication.attribute(&XorPeerAddress(peer))?;
        Ok((id, Reply { five_tuple, len: indication.finish(Seal::default())?.len() }))
    }

    /// ConnectionBind (RFC 6062 §5.4): from a TCP connection that has no allocation, for a connection that waits.
    pub(super) fn connection_bind(&mut self, asked: &Asked<'_>, out: &mut [u8]) -> Result<FromClient, Stop> {
        let id: ConnectionId = asked.get()?.ok_or(Refusal::BadRequest)?;
        let is_fresh = self.find(&asked.five_tuple).is_none();
        if !asked.five_tuple.transport.is_stream() || !is_fresh {
            return Err(Refusal::BadRequest.into());
        }
        let connection = self.connections.0.get_mut(&id).ok_or(Refusal::BadRequest)?;
        let Progress::Waiting { overdue } = connection.progress else {
            return Err(Refusal::BadRequest.into());
        };
        let response = asked.envelope().success(out, |response| response.attribute(&id))?;
        connection.progress = Progress::Spliced;
        self.timers.remove(&(overdue, Timer::Connection(id)));
        Ok(FromClient::Spliced { connection: id, response })
    }

    /// A connection with a peer ended, or what carried its data to the client.
    pub fn connection_closed(&mut self, connection: ConnectionId) {
        self.drop_connection(connection);
    }

    /// Whether so many bytes more may go through a connection with a peer now, by the bandwidth that its allocation has. `false`: they
    /// wait, and it is asked again.
    #[must_use]
    pub fn pass_connection(&self, connection: ConnectionId, len: usize, now: Instant) -> bool {
        let id = self.connections.get(connection).map(|connection| connection.allocation);
        id.and_then(|id| self.table.get(id)).is_some_and(|allocation| allocation.has_bandwidth(len, now))
    }

    /// Counts what went through a connection with a peer, in bytes.
    pub fn count_connection(&mut self, connection: ConnectionId, to_peer: u64, to_client: u64) {
        let id = self.connections.get(connection).map(|connection| connection.allocation);
        if let Some(allocation) = id.and_then(|id| self.table.get_mut(id)) {
            allocation.usage.to_peers.bytes += to_peer;
            allocation.usage.to_client.bytes += to_client;
            self.counters.to_peers.bytes += to_peer;
            self.counters.to_clients.bytes += to_client;
        }
    }

    /// Takes a connection out of everything but the events.
    pub(super) fn drop_connection(&mut self, id: ConnectionId) {
        let allocation = self.connections.get(id).map(|connection| connection.allocation);
        if let Some(allocation) = allocation.and_then(|id| self.table.get_mut(id)) {
            allocation.connections.retain(|other| *other != id);
        }
        self.forget_connection(id);
    }

    /// Takes a connection out, of which its allocation knows no longer.
    pub(super) fn forget_connection(&mut self, id: ConnectionId) {
        let overdue = self.connections.0.remove(&id).and_then(|connection| connection.overdue());
        if let Some(overdue) = overdue {
            self.timers.remove(&(overdue, Timer::Connection(id)));
        }
    }

    fn has_connection(&self, allocation: AllocationId, peer: SocketAddr) -> bool {
        let Some(allocation) = self.table.get(allocation) else { return false };
        let is_with = |id: &ConnectionId| self.connections.get(*id).is_some_and(|other| other.peer == peer);
        allocation.connections.iter().any(is_with)
    }

    /// Takes a connection in. [`None`]: its allocation has as many as it may have.
    fn add_connection(&mut self, connection: Connection, overdue: Instant) -> Option<ConnectionId> {
        let allocation = self.table.get_mut(connection.allocation)?;
        if allocation.connections.len() >= self.config.limits.connections_max {
            return None;
        }
        let mut numbers = (0..NUMBER_ATTEMPTS).map(|_| self.shards.own_connection(self.random.next_u32()));
        let id = numbers.find(|id| !self.connections.0.contains_key(id))?;
        allocation.connections.push(id);
        self.connections.0.insert(id, connection);
        self.timers.insert((overdue, Timer::Connection(id)));
        Some(id)
    }
}
