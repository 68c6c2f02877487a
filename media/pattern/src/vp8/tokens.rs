//! Writing coefficients (RFC 6386 §13).

use super::bool_writer::BoolWriter;
use super::macroblock::Residual;
use super::tables::{BANDS, TOKENS};
use super::transform::Block;

/// What a block is of, as far as its probabilities go.
#[derive(Clone, Copy)]
enum Kind {
    LumaWithoutAverage = 0,
    Averages = 1,
    Chroma = 2,
}

/// A range of values beyond four: its first, and the probabilities of the bits that say which (RFC 6386 §13.2).
const CATEGORIES: [(i32, &[u8]); 6] = [
    (5, &[159]),
    (7, &[165, 145]),
    (11, &[173, 148, 140]),
    (19, &[176, 155, 140, 135]),
    (35, &[180, 157, 141, 134, 130]),
    (67, &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129]),
];

/// Whether the blocks along one side of a macroblock had anything in them.
#[derive(Clone, Copy, Debug, Default)]
struct Edge {
    luma: [bool; 4],
    chroma: [[bool; 2]; 2],
    averages: bool,
}

/// Writes the coefficients of a frame's macroblocks, in their order.
#[derive(Debug)]
pub(super) struct TokenWriter {
    out: BoolWriter,
    /// Of the macroblocks above.
    above: Vec<Edge>,
    /// Of the macroblock to the left.
    left: Edge,
}

impl TokenWriter {
    /// For frames that are so many macroblocks wide.
    pub(super) fn new(columns: usize) -> Self {
        Self { out: BoolWriter::new(), above: vec![Edge::default(); columns], left: Edge::default() }
    }

    /// The macroblocks of the next row follow.
    pub(super) fn begin_row(&mut self) {
        self.left = Edge::default();
    }

    /// A macroblock with nothing in it, which the frame says elsewhere.
    pub(super) fn skip(&mut self, column: usize) {
        self.left = Edge::default();
        self.above[column] = Edge::default();
    }

    /// Writes a macroblock. Returns about how many bits it took.
    pub(super) fn write(&mut self, column: usize, residual: &Residual) -> usize {
        let before = self.out.len_bits();
        let (above, left) = (&mut self.above[column], &mut self.left);
        let out = &mut self.out;
        let is_filled =
            write_block(out, Kind::Averages, 0, above.averages, left.averages, &residual.averages);
        (above.averages, left.averages) = (is_filled, is_filled);
        for (index, block) in residual.luma.iter().enumerate() {
            let (above, left) = (&mut above.luma[index % 4], &mut left.luma[index / 4]);
            let is_filled = write_block(out, Kind::LumaWithoutAverage, 1, *above, *left, block);
            (*above, *left) = (is_filled, is_filled);
        }
        for (index, block) in residual.chroma.iter().enumerate() {
            let (component, index) = (index / 4, index % 4);
            let (above, left) =
                (&mut above.chroma[component][index % 2], &mut left.chroma[component][index / 2]);
            let is_filled = write_block(out, Kind::Chroma, 0, *above, *left, block);
            (*above, *left) = (is_filled, is_filled);
        }
        self.out.len_bits() - before
    }

    /// All of it.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out.finish()
    }
}

/// Returns whether there was anything in it.
fn write_block(
    out: &mut BoolWriter,
    kind: Kind,
    first: usize,
    above: bool,
    left: bool,
    steps: &Block,
) -> bool {
    let end = steps.iter().rposition(|&count| count != 0).map_or(first, |last| last + 1).max(first);
    let mut context = usize::from(above) + usize::from(left);
    let mut follows_zero = false;
    for position in first..16 {
        let probabilities = &TOKENS[kind as usize][BANDS[position]][context];
        // Zeros are never the last ones, so that after a zero there is no end to tell of.
        if !follows_zero {
            out.write(position < end, probabilities[0]);
        }
        if position >= end {
            break;
        }
        let count = steps[position];
        write_magnitude(out, probabilities, count.abs());
        if count != 0 {
            out.write_flag(count < 0);
        }
        follows_zero = count == 0;
        context = usize::try_from(count.abs().min(2)).unwrap_or(2);
    }
    end > first
}

fn write_magnitude(out: &mut BoolWriter, probabilities: &[u8; 11], magnitude: i32) {
    out.write(magnitude > 0, probabilities[1]);
    if magnitude == 0 {
        return;
    }
    out.write(magnitude > 1, probabilities[2]);
    if magnitude == 1 {
        return;
    }
    out.write(magnitude > 4, probabilities[3]);
    if magnitude <= 4 {
        out.write(magnitude > 2, probabilities[4]);
        if magnitude > 2 {
            out.write(magnitude == 4, probabilities[5]);
        }
        return;
    }
    let category = CATEGORIES.iter().rposition(|(base, _)| magnitude >= *base).unwrap_or_default();
    out.write(category > 1, probabilities[6]);
    match category {
        0 | 1 => out.write(category == 1, probabilities[7]),
        2 | 3 => {
            out.write(false, probabilities[8]);
            out.write(category == 3, probabilities[9]);
        }
        _ => {
            out.write(true, probabilities[8]);
            out.write(category == 5, probabilities[10]);
        }
    }
    let (base, bits) = CATEGORIES[category];
    for (index, &probability) in bits.iter().enumerate() {
        let shift = bits.len() - 1 - index;
        out.write((magnitude - base) >> shift & 1 == 1, probability);
    }
}
