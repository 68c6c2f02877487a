//! The Data Channel Establishment Protocol (RFC 8832): how a channel is opened by a message on its own stream.

use moim_wire::{Reader, Writer};

/// The longest label or protocol of a channel, in bytes: what a field of the message can tell (RFC 8832 §5.1).
pub const LABEL_LEN_MAX: usize = 65_535;

/// RFC 8832 §8.2.1.
const MESSAGE_ACK: u8 = 0x02;
const MESSAGE_OPEN: u8 = 0x03;
/// The bit of a channel type that says: unordered (RFC 8832 §5.1).
const UNORDERED: u8 = 0x80;
const HEADER_LEN: usize = 12;

/// How hard a message is tried to be delivered (RFC 8832 §5.1, RFC 8831 §6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it is there.
    #[default]
    Reliable,
    /// At most so often again after the first time.
    MaxRetransmits(u32),
    /// For at most so many milliseconds.
    MaxPacketLifeTime(u32),
}

/// The message that opens a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Messages arrive in their order.
    pub ordered: bool,
    /// How hard they are tried to be delivered.
    pub reliability: Reliability,
    /// Of what weight the channel is (RFC 8831 §6.4).
    pub priority: u16,
    /// The application's name for it.
    pub label: &'a str,
    /// What is spoken in it.
    pub protocol: &'a str,
}

/// A message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// DATA_CHANNEL_OPEN (§5.1).
    Open(Open<'a>),
    /// DATA_CHANNEL_ACK (§5.2).
    Ack,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It ends too early, or goes on after its end.
    #[error("the message is shorter or longer than it says")]
    Length,
    /// It is neither an opening nor an acknowledgement.
    #[error("the message is of an unknown type")]
    MessageType,
    /// The channel type is none that there is.
    #[error("the channel type is unknown")]
    ChannelType,
    /// The label or the protocol is not UTF-8.
    #[error("the label or the protocol is not UTF-8")]
    Text,
}

impl<'a> Message<'a> {
    /// Reads a message, which is all of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        match reader.u8().ok_or(ParseError::Length)? {
            MESSAGE_ACK if reader.is_empty() => Ok(Self::Ack),
            MESSAGE_ACK => Err(ParseError::Length),
            MESSAGE_OPEN => Open::parse(reader).map(Self::Open),
            _ => Err(ParseError::MessageType),
        }
    }

    /// The message as it is sent. [`None`]: the label or the protocol is too long.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ack => Some(vec![MESSAGE_ACK]),
            Self::Open(open) => open.to_bytes(),
        }
    }
}

