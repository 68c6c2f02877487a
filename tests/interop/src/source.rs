//! What is sent: the test picture and tone, when they are due.

use anyhow::Result;
use moim_media_pattern::{PictureConfig, Tone, ToneConfig, VideoPattern};
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

const FRAME_RATE: u32 = 20;
const PACKET_TIME: Duration = Duration::from_millis(20);

/// A frame to be sent, and its time in ticks of the codec's clock.
pub(crate) enum Due {
    Video(Vec<u8>, u64),
    Audio(Vec<u8>, u64),
}

/// Picture and tone, as of a moment they began.
pub(crate) struct Source {
    picture: VideoPattern,
    tone: Tone,
    began: Instant,
    frames: u64,
    packets: u32,
}

impl Source {
    pub(crate) fn new(now: Instant) -> Result<Self> {
        let config = PictureConfig {
            width: 320,
            height: 240,
            frame_rate: FRAME_RATE,
            bitrate: Bitrate::from_kbps(300),
        };
        Ok(Self {
            picture: VideoPattern::new(config)?,
            tone: Tone::new(ToneConfig { frequency_hz: 440 })?,
            began: now,
            frames: 0,
            packets: 0,
        })
    }

    pub(crate) fn request_key_frame(&mut self) {
        self.picture.request_key_frame();
    }

    /// When there will be something.
    pub(crate) fn next_at(&self) -> Instant {
        self.video_at().min(self.audio_at())
    }

    pub(crate) fn next(&mut self, now: Instant) -> Result<Option<Due>> {
        if self.audio_at() <= now {
            self.packets += 1;
            let (data, timestamp) = self.tone.encode()?;
            return Ok(Some(Due::Audio(data, timestamp)));
        }
        if self.video_at() <= now {
            let frame = self.picture.encode(self.frames);
            self.frames += 1;
            return Ok(Some(Due::Video(frame.data, frame.timestamp)));
        }
        Ok(None)
    }

    fn video_at(&self) -> Instant {
        self.began + Duration::from_millis(self.frames * 1_000 / u64::from(FRAME_RATE))
    }

    fn audio_at(&self) -> Instant {
        self.began + PACKET_TIME * self.packets
    }
}
