//! Self-contained access tokens (RFC 7635 §6.2), encrypted by AEAD_AES_256_GCM (RFC 5116 §5.2).
//!
//! ```text
//! u16 nonce length ‖ nonce ‖ AEAD( u16 key length ‖ key ‖ u64 timestamp ‖ u32 lifetime )
//! ```
//! What the authorization server and this server agree on besides the key is the name of this server: it is the additional
//! data of the AEAD, so that a token is good nowhere else.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use moim_stun::IntegrityKey;
use moim_wire::{Reader, Writer};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// The longest token that is looked at, in bytes; one with a key of 32 bytes takes 76.
pub const TOKEN_LEN_MAX: usize = 256;
/// RFC 7635 §6.2 has keys of 20 bytes for HMAC-SHA1 and of 32 for HMAC-SHA256.
const MAC_KEY_LEN_MIN: usize = 16;
const MAC_KEY_LEN_MAX: usize = 64;
/// The length of an AEAD_AES_256_GCM nonce, as a token begins with it.
const NONCE_LEN_FIELD: [u8; 2] = [0, 12];
/// How far the clocks may be apart (RFC 7635 §6.2).
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// A key that is shared with an authorization server.
pub struct AccessTokenKey(LessSafeKey);

/// What a token gives.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    key: IntegrityKey,
    issued: SystemTime,
    lifetime: Duration,
}

/// Why no token can be made, or no key of what is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The key shared with the authorization server is not of 32 bytes.
    #[error("the key of an authorization server has 32 bytes (AES-256-GCM)")]
    KeyLength,
    /// The key inside of the token is too short or too long.
    #[error("the key inside of a token has {MAC_KEY_LEN_MIN} to {MAC_KEY_LEN_MAX} bytes")]
    MacKeyLength,
}

impl AccessTokenKey {
    /// The key of an authorization server: 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, TokenError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| TokenError::KeyLength)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Makes a token as an authorization server does: for `server_name`, with `mac_key` inside, good for `lifetime` from `issued`.
    ///
    /// The nonce must be another one for each token made with this key.
    pub fn seal(
        &self,
        server_name: &str,
        mac_key: &[u8],
        issued: SystemTime,
        lifetime: Duration,
        nonce: [u8; NONCE_LEN],
    ) -> Result<Vec<u8>, TokenError> {
        if !(MAC_KEY_LEN_MIN..=MAC_KEY_LEN_MAX).contains(&mac_key.len()) {
            return Err(TokenError::MacKeyLength);
        }
        let mut block = Zeroizing::new(write_block(mac_key, issued, lifetime));
        let tag = self.0.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(server_name),
            &mut block,
        );
        // The AEAD refuses nothing but blocks of many gigabytes.
        let tag = tag.map_err(|_| TokenError::MacKeyLength)?;
        Ok([&NONCE_LEN_FIELD[..], &nonce, &block, tag.as_ref()].concat())
    }

    /// Opens a token made for `server_name`. [`None`]: it was not made with this key, or has no form.
    pub(super) fn open(&self, server_name: &str, token: &[u8]) -> Option<TokenGrant> {
        if token.len() > TOKEN_LEN_MAX {
            return None;
        }
        let mut reader = Reader::new(token);
        let nonce_len = usize::from(reader.u16()?);
        let nonce = Nonce::try_assume_unique_for_key(reader.bytes(nonce_len)?).ok()?;
        let mut block = Zeroizing::new(reader.rest().to_vec());
        let block = self.0.open_in_place(nonce, Aad::from(server_name), &mut block).ok()?;
        read_block(block)
    }
}

impl fmt::Debug for AccessTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokenKey([redacted])")
    }
}

impl TokenGrant {
    /// RFC 7635 §6.2: neither old nor from the future.
    pub(super) fn is_valid_at(&self, wall: SystemTime) -> bool {
        let difference = match wall.duration_since(self.issued) {
            Ok(age) => age,
            Err(ahead) => ahead.duration(),
        };
        difference < self.lifetime.saturating_add(CLOCK_SKEW)
    }

    pub(super) fn expires(&self) -> SystemTime {
        self.issued.checked_add(self.lifetime).unwrap_or(self.issued)
    }

    pub(super) fn into_key(self) -> IntegrityKey {
        self.key
    }
}

/// RFC 7635 §6.2: 48 bits of seconds since 1970 and 16 bits of 1/64000 of a second.
const FRACTIONS: u32 = 64_000;

fn write_block(mac_key: &[u8], issued: SystemTime, lifetime: Duration) -> Vec<u8> {
    let since_1970 = issued.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = since_1970.subsec_nanos() / (1_000_000_000 / FRACTIONS);
    let timestamp = (since_1970.as_secs() << 16) | u64::from(fraction);
    let lifetime = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
    let mut buffer = Zeroizing::new([0; 2 + MAC_KEY_LEN_MAX + 12]);
    let mut writer = Writer::new(buffer.as_mut_slice());
    let len = u16::try_from(mac_key.len()).expect("the length was checked");
    let written = (|| {
        writer.u16(len)?;
        writer.bytes(mac_key)?;
        writer.u64(timestamp)?;
        writer.u32(lifetime)
    })();
    written.expect("the buffer has room for the longest key");
    writer.written().to_vec()
}

