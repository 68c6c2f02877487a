//! Who asks: the long-term credentials of STUN (RFC 8489 §9.2), expiring ones made of a secret that is shared with a web
//! service, and access tokens of a third party (RFC 7635).
//!
//! Nothing is kept about whoever has not proved anything: nonces are stateless ([`Nonces`]), and what costs more than a few
//! hashes is done only after the nonce proved that the sender receives at its address.
//!
//! # Differences from RFC 8489
//! - The nonce is checked before the credential rather than after it (§9.2.4): a wrong user name with a stale nonce is
//!   answered 438, not 401. A client does the same in both cases: it asks again with the new nonce.
//! - Over UDP an answer of 401 is no longer than 3.6 times its request, if the realm's name is no longer than 12 bytes. A request too
//!   short for PASSWORD-ALGORITHMS is challenged as RFC 5389 has it. A real Allocate is long enough. Whoever can forge a
//!   client's requests and read the answers can get such a challenge for it, so against those only
//!   [`Algorithms::Sha256`] protects from bidding down. A realm of SHA-256 alone or of access tokens alone is of no use without
//!   the attribute that says so, and sends it always: the answer to a bare request of 20 bytes is then up to 5 times as long,
//!   or longer by the server's name.

mod access_token;
mod base64;
mod challenge;
mod nonce;
mod realm;
mod refusal;
mod shared_secret;

use crate::attribute::AccessToken;
use crate::{FiveTuple, Now};
use moim_stun::attribute::{
    AlgorithmNumber, Attribute, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm as RealmAttribute,
    UserHash, Username,
};
use moim_stun::{
    AttributeType, Integrity, IntegrityCheck, IntegrityKey, Message, ParseError, SHA256_LEN, Seal,
};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq;

pub use access_token::{AccessTokenKey, TOKEN_LEN_MAX, TokenError, TokenGrant};
pub use challenge::CHALLENGE_LEN_MAX;
pub(crate) use nonce::told_features;
pub use nonce::{NONCE_LIFETIME_DEFAULT, Nonces};
pub use realm::{Algorithms, Realm, RealmError, SECRETS_MAX};
pub use refusal::{Refusal, RefusalReason};
pub use shared_secret::SharedSecret;

/// A request that wants to be somebody's.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The realm of the listener that the request came to.
    pub realm: &'a Realm,
    /// What makes and checks nonces.
    pub nonces: &'a Nonces,
    /// The request.
    pub request: &'a Message<'a>,
    /// Whence it came.
    pub five_tuple: &'a FiveTuple,
    /// When.
    pub now: Now,
}

/// A request that has proved to be somebody's.
#[derive(Clone, Debug)]
pub struct Authenticated {
    credential: Arc<StoredCredential>,
    integrity: IntegrityKind,
}

/// A credential that has proved to be right: what an allocation keeps, to check later requests with.
pub struct StoredCredential {
    username: Box<str>,
    kind: CredentialKind,
    key: IntegrityKey,
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialKind {
    /// A password, whose key was made by this algorithm. The user is the whole of the user name, a part of it, or not told.
    Password { algorithm: AlgorithmNumber, user: UserPart },
    /// An access token.
    Token { expires: SystemTime },
}

/// Which part of a user name tells the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UserPart {
    All,
    Before(usize),
    From(usize),
    None,
}

/// Which message integrity attribute a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IntegrityKind {
    Sha1,
    Sha256,
}

/// Whom a request claims to be from.
#[derive(Clone, Copy, Debug)]
enum Claim<'a> {
    Name(&'a str),
    Hash(UserHash),
}

