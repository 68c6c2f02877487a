use super::header::{Header, write_key_modes, write_unmoved};
use super::macroblock::{Quantizer, Residual, code};
use super::planes::{MACROBLOCK, Picture};
use super::prediction::{Mode, predict};
use super::tokens::TokenWriter;

/// What encoding a frame took.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The frame.
    pub(crate) frame: Vec<u8>,
    /// About how many bits went to the macroblocks that were asked about.
    pub(crate) watched_bits: usize,
}

/// Encodes pictures of one size, and knows what decoders make of them.
#[derive(Debug)]
pub(crate) struct Encoder {
    width: u16,
    height: u16,
    /// What the last frame was asked to show.
    last: Picture,
    /// What decoders show.
    decoded: Picture,
}

/// What is to be written of one macroblock.
struct Coded {
    modes: Option<(Mode, Mode)>,
    residual: Option<Residual>,
}

impl Encoder {
    /// For pictures of this size, in pixels.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let columns = usize::from(width).div_ceil(MACROBLOCK);
        let rows = usize::from(height).div_ceil(MACROBLOCK);
        let picture = Picture::new(columns, rows);
        Self { width, height, last: picture.clone(), decoded: picture }
    }

    /// A grey picture of the right size.
    pub(crate) fn blank(&self) -> Picture {
        Picture::new(self.last.columns(), self.last.rows())
    }

    /// Encodes `picture`, which has the size of all others. `is_watched` chooses macroblocks, by column and row, whose bits are
    /// to be counted.
    pub(crate) fn encode(
        &mut self,
        picture: &Picture,
        is_key: bool,
        quantizer: u8,
        is_watched: impl Fn(usize, usize) -> bool,
    ) -> Report {
        let coded = self.code(picture, is_key, quantizer);
        let (columns, rows) = (picture.columns(), picture.rows());
        let filled = coded.iter().filter(|coded| coded.residual.is_some()).count();
        // Neither certainty can be written.
        let filled = u8::try_from((filled * 256 / coded.len()).clamp(1, 255)).unwrap_or(u8::MAX);
        let header = Header { is_key, quantizer, filled };
        let mut first = header.write();
        let mut tokens = TokenWriter::new(columns);
        let mut watched_bits = 0;
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        for ((column, row), coded) in places.zip(&coded) {
            if column == 0 {
                tokens.begin_row();
            }
            header.write_filled(&mut first, coded.residual.is_some());
            match coded.modes {
                Some((luma, chroma)) => write_key_modes(&mut first, luma, chroma),
                None => write_unmoved(&mut first, column, row),
            }
            match &coded.residual {
                Some(residual) => {
                    let bits = tokens.write(column, residual);
                    watched_bits += if is_watched(column, row) { bits } else { 0 };
                }
                None => tokens.skip(column),
            }
        }
        let frame = header.assemble(self.width, self.height, &first.finish(), &tokens.finish());
        self.last.clone_from(picture);
        Report { frame, watched_bits }
    }

    /// What decoders show after the last frame.
    #[cfg(test)]
    pub(crate) fn decoded(&self) -> &Picture {
        &self.decoded
    }

    fn code(&mut self, picture: &Picture, is_key: bool, quantizer: u8) -> Vec<Coded> {
        let quantizer = Quantizer::new(quantizer);
        let (columns, rows) = (picture.columns(), picture.rows());
        let mut all = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let wanted = picture.macroblock(column, row);
                let (predicted, modes) = if is_key {
                    let (predicted, luma, chroma) = predict(&self.decoded, column, row, &wanted);
                    (predicted, Some((luma, chroma)))
                } else if wanted == self.last.macroblock(column, row) {
                    all.push(Coded { modes: None, residual: None });
                    continue;
                } else {
                    (self.decoded.macroblock(column, row), None)
                };
                let (residual, pixels) = code(&wanted, &predicted, &quantizer);
                self.decoded.put_macroblock(column, row, &pixels);
                let residual = (!residual.is_empty()).then_some(residual);
                all.push(Coded { modes, residual });
            }
        }
        all
    }
}
