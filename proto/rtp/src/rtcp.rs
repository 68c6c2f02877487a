//! RTCP (RFC 3550 §6): reading and writing compound and reduced-size packets (RFC 5506).
//!
//! [`packets`] walks what arrived; [`Compound`] writes into a caller's buffer.

mod ccfb;
mod compound;
mod description;
mod entry;
mod extended;
mod feedback;
mod report;
mod twcc;

pub use ccfb::{Ccfb, CcfbArrival, CcfbBlock, CcfbWriter, Ecn};
pub use compound::{Compound, OutgoingChunk};
pub use description::{Bye, Chunk, Chunks, Item, ItemKind, Items};
pub use entry::{Entry, List};
pub use extended::{DlrrBlock, ExtendedBlock, ExtendedBlocks};
pub use feedback::{FirEntry, Nack, NackEntry, Remb};
pub use report::{ReportBlock, SenderInfo};
pub use twcc::{Twcc, TwccBase};

use crate::ParseError;
use moim_wire::{Reader, Ssrc};

/// Bytes of the header that every RTCP packet begins with.
pub(crate) const HEADER_LEN: usize = 4;

/// What the second byte of a packet says it is (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611 §2).
pub(crate) mod packet_type {
    pub(crate) const SENDER_REPORT: u8 = 200;
    pub(crate) const RECEIVER_REPORT: u8 = 201;
    pub(crate) const SOURCE_DESCRIPTION: u8 = 202;
    pub(crate) const BYE: u8 = 203;
    pub(crate) const APP: u8 = 204;
    pub(crate) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(crate) const PAYLOAD_FEEDBACK: u8 = 206;
    pub(crate) const EXTENDED_REPORT: u8 = 207;
}

/// What the five bits of the first byte say about feedback (RFC 4585 §6.2, §6.3).
pub(crate) mod format {
    pub(crate) const NACK: u8 = 1;
    pub(crate) const CCFB: u8 = 11;
    pub(crate) const TWCC: u8 = 15;
    pub(crate) const PLI: u8 = 1;
    pub(crate) const FIR: u8 = 4;
    pub(crate) const APPLICATION: u8 = 15;
}

/// Whether a packet on a port that RTP and RTCP share is RTCP: its second byte lies from 192 to 223 (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, 192..=223, ..] if first >> 6 == 2)
}

