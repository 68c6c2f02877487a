use super::credential::Credential;
use super::draft::{Draft, Reply};
use super::link::{Link, Transport};
use super::subject::Subject;
use super::verdict::{Status, Verdict};
use moim_stun::attribute::{
    AlgorithmNumber, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm, Software, Username,
    XorMappedAddress,
};
use moim_stun::{AttributeType, Integrity, IntegrityCheck, IntegrityKey, SHA256_LEN, Seal};
use moim_turn::attribute::{
    ChannelNumberAttribute, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use moim_turn::channel_data::{ChannelData, ChannelNumber};
use moim_turn::method;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

/// How often a quota is waited for that earlier checks have used up.
const QUOTA_WAITS_MAX: usize = 3;
/// How many further 5-tuples are tried where the first is taken.
const LINKS_MAX: usize = 3;
const SOFTWARE: &str = "moim turn-check: a long request, so that a long answer is no more";

/// What a server's challenge says (RFC 8489 §9.2.4).
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
    /// The value of PASSWORD-ALGORITHMS as it came.
    pub(crate) algorithms: Option<Vec<u8>>,
}

impl Challenge {
    /// [`None`]: the response is not one that a client can go on with.
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        let realm = reply.get::<Realm<'_>>()?.0.to_owned();
        let nonce = reply.get::<Nonce<'_>>()?.0.to_owned();
        let algorithms = reply.message().find(AttributeType::PASSWORD_ALGORITHMS);
        Some(Self { realm, nonce, algorithms: algorithms.map(|attribute| attribute.value.to_vec()) })
    }

    /// Whether the nonce says that PASSWORD-ALGORITHMS came with it (RFC 8489 §9.2, the security feature bits).
    pub(crate) fn has_algorithms_bit(&self) -> bool {
        self.features().is_some_and(|bits| bits & 0x80_0000 != 0)
    }

    /// Whether the nonce says that USERHASH is understood.
    pub(crate) fn has_user_hash_bit(&self) -> bool {
        self.features().is_some_and(|bits| bits & 0x40_0000 != 0)
    }

    /// The 24 bits behind the cookie, if the nonce begins with it.
    fn features(&self) -> Option<u32> {
        let digits = self.nonce.strip_prefix("obMatJos2")?.get(..4)?;
        let mut bits = 0;
        for digit in digits.bytes() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        Some(bits)
    }
}

/// A client with a credential, on one 5-tuple. What it has allocated is given back when it is dropped.
pub(crate) struct Turn {
    pub(crate) link: Link,
    pub(crate) credential: Credential,
    pub(crate) challenge: Challenge,
    pub(crate) relayed: Option<SocketAddr>,
    pub(crate) mapped: Option<SocketAddr>,
    keys: Keys,
}

/// Which of RFC 5389 and RFC 8489 the client speaks.
enum Keys {
    Md5(IntegrityKey),
    Modern { algorithm: PasswordAlgorithm<'static>, key: IntegrityKey },
}

impl Turn {
    /// A client that was challenged, and knows how to answer.
    pub(crate) fn challenged(subject: &Subject) -> Result<Self, Verdict> {
        let mut challenged = Self::challenged_as(subject.link()?, subject.credential()?);
        for _ in 0..LINKS_MAX {
            match challenged {
                Err(verdict) if verdict.status == Status::Skipped => {
                    // The port may be one that an earlier check had, whose allocation the server has not let go of yet.
                    challenged = Self::challenged_as(subject.link()?, subject.credential()?);
                }
                challenged => return challenged,
            }
        }
        challenged
    }

    /// The same, as another user or on another 5-tuple.
    pub(crate) fn challenged_as(mut link: Link, credential: &Credential) -> Result<Self, Verdict> {
        // Long, so that a server which keeps its answers in proportion to requests has room for all it offers.
        let draft = allocate_draft().with(&Software(SOFTWARE));
        let reply =
            link.exchange(&draft.plain(), draft.id).map_err(|verdict| verdict.beforehand("no challenge"))?;
        let challenge = Challenge::of(&reply).filter(|_| reply.code() == Some(401));
        let Some(challenge) = challenge else {
            return Err(Verdict::skipped(format_args!("no challenge, but {}", reply.seen())));
        };
        let keys = Keys::for_challenge(credential, &challenge)?;
        Ok(Self { link, credential: credential.clone(), challenge, relayed: None, mapped: None, keys })
    }

    /// The same client on another 5-tuple, with the nonce of the first: a server that binds nonces to 5-tuples gives another.
    pub(crate) fn like(other: &Self, link: Link) -> Result<Self, Verdict> {
        let (credential, challenge) = (other.credential.clone(), other.challenge.clone());
        let keys = Keys::for_challenge(&credential, &challenge)?;
        Ok(Self { link, credential, challenge, relayed: None, mapped: None, keys })
    }

