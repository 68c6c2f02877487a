//! Clients and a server, and between them a network that loses, doubles and reorders.

use super::driver::{Driver, RELAY_IPV4, RELAY_IPV6};
use moim_stun::Message;
use moim_turn::auth::{AccessTokenKey, Algorithms, Realm};
use moim_turn::client::{Client, Config as ClientConfig, Credential, Event, Handled};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::quota::{self, Ledger};
use moim_turn::server::{Config, Server, ServerSecrets};
use moim_turn::{FiveTuple, Now, Shards, Transport};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(crate) const REALM: &str = "example.org";
pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const KID: &str = "oldempire";
pub(crate) const SERVER_NAME: &str = "turn.example.org";
/// More steps than any of the tests takes: a clock that stands still would take them all.
const STEPS_MAX: usize = 20_000;

/// What the network does to datagrams. Streams are spared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Of a hundred datagrams, so many are lost.
    pub(crate) lost_percent: u32,
    /// And so many arrive twice.
    pub(crate) doubled_percent: u32,
    /// They take up to so long.
    pub(crate) delay_ms_max: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    ToServer(FiveTuple, Vec<u8>),
    ToClient(FiveTuple, Vec<u8>),
}

/// A client, and what it has got.
pub(crate) struct Host {
    pub(crate) client: Client,
    pub(crate) five_tuple: FiveTuple,
    pub(crate) events: Vec<Event>,
    pub(crate) data: Vec<(SocketAddr, Vec<u8>)>,
    pub(crate) ignored: usize,
    /// When what was sent.
    pub(crate) sent: Vec<(Instant, Vec<u8>)>,
}

pub(crate) struct Net {
    pub(crate) driver: Driver,
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Now,
    pub(crate) start: Instant,
    pub(crate) weather: Weather,
    random: ChaCha8Rng,
    on_the_way: BTreeMap<(Instant, u64), Packet>,
    packets: u64,
}

impl Net {
    pub(crate) fn new(config: Config, weather: Weather, seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
        let start = Instant::now();
        let now = Now { at: start, wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let server = Server::new(Arc::new(config), Shards::ONE, [5; 32], start);
        Self {
            driver: Driver::new(server, Ledger::new(quota::Limits::default(), start)),
            hosts: Vec::new(),
            now,
            start,
            weather,
            random: ChaCha8Rng::seed_from_u64(seed),
            on_the_way: BTreeMap::new(),
            packets: 0,
        }
    }

    /// In fine weather.
    pub(crate) fn calm() -> Self {
        Self::new(config(), Weather::default(), 0)
    }

    /// Adds a client, which has not asked for anything yet.
    pub(crate) fn host(&mut self, config: ClientConfig) -> usize {
        let index = self.hosts.len();
        let port = 4000 + u16::try_from(index).unwrap();
        let client = SocketAddr::new("203.0.113.7".parse().unwrap(), port);
        let five_tuple = FiveTuple::new(config.transport, client, "198.51.100.1:3478".parse().unwrap());
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let client = Client::new(config, seed, self.now.at);
        self.add(client, five_tuple)
    }

    pub(crate) fn add(&mut self, client: Client, five_tuple: FiveTuple) -> usize {
        let (events, data, sent) = (Vec::new(), Vec::new(), Vec::new());
        self.hosts.push(Host { client, five_tuple, events, data, ignored: 0, sent });
        self.hosts.len() - 1
    }

    /// A client with an allocation.
    pub(crate) fn allocated(&mut self, config: ClientConfig) -> usize {
        let host = self.host(config);
        self.hosts[host].client.allocate(self.now.at).unwrap();
        self.until(host, |event| matches!(event, Event::Allocated(_)));
        host
    }

    /// Runs until a client has got such an event.
    pub(crate) fn until(&mut self, host: usize, is_it: impl Fn(&Event) -> bool) {
        for _ in 0..STEPS_MAX {
            self.drain();
            if self.hosts[host].events.iter().any(&is_it) {
                return;
            }
            assert!(self.step(None), "nothing more happens; so far: {:?}", self.hosts[host].events);
        }
        panic!("it takes forever; so far: {:?}", self.hosts[host].events);
    }

    /// Runs for a while.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now.at + duration;
        for _ in 0..STEPS_MAX {
            if !self.step(Some(end)) {
                self.set_clock(end);
                return;
            }
        }
        panic!("the clock stands still");
    }

    /// Has a client send data to a peer.
    pub(crate) fn send(&mut self, host: usize, peer: SocketAddr, data: &[u8]) {
        let mut out = [0; 2048];
        let client = &mut self.hosts[host].client;
        let len = client.send(peer, data, self.now.at, &mut out).unwrap();
        self.carry(self.hosts[host].five_tuple, out[..len].to_vec());
    }

    /// A datagram of a peer's.
    pub(crate) fn peer_sends(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &[u8]) {
        self.driver.peer_sends(relayed, peer, data, self.now);
        self.collect();
    }

