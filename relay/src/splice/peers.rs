//! The peers' TCP connections of a shard, from the first packet to the last.

use super::{Interests, Over, Splice, Towards, sockets};
use crate::keyed::{Key, Keyed};
use crate::relayed_tcp::Sighting;
use crate::stream::{Detached, Places, ReceiveBuffer};
use moim_turn::ConnectionId;
use moim_udp::{Interest, Poller, Ready};
use moim_wire::Deadline;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Most connections with peers of one shard.
const CONNECTIONS_MAX: usize = 1 << 16;

/// Which end of a connection a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client's, once there is one.
    Client,
    /// The peer's.
    Peer,
}

/// What is connected to.
#[derive(Debug)]
pub(crate) enum Destination {
    /// A peer outside.
    Outside(SocketAddr),
    /// A relayed TCP address of this process, as long as it is one.
    Own(Sighting),
}

/// What a connection with a peer has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TcpOutcome {
    /// The peer let itself be connected to.
    Connected(ConnectionId),
    /// It did not; the connection is forgotten.
    Refused(ConnectionId),
    /// The connection is over and forgotten.
    Closed(ConnectionId),
}

/// One connection.
#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    state: State,
    /// What the poller waits for at each end.
    interests: Interests,
    /// When the deadlines have an entry for it.
    woken_at: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// No client has bound to it. The server counts the time for that, and for being connected (RFC 6062 §5.2, §5.3).
    Unbound { peer: TcpStream, progress: Progress },
    /// It is one with a client's.
    Spliced {
        splice: Box<Splice<TcpStream>>,
        #[expect(
            dead_code,
            reason = "it is held until the connection is over, and given back by being dropped"
        )]
        places: Places,
    },
}

/// How far a connection is that no client has bound to.
#[derive(Debug)]
enum Progress {
    /// It is being made; if it is with a relayed TCP address of this process, that one has to be there still once it is.
    Connecting { own: Option<Sighting> },
    /// It is there.
    Connected,
}

/// The connections of a shard with peers.
#[derive(Debug)]
pub(crate) struct TcpPeers {
    connections: Keyed<Connection>,
    keys: HashMap<ConnectionId, Key>,
    deadlines: BTreeSet<(Instant, Key)>,
    /// What the poller calls an end.
    token: fn(Key, End) -> u64,
}

impl TcpPeers {
    /// None yet. `token` names an end for the poller.
    pub(crate) fn new(token: fn(Key, End) -> u64) -> Self {
        Self { connections: Keyed::default(), keys: HashMap::new(), deadlines: BTreeSet::new(), token }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Begins to connect from a relayed transport address to a peer. An error is a refusal.
    pub(crate) fn connect(
        &mut self,
        id: ConnectionId,
        from: SocketAddr,
        to: Destination,
        poller: &Poller,
    ) -> io::Result<()> {
        let (to, own) = match to {
            Destination::Outside(to) => (to, None),
            Destination::Own(sighting) => (sighting.local(), Some(sighting)),
        };
        let peer = sockets::connect(from, to)?;
        let progress = Progress::Connecting { own };
        self.insert(id, State::Unbound { peer, progress }, Interest::Write, poller).map(drop)
    }

    /// Keeps a connection that a peer has made, until a client binds to it.
    pub(crate) fn keep(&mut self, id: ConnectionId, peer: TcpStream, poller: &Poller) -> io::Result<()> {
        sockets::prepare(&peer)?;
        let progress = Progress::Connected;
        self.insert(id, State::Unbound { peer, progress }, Interest::ErrorsOnly, poller).map(drop)
    }

    /// Joins a client's connection to a peer's. What is there already is moved when the poller says that both can be written
    /// to. [`None`]: there is no such connection any more, and the client's is closed by being dropped.
    pub(crate) fn splice(
        &mut self,
        id: ConnectionId,
        client: Detached<TcpStream>,
        places: Places,
        poller: &Poller,
    ) -> Option<()> {
        let key = *self.keys.get(&id)?;
        let connection = self.connections.remove(key)?;
        self.forget(key, &connection);
        let State::Unbound { peer, progress: Progress::Connected } = connection.state else { return None };
        let splice = Box::new(Splice::new(client, peer));
        sockets::prepare(splice.client()).ok()?;
        // The names are new, so that what the poller has found already is not about the spliced connection.
        let interests = Interests { client: Some(Interest::ReadWrite), peer: Some(Interest::ReadWrite) };
        let connection =
            Connection { id, state: State::Spliced { splice, places }, interests, woken_at: None };
        let key = self.connections.insert(connection);
        let token = self.token;
        let State::Spliced { splice, .. } = &self.connections.get(key)?.state else { return None };
        let watched = poller
            .modify(splice.client(), token(key, End::Client), Interest::ReadWrite)
            .and_then(|()| poller.modify(splice.peer(), token(key, End::Peer), Interest::ReadWrite));
        if watched.is_err() {
            self.connections.remove(key);
            return None;
        }
        self.keys.insert(id, key);
        Some(())
    }

    /// Handles what the poller says about an end, `ready` being [`None`] when it is a deadline that has come. `meter` grants
    /// bandwidth.
    pub(crate) fn handle_ready(
        &mut self,
        key: Key,
        ready: Option<Ready>,
        (buffer, poller): (&mut ReceiveBuffer, &Poller),
        now: Instant,
        mut meter: impl FnMut(ConnectionId, Towards, usize) -> bool,
    ) -> Option<TcpOutcome> {
        let connection = self.connections.get_mut(key)?;
        let id = connection.id;
        match &mut connection.state {
            State::Unbound { peer, progress: Progress::Connecting { own } } => {
                // Asked after the connection is there, and before anybody is told of it: what it is with had the port all the
                // while, or is not to be spoken to.
                let is_connected = ready.is_some()
                    && peer.take_error().is_ok_and(|error| error.is_none())
                    && peer.peer_addr().is_ok()
                    && own.as_ref().is_none_or(Sighting::holds)
                    && sockets::prepare(peer).is_ok();
                if is_connected && self.await_client(key, poller).is_some() {
                    return Some(TcpOutcome::Connected(id));
                }
                self.close(id);
                Some(TcpOutcome::Refused(id))
            }
            State::Unbound { .. } if ready.is_some_and(|ready| ready.failed) => {
                self.close(id);
                Some(TcpOutcome::Closed(id))
            }
            State::Unbound { .. } => None,
            State::Spliced { splice, .. } => {
                match splice.pump(buffer, now, |towards, len| meter(id, towards, len)) {
                    Ok(interests) if !ready.is_some_and(|ready| ready.failed) => {
                        let wake = splice.poll_timeout(now);
                        self.watch(key, interests, poller);
                        self.set_deadline(key, wake);
                        None
                    }
                    Ok(_) | Err(Over) => {
                        self.close(id);
                        Some(TcpOutcome::Closed(id))
                    }
                }
            }
        }
    }

    /// Closes a connection and forgets it.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        if let Some(key) = self.keys.get(&id).copied()
            && let Some(connection) = self.connections.remove(key)
        {
            self.forget(key, &connection);
        }
    }