    /// A client with an allocation.
    pub(crate) fn allocated(subject: &Subject) -> Result<Self, Verdict> {
        let mut turn = Self::challenged(subject)?;
        turn.allocate()?;
        Ok(turn)
    }

    pub(crate) fn allocated_by(subject: &Subject, transport: Transport) -> Result<Self, Verdict> {
        let mut turn = Self::challenged_as(subject.link_by(transport)?, subject.credential()?)?;
        turn.allocate()?;
        Ok(turn)
    }

    /// Goes on as another user, and returns the one it was.
    pub(crate) fn become_user(&mut self, credential: &Credential) -> Result<Credential, Verdict> {
        self.keys = Keys::for_challenge(credential, &self.challenge)?;
        Ok(std::mem::replace(&mut self.credential, credential.clone()))
    }

    /// Allocates, as something that has to work before a check can be made.
    pub(crate) fn allocate(&mut self) -> Result<Reply, Verdict> {
        let reply = self.allocate_by(&allocate_draft())?;
        if reply.is_success() {
            return Ok(reply);
        }
        Err(Verdict::skipped(format_args!("cannot allocate: {}", reply.seen())))
    }

    /// Makes this Allocate, and keeps what its response says.
    pub(crate) fn allocate_by(&mut self, draft: &Draft) -> Result<Reply, Verdict> {
        let mut reply = self.call(draft)?;
        for _ in 0..QUOTA_WAITS_MAX {
            if reply.code() != Some(486) {
                break;
            }
            // A server may count allocations that were deleted a moment ago.
            thread::sleep(self.link.patience() / 2);
            reply = self.call(&draft.renewed())?;
        }
        self.took(&reply);
        Ok(reply)
    }

    /// Keeps what a response to Allocate says. False: it is no success.
    pub(crate) fn took(&mut self, reply: &Reply) -> bool {
        if reply.is_success() {
            self.relayed = reply.get::<XorRelayedAddress>().map(|relayed| relayed.0);
            self.mapped = reply.get::<XorMappedAddress>().map(|mapped| mapped.0);
        }
        reply.is_success()
    }

    /// The relayed transport address.
    pub(crate) fn relayed(&self) -> Result<SocketAddr, Verdict> {
        self.relayed.ok_or_else(|| Verdict::skipped("the allocation has no XOR-RELAYED-ADDRESS"))
    }

    /// Makes an authenticated request. A nonce that has become stale is replaced once, as RFC 8489 §9.2.5 wants.
    pub(crate) fn call(&mut self, draft: &Draft) -> Result<Reply, Verdict> {
        let reply = self.call_once(draft)?;
        if reply.code() != Some(438) {
            return Ok(reply);
        }
        let Some(challenge) = Challenge::of(&reply) else { return Ok(reply) };
        self.challenge = challenge;
        self.call_once(&draft.renewed())
    }

    fn call_once(&mut self, draft: &Draft) -> Result<Reply, Verdict> {
        let bytes = self.sealed(draft);
        self.link.exchange(&bytes, draft.id)
    }

    /// A request with credentials.
    pub(crate) fn sealed(&self, draft: &Draft) -> Vec<u8> {
        let draft = draft
            .clone()
            .with(&Username(&self.credential.username))
            .with(&Realm(&self.challenge.realm))
            .with(&Nonce(&self.challenge.nonce));
        match &self.keys {
            Keys::Md5(key) => draft.bytes(Seal { integrity: Integrity::Sha1(key), fingerprint: false }),
            Keys::Modern { algorithm, key } => {
                let algorithms = self.challenge.algorithms.as_deref().unwrap_or_default();
                let draft = draft.raw(AttributeType::PASSWORD_ALGORITHMS, algorithms).with(algorithm);
                draft.bytes(Seal { integrity: Integrity::Sha256(key), fingerprint: false })
            }
        }
    }

    /// Whether a response was made with the same key.
    pub(crate) fn verifies(&self, reply: &Reply) -> bool {
        let message = reply.message();
        let check = match &self.keys {
            Keys::Md5(key) => message.check_sha1(key),
            Keys::Modern { key, .. } => message.check_sha256(key, SHA256_LEN),
        };
        check == IntegrityCheck::Valid
    }

    /// CreatePermission.
    pub(crate) fn permit(&mut self, peer: IpAddr) -> Result<Reply, Verdict> {
        let draft = Draft::request(method::CREATE_PERMISSION).with(&XorPeerAddress(SocketAddr::new(peer, 0)));
        self.call(&draft)
    }

    /// CreatePermission, as something that has to work before a check can be made.
    pub(crate) fn permitted(&mut self, peer: IpAddr) -> Result<(), Verdict> {
        let reply = self.permit(peer)?;
        if reply.is_success() {
            return Ok(());
        }
        Err(Verdict::skipped(format_args!("the server refuses the peer {peer}: {}", reply.seen())))
    }

