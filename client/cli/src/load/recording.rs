//! What publishers send: encoded once, and played again and again by all of them.

use super::stamp::{STAMP_LEN, padded_opus};
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_native::{Codec, TrackSource, clock_rate};
use std::path::Path;
use std::time::Duration;

/// How long the test picture goes on before it begins anew, with a key frame.
const PICTURE_LENGTH: Duration = Duration::from_secs(10);
/// How much of a file is played.
const FILE_LENGTH_MAX: Duration = Duration::from_secs(60);
/// How long the test tone goes on before it begins anew.
const TONE_LENGTH: Duration = Duration::from_secs(1);
const FREQUENCY_HZ: u32 = 440;

/// Frames of a track, the first of which needs no other.
#[derive(Debug)]
pub(super) struct Recording {
    codec: Codec,
    frames: Vec<RecordedFrame>,
    length: Duration,
}

/// A frame, with room for a stamp at its end.
#[derive(Debug)]
pub(super) struct RecordedFrame {
    pub(super) data: Vec<u8>,
    /// When it is to be sent, from the beginning on.
    pub(super) at: Duration,
}

impl Recording {
    /// The generated picture.
    pub(super) fn picture(config: PictureConfig) -> anyhow::Result<Self> {
        Self::of(TrackSource::picture(config)?, PICTURE_LENGTH)
    }

    /// The generated tone.
    pub(super) fn tone() -> anyhow::Result<Self> {
        Self::of(TrackSource::tone(ToneConfig { frequency_hz: FREQUENCY_HZ })?, TONE_LENGTH)
    }

    /// The VP8 of a file.
    pub(super) fn file(path: &Path) -> anyhow::Result<Self> {
        let tracks = TrackSource::open(path)?;
        let video = tracks.into_iter().find(|track| track.codec() == Codec::Vp8);
        let Some(video) = video else {
            anyhow::bail!("{} has no VP8, which is what is forwarded", path.display())
        };
        Self::of(video, FILE_LENGTH_MAX)
    }

    fn of(mut source: TrackSource, length_max: Duration) -> anyhow::Result<Self> {
        let codec = source.codec();
        let (mut frames, mut begin) = (Vec::<RecordedFrame>::new(), None);
        let mut is_first_picture: Option<Vec<u8>> = None;
        let length = loop {
            let next = source.next_frame()?;
            // Nothing before a key frame can be decoded.
            if begin.is_none() && !next.frame.is_key_frame {
                if next.at > length_max {
                    anyhow::bail!("there is no key frame in it");
                }
                continue;
            }
            let at = next.at.saturating_sub(*begin.get_or_insert(next.at));
            // A file that begins anew gives its first frame again.
            let is_again = !frames.is_empty()
                && !codec.is_audio()
                && is_first_picture.as_deref() == Some(&next.frame.data);
            if at >= length_max || is_again {
                break at;
            }
            is_first_picture.get_or_insert_with(|| next.frame.data.to_vec());
            frames.push(RecordedFrame { data: with_room(codec, &next.frame.data), at });
        };
        Ok(Self { codec, frames, length })
    }

    pub(super) fn is_audio(&self) -> bool {
        self.codec.is_audio()
    }

    /// A frame, by its place.
    pub(super) fn frame(&self, index: usize) -> Option<&RecordedFrame> {
        self.frames.get(index)
    }

    /// How long it is until it begins anew.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// The reading of the media clock at a time.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what packets carry of the clock are its lower 32 bits"
    )]
    pub(super) fn ticks(&self, at: Duration) -> u32 {
        (at.as_nanos() * u128::from(clock_rate(self.codec)) / 1_000_000_000) as u32
    }

    /// Bits a second.
    pub(super) fn bitrate(&self) -> u64 {
        let bytes: usize = self.frames.iter().map(|frame| frame.data.len()).sum();
        (bytes as u128 * 8_000_000 / self.length.as_micros().max(1)).try_into().unwrap_or(u64::MAX)
    }
}

/// A frame with room for a stamp at its end: behind the last partition of VP8, which is as long as the rest of the frame (RFC 6386 §9.5), or in the
/// padding of Opus.
fn with_room(codec: Codec, data: &[u8]) -> Vec<u8> {
    if codec == Codec::Opus {
        return padded_opus(data).unwrap_or_else(|| data.to_vec());
    }
    let mut frame = data.to_vec();
    frame.extend_from_slice(&[0; STAMP_LEN]);
    frame
}

#[cfg(test)]
mod tests {
    use super::{PICTURE_LENGTH, Recording, STAMP_LEN};
    use moim_media_pattern::PictureConfig;
    use moim_wire::Bitrate;
    use std::time::Duration;

    #[test]
    fn a_picture_is_recorded_from_a_key_frame_on() {
        let config =
            PictureConfig { width: 320, height: 180, frame_rate: 10, bitrate: Bitrate::from_kbps(100) };

        let picture = Recording::picture(config).unwrap();

        assert_eq!(
            (picture.frames.len(), picture.length(), picture.is_audio()),
            (100, PICTURE_LENGTH, false)
        );
        // RFC 6386 §9.1: the lowest bit says that it refers to others.
        assert_eq!([0, 1].map(|index| picture.frame(index).unwrap().data[0] & 1), [0, 1]);
        assert_eq!(picture.ticks(Duration::from_millis(100)), 9_000);
        assert!(picture.bitrate() > 10_000);
    }

    #[test]
    fn a_tone_has_room_for_a_stamp() {
        let tone = Recording::tone().unwrap();

        assert_eq!((tone.frames.len(), tone.length(), tone.is_audio()), (50, Duration::from_secs(1), true));
        assert!(
            tone.frames.iter().all(|frame| frame.data.ends_with(&[0; STAMP_LEN]) && frame.data[0] & 3 == 3)
        );
    }
}
