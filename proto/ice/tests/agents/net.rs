//! Hosts with agents, what they tell each other, and the network between them.

use super::nat::{Behaviour, Nat};
use super::server::{Outcome, RelayServer};
use moim_ice::{
    Agent, Ask, Candidate, CandidateProtocol, Config, ConnectionState, Credential, Event, Framing, Handled,
    IceCredentials, IceRole, IceServer, LocalAddress, NameId, PathId, Prefix, Protocol, Received, TcpType,
    TransportPolicy, TurnTransport,
};
use moim_turn::testing::{RELAY_IPV4, RELAY_IPV6, USERS};
use moim_turn::{FiveTuple, Transport};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// More steps than any of the tests takes: a clock that stands still would take them all.
const STEPS_MAX: usize = 200_000;
/// Deadlines that pass without the clock going on: more than these are a busy loop.
const TURNS_MAX: usize = 50;

/// What the network does to datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) lost_percent: u32,
    pub(crate) doubled_percent: u32,
    pub(crate) delay_ms: u32,
    /// Up to so much more, which reorders.
    pub(crate) jitter_ms: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { lost_percent: 0, doubled_percent: 0, delay_ms: 20, jitter_ms: 0 }
    }
}

#[derive(Clone, Debug)]
enum Packet {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// On a stream, to that end of it.
    Segment {
        end: usize,
        bytes: Vec<u8>,
    },
    ToServer {
        five_tuple: FiveTuple,
        bytes: Vec<u8>,
    },
    Signal {
        to: usize,
        signal: Signal,
    },
    /// A connection is open, or is not.
    Connected {
        host: usize,
        id: moim_ice::ConnectionId,
        local: Option<SocketAddr>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Signal {
    Credentials(IceCredentials, bool),
    Candidate(Candidate),
    End,
}

/// One end of a connection.
#[derive(Debug)]
struct StreamEnd {
    host: usize,
    local: SocketAddr,
    remote: SocketAddr,
    protocol: Protocol,
    other: Other,
    is_open: bool,
}

#[derive(Clone, Copy, Debug)]
enum Other {
    End(usize),
    Server(FiveTuple),
}

/// A machine with an agent.
pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) nat: Option<usize>,
    /// Its own UDP addresses.
    pub(crate) sockets: Vec<SocketAddr>,
    listeners: Vec<SocketAddr>,
    pub(crate) events: Vec<Event>,
    pub(crate) data: Vec<(PathId, Vec<u8>)>,
    pub(crate) dropped: usize,
    pub(crate) names: BTreeMap<String, IpAddr>,
    /// Whether what it has to say reaches the other.
    pub(crate) is_heard: bool,
    pub(crate) is_lite: bool,
}

pub(crate) struct Net {
    pub(crate) hosts: Vec<Host>,
    pub(crate) nats: Vec<Nat>,
    pub(crate) server: RelayServer,
    pub(crate) link: Link,
    pub(crate) now: Instant,
    /// What is lost on purpose.
    pub(crate) is_cut: Box<dyn Fn(SocketAddr, SocketAddr) -> bool>,
    random: ChaCha8Rng,
    on_the_way: BTreeMap<(Instant, u64), Packet>,
    streams: Vec<StreamEnd>,
    public: Vec<SocketAddr>,
    count: u64,
    next_port: u16,
}

impl Net {
    pub(crate) fn new(link: Link, seed: u64) -> Self {
        let server = RelayServer::new();
        Self {
            now: server.world.now.at,
            hosts: Vec::new(),
            nats: Vec::new(),
            server,
            link,
            is_cut: Box::new(|_, _| false),
            random: ChaCha8Rng::seed_from_u64(seed),
            on_the_way: BTreeMap::new(),
            streams: Vec::new(),
            public: Vec::new(),
            count: 0,
            next_port: 40_000,
        }
    }

    pub(crate) fn calm() -> Self {
        Self::new(Link::default(), 1)
    }

    pub(crate) fn nat(&mut self, behaviour: Behaviour) -> usize {
        let number = u8::try_from(self.nats.len() + 1).unwrap();
        self.nats.push(Nat::new(behaviour, IpAddr::from([203, 0, 113, number])));
        self.nats.len() - 1
    }

