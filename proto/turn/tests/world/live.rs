//! A TURN server among clients and peers that do whatever a string of bytes says, compared with a reference model after every
//! step: the fuzz target `turn_server`, its replay, and a property test.

#[path = "asking.rs"]
mod asking;

use super::driver::{Driver, RELAY_IPV4, RELAY_IPV6, ToOutside};
use super::model::{
    ALLOCATIONS_MAX, ALLOCATIONS_PER_USER_MAX, CHANNEL_NUMBER_MAX, CHANNELS_MAX, Families, Model,
    PERMISSIONS_MAX,
};
use super::script::Script;
use moim_stun::attribute::Attribute;
use moim_stun::attribute::{ErrorCode, Nonce, Realm as RealmAttribute, Username};
use moim_stun::{AttributeType, Class, Integrity, IntegrityKey, Message, MessageBuilder, Seal};
use moim_turn::attribute::{
    AdditionalAddressFamily, ChannelNumberAttribute, Data, Lifetime, MobilityTicket, RequestedAddressFamily,
    RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use moim_turn::auth::{Algorithms, Realm};
use moim_turn::budget::Rate;
use moim_turn::channel_data::{ChannelData, ChannelNumber};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::quota::{self, Ledger};
use moim_turn::server::{Config, Limits, Server, ServerSecrets};
use moim_turn::{AddressFamily, FiveTuple, Now, PerFamily, Shards, Transport, method};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

const REALM: &str = "example.org";
const USERS: [&str; 2] = ["ann", "bob"];
const PASSWORD: &str = "correct horse";
/// Messages kept to be sent again by others.
const CAPTURED_MAX: usize = 16;

/// Lives through what `bytes` say, byte after byte, and then lets everybody go.
///
/// # Panics
/// If the server does what it must never do.
pub(crate) fn live(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut world = World::new();
    while let Some(action) = script.byte() {
        world.act(action, &mut script);
        world.check();
    }
    world.end();
}

struct World {
    driver: Driver,
    model: Model,
    now: Now,
    clients: Vec<FiveTuple>,
    nonces: BTreeMap<FiveTuple, String>,
    tickets: BTreeMap<FiveTuple, Vec<u8>>,
    captured: Vec<(FiveTuple, Vec<u8>)>,
    /// The Allocate that made the allocation of a client, to be sent again.
    allocates: BTreeMap<FiveTuple, (usize, Vec<u8>)>,
    keys: [(IntegrityKey, IntegrityKey); 2],
    next_id: u64,
}

/// A response, as far as the model cares.
struct Answer {
    bytes: Vec<u8>,
    /// [`None`]: success.
    code: Option<u16>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new() -> Self {
        let now = Now { at: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let config = Arc::new(config());
        let seed = [3; 32];
        let limits = quota::Limits {
            allocations_max: ALLOCATIONS_MAX,
            allocations_per_user_max: ALLOCATIONS_PER_USER_MAX,
            ..quota::Limits::default()
        };
        let server = Server::new(config, Shards::ONE, seed, now.at);
        let key = |user| {
            let md5 = IntegrityKey::long_term_md5(user, REALM, PASSWORD).unwrap();
            (md5, IntegrityKey::long_term_sha256(user, REALM, PASSWORD).unwrap())
        };
        Self {
            driver: Driver::new(server, Ledger::new(limits, now.at)),
            model: Model::default(),
            now,
            clients: clients(),
            nonces: BTreeMap::new(),
            tickets: BTreeMap::new(),
            captured: Vec::new(),
            allocates: BTreeMap::new(),
            keys: USERS.map(key),
            next_id: 0,
        }
    }

    fn act(&mut self, action: u8, script: &mut Script<'_>) {
        match action % 16 {
            0 | 1 => self.allocate(script),
            2 => self.refresh(script),
            3 => self.create_permission(script),
            4 => self.channel_bind(script),
            5 => self.send(script),
            6 => self.channel_data(script),
            7 | 8 => self.peer_sends(script),
            9 => self.pass_time(script),
            10 => self.move_client(script),
            11 => self.say_anything(script),
            12 => self.replay(script),
            13 => self.guess_password(script),
            14 => self.kick(script),
            _ => self.allocate_again(script),
        }
    }

    fn allocate(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let user = script.below(USERS.len());
        let families = script.choose(&[Families::Ipv4, Families::Ipv6, Families::Both]);
        let lifetime = some_lifetime(script);
        let expected = self.model.allocate_error(client, user);
        let request = |builder: &mut MessageBuilder<'_>| {
            builder.attribute(&RequestedTransport::UDP)?;
            builder.attribute(&MobilityTicket(&[]))?;
            match families {
                Families::Ipv4 => {}
                Families::Ipv6 => builder.attribute(&RequestedAddressFamily::from(AddressFamily::Ipv6))?,
                Families::Both => builder.attribute(&AdditionalAddressFamily::from(AddressFamily::Ipv6))?,
            }
            lifetime.map_or(Ok(()), |seconds| builder.attribute(&Lifetime(seconds)))
        };
        let (answer, sent) = self.ask(client, user, method::ALLOCATE, &request);
        assert_eq!(answer.code, expected, "{families:?} for {client:?}");
        if expected.is_none() {
            self.allocated(client, user, families, lifetime, &answer);
            self.allocates.insert(client, (user, sent));
        }
    }

    fn allocated(
        &mut self,
        client: FiveTuple,
        user: usize,
        families: Families,
        lifetime: Option<u32>,
        answer: &Answer,
    ) {
        let relayed = relayed(&answer.bytes);
        assert_eq!(relayed.ipv4.is_some(), families != Families::Ipv6);
        assert_eq!(relayed.ipv6.is_some(), families != Families::Ipv4);
        self.model.allocated(client, user, relayed, lifetime, self.now.at);
        self.keep_ticket(client, &answer.bytes);
    }

    /// An Allocate comes a second time, as if its answer had been lost.
    fn allocate_again(&mut self, script: &mut Script<'_>) {
        let known: Vec<_> = self.allocates.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let client = script.choose(&known);
        let (user, sent) = self.allocates[&client].clone();
        let Some(allocation) = self.model.allocations.get(&client) else { return };
        let relayed_before = allocation.relayed;
        let made_it = self.tickets.contains_key(&client) && allocation.user == user;
        let answers = self.give(client, &sent);
        let [answer] = answers.as_slice() else { panic!("a request has one answer") };
        // Its nonce may be too old by now.
        if made_it && code(answer).is_none() {
            assert_eq!(relayed(answer), relayed_before);
        }
    }

    fn refresh(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let user = script.below(USERS.len());
        let lifetime = some_lifetime(script);
        let expected = self.model.owner_error(client, user);
        let (answer, _) = self.ask(client, user, method::REFRESH, &|builder| {
            lifetime.map_or(Ok(()), |seconds| builder.attribute(&Lifetime(seconds)))
        });
        assert_eq!(answer.code, expected);
        if expected.is_none() {
            self.model.refreshed(client, lifetime, self.now.at);
        }
    }

    fn create_permission(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let user = script.below(USERS.len());
        let peers: Vec<SocketAddr> = (0..script.below(6)).map(|_| self.some_peer(script)).collect();
        let (answer, _) = self.ask(client, user, method::CREATE_PERMISSION, &|builder| {
            peers.iter().try_for_each(|peer| builder.attribute(&XorPeerAddress(*peer)))
        });
        let ips: Vec<IpAddr> = peers.iter().map(SocketAddr::ip).collect();
        let expected = self.model.owner_error(client, user);
        let expected = expected.or_else(|| self.model.create_permission(client, &ips, self.now.at));
        assert_eq!(answer.code, expected, "{ips:?}");
    }

    fn channel_bind(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let user = script.below(USERS.len());
        let number = some_number(script);
        let peer = self.some_peer(script);
        let (answer, _) = self.ask(client, user, method::CHANNEL_BIND, &|builder| {
            builder.attribute(&ChannelNumberAttribute(number))?;
            builder.attribute(&XorPeerAddress(peer))
        });
        let expected = self.model.owner_error(client, user);
        let expected = expected.or_else(|| self.model.channel_bind(client, number, peer, self.now.at));
        assert_eq!(answer.code, expected, "{number:#x} {peer}");
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let peer = self.some_peer(script);
        let data = script.bytes();
        let message = self.build(Class::Indication, method::SEND, Seal::default(), &|builder| {
            builder.attribute(&XorPeerAddress(peer))?;
            builder.attribute(&Data(data))
        });
        let expected = self.model.may_send(client, peer, self.now.at).map(|from| (from, peer));
        self.relay(client, &message, data, expected);
    }

    fn channel_data(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let number = some_number(script);
        let data = script.bytes();
        let len = u16::try_from(data.len()).unwrap();
        let mut message = [&number.to_be_bytes(), &len.to_be_bytes(), data].concat();
        if client.transport.is_stream() {
            message.resize(message.len().next_multiple_of(4), 0);
        }
        // Other numbers are not even ChannelData.
        let expected = self.model.channel(client, number, self.now.at);
        self.relay(client, &message, data, expected);
    }

    /// Data of a client: they go where the model says, or nowhere.
    fn relay(
        &mut self,
        client: FiveTuple,
        message: &[u8],
        data: &[u8],
        expected: Option<(SocketAddr, SocketAddr)>,
    ) {
        let answers = self.give(client, message);
        let to_peers = std::mem::take(&mut self.driver.to_peers);
        let Some((from, to)) = expected else {
            assert!(answers.is_empty() && to_peers.is_empty(), "nothing is relayed without a permission");
            return;
        };
        if [RELAY_IPV4, RELAY_IPV6].contains(&to.ip()) {
            assert!(to_peers.is_empty(), "what stays inside is not sent");
            self.check_received(to, from, data);
        } else {
            assert_eq!(to_peers, [ToOutside { from, to, data: data.to_vec() }]);
            assert!(answers.is_empty());
        }
    }

    fn peer_sends(&mut self, script: &mut Script<'_>) {
        let peer = self.some_peer(script);
        let relays: Vec<_> = self.driver.relayed().into_iter().collect();
        if relays.is_empty() {
            return;
        }
        let relayed = script.choose(&relays);
        let data = script.bytes();
        self.driver.to_clients.clear();
        self.driver.peer_sends(relayed, peer, data, self.now);
        self.check_received(relayed, peer, data);
    }

    /// What came to a relayed address is with the client that the model says, as it says, and with nobody else.
    fn check_received(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &[u8]) {
        let received = std::mem::take(&mut self.driver.to_clients);
        let Some((client, channel)) = self.model.receiver(relayed, peer, self.now.at) else {
            assert!(received.is_empty(), "nothing is let through without a permission");
            return;
        };
        let [(to, bytes)] = received.as_slice() else { panic!("data go to one client") };
        assert_eq!(*to, client);
        assert!(!client.transport.is_stream() || bytes.len().is_multiple_of(4));
        if let Some(number) = channel {
            let parsed = ChannelData::parse(bytes).unwrap();
            assert_eq!((parsed.number.number(), &bytes[parsed.range]), (number, data));
        } else {
            let message = Message::parse(bytes).unwrap();
            assert_eq!((message.class(), message.method()), (Class::Indication, method::DATA));
            assert_eq!(message.get::<XorPeerAddress>().unwrap(), Some(XorPeerAddress(peer)));
            assert_eq!(message.get::<Data<'_>>().unwrap(), Some(Data(data)));
        }
    }

    fn pass_time(&mut self, script: &mut Script<'_>) {
        let seconds = script.choose(&[1, 29, 60, 150, 299, 300, 301, 599, 600, 601, 3600]);
        self.wait(Duration::from_secs(seconds));
    }

    fn wait(&mut self, duration: Duration) {
        self.now = Now { at: self.now.at + duration, wall: self.now.wall + duration };
        self.driver.turn(self.now);
        self.model.expire(self.now.at);
        self.forget_freed();
    }

    /// The client of an allocation goes on from another address.
    fn move_client(&mut self, script: &mut Script<'_>) {
        let known: Vec<_> = self.tickets.keys().copied().collect();
        let free = |client: &&FiveTuple| !self.model.allocations.contains_key(client);
        let free: Vec<_> = self.clients.iter().filter(free).copied().collect();
        if known.is_empty() || free.is_empty() {
            return;
        }
        let (from, to) = (script.choose(&known), script.choose(&free));
        let user = script.below(USERS.len());
        let ticket = self.tickets[&from].clone();
        let expected = self.model.owner_error(from, user);
        let request = |builder: &mut MessageBuilder<'_>| builder.attribute(&MobilityTicket(&ticket));
        let (answer, _) = self.ask(to, user, method::REFRESH, &request);
        assert_eq!(answer.code, expected);
        if expected.is_none() {
            self.model.moved(from, to);
            self.model.refreshed(to, None, self.now.at);
            self.tickets.remove(&from);
            self.keep_ticket(to, &answer.bytes);
        }
    }

    /// Bytes of nobody's, or a message of somebody's with bytes changed.
    fn say_anything(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let mut message = match self.captured.len() {
            0 => Vec::new(),
            len => self.captured[script.below(len)].1.clone(),
        };
        if script.below(2) == 0 || message.is_empty() {
            message = script.bytes().to_vec();
        } else {
            for _ in 0..=script.below(4) {
                let index = script.below(message.len());
                message[index] ^= script.byte().unwrap_or(1).max(1);
            }
        }
        let is_data = ChannelData::is_one(&message)
            || Message::parse(&message).is_ok_and(|message| message.class() == Class::Indication);
        let may_succeed = is_repetition(&self.captured, &message);
        if is_data || may_succeed {
            return;
        }
        let answers = self.give(client, &message);
        assert!(self.driver.to_peers.is_empty(), "strangers have nothing relayed");
        for answer in answers {
            assert!(code(&answer).is_some(), "strangers get nothing");
            let is_short = answer.len() * 10 <= message.len() * 36;
            assert!(is_short || client.transport != Transport::Udp, "{} for {}", answer.len(), message.len());
        }
    }

    /// A message that was seen on its way is sent from elsewhere.
    fn replay(&mut self, script: &mut Script<'_>) {
        if self.captured.is_empty() {
            return;
        }
        let (from, message) = script.choose(&self.captured);
        let client = script.choose(&self.clients);
        if client == from {
            return;
        }
        for answer in self.give(client, &message) {
            assert_eq!(code(&answer), Some(438), "a nonce is for one client");
        }
    }

    fn guess_password(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        let user = script.below(USERS.len());
        let requests = [method::ALLOCATE, method::REFRESH, method::CREATE_PERMISSION, method::CHANNEL_BIND];
        let method = script.choose(&requests);
        let nonce = self.nonce(client);
        let key = IntegrityKey::from_bytes(script.bytes());
        let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: false };
        let message = self.build(Class::Request, method, seal, &|builder| {
            builder.attribute(&RequestedTransport::UDP)?;
            builder.attribute(&Username(USERS[user]))?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(&nonce))
        });
        let answers = self.give(client, &message);
        assert!(matches!(answers.as_slice(), [answer] if matches!(code(answer), Some(401 | 438))));
    }

    fn kick(&mut self, script: &mut Script<'_>) {
        let client = script.choose(&self.clients);
        if let Some(id) = self.driver.server.find(&client) {
            assert!(self.driver.server.kick(id, self.now.at));
            assert!(!self.driver.server.kick(id, self.now.at), "what is gone is gone");
            self.model.allocations.remove(&client);
            self.driver.turn(self.now);
        }
        self.forget_freed();
    }

    /// Server, driver and ledger have what the model has.
    fn check(&self) {
        let views: BTreeMap<_, _> =
            self.driver.server.allocations(self.now.at).map(|view| (view.five_tuple, view)).collect();
        assert_eq!(views.len(), self.driver.server.allocation_count(), "a 5-tuple has one allocation");
        assert!(views.keys().eq(self.model.allocations.keys()));
        let mut relayed = BTreeSet::new();
        for (client, allocation) in &self.model.allocations {
            let view = &views[client];
            assert_eq!(view.username, USERS[allocation.user]);
            assert_eq!(view.relayed, allocation.relayed);
            assert_eq!(self.now.at + view.expires_in, allocation.expires);
            assert!(view.permissions <= PERMISSIONS_MAX && view.channels <= CHANNELS_MAX);
            relayed.extend(allocation.relayed.iter().map(|(_, address)| *address));
        }
        assert_eq!(self.driver.relayed(), relayed, "every relayed address has one allocation");
        assert_eq!(self.driver.ledger.allocations(), views.len());
    }

    /// Everybody goes, and nothing is left.
    fn end(mut self) {
        self.wait(Duration::from_secs(7200));
        self.check();
        assert_eq!(self.driver.server.allocation_count(), 0);
        assert_eq!(self.driver.bound(), 0);
        assert_eq!(self.driver.ledger.allocations(), 0);
        assert_eq!(self.driver.server.poll_timeout(), None);
    }

    /// Forgets the tickets of allocations that are no more.
    fn forget_freed(&mut self) {
        let model = &self.model;
        self.tickets.retain(|client, _| model.allocations.contains_key(client));
        self.allocates.retain(|client, _| model.allocations.contains_key(client));
    }

    /// A peer: of either family, allowed or not, or another client's relayed address.
    fn some_peer(&self, script: &mut Script<'_>) -> SocketAddr {
        let mut peers: Vec<SocketAddr> = PEERS.iter().map(|peer| peer.parse().unwrap()).collect();
        peers.extend(self.driver.relayed());
        script.choose(&peers)
    }
}

