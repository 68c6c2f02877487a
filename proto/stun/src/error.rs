use crate::AttributeType;
use moim_wire::OutOfSpace;

/// Why bytes from the network are not a STUN message, or an attribute of one cannot be read. The sender is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Fewer than the 20 bytes of a header.
    #[error("the message is shorter than a STUN header")]
    TooShort,
    /// The first two bits are not zero: some other protocol.
    #[error("the first two bits are not those of a STUN message")]
    NotStun,
    /// The magic cookie is missing: classic STUN (RFC 3489), or some other protocol.
    #[error("the magic cookie is missing")]
    NoMagicCookie,
    /// The length field is not a multiple of four.
    #[error("the length is not a multiple of four")]
    LengthUnaligned,
    /// The length field does not say what arrived.
    #[error("the length field differs from the number of bytes that arrived")]
    LengthMismatch,
    /// An attribute reaches beyond the end of the message.
    #[error("an attribute reaches beyond the end of the message")]
    AttributeOverrun,
    /// Something comes after FINGERPRINT, which has to be last.
    #[error("an attribute comes after FINGERPRINT")]
    FingerprintNotLast,
    /// The value of this attribute is not as its definition says.
    #[error("the value of attribute {0} is malformed")]
    MalformedAttribute(AttributeType),
}

/// Why a message could not be written. The caller is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The buffer is too small for the message.
    #[error("the buffer is too small for the message")]
    BufferTooSmall,
    /// The message is longer than its length field can say.
    #[error("the message is longer than its length field can say")]
    MessageTooLong,
    /// The value is longer than the attribute may be, or not of its form.
    #[error("attribute {0} cannot have this value")]
    InvalidValue(AttributeType),
}

impl From<OutOfSpace> for BuildError {
    fn from(OutOfSpace: OutOfSpace) -> Self {
        Self::BufferTooSmall
    }
}

/// Why no key or hash can be made of a user name, a realm and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The user name is empty, or has characters that the OpaqueString profile (RFC 8265 §4.2) refuses.
    #[error("the user name is empty or has characters that OpaqueString (RFC 8265) refuses")]
    Username,
    /// The realm is empty, or has characters that the OpaqueString profile (RFC 8265 §4.2) refuses.
    #[error("the realm is empty or has characters that OpaqueString (RFC 8265) refuses")]
    Realm,
    /// The password is empty, or has characters that the OpaqueString profile (RFC 8265 §4.2) refuses.
    #[error("the password is empty or has characters that OpaqueString (RFC 8265) refuses")]
    Password,
}
