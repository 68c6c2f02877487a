use crate::ParseError;
use crate::extension::Extensions;
use moim_wire::{PayloadType, Reader, RtpTimestamp, SeqNo, Ssrc};
use std::ops::Range;

/// Bytes of a header without contributing sources and extensions (RFC 3550 §5.1).
pub const HEADER_LEN_MIN: usize = 12;

/// The header of an RTP packet (RFC 3550 §5.1), read.
///
/// It keeps numbers and places, not bytes, so that the packet can be decrypted where it lies between reading the header and looking at the
/// payload. What follows the header (payload and padding) is encrypted under SRTP; the header is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The marker: the last packet of a picture, or the first one after silence.
    pub marker: bool,
    /// The format.
    pub payload_type: PayloadType,
    /// The place in the stream.
    pub seq: SeqNo,
    /// The media clock's reading.
    pub timestamp: RtpTimestamp,
    /// The stream.
    pub ssrc: Ssrc,
    /// Whether the packet ends in padding.
    pub has_padding: bool,
    /// Bytes of the header, with contributing sources and extensions.
    pub header_len: usize,
    csrc_count: u8,
    extension: Option<ExtensionBlock>,
}

/// Where the extensions lie, and in which form (RFC 8285 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ExtensionBlock {
    profile: u16,
    start: usize,
    len: usize,
}

impl Header {
    /// Reads the header at the beginning of `packet`, protected or not.
    pub fn parse(packet: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(packet);
        let fixed: [u8; HEADER_LEN_MIN] = reader.array().ok_or(ParseError::TooShort)?;
        let [first, second, seq0, seq1, ts0, ts1, ts2, ts3, ssrc0, ssrc1, ssrc2, ssrc3] = fixed;
        if first >> 6 != 2 {
            return Err(ParseError::Version);
        }
        let csrc_count = first & 0x0F;
        reader.bytes(usize::from(csrc_count) * 4).ok_or(ParseError::TooShort)?;
        let mut extension = None;
        if first & 0x10 != 0 {
            let profile = reader.u16().ok_or(ParseError::TooShort)?;
            let len = usize::from(reader.u16().ok_or(ParseError::TooShort)?) * 4;
            let start = packet.len() - reader.rest().len();
            reader.bytes(len).ok_or(ParseError::TooShort)?;
            extension = Some(ExtensionBlock { profile, start, len });
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: PayloadType::new(second & 0x7F).ok_or(ParseError::Content)?,
            seq: SeqNo(u16::from_be_bytes([seq0, seq1])),
            timestamp: RtpTimestamp(u32::from_be_bytes([ts0, ts1, ts2, ts3])),
            ssrc: Ssrc(u32::from_be_bytes([ssrc0, ssrc1, ssrc2, ssrc3])),
            has_padding: first & 0x20 != 0,
            header_len: packet.len() - reader.rest().len(),
            csrc_count,
            extension,
        })
    }

    /// Where the payload lies in the packet, which is not protected any more. Padding may be all there is: the payload is empty then.
    pub fn payload(&self, packet: &[u8]) -> Result<Range<usize>, ParseError> {
        let padding_len = self.padding_len(packet)?;
        Ok(self.header_len..packet.len() - padding_len)
    }

    /// How many bytes at the end of the packet are padding, the count itself among them.
    pub fn padding_len(&self, packet: &[u8]) -> Result<usize, ParseError> {
        let body = packet.get(self.header_len..).ok_or(ParseError::TooShort)?;
        if !self.has_padding {
            return Ok(0);
        }
        let padding_len = usize::from(*body.last().ok_or(ParseError::Padding)?);
        // RFC 3550 §5.1: the count includes itself.
        if padding_len == 0 || padding_len > body.len() {
            return Err(ParseError::Padding);
        }
        Ok(padding_len)
    }

    /// Who contributed to the payload, in the packet that this header was read from.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = Ssrc> + use<'a> {
        let end = HEADER_LEN_MIN + usize::from(self.csrc_count) * 4;
        let bytes = packet.get(HEADER_LEN_MIN..end).unwrap_or_default();
        bytes.as_chunks().0.iter().map(|csrc| Ssrc(u32::from_be_bytes(*csrc)))
    }

    /// The extensions, in the packet that this header was read from.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let Some(block) = self.extension else {
            return Extensions::none();
        };
        let bytes = packet.get(block.start..block.start + block.len).unwrap_or_default();
        Extensions::new(block.profile, bytes, block.start)
    }
}

/// An RTP packet that is not protected.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    header: Header,
    bytes: &'a [u8],
    payload_end: usize,
}

impl<'a> RtpPacket<'a> {
    /// Reads a whole packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = Header::parse(bytes)?;
        let payload_end = header.payload(bytes)?.end;
        Ok(Self { header, bytes, payload_end })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its payload, without padding.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.header.header_len..self.payload_end]
    }

    /// How many bytes of padding follow the payload.
    pub fn padding_len(&self) -> usize {
        self.bytes.len() - self.payload_end
    }

    /// Who contributed to the payload.
    pub fn csrcs(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.header.csrcs(self.bytes)
    }

    /// Its header extensions.
    pub fn extensions(&self) -> Extensions<'a> {
        self.header.extensions(self.bytes)
    }
}
