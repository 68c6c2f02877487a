//! H.264 in RTP (RFC 6184), in packetization modes 0 and 1: single NAL units, STAP-A and FU-A.
//!
//! A frame is an access unit with start codes; [`annex_b`] has the other form. Interleaved packets (mode 2) are not supported: no browser
//! sends them.

mod parameter_sets;

pub use super::nal::annex_b;
pub use parameter_sets::{Sps, decoder_configuration};

use super::nal::packets::{Structures, packetize as packetize_units};
use super::nal::{FragmentFlags, Structure, Syntax, aggregated_units};
use super::{Fragment, PacketSummary, PayloadError};

/// Types of NAL units (ITU-T H.264 table 7-1, RFC 6184 §5.2), the ones that matter here.
pub mod unit_type {
    /// A slice of a picture that refers to others.
    pub const SLICE: u8 = 1;
    /// A slice of a picture at which decoding can begin.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// A sequence parameter set.
    pub const SPS: u8 = 7;
    /// A picture parameter set.
    pub const PPS: u8 = 8;
    /// An access unit delimiter.
    pub const AUD: u8 = 9;
    /// A packet of several units.
    pub const STAP_A: u8 = 24;
    /// A packet with a part of a unit.
    pub const FU_A: u8 = 28;
}

/// What the receiver takes (RFC 6184 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacketizationMode {
    /// Mode 0: a NAL unit per packet. The encoder must keep its slices short.
    SingleUnit,
    /// Mode 1: units together in a packet, and in parts, too.
    #[default]
    NonInterleaved,
}

/// The type of a NAL unit, or of a structure of the payload format.
pub fn type_of(header: u8) -> u8 {
    header & 0x1F
}

/// What a packet says of its frame. Key frames are seen by their slices, in whichever packet there is a beginning of one.
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let first = *payload.first().ok_or(PayloadError::Truncated)?;
    let mut summary = PacketSummary { is_discardable: first & 0x60 == 0, ..PacketSummary::default() };
    match H264::structure(payload) {
        Structure::Single => note_unit(&mut summary, payload, true),
        Structure::Aggregation => {
            for (index, unit) in aggregated_units(&payload[1..]).enumerate() {
                note_unit(&mut summary, unit?, index == 0);
            }
        }
        Structure::Fragment => {
            let flags = *payload.get(1).ok_or(PayloadError::Truncated)?;
            if FragmentFlags::of(flags)?.is_start {
                let slice = payload.get(2).copied();
                note(&mut summary, type_of(flags), slice, true);
            }
        }
        Structure::Unknown => {
            return Err(PayloadError::Unsupported("a packet of another packetization mode"));
        }
    }
    summary.is_switching_point = summary.is_key_frame;
    Ok(summary)
}

fn note_unit(summary: &mut PacketSummary, unit: &[u8], is_first: bool) {
    if let [header, rest @ ..] = unit {
        note(summary, type_of(*header), rest.first().copied(), is_first);
    }
}

/// Notes a unit of this type, whose first byte behind the header is `slice`.
fn note(summary: &mut PacketSummary, unit_type: u8, slice: Option<u8>, is_first: bool) {
    // A slice header begins with the number of its first macroblock: the frame's first slice has a 0, which is one bit that is set.
    let is_first_slice = slice.is_some_and(|byte| byte & 0x80 != 0);
    if is_first {
        summary.is_frame_start = match unit_type {
            unit_type::SLICE..=unit_type::IDR => is_first_slice,
            unit_type::SEI..=unit_type::AUD => true,
            _ => false,
        };
    }
    summary.is_key_frame |= unit_type == unit_type::IDR;
    summary.has_parameter_sets |= unit_type == unit_type::SPS;
}

/// Gives the packets of an access unit with start codes to `each`, none longer than `len_max`, and says how many they are.
///
/// Short units go together, long ones into parts of equal length. In mode 0 a unit longer than `len_max` is an error.
pub fn packetize(
    mode: PacketizationMode,
    frame: &[u8],
    len_max: usize,
    each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    let structures = match mode {
        PacketizationMode::SingleUnit => Structures::Single,
        PacketizationMode::NonInterleaved => Structures::All,
    };
    packetize_units::<H264>(frame, len_max, structures, each)
}

/// The headers of H.264 (RFC 6184 §5.3, §5.7.1, §5.8).
#[derive(Clone, Copy, Debug)]
pub(super) struct H264;

impl Syntax for H264 {
    const HEADER_LEN: usize = 1;

    fn is_unit(header: &[u8]) -> bool {
        header.first().is_some_and(|byte| (1..=23).contains(&type_of(*byte)))
    }

    fn has_long_start_code(header: &[u8]) -> bool {
        header.first().is_some_and(|byte| matches!(type_of(*byte), unit_type::SPS | unit_type::PPS))
    }

    fn aggregation_header<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2] {
        // The forbidden bit of any, the greatest importance of all.
        let (mut forbidden, mut importance) = (0, 0);
        for header in units.filter_map(<[u8]>::first) {
            forbidden |= header & 0x80;
            importance = importance.max(header & 0x60);
        }
        [forbidden | importance | unit_type::STAP_A, 0]
    }

    fn fragment_header(unit: &[u8], is_start: bool, is_end: bool) -> [u8; 3] {
        let header = unit[0];
        let flags = (u8::from(is_start) << 7) | (u8::from(is_end) << 6);
        [(header & 0xE0) | unit_type::FU_A, flags | type_of(header), 0]
    }

    fn structure(payload: &[u8]) -> Structure {
        match payload.first().map(|byte| type_of(*byte)) {
            Some(1..=23) => Structure::Single,
            Some(unit_type::STAP_A) => Structure::Aggregation,
            Some(unit_type::FU_A) => Structure::Fragment,
            _ => Structure::Unknown,
        }
    }

    fn fragmented_unit_header(payload: &[u8]) -> [u8; 2] {
        [(payload[0] & 0xE0) | type_of(payload[1]), 0]
    }
}

#[cfg(test)]
mod tests;
