use crate::AddressFamily;
use moim_stun::attribute::Attribute;
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::{Reader, Writer};

/// ADDRESS-ERROR-CODE: why an Allocate for both families got an address of only one (RFC 8656 §18.12). Written without a
/// reason phrase, read with any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressErrorCode {
    /// The family there is no address of.
    pub family: AddressFamily,
    /// The code, within 300 to 699, as in ERROR-CODE.
    pub code: u16,
}

impl Attribute<'_> for AddressErrorCode {
    const TYPE: AttributeType = AttributeType(0x8001);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let family = AddressFamily::from_number(reader.u8()?)?;
        reader.u8()?;
        // As in ERROR-CODE, only the three lowest bits are the class.
        let class = u16::from(reader.u8()? & 0b111);
        let number = u16::from(reader.u8()?);
        ((3..=6).contains(&class) && number <= 99).then_some(Self { family, code: class * 100 + number })
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        if !(300..700).contains(&self.code) {
            return Err(BuildError::InvalidValue(Self::TYPE));
        }
        writer.u8(self.family.number())?;
        writer.u8(0)?;
        Ok(writer.u16(((self.code / 100) << 8) | (self.code % 100))?)
    }
}

/// ICMP: what came back instead of the peer's answer (RFC 8656 §18.13).
///
/// The figure in RFC 8656 draws 7 bits for the type and 9 for the code. Both have 8 where they come from, and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// The type, of ICMP or ICMPv6 as the family of the peer is.
    pub icmp_type: u8,
    /// The code within the type.
    pub code: u8,
    /// The MTU, in bytes, if the packet was too big for a link; otherwise 0.
    pub data: u32,
}

impl Attribute<'_> for Icmp {
    const TYPE: AttributeType = AttributeType(0x8004);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        reader.u16()?;
        let icmp = Self { icmp_type: reader.u8()?, code: reader.u8()?, data: reader.u32()? };
        reader.is_empty().then_some(icmp)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        writer.u16(0)?;
        writer.u8(self.icmp_type)?;
        writer.u8(self.code)?;
        Ok(writer.u32(self.data)?)
    }
}
