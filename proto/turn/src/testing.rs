//! A world of one server, a driver without sockets and any number of clients, with a clock that is turned by hand: for tests,
//! benchmarks and the fuzzer.

use crate::attribute::{RequestedTransport, XorPeerAddress, XorRelayedAddress};
use crate::auth::{Algorithms, Realm};
use crate::budget::Rate;
use crate::policy::{PeerLists, PeerPolicy, RelayMode};
use crate::server::{
    AllocateError, AllocateRequest, Config, Event, FromClient, OUT_LEN_MAX, PortWanted, Received, Relayed,
    Server, ServerSecrets, Wanted,
};
use crate::{AddressFamily, FiveTuple, Now, PerFamily, RealmId, ReservationToken, Shards, Transport, method};
use moim_stun::attribute::{Attribute, ErrorCode, Nonce, Realm as RealmAttribute, Username};
use moim_stun::{
    Class, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The realm of [`config`].
pub const REALM: &str = "example.org";
/// The users of [`config`], and their passwords.
pub const USERS: [(&str, &str); 2] = [("anna", "anna's password"), ("boris", "boris' password")];
/// Where relayed addresses are.
pub const RELAY_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// Where relayed addresses are.
pub const RELAY_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x198, 0, 0, 0, 0, 1);
/// Where the server listens.
pub const SERVER: &str = "198.51.100.1:3478";

/// A server that relays to addresses of books, from [`RELAY_IPV4`] and [`RELAY_IPV6`], for [`USERS`].
///
/// # Panics
/// Never: everything in it is valid.
pub fn config() -> Config {
    let mut realm = Realm::new(REALM, Algorithms::default()).expect("the name is valid");
    for (username, password) in USERS {
        realm.add_user(username, password).expect("the name and the password are valid");
    }
    let books = ["192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32"];
    let peers = PeerPolicy::new(PeerLists {
        allow: books.iter().map(|prefix| prefix.parse().expect("the prefix is valid")).collect(),
        relayed: vec![RELAY_IPV4.into(), RELAY_IPV6.into()],
        ..PeerLists::default()
    });
    let secrets = ServerSecrets::new([1; 32], [2; 32]);
    // All clients are challenged at once, and live in one network.
    let unauthenticated = Rate { bytes_per_second: u32::MAX, burst_bytes: u32::MAX };
    Config {
        relay: RelayMode::Range,
        peers,
        unauthenticated,
        tcp_allocations: true,
        ..Config::new(vec![Arc::new(realm)], secrets)
    }
}

/// A server and its driver.
#[derive(Debug)]
pub struct World {
    /// The server.
    pub server: Server,
    /// The time.
    pub now: Now,
    /// What the driver says instead of binding anything.
    pub fails_with: Option<AllocateError>,
    /// Of which families the driver can bind addresses.
    pub can_bind: PerFamily<bool>,
    next_port: u16,
    transactions: u64,
    reserved: BTreeMap<ReservationToken, SocketAddr>,
}

/// A client, or what pretends to be one.
#[derive(Clone, Debug)]
pub struct Client {
    /// Whence its messages come.
    pub five_tuple: FiveTuple,
    /// Who it says it is.
    pub username: String,
    /// With what it signs.
    pub key: IntegrityKey,
    /// What it was challenged with.
    pub nonce: String,
}

/// What the server and the driver made of a message.
#[derive(Debug)]
pub struct Outcome {
    /// What the server decided. Of an Allocate: after the driver did its part.
    pub decision: FromClient,
    /// What the server wrote.
    pub out: Vec<u8>,
}

impl Outcome {
    /// The response.
    ///
    /// # Panics
    /// If there is none.
    pub fn response(&self) -> Response {
        match self.decision {
            FromClient::Respond(len) | FromClient::Spliced { response: len, .. } => {
                Response(self.out[..len].to_vec())
            }
            FromClient::Dropped(_)
            | FromClient::ToPeer(_)
            | FromClient::Allocate(_)
            | FromClient::Connect { .. }
            | FromClient::Elsewhere(_) => panic!("no response: {:?}", self.decision),
        }
    }
}

/// A response, or an indication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(pub Vec<u8>);

