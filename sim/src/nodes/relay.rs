//! The STUN and TURN servers of moim on a host of the world, driven as the relay's threads drive them.

mod config;
mod streams;
mod watch;

use crate::node::{Datagram, Node, Output};
use crate::random::{Random, Seed};
use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_stun::{Message, Method, binding, discovery};
use moim_turn::channel_data::ChannelData;
use moim_turn::quota::Ledger;
use moim_turn::server::{
    AllocateError, AllocateRequest, Event, FromClient, OUT_LEN_MAX, PortWanted, Prefix, Received, Relayed,
    Server, ServerSecrets, ToPeer, Wanted,
};
use moim_turn::{
    AddressFamily, FiveTuple, Now, PerFamily, RealmId, RelayId, ReservationToken, Shards, Transport,
};
use moim_wire::Deadline;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use streams::ClientStreams;
use watch::Watch;

pub use config::{RelayConfig, SECRET, credential};
pub use watch::Violation;

/// The most bytes that wait for a client on a stream. What peers send beyond it is dropped, as in production; responses are not.
const RELAYED_QUEUE_LEN_MAX: usize = 128 * 1024;

/// The first of the ports that relayed addresses have (RFC 8656 §7.2).
const PORT_MIN: u16 = 49_152;
/// How many ports are tried before there is none left.
const PORT_ATTEMPTS_MAX: usize = 64;

/// A STUN and TURN server.
#[derive(Debug)]
pub struct RelayNode {
    config: RelayConfig,
    server: Server,
    ordinary: binding::Server,
    discovery: PerFamily<Option<(discovery::Server, discovery::Endpoints)>>,
    ledger: Ledger,
    ports: Random,
    /// What is bound, and for which allocation.
    bound: BTreeMap<SocketAddr, Option<RelayId>>,
    reserved: BTreeMap<ReservationToken, SocketAddr>,
    streams: ClientStreams,
    outputs: VecDeque<Output>,
    watch: Watch,
    clock: Instant,
}

impl RelayNode {
    /// A server that has just started. `generation` tells restarts of one server apart.
    pub fn new(config: RelayConfig, seed: Seed, generation: u64, now: Instant) -> Self {
        // As in production, they are those of the process: nothing that was sealed before a restart is good after it.
        let secret = |what| seed.bytes(what, generation);
        let secrets = ServerSecrets::new(secret("relay nonces"), secret("relay tickets"));
        let server_config = Arc::new(config.server(secrets));
        Self {
            server: Server::new(server_config, Shards::ONE, seed.bytes("relay server", generation), now),
            ordinary: binding::Server::new(),
            discovery: config.discovery(),
            ledger: Ledger::new(config.quota, now),
            ports: seed.random("relayed ports", generation),
            bound: BTreeMap::new(),
            reserved: BTreeMap::new(),
            streams: ClientStreams::default(),
            outputs: VecDeque::new(),
            watch: Watch::default(),
            clock: now,
            config,
        }
    }

    /// The machine inside.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many relayed addresses are bound, and how many leases are out.
    pub fn holdings(&self) -> (usize, usize) {
        (self.bound.len(), self.ledger.allocations())
    }

    /// What was relayed without a permission, by an account of its own.
    pub fn violations(&self) -> &[Violation] {
        self.watch.violations()
    }

    fn take_from_client(&mut self, five_tuple: FiveTuple, bytes: &[u8], now: Now) {
        if is_binding(bytes) {
            self.bind_request(five_tuple, bytes);
            return;
        }
        let mut out = [0; OUT_LEN_MAX];
        let received = Received { five_tuple, realm: RealmId::default(), bytes };
        match self.server.handle_client(received, now, &mut out) {
            FromClient::Respond(len) => {
                if let Some(allocation) = self.server.find(&five_tuple) {
                    self.watch.answered(allocation, bytes, &out[..len], now.at);
                }
                self.send_to_client(&five_tuple, out[..len].to_vec());
            }
            FromClient::ToPeer(to_peer) => self.send_to_peer(&to_peer, bytes, now),
            FromClient::Allocate(request) => self.allocate(*request, now, &mut out),
            // Relayed TCP (RFC 6062) is off, and there is one shard.
            FromClient::Dropped(_)
            | FromClient::Connect { .. }
            | FromClient::Spliced { .. }
            | FromClient::Elsewhere(_) => {}
        }
        self.take_events();
    }

