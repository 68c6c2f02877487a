use crate::attribute::{Attribute, AttributeType};
use crate::header::{Class, HEADER_LEN, Header, Method, TransactionId};
use crate::{FingerprintCheck, IntegrityCheck, IntegrityKey, ParseError, fingerprint, integrity};
use moim_wire::Reader;
use std::iter::FusedIterator;
use std::ops::Range;

/// A STUN message, as a view of the bytes it arrived in.
///
/// That it exists means that its header is good and its attributes lie within it. It does not mean that the message
/// is authentic: ask [`Message::check_sha256`], [`Message::check_sha1`] and [`Message::check_fingerprint`].
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Message<'a> {
    /// Reads a message that takes up all of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = Header::parse(bytes.first_chunk().ok_or(ParseError::TooShort)?)?;
        if bytes.len() - HEADER_LEN != header.body_len {
            return Err(ParseError::LengthMismatch);
        }
        check_attributes(&bytes[HEADER_LEN..])?;
        Ok(Self { bytes, header })
    }

    /// What the message is for.
    pub fn class(&self) -> Class {
        self.header.class
    }

    /// What it asks for, or answers.
    pub fn method(&self) -> Method {
        self.header.method
    }

    /// What ties the response to the request.
    pub fn transaction_id(&self) -> TransactionId {
        self.header.transaction_id
    }

    /// The bytes the message is a view of.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that count, in order.
    ///
    /// What follows a message integrity attribute is not protected by it and passed over, except for a further, stronger
    /// integrity attribute and the fingerprint (RFC 8489 §14.5, §14.6).
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            reader: Reader::new(&self.bytes[HEADER_LEN..]),
            offset: HEADER_LEN,
            protection: Protection::None,
        }
    }

    /// The first attribute of type `A`; later ones are passed over (RFC 8489 §14). [`None`]: there is none.
    pub fn get<A: Attribute<'a>>(&self) -> Result<Option<A>, ParseError> {
        match self.find(A::TYPE) {
            Some(raw) => raw.decode(self.transaction_id()).map(Some),
            None => Ok(None),
        }
    }

    /// The first attribute of a type, undecoded.
    pub fn find(&self, attribute_type: AttributeType) -> Option<RawAttribute<'a>> {
        self.attributes().find(|attribute| attribute.attribute_type == attribute_type)
    }

    /// Whether FINGERPRINT is there, and right.
    ///
    /// It guards against taking another protocol's packet for STUN, not against an attacker.
    pub fn check_fingerprint(&self) -> FingerprintCheck {
        match self.find(AttributeType::FINGERPRINT) {
            Some(attribute) => fingerprint::check(self.bytes, &attribute),
            None => FingerprintCheck::Absent,
        }
    }

    /// Whether MESSAGE-INTEGRITY (HMAC-SHA1) is there, and made with `key`.
    pub fn check_sha1(&self, key: &IntegrityKey) -> IntegrityCheck {
        match self.find(AttributeType::MESSAGE_INTEGRITY) {
            Some(attribute) => integrity::check_sha1(self.bytes, &attribute, key),
            None => IntegrityCheck::Absent,
        }
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is there, and made with `key`.
    ///
    /// `len_min` is the shortest truncation to be accepted, in bytes: [`SHA256_LEN`](crate::SHA256_LEN), that is none,
    /// unless the specification of the STUN usage says otherwise. One below [`SHA256_LEN_MIN`](crate::SHA256_LEN_MIN) is
    /// never accepted (RFC 8489 §14.6).
    pub fn check_sha256(&self, key: &IntegrityKey, len_min: usize) -> IntegrityCheck {
        match self.find(AttributeType::MESSAGE_INTEGRITY_SHA256) {
            Some(attribute) => integrity::check_sha256(self.bytes, &attribute, key, len_min),
            None => IntegrityCheck::Absent,
        }
    }
}

/// An attribute whose value has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Which attribute it is.
    pub attribute_type: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// Where it begins, in bytes from the beginning of the message.
    pub(crate) offset: usize,
}

impl<'a> RawAttribute<'a> {
    /// Reads the value as that of attribute `A`, which it is the caller's to choose by
    /// [`attribute_type`](Self::attribute_type).
    pub fn decode<A: Attribute<'a>>(&self, transaction_id: TransactionId) -> Result<A, ParseError> {
        A::decode(self.value, transaction_id).ok_or(ParseError::MalformedAttribute(self.attribute_type))
    }

    /// Where the value lies, in bytes from the beginning of the message: for those who pass it on without copying it.
    pub fn value_range(&self) -> Range<usize> {
        let start = self.offset + 4;
        start..start + self.value.len()
    }
}

/// Walks the attributes of a message; see [`Message::attributes`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    reader: Reader<'a>,
    offset: usize,
    protection: Protection,
}

/// The strongest message integrity passed so far: what is not protected by it counts only if it comes in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Protection {
    None,
    Sha1,
    Sha256,
}

impl Protection {
    /// Whether an attribute counts after all those so far.
    fn admits(self, attribute_type: AttributeType) -> bool {
        match attribute_type {
            AttributeType::FINGERPRINT => true,
            AttributeType::MESSAGE_INTEGRITY_SHA256 => self < Self::Sha256,
            _ => self == Self::None,
        }
    }

    fn after(self, attribute_type: AttributeType) -> Self {
        match attribute_type {
            AttributeType::MESSAGE_INTEGRITY => self.max(Self::Sha1),
            AttributeType::MESSAGE_INTEGRITY_SHA256 => Self::Sha256,
            _ => self,
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let offset = self.offset;
            let (attribute_type, value) = read_attribute(&mut self.reader)?;
            self.offset += 4 + padded(value.len());
            if self.protection.admits(attribute_type) {
                self.protection = self.protection.after(attribute_type);
                return Some(RawAttribute { attribute_type, value, offset });
            }
        }
    }
}

impl FusedIterator for Attributes<'_> {}

/// The length of a value with the padding that brings it to a multiple of four (RFC 8489 §14).
pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Checks that the attributes lie within `body`, and that FINGERPRINT is the last of them.
fn check_attributes(body: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(body);
    while !reader.is_empty() {
        let (attribute_type, _) = read_attribute(&mut reader).ok_or(ParseError::AttributeOverrun)?;
        if attribute_type == AttributeType::FINGERPRINT && !reader.is_empty() {
            return Err(ParseError::FingerprintNotLast);
        }
    }
    Ok(())
}

fn read_attribute<'a>(reader: &mut Reader<'a>) -> Option<(AttributeType, &'a [u8])> {
    let attribute_type = AttributeType(reader.u16()?);
    let len = usize::from(reader.u16()?);
    // RFC 8489 §14: whatever the padding bytes are, they are not looked at.
    let value = reader.bytes(padded(len))?;
    Some((attribute_type, &value[..len]))
}
