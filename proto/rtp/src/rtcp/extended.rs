use super::{Entry, List};
use crate::ParseError;
use moim_wire::{NtpTime, OutOfSpace, Reader, Ssrc, Writer};

/// Block types (RFC 3611 §4.4, §4.5).
pub(super) const REFERENCE_TIME: u8 = 4;
pub(super) const DELAY_SINCE_REFERENCE: u8 = 5;

/// The blocks of an extended report (RFC 3611 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedBlocks<'a> {
    bytes: &'a [u8],
}

/// A block of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtendedBlock<'a> {
    /// When somebody who sends no media sent the report (RFC 3611 §4.4).
    ReferenceTime(NtpTime),
    /// How long ago reference times arrived, so that whoever sent them knows its round-trip time (RFC 3611 §4.5).
    DelaySinceReference(List<'a, DlrrBlock>),
    /// Something else: nothing of it is lost if it is written again.
    Other {
        /// The block type.
        block_type: u8,
        /// What the block's header says beside its type and length.
        type_specific: u8,
        /// What follows the block's header.
        body: &'a [u8],
    },
}

/// An answer to the reference time of one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DlrrBlock {
    /// The receiver.
    pub ssrc: Ssrc,
    /// The middle of the last reference time it sent ([`NtpTime::middle`]).
    pub last_reference: u32,
    /// How long ago that arrived, in units of 2^-16 s.
    pub delay_since: u32,
}

impl<'a> ExtendedBlocks<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            read_block(&mut reader)?;
        }
        Ok(Self { bytes })
    }

    /// Block by block.
    pub fn iter(&self) -> impl Iterator<Item = ExtendedBlock<'a>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || read_block(&mut reader).ok())
    }
}

fn read_block<'a>(reader: &mut Reader<'a>) -> Result<ExtendedBlock<'a>, ParseError> {
    let [block_type, type_specific, len0, len1] = reader.array().ok_or(ParseError::TooShort)?;
    let len = usize::from(u16::from_be_bytes([len0, len1])) * 4;
    let body = reader.bytes(len).ok_or(ParseError::Length)?;
    let mut body_reader = Reader::new(body);
    match block_type {
        REFERENCE_TIME => {
            let time = body.try_into().map_err(|_| ParseError::Length)?;
            Ok(ExtendedBlock::ReferenceTime(NtpTime(u64::from_be_bytes(time))))
        }
        DELAY_SINCE_REFERENCE => Ok(ExtendedBlock::DelaySinceReference(List::read_rest(&mut body_reader)?)),
        _ => Ok(ExtendedBlock::Other { block_type, type_specific, body }),
    }
}

impl ExtendedBlock<'_> {
    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        match *self {
            Self::ReferenceTime(time) => {
                out.bytes(&[REFERENCE_TIME, 0, 0, 2])?;
                out.u64(time.0)
            }
            Self::DelaySinceReference(blocks) => {
                write_head(out, [DELAY_SINCE_REFERENCE, 0], blocks.len() * DlrrBlock::LEN)?;
                blocks.iter().try_for_each(|block| block.write(out))
            }
            Self::Other { block_type, type_specific, body } => {
                write_head(out, [block_type, type_specific], body.len())?;
                out.bytes(body)
            }
        }
    }
}

/// The header of a block whose body has so many bytes: whole words, and as many as its field can say.
pub(super) fn write_head(
    out: &mut Writer<'_>,
    [block_type, type_specific]: [u8; 2],
    body_len: usize,
) -> Result<(), OutOfSpace> {
    if !body_len.is_multiple_of(4) {
        return Err(OutOfSpace);
    }
    let words = u16::try_from(body_len / 4).map_err(|_| OutOfSpace)?;
    out.bytes(&[block_type, type_specific])?;
    out.u16(words)
}

impl Entry for DlrrBlock {
    const LEN: usize = 12;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (ssrc, last_reference) = (Ssrc(reader.u32()?), reader.u32()?);
        Some(Self { ssrc, last_reference, delay_since: reader.u32()? })
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        out.u32(self.ssrc.0)?;
        out.u32(self.last_reference)?;
        out.u32(self.delay_since)
    }
}
