use super::super::{Fragment, PayloadError};
use super::AggregationHeader;
use super::obu::{Leb128, Obu, obu_type, obus};

/// OBUs in a temporal unit.
const OBUS_MAX: usize = 1_024;
/// Elements in a packet that is made here: as many as the header can count, so that the last one needs no length.
const ELEMENTS_MAX: usize = 3;

/// An OBU as it goes into packets, header and data in one row: `header`, without the flag of a size, then `data`.
#[derive(Clone, Copy, Debug)]
struct Unit<'a> {
    header: [u8; 2],
    header_len: usize,
    data: &'a [u8],
}

impl<'a> Unit<'a> {
    fn new(obu: &Obu<'a>) -> Self {
        let mut header = [0; 2];
        header[..obu.header_bytes.len()].copy_from_slice(obu.header_bytes);
        header[0] &= !0x02;
        Self { header, header_len: obu.header_bytes.len(), data: obu.data }
    }

    fn len(&self) -> usize {
        self.header_len + self.data.len()
    }

    /// What of it lies between two places: a piece of the header and one of the data.
    fn pieces(&self, start: usize, end: usize) -> (&[u8], &'a [u8]) {
        let header = &self.header[start.min(self.header_len)..end.min(self.header_len)];
        let data = |at: usize| at.saturating_sub(self.header_len);
        (header, &self.data[data(start)..data(end)])
    }
}

/// A unit or a part of one, in a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Element {
    unit: usize,
    start: usize,
    end: usize,
}

/// Where the filling of packets has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    unit: usize,
    start: usize,
}

/// Gives the packets of a temporal unit to `each`, none longer than `len_max`, and says how many they are.
///
/// Temporal delimiters are left out (§5). A sequence header at the beginning makes it a key frame. The packets are as few as
/// can be, and none is longer than it must be for that.
pub fn packetize(
    frame: &[u8],
    len_max: usize,
    mut each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    let mut units = Vec::new();
    for obu in obus(frame) {
        let obu = obu.map_err(|_| PayloadError::InvalidArgument("the frame is no row of OBUs"))?;
        if !matches!(obu.header.obu_type, obu_type::TEMPORAL_DELIMITER | obu_type::TILE_LIST) {
            units.push(Unit::new(&obu));
        }
        if units.len() > OBUS_MAX {
            return Err(PayloadError::TooLarge);
        }
    }
    if units.is_empty() {
        return Err(PayloadError::InvalidArgument("there is nothing in the frame"));
    }
    if len_max < 2 {
        return Err(PayloadError::InvalidArgument("packets have no room behind the header"));
    }
    let begins_sequence = (units[0].header[0] >> 3) & 0x0F == obu_type::SEQUENCE_HEADER;
    let limit = least_limit(&units, len_max);
    let mut place = Place::default();
    let mut count = 0;
    while place.unit < units.len() {
        let (elements, element_count) = fill(&units, &mut place, limit);
        let is_last = place.unit == units.len();
        let header = AggregationHeader {
            continues: elements[0].start > 0,
            is_continued: place.start > 0,
            element_count: element_count.to_le_bytes()[0],
            begins_sequence: count == 0 && begins_sequence,
        };
        emit(&units, header, &elements[..element_count], (count == 0, is_last), &mut each);
        count += 1;
    }
    Ok(count)
}

/// The shortest limit that makes no more packets than `len_max` does: packets come out about equally long.
fn least_limit(units: &[Unit<'_>], len_max: usize) -> usize {
    let count = |limit: usize| {
        let (mut place, mut count) = (Place::default(), 0);
        while place.unit < units.len() {
            fill(units, &mut place, limit);
            count += 1;
        }
        count
    };
    let count_min: usize = count(len_max);
    let total: usize = units.iter().map(Unit::len).sum();
    let (mut low, mut high) = ((total / count_min).clamp(2, len_max), len_max);
    while low < high {
        let middle = low.midpoint(high);
        if count(middle) <= count_min {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
}

/// The elements of the next packet, of at most `limit` bytes, and how many they are.
fn fill(units: &[Unit<'_>], place: &mut Place, limit: usize) -> ([Element; ELEMENTS_MAX], usize) {
    let mut elements = [Element::default(); ELEMENTS_MAX];
    let mut count: usize = 0;
    let mut room = limit - 1;
    while count < ELEMENTS_MAX && place.unit < units.len() {
        // A further element makes the one before it need a length.
        let last_len = count.checked_sub(1).map(|last| elements[last].end - elements[last].start);
        let cost = last_len.map_or(0, |len| Leb128::new(len).as_bytes().len());
        if room <= cost {
            break;
        }
        room -= cost;
        let end = units[place.unit].len().min(place.start + room);
        elements[count] = Element { unit: place.unit, start: place.start, end };
        count += 1;
        room -= end - place.start;
        if end < units[place.unit].len() {
            place.start = end;
            break;
        }
        *place = Place { unit: place.unit + 1, start: 0 };
    }
    (elements, count)
}

fn emit(
    units: &[Unit<'_>],
    header: AggregationHeader,
    elements: &[Element],
    (is_first, is_last): (bool, bool),
    each: &mut impl FnMut(Fragment<'_>),
) {
    let header = [header.to_byte()];
    let mut lens = [Leb128::default(); ELEMENTS_MAX];
    for (len, element) in lens.iter_mut().zip(elements) {
        *len = Leb128::new(element.end - element.start);
    }
    let mut pieces: [&[u8]; 1 + 3 * ELEMENTS_MAX] = [&[]; _];
    pieces[0] = &header;
    for (index, element) in elements.iter().enumerate() {
        let at = 1 + 3 * index;
        if index + 1 < elements.len() {
            pieces[at] = lens[index].as_bytes();
        }
        (pieces[at + 1], pieces[at + 2]) = units[element.unit].pieces(element.start, element.end);
    }
    each(Fragment::new(&pieces[..=3 * elements.len()], is_first, is_last));
}