    /// A host without addresses yet. The first one controls.
    pub(crate) fn host(&mut self, nat: Option<usize>, config: Config) -> usize {
        let role = if self.hosts.is_empty() { IceRole::Controlling } else { IceRole::Controlled };
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let is_lite = config.lite;
        self.hosts.push(Host {
            agent: Agent::new(Config { role, ..config }, seed, self.now),
            nat,
            sockets: Vec::new(),
            listeners: Vec::new(),
            events: Vec::new(),
            data: Vec::new(),
            dropped: 0,
            names: BTreeMap::new(),
            is_heard: true,
            is_lite,
        });
        self.hosts.len() - 1
    }

    /// A host with one address: a private one behind a NAT, else a public one.
    pub(crate) fn usual_host(&mut self, nat: Option<usize>, config: Config) -> usize {
        let host = self.host(nat, config);
        let number = u8::try_from(host + 1).unwrap();
        let ip = match nat {
            Some(nat) => IpAddr::from([10, u8::try_from(nat).unwrap(), 0, number]),
            None => IpAddr::from([192, 0, 2, number]),
        };
        self.bind(host, SocketAddr::new(ip, 5_000));
        host
    }

    pub(crate) fn bind(&mut self, host: usize, address: SocketAddr) {
        self.hosts[host].sockets.push(address);
        self.hosts[host].agent.add_local_address(LocalAddress::udp(address), self.now).unwrap();
    }

    /// An address that no NAT is before, whatever the host's others are.
    pub(crate) fn bind_public(&mut self, host: usize, address: SocketAddr) {
        self.public.push(address);
        self.bind(host, address);
    }

    pub(crate) fn unbind(&mut self, host: usize, address: SocketAddr) {
        self.hosts[host].sockets.retain(|it| *it != address);
        self.hosts[host].agent.remove_local_address(address, self.now);
    }

    pub(crate) fn add_tcp(&mut self, host: usize, address: SocketAddr, tcp_type: TcpType) {
        if tcp_type != TcpType::Active {
            self.hosts[host].listeners.push(address);
        }
        let protocol = CandidateProtocol::Tcp(tcp_type);
        let local = LocalAddress { address, protocol, preference: u16::MAX };
        self.hosts[host].agent.add_local_address(local, self.now).unwrap();
    }

    pub(crate) fn use_stun(&mut self, host: usize) {
        let server = IceServer::Stun { address: RelayServer::address() };
        self.hosts[host].agent.add_server(server, self.now).unwrap();
    }

    pub(crate) fn use_turn(&mut self, host: usize, transport: TurnTransport) {
        let server = IceServer::Turn {
            address: RelayServer::address(),
            transport,
            credential: Credential::long_term(USERS[0].0, USERS[0].1),
        };
        self.hosts[host].agent.add_server(server, self.now).unwrap();
    }

    /// Has both tell each other their credentials, and gather.
    pub(crate) fn start(&mut self) {
        for host in 0..self.hosts.len() {
            self.tell_credentials(host);
            self.hosts[host].agent.gather(self.now);
        }
    }

    /// The same, but one begins later than the other.
    pub(crate) fn start_late(&mut self, late_ms: [u64; 2]) {
        let first = usize::from(late_ms[1] < late_ms[0]);
        for host in [first, 1 - first] {
            self.run(Duration::from_millis(late_ms[host] / 2));
            self.tell_credentials(host);
            self.hosts[host].agent.gather(self.now);
        }
    }

    pub(crate) fn tell_credentials(&mut self, host: usize) {
        let credentials = self.hosts[host].agent.local_credentials().clone();
        let is_lite = self.hosts[host].is_lite;
        self.signal(host, Signal::Credentials(credentials, is_lite));
    }

    pub(crate) fn restart(&mut self, host: usize) {
        self.hosts[host].agent.restart(self.now);
        self.tell_credentials(host);
    }

    fn signal(&mut self, from: usize, signal: Signal) {
        if self.hosts[from].is_heard && self.hosts.len() > 1 {
            self.put(Duration::from_millis(60), Packet::Signal { to: 1 - from, signal });
        }
    }

    /// Sends application data by the selected path.
    pub(crate) fn send(&mut self, host: usize, data: &[u8]) -> bool {
        let now = self.now;
        let agent = &mut self.hosts[host].agent;
        let Some(path) = agent.selected() else { return false };
        let Some(route) = agent.route(path).copied() else { return false };
        let mut packet = vec![0xee; route.prefix.len() + data.len() + Prefix::PADDING_MAX];
        packet[route.prefix.len()..][..data.len()].copy_from_slice(data);
        let len = route.prefix.wrap(&mut packet, data.len()).unwrap();
        agent.data_sent(path, data.len(), now);
        self.carry(host, route.local, route.remote, route.protocol, &packet[..len]);
        true
    }

