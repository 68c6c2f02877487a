use crate::KeyError;
use aws_lc_rs::{digest, hmac};
use md5::{Digest, Md5};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use std::fmt;
use zeroize::Zeroizing;

/// The key of a message integrity attribute. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct IntegrityKey(Zeroizing<Box<[u8]>>);

impl IntegrityKey {
    /// The key of a short-term credential: the password itself (RFC 8489 §9.1.1). ICE passwords are of this kind.
    ///
    /// The password is taken as it is. ICE allows only ASCII in it; a usage with other characters prepares them first.
    pub fn short_term(password: &str) -> Self {
        Self::from_bytes(password.as_bytes())
    }

    /// The key of a long-term credential with password algorithm MD5 (RFC 8489 §18.5.1.1), which is also what a peer uses
    /// that knows of no password algorithms (RFC 5389).
    ///
    /// Realm and password are prepared by OpaqueString. The user name is taken as it was sent, which is prepared.
    pub fn long_term_md5(username: &str, realm: &str, password: &str) -> Result<Self, KeyError> {
        let credential = long_term_credential(username, realm, password)?;
        Ok(Self::from_bytes(&Md5::digest(credential.as_bytes())))
    }

    /// The key of a long-term credential with password algorithm SHA-256 (RFC 8489 §18.5.1.2).
    ///
    /// Realm and password are prepared by OpaqueString. The user name is taken as it was sent, which is prepared.
    pub fn long_term_sha256(username: &str, realm: &str, password: &str) -> Result<Self, KeyError> {
        let credential = long_term_credential(username, realm, password)?;
        Ok(Self::from_bytes(digest::digest(&digest::SHA256, credential.as_bytes()).as_ref()))
    }

    /// A key that is none of a password: one that a third party made for both sides (RFC 7635 §6.2).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn sha1(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0)
    }

    pub(crate) fn sha256(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey([redacted])")
    }
}

fn long_term_credential(username: &str, realm: &str, password: &str) -> Result<Zeroizing<String>, KeyError> {
    let realm = opaque_string(realm).ok_or(KeyError::Realm)?;
    let password = opaque_string(password).ok_or(KeyError::Password)?;
    Ok(Zeroizing::new([username, &realm, &password].join(":")))
}

/// Prepares a user name, a realm or a password by the OpaqueString profile (RFC 8265 §4.2), which refuses control and ignorable
/// characters, maps spaces to the ASCII one and composes (NFC). [`None`]: it is empty, or has what the profile refuses.
pub fn opaque_string(text: &str) -> Option<Zeroizing<String>> {
    // Printable ASCII stays as it is; looking that up in Unicode's tables would cost more than the key itself.
    if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Some(Zeroizing::new(text.to_owned()));
    }
    Some(Zeroizing::new(OpaqueString::enforce(text).ok()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    /// Covers: RFC 8489 §18.5.1.1
    #[test]
    fn md5_key_is_that_of_the_example_in_the_rfc() {
        let key = IntegrityKey::long_term_md5("user", "realm", "pass").unwrap();

        let expected = 0x8493_fbc5_3ba5_82fb_4c04_4c45_6bdc_40eb_u128.to_be_bytes();
        assert_eq!(**key.0, expected);
    }

    /// Covers: RFC 8489 §9.2.2, RFC 8265 §4.2
    #[test]
    fn realm_and_password_are_prepared_by_opaque_string() {
        let composed = IntegrityKey::long_term_sha256("u", "caf\u{e9}", "a b").unwrap();
        let decomposed = IntegrityKey::long_term_sha256("u", "cafe\u{301}", "a\u{a0}b").unwrap();

        assert_eq!(composed.0, decomposed.0);
    }

    /// Covers: RFC 8265 §4.2
    #[test]
    fn printable_ascii_is_prepared_to_itself() {
        for byte in 0..0x80 {
            let text = format!("a{}b", char::from(byte));
            let prepared = OpaqueString::enforce(&text).ok().map(Cow::into_owned);

            assert_eq!(opaque_string(&text).map(|text| text.to_string()), prepared, "{byte:#x}");
        }
        assert_eq!(opaque_string(""), None);
    }

    /// Covers: RFC 8265 §4.2
    #[test]
    fn what_opaque_string_refuses_makes_no_key() {
        assert_eq!(IntegrityKey::long_term_md5("u", "", "p").unwrap_err(), KeyError::Realm);
        assert_eq!(IntegrityKey::long_term_md5("u", "r", "").unwrap_err(), KeyError::Password);
        assert_eq!(IntegrityKey::long_term_sha256("u", "r", "a\u{7}b").unwrap_err(), KeyError::Password);
        assert_eq!(
            IntegrityKey::long_term_sha256("u", "r", "soft\u{ad}hyphen").unwrap_err(),
            KeyError::Password
        );
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", IntegrityKey::short_term("secret")), "IntegrityKey([redacted])");
    }
}
