//! Predicting a macroblock from its neighbours in the same frame (RFC 6386 §12.2, §12.3).

use super::planes::{Picture, Pixels, Plane};

/// How a square is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The average of its border.
    Dc,
    /// The row above, repeated.
    Vertical,
    /// The column to the left, repeated.
    Horizontal,
    /// The column to the left, plus what the row above rises by.
    TrueMotion,
}

impl Mode {
    const ALL: [Self; 4] = [Self::Dc, Self::Vertical, Self::Horizontal, Self::TrueMotion];
}

/// What stands for the pixels above the picture.
const ABOVE_PICTURE: u8 = 127;
/// What stands for the pixels to the left of the picture.
const LEFT_OF_PICTURE: u8 = 129;

/// The best prediction of a macroblock, and how it is made: luma and both components of colour apart.
pub(super) fn predict(picture: &Picture, column: usize, row: usize, wanted: &Pixels) -> (Pixels, Mode, Mode) {
    let (left, top) = (column * 16, row * 16);
    let border = Border::<16>::of(&picture.y, left, top);
    let (luma, y) = Mode::ALL
        .map(|mode| (mode, border.predict(mode)))
        .into_iter()
        .min_by_key(|(_, predicted)| difference(predicted, &wanted.y))
        .expect("there are four modes");
    let u = Border::<8>::of(&picture.u, left / 2, top / 2);
    let v = Border::<8>::of(&picture.v, left / 2, top / 2);
    let (chroma, u, v) = Mode::ALL
        .map(|mode| (mode, u.predict(mode), v.predict(mode)))
        .into_iter()
        .min_by_key(|(_, u, v)| difference(u, &wanted.u) + difference(v, &wanted.v))
        .expect("there are four modes");
    (Pixels { y, u, v }, luma, chroma)
}

fn difference<const SIDE: usize>(one: &[[u8; SIDE]; SIDE], other: &[[u8; SIDE]; SIDE]) -> u32 {
    let pairs = one.as_flattened().iter().zip(other.as_flattened());
    pairs.map(|(one, other)| u32::from(one.abs_diff(*other))).sum()
}

/// The pixels next to a square, above and to the left.
struct Border<const SIDE: usize> {
    above: [u8; SIDE],
    left: [u8; SIDE],
    corner: u8,
    has_above: bool,
    has_left: bool,
}

impl<const SIDE: usize> Border<SIDE> {
    fn of(plane: &Plane, left: usize, top: usize) -> Self {
        let (has_above, has_left) = (top > 0, left > 0);
        let above = |x: usize| if has_above { plane.row(top - 1)[left + x] } else { ABOVE_PICTURE };
        let beside = |y: usize| if has_left { plane.row(top + y)[left - 1] } else { LEFT_OF_PICTURE };
        Self {
            above: std::array::from_fn(above),
            left: std::array::from_fn(beside),
            corner: match (has_above, has_left) {
                (true, true) => plane.row(top - 1)[left - 1],
                (true, false) => LEFT_OF_PICTURE,
                (false, _) => ABOVE_PICTURE,
            },
            has_above,
            has_left,
        }
    }

    fn predict(&self, mode: Mode) -> [[u8; SIDE]; SIDE] {
        match mode {
            Mode::Dc => [[self.average(); SIDE]; SIDE],
            Mode::Vertical => [self.above; SIDE],
            Mode::Horizontal => self.left.map(|value| [value; SIDE]),
            Mode::TrueMotion => self.left.map(|left| {
                let rise = i16::from(left) - i16::from(self.corner);
                self.above.map(|above| clamped(i32::from(i16::from(above) + rise)))
            }),
        }
    }

    /// The average of what there is of the border.
    fn average(&self) -> u8 {
        let sum = |side: &[u8; SIDE], is_there: bool| {
            if is_there { side.iter().map(|&pixel| u32::from(pixel)).sum() } else { 0 }
        };
        let count = SIDE * (usize::from(self.has_above) + usize::from(self.has_left));
        let count = u32::try_from(count).unwrap_or_default();
        let total: u32 = sum(&self.above, self.has_above) + sum(&self.left, self.has_left);
        (total + count / 2).checked_div(count).map_or(128, |average| clamped(average.cast_signed()))
    }
}

/// The nearest value that a pixel can have.
pub(super) fn clamped(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}
