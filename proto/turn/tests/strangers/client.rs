//! A client whose server says whatever a string of bytes says: the fuzz target `turn_client`, and its replay.

use super::script::Script;
use moim_stun::attribute::{ErrorCode, Nonce, PasswordAlgorithms, Realm as RealmAttribute};
use moim_stun::{
    AttributeType, BuildError, Class, Integrity, IntegrityKey, Message, MessageBuilder, Seal, TransactionId,
};
use moim_turn::attribute::{
    AddressErrorCode, Data, Icmp, Lifetime, MobilityTicket, XorPeerAddress, XorRelayedAddress,
};
use moim_turn::client::{
    Client, Config, Credential, Event, FRAME_OVERHEAD_MAX, Families, Handled, SendError, TRANSACTIONS_MAX,
};
use moim_turn::server::RelayedTransport;
use moim_turn::{AddressFamily, ConnectionId, Transport, method};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const REALM: &str = "example.org";
const USER: &str = "ann";
const PASSWORD: &str = "secret";
/// Deadlines within one action: more than these are a clock that stands still.
const TURNS_MAX: usize = 200;

/// Lives through what `bytes` say.
///
/// # Panics
/// If the client does what it must never do.
pub(crate) fn live(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut world = World::new(&mut script);
    while let Some(action) = script.byte() {
        world.act(action, &mut script);
        world.check();
    }
}

struct World {
    client: Client,
    now: Instant,
    /// What the client asked and has no answer to, the latest last.
    asked: Vec<Vec<u8>>,
    keys: [IntegrityKey; 2],
    ended: bool,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new(script: &mut Script<'_>) -> Self {
        let transport = script.choose(&Transport::ALL);
        let config = Config {
            mobility: script.below(2) == 0,
            families: script.choose(&[Families::Default, Families::Both, Families::One(AddressFamily::Ipv6)]),
            relayed: script.choose(&[RelayedTransport::Udp, RelayedTransport::Udp, RelayedTransport::Tcp]),
            fingerprint: script.below(2) == 0,
            ..Config::new(transport, Credential::long_term(USER, PASSWORD))
        };
        let now = Instant::now();
        let mut client = Client::new(config, [3; 32], now);
        client.allocate(now).unwrap();
        let md5 = IntegrityKey::long_term_md5(USER, REALM, PASSWORD).unwrap();
        let sha256 = IntegrityKey::long_term_sha256(USER, REALM, PASSWORD).unwrap();
        Self { client, now, asked: Vec::new(), keys: [md5, sha256], ended: false }
    }

    fn act(&mut self, action: u8, script: &mut Script<'_>) {
        match action % 16 {
            0..=3 => self.succeed(script),
            4 => self.challenge(script),
            5 => self.refuse(script),
            6 => self.relay(script),
            7 => {
                let bytes = script.bytes().to_vec();
                self.say(&bytes);
            }
            8 => {
                let millis = script.choose(&[0, 500, 8_000, 60_000, 300_000, 1_000_000]);
                self.now += Duration::from_millis(millis);
            }
            9 => drop(self.client.create_permission(some_peer(script).ip(), self.now)),
            10 => drop(self.client.bind_channel(some_peer(script), self.now)),
            11 => self.send(script),
            12 => drop(self.client.connect(some_peer(script), self.now)),
            13 => drop(self.client.move_allocation(self.now)),
            14 if script.below(8) == 0 => drop(self.client.release(self.now)),
            14 => self.client.remove_channel(some_peer(script)),
            _ => self.client.remove_permission(some_peer(script).ip()),
        }
    }

    /// A success, with whatever a server might put into it.
    fn succeed(&mut self, script: &mut Script<'_>) {
        let attributes = script.bytes().to_vec();
        let lifetime = script.choose(&[0, 1, 600, u32::MAX]);
        let relayed = some_peer(script);
        self.answer(script, Class::SuccessResponse, |builder| {
            builder.attribute(&XorRelayedAddress(relayed))?;
            builder.attribute(&Lifetime(lifetime))?;
            builder.attribute(&MobilityTicket(&attributes))?;
            builder.attribute(&ConnectionId(lifetime))?;
            builder.attribute(&AddressErrorCode { family: AddressFamily::Ipv6, code: 440 })
        });
    }

    fn challenge(&mut self, script: &mut Script<'_>) {
        let error = script.choose(&[ErrorCode::UNAUTHENTICATED, ErrorCode::STALE_NONCE]);
        let realm = script.choose(&[REALM, REALM, REALM, "other", ""]);
        let nonce = script.choose(&["nonce", "obMatJos2gAAAnonce", "obMatJos2wAAAnonce", "obMatJos2", ""]);
        let offer = script.choose(&[
            None,
            Some(PasswordAlgorithms::SHA256),
            Some(PasswordAlgorithms::SHA256_THEN_MD5),
        ]);
        let raw = script.bytes().to_vec();
        self.answer(script, Class::ErrorResponse, |builder| {
            builder.attribute(&error)?;
            builder.attribute(&RealmAttribute(realm))?;
            builder.attribute(&Nonce(nonce))?;
            offer.map_or(Ok(()), |offer| builder.attribute(&offer))?;
            builder.raw(AttributeType::PASSWORD_ALGORITHMS, &raw)
        });
    }

