//! What can be had of a track, and what it costs.

use crate::encoding::Encoding;
use crate::layers::LayerIndex;
use crate::slot::Choice;
use crate::track::Source;
use moim_wire::Bitrate;

/// Most levels of a track.
pub(crate) const LEVELS_MAX: usize = 32;
/// What an encoding costs of which nothing is known, for each pixel: what browsers spend on 640 × 360 at 30 pictures a second.
const MILLIBITS_PER_PIXEL: u64 = 2_170;
/// The size of an encoding of which nothing is known: 640 × 360.
const PIXELS_UNKNOWN: u64 = 640 * 360;
/// Pictures per second, in tenths, of an encoding of which nothing is known.
const TENTHS_UNKNOWN: u32 = 300;

/// Something that can be had of a track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    pub(crate) choice: Choice,
    /// In bits per second.
    pub(crate) rate: u64,
    pub(crate) pixels: u32,
    /// What it is worth: the greater the better, on a scale of logarithms.
    pub(crate) worth: f32,
}

/// An encoding that can be had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) encoding: &'a Encoding,
    pub(crate) is_sent: bool,
}

/// The levels of a track, the cheapest first.
pub(crate) fn build<'a>(source: Source, offers: impl Iterator<Item = Offer<'a>>, levels: &mut Vec<Level>) {
    levels.clear();
    for offer in offers {
        add_levels(source, offer, levels);
    }
    levels.sort_unstable_by(|one, other| one.rate.cmp(&other.rate).then(other.worth.total_cmp(&one.worth)));
}

/// The size of pictures that is of use if they are displayed at a size: the smallest there is that is not smaller, or almost so.
pub(crate) fn pixels_for(levels: &[Level], displayed: Option<(u32, u32)>) -> u32 {
    let Some((width, height)) = displayed else { return u32::MAX };
    let wanted = u64::from(width) * u64::from(height);
    // A fifth fewer pixels than displayed are not seen.
    let is_enough = |level: &&Level| u64::from(level.pixels) * 5 / 4 >= wanted;
    levels.iter().filter(is_enough).map(|level| level.pixels).min().unwrap_or(u32::MAX)
}

/// The cheapest level of pictures not larger than that.
pub(crate) fn lowest(levels: &[Level], pixels_max: u32) -> Option<usize> {
    levels.iter().position(|level| level.pixels <= pixels_max)
}

/// The next level that is better than one and dearer, of pictures not larger than that.
pub(crate) fn next(levels: &[Level], from: usize, pixels_max: u32) -> Option<usize> {
    let worth = levels.get(from)?.worth;
    let is_better = |level: &Level| level.pixels <= pixels_max && level.worth > worth;
    levels.iter().skip(from + 1).position(is_better).map(|behind| from + 1 + behind)
}

/// The best level of pictures not larger than that: where the steps end.
pub(crate) fn highest(levels: &[Level], pixels_max: u32) -> Option<usize> {
    let mut highest = lowest(levels, pixels_max)?;
    while let Some(better) = next(levels, highest, pixels_max) {
        highest = better;
    }
    Some(highest)
}

/// Which level a slot has that was given `choice`.
pub(crate) fn position_of(levels: &[Level], choice: Choice) -> Option<usize> {
    let exact = levels.iter().position(|level| level.choice == choice);
    exact.or_else(|| {
        levels.iter().rposition(|level| {
            level.choice.encoding == choice.encoding && level.choice.layers.is_within(choice.layers)
        })
    })
}

fn add_levels(source: Source, offer: Offer<'_>, levels: &mut Vec<Level>) {
    let encoding = offer.encoding;
    let pixels = pixels_of(encoding);
    let mut add = |layers: LayerIndex, rate: u64, pixels: u32, tenths: u32| {
        if levels.len() < LEVELS_MAX {
            let choice = Choice { encoding: encoding.number, layers };
            levels.push(Level { choice, rate, pixels, worth: worth(source, pixels, tenths) });
        }
    };
    if !offer.is_sent || !encoding.rates.has_measured() {
        let guess = u64::from(pixels) * MILLIBITS_PER_PIXEL / 1_000;
        let rate = encoding.spec.bitrate.map_or(guess, Bitrate::as_bps);
        add(LayerIndex::ALL, rate, pixels, TENTHS_UNKNOWN);
        return;
    }
    let highest = encoding.rates.highest();
    for spatial in 0..=highest.spatial {
        // Each spatial layer has twice the width and height of the one below.
        let pixels = (pixels >> (2 * (highest.spatial - spatial))).max(1);
        for temporal in 0..=highest.temporal {
            let rate = encoding.rates.up_to(LayerIndex { spatial, temporal }).as_bps();
            // Whoever gets the highest layer there is gets those that may come to be above it.
            let layers = LayerIndex {
                spatial: if spatial == highest.spatial { LayerIndex::ALL.spatial } else { spatial },
                temporal: if temporal == highest.temporal { LayerIndex::ALL.temporal } else { temporal },
            };
            add(layers, rate, pixels, encoding.rates.tenths_up_to(temporal).max(10));
        }
    }
}

/// As many as its pictures have, or as one can have at its rate.
fn pixels_of(encoding: &Encoding) -> u32 {
    if let Some((width, height)) = encoding.size() {
        return width.saturating_mul(height).max(1);
    }
    let measured = encoding.rates.up_to(LayerIndex::ALL).as_bps();
    let rate = encoding.spec.bitrate.map_or(measured, Bitrate::as_bps);
    let pixels = if rate == 0 { PIXELS_UNKNOWN } else { rate.saturating_mul(1_000) / MILLIBITS_PER_PIXEL };
    u32::try_from(pixels.max(1)).unwrap_or(u32::MAX)
}

/// Of people, motion matters somewhat more than sharpness: 640 × 360 at 30 pictures a second are worth more than 1280 × 720 at 7.5, and less than those at 15.
/// A screen is to be read.
fn worth(source: Source, pixels: u32, tenths: u32) -> f32 {
    let motion = if source == Source::Screen { 0.2 } else { 1.5 };
    logarithm(pixels) + motion * logarithm(tenths.min(300))
}

#[expect(clippy::cast_precision_loss, reason = "of a logarithm a few digits are enough")]
fn logarithm(value: u32) -> f32 {
    (value.max(1) as f32).log2()
}
