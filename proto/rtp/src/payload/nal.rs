//! What H.264 and H.265 have in common: NAL units, start codes, aggregation and fragmentation.

pub mod annex_b;
mod bits;
pub(super) mod packets;

pub(super) use bits::BitReader;

use super::PayloadError;

/// NAL units in a frame, and in an aggregation packet that is received.
pub(super) const UNITS_MAX: usize = 1_024;

/// How one of the two codecs writes its headers.
pub(super) trait Syntax {
    /// Bytes of a NAL unit's header.
    const HEADER_LEN: usize;

    /// Whether a header is that of a unit of the codec, and not of a structure of the payload format.
    fn is_unit(header: &[u8]) -> bool;

    /// Whether Annex B wants four bytes before a unit wherever it stands: parameter sets.
    fn has_long_start_code(header: &[u8]) -> bool;

    /// The header of an aggregation packet of these units, in the first bytes.
    fn aggregation_header<'a>(units: impl Iterator<Item = &'a [u8]>) -> [u8; 2];

    /// The headers of a fragment of a unit, in the first `HEADER_LEN + 1` bytes.
    fn fragment_header(unit: &[u8], is_start: bool, is_end: bool) -> [u8; 3];

    /// What a payload is. Its headers are whole.
    fn structure(payload: &[u8]) -> Structure;

    /// The header of the unit that a fragment belongs to, from the fragment's headers.
    fn fragmented_unit_header(payload: &[u8]) -> [u8; 2];
}

/// What a payload is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    /// One NAL unit.
    Single,
    /// Several whole ones, each behind its length in two bytes.
    Aggregation,
    /// A part of one.
    Fragment,
    /// Legal, and not known here.
    Unknown,
}

/// The flags of a fragment, in the byte behind the header.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentFlags {
    pub(super) is_start: bool,
    pub(super) is_end: bool,
}

impl FragmentFlags {
    pub(super) fn of(byte: u8) -> Result<Self, PayloadError> {
        let flags = Self { is_start: byte & 0x80 != 0, is_end: byte & 0x40 != 0 };
        // RFC 6184 §5.8, RFC 7798 §4.4.3: a unit that fits one packet is not fragmented.
        if flags.is_start && flags.is_end {
            return Err(PayloadError::Malformed("a fragment is the whole of its unit"));
        }
        Ok(flags)
    }
}

/// The units of an aggregation packet, from behind its header on.
pub(super) fn aggregated_units(mut rest: &[u8]) -> impl Iterator<Item = Result<&[u8], PayloadError>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = rest
            .split_first_chunk::<2>()
            .and_then(|(len, behind)| behind.split_at_checked(usize::from(u16::from_be_bytes(*len))));
        let Some((unit, behind)) = unit else {
            rest = &[];
            return Some(Err(PayloadError::Truncated));
        };
        rest = behind;
        Some(Ok(unit))
    })
}

/// Frames put together from packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Assembly {
    /// Whether a unit has begun and not ended.
    is_open: bool,
}

impl Assembly {
    /// Appends what a payload carries to a frame, with start codes.
    pub(super) fn append<S: Syntax>(
        &mut self,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        if payload.len() < S::HEADER_LEN {
            return Err(PayloadError::Truncated);
        }
        let structure = S::structure(payload);
        // A unit may be nothing but its header: one that ends a sequence is. Structures of the payload format are not.
        if payload.len() == S::HEADER_LEN && structure != Structure::Single {
            return Err(PayloadError::Truncated);
        }
        if self.is_open && structure != Structure::Fragment {
            return Err(PayloadError::Incomplete("the end of a NAL unit is missing"));
        }
        match structure {
            Structure::Single => append_unit::<S>(payload, frame),
            Structure::Aggregation => {
                let units = aggregated_units(&payload[S::HEADER_LEN..]);
                for (index, unit) in units.enumerate() {
                    let unit = unit?;
                    if unit.len() < S::HEADER_LEN || !S::is_unit(unit) || index == UNITS_MAX {
                        return Err(PayloadError::Malformed(
                            "an aggregation packet holds what is no NAL unit",
                        ));
                    }
                    append_unit::<S>(unit, frame);
                }
            }
            Structure::Fragment => self.append_fragment::<S>(payload, frame)?,
            Structure::Unknown => {
                return Err(PayloadError::Unsupported("a packet of another packetization mode"));
            }
        }
        Ok(())
    }

    fn append_fragment<S: Syntax>(
        &mut self,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        let (headers, data) = payload.split_at(S::HEADER_LEN + 1);
        let flags = FragmentFlags::of(headers[S::HEADER_LEN])?;
        match (self.is_open, flags.is_start) {
            (false, false) => return Err(PayloadError::Incomplete("the beginning of a NAL unit is missing")),
            (true, true) => return Err(PayloadError::Incomplete("the end of a NAL unit is missing")),
            (false, true) => {
                let header = S::fragmented_unit_header(payload);
                let header = &header[..S::HEADER_LEN];
                if !S::is_unit(header) {
                    return Err(PayloadError::Malformed("what is fragmented is no NAL unit"));
                }
                append_unit::<S>(header, frame);
            }
            (true, false) => {}
        }
        frame.extend_from_slice(data);
        self.is_open = !flags.is_end;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), PayloadError> {
        if self.is_open { Err(PayloadError::Incomplete("the end of a NAL unit is missing")) } else { Ok(()) }
    }
}

/// Appends a unit, or the header of one, behind a start code.
fn append_unit<S: Syntax>(unit: &[u8], frame: &mut Vec<u8>) {
    // Annex B wants a zero more before a frame's first unit and before parameter sets; encoders write no other.
    if frame.is_empty() || S::has_long_start_code(unit) {
        frame.push(0);
    }
    frame.extend_from_slice(&[0, 0, 1]);
    frame.extend_from_slice(unit);
}
