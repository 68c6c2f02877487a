use super::access_token::{AccessTokenKey, TokenGrant};
use super::nonce::Features;
use super::refusal::RefusalReason;
use super::shared_secret::SharedSecret;
use super::{Claim, CredentialKind, StoredCredential, UserPart};
use moim_stun::attribute::{AlgorithmNumber, PasswordAlgorithms, UserHash};
use moim_stun::{IntegrityKey, KeyError, opaque_string};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many shared secrets a realm may have: each is tried for a name that expires. Two are needed to change one, and a web
/// service more or less.
pub const SECRETS_MAX: usize = 8;
/// How many keys of authorization servers a realm may have.
const TOKEN_KEYS_MAX: usize = 64;
/// RFC 8489 §14.9.
const NAME_CHARS_MAX: usize = 127;
/// RFC 8489 §14.3.
const USERNAME_LEN_MAX: usize = 508;
/// As long as a REALM: RFC 7635 §6.1 sets no limit of its own.
const SERVER_NAME_LEN_MAX: usize = 127;

/// By which algorithms a realm takes passwords (RFC 8489 §18.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithms {
    /// SHA-256 for those who know it, MD5 for the others.
    #[default]
    Sha256ThenMd5,
    /// SHA-256 alone. Clients that know nothing newer than RFC 5389, browsers among them, cannot use the realm.
    Sha256,
    /// MD5 alone, as RFC 5389 has it.
    Md5,
}

impl Algorithms {
    /// What PASSWORD-ALGORITHMS says. [`None`]: it is not sent.
    pub(super) fn offer(self) -> Option<PasswordAlgorithms<'static>> {
        match self {
            Self::Sha256ThenMd5 => Some(PasswordAlgorithms::SHA256_THEN_MD5),
            Self::Sha256 => Some(PasswordAlgorithms::SHA256),
            Self::Md5 => None,
        }
    }

    pub(super) fn has(self, algorithm: AlgorithmNumber) -> bool {
        match algorithm {
            AlgorithmNumber::MD5 => self != Self::Sha256,
            AlgorithmNumber::SHA256 => self != Self::Md5,
            _ => false,
        }
    }
}

/// Where credentials are valid (RFC 8489 §14.9), and which.
///
/// A realm without any credential refuses everybody: there is no open relay.
#[derive(Debug, Default)]
pub struct Realm {
    name: String,
    algorithms: Algorithms,
    users: BTreeMap<Box<str>, User>,
    names_by_hash: BTreeMap<[u8; 32], Box<str>>,
    secrets: Vec<SharedSecret>,
    tokens: Tokens,
}

/// A user whose password is configured, with the keys made of it.
#[derive(Debug)]
pub(super) struct User {
    md5: Arc<StoredCredential>,
    sha256: Arc<StoredCredential>,
}

impl User {
    pub(super) fn credential(&self, algorithm: AlgorithmNumber) -> &Arc<StoredCredential> {
        if algorithm == AlgorithmNumber::SHA256 { &self.sha256 } else { &self.md5 }
    }
}

/// The keys of authorization servers, and the name by which these know this server, if it is not the realm's.
#[derive(Debug, Default)]
struct Tokens {
    server_name: String,
    keys: BTreeMap<Box<str>, AccessTokenKey>,
}

/// Why something cannot be a part of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RealmError {
    /// The realm's name is empty, too long, or has characters that may not be in it.
    #[error(
        "the realm is empty, longer than {NAME_CHARS_MAX} characters, or has characters that OpaqueString (RFC 8265) refuses"
    )]
    Name,
    /// The user's name is empty, too long, or has characters that may not be in it.
    #[error(
        "the user name is empty, longer than {USERNAME_LEN_MAX} bytes, or has characters that OpaqueString (RFC 8265) refuses"
    )]
    Username,
    /// The password is empty, or has characters that may not be in it.
    #[error("the password is empty or has characters that OpaqueString (RFC 8265) refuses")]
    Password,
    /// There is a user of this name already.
    #[error("there is a user of this name already")]
    SameUser,
    /// There are more shared secrets than may be.
    #[error("there are more than {SECRETS_MAX} shared secrets")]
    Secrets,
    /// The shared secret is empty.
    #[error("the shared secret is empty")]
    EmptySecret,
    /// The name of this server for authorization servers is empty or too long.
    #[error("the server name for access tokens is empty or longer than {SERVER_NAME_LEN_MAX} bytes")]
    ServerName,
    /// There are more keys of authorization servers than may be, or two of one name.
    #[error("there are more than {TOKEN_KEYS_MAX} access token keys, or two of one name")]
    TokenKeys,
}

