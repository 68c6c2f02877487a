use super::base64;
use super::realm::Algorithms;
use super::refusal::RefusalReason;
use crate::five_tuple::{FiveTuple, bits};
use aws_lc_rs::{constant_time, hmac};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a nonce is good for, unless configured otherwise. RFC 8656 §5 wants an hour at most.
pub const NONCE_LIFETIME_DEFAULT: Duration = Duration::from_secs(3600);

/// RFC 8489 §9.2: a nonce that begins like this tells what the server can do, by 24 bits in base64.
const COOKIE: &str = "obMatJos2";
const FEATURES_LEN: usize = 4;

const TIME_LEN: usize = 4;
const TAG_LEN: usize = 14;
const PROOF_LEN: usize = TIME_LEN + TAG_LEN;
const PROOF_TEXT_LEN: usize = PROOF_LEN / 3 * 4;
const NONCE_LEN_MAX: usize = COOKIE.len() + FEATURES_LEN + PROOF_TEXT_LEN;

/// Makes and checks nonces without keeping any.
///
/// A nonce is a time and a proof (an HMAC, with a key of the server's) that it was made at that time for that client, by its
/// address, port and transport; and for what was offered to it, so that nobody on the way takes an offer back unnoticed
/// (RFC 8489 §9.2.4). All servers with the same key take each other's.
pub struct Nonces {
    key: hmac::Key,
    lifetime: Duration,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// What a nonce says that the server can do (RFC 8489 §18.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// It sent PASSWORD-ALGORITHMS.
    pub(crate) password_algorithms: bool,
    /// It takes USERHASH for USERNAME.
    pub(crate) username_anonymity: bool,
}

impl Features {
    /// Nothing beyond RFC 5389.
    pub(super) const NONE: Self = Self { password_algorithms: false, username_anonymity: false };

    /// The features are counted from the left of 24 bits.
    fn to_bytes(self) -> [u8; 3] {
        let bit = |is_set, bit: u8| if is_set { 1 << (7 - bit) } else { 0 };
        [bit(self.password_algorithms, 0) | bit(self.username_anonymity, 1), 0, 0]
    }

    /// Features that have no name here are passed over.
    fn from_bytes(bytes: [u8; 3]) -> Self {
        Self { password_algorithms: bytes[0] & 0x80 != 0, username_anonymity: bytes[0] & 0x40 != 0 }
    }
}

/// A nonce as it is sent.
#[derive(Clone, Copy)]
pub(super) struct NonceText {
    bytes: [u8; NONCE_LEN_MAX],
    len: usize,
}

impl NonceText {
    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("a nonce is made of ASCII")
    }
}

/// The length of a nonce, in bytes.
pub(super) fn nonce_len(features: Option<Features>) -> usize {
    if features.is_some() { NONCE_LEN_MAX } else { PROOF_TEXT_LEN }
}

/// Whether a nonce looks like one with features.
pub(super) fn has_cookie(nonce: &str) -> bool {
    nonce.starts_with(COOKIE)
}

/// What a nonce says that the server can do. [`None`]: it says nothing about that.
pub(crate) fn told_features(nonce: &str) -> Option<Features> {
    let text = nonce.strip_prefix(COOKIE)?.as_bytes().get(..FEATURES_LEN)?;
    let mut bytes = [0; 3];
    base64::decode(text, &mut bytes)?;
    Some(Features::from_bytes(bytes))
}

/// Splits a nonce of this server's into what it claims and its proof.
fn split(nonce: &str) -> Option<(Option<Features>, [u8; PROOF_LEN])> {
    let (features, text) = match nonce.strip_prefix(COOKIE) {
        None => (None, nonce.as_bytes()),
        Some(rest) => {
            let (text, rest) = rest.as_bytes().split_at_checked(FEATURES_LEN)?;
            let mut bytes = [0; 3];
            base64::decode(text, &mut bytes)?;
            let features = Features::from_bytes(bytes);
            if features.to_bytes() != bytes {
                return None;
            }
            (Some(features), rest)
        }
    };
    let mut proof = [0; PROOF_LEN];
    base64::decode(text, &mut proof)?;
    Some((features, proof))
}

