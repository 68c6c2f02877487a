use super::ssrc;
use crate::ParseError;
use moim_wire::{OutOfSpace, Reader, SeqNo, Ssrc, Writer};

/// When packets of several streams arrived (RFC 8888 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ccfb<'a> {
    /// Who received them.
    pub sender: Ssrc,
    /// When the report was made, by the reporter's wall clock ([`moim_wire::NtpTime::middle`]).
    pub time: u32,
    blocks: &'a [u8],
}

/// What a report says about one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CcfbBlock<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// The first packet it speaks of.
    pub first: SeqNo,
    reports: &'a [u8],
}

/// That a packet arrived, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CcfbArrival {
    /// How the network marked it.
    pub ecn: Ecn,
    /// How long before the report it arrived, in units of 1/1024 s. [`None`]: so long ago, or so lately, that it cannot be said.
    pub age: Option<u16>,
}

/// The mark of a packet (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Ecn {
    /// Its sender does not know about marks.
    #[default]
    NotCapable = 0,
    /// Its sender would react as to L4S (RFC 9331).
    Capable1 = 1,
    /// Its sender would react.
    Capable0 = 2,
    /// A queue was about to overflow.
    CongestionExperienced = 3,
}

impl Ecn {
    /// The mark that two bits mean; higher ones are ignored.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 0x03 {
            0 => Self::NotCapable,
            1 => Self::Capable1,
            2 => Self::Capable0,
            _ => Self::CongestionExperienced,
        }
    }
}

/// The longest age that can be told: 8.19 s.
pub(crate) const AGE_MAX: u16 = 0x1FFD;
/// It is longer.
const AGE_OVER: u16 = 0x1FFE;
/// It is not known.
const AGE_UNKNOWN: u16 = 0x1FFF;
/// Packets that one block may speak of (RFC 8888 §3.1).
const REPORTS_MAX: usize = 16_384;

impl<'a> Ccfb<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let sender = ssrc(reader)?;
        let body = reader.rest();
        let blocks_len = body.len().checked_sub(4).ok_or(ParseError::TooShort)?;
        let blocks = reader.bytes(blocks_len).ok_or(ParseError::TooShort)?;
        let time = reader.u32().ok_or(ParseError::TooShort)?;
        let mut walk = Reader::new(blocks);
        while !walk.is_empty() {
            read_block(&mut walk)?;
        }
        Ok(Self { sender, time, blocks })
    }

    /// Stream by stream.
    pub fn blocks(&self) -> impl Iterator<Item = CcfbBlock<'a>> + use<'a> {
        let mut reader = Reader::new(self.blocks);
        std::iter::from_fn(move || read_block(&mut reader).ok())
    }
}

fn read_block<'a>(reader: &mut Reader<'a>) -> Result<CcfbBlock<'a>, ParseError> {
    let ssrc = ssrc(reader)?;
    let first = SeqNo(reader.u16().ok_or(ParseError::TooShort)?);
    let count = usize::from(reader.u16().ok_or(ParseError::TooShort)?);
    if count > REPORTS_MAX {
        return Err(ParseError::Content);
    }
    let reports = reader.bytes(count * 2).ok_or(ParseError::TooShort)?;
    reader.bytes(count % 2 * 2).ok_or(ParseError::TooShort)?;
    Ok(CcfbBlock { ssrc, first, reports })
}

impl<'a> CcfbBlock<'a> {
    /// How many packets it speaks of.
    pub fn count(&self) -> usize {
        self.reports.len() / 2
    }

    /// The packets in the order of their numbers; [`None`] for those that did not arrive.
    pub fn statuses(&self) -> impl Iterator<Item = (SeqNo, Option<CcfbArrival>)> + use<'a> {
        let reports = self.reports.as_chunks().0.iter().map(|report| u16::from_be_bytes(*report));
        (0..).zip(reports).map({
            let first = self.first;
            move |(offset, bits)| (first.advanced(offset), CcfbArrival::from_bits(bits))
        })
    }
}

impl CcfbArrival {
    fn from_bits(bits: u16) -> Option<Self> {
        let age = bits & 0x1FFF;
        let ecn = Ecn::from_bits((bits >> 13) as u8);
        (bits & 0x8000 != 0).then_some(Self { ecn, age: (age <= AGE_MAX).then_some(age) })
    }

    fn to_bits(self) -> u16 {
        let age = match self.age {
            Some(age @ 0..=AGE_MAX) => age,
            Some(_) => AGE_OVER,
            None => AGE_UNKNOWN,
        };
        0x8000 | ((self.ecn as u16) << 13) | age
    }
}

/// Writes the streams of a report, one after the other.
#[derive(Debug)]
pub struct CcfbWriter<'w, 'a> {
    out: &'w mut Writer<'a>,
    time: u32,
}

/// The report's time, which follows the last block.
const TIME_LEN: usize = 4;
/// SSRC, first packet and count of a block.
const BLOCK_HEADER_LEN: usize = 8;

impl<'w, 'a> CcfbWriter<'w, 'a> {
    pub(super) fn new(out: &'w mut Writer<'a>, time: u32) -> Result<Self, OutOfSpace> {
        if out.remaining() < TIME_LEN { Err(OutOfSpace) } else { Ok(Self { out, time }) }
    }

    /// Says what became of packets of a stream, from `first` on. As many as fit are written; how many is handed out. If none fits,
    /// nothing is written.
    pub fn block(
        &mut self,
        ssrc: Ssrc,
        first: SeqNo,
        statuses: impl Iterator<Item = Option<CcfbArrival>>,
    ) -> Result<usize, OutOfSpace> {
        let start = self.out.len();
        let room = self.out.remaining().checked_sub(BLOCK_HEADER_LEN + TIME_LEN).ok_or(OutOfSpace)?;
        self.out.u32(ssrc.0)?;
        self.out.u16(first.0)?;
        self.out.u16(0)?;
        let count_max = (room / 4 * 2).min(REPORTS_MAX);
        let mut count = 0_u16;
        for status in statuses.take(count_max) {
            self.out.u16(status.map_or(0, CcfbArrival::to_bits))?;
            count += 1;
        }
        if count == 0 {
            self.out.truncate(start);
            return Err(OutOfSpace);
        }
        if !count.is_multiple_of(2) {
            self.out.u16(0)?;
        }
        self.out.patch_u16(start + BLOCK_HEADER_LEN - 2, count);
        Ok(usize::from(count))
    }

    pub(super) fn finish(self) -> Result<(), OutOfSpace> {
        self.out.u32(self.time)
    }
}