    /// ChannelBind.
    pub(crate) fn bind(&mut self, number: u16, peer: SocketAddr) -> Result<Reply, Verdict> {
        self.call(&bind_draft(number, peer))
    }

    /// Refresh; with no lifetime the server's default is asked for.
    pub(crate) fn refresh(&mut self, lifetime: Option<u32>) -> Result<Reply, Verdict> {
        let draft = Draft::request(method::REFRESH);
        let draft = match lifetime {
            Some(seconds) => draft.with(&Lifetime(seconds)),
            None => draft,
        };
        self.call(&draft)
    }

    /// A Send indication.
    pub(crate) fn send_to(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), Verdict> {
        let draft = Draft::indication(method::SEND).with(&XorPeerAddress(peer)).with(&Data(data));
        Ok(self.link.send(&draft.plain())?)
    }

    /// ChannelData, padded where the transport wants it.
    pub(crate) fn send_on(&mut self, number: u16, data: &[u8]) -> Result<(), Verdict> {
        let mut message = channel_data(number, data);
        if self.link.transport().is_stream() {
            message.resize(message.len().next_multiple_of(4), 0);
        }
        Ok(self.link.send(&message)?)
    }

    /// The next data from a peer, by either way. [`None`]: none came in time.
    pub(crate) fn receive(&mut self, wait: Duration) -> Result<Option<FromPeer>, Verdict> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match self.link.receive(left)? {
                Some(bytes) => {
                    if let Some(from) = FromPeer::read(&bytes) {
                        return Ok(Some(from));
                    }
                }
                None if Instant::now() >= end || self.link.is_closed() => return Ok(None),
                None => {}
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.relayed.is_some() {
            let refresh = Draft::request(method::REFRESH).with(&Lifetime(0));
            let bytes = self.sealed(&refresh);
            // A courtesy that saves the server ten minutes; if it fails, the allocation times out.
            let _ = self.link.ask(&bytes, refresh.id);
        }
    }
}

impl Keys {
    /// RFC 8489 §9.2.5: the first algorithm that is known, or MD5 as in RFC 5389 where none is offered.
    fn for_challenge(credential: &Credential, challenge: &Challenge) -> Result<Self, Verdict> {
        let no_key = || Verdict::skipped("no key can be made of this user name, realm and password");
        let realm = &challenge.realm;
        let offered = challenge.algorithms.as_deref().and_then(|value| {
            let draft =
                Draft::request(moim_stun::Method::BINDING).raw(AttributeType::PASSWORD_ALGORITHMS, value);
            let reply = Reply::new(draft.plain())?;
            let algorithms = reply.get::<PasswordAlgorithms<'_>>()?;
            let known = [AlgorithmNumber::SHA256, AlgorithmNumber::MD5];
            algorithms.iter().map(|offered| offered.algorithm).find(|number| known.contains(number))
        });
        Ok(match offered.filter(|_| challenge.has_algorithms_bit()) {
            Some(AlgorithmNumber::SHA256) => Self::Modern {
                algorithm: PasswordAlgorithm::SHA256,
                key: credential.sha256(realm).ok_or_else(no_key)?,
            },
            Some(_) => Self::Modern {
                algorithm: PasswordAlgorithm::MD5,
                key: credential.md5(realm).ok_or_else(no_key)?,
            },
            None => Self::Md5(credential.md5(realm).ok_or_else(no_key)?),
        })
    }
}

/// Data that the server relayed from a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromPeer {
    Indication { peer: SocketAddr, data: Vec<u8> },
    Channel { number: u16, data: Vec<u8> },
}

impl FromPeer {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        if let Some(channel) = ChannelData::parse(bytes) {
            return Some(Self::Channel {
                number: channel.number.number(),
                data: bytes[channel.range].to_vec(),
            });
        }
        let reply = Reply::new(bytes.to_vec())?;
        if reply.message().method() != method::DATA {
            return None;
        }
        let peer = reply.get::<XorPeerAddress>()?.0;
        let data = reply.get::<Data<'_>>()?.0.to_vec();
        Some(Self::Indication { peer, data })
    }

    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Self::Indication { data, .. } | Self::Channel { data, .. } => data,
        }
    }
}

/// Allocate, for UDP to peers, without credentials.
pub(crate) fn allocate_draft() -> Draft {
    Draft::request(method::ALLOCATE).with(&RequestedTransport::UDP)
}

/// ChannelBind, without credentials. The number need not be one that a channel may have.
pub(crate) fn bind_draft(number: u16, peer: SocketAddr) -> Draft {
    Draft::request(method::CHANNEL_BIND).with(&ChannelNumberAttribute(number)).with(&XorPeerAddress(peer))
}

/// A ChannelData message without padding.
pub(crate) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).expect("the checks send short data");
    [&number.to_be_bytes()[..], &len.to_be_bytes()[..], data].concat()
}

/// The first number that a channel may have.
pub(crate) const CHANNEL: u16 = ChannelNumber::MIN.number();
