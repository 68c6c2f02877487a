//! Frame headers, and what is said of each macroblock (RFC 6386 §9, §16, §19).

use super::bool_writer::BoolWriter;
use super::prediction::Mode;
use super::tables::{MOTION_UPDATES, TOKEN_UPDATES};

/// What comes before the first partition of every frame, and what follows in key frames.
const TAG_LEN: usize = 3;
const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

/// The probabilities of modes in key frames (RFC 6386 §11.2).
const KEY_LUMA_MODES: [u8; 4] = [145, 156, 163, 128];
const KEY_CHROMA_MODES: [u8; 3] = [142, 114, 183];
/// How likely it is that a macroblock did not move, by what is known of its neighbours (RFC 6386 §16.3).
const NO_MOTION: [u8; 6] = [7, 14, 135, 60, 159, 234];
/// As good as never, and as good as always.
const NEVER: u8 = 1;
const ALWAYS: u8 = 255;

/// What a frame's header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) is_key: bool,
    /// The quantizer's index.
    pub(super) quantizer: u8,
    /// How likely it is that a macroblock has coefficients, in 256.
    pub(super) filled: u8,
}

impl Header {
    /// Begins the first partition.
    pub(super) fn write(self) -> BoolWriter {
        let mut out = BoolWriter::new();
        if self.is_key {
            out.write_literal(0, 2); // the usual colours; values are to be clamped
        }
        out.write_flag(false); // no segments
        out.write_literal(0, 1 + 6 + 3); // no loop filter
        out.write_flag(false); // nor adjustments of it
        out.write_literal(0, 2); // one partition of coefficients
        out.write_literal(u32::from(self.quantizer), 7);
        out.write_literal(0, 5); // one quantizer for all
        if self.is_key {
            out.write_flag(true); // keep probabilities
        } else {
            out.write_literal(0, 2); // golden and alternate frame stay
            out.write_literal(0, 2 + 2 + 1 + 1); // and are not replaced by others either
            out.write_flag(true); // keep probabilities
            out.write_flag(true); // this frame is the next one's reference
        }
        for probability in TOKEN_UPDATES.as_flattened().as_flattened().as_flattened() {
            out.write(false, *probability);
        }
        out.write_flag(true); // macroblocks say whether they have coefficients
        out.write_literal(u32::from(self.filled), 8);
        if !self.is_key {
            out.write_literal(u32::from(NEVER), 8); // predicted within the frame
            out.write_literal(u32::from(ALWAYS), 8); // predicted from the last frame
            out.write_literal(u32::from(ALWAYS), 8); // or else from the golden one
            out.write_literal(0, 2); // modes within the frame keep their probabilities
            for probability in MOTION_UPDATES.as_flattened() {
                out.write(false, *probability);
            }
        }
        out
    }

    /// Puts a frame together.
    pub(super) fn assemble(self, width: u16, height: u16, first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(TAG_LEN + START_CODE.len() + 4 + first.len() + second.len());
        // The picture is limited to sizes whose modes fit the nineteen bits.
        let first_len = u32::try_from(first.len()).unwrap_or_default();
        let tag = u32::from(!self.is_key) | 1 << 4 | first_len << 5;
        frame.extend_from_slice(&tag.to_le_bytes()[..TAG_LEN]);
        if self.is_key {
            frame.extend_from_slice(&START_CODE);
            frame.extend_from_slice(&width.to_le_bytes());
            frame.extend_from_slice(&height.to_le_bytes());
        }
        frame.extend_from_slice(first);
        frame.extend_from_slice(second);
        frame
    }

    /// Says of a macroblock whether it has coefficients.
    pub(super) fn write_filled(self, out: &mut BoolWriter, is_filled: bool) {
        out.write(!is_filled, self.filled);
    }
}

/// Says how a macroblock of a key frame is predicted.
pub(super) fn write_key_modes(out: &mut BoolWriter, luma: Mode, chroma: Mode) {
    out.write(true, KEY_LUMA_MODES[0]); // as a whole
    let is_second = matches!(luma, Mode::Vertical | Mode::TrueMotion);
    let is_later = matches!(luma, Mode::Horizontal | Mode::TrueMotion);
    out.write(is_later, KEY_LUMA_MODES[1]);
    out.write(is_second, KEY_LUMA_MODES[if is_later { 3 } else { 2 }]);
    let modes = [Mode::Dc, Mode::Vertical, Mode::Horizontal];
    for (mode, probability) in modes.into_iter().zip(KEY_CHROMA_MODES) {
        out.write(chroma != mode, probability);
        if chroma == mode {
            break;
        }
    }
}

/// Says that a macroblock is where it was in the last frame, as all others are.
pub(super) fn write_unmoved(out: &mut BoolWriter, column: usize, row: usize) {
    out.write(true, NEVER);
    out.write(false, ALWAYS);
    // Neighbours above and to the left that did not move count twice, the one between them once.
    let neighbours =
        2 * usize::from(column > 0) + 2 * usize::from(row > 0) + usize::from(column > 0 && row > 0);
    out.write(false, NO_MOTION[neighbours]);
}
