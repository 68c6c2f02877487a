use super::{Attribute, AttributeType};
use crate::{BuildError, TransactionId};
use moim_wire::Writer;

/// How long a text may be at most.
struct Limits {
    chars: usize,
    encoded_bytes: usize,
    decoded_bytes: usize,
}

/// RFC 8489 §14.9, §14.10, §14.14: fewer than 128 characters. What older implementations count as a character may take
/// six bytes, so more is read than is ever written.
const SHORT: Limits = Limits { chars: 127, encoded_bytes: 509, decoded_bytes: 763 };
/// RFC 8489 §14.3: fewer than 509 bytes.
const USERNAME: Limits = Limits { chars: 508, encoded_bytes: 508, decoded_bytes: 508 };
/// RFC 8489 §14.16: no more than 255 bytes.
const DOMAIN: Limits = Limits { chars: 255, encoded_bytes: 255, decoded_bytes: 255 };

macro_rules! text_attribute {
    ($(#[$meta:meta])* $name:ident, $attribute_type:ident, $limits:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub &'a str);

        impl<'a> Attribute<'a> for $name<'a> {
            const TYPE: AttributeType = AttributeType::$attribute_type;

            fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
                decode(value, &$limits).map(Self)
            }

            fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
                encode(self.0, &$limits, Self::TYPE, writer)
            }
        }
    };
}

text_attribute! {
    /// USERNAME: whose credential the message integrity is made with (RFC 8489 §14.3). Up to 508 bytes.
    Username, USERNAME, USERNAME
}
text_attribute! {
    /// REALM: where a long-term credential is valid (RFC 8489 §14.9). Up to 127 characters.
    Realm, REALM, SHORT
}
text_attribute! {
    /// NONCE: the server's proof that a request is fresh (RFC 8489 §14.10). Up to 127 characters.
    Nonce, NONCE, SHORT
}
text_attribute! {
    /// SOFTWARE: what the sender runs (RFC 8489 §14.14). Up to 127 characters. This project's server never says.
    Software, SOFTWARE, SHORT
}
text_attribute! {
    /// ALTERNATE-DOMAIN: the name that the certificate of an alternate server is for (RFC 8489 §14.16). Up to 255 bytes.
    AlternateDomain, ALTERNATE_DOMAIN, DOMAIN
}

fn decode<'a>(value: &'a [u8], limits: &Limits) -> Option<&'a str> {
    if value.len() > limits.decoded_bytes {
        return None;
    }
    str::from_utf8(value).ok()
}

fn encode(
    text: &str,
    limits: &Limits,
    attribute_type: AttributeType,
    writer: &mut Writer<'_>,
) -> Result<(), BuildError> {
    if text.len() > limits.encoded_bytes || text.chars().count() > limits.chars {
        return Err(BuildError::InvalidValue(attribute_type));
    }
    Ok(writer.bytes(text.as_bytes())?)
}