impl<'a> Attempt<'a> {
    /// Finds out whose request it is.
    ///
    /// With the credential of an `existing` allocation, the request must be that user's (RFC 8656 §5: 441), and the key is not
    /// looked up again: a credential that has expired since, or a user that has been removed, holds for as long as the
    /// allocation does.
    pub fn authenticate(&self, existing: Option<&Arc<StoredCredential>>) -> Result<Authenticated, Refusal> {
        let integrity = self.integrity_kind().ok_or(RefusalReason::NoIntegrity)?;
        let claim = self.claim()?;
        let realm = self.required::<RealmAttribute<'a>>()?;
        let nonce = self.required::<Nonce<'a>>()?;
        let features = self.nonces.check(nonce.0, self.realm.algorithms(), self.five_tuple, self.now.wall)?;
        if realm.0 != self.realm.name() {
            return Err(RefusalReason::OtherRealm.into());
        }
        let token = self.optional::<AccessToken<'a>>()?;
        let same_user = existing.filter(|existing| existing.is_claimed_by(claim, self.realm));
        let credential = match (token, same_user) {
            (Some(token), _) => self.check_token(claim, token, integrity)?,
            (None, Some(existing)) if existing.is_token() => self.check(existing, integrity)?,
            (None, _) => {
                let algorithm = self.password_algorithm(features.is_some_and(|it| it.password_algorithms))?;
                match same_user {
                    Some(existing) if existing.has_algorithm(algorithm) => self.check(existing, integrity)?,
                    // Whoever has an allocation may change the algorithm, also after the credential expired.
                    _ => self.check_password(claim, algorithm, integrity, same_user.is_none())?,
                }
            }
        };
        let authenticated = Authenticated { credential, integrity };
        match existing {
            Some(existing) if existing.username != authenticated.credential.username => {
                Err(Refusal::other_user(authenticated))
            }
            _ => Ok(authenticated),
        }
    }

    /// RFC 8489 §9.2.4: the stronger one counts if there are both.
    fn integrity_kind(&self) -> Option<IntegrityKind> {
        if self.request.find(AttributeType::MESSAGE_INTEGRITY_SHA256).is_some() {
            Some(IntegrityKind::Sha256)
        } else {
            self.request.find(AttributeType::MESSAGE_INTEGRITY).map(|_| IntegrityKind::Sha1)
        }
    }

    fn claim(&self) -> Result<Claim<'a>, Refusal> {
        let name = self.optional::<Username<'a>>()?.map(|username| Claim::Name(username.0));
        let hash = self.optional::<UserHash>()?.map(Claim::Hash);
        match (name, hash) {
            (Some(claim), None) | (None, Some(claim)) => Ok(claim),
            (None, None) => Err(RefusalReason::MissingAttribute.into()),
            (Some(_), Some(_)) => Err(RefusalReason::MalformedAttribute.into()),
        }
    }

    fn optional<A: Attribute<'a>>(&self) -> Result<Option<A>, Refusal> {
        let attribute: Result<_, ParseError> = self.request.get();
        attribute.map_err(|_| RefusalReason::MalformedAttribute.into())
    }

    fn required<A: Attribute<'a>>(&self) -> Result<A, Refusal> {
        self.optional()?.ok_or_else(|| RefusalReason::MissingAttribute.into())
    }

    /// RFC 8489 §9.2.4: which algorithm the key of the request was made by, if it is one that was offered, and if what was
    /// offered arrived.
    fn password_algorithm(&self, was_offered: bool) -> Result<AlgorithmNumber, Refusal> {
        let chosen = self.optional::<PasswordAlgorithm<'a>>()?;
        let offered = self.optional::<PasswordAlgorithms<'a>>()?;
        let algorithms = self.realm.algorithms();
        let algorithm = match (chosen, offered) {
            (None, None) => AlgorithmNumber::MD5,
            (Some(chosen), Some(offered)) if was_offered && Some(offered) == algorithms.offer() => {
                if !chosen.parameters.is_empty() {
                    return Err(RefusalReason::OtherAlgorithm.into());
                }
                chosen.algorithm
            }
            _ => return Err(RefusalReason::OtherAlgorithm.into()),
        };
        if algorithms.has(algorithm) { Ok(algorithm) } else { Err(RefusalReason::OtherAlgorithm.into()) }
    }

    fn check_password(
        &self,
        claim: Claim<'_>,
        algorithm: AlgorithmNumber,
        integrity: IntegrityKind,
        must_be_fresh: bool,
    ) -> Result<Arc<StoredCredential>, Refusal> {
        if let Some(user) = self.realm.find_user(claim) {
            return self.check(user.credential(algorithm), integrity);
        }
        let Claim::Name(username) = claim else { return Err(RefusalReason::UnknownUser.into()) };
        let expiring = shared_secret::ExpiringName::parse(username).ok_or(RefusalReason::UnknownUser)?;
        if self.realm.secrets().is_empty() {
            return Err(RefusalReason::UnknownUser.into());
        }
        if must_be_fresh && expiring.has_expired(self.now.wall) {
            return Err(RefusalReason::Expired.into());
        }
        let kind = CredentialKind::Password { algorithm, user: expiring.user };
        for secret in self.realm.secrets() {
            let key = secret.key(username, self.realm.name(), algorithm);
            // Only a realm that has a name no key can be made of fails here, and there is none.
            let Ok(key) = key else { return Err(RefusalReason::UnknownUser.into()) };
            if self.is_made_with(&key, integrity) {
                return Ok(Arc::new(StoredCredential { username: username.into(), kind, key }));
            }
        }
        Err(RefusalReason::WrongIntegrity.into())
    }

    /// RFC 7635 §4: the key identifier is the user name, the key is in the token.
    fn check_token(
        &self,
        claim: Claim<'_>,
        token: AccessToken<'_>,
        integrity: IntegrityKind,
    ) -> Result<Arc<StoredCredential>, Refusal> {
        let Claim::Name(kid) = claim else { return Err(RefusalReason::UnknownUser.into()) };
        let grant = self.realm.open_token(kid, token.0)?;
        if !grant.is_valid_at(self.now.wall) {
            return Err(RefusalReason::Expired.into());
        }
        let kind = CredentialKind::Token { expires: grant.expires() };
        self.check(
            &Arc::new(StoredCredential { username: kid.into(), kind, key: grant.into_key() }),
            integrity,
        )
    }

    fn check(
        &self,
        credential: &Arc<StoredCredential>,
        integrity: IntegrityKind,
    ) -> Result<Arc<StoredCredential>, Refusal> {
        if self.is_made_with(&credential.key, integrity) {
            Ok(Arc::clone(credential))
        } else {
            Err(RefusalReason::WrongIntegrity.into())
        }
    }

    fn is_made_with(&self, key: &IntegrityKey, integrity: IntegrityKind) -> bool {
        let check = match integrity {
            IntegrityKind::Sha1 => self.request.check_sha1(key),
            // RFC 8489 §14.6: TURN does not say that it may be truncated.
            IntegrityKind::Sha256 => self.request.check_sha256(key, SHA256_LEN),
        };
        check == IntegrityCheck::Valid
    }
}