    /// When to come back with [`Self::expired`].
    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.deadlines.first().map(|(at, _)| Deadline { at: *at, reason: "a relayed TCP connection" })
    }

    /// A connection whose deadline has come, to be handled with [`Self::handle_ready`].
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Key> {
        let &(at, key) = self.deadlines.first()?;
        if at > now {
            return None;
        }
        self.set_deadline(key, None);
        Some(key)
    }

    fn insert(
        &mut self,
        id: ConnectionId,
        state: State,
        interest: Interest,
        poller: &Poller,
    ) -> io::Result<Key> {
        if self.connections.len() >= CONNECTIONS_MAX || self.keys.contains_key(&id) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let interests = Interests { client: None, peer: Some(interest) };
        let key = self.connections.insert(Connection { id, state, interests, woken_at: None });
        let connection = self.connections.get(key).expect("it was inserted a moment ago");
        if let Err(error) = poller.add(connection.peer(), (self.token)(key, End::Peer), interest) {
            self.connections.remove(key);
            return Err(error);
        }
        self.keys.insert(id, key);
        Ok(key)
    }

    /// The peer is connected: a client is to bind to it now.
    fn await_client(&mut self, key: Key, poller: &Poller) -> Option<()> {
        let connection = self.connections.get_mut(key)?;
        let State::Unbound { peer, progress } = &mut connection.state else { return None };
        *progress = Progress::Connected;
        poller.modify(peer, (self.token)(key, End::Peer), Interest::ErrorsOnly).ok()
    }

    /// Has the poller wait for what is to be waited for now.
    fn watch(&mut self, key: Key, wanted: Interests, poller: &Poller) {
        let token = self.token;
        let Some(connection) = self.connections.get_mut(key) else { return };
        let State::Spliced { splice, .. } = &connection.state else { return };
        let current = connection.interests;
        change(poller, splice.client(), token(key, End::Client), current.client, wanted.client);
        change(poller, splice.peer(), token(key, End::Peer), current.peer, wanted.peer);
        connection.interests = wanted;
    }

    fn set_deadline(&mut self, key: Key, at: Option<Instant>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.woken_at == at {
            return;
        }
        if let Some(before) = connection.woken_at {
            self.deadlines.remove(&(before, key));
        }
        connection.woken_at = at;
        if let Some(at) = at {
            self.deadlines.insert((at, key));
        }
    }

    fn forget(&mut self, key: Key, connection: &Connection) {
        self.keys.remove(&connection.id);
        if let Some(at) = connection.woken_at {
            self.deadlines.remove(&(at, key));
        }
    }
}

impl Connection {
    fn peer(&self) -> &TcpStream {
        match &self.state {
            State::Unbound { peer, .. } => peer,
            State::Spliced { splice, .. } => splice.peer(),
        }
    }
}

fn change(poller: &Poller, socket: &TcpStream, token: u64, from: Option<Interest>, to: Option<Interest>) {
    // A socket that cannot be watched any more is broken, as the next attempt to use it will show.
    let _ = match (from, to) {
        (from, to) if from == to => Ok(()),
        (None, Some(to)) => poller.add(socket, token, to),
        (Some(_), Some(to)) => poller.modify(socket, token, to),
        (_, None) => poller.remove(socket),
    };
}

#[cfg(test)]
mod tests;
