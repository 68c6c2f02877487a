use crate::attribute::{Attribute, AttributeType, MappedAddress};
use crate::{BuildError, TransactionId};
use moim_wire::{Reader, Writer};
use std::net::SocketAddr;

/// Padding is written from here, and read for its length alone.
const ZEROES: [u8; 64] = [0; 64];

impl AttributeType {
    /// CHANGE-REQUEST (RFC 5780 §7.2).
    pub const CHANGE_REQUEST: Self = Self(0x0003);
    /// PADDING (RFC 5780 §7.6).
    pub const PADDING: Self = Self(0x0026);
    /// RESPONSE-PORT (RFC 5780 §7.5).
    pub const RESPONSE_PORT: Self = Self(0x0027);
    /// RESPONSE-ORIGIN (RFC 5780 §7.3).
    pub const RESPONSE_ORIGIN: Self = Self(0x802b);
    /// OTHER-ADDRESS (RFC 5780 §7.4).
    pub const OTHER_ADDRESS: Self = Self(0x802c);
}

/// CHANGE-REQUEST: from where the response is to come (RFC 5780 §7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeRequest {
    /// From the server's other IP address.
    pub ip: bool,
    /// From the server's other port.
    pub port: bool,
}

/// RESPONSE-PORT: to which port of the sender's address the response is to go (RFC 5780 §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePort(pub u16);

/// PADDING: that many bytes without a meaning, to make a packet long (RFC 5780 §7.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// How many bytes.
    pub len: usize,
}

/// RESPONSE-ORIGIN: where the response was sent from (RFC 5780 §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseOrigin(pub SocketAddr);

/// OTHER-ADDRESS: where a response comes from that was asked to change both IP address and port (RFC 5780 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherAddress(pub SocketAddr);

const CHANGE_IP: u32 = 0x04;
const CHANGE_PORT: u32 = 0x02;

impl Attribute<'_> for ChangeRequest {
    const TYPE: AttributeType = AttributeType::CHANGE_REQUEST;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let flags = reader.u32()?;
        reader.is_empty().then_some(Self { ip: flags & CHANGE_IP != 0, port: flags & CHANGE_PORT != 0 })
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        Ok(writer.u32(flag(self.ip, CHANGE_IP) | flag(self.port, CHANGE_PORT))?)
    }
}

impl Attribute<'_> for ResponsePort {
    const TYPE: AttributeType = AttributeType::RESPONSE_PORT;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let port = reader.u16()?;
        // The RFC says two bytes and padding; its figure has been read as four bytes. Both are understood.
        matches!(reader.rest().len(), 0 | 2).then_some(Self(port))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u16(self.0)?)
    }
}

impl Attribute<'_> for Padding {
    const TYPE: AttributeType = AttributeType::PADDING;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        Some(Self { len: value.len() })
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        let mut left = self.len;
        while left > 0 {
            let len = left.min(ZEROES.len());
            writer.bytes(&ZEROES[..len])?;
            left -= len;
        }
        Ok(())
    }
}

impl Attribute<'_> for ResponseOrigin {
    const TYPE: AttributeType = AttributeType::RESPONSE_ORIGIN;

    fn decode(value: &[u8], transaction_id: TransactionId) -> Option<Self> {
        MappedAddress::decode(value, transaction_id).map(|address| Self(address.0))
    }

    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError> {
        MappedAddress(self.0).encode(writer, transaction_id)
    }
}

impl Attribute<'_> for OtherAddress {
    const TYPE: AttributeType = AttributeType::OTHER_ADDRESS;

    fn decode(value: &[u8], transaction_id: TransactionId) -> Option<Self> {
        MappedAddress::decode(value, transaction_id).map(|address| Self(address.0))
    }

    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError> {
        MappedAddress(self.0).encode(writer, transaction_id)
    }
}
