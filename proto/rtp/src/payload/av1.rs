//! AV1 in RTP (RTP Payload Format For AV1, AOMedia, version 1.0.0).
//!
//! A frame is a temporal unit in the low-overhead format: OBUs with their sizes, without the temporal delimiter, as WebM has it. IVF wants the
//! delimiter: [`TEMPORAL_DELIMITER`] before each frame.

mod assembly;
mod obu;
mod packets;
mod sequence_header;

pub(super) use assembly::Assembly;
pub use obu::{Obu, ObuHeader, obu_type, obus};
pub use packets::packetize;
pub use sequence_header::{SequenceHeader, codec_configuration};

use super::{PacketSummary, PayloadError};

/// The OBU that begins a temporal unit in a file, and does not go into packets.
pub const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0x00];

/// The first byte of each payload (§4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AggregationHeader {
    /// Whether the first element goes on with an OBU of the packet before (Z).
    pub continues: bool,
    /// Whether the last element's OBU goes on in the next packet (Y).
    pub is_continued: bool,
    /// How many elements there are, 1 to 3, the last of which has no length; or 0: any number, and all have lengths (W).
    pub element_count: u8,
    /// Whether the packet is the first of a coded video sequence, and so of a key frame (N).
    pub begins_sequence: bool,
}

impl AggregationHeader {
    /// Reads the first byte of a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let byte = *payload.first().ok_or(PayloadError::Truncated)?;
        let header = Self {
            continues: byte & 0x80 != 0,
            is_continued: byte & 0x40 != 0,
            element_count: (byte >> 4) & 0x03,
            begins_sequence: byte & 0x08 != 0,
        };
        if header.continues && header.begins_sequence {
            return Err(PayloadError::Malformed("a sequence begins within an OBU"));
        }
        Ok(header)
    }

    /// Its byte.
    pub fn to_byte(self) -> u8 {
        (u8::from(self.continues) << 7)
            | (u8::from(self.is_continued) << 6)
            | ((self.element_count & 0x03) << 4)
            | (u8::from(self.begins_sequence) << 3)
    }
}

/// The elements of a payload: OBUs, and parts of OBUs.
pub fn elements(payload: &[u8]) -> Result<impl Iterator<Item = Result<&[u8], PayloadError>>, PayloadError> {
    let header = AggregationHeader::parse(payload)?;
    let mut rest = &payload[1..];
    let mut index = 0;
    Ok(std::iter::from_fn(move || {
        let is_over = if header.element_count == 0 { rest.is_empty() } else { index == header.element_count };
        if is_over {
            return None;
        }
        index = index.saturating_add(1);
        let element = if index == header.element_count {
            Some((rest, &[][..]))
        } else {
            obu::read_leb128(rest)
                .and_then(|(len, behind)| behind.split_at_checked(usize::try_from(len).ok()?))
        };
        let Some((element, behind)) = element else {
            // Nothing more can be told apart.
            (rest, index) = (&[], header.element_count);
            return Some(Err(PayloadError::Truncated));
        };
        rest = behind;
        Some(Ok(element))
    }))
}

/// What a packet says of its frame, a temporal unit. More, and without a look at the payload, is said by the
/// [dependency descriptor](super::dependency_descriptor).
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let header = AggregationHeader::parse(payload)?;
    let first = elements(payload)?.next().ok_or(PayloadError::Truncated)??;
    let mut summary = PacketSummary::default();
    if !header.continues {
        let obu = ObuHeader::parse(first)?;
        let can_begin = !matches!(obu.obu_type, obu_type::TILE_GROUP | obu_type::REDUNDANT_FRAME_HEADER);
        summary.is_frame_start = can_begin && obu.spatial_id == 0;
        summary.is_key_frame = header.begins_sequence;
        summary.is_switching_point = header.begins_sequence;
        summary.has_parameter_sets = obu.obu_type == obu_type::SEQUENCE_HEADER;
        (summary.temporal_id, summary.spatial_id) = (obu.temporal_id, obu.spatial_id);
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