impl Authenticated {
    /// The user name as the client sent it; with an access token, the key identifier.
    pub fn username(&self) -> &str {
        &self.credential.username
    }

    /// What an allocation keeps to check later requests with. After a successful Refresh the allocation takes this one for
    /// the one it had: an access token may have been renewed.
    pub fn credential(&self) -> &Arc<StoredCredential> {
        &self.credential
    }

    /// How the response is to be sealed (RFC 8489 §9.2.4): by the same key and the same kind of integrity.
    pub fn seal(&self, fingerprint: bool) -> Seal<'_> {
        let integrity = match self.integrity {
            IntegrityKind::Sha1 => Integrity::Sha1(&self.credential.key),
            IntegrityKind::Sha256 => Integrity::Sha256(&self.credential.key),
        };
        Seal { integrity, fingerprint }
    }
}

impl StoredCredential {
    /// The user name as the client sent it; with an access token, the key identifier.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whom quotas count the allocation for. [`None`]: the credential does not tell, as many may have the same one.
    pub fn user(&self) -> Option<&str> {
        match self.kind {
            CredentialKind::Password { user: UserPart::All, .. } => Some(&self.username),
            CredentialKind::Password { user: UserPart::Before(end), .. } => self.username.get(..end),
            CredentialKind::Password { user: UserPart::From(start), .. } => self.username.get(start..),
            CredentialKind::Password { user: UserPart::None, .. } | CredentialKind::Token { .. } => None,
        }
    }

    /// How long an allocation may live at most, from `wall`, unless it is refreshed with another token (RFC 7635 §4.2).
    /// [`None`]: for as long as it likes.
    pub fn lifetime_max(&self, wall: SystemTime) -> Option<Duration> {
        match self.kind {
            CredentialKind::Token { expires } => Some(expires.duration_since(wall).unwrap_or_default()),
            CredentialKind::Password { .. } => None,
        }
    }

    fn is_token(&self) -> bool {
        matches!(self.kind, CredentialKind::Token { .. })
    }

    fn has_algorithm(&self, wanted: AlgorithmNumber) -> bool {
        matches!(self.kind, CredentialKind::Password { algorithm, .. } if algorithm == wanted)
    }

    fn is_claimed_by(&self, claim: Claim<'_>, realm: &Realm) -> bool {
        match claim {
            Claim::Name(name) => self.username.as_bytes().ct_eq(name.as_bytes()).into(),
            Claim::Hash(hash) => {
                UserHash::new(&self.username, realm.name()).is_ok_and(|own| own.0.ct_eq(&hash.0).into())
            }
        }
    }
}

impl fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCredential").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
