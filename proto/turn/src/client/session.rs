//! What a client knows about how a server wants its credential proved.

use super::config::Credential;
use super::event::{Failure, IgnoreReason};
use crate::attribute::AccessToken;
use crate::auth::told_features;
use moim_stun::attribute::{
    AlgorithmNumber, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm, UserHash, Username,
};
use moim_stun::{
    AttributeType, BuildError, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder, SHA256_LEN,
    Seal,
};
use std::fmt;

/// By which attribute a message is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IntegrityKind {
    Sha1,
    Sha256,
}

/// How a request was sealed, and its response is to be (RFC 8489 §9.2.5).
#[derive(Clone, Debug)]
pub(super) struct Sealing {
    kind: IntegrityKind,
    key: IntegrityKey,
}

impl Sealing {
    pub(super) fn check(&self, response: &Message<'_>) -> IntegrityCheck {
        match self.kind {
            IntegrityKind::Sha1 => response.check_sha1(&self.key),
            IntegrityKind::Sha256 => response.check_sha256(&self.key, SHA256_LEN),
        }
    }
}

/// Why a challenge is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Challenged {
    /// As if it had never come.
    Ignore(IgnoreReason),
    /// There is no answer to it.
    Fail(Failure),
}

/// A credential, and the latest challenge.
pub(super) struct Session {
    credential: Credential,
    hide_username: bool,
    challenge: Option<Challenge>,
}

/// What a server wants.
struct Challenge {
    realm: String,
    nonce: String,
    /// What it offered, to be sent back as it came, and which of it was chosen.
    offer: Option<(Vec<u8>, AlgorithmNumber)>,
    user_hash: Option<UserHash>,
    sealing: Sealing,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("credential", &self.credential).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(credential: Credential, hide_username: bool) -> Self {
        Self { credential, hide_username, challenge: None }
    }

    /// How requests are sealed now.
    pub(super) fn sealing(&self) -> Option<Sealing> {
        self.challenge.as_ref().map(|challenge| challenge.sealing.clone())
    }

    /// Takes a challenge (401 or 438; RFC 8489 §9.2.5). The answer says whether it wants something else than the one before, but
    /// for the nonce.
    pub(super) fn take(&mut self, response: &Message<'_>) -> Result<bool, Challenged> {
        let malformed = |_| Challenged::Ignore(IgnoreReason::Malformed);
        let missing = Challenged::Ignore(IgnoreReason::Malformed);
        let realm = response.get::<Realm<'_>>().map_err(malformed)?.ok_or(missing)?.0;
        let nonce = response.get::<Nonce<'_>>().map_err(malformed)?.ok_or(missing)?.0;
        let offered = response.get::<PasswordAlgorithms<'_>>().map_err(malformed)?;
        let told = told_features(nonce);
        let tells_of_offer = told.is_some_and(|features| features.password_algorithms);
        // RFC 8489 §9.2.5: who took the offer out on the way could not change the nonce.
        if tells_of_offer && offered.is_none() {
            return Err(Challenged::Ignore(IgnoreReason::BidDown));
        }
        let offer = match offered.filter(|_| tells_of_offer && self.is_long_term()) {
            None => None,
            Some(offered) => {
                let chosen = choose(offered).ok_or(Challenged::Fail(Failure::Unsupported))?;
                let raw = response.find(AttributeType::PASSWORD_ALGORITHMS).ok_or(missing)?;
                Some((raw.value.to_vec(), chosen))
            }
        };
        if let Some(before) = &mut self.challenge
            && before.realm == realm
            && before.offer == offer
        {
            nonce.clone_into(&mut before.nonce);
            return Ok(false);
        }
        let hides = self.hide_username && told.is_some_and(|features| features.username_anonymity);
        let unsupported = |_| Challenged::Fail(Failure::Unsupported);
        let user_hash = match &self.credential {
            Credential::LongTerm { username, .. } if hides => {
                Some(UserHash::new(username, realm).map_err(unsupported)?)
            }
            Credential::LongTerm { .. } | Credential::AccessToken { .. } => None,
        };
        let sealing = self.key(realm, offer.as_ref().map(|(_, chosen)| *chosen))?;
        let (realm, nonce) = (realm.to_owned(), nonce.to_owned());
        self.challenge = Some(Challenge { realm, nonce, offer, user_hash, sealing });
        Ok(true)
    }

    fn is_long_term(&self) -> bool {
        matches!(self.credential, Credential::LongTerm { .. })
    }

    fn key(&self, realm: &str, algorithm: Option<AlgorithmNumber>) -> Result<Sealing, Challenged> {
        let (username, password) = match &self.credential {
            Credential::LongTerm { username, password } => (username, password),
            Credential::AccessToken { mac_key, .. } => {
                // RFC 7635 §6.2: a key of 32 bytes is one for HMAC-SHA256.
                let is_long = mac_key.len() >= SHA256_LEN;
                let kind = if is_long { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 };
                return Ok(Sealing { kind, key: IntegrityKey::from_bytes(mac_key) });
            }
        };
        let kind = if algorithm.is_some() { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 };
        let key = match algorithm {
            Some(AlgorithmNumber::SHA256) => IntegrityKey::long_term_sha256(username, realm, password),
            Some(_) | None => IntegrityKey::long_term_md5(username, realm, password),
        };
        key.map(|key| Sealing { kind, key }).map_err(|_| Challenged::Fail(Failure::Unsupported))
    }

    /// Adds what proves who asks, as far as it is known how.
    pub(super) fn write(&self, request: &mut MessageBuilder<'_>) -> Result<(), BuildError> {
        let Some(challenge) = &self.challenge else { return Ok(()) };
        match (&self.credential, &challenge.user_hash) {
            (_, Some(hash)) => request.attribute(hash)?,
            (Credential::LongTerm { username, .. }, None) => request.attribute(&Username(username))?,
            (Credential::AccessToken { kid, token, .. }, None) => {
                request.attribute(&Username(kid))?;
                request.attribute(&AccessToken(token))?;
            }
        }
        request.attribute(&Realm(&challenge.realm))?;
        request.attribute(&Nonce(&challenge.nonce))?;
        if let Some((offer, algorithm)) = &challenge.offer {
            request.raw(AttributeType::PASSWORD_ALGORITHMS, offer)?;
            request.attribute(&PasswordAlgorithm { algorithm: *algorithm, parameters: &[] })?;
        }
        Ok(())
    }

    pub(super) fn seal(&self, fingerprint: bool) -> Seal<'_> {
        let integrity = match self.challenge.as_ref().map(|challenge| &challenge.sealing) {
            None => Integrity::None,
            Some(Sealing { kind: IntegrityKind::Sha1, key }) => Integrity::Sha1(key),
            Some(Sealing { kind: IntegrityKind::Sha256, key }) => Integrity::Sha256(key),
        };
        Seal { integrity, fingerprint }
    }
}

/// The first algorithm of the offer that is known here: servers put the best one first.
fn choose(offered: PasswordAlgorithms<'_>) -> Option<AlgorithmNumber> {
    let known = |offered: &PasswordAlgorithm<'_>| {
        matches!(offered.algorithm, AlgorithmNumber::SHA256 | AlgorithmNumber::MD5)
            && offered.parameters.is_empty()
    };
    offered.iter().find(known).map(|offered| offered.algorithm)
}
