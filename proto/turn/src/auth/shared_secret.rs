//! Passwords that a web service makes by itself: coturn's `use-auth-secret`, also known as the TURN REST API
//! (draft-uberti-behave-turn-rest).
//!
//! The user name is the time of its expiry in seconds since 1970 and, after a colon, whatever the service likes; the password
//! is `base64(HMAC-SHA1(secret, username))`.

use super::{UserPart, base64};
use aws_lc_rs::hmac;
use moim_stun::attribute::AlgorithmNumber;
use moim_stun::{IntegrityKey, KeyError};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

const SEPARATOR: char = ':';
/// The length of an HMAC-SHA1 in base64.
const PASSWORD_LEN: usize = 28;

/// A secret that is shared with a web service.
#[derive(Clone)]
pub struct SharedSecret(hmac::Key);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret([redacted])")
    }
}

impl SharedSecret {
    /// The secret as it is configured at both sides.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret))
    }

    /// The password for a user name.
    pub fn password(&self, username: &str) -> Zeroizing<String> {
        let tag = hmac::sign(&self.0, username.as_bytes());
        let mut text = Zeroizing::new([0; PASSWORD_LEN]);
        Zeroizing::new(base64::encode(tag.as_ref(), text.as_mut_slice()).to_owned())
    }

    pub(super) fn key(
        &self,
        username: &str,
        realm: &str,
        algorithm: AlgorithmNumber,
    ) -> Result<IntegrityKey, KeyError> {
        let password = self.password(username);
        if algorithm == AlgorithmNumber::SHA256 {
            IntegrityKey::long_term_sha256(username, realm, &password)
        } else {
            IntegrityKey::long_term_md5(username, realm, &password)
        }
    }
}

/// A user name that tells when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpiringName {
    /// In seconds since 1970.
    expires: u64,
    /// Which part of it is the user's name.
    pub(super) user: UserPart,
}

impl ExpiringName {
    /// Reads `expiry`, `expiry:user` and, as coturn does, `user:expiry`.
    pub(super) fn parse(username: &str) -> Option<Self> {
        let Some((before, after)) = username.split_once(SEPARATOR) else {
            return Some(Self { expires: parse_time(username)?, user: UserPart::None });
        };
        match parse_time(before) {
            Some(expires) => Some(Self { expires, user: UserPart::From(before.len() + 1) }),
            None => Some(Self { expires: parse_time(after)?, user: UserPart::Before(before.len()) }),
        }
    }

    /// Whether its last second is over.
    pub(super) fn has_expired(&self, wall: SystemTime) -> bool {
        wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() > self.expires
    }
}

/// Digits alone: [`str::parse`] would take a sign.
fn parse_time(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// From `printf %s NAME | openssl dgst -sha1 -hmac SECRET -binary | base64`.
    #[test]
    fn passwords_are_those_of_openssl() {
        let secret = SharedSecret::new(b"north");

        assert_eq!(*secret.password("1433895918:alice"), "RqMvcGPYTJMGThVLSi4amT4zFtI=");
        assert_eq!(*secret.password("1433895918"), "3dkl8uIBelQlraT8v9eCSJTyt+U=");
        assert_eq!(
            *SharedSecret::new(&[b'k'; 100]).password("1:j\u{fc}rgen"),
            "zOoJAyGjOxv9xkRLmDHMtcFGSJ8="
        );
    }

    #[test]
    fn a_name_tells_its_expiry_and_user() {
        let parse = |name| ExpiringName::parse(name).map(|parsed| (parsed.expires, parsed.user));

        assert_eq!(parse("17"), Some((17, UserPart::None)));
        assert_eq!(parse("17:ann"), Some((17, UserPart::From(3))));
        assert_eq!(parse("17:18"), Some((17, UserPart::From(3))));
        assert_eq!(parse("17:a:b"), Some((17, UserPart::From(3))));
        assert_eq!(parse("ann:17"), Some((17, UserPart::Before(3))));
        for name in
            ["", ":", "ann", "ann:", ":ann", "+17", "-1:ann", "17 :ann", "ann:17:18", "99999999999999999999"]
        {
            assert_eq!(parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_name_is_good_until_its_last_second_is_over() {
        let name = ExpiringName::parse("1000:ann").unwrap();
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);

        assert!(!name.has_expired(at(1000)));
        assert!(name.has_expired(at(1001)));
        assert!(!ExpiringName::parse("18446744073709551615").unwrap().has_expired(at(1 << 40)));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", SharedSecret::new(b"north")), "SharedSecret([redacted])");
    }
}