    fn bind_request(&mut self, five_tuple: FiveTuple, bytes: &[u8]) {
        let mut out = [0; discovery::RESPONSE_LEN_MAX];
        let family = AddressFamily::of(five_tuple.server.ip());
        let discovery =
            self.discovery.of_mut(family).as_mut().filter(|_| five_tuple.transport == Transport::Udp);
        let asked = discovery
            .and_then(|(server, endpoints)| Some((endpoints.find(five_tuple.server)?, server, *endpoints)));
        match asked {
            Some((received_on, server, endpoints)) => {
                let handled = server.handle(bytes, five_tuple.client, received_on, &mut out);
                if let discovery::Handled::Respond { len, from, to } = handled {
                    let way = FiveTuple { client: to, server: endpoints.address(from), ..five_tuple };
                    self.send_to_client(&way, out[..len].to_vec());
                }
            }
            None => {
                if let binding::Handled::Respond(len) =
                    self.ordinary.handle(bytes, five_tuple.client, &mut out)
                {
                    self.send_to_client(&five_tuple, out[..len].to_vec());
                }
            }
        }
    }

    fn send_to_peer(&mut self, to_peer: &ToPeer, bytes: &[u8], now: Now) {
        self.watch.relayed(to_peer.relay.allocation, to_peer.peer.ip(), now.at);
        let data = &bytes[to_peer.range.clone()];
        if to_peer.is_own {
            // Handed over in memory, between the allocations of one process.
            self.take_from_peer(to_peer.peer, to_peer.source, data, now);
        } else {
            let (local, remote) = (to_peer.source, to_peer.peer);
            let datagram = Datagram { local, remote, bytes: data.to_vec() };
            self.outputs.push_back(Output::Datagram(datagram));
        }
    }

    fn take_from_peer(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &[u8], now: Now) {
        let Some(relay) = self.server.relay_at(relayed) else { return };
        let mut prefix = Prefix::EMPTY;
        if let Ok(to_client) = self.server.handle_peer(relay, peer, data.len(), now.at, &mut prefix) {
            self.watch.relayed(relay.allocation, peer.ip(), now.at);
            let padding = &[0; 3][..usize::from(to_client.padding)];
            let bytes = [prefix.as_slice(), data, padding].concat();
            self.pass_to_client(&to_client.five_tuple, bytes, |key, bytes| {
                StreamCommand::SendWithin(key, bytes, RELAYED_QUEUE_LEN_MAX)
            });
        }
    }

    fn send_to_client(&mut self, five_tuple: &FiveTuple, bytes: Vec<u8>) {
        self.pass_to_client(five_tuple, bytes, StreamCommand::Send);
    }

    fn pass_to_client(
        &mut self,
        five_tuple: &FiveTuple,
        bytes: Vec<u8>,
        command: impl Fn(StreamKey, Vec<u8>) -> StreamCommand,
    ) {
        let (local, remote) = (five_tuple.server, five_tuple.client);
        self.outputs.push_back(match five_tuple.transport {
            Transport::Udp | Transport::Dtls => Output::Datagram(Datagram { local, remote, bytes }),
            Transport::Tcp | Transport::Tls => Output::Stream(command(StreamKey { local, remote }, bytes)),
        });
    }

    fn allocate(&mut self, request: AllocateRequest, now: Now, out: &mut [u8]) {
        // Places of allocations are used again: what was behind them is closed before.
        self.take_events();
        let five_tuple = *request.five_tuple();
        let mut bound = PerFamily { ipv4: None, ipv6: None };
        let admitted = self.ledger.admit(request.realm(), request.user(), five_tuple.client.ip());
        let outcome = match admitted {
            Err(reached) => Err(AllocateError::Quota(reached)),
            Ok(lease) => {
                for wanted in request.wanted() {
                    *bound.of_mut(wanted.family) = self.bind(wanted);
                }
                if bound.iter().next().is_some() {
                    Ok(Relayed { addresses: bound, lease: Some(lease) })
                } else {
                    self.ledger.release(lease);
                    Err(AllocateError::NoCapacity)
                }
            }
        };
        let allocated = self.server.allocate(request, outcome, now.at, out);
        for (family, address) in bound.iter() {
            match allocated.allocation {
                Some(allocation) => {
                    self.bound.insert(*address, Some(RelayId { allocation, family }));
                }
                None => {
                    self.bound.remove(address);
                }
            }
        }
        if let Some(lease) = allocated.lease {
            self.ledger.release(lease);
        }
        if let Some(len) = allocated.response {
            self.send_to_client(&five_tuple, out[..len].to_vec());
        }
    }