impl Response {
    /// It, parsed.
    ///
    /// # Panics
    /// If it is not a message.
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0).expect("what the server writes is a message")
    }

    /// The error code, or 0 if it is none.
    ///
    /// # Panics
    /// If it is an error response without a code.
    pub fn code(&self) -> u16 {
        match self.message().class() {
            Class::ErrorResponse => self.get::<ErrorCode<'_>>().expect("an error has a code").code(),
            Class::Request | Class::Indication | Class::SuccessResponse => 0,
        }
    }

    /// An attribute.
    ///
    /// # Panics
    /// If it is malformed.
    pub fn get<'a, A: Attribute<'a>>(&'a self) -> Option<A> {
        self.message().get().expect("what the server writes is well formed")
    }

    /// All its relayed addresses.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        let message = self.message();
        let relayed = |attribute: moim_stun::RawAttribute<'_>| {
            attribute.decode(message.transaction_id()).ok().map(|XorRelayedAddress(address)| address)
        };
        message
            .attributes()
            .filter(|attribute| attribute.attribute_type == XorRelayedAddress::TYPE)
            .filter_map(relayed)
            .collect()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new(config())
    }
}

impl World {
    /// A world with a server of one shard.
    pub fn new(config: Config) -> Self {
        Self::of_shard(config, Shards::ONE)
    }

