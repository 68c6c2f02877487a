use super::Authenticated;
use std::fmt;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RefusalReason {
    /// It has no message integrity: the usual first request, which asks for a challenge.
    NoIntegrity,
    /// It has a message integrity, but not all of USERNAME or USERHASH, REALM and NONCE.
    MissingAttribute,
    /// One of the attributes about credentials cannot be read, or both USERNAME and USERHASH are there.
    MalformedAttribute,
    /// Its nonce was never made for this client.
    UnknownNonce,
    /// Its nonce has expired.
    OldNonce,
    /// Its REALM is another one.
    OtherRealm,
    /// Its password algorithm was not offered, or what was offered did not arrive.
    OtherAlgorithm,
    /// There is no such user, and no such key of an authorization server.
    UnknownUser,
    /// The credential or the token has expired.
    Expired,
    /// The token was not made with the key it names.
    InvalidToken,
    /// The message integrity is wrong: another password, or a changed message.
    WrongIntegrity,
    /// It is a user's, but the allocation is another's.
    OtherUser,
}

impl RefusalReason {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 12] = [
        Self::NoIntegrity,
        Self::MissingAttribute,
        Self::MalformedAttribute,
        Self::UnknownNonce,
        Self::OldNonce,
        Self::OtherRealm,
        Self::OtherAlgorithm,
        Self::UnknownUser,
        Self::Expired,
        Self::InvalidToken,
        Self::WrongIntegrity,
        Self::OtherUser,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoIntegrity => "no_integrity",
            Self::MissingAttribute => "missing_attribute",
            Self::MalformedAttribute => "malformed_attribute",
            Self::UnknownNonce => "unknown_nonce",
            Self::OldNonce => "old_nonce",
            Self::OtherRealm => "other_realm",
            Self::OtherAlgorithm => "other_algorithm",
            Self::UnknownUser => "unknown_user",
            Self::Expired => "expired",
            Self::InvalidToken => "invalid_token",
            Self::WrongIntegrity => "wrong_integrity",
            Self::OtherUser => "other_user",
        }
    }

    /// The code of the error response (RFC 8489 §9.2.4, RFC 8656 §5).
    pub const fn error_code(self) -> u16 {
        match self {
            Self::MissingAttribute | Self::MalformedAttribute | Self::OtherAlgorithm => 400,
            Self::UnknownNonce | Self::OldNonce => 438,
            Self::OtherUser => 441,
            Self::NoIntegrity
            | Self::OtherRealm
            | Self::UnknownUser
            | Self::Expired
            | Self::InvalidToken
            | Self::WrongIntegrity => 401,
        }
    }
}

/// A request that is not carried out, to be answered by [`Attempt::refuse`](super::Attempt::refuse).
#[derive(Clone)]
pub struct Refusal {
    reason: RefusalReason,
    /// Who it is, if that is known.
    pub(super) authenticated: Option<Authenticated>,
}

impl Refusal {
    pub(super) fn other_user(authenticated: Authenticated) -> Self {
        Self { reason: RefusalReason::OtherUser, authenticated: Some(authenticated) }
    }

    /// Why.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// Whether the sender is known, so that the answer need not be counted against a budget for strangers.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated.is_some()
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({})", self.reason.as_str())
    }
}

impl From<RefusalReason> for Refusal {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, authenticated: None }
    }
}