    /// Does the next thing there is to do, at its time. `false`: there is none, or none before the end.
    fn step(&mut self, end: Option<Instant>) -> bool {
        self.drain();
        let clients = self.hosts.iter().filter_map(|host| host.client.poll_timeout()).map(|it| it.at);
        let server = self.driver.server.poll_timeout().map(|it| it.at);
        let packets = self.on_the_way.keys().next().map(|(at, _)| *at);
        let Some(next) = clients.chain(server).chain(packets).min() else { return false };
        if end.is_some_and(|end| next > end) {
            return false;
        }
        self.set_clock(next.max(self.now.at));
        self.driver.turn(self.now);
        for index in 0..self.hosts.len() {
            self.hosts[index].client.handle_timeout(self.now.at);
        }
        while let Some(packet) = self.arrived() {
            self.deliver(packet);
        }
        true
    }

    fn arrived(&mut self) -> Option<Packet> {
        let entry = self.on_the_way.first_entry()?;
        (entry.key().0 <= self.now.at).then(|| entry.remove())
    }

    fn set_clock(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.now.at);
        self.now = Now { at: self.now.at + passed, wall: self.now.wall + passed };
    }

    /// Takes what clients want sent, and what they tell.
    fn drain(&mut self) {
        for index in 0..self.hosts.len() {
            while let Some(bytes) = self.hosts[index].client.poll_transmit() {
                self.hosts[index].sent.push((self.now.at, bytes.clone()));
                self.carry(self.hosts[index].five_tuple, bytes);
            }
            let host = &mut self.hosts[index];
            while let Some(event) = host.client.poll_event() {
                host.events.push(event);
            }
        }
    }

    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::ToServer(five_tuple, bytes) => {
                self.driver.client_sends(five_tuple, &bytes, self.now);
                self.collect();
            }
            Packet::ToClient(five_tuple, bytes) => {
                let now = self.now.at;
                // Whoever has moved gets nothing at the old address.
                let Some(host) = self.hosts.iter_mut().find(|host| host.five_tuple == five_tuple) else {
                    return;
                };
                match host.client.handle_input(&bytes, now) {
                    Handled::Data { peer, range } => host.data.push((peer, bytes[range].to_vec())),
                    Handled::Taken => {}
                    Handled::Ignored(_) => host.ignored += 1,
                }
            }
        }
    }

    /// Sends what the server wants sent. Peers outside answer with what they got.
    fn collect(&mut self) {
        for _ in 0..STEPS_MAX {
            for (five_tuple, bytes) in std::mem::take(&mut self.driver.to_clients) {
                self.put(five_tuple.transport, &Packet::ToClient(five_tuple, bytes));
            }
            let to_peers = std::mem::take(&mut self.driver.to_peers);
            if to_peers.is_empty() {
                return;
            }
            for datagram in to_peers {
                self.driver.peer_sends(datagram.from, datagram.to, &datagram.data, self.now);
            }
        }
        panic!("data go round in circles");
    }

    fn carry(&mut self, five_tuple: FiveTuple, bytes: Vec<u8>) {
        self.put(five_tuple.transport, &Packet::ToServer(five_tuple, bytes));
    }

    fn put(&mut self, transport: Transport, packet: &Packet) {
        let Weather { lost_percent, doubled_percent, delay_ms_max } = self.weather;
        let is_datagram = !transport.is_stream();
        if is_datagram && self.chance(lost_percent) {
            return;
        }
        let copies = if is_datagram && self.chance(doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = if is_datagram { self.random.next_u32() % (delay_ms_max + 1) } else { 0 };
            self.packets += 1;
            let at = self.now.at + Duration::from_millis(delay.into());
            self.on_the_way.insert((at, self.packets), packet.clone());
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.next_u32() % 100 < percent
    }
}

impl Host {
    /// The last event.
    pub(crate) fn last(&self) -> &Event {
        self.events.last().expect("something happened")
    }

    /// Whether there was such an event.
    pub(crate) fn had(&self, is_it: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(is_it)
    }

    /// The relayed IPv4 address.
    pub(crate) fn relayed(&self) -> SocketAddr {
        self.client.relayed(moim_turn::AddressFamily::Ipv4).expect("there is an allocation")
    }

    /// What was sent, as messages.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.sent.iter().map(|(_, bytes)| Message::parse(bytes).unwrap())
    }
}

/// A server of users and tokens.
pub(crate) fn config() -> Config {
    config_of(realm(Algorithms::Sha256ThenMd5))
}

pub(crate) fn config_of(realm: Realm) -> Config {
    let lists = PeerLists {
        allow: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()],
        relayed: vec![RELAY_IPV4, RELAY_IPV6],
        ..PeerLists::default()
    };
    Config {
        relay: RelayMode::Range,
        tcp_allocations: true,
        peers: PeerPolicy::new(lists),
        ..Config::new(vec![Arc::new(realm)], ServerSecrets::new([1; 32], [2; 32]))
    }
}

pub(crate) fn realm(algorithms: Algorithms) -> Realm {
    let mut realm = Realm::new(REALM, algorithms).unwrap();
    realm.add_user(USER, PASSWORD).unwrap();
    realm
}

pub(crate) fn token_key() -> AccessTokenKey {
    AccessTokenKey::new(&[9; 32]).unwrap()
}

/// What most clients ask for.
pub(crate) fn asking(transport: Transport) -> ClientConfig {
    ClientConfig::new(transport, Credential::long_term(USER, PASSWORD))
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
