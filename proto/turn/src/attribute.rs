//! The attributes of TURN (RFC 8656 §18), and those of its extensions: relayed TCP connections (RFC 6062), mobility (RFC 8016)
//! and third-party authorization (RFC 7635).

mod error;
mod family;
mod flag;
mod opaque;
mod peer;

use crate::channel_data::ChannelNumber;
use moim_stun::attribute::Attribute;
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::{Reader, Writer};
use std::time::Duration;

pub use error::{AddressErrorCode, Icmp};
pub use family::{AdditionalAddressFamily, RequestedAddressFamily};
pub use flag::{DontFragment, EvenPort};
pub use opaque::{AccessToken, Data, MobilityTicket, ThirdPartyAuthorization};
pub use peer::{XorPeerAddress, XorRelayedAddress};

/// CHANNEL-NUMBER: the channel that a ChannelBind is about (RFC 8656 §18.1). Numbers no channel may have are read too, so that
/// the server can answer 400 to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelNumberAttribute(pub u16);

impl From<ChannelNumber> for ChannelNumberAttribute {
    fn from(number: ChannelNumber) -> Self {
        Self(number.number())
    }
}

impl Attribute<'_> for ChannelNumberAttribute {
    const TYPE: AttributeType = AttributeType(0x000c);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u16()?;
        reader.u16()?;
        reader.is_empty().then_some(Self(number))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        writer.u16(self.0)?;
        Ok(writer.u16(0)?)
    }
}

/// LIFETIME: for how long the server keeps the allocation unless it is refreshed, in seconds (RFC 8656 §18.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// A duration in whole seconds, the nearest.
    pub fn rounded(duration: Duration) -> Self {
        let seconds = duration.saturating_add(Duration::from_millis(500)).as_secs();
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl Attribute<'_> for Lifetime {
    const TYPE: AttributeType = AttributeType(0x000d);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(|bytes| Self(u32::from_be_bytes(bytes)))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u32(self.0)?)
    }
}

/// REQUESTED-TRANSPORT: what is to carry data between the relayed transport address and peers, by its IANA protocol
/// number (RFC 8656 §18.8, RFC 6062 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedTransport(pub u8);

impl RequestedTransport {
    /// UDP.
    pub const UDP: Self = Self(17);
    /// TCP (RFC 6062).
    pub const TCP: Self = Self(6);
}

impl Attribute<'_> for RequestedTransport {
    const TYPE: AttributeType = AttributeType(0x0019);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let [protocol, _, _, _] = *value.first_chunk().filter(|_| value.len() == 4)?;
        Some(Self(protocol))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(&[self.0, 0, 0, 0])?)
    }
}

/// RESERVATION-TOKEN: the address next to the relayed one, kept for a later Allocate (RFC 8656 §18.10).
impl Attribute<'_> for crate::ReservationToken {
    const TYPE: AttributeType = AttributeType(0x0022);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(&self.0)?)
    }
}

/// CONNECTION-ID: a connection with a peer (RFC 6062 §6.2.1).
impl Attribute<'_> for crate::ConnectionId {
    const TYPE: AttributeType = AttributeType(0x002a);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(|bytes| Self(u32::from_be_bytes(bytes)))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u32(self.0)?)
    }
}

#[cfg(test)]
mod tests;
