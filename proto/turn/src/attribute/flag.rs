use moim_stun::attribute::Attribute;
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::Writer;

/// EVEN-PORT: that the relayed port is to be even (RFC 8656 §18.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvenPort {
    /// Whether the next higher port is to be kept for a later Allocate.
    pub reserve: bool,
}

/// DONT-FRAGMENT: that the datagram to the peer is not to be fragmented on its way (RFC 8656 §18.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DontFragment;

const RESERVE: u8 = 0x80;

impl Attribute<'_> for EvenPort {
    const TYPE: AttributeType = AttributeType(0x0018);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let [flags] = *value.first_chunk().filter(|_| value.len() == 1)?;
        Some(Self { reserve: flags & RESERVE != 0 })
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u8(if self.reserve { RESERVE } else { 0 })?)
    }
}

impl Attribute<'_> for DontFragment {
    const TYPE: AttributeType = AttributeType(0x001a);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.is_empty().then_some(Self)
    }

    fn encode(&self, _: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(())
    }
}
