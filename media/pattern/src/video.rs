use crate::error::PatternError;
use crate::picture::Layout;
use crate::rate::RateControl;
use crate::vp8::{Encoder, Picture};
use moim_wire::Bitrate;

/// The least width, at which the frame's number has room.
const WIDTH_MIN: u16 = 128;
/// The least height, at which all parts of the picture have room.
const HEIGHT_MIN: u16 = 90;
/// The greatest width and height.
const SIDE_MAX: u16 = 4_096;
const FRAME_RATE_MAX: u32 = 120;
/// The clock of RTP timestamps of video (RFC 7741 §4.1).
const CLOCK_RATE: u64 = 90_000;

/// How the test picture is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureConfig {
    /// Its width in pixels: even, from 128 to 4,096.
    pub width: u16,
    /// Its height in pixels: even, from 90 to 4,096.
    pub height: u16,
    /// Frames a second: 1 to 120.
    pub frame_rate: u32,
    /// What to aim at. Very little and very much are not reached: the picture takes what its moving parts need, and noise has an end.
    pub bitrate: Bitrate,
}

/// A frame of the test picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPicture {
    /// A VP8 frame (RFC 6386 §9).
    pub data: Vec<u8>,
    /// Whether it can be decoded without others.
    pub is_key: bool,
    /// When it is to be shown, in 90,000ths of a second.
    pub timestamp: u64,
}

/// A test picture: a moving bar, patches of colour, noise, and the frame's number.
#[derive(Debug)]
pub struct VideoPattern {
    config: PictureConfig,
    layout: Layout,
    rate: RateControl,
    picture: Picture,
    encoder: Encoder,
    needs_key: bool,
    /// Where noise is drawn anew next, and how often it was.
    noise_next: usize,
    noise_drawn: u64,
}

impl VideoPattern {
    /// A picture of which nothing is encoded yet.
    pub fn new(config: PictureConfig) -> Result<Self, PatternError> {
        let PictureConfig { width, height, frame_rate, bitrate } = config;
        let is_possible = |side: u16, min: u16| side.is_multiple_of(2) && (min..=SIDE_MAX).contains(&side);
        if !is_possible(width, WIDTH_MIN) || !is_possible(height, HEIGHT_MIN) {
            let (min_width, min_height) = (WIDTH_MIN, HEIGHT_MIN);
            return Err(PatternError::Size { width, height, min_width, min_height, max: SIDE_MAX });
        }
        if !(1..=FRAME_RATE_MAX).contains(&frame_rate) {
            return Err(PatternError::FrameRate(frame_rate));
        }
        let encoder = Encoder::new(width, height);
        let layout = Layout::new(usize::from(width), usize::from(height));
        let mut pattern = Self {
            config,
            layout,
            rate: RateControl::new(bitrate, frame_rate),
            picture: encoder.blank(),
            encoder,
            needs_key: true,
            noise_next: 0,
            noise_drawn: 0,
        };
        pattern.layout.draw_still(&mut pattern.picture);
        Ok(pattern)
    }

    /// How it is.
    pub fn config(&self) -> &PictureConfig {
        &self.config
    }

    /// Aims at another bitrate from the next frame on.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) {
        if bitrate != self.config.bitrate {
            self.config.bitrate = bitrate;
            self.rate.set(bitrate, self.config.frame_rate);
        }
    }

    /// The next frame will be a key frame, as the first one is.
    pub fn request_key_frame(&mut self) {
        self.needs_key = true;
    }

    /// The next frame, which shows `number`. Numbers count frames, and so time: frame 0 is at 0. Leaving some out is as if
    /// they had been lost before they were made.
    pub fn encode(&mut self, number: u64) -> EncodedPicture {
        let is_key = std::mem::take(&mut self.needs_key);
        let plan = self.rate.plan(self.layout.noise_count());
        if is_key {
            // Old noise would make a key frame large, and there is more in the frames to come.
            self.layout.draw_still(&mut self.picture);
        }
        self.layout.draw_moving(&mut self.picture, number);
        for _ in 0..plan.noise_count {
            self.layout.draw_noise(&mut self.picture, self.noise_next, self.noise_drawn);
            self.noise_next = (self.noise_next + 1) % self.layout.noise_count();
            self.noise_drawn += 1;
        }
        let noise_row = self.layout.noise_row();
        let report = self.encoder.encode(&self.picture, is_key, plan.quantizer, |_, row| row >= noise_row);
        self.rate.sent(report.frame.len() * 8, (plan.noise_count, report.watched_bits), is_key);
        let timestamp = number.saturating_mul(CLOCK_RATE) / u64::from(self.config.frame_rate);
        EncodedPicture { data: report.frame, is_key, timestamp }
    }
}

#[cfg(test)]
mod tests;
