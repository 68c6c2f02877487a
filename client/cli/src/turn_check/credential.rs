use super::draft::random;
use aws_lc_rs::{digest, hmac};
use moim_stun::IntegrityKey;
use std::fmt;
use std::time::{Duration, SystemTime};

/// How long a user made from a shared secret is good for.
const SECRET_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// A user of the server.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) username: String,
    password: String,
}

impl Credential {
    pub(crate) fn new(username: &str, password: &str) -> Self {
        Self { username: username.to_owned(), password: password.to_owned() }
    }

    /// A user as a service with coturn's shared secret makes them: the name has the time when it expires, and the password is a
    /// MAC of the name.
    pub(crate) fn from_secret(secret: &str, name: &str) -> Self {
        Self::from_secret_until(secret, name, SystemTime::now() + SECRET_LIFETIME)
    }

    /// One that has expired.
    pub(crate) fn expired(secret: &str, name: &str) -> Self {
        Self::from_secret_until(secret, name, SystemTime::now() - SECRET_LIFETIME)
    }

    fn from_secret_until(secret: &str, name: &str, until: SystemTime) -> Self {
        let seconds = until.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let username = format!("{seconds}:{name}");
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let password = base64(hmac::sign(&key, username.as_bytes()).as_ref());
        Self { username, password }
    }

    /// The same user with a password that is wrong.
    pub(crate) fn with_wrong_password(&self) -> Self {
        let noise: [u8; 6] = random();
        Self { username: self.username.clone(), password: format!("wrong-{noise:02x?}") }
    }

    pub(crate) fn md5(&self, realm: &str) -> Option<IntegrityKey> {
        IntegrityKey::long_term_md5(&self.username, realm, &self.password).ok()
    }

    /// HMAC-SHA256 of any bytes by the key of SHA-256, for integrity attributes that a builder would not write.
    pub(crate) fn mac_sha256(&self, realm: &str, bytes: &[u8]) -> [u8; 32] {
        let credential = [&self.username, realm, &self.password].join(":");
        let key = digest::digest(&digest::SHA256, credential.as_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), bytes);
        tag.as_ref().try_into().expect("the MAC has 32 bytes")
    }

    pub(crate) fn sha256(&self, realm: &str) -> Option<IntegrityKey> {
        IntegrityKey::long_term_sha256(&self.username, realm, &self.password).ok()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", Credential::new("user", "geheim")).contains("geheim"));
    }
}
