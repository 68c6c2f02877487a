//! The attributes of RFC 8489 §14 and of ICE (RFC 8445 §16.1), and what an attribute defined elsewhere implements to be one.

mod address;
mod error_code;
mod ice;
mod password_algorithm;
mod text;
mod user_hash;

use crate::{BuildError, TransactionId};
use moim_wire::Writer;
use std::fmt;

pub use address::{AlternateServer, MappedAddress, XorMappedAddress, decode_xor_address, encode_xor_address};
pub use error_code::{ErrorCode, UNKNOWN_ATTRIBUTES_MAX, UnknownAttributes};
pub use ice::{IceControlled, IceControlling, Priority, UseCandidate};
pub use password_algorithm::{AlgorithmNumber, PasswordAlgorithm, PasswordAlgorithms};
pub use text::{AlternateDomain, Nonce, Realm, Software, Username};
pub use user_hash::UserHash;

/// A typed attribute: how its value is read and written.
///
/// MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT are none: their values depend on the whole message, see
/// [`Message`](crate::Message) and [`Seal`](crate::Seal).
pub trait Attribute<'a>: Sized {
    /// Its number.
    const TYPE: AttributeType;

    /// Reads a value, which comes without padding. [`None`]: it is not as the definition says.
    ///
    /// The transaction id is part of what XOR-ed IPv6 addresses are XOR-ed with.
    fn decode(value: &'a [u8], transaction_id: TransactionId) -> Option<Self>;

    /// Writes the value, without padding.
    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError>;
}

/// The number of an attribute, as registered with IANA.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(pub u16);

impl AttributeType {
    /// MAPPED-ADDRESS (RFC 8489 §14.1).
    pub const MAPPED_ADDRESS: Self = Self(0x0001);
    /// USERNAME (RFC 8489 §14.3).
    pub const USERNAME: Self = Self(0x0006);
    /// MESSAGE-INTEGRITY (RFC 8489 §14.5).
    pub const MESSAGE_INTEGRITY: Self = Self(0x0008);
    /// ERROR-CODE (RFC 8489 §14.8).
    pub const ERROR_CODE: Self = Self(0x0009);
    /// UNKNOWN-ATTRIBUTES (RFC 8489 §14.13).
    pub const UNKNOWN_ATTRIBUTES: Self = Self(0x000a);
    /// REALM (RFC 8489 §14.9).
    pub const REALM: Self = Self(0x0014);
    /// NONCE (RFC 8489 §14.10).
    pub const NONCE: Self = Self(0x0015);
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6).
    pub const MESSAGE_INTEGRITY_SHA256: Self = Self(0x001c);
    /// PASSWORD-ALGORITHM (RFC 8489 §14.12).
    pub const PASSWORD_ALGORITHM: Self = Self(0x001d);
    /// USERHASH (RFC 8489 §14.4).
    pub const USERHASH: Self = Self(0x001e);
    /// XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub const XOR_MAPPED_ADDRESS: Self = Self(0x0020);
    /// PRIORITY (RFC 8445 §16.1).
    pub const PRIORITY: Self = Self(0x0024);
    /// USE-CANDIDATE (RFC 8445 §16.1).
    pub const USE_CANDIDATE: Self = Self(0x0025);
    /// PASSWORD-ALGORITHMS (RFC 8489 §14.11).
    pub const PASSWORD_ALGORITHMS: Self = Self(0x8002);
    /// ALTERNATE-DOMAIN (RFC 8489 §14.16).
    pub const ALTERNATE_DOMAIN: Self = Self(0x8003);
    /// SOFTWARE (RFC 8489 §14.14).
    pub const SOFTWARE: Self = Self(0x8022);
    /// ALTERNATE-SERVER (RFC 8489 §14.15).
    pub const ALTERNATE_SERVER: Self = Self(0x8023);
    /// FINGERPRINT (RFC 8489 §14.7).
    pub const FINGERPRINT: Self = Self(0x8028);
    /// ICE-CONTROLLED (RFC 8445 §16.1).
    pub const ICE_CONTROLLED: Self = Self(0x8029);
    /// ICE-CONTROLLING (RFC 8445 §16.1).
    pub const ICE_CONTROLLING: Self = Self(0x802a);
    /// META-DTLS-IN-STUN: a datagram of DTLS (SPED, draft-hancke-webrtc-sped).
    pub const DTLS_IN_STUN: Self = Self(0xc070);
    /// META-DTLS-IN-STUN-ACKNOWLEDGEMENT: which of them have come (SPED).
    pub const DTLS_IN_STUN_ACKNOWLEDGEMENT: Self = Self(0xc071);

    /// Whether a receiver that does not know the attribute must refuse the message, rather than pass over the
    /// attribute (RFC 8489 §14).
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