    fn refuse(&mut self, script: &mut Script<'_>) {
        let code = script.choose(&[300, 400, 403, 405, 420, 437, 441, 442, 443, 446, 447, 486, 500, 508]);
        let error = ErrorCode::new(code, "").unwrap();
        self.answer(script, Class::ErrorResponse, |builder| builder.attribute(&error));
    }

    /// Data, errors and connections of peers.
    fn relay(&mut self, script: &mut Script<'_>) {
        let peer = some_peer(script);
        let data = script.bytes().to_vec();
        let kind = script.below(3);
        let method = if kind == 2 { method::CONNECTION_ATTEMPT } else { method::DATA };
        let mut buffer = [0; 1024];
        let id = TransactionId([9; 12]);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Indication, method, id).unwrap();
        builder.attribute(&XorPeerAddress(peer)).unwrap();
        match kind {
            0 => builder.attribute(&Data(&data)).unwrap(),
            1 => builder.attribute(&Icmp { icmp_type: 3, code: 1, data: 0 }).unwrap(),
            _ => builder.attribute(&ConnectionId(7)).unwrap(),
        }
        let bytes = builder.finish(Seal::default()).unwrap().to_vec();
        self.say(&bytes);
        let number = 0x4000 + u16::from(script.byte().unwrap_or(0));
        let len = u16::try_from(data.len()).unwrap();
        self.say(&[&number.to_be_bytes(), &len.to_be_bytes(), data.as_slice()].concat());
    }

    /// Answers one of the latest requests, sealed by the right key or another, or not at all.
    fn answer(
        &mut self,
        script: &mut Script<'_>,
        class: Class,
        build: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) {
        self.collect();
        if self.asked.is_empty() {
            return;
        }
        let request = self.asked[self.asked.len() - 1 - script.below(self.asked.len().min(4))].clone();
        let request = Message::parse(&request).unwrap();
        let integrity = if request.find(AttributeType::MESSAGE_INTEGRITY_SHA256).is_some() {
            Integrity::Sha256(&self.keys[1])
        } else {
            Integrity::Sha1(&self.keys[0])
        };
        let integrity = match script.below(8) {
            0 => Integrity::None,
            1 => Integrity::Both(&self.keys[0]),
            _ => integrity,
        };
        let mut buffer = [0; 2048];
        let (method, id) = (request.method(), request.transaction_id());
        let mut builder = MessageBuilder::new(&mut buffer, class, method, id).unwrap();
        build(&mut builder).unwrap();
        let bytes = builder.finish(Seal { integrity, fingerprint: false }).unwrap().to_vec();
        self.say(&bytes);
    }

    fn say(&mut self, bytes: &[u8]) {
        if let Handled::Data { range, .. } = self.client.handle_input(bytes, self.now) {
            assert!(!self.ended, "whoever has no allocation gets no data");
            assert!(range.end <= bytes.len());
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let peer = some_peer(script);
        let data = script.bytes();
        let mut out = [0; 255 + FRAME_OVERHEAD_MAX];
        match self.client.send(peer, data, self.now, &mut out) {
            Ok(len) => assert!(len <= data.len() + FRAME_OVERHEAD_MAX),
            Err(error) => assert!(matches!(error, SendError::NotAllocated | SendError::NotPermitted)),
        }
    }

    /// Time goes on, and everything has its limits.
    fn check(&mut self) {
        for _ in 0..TURNS_MAX {
            self.collect();
            self.client.handle_timeout(self.now);
            let next = self.client.poll_timeout();
            if next.is_none_or(|deadline| deadline.at > self.now) {
                assert!(self.client.requests() <= TRANSACTIONS_MAX + 1);
                return;
            }
        }
        panic!("the clock of the client stands still");
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.client.poll_transmit() {
            assert!(!self.ended, "whoever has ended asks for nothing");
            Message::parse(&bytes).unwrap();
            self.asked.push(bytes);
        }
        while let Some(event) = self.client.poll_event() {
            self.ended |= matches!(event, Event::Failed(_) | Event::Released);
        }
    }
}

fn some_peer(script: &mut Script<'_>) -> SocketAddr {
    let peers = ["192.0.2.1:5000", "192.0.2.1:5001", "192.0.2.2:5000", "[2001:db8:1::1]:5000", "0.0.0.0:0"];
    script.choose(&peers).parse().unwrap()
}
