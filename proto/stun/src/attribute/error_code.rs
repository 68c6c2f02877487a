use super::{Attribute, AttributeType};
use crate::{BuildError, TransactionId};
use moim_wire::{Reader, Writer};

/// RFC 8489 §14.8: the reason is shorter than 128 characters, that is up to 509 bytes written, 763 read.
const REASON_CHARS_MAX: usize = 127;
const REASON_ENCODED_BYTES_MAX: usize = 509;
const REASON_DECODED_BYTES_MAX: usize = 763;

/// ERROR-CODE: why a request was not carried out (RFC 8489 §14.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    code: u16,
    reason: &'a str,
}

impl<'a> ErrorCode<'a> {
    /// 300: try another server, named by ALTERNATE-SERVER.
    pub const TRY_ALTERNATE: Self = Self { code: 300, reason: "" };
    /// 400: the request was malformed.
    pub const BAD_REQUEST: Self = Self { code: 400, reason: "" };
    /// 401: the request needs a credential that is right.
    pub const UNAUTHENTICATED: Self = Self { code: 401, reason: "" };
    /// 420: the request has attributes that must be understood and are not, listed by UNKNOWN-ATTRIBUTES.
    pub const UNKNOWN_ATTRIBUTE: Self = Self { code: 420, reason: "" };
    /// 438: the nonce is no longer valid; use the new one.
    pub const STALE_NONCE: Self = Self { code: 438, reason: "" };
    /// 487: both agents believe themselves controlling, or both controlled (RFC 8445 §7.3.1.1).
    pub const ROLE_CONFLICT: Self = Self { code: 487, reason: "" };
    /// 500: a temporary failure of the server.
    pub const SERVER_ERROR: Self = Self { code: 500, reason: "" };

    /// An error with a reason in words for whoever reads a capture. [`None`]: `code` is not within 300 to 699.
    ///
    /// The constants come without words: a client goes by the code, and every byte of an answer to an unauthenticated
    /// request is one an attacker can multiply.
    pub fn new(code: u16, reason: &'a str) -> Option<Self> {
        (300..700).contains(&code).then_some(Self { code, reason })
    }

    /// The code, within 300 to 699.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason in words.
    pub fn reason(&self) -> &'a str {
        self.reason
    }
}

impl<'a> Attribute<'a> for ErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ERROR_CODE;

    fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        reader.u16()?;
        // RFC 8489 §14.8: only the three lowest bits are the class; those above are reserved.
        let class = u16::from(reader.u8()? & 0b111);
        let number = u16::from(reader.u8()?);
        let reason = reader.rest();
        if number > 99 || reason.len() > REASON_DECODED_BYTES_MAX {
            return None;
        }
        Self::new(class * 100 + number, str::from_utf8(reason).ok()?)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        if self.reason.len() > REASON_ENCODED_BYTES_MAX || self.reason.chars().count() > REASON_CHARS_MAX {
            return Err(BuildError::InvalidValue(Self::TYPE));
        }
        writer.u16(0)?;
        // A class is within 3 to 6 and a number within 0 to 99, so that each is one byte.
        writer.u16(((self.code / 100) << 8) | (self.code % 100))?;
        Ok(writer.bytes(self.reason.as_bytes())?)
    }
}

/// How many attributes an UNKNOWN-ATTRIBUTES lists; more than these are left out. The first one is enough for a client
/// to know that the server does not speak an extension.
pub const UNKNOWN_ATTRIBUTES_MAX: usize = 8;

/// UNKNOWN-ATTRIBUTES: which attributes made a server answer 420 (RFC 8489 §14.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAttributes {
    types: [AttributeType; UNKNOWN_ATTRIBUTES_MAX],
    len: usize,
}

impl UnknownAttributes {
    /// A list with nothing in it.
    pub const EMPTY: Self = Self { types: [AttributeType(0); UNKNOWN_ATTRIBUTES_MAX], len: 0 };

    /// Lists an attribute, once, and as long as there is room.
    pub fn insert(&mut self, attribute_type: AttributeType) {
        if self.len < UNKNOWN_ATTRIBUTES_MAX && !self.as_slice().contains(&attribute_type) {
            self.types[self.len] = attribute_type;
            self.len += 1;
        }
    }

    /// The attributes listed.
    pub fn as_slice(&self) -> &[AttributeType] {
        &self.types[..self.len]
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Attribute<'_> for UnknownAttributes {
    const TYPE: AttributeType = AttributeType::UNKNOWN_ATTRIBUTES;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let (types, rest) = value.as_chunks();
        if !rest.is_empty() {
            return None;
        }
        let mut unknown = Self::EMPTY;
        for number in types {
            unknown.insert(AttributeType(u16::from_be_bytes(*number)));
        }
        Some(unknown)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        for attribute_type in self.as_slice() {
            writer.u16(attribute_type.0)?;
        }
        Ok(())
    }
}
