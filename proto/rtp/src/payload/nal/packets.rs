//! A frame's NAL units put into packets.

use super::super::fragment::equal_ranges;
use super::super::{Fragment, PayloadError};
use super::{Syntax, UNITS_MAX, annex_b};

/// Units put together in one packet.
const AGGREGATED_MAX: usize = 16;

/// Which structures the receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::payload) enum Structures {
    /// A unit per packet: a unit that is too long is an error.
    Single,
    /// Aggregation packets and fragments, too.
    All,
}

/// Gives the packets of a frame with start codes to `each`.
pub(in crate::payload) fn packetize<S: Syntax>(
    frame: &[u8],
    len_max: usize,
    structures: Structures,
    mut each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    let units: Vec<&[u8]> = annex_b::units(frame).take(UNITS_MAX + 1).collect();
    check::<S>(&units, len_max, structures)?;
    let mut count = 0;
    let mut rest = &units[..];
    while let [unit, behind @ ..] = rest {
        let is_first = count == 0;
        let together = if structures == Structures::All { aggregated::<S>(rest, len_max) } else { 1 };
        if together > 1 {
            let (group, behind) = rest.split_at(together);
            emit_aggregation::<S>(group, is_first, behind.is_empty(), &mut each);
            rest = behind;
            count += 1;
        } else {
            count += emit_unit::<S>(unit, len_max, (is_first, behind.is_empty()), &mut each);
            rest = behind;
        }
    }
    Ok(count)
}

fn check<S: Syntax>(units: &[&[u8]], len_max: usize, structures: Structures) -> Result<(), PayloadError> {
    if units.is_empty() {
        return Err(PayloadError::InvalidArgument("there is no NAL unit in the frame"));
    }
    if units.len() > UNITS_MAX {
        return Err(PayloadError::TooLarge);
    }
    if units.iter().any(|unit| unit.len() < S::HEADER_LEN || !S::is_unit(unit)) {
        return Err(PayloadError::InvalidArgument("the frame holds what is no NAL unit"));
    }
    if len_max < S::HEADER_LEN + 2 {
        return Err(PayloadError::InvalidArgument("packets have no room behind the headers"));
    }
    let is_too_long = |unit: &&[u8]| unit.len() > len_max;
    if structures == Structures::Single && units.iter().any(is_too_long) {
        return Err(PayloadError::TooLarge);
    }
    Ok(())
}

/// How many units at the front fit one packet together.
fn aggregated<S: Syntax>(units: &[&[u8]], len_max: usize) -> usize {
    let mut len = S::HEADER_LEN;
    units
        .iter()
        .take(AGGREGATED_MAX)
        .take_while(|unit| {
            len += 2 + unit.len();
            len <= len_max && u16::try_from(unit.len()).is_ok()
        })
        .count()
}

fn emit_aggregation<S: Syntax>(
    units: &[&[u8]],
    is_first: bool,
    is_last: bool,
    each: &mut impl FnMut(Fragment<'_>),
) {
    let header = S::aggregation_header(units.iter().copied());
    let mut lens = [[0; 2]; AGGREGATED_MAX];
    for (len, unit) in lens.iter_mut().zip(units) {
        *len = u16::try_from(unit.len()).expect("`aggregated` looked at the length").to_be_bytes();
    }
    let mut pieces: [&[u8]; 1 + 2 * AGGREGATED_MAX] = [&[]; _];
    pieces[0] = &header[..S::HEADER_LEN];
    for (index, unit) in units.iter().enumerate() {
        pieces[1 + 2 * index] = &lens[index];
        pieces[2 + 2 * index] = unit;
    }
    each(Fragment::new(&pieces[..=2 * units.len()], is_first, is_last));
}

/// One unit, in fragments if it is too long for a packet.
fn emit_unit<S: Syntax>(
    unit: &[u8],
    len_max: usize,
    (is_first, is_last): (bool, bool),
    each: &mut impl FnMut(Fragment<'_>),
) -> usize {
    if unit.len() <= len_max {
        each(Fragment::new(&[unit], is_first, is_last));
        return 1;
    }
    // The unit's own header is not sent: the fragments' headers say what it was.
    let data = &unit[S::HEADER_LEN..];
    let ranges = equal_ranges(data.len(), len_max - S::HEADER_LEN - 1);
    let count = ranges.len();
    for (index, range) in ranges.enumerate() {
        let (is_start, is_end) = (index == 0, index + 1 == count);
        let header = S::fragment_header(unit, is_start, is_end);
        let pieces = [&header[..=S::HEADER_LEN], &data[range]];
        each(Fragment::new(&pieces, is_first && is_start, is_last && is_end));
    }
    count
}
