//! Any attributes in a request of somebody who may ask: the fuzz target `turn_message`, and its replay.

use super::driver::{Driver, RELAY_IPV4, RELAY_IPV6};
use moim_stun::attribute::{Nonce, Realm as RealmAttribute, Username};
use moim_stun::{
    AttributeType, BuildError, Class, FingerprintCheck, Integrity, IntegrityCheck, IntegrityKey, Message,
    MessageBuilder, Method, Seal, TransactionId,
};
use moim_turn::attribute::{
    AccessToken, AdditionalAddressFamily, AddressErrorCode, ChannelNumberAttribute, Data, DontFragment,
    EvenPort, Icmp, Lifetime, MobilityTicket, RequestedAddressFamily, RequestedTransport,
    ThirdPartyAuthorization, XorPeerAddress, XorRelayedAddress,
};
use moim_turn::auth::{Algorithms, Realm};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::quota::{self, Ledger};
use moim_turn::server::{Config, Limits, OUT_LEN_MAX, Server, ServerSecrets};
use moim_turn::{ConnectionId, FiveTuple, Now, ReservationToken, Shards, Transport, method};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

const REALM: &str = "example.org";
const USER: &str = "ann";
const LIMIT: usize = 3;
/// Requests in one input.
const REQUESTS_MAX: usize = 32;

/// Asks a server for whatever `bytes` say, as a user of its. Each request begins with a byte that says which, one with the
/// length of its attributes, and these.
///
/// # Panics
/// If the server does what it must never do.
pub(crate) fn exercise(bytes: &[u8]) {
    let mut world = World::new();
    let mut rest = bytes;
    for _ in 0..REQUESTS_MAX {
        let Some(([kind, len], after)) = rest.split_first_chunk() else { break };
        let (attributes, after) = after.split_at(after.len().min(usize::from(*len)));
        world.ask(*kind, attributes);
        rest = after;
    }
    world.end();
}

struct World {
    driver: Driver,
    now: Now,
    key: IntegrityKey,
    next_id: u64,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new() -> Self {
        let now = Now { at: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let server = Server::new(Arc::new(config()), Shards::ONE, [3; 32], now.at);
        let key = IntegrityKey::long_term_md5(USER, REALM, "secret").unwrap();
        let driver = Driver::new(server, Ledger::new(quota::Limits::default(), now.at));
        Self { driver, now, key, next_id: 0 }
    }

    fn ask(&mut self, kind: u8, attributes: &[u8]) {
        const METHODS: [Method; 7] = [
            method::ALLOCATE,
            method::REFRESH,
            method::CREATE_PERMISSION,
            method::CHANNEL_BIND,
            method::CONNECT,
            method::CONNECTION_BIND,
            method::SEND,
        ];
        let method = METHODS[usize::from(kind) % METHODS.len()];
        let transport = if kind & 0x80 == 0 { Transport::Udp } else { Transport::Tcp };
        let client = "203.0.113.7:4000".parse().unwrap();
        let five_tuple = FiveTuple::new(transport, client, "198.51.100.1:3478".parse().unwrap());
        let fingerprint = kind & 0x40 != 0;
        if method == method::SEND {
            let bytes =
                self.build(Class::Indication, method, Seal { fingerprint, ..Seal::default() }, |builder| {
                    add(builder, attributes)
                });
            read_everything(&bytes);
            let (answers, _) = self.give(five_tuple, &bytes);
            assert!(answers.is_empty(), "an indication is not answered");
            return;
        }
        let bare = self.build(Class::Request, method, Seal::default(), |_| Ok(()));
        let (answers, _) = self.give(five_tuple, &bare);
        let challenge = Message::parse(&answers[0]).unwrap();
        let nonce = challenge.get::<Nonce<'_>>().unwrap().unwrap().0;
        let key = self.key.clone();
        let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint };
        let request = self.build(Class::Request, method, seal, |builder| {
            builder.attribute(&Username(USER))?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(nonce))?;
            add(builder, attributes)
        });
        read_everything(&request);
        let (answers, to_peers) = self.give(five_tuple, &request);
        assert_eq!(to_peers, 0, "a request is not relayed");
        for answer in &answers {
            assert!(answer.len() <= OUT_LEN_MAX);
            let answer = Message::parse(answer).unwrap();
            // The attributes may be about credentials too, and spoil them.
            assert_ne!(answer.check_sha1(&self.key), IntegrityCheck::Invalid);
            assert_eq!(answer.check_fingerprint() == FingerprintCheck::Valid, fingerprint);
        }
        for view in self.driver.server.allocations(self.now.at) {
            assert!(view.permissions <= LIMIT && view.channels <= LIMIT && view.connections <= LIMIT);
        }
        let passed = Duration::from_secs(u64::from(kind));
        self.now = Now { at: self.now.at + passed, wall: self.now.wall + passed };
        self.driver.turn(self.now);
    }

    /// What is answered, and how much is sent to peers.
    fn give(&mut self, client: FiveTuple, bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
        self.driver.to_clients.clear();
        self.driver.to_peers.clear();
        self.driver.client_sends(client, bytes, self.now);
        let answers = self.driver.to_clients.drain(..).map(|(_, bytes)| bytes).collect();
        (answers, self.driver.to_peers.len())
    }

    fn build(
        &mut self,
        class: Class,
        method: Method,
        seal: Seal<'_>,
        add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Vec<u8> {
        self.next_id += 1;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.next_id.to_be_bytes());
        let mut buffer = [0; 2048];
        let mut builder = MessageBuilder::new(&mut buffer, class, method, TransactionId(id)).unwrap();
        add(&mut builder).unwrap();
        builder.finish(seal).unwrap().to_vec()
    }

    /// Everybody goes, and nothing is left.
    fn end(mut self) {
        self.now.at += Duration::from_secs(7200);
        self.driver.turn(self.now);
        assert_eq!(self.driver.server.allocation_count(), 0);
        assert_eq!((self.driver.bound(), self.driver.ledger.allocations()), (0, 0));
        assert_eq!(self.driver.server.poll_timeout(), None);
    }
}

