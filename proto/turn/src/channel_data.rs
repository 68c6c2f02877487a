//! ChannelData: data behind four bytes instead of a STUN header (RFC 8656 §12.4), and what tells messages apart on a stream
//! that carries both (§12.5).

use moim_stun::ParseError;
use std::fmt;
use std::ops::Range;

/// The length of what stands before the data: channel number and length.
pub const HEADER_LEN: usize = 4;

/// The number of a channel: what stands for a peer's address (RFC 8656 §12).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The lowest.
    pub const MIN: Self = Self(0x4000);
    /// The highest that RFC 8656 §12 has, which keeps what lies above for uses to come.
    pub const MAX_RFC8656: Self = Self(0x4fff);
    /// The highest that RFC 5766 had, and that its clients go on choosing. Nothing else on a port begins with these bits
    /// (RFC 7983 §7).
    pub const MAX_RFC5766: Self = Self(0x7fff);

    /// The channel of this number. [`None`]: no channel has it.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::MIN.0 && number <= Self::MAX_RFC5766.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// Where the data of a ChannelData message lies, and which channel it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelData {
    /// The channel.
    pub number: ChannelNumber,
    /// The data, within the message.
    pub range: Range<usize>,
}

impl ChannelData {
    /// Whether a message is meant to be one, going by its first bits (RFC 8656 §12).
    #[inline]
    pub fn is_one(message: &[u8]) -> bool {
        matches!(message.first(), Some(0x40..=0x7f))
    }

    /// Reads a message. What follows the data is padding and not looked at. [`None`]: it is not one, or is cut short.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [n0, n1, l0, l1] = *message.first_chunk::<HEADER_LEN>()?;
        let number = ChannelNumber::new(u16::from_be_bytes([n0, n1]))?;
        let end = HEADER_LEN + usize::from(u16::from_be_bytes([l0, l1]));
        (end <= message.len()).then_some(Self { number, range: HEADER_LEN..end })
    }
}

/// What stands before data on its way to a client. [`None`]: there is more data than a message carries.
pub(crate) fn header(number: ChannelNumber, data_len: usize) -> Option<[u8; HEADER_LEN]> {
    let [n0, n1] = number.0.to_be_bytes();
    let [l0, l1] = u16::try_from(data_len).ok()?.to_be_bytes();
    Some([n0, n1, l0, l1])
}

/// How many bytes bring a length to a multiple of four: ChannelData has so many after it on a stream (RFC 8656 §12.5), and a
/// DATA attribute everywhere.
pub(crate) fn padding(len: usize) -> u8 {
    const PADDING: [u8; 4] = [0, 3, 2, 1];
    PADDING[len % 4]
}

/// Why a stream cannot be followed any further. It is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Neither STUN nor ChannelData begins like this.
    #[error("neither a STUN message nor ChannelData begins like this")]
    NeitherStunNorChannelData,
    /// A STUN message cannot have this header.
    #[error(transparent)]
    Stun(ParseError),
}

/// How long the message at the front of a stream is, header and padding included (RFC 8656 §3.1, §12.5). [`None`]: more bytes
/// are needed to tell.
///
/// At most 65,555 bytes: the length fields of both kinds have 16 bits.
pub fn framed_len(stream: &[u8]) -> Result<Option<usize>, FramingError> {
    let Some(&first) = stream.first() else { return Ok(None) };
    match first {
        0x00..=0x3f => moim_stun::framed_len(stream).map_err(FramingError::Stun),
        0x40..=0x7f => {
            let Some([_, _, l0, l1]) = stream.first_chunk() else { return Ok(None) };
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            Ok(Some(HEADER_LEN + len.next_multiple_of(4)))
        }
        _ => Err(FramingError::NeitherStunNorChannelData),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 8656 §12, §18.1
    #[test]
    fn channels_have_numbers_of_one_range() {
        for number in [0, 0x3fff, 0x8000, 0xffff] {
            assert_eq!(ChannelNumber::new(number), None, "{number:#x}");
        }
        for number in [0x4000, 0x4fff, 0x5000, 0x7fff] {
            assert_eq!(ChannelNumber::new(number).unwrap().number(), number);
        }
    }

    /// Covers: RFC 8656 §12.4, §12.5
    #[test]
    fn data_lies_behind_the_header_and_before_the_padding() {
        let message = [0x40, 1, 0, 2, b'h', b'i', 9, 9];

        let parsed = ChannelData::parse(&message).unwrap();
        assert_eq!(parsed, ChannelData { number: ChannelNumber::new(0x4001).unwrap(), range: 4..6 });
        assert_eq!(ChannelData::parse(&message[..6]), Some(parsed));
        assert_eq!(ChannelData::parse(&message[..5]), None, "cut short");
        assert_eq!(ChannelData::parse(&message[..3]), None);
        assert_eq!(ChannelData::parse(&[0x80, 0, 0, 0]), None, "another protocol's");
        assert_eq!(ChannelData::parse(&[0x40, 0, 0, 0]).unwrap().range, 4..4);
    }

    /// Covers: RFC 8656 §12.5
    #[test]
    fn a_stream_is_framed_with_padding() {
        let mut stun = [0; 20];
        stun[1] = 3;
        stun[3] = 8;
        stun[4..8].copy_from_slice(&moim_stun::MAGIC_COOKIE.to_be_bytes());
        assert_eq!(framed_len(&stun), Ok(Some(28)));
        assert_eq!(framed_len(&stun[..19]), Ok(None));
        assert_eq!(framed_len(&[]), Ok(None));
        assert_eq!(framed_len(&[0x40, 0, 0]), Ok(None));
        assert_eq!(framed_len(&[0x40, 0, 0, 0]), Ok(Some(4)));
        assert_eq!(framed_len(&[0x7f, 0, 0, 4]), Ok(Some(8)));
        for (len, framed) in [(1, 8), (4, 8), (5, 12)] {
            assert_eq!(framed_len(&[0x4f, 0, 0, len]), Ok(Some(framed)));
            assert_eq!(usize::from(len) + usize::from(padding(len.into())) + HEADER_LEN, framed);
        }
        assert_eq!(framed_len(&[0x40, 0, 0xff, 0xff]), Ok(Some(65_540)));
        assert_eq!(framed_len(&[0x16]), Ok(None), "what begins like STUN has to go on like it");
        assert_eq!(framed_len(&[0x80]), Err(FramingError::NeitherStunNorChannelData));
        stun[4] = 0;
        assert_eq!(framed_len(&stun), Err(FramingError::Stun(ParseError::NoMagicCookie)));
    }
}
