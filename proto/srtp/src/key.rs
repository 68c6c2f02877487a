use crate::{KeyError, Profile};
use std::fmt;
use zeroize::Zeroizing;

const KEY_LEN_MAX: usize = 32;
const SALT_LEN_MAX: usize = 14;

/// The secret that one direction of a connection starts from: a master key and a master salt (RFC 3711 §3.2.1).
///
/// It is wiped when dropped, and never printed.
#[derive(Clone)]
pub struct MasterKey {
    key: Zeroizing<[u8; KEY_LEN_MAX]>,
    salt: Zeroizing<[u8; SALT_LEN_MAX]>,
    profile: Profile,
}

/// The master keys of both directions, as a DTLS handshake yields them (RFC 5764 §4.2).
#[derive(Clone, Debug)]
pub struct KeyingMaterial {
    /// What the DTLS client seals with, and the server opens.
    pub client_write: MasterKey,
    /// What the DTLS server seals with, and the client opens.
    pub server_write: MasterKey,
}

impl KeyingMaterial {
    /// Splits what DTLS exported under the label `EXTRACTOR-dtls_srtp`: both keys, then both salts, the client's first.
    ///
    /// [`KeyError`] if that is not exactly [`Profile::exported_len`] bytes.
    pub fn from_dtls(profile: Profile, exported: &[u8]) -> Result<Self, KeyError> {
        if exported.len() != profile.exported_len() {
            return Err(KeyError::Length { expected: profile.exported_len(), actual: exported.len() });
        }
        let (keys, salts) = exported.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        Ok(Self {
            client_write: MasterKey::new(profile, client_key, client_salt)?,
            server_write: MasterKey::new(profile, server_key, server_salt)?,
        })
    }
}

impl MasterKey {
    /// A master key of its two parts. [`KeyError`] if one has not the length that the profile wants.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { key: padded(key, profile.key_len())?, salt: padded(salt, profile.salt_len())?, profile })
    }

    /// The profile whose lengths it has.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key[..self.profile.key_len()]
    }

    /// The salt at its full 112 bits: the shorter one of AEAD ends in zeros (RFC 7714 §11).
    pub(crate) fn salt(&self) -> &[u8; SALT_LEN_MAX] {
        &self.salt
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

fn padded<const N: usize>(bytes: &[u8], expected: usize) -> Result<Zeroizing<[u8; N]>, KeyError> {
    if bytes.len() != expected {
        return Err(KeyError::Length { expected, actual: bytes.len() });
    }
    let mut whole = Zeroizing::new([0; N]);
    whole[..expected].copy_from_slice(bytes);
    Ok(whole)
}
