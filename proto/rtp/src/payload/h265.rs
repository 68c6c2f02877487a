//! H.265 in RTP (RFC 7798): single NAL units, aggregation packets and fragments, in one stream without interleaving (SRST, no DON).

pub use super::nal::annex_b;

use super::nal::packets::{Structures, packetize as packetize_units};
use super::nal::{FragmentFlags, Structure, Syntax, aggregated_units};
use super::{Fragment, PacketSummary, PayloadError};

/// Types of NAL units (ITU-T H.265 table 7-1, RFC 7798 §4.4), the ones that matter here.
pub mod unit_type {
    /// The first type of slices at which decoding can begin: broken links, IDR and CRA pictures.
    pub const IRAP_FIRST: u8 = 16;
    /// The last type of slices at which decoding can begin.
    pub const IRAP_LAST: u8 = 21;
    /// The last type of slices.
    pub const SLICE_LAST: u8 = 31;
    /// A video parameter set.
    pub const VPS: u8 = 32;
    /// A sequence parameter set.
    pub const SPS: u8 = 33;
    /// A picture parameter set.
    pub const PPS: u8 = 34;
    /// An access unit delimiter.
    pub const AUD: u8 = 35;
    /// Supplemental enhancement information before the picture.
    pub const PREFIX_SEI: u8 = 39;
    /// A packet of several units.
    pub const AGGREGATION: u8 = 48;
    /// A packet with a part of a unit.
    pub const FRAGMENT: u8 = 49;
}

/// The header of a NAL unit (RFC 7798 §1.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitHeader {
    /// The type of the unit, or of a structure of the payload format.
    pub unit_type: u8,
    /// Spatial or quality layer, 0 the lowest.
    pub layer_id: u8,
    /// Temporal layer, 0 the lowest.
    pub temporal_id: u8,
}

impl UnitHeader {
    /// Reads the header of a unit or a payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let [high, low, ..] = *bytes else { return Err(PayloadError::Truncated) };
        let temporal_id =
            (low & 0x07).checked_sub(1).ok_or(PayloadError::Malformed("a NAL unit has no temporal layer"))?;
        Ok(Self { unit_type: (high >> 1) & 0x3F, layer_id: ((high & 1) << 5) | (low >> 3), temporal_id })
    }
}

/// What a packet says of its frame. Key frames are seen by their slices, in whichever packet there is a beginning of one.
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let header = UnitHeader::parse(payload)?;
    let mut summary = PacketSummary {
        temporal_id: header.temporal_id,
        spatial_id: header.layer_id,
        ..PacketSummary::default()
    };
    match H265::structure(payload) {
        Structure::Single => note(&mut summary, header.unit_type, payload.get(2), true),
        Structure::Aggregation => {
            for (index, unit) in aggregated_units(&payload[2..]).enumerate() {
                let unit = unit?;
                note(&mut summary, UnitHeader::parse(unit)?.unit_type, unit.get(2), index == 0);
            }
        }
        Structure::Fragment => {
            let flags = *payload.get(2).ok_or(PayloadError::Truncated)?;
            if FragmentFlags::of(flags)?.is_start {
                note(&mut summary, flags & 0x3F, payload.get(3), true);
            }
        }
        Structure::Unknown => return Err(PayloadError::Unsupported("a packet with PACI")),
    }
    summary.is_switching_point = summary.is_key_frame;
    Ok(summary)
}

/// Notes a unit of this type, whose first byte behind the header is `slice`.
fn note(summary: &mut PacketSummary, unit_type: u8, slice: Option<&u8>, is_first: bool) {
    // first_slice_segment_in_pic_flag
    let is_first_slice = slice.is_some_and(|byte| byte & 0x80 != 0);
    if is_first {
        summary.is_frame_start = match unit_type {
            0..=unit_type::SLICE_LAST => is_first_slice,
            unit_type::VPS..=unit_type::AUD | unit_type::PREFIX_SEI => true,
            _ => false,
        };
        // ITU-T H.265 table 7-1: below 16, types with even numbers are of pictures that no other of their temporal layer refers to.
        summary.is_discardable = unit_type < 16 && unit_type.is_multiple_of(2) && summary.temporal_id > 0;
    }
    summary.is_key_frame |= (unit_type::IRAP_FIRST..=unit_type::IRAP_LAST).contains(&unit_type);
    summary.has_parameter_sets |= unit_type == unit_type::SPS;
}

/// Gives the packets of an access unit with start codes to `each`, none longer than `len_max`, and says how many they are.
///
/// Short units go together, long ones into parts of equal length.
pub fn packetize(
    frame: &[u8],
    len_max: usize,
    each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    packetize_units::<H265>(frame, len_max, Structures::All, each)
}

/// The headers of H.265 (RFC 7798 §4.4).
#[derive(Clone, Copy, Debug)]
pub(super) struct H265;

impl H265 {
    fn with_type(header: [u8; 2], unit_type: u8) -> [u8; 2] {
        [(header[0] & 0x81) | (unit_type << 1), header[1]]
    }
}

impl Syntax for H265 {
    const HEADER_LEN: usize = 2;

    fn is_unit(header: &[u8]) -> bool {
        UnitHeader::parse(header).is_ok_and(|header| header.unit_type < unit_type::AGGREGATION)
    }

    fn has_long_start_code(header: &[u8]) -> bool {
        let is_parameter_set =
            |header: UnitHeader| (unit_type::VPS..=unit_type::PPS).contains(&header.unit_type);
        UnitHeader::parse(header).is_ok_and(is_parameter_set)
    }

    fn aggregation_header<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2] {
        // RFC 7798 §4.4.2: the forbidden bit of any, the lowest layer and the lowest temporal layer of all.
        let (mut forbidden, mut layer, mut temporal) = (0, 0x3F, 7);
        for unit in units {
            let high = u16::from_be_bytes([unit[0], unit[1]]);
            forbidden |= high & 0x8000;
            layer = layer.min((high >> 3) & 0x3F);
            temporal = temporal.min(high & 0x07);
        }
        (forbidden | (u16::from(unit_type::AGGREGATION) << 9) | (layer << 3) | temporal).to_be_bytes()
    }

    fn fragment_header(unit: &[u8], is_start: bool, is_end: bool) -> [u8; 3] {
        let [high, low] = Self::with_type([unit[0], unit[1]], unit_type::FRAGMENT);
        let flags = (u8::from(is_start) << 7) | (u8::from(is_end) << 6);
        [high, low, flags | ((unit[0] >> 1) & 0x3F)]
    }

    fn structure(payload: &[u8]) -> Structure {
        match (payload[0] >> 1) & 0x3F {
            0..48 => Structure::Single,
            unit_type::AGGREGATION => Structure::Aggregation,
            unit_type::FRAGMENT => Structure::Fragment,
            _ => Structure::Unknown,
        }
    }

    fn fragmented_unit_header(payload: &[u8]) -> [u8; 2] {
        Self::with_type([payload[0], payload[1]], payload[2] & 0x3F)
    }
}

#[cfg(test)]
mod tests;