const PEERS: [&str; 9] = [
    "192.0.2.1:5000",
    "192.0.2.1:5001",
    "192.0.2.2:5000",
    "192.0.2.3:5000",
    "192.0.2.4:5000",
    "10.0.0.1:5000",
    "[2001:db8:1::1]:5000",
    "[2001:db8:1::2]:5000",
    "[::ffff:10.0.0.1]:5000",
];

fn clients() -> Vec<FiveTuple> {
    let client = |transport, client: &str, server: &str| {
        FiveTuple::new(transport, client.parse().unwrap(), server.parse().unwrap())
    };
    vec![
        client(Transport::Udp, "203.0.113.7:4000", "198.51.100.1:3478"),
        client(Transport::Udp, "203.0.113.7:4001", "198.51.100.1:3478"),
        client(Transport::Udp, "203.0.113.8:4000", "198.51.100.1:3478"),
        client(Transport::Udp, "[2001:db8:2::7]:4000", "[2001:db8:ff::1]:3478"),
        client(Transport::Tcp, "203.0.113.7:4000", "198.51.100.1:3478"),
        client(Transport::Dtls, "203.0.113.9:4000", "198.51.100.1:3478"),
    ]
}

/// Small limits, so that short scripts reach them.
fn config() -> Config {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    for user in USERS {
        realm.add_user(user, PASSWORD).unwrap();
    }
    let parse = |net: &str| net.parse().unwrap();
    let lists = PeerLists {
        allow: vec![parse("192.0.2.0/24"), parse("2001:db8:1::/48")],
        relayed: vec![RELAY_IPV4, RELAY_IPV6],
        ..PeerLists::default()
    };
    Config {
        relay: RelayMode::Range,
        peers: PeerPolicy::new(lists),
        limits: Limits { permissions_max: PERMISSIONS_MAX, channels_max: CHANNELS_MAX, ..Limits::default() },
        unauthenticated: Rate { bytes_per_second: u32::MAX, burst_bytes: u32::MAX },
        channel_number_max: ChannelNumber::new(CHANNEL_NUMBER_MAX).unwrap(),
        ..Config::new(vec![Arc::new(realm)], ServerSecrets::new([1; 32], [2; 32]))
    }
}

