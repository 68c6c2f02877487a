use crate::text::{self, Expected};
use std::fmt;

/// The most bytes of a digest that is read: SHA-512 has 64.
const DIGEST_LEN_MAX: usize = 64;

/// The hash of a certificate (RFC 8122 §5).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// How the digest was made.
    pub algorithm: HashAlgorithm,
    /// The digest.
    pub digest: Vec<u8>,
}

impl Fingerprint {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected =
            "`a=fingerprint:` with a hash function and its digest in pairs of hexadecimal digits";
        let (algorithm, digest) = text::word(value);
        let algorithm = HashAlgorithm::parse(algorithm).ok_or(EXPECTED)?;
        let digest: Vec<u8> = digest
            .trim_end()
            .split(':')
            .map(|pair| match pair.len() {
                2 => u8::from_str_radix(pair, 16).map_err(|_| EXPECTED),
                _ => Err(EXPECTED),
            })
            .take(DIGEST_LEN_MAX + 1)
            .collect::<Result<_, _>>()?;
        match algorithm.digest_len() {
            Some(len) if len != digest.len() => Err("a digest as long as its hash function makes it"),
            _ if digest.len() > DIGEST_LEN_MAX => Err("a digest of at most 64 bytes"),
            _ => Ok(Self { algorithm, digest }),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.as_str())?;
        for (index, byte) in self.digest.iter().enumerate() {
            let separator = if index == 0 { ' ' } else { ':' };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A hash function for certificates (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256: what everybody sends.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-1, which proves nothing any more. It is kept and not believed.
    Sha1,
    /// One that this crate has no name for, in lower case.
    Other(String),
}

impl HashAlgorithm {
    /// Its name in descriptions.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Sha1 => "sha-1",
            Self::Other(name) => name,
        }
    }

    /// Whether a certificate may be believed for matching a digest of this function.
    pub fn is_trusted(&self) -> bool {
        matches!(self, Self::Sha256 | Self::Sha384 | Self::Sha512)
    }

    /// How many bytes a digest has, if the function is known.
    pub fn digest_len(&self) -> Option<usize> {
        match self {
            Self::Sha256 => Some(32),
            Self::Sha384 => Some(48),
            Self::Sha512 => Some(64),
            Self::Sha1 => Some(20),
            Self::Other(_) => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // RFC 8122 §5: the names are those of a registry whose case has no meaning.
        let name = text.to_ascii_lowercase();
        let known = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Sha1];
        match known.into_iter().find(|algorithm| algorithm.as_str() == name) {
            Some(algorithm) => Some(algorithm),
            None => text::is_token(&name).then_some(Self::Other(name)),
        }
    }
}

/// Who opens the DTLS association (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The one who says it: it is the DTLS client.
    Active,
    /// The other: the one who says it is the DTLS server.
    Passive,
    /// Whoever the answer says.
    ActPass,
    /// Nobody for now. WebRTC has no use for it.
    HoldConn,
}

impl Setup {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        let value = value.trim();
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|setup| setup.as_str() == value)
            .ok_or("`a=setup:` with `active`, `passive`, `actpass` or `holdconn`")
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The password that connectivity checks are sealed with (RFC 8839 §5.4). It does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct IcePassword(String);

impl IcePassword {
    /// The password, if it has 22 to 256 of the characters that ICE allows.
    pub fn new(text: &str) -> Option<Self> {
        ((22..=256).contains(&text.len()) && text::is_ice_text(text)).then(|| Self(text.to_owned()))
    }

    /// The password.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        Self::new(value.trim_end()).ok_or("`a=ice-pwd:` with 22 to 256 letters, digits, `+` or `/`")
    }
}

impl fmt::Debug for IcePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IcePassword(…)")
    }
}

pub(super) fn parse_ufrag(value: &str) -> Result<String, Expected> {
    let value = value.trim_end();
    if is_ufrag(value) {
        Ok(value.to_owned())
    } else {
        Err("`a=ice-ufrag:` with 4 to 256 letters, digits, `+` or `/`")
    }
}

/// RFC 8839 §5.4.
pub(crate) fn is_ufrag(text: &str) -> bool {
    (4..=256).contains(&text.len()) && text::is_ice_text(text)
}
