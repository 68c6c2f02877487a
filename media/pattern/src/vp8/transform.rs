//! The transforms, forwards and backwards, of four by four numbers (RFC 6386 §14.3, §14.4).
//!
//! Backwards they are as every decoder computes them, to the bit. Forwards there is freedom: they are the exact inverses, rounded once.

/// Four by four numbers, row by row.
pub(super) type Block = [i32; 16];

/// √2·cos(π/8), in 65536ths.
const LONG: i32 = 85_627;
/// √2·sin(π/8), in 65536ths.
const SHORT: i32 = 35_468;

/// The cosine transform of differences of pixels.
pub(super) fn forward_dct(pixels: &Block) -> Block {
    let mut rows = [0; 16];
    for (to, from) in rows.chunks_exact_mut(4).zip(pixels.chunks_exact(4)) {
        let [sums, differences] =
            [[from[0] + from[3], from[1] + from[2]], [from[0] - from[3], from[1] - from[2]]];
        to[0] = (sums[0] + sums[1]) << 8;
        to[2] = (sums[0] - sums[1]) << 8;
        // A difference has 10 bits at most, so that 16 bits of fraction fit, of which 8 are kept.
        to[1] = (LONG * differences[0] + SHORT * differences[1]) >> 8;
        to[3] = (SHORT * differences[0] - LONG * differences[1]) >> 8;
    }
    let mut block = [0; 16];
    for column in 0..4 {
        let [a, b, c, d] = std::array::from_fn(|row| i64::from(rows[row * 4 + column]));
        let [sums, differences] = [[a + d, b + c], [a - d, b - c]];
        let (long, short) = (i64::from(LONG), i64::from(SHORT));
        // Eight bits of fraction from the rows, sixteen of the factors, and half of it all.
        block[column] = rounded((sums[0] + sums[1]) << 16, 25);
        block[8 + column] = rounded((sums[0] - sums[1]) << 16, 25);
        block[4 + column] = rounded(long * differences[0] + short * differences[1], 25);
        block[12 + column] = rounded(short * differences[0] - long * differences[1], 25);
    }
    block
}

fn rounded(value: i64, bits: u32) -> i32 {
    i32::try_from((value + (1 << (bits - 1))) >> bits).unwrap_or_default()
}

/// The differences of pixels that a decoder makes of coefficients.
pub(super) fn inverse_dct(coefficients: &Block) -> Block {
    let long = |value: i32| value + ((value * (LONG - 65_536)) >> 16);
    let short = |value: i32| (value * SHORT) >> 16;
    let pass = |[a, b, c, d]: [i32; 4]| {
        let (even_sum, even_difference) = (a + c, a - c);
        let (odd_difference, odd_sum) = (short(b) - long(d), long(b) + short(d));
        [
            even_sum + odd_sum,
            even_difference + odd_difference,
            even_difference - odd_difference,
            even_sum - odd_sum,
        ]
    };
    let mut columns = [0; 16];
    for column in 0..4 {
        let done = pass(std::array::from_fn(|row| coefficients[row * 4 + column]));
        for (row, value) in done.into_iter().enumerate() {
            columns[row * 4 + column] = value;
        }
    }
    let mut block = [0; 16];
    for (to, from) in block.chunks_exact_mut(4).zip(columns.chunks_exact(4)) {
        let done = pass([from[0], from[1], from[2], from[3]]);
        for (to, value) in to.iter_mut().zip(done) {
            *to = (value + 4) >> 3;
        }
    }
    block
}

/// The Walsh-Hadamard transform of the sixteen averages of a macroblock's blocks.
pub(super) fn forward_walsh(averages: &Block) -> Block {
    // Half of it is the inverse of the inverse; the sums are whole, so that adding one before halving rounds.
    walsh(averages).map(|value| (value + i32::from(value > 0)) >> 1)
}

/// The averages that a decoder makes of coefficients.
pub(super) fn inverse_walsh(coefficients: &Block) -> Block {
    walsh(coefficients).map(|value| (value + 3) >> 3)
}

fn walsh(numbers: &Block) -> Block {
    let pass = |[a, b, c, d]: [i32; 4]| {
        let [outer, inner, inner_difference, outer_difference] = [a + d, b + c, b - c, a - d];
        [
            outer + inner,
            outer_difference + inner_difference,
            outer - inner,
            outer_difference - inner_difference,
        ]
    };
    let mut columns = [0; 16];
    for column in 0..4 {
        let done = pass(std::array::from_fn(|row| numbers[row * 4 + column]));
        for (row, value) in done.into_iter().enumerate() {
            columns[row * 4 + column] = value;
        }
    }
    let mut block = [0; 16];
    for (to, from) in block.chunks_exact_mut(4).zip(columns.chunks_exact(4)) {
        to.copy_from_slice(&pass([from[0], from[1], from[2], from[3]]));
    }
    block
}

#[cfg(test)]
mod tests {
    use super::{Block, forward_dct, forward_walsh, inverse_dct, inverse_walsh};
    use proptest::array::uniform16;

    proptest::proptest! {
        /// Covers: RFC 6386 §14.4
        #[test]
        fn a_cosine_transform_there_and_back_is_off_by_one_at_most(pixels in uniform16(-255i32..=255)) {
            let back = inverse_dct(&forward_dct(&pixels));

            proptest::prop_assert!(are_close(&pixels, &back, 1), "{:?}", back);
        }

        /// Covers: RFC 6386 §14.3
        #[test]
        fn a_walsh_transform_there_and_back_is_off_by_one_at_most(averages in uniform16(-2_040i32..=2_040)) {
            let back = inverse_walsh(&forward_walsh(&averages));

            proptest::prop_assert!(are_close(&averages, &back, 1), "{:?}", back);
        }
    }

    fn are_close(one: &Block, other: &Block, by: i32) -> bool {
        one.iter().zip(other).all(|(one, other)| (one - other).abs() <= by)
    }

    #[test]
    fn a_flat_block_has_one_coefficient() {
        let block = forward_dct(&[10; 16]);

        assert_eq!(block[0], 80, "eight times the average");
        assert_eq!(&block[1..], &[0; 15]);
    }
}
