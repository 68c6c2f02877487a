use super::{Entry, List, ssrc};
use crate::ParseError;
use moim_wire::{Bitrate, OutOfSpace, Reader, SeqNo, Ssrc, Writer};

/// Packets that are missing (RFC 4585 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender: Ssrc,
    /// Of which stream.
    pub media: Ssrc,
    entries: List<'a, NackEntry>,
}

/// A packet that is missing, and which of the 16 that follow it are missing as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackEntry {
    /// The first.
    pub first: SeqNo,
    /// The lowest bit is the one after the first.
    pub following: u16,
}

impl<'a> Nack<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let (sender, media) = (ssrc(reader)?, ssrc(reader)?);
        Ok(Self { sender, media, entries: List::read_rest(reader)? })
    }

    /// The entries as they lie in the packet.
    pub fn entries(&self) -> List<'a, NackEntry> {
        self.entries
    }

    /// The missing packets one by one.
    pub fn seqs(&self) -> impl Iterator<Item = SeqNo> + use<'a> {
        self.entries.iter().flat_map(NackEntry::seqs)
    }
}

impl NackEntry {
    /// The missing packets one by one.
    pub fn seqs(self) -> impl Iterator<Item = SeqNo> {
        let following = (0..16).filter(move |bit| self.following & (1 << bit) != 0);
        std::iter::once(self.first).chain(following.map(move |bit| self.first.advanced(bit + 1)))
    }

    /// Takes one packet more, if it is the first or one of the 16 that follow it.
    #[must_use]
    pub(crate) fn with(self, seq: SeqNo) -> Option<Self> {
        match seq.0.wrapping_sub(self.first.0) {
            0 => Some(self),
            distance @ 1..=16 => Some(Self { following: self.following | (1 << (distance - 1)), ..self }),
            _ => None,
        }
    }
}

impl Entry for NackEntry {
    const LEN: usize = 4;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { first: SeqNo(reader.u16()?), following: reader.u16()? })
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        out.u16(self.first.0)?;
        out.u16(self.following)
    }
}

/// A stream that somebody wants a picture of that needs no other (RFC 5104 §4.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream.
    pub ssrc: Ssrc,
    /// One more than in the last request: the same number is the same request.
    pub request: u8,
}

impl Entry for FirEntry {
    const LEN: usize = 8;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let ssrc = Ssrc(reader.u32()?);
        let [request, ..]: [u8; 4] = reader.array()?;
        Some(Self { ssrc, request })
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        out.u32(self.ssrc.0)?;
        out.u32(u32::from(self.request) << 24)
    }
}

/// How much a receiver thinks it can receive (draft-alvestrand-rmcat-remb-03 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who thinks so.
    pub sender: Ssrc,
    /// Of all the streams together.
    pub bitrate: Bitrate,
    /// The streams.
    pub ssrcs: List<'a, Ssrc>,
}

/// What tells it from other feedback of applications.
const REMB: &[u8; 4] = b"REMB";

impl<'a> Remb<'a> {
    /// Whether the body of application feedback is this.
    pub(super) fn is_remb(body: &[u8]) -> bool {
        body.get(8..12) == Some(REMB)
    }

    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let sender = ssrc(reader)?;
        // The stream is unused, and the identifier has been looked at.
        reader.bytes(8).ok_or(ParseError::TooShort)?;
        let bits = reader.u32().ok_or(ParseError::TooShort)?;
        let (count, exponent, mantissa) = (bits >> 24, (bits >> 18) & 0x3F, bits & 0x3_FFFF);
        let ssrcs = List::read(reader, (count & 0xFF) as u8)?;
        // A mantissa of 18 bits under an exponent of up to 63: what does not fit is more than any network carries.
        let bps = u64::try_from(u128::from(mantissa) << exponent).unwrap_or(u64::MAX);
        Ok(Self { sender, bitrate: Bitrate::from_bps(bps), ssrcs })
    }

    pub(super) fn write(
        out: &mut Writer<'_>,
        sender: Ssrc,
        bitrate: Bitrate,
        ssrcs: &[Ssrc],
    ) -> Result<(), OutOfSpace> {
        let bps = bitrate.as_bps();
        let exponent = (u64::BITS - bps.leading_zeros()).saturating_sub(18);
        // At most 18 bits are left.
        let mantissa = u32::try_from(bps >> exponent).unwrap_or(0x3_FFFF);
        let count = u8::try_from(ssrcs.len()).map_err(|_| OutOfSpace)?;
        out.u32(sender.0)?;
        out.u32(0)?;
        out.bytes(REMB)?;
        out.u32((u32::from(count) << 24) | (exponent << 18) | mantissa)?;
        ssrcs.iter().try_for_each(|ssrc| ssrc.write(out))
    }
}