    fn bind(&mut self, wanted: &Wanted) -> Option<SocketAddr> {
        if let PortWanted::Reserved(token) = wanted.port {
            return self.reserved.remove(&token);
        }
        let ip = (*self.config.relayed.of(wanted.family))?;
        let free = |bound: &BTreeMap<SocketAddr, Option<RelayId>>, port| {
            !bound.contains_key(&SocketAddr::new(ip, port))
        };
        for _ in 0..PORT_ATTEMPTS_MAX {
            let pairs = u64::from(u16::MAX - PORT_MIN) / 2;
            let even = PORT_MIN + u16::try_from(self.ports.below(pairs)).unwrap_or(0) * 2;
            let port = if wanted.port == PortWanted::Any { even + 1 } else { even };
            let next_is_free =
                !matches!(wanted.port, PortWanted::EvenWithNext(_)) || free(&self.bound, even + 1);
            if free(&self.bound, port) && next_is_free {
                let address = SocketAddr::new(ip, port);
                self.bound.insert(address, None);
                if let PortWanted::EvenWithNext(token) = wanted.port {
                    let next = SocketAddr::new(ip, even + 1);
                    self.bound.insert(next, None);
                    self.reserved.insert(token, next);
                }
                return Some(address);
            }
        }
        None
    }

    /// A stream has ended.
    fn gone(&mut self, key: StreamKey, now: Instant) {
        self.streams.close(key);
        let transport = self.config.stream_transport(key.local);
        self.server.client_gone(&FiveTuple::new(transport, key.remote, key.local), now);
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Freed(freed) => {
                    self.watch.freed(freed.id);
                    self.streams.set_allocated(stream_of(&freed.five_tuple), false, self.clock);
                    for (_, address) in freed.relayed.iter() {
                        self.bound.remove(address);
                    }
                    if let Some(lease) = freed.lease {
                        self.ledger.release(lease);
                    }
                }
                Event::RelayFreed { address, .. } => {
                    self.bound.remove(&address);
                }
                Event::ReservationExpired(token) => {
                    if let Some(address) = self.reserved.remove(&token) {
                        self.bound.remove(&address);
                    }
                }
                Event::Moved { from, to, .. } => {
                    self.streams.set_allocated(stream_of(&from), false, self.clock);
                    self.streams.set_allocated(stream_of(&to), true, self.clock);
                }
                Event::Allocated { five_tuple, .. } => {
                    self.streams.set_allocated(stream_of(&five_tuple), true, self.clock);
                }
                Event::PeerDenied { .. } | Event::ConnectOverdue(_) | Event::ConnectionClosed(_) => {}
            }
        }
    }
}

impl Node for RelayNode {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        self.clock = now.at;
        if self.config.is_listening(local) {
            self.take_from_client(FiveTuple::new(Transport::Udp, remote, local), bytes, now);
        } else if self.config.has_sockets_for_peers() {
            self.take_from_peer(local, remote, bytes, now);
        }
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.clock = now.at;
        match event {
            StreamEvent::Opened(key) => self.streams.open(key, now.at),
            StreamEvent::Received(key, bytes) => {
                let transport = self.config.stream_transport(key.local);
                let five_tuple = FiveTuple::new(transport, key.remote, key.local);
                let (frames, is_bad) = self.streams.receive(key, &bytes, now.at);
                for frame in frames {
                    self.take_from_client(five_tuple, &frame, now);
                }
                if is_bad {
                    self.outputs.push_back(Output::Stream(StreamCommand::Close(key)));
                }
            }
            StreamEvent::Closed(key, _) => self.gone(key, now.at),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.clock = now.at;
        self.server.handle_timeout(now.at);
        self.take_events();
        for key in self.streams.idle(now.at) {
            self.gone(key, now.at);
            self.outputs.push_back(Output::Stream(StreamCommand::Close(key)));
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if self.outputs.is_empty() {
            let idle =
                self.streams.idle_at().map(|at| Deadline::new(at, "a client has been silent for too long"));
            Deadline::soonest(self.server.poll_timeout(), idle)
        } else {
            Some(Deadline::new(self.clock, "something is to be sent"))
        }
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn listens(&self, local: SocketAddr) -> bool {
        self.config.is_listening(local)
    }
}

fn stream_of(five_tuple: &FiveTuple) -> StreamKey {
    StreamKey { local: five_tuple.server, remote: five_tuple.client }
}

fn is_binding(bytes: &[u8]) -> bool {
    !ChannelData::is_one(bytes)
        && Message::parse(bytes).is_ok_and(|message| message.method() == Method::BINDING)
}
