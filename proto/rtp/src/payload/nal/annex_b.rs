//! NAL units behind start codes (ITU-T H.264 and H.265, Annex B), and behind their lengths as files have them.

use crate::payload::PayloadError;

/// The units of a frame with start codes. What comes before the first start code is none.
pub fn units(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = find_start_code(frame).map_or(&frame[..0], |at| &frame[at + 3..]);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = find_start_code(rest);
            let unit = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or(&rest[..0], |at| &rest[at + 3..]);
            // Zeros before a start code and at the end belong to no unit: a unit ends with a bit that is set.
            let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if len > 0 {
                return Some(&unit[..len]);
            }
        }
        None
    })
}

/// Where the next 00 00 01 is.
fn find_start_code(bytes: &[u8]) -> Option<usize> {
    // Look at every third byte: only if it can be part of a start code, look around.
    let mut at = 2;
    while at < bytes.len() {
        match bytes[at] {
            0 => at += 1,
            1 if bytes[at - 1] == 0 && bytes[at - 2] == 0 => return Some(at - 2),
            _ => at += 3,
        }
    }
    None
}

/// The same frame with each unit behind its length in four bytes, as MP4 and Matroska have it ("AVCC").
pub fn to_length_prefixed(frame: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len() + 16);
    for unit in units(frame) {
        out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// The same frame with start codes of four bytes, from one with each unit behind its length in `prefix_len` bytes: 1, 2 or 4.
pub fn from_length_prefixed(frame: &[u8], prefix_len: usize) -> Result<Vec<u8>, PayloadError> {
    if !matches!(prefix_len, 1 | 2 | 4) {
        return Err(PayloadError::InvalidArgument("lengths have 1, 2 or 4 bytes"));
    }
    let mut out = Vec::with_capacity(frame.len() + 16);
    let mut rest = frame;
    while !rest.is_empty() {
        let (prefix, behind) = rest.split_at_checked(prefix_len).ok_or(PayloadError::Truncated)?;
        let len = prefix.iter().fold(0_usize, |len, byte| (len << 8) | usize::from(*byte));
        let (unit, behind) = behind.split_at_checked(len).ok_or(PayloadError::Truncated)?;
        rest = behind;
        // A unit of no bytes would grow the frame by more than it takes, and says nothing.
        if !unit.is_empty() {
            out.extend_from_slice(&[0, 0, 0, 1]);
            out.extend_from_slice(unit);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_what_lies_between_start_codes() {
        let collect = |frame: &'static [u8]| units(frame).collect::<Vec<_>>();

        assert_eq!(collect(&[0, 0, 0, 1, 9, 8, 0, 0, 1, 7, 0, 0, 0, 0, 1, 6]), [&[9, 8][..], &[7], &[6]]);
        assert_eq!(collect(&[0, 0, 1, 5, 0, 0]), [&[5]], "zeros at the end are none of it");
        assert_eq!(collect(&[5, 5, 0, 0, 1, 0, 0, 1, 4]), [&[4]]);
        assert!(collect(&[1, 2, 3]).is_empty() && collect(&[0, 0, 1]).is_empty() && collect(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn start_codes_are_found_where_they_are(bytes in proptest::collection::vec(0_u8..3, 0..60)) {
            let slow = bytes.windows(3).position(|window| window == [0, 0, 1]);
            prop_assert_eq!(find_start_code(&bytes), slow);
        }

        #[test]
        fn lengths_and_start_codes_say_the_same(lens in proptest::collection::vec(1_usize..50, 0..6)) {
            let frame: Vec<u8> = lens.iter().flat_map(|len| [vec![0, 0, 0, 1], vec![7; *len]].concat()).collect();

            prop_assert_eq!(from_length_prefixed(&to_length_prefixed(&frame), 4), Ok(frame));
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(from_length_prefixed(&[0, 0, 0, 2, 1], 4), Err(PayloadError::Truncated));
        assert_eq!(from_length_prefixed(&[0, 0], 4), Err(PayloadError::Truncated));
        assert!(from_length_prefixed(&[], 3).is_err());
        assert_eq!(from_length_prefixed(&[1, 7, 0, 2, 8, 9], 1), Ok(vec![0, 0, 0, 1, 7, 0, 0, 0, 1, 8, 9]));
    }
}
