//! A frame's number as blocks in its picture: sixteen that are white for a one, the highest bit first, and below them sixteen
//! of the opposite, so that what was not decoded well is not taken for a number.

use crate::vp8::Plane;

/// How many bits of the number are shown.
const BITS: usize = 16;
const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// What divides white from black after decoding.
const GREY: u8 = 128;
/// The side of a block where all of them have room in large pictures.
const SIDE_MAX: usize = 16;

/// The side of a block in a picture of this width.
pub(crate) fn side(width: usize) -> usize {
    if width >= BITS * SIDE_MAX { SIDE_MAX } else { SIDE_MAX / 2 }
}

/// Draws `number` at the top left of a picture of this width.
pub(crate) fn draw_number(luma: &mut Plane, width: usize, number: u64) {
    let side = side(width);
    for bit in 0..BITS {
        let is_one = number >> (BITS - 1 - bit) & 1 == 1;
        let (upper, lower) = if is_one { (WHITE, BLACK) } else { (BLACK, WHITE) };
        luma.fill(bit * side, 0, side, side, upper);
        luma.fill(bit * side, side, side, side, lower);
    }
}

/// The number of the frame, modulo 2^16, that a decoded picture shows; [`None`] if it shows none. `luma` is its first plane, in
/// rows of `stride` bytes of which `width` are the picture.
pub fn read_number(luma: &[u8], width: usize, stride: usize) -> Option<u16> {
    let side = side(width);
    let mut number = 0;
    for bit in 0..BITS {
        // The middle of a block is the furthest from what blurs its edges.
        let at = |row: usize| luma.get((row * side + side / 2) * stride + bit * side + side / 2).copied();
        let (upper, lower) = (at(0)? > GREY, at(1)? > GREY);
        if upper == lower {
            return None;
        }
        number = number << 1 | u16::from(upper);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::{draw_number, read_number};
    use crate::vp8::Picture;

    #[test]
    fn a_number_is_read_back_modulo_its_bits() {
        for (columns, number) in [(10, 0), (10, 0xABCD), (40, 0xFFFF), (40, 0x1_2345)] {
            let mut picture = Picture::new(columns, 4);
            let width = columns * 16;

            draw_number(&mut picture.y, width, number);

            let luma: Vec<u8> = (0..64).flat_map(|y| picture.y.row(y).to_vec()).collect();
            assert_eq!(read_number(&luma, width, width), Some((number & 0xFFFF) as u16));
        }
    }

    #[test]
    fn a_picture_without_a_number_has_none() {
        assert_eq!(read_number(&[128; 160 * 90], 160, 160), None);
        assert_eq!(read_number(&[], 160, 160), None);
    }
}
