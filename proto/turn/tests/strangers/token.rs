//! Any bytes as an access token, and inside of one: the fuzz target `turn_token`, and its replay.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as AeadNonce, UnboundKey};
use moim_stun::attribute::{Nonce, Realm as RealmAttribute, Username};
use moim_stun::{BuildError, Class, Integrity, IntegrityKey, Message, MessageBuilder, Seal, TransactionId};
use moim_turn::attribute::{AccessToken, RequestedTransport};
use moim_turn::auth::{
    AccessTokenKey, Algorithms, Attempt, CHALLENGE_LEN_MAX, NONCE_LIFETIME_DEFAULT, Nonces, Realm,
};
use moim_turn::{FiveTuple, Now, Transport, method};
use std::time::{Duration, Instant, UNIX_EPOCH};

const KEY: [u8; 32] = [9; 32];
const KID: &str = "kid";
const SERVER_NAME: &str = "turn.example.org";
/// The longest token that fits into the requests made here.
const TOKEN_LEN_MAX: usize = 1024;

/// Shows a token to a realm: `bytes` as they are, or sealed as an authorization server seals what is in one.
///
/// # Panics
/// If a token counts that no authorization server has made.
pub(crate) fn exercise(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let rest = &rest[..rest.len().min(TOKEN_LEN_MAX - 30)];
    let is_sealed = first % 2 == 0;
    let token = if is_sealed { seal(rest) } else { rest.to_vec() };
    // What is in a token that was sealed is its key, as long as it says.
    let mac_key = match rest.split_first_chunk() {
        Some((len, rest)) if is_sealed => &rest[..rest.len().min(usize::from(u16::from_be_bytes(*len)))],
        _ => &[0; 20],
    };
    let is_taken = show(&token, mac_key);
    assert!(!is_taken || is_sealed, "whoever can make a token has the key");
}

fn seal(block: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("the key has the length"));
    let nonce = [1; 12];
    let mut sealed = block.to_vec();
    key.seal_in_place_append_tag(
        AeadNonce::assume_unique_for_key(nonce),
        Aad::from(SERVER_NAME),
        &mut sealed,
    )
    .expect("a block this short can be sealed");
    [[0, 12].as_slice(), &nonce, &sealed].concat()
}

/// Whether a token and its key prove anything.
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn show(token: &[u8], mac_key: &[u8]) -> bool {
    let mut realm = Realm::new("example.org", Algorithms::Sha256ThenMd5).expect("the name is one");
    realm.set_token_server_name(SERVER_NAME).expect("the name is one");
    let key = AccessTokenKey::new(&KEY).expect("the key has the length");
    realm.add_token_key(KID, key).expect("there is none yet");
    let nonces = Nonces::new(&[7; 32], NONCE_LIFETIME_DEFAULT);
    let client = "203.0.113.7:4000".parse().expect("it is an address");
    let server = "198.51.100.1:3478".parse().expect("it is an address");
    let five_tuple = FiveTuple::new(Transport::Udp, client, server);
    let now = Now { at: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
    let attempt = |bytes: &[u8]| {
        let request = Message::parse(bytes).expect("it was built");
        let attempt =
            Attempt { realm: &realm, nonces: &nonces, request: &request, five_tuple: &five_tuple, now };
        let mut out = [0; CHALLENGE_LEN_MAX];
        match attempt.authenticate(None) {
            Ok(authenticated) => {
                assert_eq!(authenticated.username(), KID);
                let left = authenticated.credential().lifetime_max(now.wall);
                assert!(left.is_some(), "a token ends");
                None
            }
            Err(refusal) => {
                let len = attempt.refuse(&refusal, &mut out).expect("it fits");
                Some(out[..len].to_vec())
            }
        }
    };
    let bare = build(Seal::default(), |builder| builder.attribute(&RequestedTransport::UDP));
    let challenge = attempt(&bare).expect("nothing was proved");
    let challenge = Message::parse(&challenge).expect("it was built");
    let nonce = challenge.get::<Nonce<'_>>().ok().flatten().expect("a challenge has a nonce");
    let key = IntegrityKey::from_bytes(mac_key);
    let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: false };
    let request = build(seal, |builder| {
        builder.attribute(&Username(KID))?;
        builder.attribute(&AccessToken(token))?;
        builder.attribute(&RealmAttribute("example.org"))?;
        builder.attribute(&nonce)
    });
    attempt(&request).is_none()
}

fn build(seal: Seal<'_>, add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let mut builder =
        MessageBuilder::new(&mut buffer, Class::Request, method::ALLOCATE, TransactionId([5; 12]))
            .expect("there is room");
    add(&mut builder).expect("there is room");
    builder.finish(seal).expect("there is room").to_vec()
}
