//! What a publisher writes at the end of a frame, for those who get it to know whose it is and how long it took.
//!
//! It lies where nobody looks who decodes the frame: behind the last partition of VP8, in the padding of Opus. No server that forwards changes it.

use std::time::{Duration, Instant};

/// What a stamp begins with.
const MAGIC: [u8; 4] = *b"moim";
/// How long a stamp is, in bytes: its beginning, a room, a publisher, a time.
pub(super) const STAMP_LEN: usize = 20;

/// Who sent a frame, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) room: u32,
    pub(super) publisher: u32,
    /// In nanoseconds since the clock began.
    pub(super) at: u64,
}

/// The clock of stamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(super) fn nanos(self, at: Instant) -> u64 {
        at.saturating_duration_since(self.0).as_nanos().try_into().unwrap_or(u64::MAX)
    }
}

impl Stamp {
    pub(super) fn to_bytes(self) -> [u8; STAMP_LEN] {
        let mut bytes = [0; STAMP_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.room.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[12..].copy_from_slice(&self.at.to_be_bytes());
        bytes
    }

    /// The stamp at the end of a payload, if it has one.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let [m, o, i, n, rest @ ..] = payload.last_chunk::<STAMP_LEN>()?;
        let (room, rest) = rest.split_first_chunk()?;
        let (publisher, at) = rest.split_first_chunk()?;
        let stamp = Self {
            room: u32::from_be_bytes(*room),
            publisher: u32::from_be_bytes(*publisher),
            at: u64::from_be_bytes(at.try_into().ok()?),
        };
        ([*m, *o, *i, *n] == MAGIC).then_some(stamp)
    }

    /// How long it took until `now`, in nanoseconds of the same clock.
    pub(super) fn age(self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.at))
    }
}

/// Room for a stamp in a packet of Opus: padding, which decoders pass over (RFC 6716 §3.2.5). [`None`]: the packet is not one of a single frame.
pub(super) fn padded_opus(packet: &[u8]) -> Option<Vec<u8>> {
    /// The code of packets that hold one frame, and of those that say how many they hold.
    const ONE_FRAME: u8 = 0;
    const ANY_NUMBER: u8 = 3;
    /// One frame, and padding.
    const COUNT: u8 = 0b0100_0001;
    let (toc, frame) = packet.split_first()?;
    if toc & 3 != ONE_FRAME {
        return None;
    }
    let padding = u8::try_from(STAMP_LEN).ok()?;
    let mut padded = vec![toc | ANY_NUMBER, COUNT, padding];
    padded.extend_from_slice(frame);
    padded.extend_from_slice(&[0; STAMP_LEN]);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::{STAMP_LEN, Stamp, padded_opus};
    use std::time::Duration;

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_nothing_else_is_one() {
        let stamp = Stamp { room: 7, publisher: 2, at: 1_000 };
        let mut payload = vec![1, 2, 3];
        payload.extend_from_slice(&stamp.to_bytes());

        assert_eq!(Stamp::of(&payload), Some(stamp));
        assert_eq!(stamp.age(1_500), Duration::from_nanos(500));
        payload.pop();
        assert_eq!(Stamp::of(&payload), None);
        assert_eq!(Stamp::of(&[0; STAMP_LEN - 1]), None);
    }

    /// Covers: RFC 6716 §3.2.5
    #[test]
    fn a_packet_of_opus_is_padded_by_as_much_as_a_stamp_takes() {
        let padded = padded_opus(&[0xF8, 1, 2, 3]).unwrap();

        assert_eq!(padded[..6], [0xFB, 0x41, 20, 1, 2, 3]);
        assert_eq!(padded.len(), 6 + STAMP_LEN);
        assert_eq!(padded_opus(&[0xF9, 1, 2]), None, "it holds two frames");
        assert_eq!(padded_opus(&[]), None);
    }
}
