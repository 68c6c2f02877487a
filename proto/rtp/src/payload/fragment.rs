use moim_wire::OutOfSpace;
use std::ops::Range;

/// The payload of one packet: pieces that follow each other, headers of the format among slices of the frame itself.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    pieces: &'a [&'a [u8]],
    is_first: bool,
    is_last: bool,
}

impl<'a> Fragment<'a> {
    pub(super) fn new(pieces: &'a [&'a [u8]], is_first: bool, is_last: bool) -> Self {
        Self { pieces, is_first, is_last }
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &'a [&'a [u8]] {
        self.pieces
    }

    /// Whether it is the frame's first packet.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Whether it is the frame's last packet, the one that has the marker of the RTP header if the picture ends with the frame.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// How long the payload is.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }

    /// Whether there is nothing in it. Packetizers make no such fragment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the payload to the beginning of `out` and says how long it is.
    pub fn copy_to(&self, out: &mut [u8]) -> Result<usize, OutOfSpace> {
        let mut len = 0;
        for piece in self.pieces {
            out.get_mut(len..len + piece.len()).ok_or(OutOfSpace)?.copy_from_slice(piece);
            len += piece.len();
        }
        Ok(len)
    }

    /// The payload in one piece, for tests and whoever has time.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// Cuts `len` bytes into as few ranges of at most `len_max` as there can be, whose lengths differ by one at most: packets of one length
/// can be handed to the operating system in one piece.
pub(super) fn equal_ranges(len: usize, len_max: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let count = len.div_ceil(len_max.max(1)).max(1);
    let (short, longer) = (len / count, len % count);
    (0..count).map(move |index| {
        let start = index * short + index.min(longer);
        start..start + short + usize::from(index < longer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_everything_once_and_are_equal(len in 1_usize..20_000, len_max in 1_usize..2_000) {
            let ranges: Vec<_> = equal_ranges(len, len_max).collect();

            prop_assert_eq!(ranges.len(), len.div_ceil(len_max));
            prop_assert_eq!(ranges[0].start, 0);
            prop_assert_eq!(ranges[ranges.len() - 1].end, len);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lens = ranges.iter().map(ExactSizeIterator::len);
            prop_assert!(lens.clone().max().unwrap() <= len_max);
            prop_assert!(lens.clone().max().unwrap() - lens.min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_fragment_is_its_pieces() {
        let fragment = Fragment::new(&[b"ab", b"", b"cde"], true, false);
        let mut out = [0; 6];

        assert_eq!(fragment.copy_to(&mut out), Ok(5));
        assert_eq!((fragment.len(), fragment.to_vec()), (5, out[..5].to_vec()));
        assert_eq!(fragment.copy_to(&mut [0; 4]), Err(OutOfSpace));
    }
}
