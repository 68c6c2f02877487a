//! Tokens: JWT (RFC 7519) signed by HS256, as `docs/protocol.md` describes them, and the open mode without any.

use crate::config::Secret;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moim_signal::id::RoomName;
use moim_signal::message::{CloseCode, Grants, Permissions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// How far the clocks of two machines may differ.
const LEEWAY_SECS: u64 = 30;
/// Longest token that is looked at, in bytes.
const TOKEN_LEN_MAX: usize = 8 * 1024;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Which key signed it.
    pub iss: String,
    /// The bearer's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it begins, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The only room it opens; `*` for any.
    pub room: String,
    /// May publish tracks.
    #[serde(default = "yes")]
    pub publish: bool,
    /// May receive tracks.
    #[serde(default = "yes")]
    pub subscribe: bool,
    /// May send chat and data.
    #[serde(default = "yes")]
    pub data: bool,
    /// May remove people and close the room.
    #[serde(default)]
    pub admin: bool,
}

fn yes() -> bool {
    true
}

/// Signs a token.
pub fn sign(claims: &Claims, secret: &Secret) -> Result<String, jsonwebtoken::errors::Error> {
    let key = EncodingKey::from_secret(secret.expose());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
}

/// Decides what a client may do, by its token.
pub(crate) struct Verifier {
    /// Empty: open mode.
    keys: RwLock<BTreeMap<String, DecodingKey>>,
}

impl Verifier {
    pub(crate) fn new(keys: &BTreeMap<String, Secret>) -> Self {
        Self { keys: RwLock::new(decoding_keys(keys)) }
    }

    /// From now on, these keys count. Sessions that have begun go on with what they were granted.
    pub(crate) fn replace(&self, keys: &BTreeMap<String, Secret>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = decoding_keys(keys);
    }

    fn keys(&self) -> RwLockReadGuard<'_, BTreeMap<String, DecodingKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the bearer of `token` may do, or why nothing.
    pub(crate) fn grants(&self, token: Option<&str>) -> Result<Grants, CloseCode> {
        if self.keys().is_empty() {
            return Ok(open_grants());
        }
        let token = token.ok_or(CloseCode::TokenMissing)?;
        if token.len() > TOKEN_LEN_MAX {
            return Err(CloseCode::TokenInvalid);
        }
        self.claims(token).map(into_grants).map_err(|error| {
            let is_expired = matches!(error.kind(), ErrorKind::ExpiredSignature);
            if is_expired { CloseCode::TokenExpired } else { CloseCode::TokenInvalid }
        })
    }

    fn claims(&self, token: &str) -> jsonwebtoken::errors::Result<Claims> {
        /// The one claim that is read before the signature is verified: it says by which key to do so.
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        let issuer = jsonwebtoken::dangerous::insecure_decode::<Issuer>(token)?.claims.iss;
        let keys = self.keys();
        let key = keys.get(&issuer).ok_or(ErrorKind::InvalidIssuer)?;
        // RFC 8725 §3.1: the algorithm is ours to say, whatever the token's header says.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.set_issuer(&[issuer]);
        Ok(jsonwebtoken::decode::<Claims>(token, key, &validation)?.claims)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("keys", &self.keys().len()).finish()
    }
}

fn decoding_keys(keys: &BTreeMap<String, Secret>) -> BTreeMap<String, DecodingKey> {
    keys.iter().map(|(name, secret)| (name.clone(), DecodingKey::from_secret(secret.expose()))).collect()
}

fn open_grants() -> Grants {
    Grants {
        room: None,
        identity: None,
        name: None,
        permissions: Permissions { publish: true, subscribe: true, data: true, admin: false },
    }
}

fn into_grants(claims: Claims) -> Grants {
    Grants {
        room: (claims.room != "*").then(|| RoomName::new(claims.room)),
        identity: claims.sub,
        name: claims.name,
        permissions: Permissions {
            publish: claims.publish,
            subscribe: claims.subscribe,
            data: claims.data,
            admin: claims.admin,
        },
    }
}

#[cfg(test)]
mod tests;
