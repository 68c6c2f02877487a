//! The sockets, streams and look-ups of one connection: what [`moim_ice`] asks for, done.

use super::interfaces::{addresses, preference};
use super::mdns;
use super::stream::{MessageStream, Opening};
use moim_ice::{CandidateProtocol, ConnectionId, Framing, LocalAddress, NameId, Protocol, TcpType, Transmit};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockAddr, SockRef};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// Streams that are open, or being opened, at once.
const STREAMS_MAX: usize = 64;
/// Names that are looked up at once.
const LOOKUPS_MAX: usize = 16;
/// How long a stream that somebody else has opened may say nothing before it is closed: one that is in use has checks of consent every few
/// seconds (RFC 7675 §5.1).
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often to look whether this machine has other addresses.
const WATCH_INTERVAL: Duration = Duration::from_secs(3);
/// The port of candidates that only connect (RFC 6544 §4.5).
const DISCARD_PORT: u16 = 9;
/// Errors of a socket that are passed over before others have their turn: they are of packets sent before.
const ERRORS_MAX: usize = 8;

/// What a connection may use of this machine.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Whether to use loopback addresses, which reach nobody but this machine.
    pub has_loopback: bool,
    /// Whether to offer TCP candidates (RFC 6544).
    pub has_tcp: bool,
    /// How to check the certificates of TURN servers.
    pub tls: Arc<ClientConfig>,
}

/// Something came, or was done.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A packet, of this length in the buffer.
    Packet { local: SocketAddr, remote: SocketAddr, protocol: Protocol, len: usize },
    /// A connection that was asked for is open.
    Opened { id: ConnectionId, local: SocketAddr },
    /// It cannot be opened.
    OpenFailed { id: ConnectionId },
    /// Somebody has opened a connection.
    Accepted { local: SocketAddr, remote: SocketAddr },
    /// A connection is gone.
    Closed { local: SocketAddr, remote: SocketAddr },
    /// A name was looked up.
    Resolved { id: NameId, address: Option<IpAddr> },
    /// This machine has an address that it did not have.
    AddressAdded(LocalAddress),
    /// This machine no longer has an address.
    AddressRemoved(SocketAddr),
    /// All that has changed of this machine's addresses lately has been told.
    Changed,
}

/// What was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Datagrams that the operating system had no room for.
    pub datagrams_without_room: u64,
    /// Messages that a stream had no room for.
    pub messages_without_room: u64,
    /// Packets for a socket or stream that is not there any more, or that the operating system refused.
    pub not_sent: u64,
}

struct BoundSocket {
    local: SocketAddr,
    socket: UdpSocket,
}

struct Listener {
    local: SocketAddr,
    listener: TcpListener,
}

/// The sockets, streams and look-ups of one connection.
pub(super) struct Network {
    options: NetworkOptions,
    server_names: BTreeMap<SocketAddr, ServerName<'static>>,
    sockets: Vec<BoundSocket>,
    listeners: Vec<Listener>,
    streams: Vec<MessageStream>,
    opening: JoinSet<(ConnectionId, io::Result<MessageStream>)>,
    aborts: BTreeMap<ConnectionId, AbortHandle>,
    lookups: JoinSet<(NameId, Option<IpAddr>)>,
    watch: Interval,
    /// Whether its addresses were looked at before.
    is_known: bool,
    /// What is to be told before anything else comes.
    changes: Vec<Arrival>,
    /// Which socket had the last turn.
    turn: usize,
    is_turn_of_streams: bool,
    counters: NetworkCounters,
}

