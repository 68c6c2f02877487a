use crate::AddressFamily;
use moim_stun::attribute::Attribute;
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::Writer;

/// REQUESTED-ADDRESS-FAMILY: the family of the relayed address that is wanted, or of the allocation's address that a Refresh
/// is about (RFC 8656 §18.6).
///
/// It carries the number, known or not: a server answers 440 to a family it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedAddressFamily(pub u8);

/// ADDITIONAL-ADDRESS-FAMILY: that an address of this family is wanted besides the IPv4 one (RFC 8656 §18.11). Only IPv6
/// may be asked for so; it carries the number, for the server to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdditionalAddressFamily(pub u8);

impl RequestedAddressFamily {
    /// The family, if it is one there is.
    pub fn family(self) -> Option<AddressFamily> {
        AddressFamily::from_number(self.0)
    }
}

impl AdditionalAddressFamily {
    /// The family, if it is one there is.
    pub fn family(self) -> Option<AddressFamily> {
        AddressFamily::from_number(self.0)
    }
}

impl From<AddressFamily> for RequestedAddressFamily {
    fn from(family: AddressFamily) -> Self {
        Self(family.number())
    }
}

impl From<AddressFamily> for AdditionalAddressFamily {
    fn from(family: AddressFamily) -> Self {
        Self(family.number())
    }
}

impl Attribute<'_> for RequestedAddressFamily {
    const TYPE: AttributeType = AttributeType(0x0017);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(&[self.0, 0, 0, 0])?)
    }
}

impl Attribute<'_> for AdditionalAddressFamily {
    const TYPE: AttributeType = AttributeType(0x8000);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(&[self.0, 0, 0, 0])?)
    }
}

/// The number, and three bytes that are not looked at.
fn decode(value: &[u8]) -> Option<u8> {
    let [family, _, _, _] = *value.first_chunk().filter(|_| value.len() == 4)?;
    Some(family)
}
