//! Key frames are asked for once, however many want one, and again until one comes.

use std::time::{Duration, Instant};

/// A publisher is asked for a key frame of an encoding no more often than this.
pub const KEY_FRAME_INTERVAL_MIN: Duration = Duration::from_millis(500);
/// While none comes, intervals double up to this.
pub const KEY_FRAME_INTERVAL_MAX: Duration = Duration::from_secs(4);
/// What a subscriber asks for within so long of its last request is part of the same request.
pub const SUBSCRIBER_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// A subscriber that asks again and again is heard at intervals that double up to this.
pub const SUBSCRIBER_INTERVAL_MAX: Duration = Duration::from_secs(16);

/// Requests for key frames of one encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrames {
    asked_at: Option<Instant>,
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    due: Instant,
    interval: Duration,
}

impl KeyFrames {
    /// Somebody wants one.
    pub(crate) fn want(&mut self, now: Instant) {
        if self.pending.is_none() {
            let due = self.asked_at.map_or(now, |asked| now.max(asked + KEY_FRAME_INTERVAL_MIN));
            self.pending = Some(Pending { due, interval: KEY_FRAME_INTERVAL_MIN });
        }
    }

    /// One has come.
    pub(crate) fn on_key_frame(&mut self) {
        self.pending = None;
    }

    /// Nobody wants one any more.
    pub(crate) fn forget(&mut self) {
        self.pending = None;
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending.map(|pending| pending.due)
    }

    /// Whether the publisher is to be asked now.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let Some(pending) = &mut self.pending else { return false };
        if pending.due > now {
            return false;
        }
        pending.due = now + pending.interval;
        pending.interval = (pending.interval * 2).min(KEY_FRAME_INTERVAL_MAX);
        self.asked_at = Some(now);
        true
    }
}

/// How often one subscriber is heard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    heard: Option<(Instant, Duration)>,
}

impl Share {
    /// Whether a request counts.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let Some((at, interval)) = self.heard else {
            self.heard = Some((now, SUBSCRIBER_INTERVAL_MIN));
            return true;
        };
        let since = now.saturating_duration_since(at);
        if since < interval {
            return false;
        }
        let next = if since < 4 * interval { interval * 2 } else { SUBSCRIBER_INTERVAL_MIN };
        self.heard = Some((now, next.min(SUBSCRIBER_INTERVAL_MAX)));
        true
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
mod tests {
    use super::*;

    fn asked(frames: &mut KeyFrames, begun: Instant, until_ms: u64) -> Vec<u64> {
        (0..until_ms).filter(|ms| frames.take_due(begun + Duration::from_millis(*ms))).collect()
    }

    /// Covers: RFC 4585 §6.3.1
    #[test]
    fn one_request_is_made_for_all_and_repeated_at_growing_intervals() {
        let begun = Instant::now();
        let mut frames = KeyFrames::default();
        for _ in 0..100 {
            frames.want(begun);
        }

        assert_eq!(asked(&mut frames, begun, 16_000), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500]);
    }

    #[test]
    fn it_ends_with_the_key_frame_and_the_next_one_waits() {
        let begun = Instant::now();
        let mut frames = KeyFrames::default();
        frames.want(begun);
        assert!(frames.take_due(begun));
        frames.on_key_frame();
        assert_eq!(asked(&mut frames, begun, 5_000), []);

        frames.want(begun + Duration::from_millis(100));
        assert_eq!(asked(&mut frames, begun, 501), [500]);
    }

    #[test]
    fn who_asks_all_the_time_is_heard_less_and_less() {
        let begun = Instant::now();
        let mut share = Share::default();
        let heard: Vec<_> = (0..40_000).filter(|ms| share.take(begun + Duration::from_millis(*ms))).collect();

        assert_eq!(heard, [0, 1_000, 3_000, 7_000, 15_000, 31_000]);
        assert!(share.take(begun + Duration::from_secs(120)), "and as before once it was quiet");
    }
}