/// The wall clock in seconds, which may wrap: only differences matter.
#[expect(clippy::cast_possible_truncation, reason = "it may wrap")]
fn seconds(wall: SystemTime) -> u32 {
    wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as u32
}

impl Nonces {
    /// Nonces by this key, of 32 random bytes, that are good for `lifetime`.
    pub fn new(key: &[u8; 32], lifetime: Duration) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), lifetime }
    }

    /// A nonce for a client. Without features it is one of RFC 5389, 24 characters long, else 37.
    pub(super) fn make(
        &self,
        features: Option<Features>,
        algorithms: Algorithms,
        five_tuple: &FiveTuple,
        wall: SystemTime,
    ) -> NonceText {
        let mut nonce = NonceText { bytes: [0; NONCE_LEN_MAX], len: nonce_len(features) };
        let (head, tail) = nonce.bytes.split_at_mut(nonce.len - PROOF_TEXT_LEN);
        if let Some(features) = features {
            let (cookie, text) = head.split_at_mut(COOKIE.len());
            cookie.copy_from_slice(COOKIE.as_bytes());
            base64::encode(&features.to_bytes(), text);
        }
        let time = seconds(wall).to_be_bytes();
        let mut proof = [0; PROOF_LEN];
        proof[..TIME_LEN].copy_from_slice(&time);
        proof[TIME_LEN..].copy_from_slice(&self.tag(time, features, algorithms, five_tuple));
        base64::encode(&proof, tail);
        nonce
    }

    /// Checks that a nonce is one that was made for this client, not too long ago, and tells what it said.
    pub(super) fn check(
        &self,
        nonce: &str,
        algorithms: Algorithms,
        five_tuple: &FiveTuple,
        wall: SystemTime,
    ) -> Result<Option<Features>, RefusalReason> {
        let (features, proof) = split(nonce).ok_or(RefusalReason::UnknownNonce)?;
        let (time, tag) = proof.split_first_chunk().ok_or(RefusalReason::UnknownNonce)?;
        constant_time::verify_slices_are_equal(tag, &self.tag(*time, features, algorithms, five_tuple))
            .map_err(|_| RefusalReason::UnknownNonce)?;
        // A clock that was set back makes a great age.
        let age = seconds(wall).wrapping_sub(u32::from_be_bytes(*time));
        if Duration::from_secs(age.into()) > self.lifetime {
            return Err(RefusalReason::OldNonce);
        }
        Ok(features)
    }

    fn tag(
        &self,
        time: [u8; TIME_LEN],
        features: Option<Features>,
        algorithms: Algorithms,
        five_tuple: &FiveTuple,
    ) -> [u8; TAG_LEN] {
        let has_cookie = u8::from(features.is_some());
        let [features, ..] = features.map_or([0; 3], Features::to_bytes);
        let mut data = [0; TIME_LEN + 4 + 16 + 2];
        data[..4].copy_from_slice(&time);
        data[4..8].copy_from_slice(&[features, has_cookie, algorithms as u8, five_tuple.transport as u8]);
        data[8..24].copy_from_slice(&bits(five_tuple.client.ip()).to_be_bytes());
        data[24..].copy_from_slice(&five_tuple.client.port().to_be_bytes());
        let tag = hmac::sign(&self.key, &data);
        *tag.as_ref().first_chunk().expect("the hash is longer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::five_tuple::Transport;

    const BOTH: Features = Features { password_algorithms: true, username_anonymity: true };
    const ALGORITHMS: Algorithms = Algorithms::Sha256ThenMd5;
    const LIFETIME: Duration = Duration::from_secs(600);

    /// Covers: RFC 8489 §9.2, §18.1
    #[test]
    fn features_are_told_after_the_cookie() {
        let only_algorithms = Features { username_anonymity: false, ..BOTH };
        let only_anonymity = Features { password_algorithms: false, ..BOTH };

        assert!(make(Some(BOTH)).as_str().starts_with("obMatJos2wAAA"));
        assert!(make(Some(only_algorithms)).as_str().starts_with("obMatJos2gAAA"));
        assert!(make(Some(only_anonymity)).as_str().starts_with("obMatJos2QAAA"));
        assert_eq!(make(Some(BOTH)).as_str().len(), 37);
        assert_eq!(make(None).as_str().len(), 24);
    }

    #[test]
    fn a_nonce_is_good_for_its_client_and_time() {
        for features in [None, Some(BOTH)] {
            let nonce = make(features);
            let nonce = nonce.as_str();
            assert_eq!(check(nonce, &client(), wall()), Ok(features));
            assert_eq!(check(nonce, &client(), wall() + LIFETIME), Ok(features));

            let late = wall() + LIFETIME + Duration::from_secs(1);
            assert_eq!(check(nonce, &client(), late), Err(RefusalReason::OldNonce));
            let before = wall() - Duration::from_secs(1);
            assert_eq!(check(nonce, &client(), before), Err(RefusalReason::OldNonce));
        }
    }

    /// Covers: RFC 8489 §9.2.4
    #[test]
    fn a_nonce_is_good_for_no_other_client() {
        let nonce = make(None);
        let server = "192.0.2.1:3478".parse().unwrap();
        let others = [
            FiveTuple::new(Transport::Udp, "203.0.113.7:4001".parse().unwrap(), server),
            FiveTuple::new(Transport::Udp, "203.0.113.8:4000".parse().unwrap(), server),
            FiveTuple::new(Transport::Tcp, "203.0.113.7:4000".parse().unwrap(), server),
        ];
        for other in others {
            assert_eq!(check(nonce.as_str(), &other, wall()), Err(RefusalReason::UnknownNonce), "{other:?}");
        }
    }

    #[test]
    fn a_changed_nonce_is_none() {
        for features in [None, Some(BOTH)] {
            let nonce = make(features);
            let nonce = nonce.as_str();
            for index in 0..nonce.len() {
                let mut changed = nonce.as_bytes().to_vec();
                changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert!(check(&changed, &client(), wall()).is_err(), "{changed}");
                assert!(check(&nonce[..index], &client(), wall()).is_err());
            }
            assert!(check(&format!("{nonce}AAAA"), &client(), wall()).is_err());
        }
        assert!(check("obMatJos2\u{e4}\u{e4}\u{e4}", &client(), wall()).is_err());
    }

    #[test]
    fn a_nonce_of_another_key_or_offer_is_none() {
        let nonce = make(Some(BOTH));
        let other = Nonces::new(&[8; 32], LIFETIME);

        let by_key = other.check(nonce.as_str(), ALGORITHMS, &client(), wall());
        assert_eq!(by_key, Err(RefusalReason::UnknownNonce));
        let by_offer = nonces().check(nonce.as_str(), Algorithms::Sha256, &client(), wall());
        assert_eq!(by_offer, Err(RefusalReason::UnknownNonce));
    }

    fn make(features: Option<Features>) -> NonceText {
        nonces().make(features, ALGORITHMS, &client(), wall())
    }

    fn check(nonce: &str, client: &FiveTuple, wall: SystemTime) -> Result<Option<Features>, RefusalReason> {
        nonces().check(nonce, ALGORITHMS, client, wall)
    }

    fn nonces() -> Nonces {
        Nonces::new(&[7; 32], LIFETIME)
    }

    fn client() -> FiveTuple {
        FiveTuple::new(Transport::Udp, "203.0.113.7:4000".parse().unwrap(), "192.0.2.1:3478".parse().unwrap())
    }

    fn wall() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}
