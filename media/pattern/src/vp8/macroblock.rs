//! From the difference between pixels and their prediction to coefficients in steps, and back as a decoder does it.

use super::planes::Pixels;
use super::prediction::clamped;
use super::tables::{AC_STEPS, DC_STEPS, ZIGZAG};
use super::transform::{Block, forward_dct, forward_walsh, inverse_dct, inverse_walsh};

/// Most steps that can be written (RFC 6386 §13.2).
const STEPS_MAX: i32 = 2_047;

/// How coarse coefficients are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantizer {
    luma: Steps,
    /// Of the block of the averages of luma.
    averages: Steps,
    chroma: Steps,
}

#[derive(Clone, Copy, Debug)]
struct Steps {
    dc: i32,
    ac: i32,
}

impl Quantizer {
    /// Of an index from 0, the finest, to 127 (RFC 6386 §14.1).
    pub(super) fn new(index: u8) -> Self {
        let index = usize::from(index).min(127);
        let (dc, ac) = (DC_STEPS[index], AC_STEPS[index]);
        Self {
            luma: Steps { dc, ac },
            averages: Steps { dc: dc * 2, ac: (ac * 155 / 100).max(8) },
            chroma: Steps { dc: dc.min(132), ac },
        }
    }
}

impl Steps {
    fn of(self, position: usize) -> i32 {
        if position == 0 { self.dc } else { self.ac }
    }

    /// Coefficients in whole steps, in the order they are written.
    fn count(self, block: &Block) -> Block {
        std::array::from_fn(|position| {
            let (value, step) = (block[ZIGZAG[position]], self.of(position));
            let steps = (value.abs() + step / 2) / step;
            steps.min(STEPS_MAX) * value.signum()
        })
    }

    /// The coefficients that a decoder makes of them.
    fn restore(self, steps: &Block) -> Block {
        let mut block = [0; 16];
        for (position, &count) in steps.iter().enumerate() {
            block[ZIGZAG[position]] = count * self.of(position);
        }
        block
    }
}

/// What is written of a macroblock: coefficients in steps, in the order written.
#[derive(Clone, Debug)]
pub(super) struct Residual {
    /// Of the averages of the sixteen blocks of luma.
    pub(super) averages: Block,
    /// Of the blocks of luma, without their averages.
    pub(super) luma: [Block; 16],
    /// Of the four blocks of blue, then of those of red.
    pub(super) chroma: [Block; 8],
}

impl Residual {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        let all = [self.averages.as_slice(), self.luma.as_flattened(), self.chroma.as_flattened()];
        all.iter().all(|steps| steps.iter().all(|&count| count == 0))
    }
}

/// What is to be written so that `predicted` becomes about `wanted`; and what it becomes.
pub(super) fn code(wanted: &Pixels, predicted: &Pixels, quantizer: &Quantizer) -> (Residual, Pixels) {
    let mut blocks: [Block; 16] =
        std::array::from_fn(|index| forward_dct(&differences(&wanted.y, &predicted.y, index)));
    let averages = quantizer.averages.count(&forward_walsh(&std::array::from_fn(|index| blocks[index][0])));
    let luma = blocks.each_mut().map(|block| {
        block[0] = 0;
        quantizer.luma.count(block)
    });
    let mut pixels = predicted.clone();
    let restored = inverse_walsh(&quantizer.averages.restore(&averages));
    for (index, steps) in luma.iter().enumerate() {
        let mut block = quantizer.luma.restore(steps);
        block[0] = restored[index];
        add(&mut pixels.y, index, &inverse_dct(&block));
    }
    let mut chroma = [[0; 16]; 8];
    let sides = [(&wanted.u, &predicted.u, &mut pixels.u), (&wanted.v, &predicted.v, &mut pixels.v)];
    for (half, (wanted, predicted, pixels)) in chroma.chunks_exact_mut(4).zip(sides) {
        for (index, steps) in half.iter_mut().enumerate() {
            *steps = quantizer.chroma.count(&forward_dct(&differences(wanted, predicted, index)));
            add(pixels, index, &inverse_dct(&quantizer.chroma.restore(steps)));
        }
    }
    (Residual { averages, luma, chroma }, pixels)
}

/// One block of four by four, of those of a square, row by row.
fn differences<const SIDE: usize>(
    wanted: &[[u8; SIDE]; SIDE],
    predicted: &[[u8; SIDE]; SIDE],
    index: usize,
) -> Block {
    let (left, top) = (index % (SIDE / 4) * 4, index / (SIDE / 4) * 4);
    std::array::from_fn(|at| {
        let (x, y) = (left + at % 4, top + at / 4);
        i32::from(wanted[y][x]) - i32::from(predicted[y][x])
    })
}

fn add<const SIDE: usize>(pixels: &mut [[u8; SIDE]; SIDE], index: usize, block: &Block) {
    let (left, top) = (index % (SIDE / 4) * 4, index / (SIDE / 4) * 4);
    for (at, difference) in block.iter().enumerate() {
        let pixel = &mut pixels[top + at / 4][left + at % 4];
        *pixel = clamped(i32::from(*pixel) + difference);
    }
}
