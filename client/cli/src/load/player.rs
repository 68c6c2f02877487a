//! One encoding of a track as a publisher sends it.

use super::recording::Recording;
use super::stamp::{STAMP_LEN, Stamp};
use moim_peer::rtp::payload::{Packetizer, PayloadFormat};
use moim_wire::RtpTimestamp;
use std::sync::Arc;
use std::time::Duration;

/// The longest payload: with headers, extensions and protection it stays below 1,200 bytes, which every path carries.
const PAYLOAD_LEN_MAX: usize = 1_120;
/// The least time between two key frames that were asked for: several may ask at once, and one answers all.
const KEY_FRAME_INTERVAL_MIN: Duration = Duration::from_millis(300);

/// Plays a recording, on and on.
#[derive(Debug)]
pub(super) struct Player {
    recording: Arc<Recording>,
    /// The frame that is next, and when the round that it is of began.
    next: usize,
    round: Duration,
    packetizer: Packetizer,
    /// Where the media clock of packets begins (RFC 3550 §5.1: it should be random).
    offset: RtpTimestamp,
    last_key: Option<Duration>,
    wants_key: bool,
    frame: Vec<u8>,
    payload: Vec<u8>,
}

/// A packet of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) payload: &'a [u8],
    pub(super) marker: bool,
    pub(super) timestamp: RtpTimestamp,
}

impl Player {
    /// Begins with the first frame. `first`: where its numbers and times begin.
    pub(super) fn new(recording: Arc<Recording>, first: (u32, u16)) -> Self {
        let format = if recording.is_audio() { PayloadFormat::Opus } else { PayloadFormat::Vp8 };
        let (offset, picture_id) = first;
        Self {
            recording,
            next: 0,
            round: Duration::ZERO,
            packetizer: Packetizer::new(format, picture_id & 0x7FFF),
            offset: RtpTimestamp(offset),
            last_key: None,
            wants_key: false,
            frame: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// When the next frame is due, from the publisher's beginning on.
    pub(super) fn due(&self) -> Duration {
        self.round + self.recording.frame(self.next).map_or(Duration::ZERO, |frame| frame.at)
    }

    /// The next frame is to be one that needs no other.
    pub(super) fn request_key_frame(&mut self) {
        self.wants_key = true;
    }

    /// Passes over the next frame, since nobody wants it. What comes later begins anew.
    pub(super) fn skip(&mut self) {
        self.advance();
        self.wants_key = true;
        self.last_key = None;
    }

    /// Gives out the packets of the next frame, stamped.
    pub(super) fn play(&mut self, stamp: Stamp, mut send: impl FnMut(Piece<'_>)) {
        let due = self.due();
        let is_recent = self.last_key.is_some_and(|last| due.saturating_sub(last) < KEY_FRAME_INTERVAL_MIN);
        if self.wants_key && !is_recent {
            // A round begins with a key frame.
            (self.next, self.round) = (0, due);
        }
        if self.next == 0 {
            (self.wants_key, self.last_key) = (false, Some(due));
        }
        let Self { recording, packetizer, frame, payload, .. } = self;
        let Some(recorded) = recording.frame(self.next) else { return };
        frame.clear();
        frame.extend_from_slice(&recorded.data);
        if let Some(place) = frame.last_chunk_mut::<STAMP_LEN>() {
            *place = stamp.to_bytes();
        }
        let ticks = recording.ticks(due);
        let timestamp = RtpTimestamp(self.offset.0.wrapping_add(ticks));
        let is_audio = recording.is_audio();
        // What was encoded here always has packets.
        let _ = packetizer.packetize(frame, PAYLOAD_LEN_MAX, |fragment| {
            payload.clear();
            for piece in fragment.pieces() {
                payload.extend_from_slice(piece);
            }
            send(Piece { payload, marker: fragment.is_last() && !is_audio, timestamp });
        });
        self.advance();
    }

    fn advance(&mut self) {
        self.next += 1;
        if self.recording.frame(self.next).is_none() {
            self.next = 0;
            self.round += self.recording.length();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEY_FRAME_INTERVAL_MIN, Piece, Player, Recording, Stamp};
    use moim_media_pattern::PictureConfig;
    use moim_peer::rtp::payload::{PayloadFormat, is_key_frame};
    use moim_wire::Bitrate;
    use std::sync::Arc;
    use std::time::Duration;

    fn player() -> Player {
        let bitrate = Bitrate::from_kbps(400);
        let config = PictureConfig { width: 320, height: 180, frame_rate: 10, bitrate };
        Player::new(Arc::new(Recording::picture(config).unwrap()), (0, 0))
    }

    /// Whether the next frame is a key frame, and its stamp.
    fn next(player: &mut Player) -> (bool, Option<Stamp>, u32) {
        let at = u64::try_from(player.due().as_nanos()).unwrap();
        let (mut is_key, mut stamp, mut time) = (false, None, 0);
        player.play(Stamp { room: 1, publisher: 2, at }, |Piece { payload, marker, timestamp }| {
            is_key |= is_key_frame(PayloadFormat::Vp8, payload);
            if marker {
                stamp = Stamp::of(payload);
            }
            time = timestamp.0;
        });
        (is_key, stamp, time)
    }

    #[test]
    fn frames_are_stamped_and_go_on_when_the_recording_begins_anew() {
        let mut player = player();
        for number in 0..250_u32 {
            let due = Duration::from_millis(100) * number;
            assert_eq!(player.due(), due);

            let (is_key, stamp, time) = next(&mut player);

            assert_eq!((is_key, time), (number % 100 == 0, number * 9_000), "{number}");
            let at = u64::try_from(due.as_nanos()).unwrap();
            assert_eq!(stamp, Some(Stamp { room: 1, publisher: 2, at }));
        }
    }

    #[test]
    fn a_key_frame_comes_when_it_is_asked_for_and_not_at_any_rate() {
        let mut player = player();
        let keys: Vec<_> = (0..10)
            .map(|_| {
                player.request_key_frame();
                next(&mut player).0
            })
            .collect();

        let every = usize::try_from(KEY_FRAME_INTERVAL_MIN.as_millis() / 100).unwrap();
        assert!(keys.iter().enumerate().all(|(index, is_key)| *is_key == (index % every == 0)), "{keys:?}");

        player.skip();
        assert!(next(&mut player).0, "what was left out is referred to by what follows");
    }
}