    /// Runs for a while.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..STEPS_MAX {
            if !self.step(Some(end)) {
                self.set_clock(end);
                return;
            }
        }
        panic!("the clock stands still");
    }

    /// Runs until something is so, for ten minutes at most.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(600);
        for _ in 0..STEPS_MAX {
            self.drain();
            if is_so(self) {
                return;
            }
            assert!(self.step(Some(end)), "it never comes to that: {}", self.report());
        }
        panic!("the clock stands still: {}", self.report());
    }

    pub(crate) fn until_states(&mut self, state: ConnectionState) {
        self.until(|net| net.hosts.iter().all(|host| host.agent.connection_state() == state));
    }

    /// What a person would want to know when a test fails.
    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            let _ = write!(text, "\n{:?} {:?}", host.agent.connection_state(), host.agent.role());
            for pair in host.agent.pairs() {
                let (local, remote) = (pair.local.address.clone(), pair.remote.address.clone());
                let _ = write!(text, "\n  {local:?} > {remote:?} {:?} {}", pair.state, pair.is_selected);
            }
        }
        text
    }

    fn step(&mut self, end: Option<Instant>) -> bool {
        self.drain();
        let agents = self.hosts.iter().filter_map(|host| host.agent.poll_timeout()).map(|it| it.at);
        let server = self.server.world.server.poll_timeout().map(|it| it.at);
        let packets = self.on_the_way.keys().next().map(|(at, _)| *at);
        let Some(next) = agents.chain(server).chain(packets).min() else { return false };
        if end.is_some_and(|end| next > end) {
            return false;
        }
        self.set_clock(next);
        for index in 0..self.hosts.len() {
            self.let_time_pass(index);
        }
        while let Some(packet) = self.arrived() {
            self.deliver(packet);
            self.drain();
        }
        true
    }

    /// Calls the agent as often as it wants at this moment, which must not be without end.
    fn let_time_pass(&mut self, host: usize) {
        for _ in 0..TURNS_MAX {
            let due = self.hosts[host].agent.poll_timeout();
            let Some(deadline) = due.filter(|deadline| deadline.at <= self.now) else { return };
            self.hosts[host].agent.handle_timeout(self.now);
            self.drain();
            let after = self.hosts[host].agent.poll_timeout();
            assert_ne!(after, Some(deadline), "no progress: {}", deadline.reason);
        }
        panic!("the agent never rests: {:?}", self.hosts[host].agent.poll_timeout());
    }

    fn set_clock(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.now);
        self.now += passed;
        self.server.pass(passed);
    }

    /// Takes what agents want sent, and what they tell.
    pub(crate) fn drain(&mut self) {
        for host in 0..self.hosts.len() {
            let mut out = [0; moim_ice::TRANSMIT_LEN_MAX];
            while let Some(transmit) = self.hosts[host].agent.poll_transmit(&mut out) {
                let bytes = &out[..transmit.len];
                self.carry(host, transmit.local, transmit.remote, transmit.protocol, bytes);
            }
            while let Some(event) = self.hosts[host].agent.poll_event() {
                self.act(host, &event);
                self.hosts[host].events.push(event);
            }
        }
    }

    fn act(&mut self, host: usize, event: &Event) {
        match event {
            Event::LocalCandidate(candidate) => self.signal(host, Signal::Candidate(candidate.clone())),
            Event::GatheringState(moim_ice::GatheringState::Complete) => self.signal(host, Signal::End),
            Event::Ask(Ask::ResolveName { id, name }) => self.resolve(host, *id, name),
            Event::Ask(Ask::Connect { id, local, remote, protocol, framing, .. }) => {
                let expected =
                    if *remote == RelayServer::address() { Framing::Turn } else { Framing::Rfc4571 };
                assert_eq!(*framing, expected);
                self.connect(host, *id, *local, *remote, *protocol);
            }
            Event::Ask(Ask::Disconnect { local: Some(local), remote, .. }) => {
                self.disconnect(host, *local, *remote);
            }
            Event::GatheringState(_)
            | Event::LocalCandidateError { .. }
            | Event::ConnectionState(_)
            | Event::Selected { .. }
            | Event::RoleChanged(_)
            | Event::Ask(Ask::Disconnect { .. })
            | _ => {}
        }
    }

    fn resolve(&mut self, host: usize, id: NameId, name: &str) {
        let ip = self.hosts[host].names.get(name).copied();
        self.hosts[host].agent.resolved(id, ip, self.now);
    }

    fn connect(
        &mut self,
        host: usize,
        id: moim_ice::ConnectionId,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        protocol: Protocol,
    ) {
        let ip = local.or(self.hosts[host].sockets.first().copied()).map(|address| address.ip());
        self.next_port += 1;
        let local = SocketAddr::new(ip.unwrap(), self.next_port);
        let seen = match self.hosts[host].nat {
            Some(nat) => self.nats[nat].outbound(local, remote),
            None => local,
        };
        let end = self.streams.len();
        let other = if remote == RelayServer::address() {
            let transport = if protocol == Protocol::Tls { Transport::Tls } else { Transport::Tcp };
            Some(Other::Server(FiveTuple::new(transport, seen, remote)))
        } else {
            let listens = |it: &Host| it.nat.is_none() && it.listeners.contains(&remote);
            self.hosts.iter().position(listens).map(|_| Other::End(end + 1))
        };
        let delay = Duration::from_millis(2 * u64::from(self.link.delay_ms));
        let Some(other) = other.filter(|_| !(self.is_cut)(local, remote)) else {
            self.put(delay, Packet::Connected { host, id, local: None });
            return;
        };
        self.streams.push(StreamEnd { host, local, remote, protocol, other, is_open: true });
        if matches!(other, Other::End(_)) {
            let to = self.hosts.iter().position(|it| it.listeners.contains(&remote)).unwrap();
            let other = Other::End(end);
            let is_open = self.hosts[to].agent.connection_accepted(remote, seen, self.now).is_ok();
            self.streams.push(StreamEnd { host: to, local: remote, remote: seen, protocol, other, is_open });
        }
        self.put(delay, Packet::Connected { host, id, local: Some(local) });
    }

    /// Closes a connection; the other end hears of it at once.
    pub(crate) fn disconnect(&mut self, host: usize, local: SocketAddr, remote: SocketAddr) {
        let is_it = |end: &StreamEnd| end.host == host && end.local == local && end.remote == remote;
        let Some(end) = self.streams.iter().position(is_it) else { return };
        self.streams[end].is_open = false;
        if let Other::End(other) = self.streams[end].other
            && std::mem::take(&mut self.streams[other].is_open)
        {
            let StreamEnd { host, local, remote, .. } = self.streams[other];
            self.hosts[host].agent.connection_closed(local, remote, self.now);
        }
    }

    fn arrived(&mut self) -> Option<Packet> {
        let entry = self.on_the_way.first_entry()?;
        (entry.key().0 <= self.now).then(|| entry.remove())
    }

    /// A packet leaves a host.
    fn carry(&mut self, host: usize, from: SocketAddr, to: SocketAddr, protocol: Protocol, bytes: &[u8]) {
        if protocol != Protocol::Udp {
            let is_it = |end: &StreamEnd| end.host == host && end.local == from && end.remote == to;
            let Some(end) = self.streams.iter().find(|end| is_it(end) && end.is_open) else { return };
            let bytes = bytes.to_vec();
            let packet = match end.other {
                Other::End(end) => Packet::Segment { end, bytes },
                Other::Server(five_tuple) => Packet::ToServer { five_tuple, bytes },
            };
            // Streams neither lose nor reorder.
            self.put(Duration::from_millis(u64::from(self.link.delay_ms)), packet);
            return;
        }
        assert!(self.hosts[host].sockets.contains(&from), "{from} is not bound");
        if (self.is_cut)(from, to) {
            return;
        }
        let nat = self.hosts[host].nat;
        let is_neighbour = |it: &Host| it.nat == nat && it.sockets.contains(&to);
        let is_local = self.hosts.iter().any(is_neighbour);
        let from = match nat {
            Some(nat) if !is_local && !self.public.contains(&from) => {
                if self.nats[nat].behaviour == Behaviour::UdpBlocked {
                    return;
                }
                self.nats[nat].outbound(from, to)
            }
            Some(_) | None => from,
        };
        self.datagram(from, to, bytes);
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.chance(self.link.lost_percent) {
            return;
        }
        let copies = if self.chance(self.link.doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = self.random.next_u32() % (self.link.jitter_ms + 1);
            let delay = Duration::from_millis(u64::from(self.link.delay_ms + jitter));
            self.put(delay, Packet::Datagram { from, to, bytes: bytes.to_vec() });
        }
    }

    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Datagram { from, to, bytes } => self.deliver_datagram(from, to, &bytes),
            Packet::Segment { end, bytes } => {
                let StreamEnd { host, local, remote, protocol, is_open, .. } = self.streams[end];
                if is_open {
                    self.give(host, local, remote, protocol, &bytes);
                }
            }
            Packet::ToServer { five_tuple, bytes } => {
                let outcome = self.server.client_sends(five_tuple, &bytes);
                self.collect(outcome);
            }
            Packet::Signal { to, signal } => self.hear(to, signal),
            Packet::Connected { host, id, local } => match local {
                Some(local) => self.hosts[host].agent.connection_opened(id, local, self.now),
                None => self.hosts[host].agent.connection_failed(id, self.now),
            },
        }
    }

    fn deliver_datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if to == RelayServer::address() {
            let five_tuple = FiveTuple::new(Transport::Udp, from, to);
            let outcome = self.server.client_sends(five_tuple, bytes);
            return self.collect(outcome);
        }
        if [IpAddr::from(RELAY_IPV4), IpAddr::from(RELAY_IPV6)].contains(&to.ip()) {
            let outcome = self.server.peer_sends(from, to, bytes);
            return self.collect(outcome);
        }
        let to = match self.nats.iter().find(|nat| nat.public == to.ip()) {
            Some(nat) => match nat.inbound(from, to) {
                Some(to) => to,
                None => return,
            },
            // A private address is reached from within its network only.
            None if is_private(to) && !is_private(from) => return,
            None => to,
        };
        if let Some(host) = self.hosts.iter().position(|host| host.sockets.contains(&to)) {
            self.give(host, to, from, Protocol::Udp, bytes);
        }
    }

    fn give(&mut self, host: usize, local: SocketAddr, remote: SocketAddr, protocol: Protocol, bytes: &[u8]) {
        let now = self.now;
        let host = &mut self.hosts[host];
        match host.agent.handle_input(Received { local, remote, protocol, bytes }, now) {
            Handled::Data { path, range } => {
                host.agent.data_received(path, range.len(), now);
                host.data.push((path, bytes[range].to_vec()));
            }
            Handled::Taken => {}
            Handled::NotForMe | Handled::Dropped(_) => host.dropped += 1,
        }
    }

    fn collect(&mut self, outcome: Outcome) {
        for sent in outcome.to_clients {
            let FiveTuple { transport, client, server } = sent.five_tuple;
            if transport == Transport::Udp {
                self.datagram(server, client, &sent.bytes);
                continue;
            }
            let is_it = |end: &StreamEnd| matches!(end.other, Other::Server(it) if it == sent.five_tuple);
            if let Some(end) = self.streams.iter().position(is_it) {
                let delay = Duration::from_millis(u64::from(self.link.delay_ms));
                self.put(delay, Packet::Segment { end, bytes: sent.bytes });
            }
        }
        for (from, to, bytes) in outcome.to_peers {
            self.datagram(from, to, &bytes);
        }
    }

    fn hear(&mut self, host: usize, signal: Signal) {
        let now = self.now;
        let agent = &mut self.hosts[host].agent;
        match signal {
            Signal::Credentials(credentials, is_lite) => {
                agent.set_remote(credentials, is_lite, now);
            }
            Signal::Candidate(candidate) => {
                // One of credentials that have gone is refused, and nobody minds.
                let _ = agent.add_remote_candidate(candidate, now);
            }
            Signal::End => agent.end_of_remote_candidates(now),
        }
    }

    fn put(&mut self, delay: Duration, packet: Packet) {
        self.count += 1;
        self.on_the_way.insert((self.now + delay, self.count), packet);
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.next_u32() % 100 < percent
    }
}

impl Host {
    /// The addresses of the selected pair, as the peer sees them.
    pub(crate) fn selected(&self) -> Option<(SocketAddr, SocketAddr)> {
        let pair = self.agent.pairs().find(|pair| pair.is_selected)?;
        Some((pair.local.socket()?, pair.remote.socket()?))
    }

    pub(crate) fn had(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(is_it)
    }
}

fn is_private(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.is_private())
}

/// What agents do that let relayed candidates only be seen.
pub(crate) fn relay_only() -> Config {
    Config { policy: TransportPolicy::Relay, ..Config::default() }
}
