//! What the test picture shows.

use crate::number::{draw_number, side};
use crate::vp8::{MACROBLOCK, Picture};

/// Luma, blue and red difference of white, yellow, cyan, green, magenta, red, blue and black at three quarters (ITU-R BT.601).
const PATCHES: [[u8; 3]; 8] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
    [16, 128, 128],
];
const BACKGROUND: u8 = 64;
const BAR: u8 = 220;
/// How far the bar moves from frame to frame, in pixels.
const BAR_STEP: usize = 4;
/// How far noise goes up and down from grey.
const NOISE_AMPLITUDE: u8 = 48;
const GREY: u8 = 128;

/// Where the parts of the picture are, from top to bottom, in rows of macroblocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    width: usize,
    columns: usize,
    patches: usize,
    bar: usize,
    noise: usize,
    rows: usize,
}

impl Layout {
    /// Of a picture of this size, which is at least six macroblocks high.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let rows = height.div_ceil(MACROBLOCK);
        let patches = (2 * side(width)).div_ceil(MACROBLOCK);
        let bar = patches + (rows / 6).max(1);
        let noise = bar + (rows / 8).max(1);
        Self { width, columns: width.div_ceil(MACROBLOCK), patches, bar, noise, rows }
    }

    /// How many macroblocks there are for noise.
    pub(crate) fn noise_count(&self) -> usize {
        (self.rows - self.noise) * self.columns
    }

    /// How many rows of macroblocks come before the noise.
    pub(crate) fn noise_row(&self) -> usize {
        self.noise
    }

    /// Draws what never changes, and no noise.
    pub(crate) fn draw_still(&self, picture: &mut Picture) {
        picture.y.fill(0, 0, self.columns * MACROBLOCK, self.noise * MACROBLOCK, BACKGROUND);
        let (top, height) = (self.patches * MACROBLOCK, (self.bar - self.patches) * MACROBLOCK);
        // In whole pixels of colour.
        let width = self.width.div_ceil(PATCHES.len()).next_multiple_of(2);
        for (index, [y, u, v]) in PATCHES.into_iter().enumerate() {
            let left = index * width;
            picture.y.fill(left, top, width, height, y);
            picture.u.fill(left / 2, top / 2, width / 2, height / 2, u);
            picture.v.fill(left / 2, top / 2, width / 2, height / 2, v);
        }
        let noise_height = (self.rows - self.noise) * MACROBLOCK;
        picture.y.fill(0, self.noise * MACROBLOCK, self.columns * MACROBLOCK, noise_height, GREY);
    }

    /// Draws what frame `number` has of its own: its number, and where the bar is.
    pub(crate) fn draw_moving(&self, picture: &mut Picture, number: u64) {
        draw_number(&mut picture.y, self.width, number);
        let (top, height) = (self.bar * MACROBLOCK, (self.noise - self.bar) * MACROBLOCK);
        picture.y.fill(0, top, self.columns * MACROBLOCK, height, BACKGROUND);
        picture.y.fill(self.bar_left(number), top, MACROBLOCK, height, BAR);
    }

    /// Draws another noise into one of the macroblocks for it.
    pub(crate) fn draw_noise(&self, picture: &mut Picture, index: usize, seed: u64) {
        let left = index % self.columns * MACROBLOCK;
        let top = (self.noise + index / self.columns) * MACROBLOCK;
        let mut state = seed;
        for y in top..top + MACROBLOCK {
            for pixel in &mut picture.y.row_mut(y)[left..left + MACROBLOCK] {
                state = next_random(state);
                let spread = u64::from(NOISE_AMPLITUDE) * 2 + 1;
                let up = u8::try_from((state >> 33) % spread).unwrap_or_default();
                *pixel = GREY - NOISE_AMPLITUDE + up;
            }
        }
    }

    /// From left to right and back.
    fn bar_left(&self, number: u64) -> usize {
        let way = self.width - MACROBLOCK;
        let steps = way / BAR_STEP;
        let at = usize::try_from(number % (2 * steps as u64)).unwrap_or_default();
        at.min(2 * steps - at) * BAR_STEP
    }
}

/// A linear congruential generator (Knuth's MMIX constants): its upper bits look random, and it is the same everywhere.
fn next_random(state: u64) -> u64 {
    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}