fn read_block(block: &[u8]) -> Option<TokenGrant> {
    let mut reader = Reader::new(block);
    let len = usize::from(reader.u16()?);
    let mac_key = reader.bytes(len)?;
    let timestamp = reader.u64()?;
    let lifetime = Duration::from_secs(reader.u32()?.into());
    if !(MAC_KEY_LEN_MIN..=MAC_KEY_LEN_MAX).contains(&len) || !reader.is_empty() {
        return None;
    }
    let fraction = u32::try_from(timestamp & 0xffff).ok()?.min(FRACTIONS - 1);
    let since_1970 = Duration::new(timestamp >> 16, fraction * (1_000_000_000 / FRACTIONS));
    Some(TokenGrant {
        key: IntegrityKey::from_bytes(mac_key),
        issued: UNIX_EPOCH.checked_add(since_1970)?,
        lifetime,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVER_NAME: &str = "blackdow.carleon.gov";
    const KEY: &[u8; 32] = b"HGkj32KJGiuy098sdfaqbNjOiaz71923";
    const MAC_KEY: &[u8; 20] = b"ZksjpweoixXmvn67534m";
    const TIMESTAMP: u64 = 92_470_300_704_768;
    const LIFETIME: Duration = Duration::from_secs(3600);
    const SAMPLE: &[u8] = b"\x00\x0ch4j3k2l2n4b5\
        \x61\x7e\xf1\x34\xa3\xd5\xe4\x4e\x9a\x19\xcc\x7d\xc1\x04\xb0\xc0\x3d\x03\xb2\xa5\x51\xd8\xfd\xf5\xcd\x3b\x6d\xca\
        \x6f\x10\xcf\xb7\x7e\x5b\x2d\xde\xc8\x4d\x29\x3a\x5c\x50\x49\x93\x59\xf0\xc2\xe2\x6f\x76";

    /// Covers: RFC 7635 appendix A
    #[test]
    fn the_sample_of_the_rfc_is_made_and_opened() {
        let key = AccessTokenKey::new(KEY).unwrap();

        let token = key.seal(SERVER_NAME, MAC_KEY, issued(), LIFETIME, *b"h4j3k2l2n4b5").unwrap();
        let grant = key.open(SERVER_NAME, SAMPLE).unwrap();

        assert_eq!(token, SAMPLE);
        assert_eq!((grant.issued, grant.lifetime), (issued(), LIFETIME));
    }

    /// Covers: RFC 7635 §6.2
    #[test]
    fn a_token_is_opened_only_by_its_key_and_for_its_server() {
        let key = AccessTokenKey::new(KEY).unwrap();

        assert!(key.open(SERVER_NAME, SAMPLE).is_some());
        assert!(key.open("other.example", SAMPLE).is_none());
        assert!(AccessTokenKey::new(&[7; 32]).unwrap().open(SERVER_NAME, SAMPLE).is_none());
        for len in 0..SAMPLE.len() {
            assert!(key.open(SERVER_NAME, &SAMPLE[..len]).is_none());
            let mut changed = SAMPLE.to_vec();
            changed[len] ^= 1;
            assert!(key.open(SERVER_NAME, &changed).is_none());
        }
        assert!(key.open(SERVER_NAME, &[0; TOKEN_LEN_MAX + 1]).is_none());
    }

    /// Covers: RFC 7635 §6.2
    #[test]
    fn a_token_is_good_for_its_lifetime_and_five_seconds_for_the_clocks() {
        let grant = AccessTokenKey::new(KEY).unwrap().open(SERVER_NAME, SAMPLE).unwrap();
        let seconds = Duration::from_secs;

        assert!(grant.is_valid_at(issued()));
        assert!(grant.is_valid_at(issued() + LIFETIME + seconds(4)));
        assert!(!grant.is_valid_at(issued() + LIFETIME + seconds(5)));
        assert!(grant.is_valid_at(issued() - seconds(4)));
        assert!(!grant.is_valid_at(issued() - LIFETIME - seconds(5)));
        assert_eq!(grant.expires(), issued() + LIFETIME);
    }

    #[test]
    fn keys_of_other_lengths_are_refused() {
        assert_eq!(AccessTokenKey::new(&[0; 16]).unwrap_err(), TokenError::KeyLength);
        let key = AccessTokenKey::new(KEY).unwrap();
        for len in [0, 15, 65] {
            let sealed = key.seal(SERVER_NAME, &vec![0; len], issued(), LIFETIME, [0; 12]);
            assert_eq!(sealed, Err(TokenError::MacKeyLength));
        }
        assert_eq!(format!("{key:?}"), "AccessTokenKey([redacted])");
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(
            mac_key in prop::collection::vec(any::<u8>(), MAC_KEY_LEN_MIN..=MAC_KEY_LEN_MAX),
            millis in 0..1_u64 << 50,
            lifetime in any::<u32>(),
            nonce: [u8; 12],
        ) {
            let key = AccessTokenKey::new(KEY).unwrap();
            let issued = UNIX_EPOCH + Duration::from_millis(millis);
            let lifetime = Duration::from_secs(lifetime.into());

            let token = key.seal(SERVER_NAME, &mac_key, issued, lifetime, nonce).unwrap();
            let grant = key.open(SERVER_NAME, &token).unwrap();

            prop_assert!(token.len() <= TOKEN_LEN_MAX);
            prop_assert_eq!((grant.issued, grant.lifetime), (issued, lifetime));
        }

        #[test]
        fn any_block_inside_of_a_token_is_read_or_refused(block: Vec<u8>) {
            if let Some(grant) = read_block(&block) {
                let _ = grant.expires();
                let _ = grant.is_valid_at(UNIX_EPOCH);
            }
        }
    }

    fn issued() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(TIMESTAMP >> 16)
    }
}