fn some_lifetime(script: &mut Script<'_>) -> Option<u32> {
    script.choose(&[None, Some(0), Some(1), Some(600), Some(777), Some(3600), Some(u32::MAX)])
}

fn some_number(script: &mut Script<'_>) -> u16 {
    script.choose(&[0x4000, 0x4001, 0x4002, 0x4fff, 0x5000, 0x7fff])
}

fn is_repetition(captured: &[(FiveTuple, Vec<u8>)], message: &[u8]) -> bool {
    captured.iter().any(|(_, known)| known == message)
}

/// The error code of a response. [`None`]: it is a success.
fn code(answer: &[u8]) -> Option<u16> {
    let Ok(message) = Message::parse(answer) else { panic!("an answer is a message") };
    match message.class() {
        Class::SuccessResponse => None,
        Class::ErrorResponse => {
            let Ok(Some(error)) = message.get::<ErrorCode<'_>>() else { panic!("an error has a code") };
            Some(error.code())
        }
        Class::Request | Class::Indication => panic!("a response was wanted"),
    }
}

fn relayed(answer: &[u8]) -> PerFamily<Option<SocketAddr>> {
    let message = Message::parse(answer).unwrap();
    let mut relayed = PerFamily { ipv4: None, ipv6: None };
    let is_relayed = |attribute_type: AttributeType| attribute_type == XorRelayedAddress::TYPE;
    for raw in message.attributes().filter(|raw| is_relayed(raw.attribute_type)) {
        let XorRelayedAddress(address) = raw.decode(message.transaction_id()).unwrap();
        *relayed.of_mut(AddressFamily::of(address.ip())) = Some(address);
    }
    relayed
}
