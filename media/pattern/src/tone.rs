use crate::error::PatternError;
use opus_rs::{Application, OpusEncoder};
use std::f64::consts::TAU;
use std::fmt;

/// What Opus is clocked by in packets, whatever is in them (RFC 7587 §4.1).
const CLOCK_RATE: u32 = 48_000;
/// Samples of one packet: 20 ms.
const PACKET_SAMPLES: usize = 960;
/// The longest packet of one frame (RFC 6716 §3.2.1).
const PACKET_LEN_MAX: usize = 1_275;
/// The pitches that are heard by everybody and survive any bandwidth.
const FREQUENCY_HZ_MIN: u32 = 50;
const FREQUENCY_HZ_MAX: u32 = 3_000;
/// A quarter of full scale: heard, and no startle.
const AMPLITUDE: f64 = 0.25;
const BITRATE_BPS: i32 = 32_000;
/// How much computing to spend, of 10. A tone needs little.
const COMPLEXITY: i32 = 5;

/// How the tone is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToneConfig {
    /// Its pitch: 50 to 3,000 Hz.
    pub frequency_hz: u32,
}

/// A sine tone as Opus, mono, in packets of 20 ms.
pub struct Tone {
    config: ToneConfig,
    encoder: OpusEncoder,
    samples: Vec<f32>,
    /// The first sample of the next packet.
    position: u64,
}

impl Tone {
    /// Clock ticks from one packet to the next.
    pub const PACKET_TICKS: u32 = 960;

    /// A tone that begins with a wave.
    pub fn new(config: ToneConfig) -> Result<Self, PatternError> {
        if !(FREQUENCY_HZ_MIN..=FREQUENCY_HZ_MAX).contains(&config.frequency_hz) {
            return Err(PatternError::Tone("its pitch is below 50 or above 3,000 Hz"));
        }
        let mut encoder =
            OpusEncoder::new(CLOCK_RATE.cast_signed(), 1, Application::Audio).map_err(PatternError::Tone)?;
        encoder.bitrate_bps = BITRATE_BPS;
        encoder.complexity = COMPLEXITY;
        Ok(Self { config, encoder, samples: vec![0.0; PACKET_SAMPLES], position: 0 })
    }

    /// The next packet, and its timestamp in 48,000ths of a second.
    pub fn encode(&mut self) -> Result<(Vec<u8>, u64), PatternError> {
        let timestamp = self.position;
        for (sample, at) in self.samples.iter_mut().zip(self.position..) {
            *sample = sine(at, self.config.frequency_hz);
        }
        let mut packet = vec![0; PACKET_LEN_MAX];
        let len =
            self.encoder.encode(&self.samples, PACKET_SAMPLES, &mut packet).map_err(PatternError::Tone)?;
        packet.truncate(len);
        self.position += u64::from(Self::PACKET_TICKS);
        Ok((packet, timestamp))
    }
}

impl fmt::Debug for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tone")
            .field("config", &self.config)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a sample needs no more than 24 bits"
)]
fn sine(at: u64, frequency_hz: u32) -> f32 {
    // The phase repeats every second, so that it stays exact however long the tone is.
    let at = at % u64::from(CLOCK_RATE) * u64::from(frequency_hz) % u64::from(CLOCK_RATE);
    (AMPLITUDE * (TAU * at as f64 / f64::from(CLOCK_RATE)).sin()) as f32
}

#[cfg(test)]
mod tests;
