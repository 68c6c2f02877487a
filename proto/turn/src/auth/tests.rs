//! Requests as clients make them, against realms of every kind.

mod bidding_down;
mod challenges;
mod existing;
mod passwords;
mod tokens;

use super::nonce::Features;
use super::{
    AccessTokenKey, Algorithms, Attempt, Authenticated, NONCE_LIFETIME_DEFAULT, Nonces, Realm, Refusal,
    StoredCredential,
};
use crate::method::ALLOCATE;
use crate::{FiveTuple, Now, Transport};
use moim_stun::attribute::{
    Attribute, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm as RealmAttribute,
};
use moim_stun::{BuildError, Class, Integrity, IntegrityKey, Message, MessageBuilder, Seal, TransactionId};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const REALM: &str = "example.org";
const USER: &str = "ann";
const PASSWORD: &str = "correct horse";
const ID: TransactionId = TransactionId([5; 12]);

/// A server, as far as authentication goes, and the time.
struct World {
    realm: Realm,
    nonces: Nonces,
    client: FiveTuple,
    now: Now,
}

impl World {
    fn new(algorithms: Algorithms) -> Self {
        let mut realm = Realm::new(REALM, algorithms).unwrap();
        realm.add_user(USER, PASSWORD).unwrap();
        Self::with_realm(realm)
    }

    fn with_realm(realm: Realm) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
        let at = Instant::now();
        let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self {
            realm,
            nonces: Nonces::new(&[7; 32], NONCE_LIFETIME_DEFAULT),
            client: client(Transport::Udp),
            now: Now { at, wall },
        }
    }

    /// The nonce of a challenge with everything in it.
    fn nonce(&self) -> String {
        self.nonce_with(Some(self.realm.features()))
    }

    /// The nonce of a challenge of RFC 5389.
    fn short_nonce(&self) -> String {
        self.nonce_with(None)
    }

    fn nonce_with(&self, features: Option<Features>) -> String {
        let nonce = self.nonces.make(features, self.realm.algorithms(), &self.client, self.now.wall);
        nonce.as_str().to_owned()
    }

    fn authenticate(&self, request: &[u8]) -> Result<Authenticated, Refusal> {
        self.authenticate_in(request, None)
    }

    fn authenticate_in(
        &self,
        request: &[u8],
        existing: Option<&Arc<StoredCredential>>,
    ) -> Result<Authenticated, Refusal> {
        let Ok(message) = Message::parse(request) else { panic!("tests make messages") };
        self.attempt(&message, |attempt| attempt.authenticate(existing))
    }

    /// The code of the error, or 0.
    fn code(&self, request: &[u8]) -> u16 {
        self.authenticate(request).map_or_else(|refusal| refusal.reason().error_code(), |_| 0)
    }

    /// The response to a request that is refused.
    fn refusal(&self, request: &[u8]) -> Vec<u8> {
        let refusal = self.authenticate(request).unwrap_err();
        self.refuse(request, &refusal)
    }

    fn refuse(&self, request: &[u8], refusal: &Refusal) -> Vec<u8> {
        let mut out = [0; super::CHALLENGE_LEN_MAX];
        let len = self
            .attempt(&Message::parse(request).unwrap(), |attempt| attempt.refuse(refusal, &mut out))
            .unwrap();
        out[..len].to_vec()
    }

    fn attempt<T>(&self, request: &Message<'_>, run: impl FnOnce(Attempt<'_>) -> T) -> T {
        let Self { realm, nonces, client, now } = self;
        run(Attempt { realm, nonces, request, five_tuple: client, now: *now })
    }

    fn later(&self, seconds: u64) -> Now {
        let duration = Duration::from_secs(seconds);
        Now { at: self.now.at + duration, wall: self.now.wall + duration }
    }
}

fn client(transport: Transport) -> FiveTuple {
    FiveTuple::new(transport, "203.0.113.7:4000".parse().unwrap(), "192.0.2.1:3478".parse().unwrap())
}

/// Builds a request of what `build` puts into it.
fn request(seal: Seal<'_>, build: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, ALLOCATE, ID).unwrap();
    build(&mut builder).unwrap();
    builder.finish(seal).unwrap().to_vec()
}

/// A request of RFC 8489: realm, nonce, and which algorithm of those offered was chosen.
fn modern<'a>(
    claim: &impl Attribute<'a>,
    nonce: &str,
    chosen: PasswordAlgorithm<'_>,
    offered: PasswordAlgorithms<'_>,
    integrity: Integrity<'_>,
) -> Vec<u8> {
    request(Seal { integrity, fingerprint: false }, |builder| {
        builder.attribute(claim)?;
        builder.attribute(&RealmAttribute(REALM))?;
        builder.attribute(&Nonce(nonce))?;
        builder.attribute(&offered)?;
        builder.attribute(&chosen)
    })
}

/// A request of RFC 5389: realm and nonce.
fn classic<'a>(claim: &impl Attribute<'a>, nonce: &str, integrity: Integrity<'_>) -> Vec<u8> {
    request(Seal { integrity, fingerprint: false }, |builder| {
        builder.attribute(claim)?;
        builder.attribute(&RealmAttribute(REALM))?;
        builder.attribute(&Nonce(nonce))
    })
}

fn md5(username: &str, password: &str) -> IntegrityKey {
    IntegrityKey::long_term_md5(username, REALM, password).unwrap()
}

fn sha256(username: &str, password: &str) -> IntegrityKey {
    IntegrityKey::long_term_sha256(username, REALM, password).unwrap()
}

/// The credential as an allocation keeps it.
fn stored(authenticated: &Authenticated) -> Arc<StoredCredential> {
    Arc::clone(authenticated.credential())
}

fn token_key() -> AccessTokenKey {
    AccessTokenKey::new(&[9; 32]).unwrap()
}

fn seconds_since_1970(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