    /// A world with one shard of a server.
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    pub fn of_shard(config: Config, shards: Shards) -> Self {
        let now =
            Now { at: Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        Self {
            server: Server::new(Arc::new(config), shards, [7; 32], now.at),
            now,
            fails_with: None,
            can_bind: PerFamily { ipv4: true, ipv6: true },
            next_port: 10_000,
            transactions: 0,
            reserved: BTreeMap::new(),
        }
    }

    /// Lets time pass, all at once, and the server do what was due.
    pub fn pass(&mut self, duration: Duration) {
        self.now.at += duration;
        self.now.wall += duration;
        self.server.handle_timeout(self.now.at);
    }

    /// What happened since it was asked last.
    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// The first of [`USERS`], over UDP.
    pub fn client(&mut self, address: &str) -> Client {
        self.client_by(Transport::Udp, address, USERS[0])
    }

    /// A user, over any transport, who has been challenged already.
    ///
    /// # Panics
    /// If the address or the password is not valid.
    pub fn client_by(&mut self, transport: Transport, address: &str, user: (&str, &str)) -> Client {
        let client = address.parse().expect("the address is valid");
        let mut client = Client {
            five_tuple: FiveTuple::new(transport, client, SERVER.parse().expect("the address is valid")),
            username: user.0.to_owned(),
            key: IntegrityKey::long_term_md5(user.0, REALM, user.1).expect("the password is valid"),
            nonce: String::new(),
        };
        self.challenge(&mut client);
        client
    }

    /// Lets a client be challenged anew: after its address changed, or its nonce grew old.
    ///
    /// # Panics
    /// If it is not challenged.
    pub fn challenge(&mut self, client: &mut Client) {
        let request = self.request(method::ALLOCATE, Seal::default(), |builder| {
            builder.attribute(&RequestedTransport::UDP).expect("there is room");
        });
        let response = self.give(client, &request).response();
        assert_eq!(response.code(), 401);
        response.get::<Nonce<'_>>().expect("a challenge has a nonce").0.clone_into(&mut client.nonce);
    }

    /// Writes a request of a client's, with its credential.
    pub fn signed(
        &mut self,
        client: &Client,
        method: Method,
        add: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Vec<u8> {
        let seal = Seal { integrity: Integrity::Sha1(&client.key), fingerprint: false };
        self.request(method, seal, |builder| {
            add(builder);
            builder.attribute(&Username(&client.username)).expect("there is room");
            builder.attribute(&RealmAttribute(REALM)).expect("there is room");
            builder.attribute(&Nonce(&client.nonce)).expect("there is room");
        })
    }

    /// Writes a request, with a transaction id of its own.
    ///
    /// # Panics
    /// If it does not fit.
    pub fn request(
        &mut self,
        method: Method,
        seal: Seal<'_>,
        add: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Vec<u8> {
        self.message(Class::Request, method, seal, add)
    }

    /// Writes a Send indication.
    pub fn send_indication(&mut self, add: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
        self.message(Class::Indication, method::SEND, Seal::default(), add)
    }

    fn message(
        &mut self,
        class: Class,
        method: Method,
        seal: Seal<'_>,
        add: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Vec<u8> {
        self.transactions += 1;
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.transactions.to_be_bytes());
        let mut buffer = vec![0; 4096];
        let mut builder =
            MessageBuilder::new(&mut buffer, class, method, TransactionId(id)).expect("there is room");
        add(&mut builder);
        builder.finish(seal).expect("there is room").to_vec()
    }

    /// Gives a message of a client's to the server, and does what a driver does about an Allocate.
    pub fn give(&mut self, client: &Client, bytes: &[u8]) -> Outcome {
        let mut out = vec![0; OUT_LEN_MAX];
        let received = Received { five_tuple: client.five_tuple, realm: RealmId::default(), bytes };
        let mut decision = self.server.handle_client(received, self.now, &mut out);
        if let FromClient::Allocate(request) = decision {
            let bound = self.bind(&request);
            let allocated = self.server.allocate(*request, bound, self.now.at, &mut out);
            decision = FromClient::Respond(allocated.response.expect("there is room"));
        }
        Outcome { decision, out }
    }

    /// Has a client ask for something, and returns the response.
    ///
    /// # Panics
    /// If there is none, or if it is not authentic.
    pub fn ask(
        &mut self,
        client: &Client,
        method: Method,
        add: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Response {
        let request = self.signed(client, method, add);
        let response = self.give(client, &request).response();
        if !matches!(response.code(), 400 | 401 | 438) {
            let integrity = response.message().check_sha1(&client.key);
            assert_eq!(integrity, IntegrityCheck::Valid, "{:?}", response.code());
        }
        response
    }

    /// Has a client ask for an allocation, with more than the transport.
    pub fn allocate_with(&mut self, client: &Client, add: impl FnOnce(&mut MessageBuilder<'_>)) -> Response {
        self.ask(client, method::ALLOCATE, |builder| {
            builder.attribute(&RequestedTransport::UDP).expect("there is room");
            add(builder);
        })
    }

    /// Has a client ask for an allocation, and returns the relayed address.
    ///
    /// # Panics
    /// If it does not get one.
    pub fn allocate(&mut self, client: &Client) -> SocketAddr {
        let response = self.allocate_with(client, |_| {});
        assert_eq!(response.code(), 0);
        response.relayed()[0]
    }

    /// Has a client let peers through.
    pub fn permit(&mut self, client: &Client, peers: &[&str]) -> Response {
        self.ask(client, method::CREATE_PERMISSION, |builder| {
            for peer in peers {
                builder.attribute(&peer_address(peer)).expect("there is room");
            }
        })
    }

    /// Has a client bind a channel.
    pub fn bind_channel(&mut self, client: &Client, number: u16, peer: &str) -> Response {
        self.ask(client, method::CHANNEL_BIND, |builder| {
            let number = crate::attribute::ChannelNumberAttribute(number);
            builder.attribute(&number).expect("there is room");
            builder.attribute(&peer_address(peer)).expect("there is room");
        })
    }

    /// Does what a driver does about an Allocate, without sockets.
    fn bind(&mut self, request: &AllocateRequest) -> Result<Relayed, AllocateError> {
        if let Some(error) = self.fails_with {
            return Err(error);
        }
        let mut relayed = Relayed::default();
        for wanted in request.wanted() {
            if *self.can_bind.of(wanted.family) {
                *relayed.addresses.of_mut(wanted.family) = self.bind_one(wanted);
            }
        }
        if relayed.addresses.iter().next().is_none() {
            return Err(AllocateError::NoCapacity);
        }
        Ok(relayed)
    }

    fn bind_one(&mut self, wanted: &Wanted) -> Option<SocketAddr> {
        let ip: IpAddr = match wanted.family {
            AddressFamily::Ipv4 => RELAY_IPV4.into(),
            AddressFamily::Ipv6 => RELAY_IPV6.into(),
        };
        if let PortWanted::Reserved(token) = wanted.port {
            return self.reserved.remove(&token);
        }
        // An even one each, so that the next is free; odd where any will do.
        self.next_port = self.next_port.checked_add(2).unwrap_or(1024);
        let even = SocketAddr::new(ip, self.next_port);
        let odd = SocketAddr::new(ip, self.next_port + 1);
        match wanted.port {
            PortWanted::Any => Some(odd),
            PortWanted::EvenWithNext(token) => {
                self.reserved.insert(token, odd);
                Some(even)
            }
            PortWanted::Even | PortWanted::Reserved(_) => Some(even),
        }
    }
}

/// XOR-PEER-ADDRESS of an address.
///
/// # Panics
/// If it is not valid.
pub fn peer_address(peer: &str) -> XorPeerAddress {
    XorPeerAddress(peer.parse().expect("the address is valid"))
}