impl Realm {
    /// A realm that nobody has a credential for yet.
    pub fn new(name: &str, algorithms: Algorithms) -> Result<Self, RealmError> {
        if name.chars().count() > NAME_CHARS_MAX || opaque_string(name).is_none() {
            return Err(RealmError::Name);
        }
        Ok(Self { name: name.to_owned(), algorithms, ..Self::default() })
    }

    /// Its name, as it is sent.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By which algorithms it takes passwords.
    pub fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// Adds a user. The keys are made now, and the password is forgotten.
    pub fn add_user(&mut self, username: &str, password: &str) -> Result<(), RealmError> {
        let username = opaque_string(username).ok_or(RealmError::Username)?;
        if username.len() > USERNAME_LEN_MAX {
            return Err(RealmError::Username);
        }
        if self.users.contains_key(username.as_str()) {
            return Err(RealmError::SameUser);
        }
        let hash = UserHash::new(&username, &self.name)?;
        let credential = |key, algorithm| {
            let kind = CredentialKind::Password { algorithm, user: UserPart::All };
            Arc::new(StoredCredential { username: username.as_str().into(), kind, key })
        };
        let md5 = IntegrityKey::long_term_md5(&username, &self.name, password)?;
        let sha256 = IntegrityKey::long_term_sha256(&username, &self.name, password)?;
        let user = User {
            md5: credential(md5, AlgorithmNumber::MD5),
            sha256: credential(sha256, AlgorithmNumber::SHA256),
        };
        self.names_by_hash.insert(hash.0, username.as_str().into());
        self.users.insert(username.as_str().into(), user);
        Ok(())
    }

    /// Adds a secret shared with a web service, which makes passwords that expire.
    pub fn add_secret(&mut self, secret: &[u8]) -> Result<(), RealmError> {
        if secret.is_empty() {
            return Err(RealmError::EmptySecret);
        }
        if self.secrets.len() == SECRETS_MAX {
            return Err(RealmError::Secrets);
        }
        self.secrets.push(SharedSecret::new(secret));
        Ok(())
    }

    /// Sets by which name authorization servers know this server (RFC 7635 §6.1); unless it is set, it is the realm's.
    pub fn set_token_server_name(&mut self, name: &str) -> Result<(), RealmError> {
        if name.is_empty() || name.len() > SERVER_NAME_LEN_MAX {
            return Err(RealmError::ServerName);
        }
        name.clone_into(&mut self.tokens.server_name);
        Ok(())
    }

    /// Adds a key of an authorization server, by its key identifier, which clients send for a user name (RFC 7635 §4).
    pub fn add_token_key(&mut self, kid: &str, key: AccessTokenKey) -> Result<(), RealmError> {
        if kid.is_empty() || kid.len() > USERNAME_LEN_MAX {
            return Err(RealmError::Username);
        }
        let keys = &mut self.tokens.keys;
        if keys.len() == TOKEN_KEYS_MAX || keys.contains_key(kid) {
            return Err(RealmError::TokenKeys);
        }
        keys.insert(kid.into(), key);
        Ok(())
    }

    /// The name by which authorization servers know this server, if there are any.
    pub(super) fn third_party(&self) -> Option<&str> {
        (!self.tokens.keys.is_empty()).then(|| self.token_server_name())
    }

    fn token_server_name(&self) -> &str {
        if self.tokens.server_name.is_empty() { &self.name } else { &self.tokens.server_name }
    }

    /// Whether there are credentials made of passwords.
    pub(super) fn has_passwords(&self) -> bool {
        !self.users.is_empty() || !self.secrets.is_empty()
    }

    /// What a nonce with a cookie says about the realm. A user is found by the hash of the name only if the names are known:
    /// with those of a web service they are not.
    pub(super) fn features(&self) -> Features {
        let username_anonymity =
            !self.users.is_empty() && self.secrets.is_empty() && self.tokens.keys.is_empty();
        Features {
            password_algorithms: self.algorithms.offer().is_some() && self.has_passwords(),
            username_anonymity,
        }
    }

    pub(super) fn find_user(&self, claim: Claim<'_>) -> Option<&User> {
        match claim {
            Claim::Name(name) => self.users.get(name),
            Claim::Hash(hash) => self.users.get(self.names_by_hash.get(&hash.0)?),
        }
    }

    pub(super) fn secrets(&self) -> &[SharedSecret] {
        &self.secrets
    }

    pub(super) fn open_token(&self, kid: &str, token: &[u8]) -> Result<TokenGrant, RefusalReason> {
        let key = self.tokens.keys.get(kid).ok_or(RefusalReason::UnknownUser)?;
        key.open(self.token_server_name(), token).ok_or(RefusalReason::InvalidToken)
    }
}

impl From<KeyError> for RealmError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Username => Self::Username,
            KeyError::Password => Self::Password,
            // There are no others than of the three texts.
            KeyError::Realm | _ => Self::Name,
        }
    }
}
