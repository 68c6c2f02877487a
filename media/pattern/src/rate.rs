//! How much to send so that a bitrate is met: most of what is sent is noise, and there can be more or less of it.

use moim_wire::Bitrate;

/// The quantizer to use when the bitrate does not ask for another: a step of 28 of 2,040.
const QUANTIZER_USUAL: u8 = 24;
/// The coarsest to use, at which all that is drawn can still be made out.
const QUANTIZER_MAX: u8 = 56;
/// What a macroblock of noise takes at the usual quantizer, until it is known.
const NOISE_BITS_FIRST: f64 = 900.0;
/// How much of each new measurement counts.
const WEIGHT: f64 = 0.3;
/// Most that may be owed, in time: a key frame larger than that is paid for over this long.
const DEBT_SECONDS_MAX: f64 = 1.0;
/// Most that may be saved up, in frames.
const CREDIT_FRAMES_MAX: f64 = 2.0;

/// Steers what a picture takes towards a bitrate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateControl {
    frame_bits: f64,
    second_bits: f64,
    /// What was sent beyond the bitrate so far; negative if less.
    debt: f64,
    /// What one macroblock of noise takes.
    noise_bits: f64,
    /// What everything else takes.
    other_bits: f64,
    quantizer: u8,
}

/// What a frame is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The quantizer's index.
    pub(crate) quantizer: u8,
    /// How many macroblocks of noise to draw anew.
    pub(crate) noise_count: usize,
}

impl RateControl {
    pub(crate) fn new(bitrate: Bitrate, frame_rate: u32) -> Self {
        let mut control = Self {
            frame_bits: 0.0,
            second_bits: 0.0,
            debt: 0.0,
            noise_bits: NOISE_BITS_FIRST,
            other_bits: 0.0,
            quantizer: QUANTIZER_USUAL,
        };
        control.set(bitrate, frame_rate);
        control
    }

    /// Aims at another bitrate. What is owed of the one before is forgiven.
    #[expect(clippy::cast_precision_loss, reason = "bitrates are far below 2^52")]
    pub(crate) fn set(&mut self, bitrate: Bitrate, frame_rate: u32) {
        self.second_bits = bitrate.as_bps() as f64;
        self.frame_bits = self.second_bits / f64::from(frame_rate);
        self.debt = 0.0;
    }

    /// What the next frame is to have, if there are `noise_max` macroblocks for noise.
    #[expect(clippy::cast_precision_loss, reason = "counts of macroblocks are small")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, as it should here"
    )]
    pub(crate) fn plan(&mut self, noise_max: usize) -> Plan {
        let left = self.frame_bits - self.debt - self.other_bits;
        let wanted = (left / self.noise_bits).max(0.0);
        if wanted > noise_max as f64 {
            self.refine(if wanted > 1.5 * noise_max as f64 { 6 } else { 1 });
        } else if self.quantizer < QUANTIZER_USUAL && wanted < noise_max as f64 * 0.7 {
            self.coarsen(1);
        } else if left < -2.0 * self.frame_bits && self.quantizer < QUANTIZER_MAX {
            self.coarsen(2);
        } else if self.quantizer > QUANTIZER_USUAL && left > self.frame_bits * 0.5 {
            self.refine(1);
        }
        Plan { quantizer: self.quantizer, noise_count: (wanted as usize).min(noise_max) }
    }

    /// Learns what a frame took: all in all, and for the macroblocks of noise in it. What a key frame takes says nothing of others.
    #[expect(clippy::cast_precision_loss, reason = "frames have far less than 2^52 bits")]
    pub(crate) fn sent(&mut self, bits: usize, noise: (usize, usize), is_key: bool) {
        let (noise_count, noise_bits) = noise;
        if noise_count > 0 {
            let measured = noise_bits as f64 / noise_count as f64;
            self.noise_bits += (measured - self.noise_bits) * WEIGHT;
        }
        if !is_key {
            let others = bits.saturating_sub(noise_bits) as f64;
            self.other_bits += (others - self.other_bits) * WEIGHT;
        }
        let debt = self.debt + bits as f64 - self.frame_bits;
        self.debt = debt.clamp(-CREDIT_FRAMES_MAX * self.frame_bits, DEBT_SECONDS_MAX * self.second_bits);
    }

    fn refine(&mut self, by: u8) {
        self.quantizer = self.quantizer.saturating_sub(by);
    }

    fn coarsen(&mut self, by: u8) {
        self.quantizer = (self.quantizer + by).min(QUANTIZER_MAX);
    }
}