/// Adds attributes: a type of two bytes, a length of one, a value.
fn add(builder: &mut MessageBuilder<'_>, attributes: &[u8]) -> Result<(), BuildError> {
    let mut rest = attributes;
    while let Some(([t0, t1, len], after)) = rest.split_first_chunk() {
        let (value, after) = after.split_at(after.len().min(usize::from(*len)));
        let attribute_type = AttributeType(u16::from_be_bytes([*t0, *t1]));
        // An integrity or a fingerprint of its own would end the message before it ends.
        let ends = [
            AttributeType::MESSAGE_INTEGRITY,
            AttributeType::MESSAGE_INTEGRITY_SHA256,
            AttributeType::FINGERPRINT,
        ];
        if !ends.contains(&attribute_type) {
            builder.raw(attribute_type, value)?;
        }
        rest = after;
    }
    Ok(())
}

/// Reads an attribute; what was read can be written, and reads the same.
macro_rules! read_again {
    ($message:expr, $($attribute:ty),+ $(,)?) => {
        $(if let Ok(Some(read)) = $message.get::<$attribute>() {
            let mut buffer = [0; 1024];
            let id = $message.transaction_id();
            let mut builder = MessageBuilder::new(&mut buffer, Class::Request, method::ALLOCATE, id).unwrap();
            builder.attribute(&read).unwrap();
            let written = Message::parse(builder.finish(Seal::default()).unwrap()).unwrap();
            assert_eq!(written.get::<$attribute>(), Ok(Some(read)));
        })+
    };
}

fn read_everything(bytes: &[u8]) {
    let message = Message::parse(bytes).unwrap();
    read_again!(
        message,
        ChannelNumberAttribute,
        Lifetime,
        RequestedTransport,
        ReservationToken,
        ConnectionId,
        XorPeerAddress,
        XorRelayedAddress,
        RequestedAddressFamily,
        AdditionalAddressFamily,
        AddressErrorCode,
        EvenPort,
        DontFragment,
        Icmp,
        Data<'_>,
        MobilityTicket<'_>,
        AccessToken<'_>,
        ThirdPartyAuthorization<'_>,
    );
}

/// With small limits, and everything that can be switched on.
fn config() -> Config {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.add_user(USER, "secret").unwrap();
    let lists = PeerLists {
        allow: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()],
        relayed: vec![RELAY_IPV4, RELAY_IPV6],
        ..PeerLists::default()
    };
    Config {
        relay: RelayMode::Range,
        tcp_allocations: true,
        peers: PeerPolicy::new(lists),
        limits: Limits {
            permissions_max: LIMIT,
            channels_max: LIMIT,
            connections_max: LIMIT,
            ..Limits::default()
        },
        ..Config::new(vec![Arc::new(realm)], ServerSecrets::new([1; 32], [2; 32]))
    }
}
