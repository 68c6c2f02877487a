use super::dice::Dice;
use moim_wire::Bitrate;
use std::time::Duration;

/// Frames each second.
pub const FRAMES_PER_SECOND: u32 = 30;
/// How much of the difference to a new rate an encoder makes up with each frame.
const FOLLOWS: f64 = 0.3;
/// Frames differ in size by up to this share.
const NOISE: f64 = 0.2;
/// Each so many frames one is a key frame of this many times the size, and the next ones make up for it.
const KEY_FRAME_EVERY: u32 = 300;
const KEY_FRAME_SIZE: f64 = 4.0;
const KEY_FRAME_PAID_BY: f64 = 0.9;
/// The largest packet.
const PACKET_SIZE_MAX: u32 = 1_200;
const PACKET_SIZE_MIN: u32 = 100;

/// A simulated encoder: frames of varying size at about the rate that it is told, with a delay.
#[derive(Debug)]
pub struct Encoder {
    dice: Dice,
    bps: f64,
    frames: u32,
    next_frame: Duration,
    /// Bits that key frames took beyond their share.
    owed: f64,
}

impl Encoder {
    /// An encoder that begins with this rate.
    pub fn new(start: Bitrate, first_frame: Duration, seed: u64) -> Self {
        Self { dice: Dice::new(seed), bps: bps(start), frames: 0, next_frame: first_frame, owed: 0.0 }
    }

    /// The frame that is ready now: the sizes of its packets. `rate`: what it is to follow.
    pub fn poll(&mut self, rate: Bitrate, now: Duration) -> Option<impl Iterator<Item = u32> + use<>> {
        if now < self.next_frame {
            return None;
        }
        self.next_frame += Duration::from_secs(1) / FRAMES_PER_SECOND;
        self.bps += (bps(rate) - self.bps) * FOLLOWS;
        let share = self.bps / f64::from(FRAMES_PER_SECOND);
        let key = self.frames.is_multiple_of(KEY_FRAME_EVERY) && self.frames > 0;
        self.frames += 1;
        let bits = if key {
            self.owed += share * (KEY_FRAME_SIZE - 1.0);
            share * KEY_FRAME_SIZE
        } else {
            let paid = self.owed.min(share * (1.0 - KEY_FRAME_PAID_BY));
            self.owed -= paid;
            share * self.dice.between(1.0 - NOISE, 1.0 + NOISE) - paid
        };
        Some(packets(bits))
    }
}

/// Equal packets.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a frame is far below 4 GB")]
fn packets(bits: f64) -> impl Iterator<Item = u32> + use<> {
    let bytes = ((bits / 8.0) as u32).max(PACKET_SIZE_MIN);
    let count = bytes.div_ceil(PACKET_SIZE_MAX);
    std::iter::repeat_n(bytes.div_ceil(count), count as usize)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn bps(rate: Bitrate) -> f64 {
    rate.as_bps() as f64
}