/// One of the packets that a compound packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// What a sender has sent, and what it has received (RFC 3550 §6.4.1).
    SenderReport {
        /// What it has sent.
        info: SenderInfo,
        /// What it has received.
        reports: List<'a, ReportBlock>,
    },
    /// What somebody has received (RFC 3550 §6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it has received.
        reports: List<'a, ReportBlock>,
    },
    /// Who is behind which source (RFC 3550 §6.5).
    SourceDescription(Chunks<'a>),
    /// Sources that have ended (RFC 3550 §6.6).
    Bye(Bye<'a>),
    /// Anything an application likes (RFC 3550 §6.7).
    App {
        /// Five bits of the application's.
        subtype: u8,
        /// Who says it.
        ssrc: Ssrc,
        /// Four characters that say whose data it is.
        name: [u8; 4],
        /// The data.
        data: &'a [u8],
    },
    /// Extended reports (RFC 3611).
    ExtendedReport {
        /// Who reports.
        ssrc: Ssrc,
        /// What it reports.
        blocks: ExtendedBlocks<'a>,
    },
    /// Packets that are missing (RFC 4585 §6.2.1).
    Nack(Nack<'a>),
    /// When packets of a transport arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
    Twcc(Twcc<'a>),
    /// When packets of streams arrived (RFC 8888).
    Ccfb(Ccfb<'a>),
    /// A picture cannot be decoded (RFC 4585 §6.3.1).
    PictureLoss {
        /// Who says it.
        sender: Ssrc,
        /// Of which stream.
        media: Ssrc,
    },
    /// A picture is wanted that needs no other (RFC 5104 §4.3.1).
    FullIntraRequest {
        /// Who wants it.
        sender: Ssrc,
        /// Of which streams.
        entries: List<'a, FirEntry>,
    },
    /// How much a receiver thinks it can receive (draft-alvestrand-rmcat-remb).
    Remb(Remb<'a>),
    /// Something else.
    Other {
        /// The second byte.
        packet_type: u8,
        /// The last five bits of the first byte.
        format: u8,
        /// What follows the header, without padding.
        body: &'a [u8],
    },
}

/// The packets of a compound packet, or the one of a reduced-size packet.
///
/// A packet whose body is malformed is an error in its place, and the walk goes on behind it. One whose length is wrong ends the walk, since nothing
/// behind it can be found.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Walks a compound packet; see [`packets`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match frame(self.rest) {
            Ok((frame, rest)) => {
                self.rest = rest;
                Some(frame.parse())
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// A packet by its header.
struct Frame<'a> {
    first: u8,
    packet_type: u8,
    /// Behind the header, with padding.
    body: &'a [u8],
}

fn frame(bytes: &[u8]) -> Result<(Frame<'_>, &[u8]), ParseError> {
    let mut reader = Reader::new(bytes);
    let [first, packet_type, len0, len1] = reader.array().ok_or(ParseError::TooShort)?;
    if first >> 6 != 2 {
        return Err(ParseError::Version);
    }
    let body_len = usize::from(u16::from_be_bytes([len0, len1])) * 4;
    let body = reader.bytes(body_len).ok_or(ParseError::Length)?;
    Ok((Frame { first, packet_type, body }, reader.rest()))
}

impl<'a> Frame<'a> {
    fn parse(&self) -> Result<Packet<'a>, ParseError> {
        let count = self.first & 0x1F;
        let body = self.unpadded()?;
        let mut reader = Reader::new(body);
        match self.packet_type {
            packet_type::SENDER_REPORT => {
                let info = SenderInfo::read(&mut reader).ok_or(ParseError::TooShort)?;
                Ok(Packet::SenderReport { info, reports: List::read(&mut reader, count)? })
            }
            packet_type::RECEIVER_REPORT => {
                let ssrc = ssrc(&mut reader)?;
                Ok(Packet::ReceiverReport { ssrc, reports: List::read(&mut reader, count)? })
            }
            packet_type::SOURCE_DESCRIPTION => Ok(Packet::SourceDescription(Chunks::parse(body, count)?)),
            packet_type::BYE => Ok(Packet::Bye(Bye::parse(&mut reader, count)?)),
            packet_type::APP => {
                let ssrc = ssrc(&mut reader)?;
                let name = reader.array().ok_or(ParseError::TooShort)?;
                Ok(Packet::App { subtype: count, ssrc, name, data: reader.rest() })
            }
            packet_type::EXTENDED_REPORT => {
                let ssrc = ssrc(&mut reader)?;
                Ok(Packet::ExtendedReport { ssrc, blocks: ExtendedBlocks::parse(reader.rest())? })
            }
            packet_type::TRANSPORT_FEEDBACK => match count {
                format::NACK => Ok(Packet::Nack(Nack::parse(&mut reader)?)),
                format::TWCC => Ok(Packet::Twcc(Twcc::parse(&mut reader)?)),
                format::CCFB => Ok(Packet::Ccfb(Ccfb::parse(&mut reader)?)),
                _ => Ok(self.other(body)),
            },
            packet_type::PAYLOAD_FEEDBACK => self.payload_feedback(count, body, &mut reader),
            _ => Ok(self.other(body)),
        }
    }

    fn payload_feedback(
        &self,
        format: u8,
        body: &'a [u8],
        reader: &mut Reader<'a>,
    ) -> Result<Packet<'a>, ParseError> {
        match format {
            format::PLI => Ok(Packet::PictureLoss { sender: ssrc(reader)?, media: ssrc(reader)? }),
            format::FIR => {
                let sender = ssrc(reader)?;
                // RFC 5104 §4.3.1.2: the stream is in the entries, and unused here.
                ssrc(reader)?;
                Ok(Packet::FullIntraRequest { sender, entries: List::read_rest(reader)? })
            }
            format::APPLICATION if Remb::is_remb(body) => Ok(Packet::Remb(Remb::parse(reader)?)),
            _ => Ok(self.other(body)),
        }
    }

    fn other(&self, body: &'a [u8]) -> Packet<'a> {
        Packet::Other { packet_type: self.packet_type, format: self.first & 0x1F, body }
    }

    /// RFC 3550 §6.4.1: the last byte says how much is padding, itself included. It ought to be a multiple of four, but libwebrtc
    /// pads its transport feedback by one to three bytes.
    fn unpadded(&self) -> Result<&'a [u8], ParseError> {
        if self.first & 0x20 == 0 {
            return Ok(self.body);
        }
        let padding_len = usize::from(*self.body.last().ok_or(ParseError::Padding)?);
        match self.body.len().checked_sub(padding_len) {
            Some(len) if padding_len > 0 => Ok(&self.body[..len]),
            _ => Err(ParseError::Padding),
        }
    }
}

pub(crate) fn ssrc(reader: &mut Reader<'_>) -> Result<Ssrc, ParseError> {
    reader.u32().map(Ssrc).ok_or(ParseError::TooShort)
}
