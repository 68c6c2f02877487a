use super::{Attribute, AttributeType};
use crate::{BuildError, TransactionId};
use moim_wire::{Reader, Writer};

/// PRIORITY: what a candidate would count for that the check finds out about (RFC 8445 §16.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(pub u32);

/// USE-CANDIDATE: the controlling agent nominates the pair of the check (RFC 8445 §16.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseCandidate;

/// ICE-CONTROLLED: the sender believes itself controlled, and this is its tie-breaker (RFC 8445 §16.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IceControlled(pub u64);

/// ICE-CONTROLLING: the sender believes itself controlling, and this is its tie-breaker (RFC 8445 §16.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IceControlling(pub u64);

impl Attribute<'_> for Priority {
    const TYPE: AttributeType = AttributeType::PRIORITY;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(|bytes| Self(u32::from_be_bytes(bytes)))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u32(self.0)?)
    }
}

impl Attribute<'_> for UseCandidate {
    const TYPE: AttributeType = AttributeType::USE_CANDIDATE;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.is_empty().then_some(Self)
    }

    fn encode(&self, _: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(())
    }
}

impl Attribute<'_> for IceControlled {
    const TYPE: AttributeType = AttributeType::ICE_CONTROLLED;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode_tie_breaker(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u64(self.0)?)
    }
}

impl Attribute<'_> for IceControlling {
    const TYPE: AttributeType = AttributeType::ICE_CONTROLLING;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode_tie_breaker(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u64(self.0)?)
    }
}

fn decode_tie_breaker(value: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(value);
    let number = reader.u64()?;
    reader.is_empty().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Message, MessageBuilder, Method, Seal};

    /// Covers: RFC 8445 §16.1
    #[test]
    fn attributes_of_a_check_read_as_they_were_written() {
        let mut buffer = [0; 128];
        let id = TransactionId([7; 12]);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
        builder.attribute(&Priority(0x6e00_01ff)).unwrap();
        builder.attribute(&UseCandidate).unwrap();
        builder.attribute(&IceControlling(u64::MAX - 1)).unwrap();
        builder.attribute(&IceControlled(3)).unwrap();
        let bytes = builder.finish(Seal::default()).unwrap();

        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.get(), Ok(Some(Priority(0x6e00_01ff))));
        assert_eq!(message.get(), Ok(Some(UseCandidate)));
        assert_eq!(message.get(), Ok(Some(IceControlling(u64::MAX - 1))));
        assert_eq!(message.get(), Ok(Some(IceControlled(3))));
    }

    #[test]
    fn values_of_other_lengths_are_refused() {
        let id = TransactionId([0; 12]);
        assert_eq!(Priority::decode(&[0; 5], id), None);
        assert_eq!(UseCandidate::decode(&[0], id), None);
        assert_eq!(IceControlled::decode(&[0; 7], id), None);
        assert_eq!(IceControlling::decode(&[0; 9], id), None);
    }
}
