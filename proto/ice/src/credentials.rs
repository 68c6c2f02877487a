use crate::candidate::is_ice_char;
use moim_stun::IntegrityKey;
use rand_chacha::rand_core::RngCore;
use std::fmt;
use zeroize::Zeroizing;

/// The shortest and longest user name fragment, in characters (RFC 8839 §5.4).
pub const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=256;
/// The shortest and longest password, in characters (RFC 8839 §5.4).
pub const PASSWORD_LEN: std::ops::RangeInclusive<usize> = 22..=256;
/// How long our own are: 48 and 144 bits (RFC 8445 §5.3 wants 24 and 128 at least).
const OWN_UFRAG_LEN: usize = 8;
const OWN_PASSWORD_LEN: usize = 24;

/// A user name fragment and a password: what checks are sealed with (RFC 8445 §5.3). The password is never printed, and wiped from
/// memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    ufrag: String,
    password: Zeroizing<String>,
}

/// A text is no user name fragment or no password (RFC 8839 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The user name fragment has fewer than 4 or more than 256 characters, or one that is not of `ice-char`.
    #[error("the ICE user name fragment has to have 4 to 256 letters, digits, '+' or '/'")]
    Ufrag,
    /// The password has fewer than 22 or more than 256 characters, or one that is not of `ice-char`.
    #[error("the ICE password has to have 22 to 256 letters, digits, '+' or '/'")]
    Password,
}

impl IceCredentials {
    /// The credentials that a description names.
    pub fn new(ufrag: &str, password: &str) -> Result<Self, CredentialError> {
        if !UFRAG_LEN.contains(&ufrag.len()) || !ufrag.bytes().all(is_ice_char) {
            return Err(CredentialError::Ufrag);
        }
        if !PASSWORD_LEN.contains(&password.len()) || !password.bytes().all(is_ice_char) {
            return Err(CredentialError::Password);
        }
        Ok(Self { ufrag: ufrag.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }

    /// New ones, which begin with `prefix` if there is one: what tells a server's shards whose packet it is.
    pub(crate) fn random(prefix: &str, random: &mut impl RngCore) -> Self {
        let mut ufrag: String = prefix.bytes().filter(|byte| is_ice_char(*byte)).map(char::from).collect();
        ufrag.truncate(*UFRAG_LEN.end() - OWN_UFRAG_LEN);
        ufrag.push_str(&random_text(OWN_UFRAG_LEN, random));
        Self { ufrag, password: random_text(OWN_PASSWORD_LEN, random) }
    }

    /// The user name fragment.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password. It is for the description, and for nothing else.
    pub fn password(&self) -> &str {
        &self.password
    }

    pub(crate) fn key(&self) -> IntegrityKey {
        IntegrityKey::short_term(&self.password)
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// So many characters of `ice-char`, six random bits each.
fn random_text(len: usize, random: &mut impl RngCore) -> Zeroizing<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Zeroizing::new(String::with_capacity(len));
    for _ in 0..len {
        text.push(char::from(ALPHABET[(random.next_u32() & 63) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::SeedableRng;

    /// Covers: RFC 8445 §5.3, RFC 8839 §5.4
    #[test]
    fn own_credentials_are_long_enough_and_differ() {
        let mut random = ChaCha12Rng::from_seed([1; 32]);
        let first = IceCredentials::random("s1/", &mut random);
        let second = IceCredentials::random("", &mut random);

        assert!(first.ufrag().starts_with("s1/"));
        assert_ne!(first.password(), second.password());
        for own in [first, second] {
            assert_eq!(IceCredentials::new(own.ufrag(), own.password()), Ok(own));
        }
    }

    /// Covers: RFC 8839 §5.4
    #[test]
    fn what_is_too_short_or_has_other_characters_is_refused() {
        let password = "0123456789012345678901";
        assert_eq!(IceCredentials::new("abc", password), Err(CredentialError::Ufrag));
        assert_eq!(IceCredentials::new("ab:d", password), Err(CredentialError::Ufrag));
        assert_eq!(IceCredentials::new("abcd", "short"), Err(CredentialError::Password));
        assert_eq!(IceCredentials::new("abcd", &"x".repeat(257)), Err(CredentialError::Password));
    }

    #[test]
    fn a_password_is_not_printed() {
        let credentials = IceCredentials::new("abcd", "0123456789012345678901").unwrap();
        assert!(!format!("{credentials:?}").contains("01234"));
    }
}