impl Network {
    /// Without any address yet: [`Arrival::AddressAdded`] tells of each.
    pub(super) fn new(options: NetworkOptions) -> Self {
        let mut watch = interval(WATCH_INTERVAL);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            options,
            server_names: BTreeMap::new(),
            sockets: Vec::new(),
            listeners: Vec::new(),
            streams: Vec::new(),
            opening: JoinSet::new(),
            aborts: BTreeMap::new(),
            lookups: JoinSet::new(),
            watch,
            is_known: false,
            changes: Vec::new(),
            turn: 0,
            is_turn_of_streams: false,
            counters: NetworkCounters::default(),
        }
    }

    /// What certificates of TURN servers have to name.
    pub(super) fn add_server_names(&mut self, names: BTreeMap<SocketAddr, ServerName<'static>>) {
        self.server_names.extend(names);
    }

    /// Whether anything waits to be written to a stream.
    pub(super) fn has_backlog(&self) -> bool {
        self.streams.iter().any(MessageStream::has_backlog)
    }

    pub(super) fn counters(&self) -> NetworkCounters {
        self.counters
    }

    /// Sends a packet, now or not at all.
    pub(super) fn send(&mut self, transmit: &Transmit, packet: &[u8]) {
        match transmit.protocol {
            Protocol::Udp => {
                let bound = self.sockets.iter().find(|bound| bound.local == transmit.local);
                // Past Tokio, which refuses what is sent by a new socket until it has heard that there is room: that would be the first
                // question to every server.
                let sent = bound.map(|bound| {
                    SockRef::from(&bound.socket).send_to(packet, &SockAddr::from(transmit.remote))
                });
                match sent {
                    Some(Ok(_)) => {}
                    Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.counters.datagrams_without_room += 1;
                    }
                    Some(Err(_)) | None => self.counters.not_sent += 1,
                }
            }
            Protocol::Tcp | Protocol::Tls => {
                let ends = (transmit.local, transmit.remote);
                let stream = self.streams.iter_mut().find(|stream| (stream.local, stream.remote) == ends);
                match stream.map(|stream| stream.send(packet)) {
                    Some(true) => {}
                    Some(false) => self.counters.messages_without_room += 1,
                    None => self.counters.not_sent += 1,
                }
            }
        }
    }

    /// Opens a connection, as the agent asks.
    pub(super) fn open(
        &mut self,
        id: ConnectionId,
        (local, bind_port): (Option<SocketAddr>, bool),
        remote: SocketAddr,
        protocol: Protocol,
        framing: Framing,
    ) {
        let tls = (protocol == Protocol::Tls).then(|| {
            let by_address = || ServerName::from(remote.ip());
            let name = self.server_names.get(&remote).cloned().unwrap_or_else(by_address);
            (Arc::clone(&self.options.tls), name)
        });
        if self.streams.len() + self.opening.len() >= STREAMS_MAX {
            self.changes.push(Arrival::OpenFailed { id });
            return;
        }
        let opening = Opening { local, bind_port, remote, framing, tls };
        let abort = self.opening.spawn(async move { (id, opening.open().await) });
        self.aborts.insert(id, abort);
    }

    /// Closes a connection, or gives up opening it.
    pub(super) fn close(&mut self, local: Option<SocketAddr>, remote: SocketAddr, id: Option<ConnectionId>) {
        if let Some(abort) = id.and_then(|id| self.aborts.remove(&id)) {
            abort.abort();
        }
        if let Some(local) = local {
            self.streams.retain(|stream| (stream.local, stream.remote) != (local, remote));
        }
    }

    /// Looks up a name.
    pub(super) fn look_up(&mut self, id: NameId, name: String) {
        if self.lookups.len() >= LOOKUPS_MAX {
            self.changes.push(Arrival::Resolved { id, address: None });
            return;
        }
        let interfaces = self.sockets.iter().map(|bound| bound.local.ip()).collect();
        self.lookups.spawn(async move { (id, mdns::resolve(name, interfaces).await) });
    }

    /// What comes next. A packet is in `buffer`.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Arrival> {
        while self.watch.poll_tick(context).is_ready() {
            self.look_at_interfaces();
            self.close_silent_streams();
        }
        if let Some(change) = self.changes.pop() {
            return Poll::Ready(change);
        }
        while let Poll::Ready(Some(opened)) = self.opening.poll_join_next(context) {
            // One that was given up says nothing.
            if let Ok((id, opened)) = opened {
                self.aborts.remove(&id);
                return Poll::Ready(self.opened(id, opened));
            }
        }
        while let Poll::Ready(Some(looked_up)) = self.lookups.poll_join_next(context) {
            if let Ok((id, address)) = looked_up {
                return Poll::Ready(Arrival::Resolved { id, address });
            }
        }
        if let Poll::Ready(arrival) = self.poll_listeners(context) {
            return Poll::Ready(arrival);
        }
        // Whoever had something last has to wait for the other.
        self.is_turn_of_streams = !self.is_turn_of_streams;
        let first = if self.is_turn_of_streams {
            self.poll_streams(context, buffer)
        } else {
            self.poll_sockets(context, buffer)
        };
        match first {
            Poll::Ready(arrival) => Poll::Ready(arrival),
            Poll::Pending if self.is_turn_of_streams => self.poll_sockets(context, buffer),
            Poll::Pending => self.poll_streams(context, buffer),
        }
    }

    fn opened(&mut self, id: ConnectionId, opened: io::Result<MessageStream>) -> Arrival {
        match opened {
            Ok(stream) => {
                let local = stream.local;
                self.streams.push(stream);
                Arrival::Opened { id, local }
            }
            Err(error) => {
                tracing::debug!(%error, "a connection was not opened");
                Arrival::OpenFailed { id }
            }
        }
    }

    fn poll_listeners(&mut self, context: &mut Context<'_>) -> Poll<Arrival> {
        for Listener { local, listener } in &self.listeners {
            while self.streams.len() < STREAMS_MAX
                && let Poll::Ready(Ok((tcp, remote))) = listener.poll_accept(context)
            {
                if let Ok(stream) = MessageStream::accepted(tcp, *local, remote) {
                    self.streams.push(stream);
                    return Poll::Ready(Arrival::Accepted { local: *local, remote });
                }
            }
        }
        Poll::Pending
    }

    fn poll_streams(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Arrival> {
        for index in 0..self.streams.len() {
            let stream = &mut self.streams[index];
            let (local, remote, protocol) = (stream.local, stream.remote, stream.protocol);
            let message = match stream.poll_flush(context) {
                Ok(()) => stream.poll_message(context, buffer),
                Err(error) => Poll::Ready(Err(error)),
            };
            match message {
                Poll::Ready(Ok(len)) => {
                    // The others have their turn first next time.
                    self.streams[index..].rotate_left(1);
                    return Poll::Ready(Arrival::Packet { local, remote, protocol, len });
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "a connection ended");
                    self.streams.remove(index);
                    return Poll::Ready(Arrival::Closed { local, remote });
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn poll_sockets(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Arrival> {
        let count = self.sockets.len();
        for offset in 1..=count {
            let index = (self.turn + offset) % count;
            let BoundSocket { local, socket } = &self.sockets[index];
            for tries in 1..=ERRORS_MAX {
                let mut packet = ReadBuf::new(buffer);
                match socket.poll_recv_from(context, &mut packet) {
                    Poll::Ready(Ok(remote)) => {
                        self.turn = index;
                        let len = packet.filled().len();
                        return Poll::Ready(Arrival::Packet {
                            local: *local,
                            remote,
                            protocol: Protocol::Udp,
                            len,
                        });
                    }
                    // Nobody wakes this for what is still there.
                    Poll::Ready(Err(_)) if tries == ERRORS_MAX => context.waker().wake_by_ref(),
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    }

    /// Binds sockets at new addresses, and lets go of those that are gone.
    fn look_at_interfaces(&mut self) {
        let now = match addresses(self.options.has_loopback) {
            Ok(addresses) => addresses,
            Err(error) => {
                tracing::debug!(%error, "this machine's addresses are not known");
                return;
            }
        };
        let changes = &mut self.changes;
        self.sockets.retain(|bound| {
            let is_there = now.contains(&bound.local.ip());
            if !is_there {
                changes.push(Arrival::AddressRemoved(bound.local));
                changes.push(Arrival::AddressRemoved(SocketAddr::new(bound.local.ip(), DISCARD_PORT)));
            }
            is_there
        });
        self.listeners.retain(|listener| {
            let is_there = now.contains(&listener.local.ip());
            if !is_there {
                changes.push(Arrival::AddressRemoved(listener.local));
            }
            is_there
        });
        self.streams.retain(|stream| {
            let is_there = now.contains(&stream.local.ip());
            if !is_there {
                changes.push(Arrival::Closed { local: stream.local, remote: stream.remote });
            }
            is_there
        });
        for address in now {
            if !self.sockets.iter().any(|bound| bound.local.ip() == address)
                && let Err(error) = self.bind(address)
            {
                tracing::debug!(%error, "an address of this machine cannot be used");
            }
        }
        // What comes first is told last. Those that there are at first are no change.
        if std::mem::replace(&mut self.is_known, true) && !self.changes.is_empty() {
            self.changes.insert(0, Arrival::Changed);
        }
    }

    /// Closes streams that others have opened, and that keep the place of those who have something to say.
    fn close_silent_streams(&mut self) {
        let now = Instant::now();
        let changes = &mut self.changes;
        self.streams.retain(|stream| {
            let is_silent = stream.is_silent(SILENCE_MAX, now);
            if is_silent {
                tracing::debug!("a stream that somebody else has opened was silent for long");
                changes.push(Arrival::Closed { local: stream.local, remote: stream.remote });
            }
            !is_silent
        });
    }

    fn bind(&mut self, address: IpAddr) -> io::Result<()> {
        let preference = preference(address);
        let mut added = Vec::new();
        let mut add = |address, protocol| {
            added.push(Arrival::AddressAdded(LocalAddress { address, protocol, preference }));
        };
        // Tokio binds only where it may wait; the operating system does not.
        let socket = std::net::UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        add(local, CandidateProtocol::Udp);
        if self.options.has_tcp {
            add(SocketAddr::new(address, DISCARD_PORT), CandidateProtocol::Tcp(TcpType::Active));
            let listener = std::net::TcpListener::bind((address, 0))?;
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            add(local, CandidateProtocol::Tcp(TcpType::Passive));
            self.listeners.push(Listener { local, listener: TcpListener::from_std(listener)? });
        }
        self.sockets.push(BoundSocket { local, socket: UdpSocket::from_std(socket)? });
        // All of it works, or none of it is told.
        self.changes.extend(added);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