impl<'a> Open<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let mut fixed = Reader::new(reader.bytes(HEADER_LEN - 1).ok_or(ParseError::Length)?);
        let short = ParseError::Length;
        let channel_type = fixed.u8().ok_or(short)?;
        let priority = fixed.u16().ok_or(short)?;
        let parameter = fixed.u32().ok_or(short)?;
        let label_len = usize::from(fixed.u16().ok_or(short)?);
        let protocol_len = usize::from(fixed.u16().ok_or(short)?);
        let label = reader.bytes(label_len).ok_or(short)?;
        let protocol = reader.bytes(protocol_len).ok_or(short)?;
        if !reader.is_empty() {
            return Err(short);
        }
        let reliability = match channel_type & !UNORDERED {
            0x00 => Reliability::Reliable,
            0x01 => Reliability::MaxRetransmits(parameter),
            0x02 => Reliability::MaxPacketLifeTime(parameter),
            _ => return Err(ParseError::ChannelType),
        };
        let text = |bytes| str::from_utf8(bytes).map_err(|_| ParseError::Text);
        Ok(Self {
            ordered: channel_type & UNORDERED == 0,
            reliability,
            priority,
            label: text(label)?,
            protocol: text(protocol)?,
        })
    }

    fn to_bytes(&self) -> Option<Vec<u8>> {
        let (kind, parameter) = match self.reliability {
            Reliability::Reliable => (0x00, 0),
            Reliability::MaxRetransmits(count) => (0x01, count),
            Reliability::MaxPacketLifeTime(ms) => (0x02, ms),
        };
        let mut bytes = vec![0; HEADER_LEN + self.label.len() + self.protocol.len()];
        let mut writer = Writer::new(&mut bytes);
        writer.u8(MESSAGE_OPEN).ok()?;
        writer.u8(kind | if self.ordered { 0 } else { UNORDERED }).ok()?;
        writer.u16(self.priority).ok()?;
        writer.u32(parameter).ok()?;
        writer.u16(u16::try_from(self.label.len()).ok()?).ok()?;
        writer.u16(u16::try_from(self.protocol.len()).ok()?).ok()?;
        writer.bytes(self.label.as_bytes()).ok()?;
        writer.bytes(self.protocol.as_bytes()).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn open() -> Open<'static> {
        Open { ordered: true, reliability: Reliability::Reliable, priority: 256, label: "chat", protocol: "" }
    }

    /// Covers: RFC 8832 §5.1
    #[test]
    fn an_opening_is_laid_out_as_the_rfc_draws_it() {
        let message =
            Open { ordered: false, reliability: Reliability::MaxRetransmits(3), protocol: "p", ..open() };

        let bytes = Message::Open(message.clone()).to_bytes().unwrap();

        assert_eq!(bytes, [&[3, 0x81, 1, 0, 0, 0, 0, 3, 0, 4, 0, 1][..], b"chatp"].concat());
        assert_eq!(Message::parse(&bytes), Ok(Message::Open(message)));
    }

    /// Covers: RFC 8832 §5.2
    #[test]
    fn an_acknowledgement_is_one_byte() {
        assert_eq!(Message::Ack.to_bytes(), Some(vec![2]));
        assert_eq!(Message::parse(&[2]), Ok(Message::Ack));
        assert_eq!(Message::parse(&[2, 0]), Err(ParseError::Length));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let good = Message::Open(open()).to_bytes().unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };

        assert_eq!(Message::parse(&[]), Err(ParseError::Length));
        assert_eq!(Message::parse(&good[..good.len() - 1]), Err(ParseError::Length));
        assert_eq!(Message::parse(&with(9, 9)), Err(ParseError::Length));
        assert_eq!(Message::parse(&with(9, 3)), Err(ParseError::Length), "bytes after the end");
        assert_eq!(Message::parse(&with(0, 1)), Err(ParseError::MessageType));
        assert_eq!(Message::parse(&with(1, 3)), Err(ParseError::ChannelType));
        assert_eq!(Message::parse(&with(12, 0xFF)), Err(ParseError::Text));
    }

    #[test]
    fn a_label_that_no_field_can_tell_is_not_written() {
        let label = "x".repeat(LABEL_LEN_MAX + 1);

        assert_eq!(Message::Open(Open { label: &label, ..open() }).to_bytes(), None);
        assert!(Message::Open(Open { label: &label[1..], ..open() }).to_bytes().is_some());
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(
            ordered: bool,
            kind in 0u8..3,
            parameter: u32,
            priority: u16,
            label in ".{0,40}",
            protocol in ".{0,40}",
        ) {
            let reliability = match kind {
                0 => Reliability::Reliable,
                1 => Reliability::MaxRetransmits(parameter),
                _ => Reliability::MaxPacketLifeTime(parameter),
            };
            let message = Message::Open(Open { ordered, reliability, priority, label: &label, protocol: &protocol });
            let written = message.to_bytes().unwrap();
            prop_assert_eq!(Message::parse(&written), Ok(message.clone()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(message) = Message::parse(&bytes) {
                let written = message.to_bytes().unwrap();
                prop_assert_eq!(Message::parse(&written), Ok(message));
            }
        }
    }
}
