use moim_wire::RtpTimestamp;
use std::time::{Duration, Instant};

/// The steps in which lateness is counted.
const BUCKET_US: i64 = 5_000;
/// Lateness up to two seconds is told apart.
const BUCKETS: usize = 400;
/// The share of frames that the delay is to cover.
const QUANTILE: f32 = 0.97;
/// What is left of old observations with each new one, once there are many: half after 138.
const FORGETTING: f32 = 0.995;
/// How long the quickest packet is remembered, at least; at most twice as long.
const WINDOW: Duration = Duration::from_secs(5);
/// A timestamp that is so far from where the clock should be has nothing to do with it.
const RESET_US: i64 = 10_000_000;

/// When what is due: where the sender's media clock stands on ours, and how late packets come.
#[derive(Debug)]
pub(super) struct PlayoutClock {
    clock_rate: i64,
    delay_min: Duration,
    delay_max: Duration,
    /// The bounds that the sender asks for.
    asked: Option<(Duration, Duration)>,
    reference: Option<Reference>,
    histogram: Box<[f32; BUCKETS]>,
    observations: f32,
    target: Duration,
}

/// A moment, and what the media clock showed then if packets took no time.
#[derive(Clone, Copy, Debug)]
struct Reference {
    at: Instant,
    /// Microseconds of media time from the reference to the newest timestamp, which near ones are told from.
    newest: (RtpTimestamp, i64),
    /// The quickest way in this window of time and in the one before, in microseconds relative to the reference.
    quickest: [i64; 2],
    window_start: Instant,
}

impl PlayoutClock {
    pub(super) fn new(clock_rate: u32, delay_min: Duration, delay_max: Duration) -> Self {
        Self {
            clock_rate: i64::from(clock_rate.max(1)),
            delay_min: delay_min.min(delay_max),
            delay_max,
            asked: None,
            reference: None,
            histogram: Box::new([0.0; BUCKETS]),
            observations: 0.0,
            target: delay_min.min(delay_max),
        }
    }

    /// The sender asks for bounds of its own.
    pub(super) fn ask(&mut self, bounds: (Duration, Duration)) {
        self.asked = Some(bounds);
        self.update_target();
    }

    /// The sender's clock has nothing to do with what it was. How late packets come is the network's doing and stays.
    pub(super) fn restart(&mut self) {
        self.reference = None;
    }

    pub(super) fn target(&self) -> Duration {
        self.target
    }

    /// A packet with this timestamp came. `is_measured` if its frame was whole with it, so that the frame's lateness counts.
    pub(super) fn observe(&mut self, timestamp: RtpTimestamp, is_measured: bool, now: Instant) {
        let clock_rate = self.clock_rate;
        let fresh = Reference { at: now, newest: (timestamp, 0), quickest: [0, i64::MAX], window_start: now };
        let reference = self.reference.get_or_insert(fresh);
        let media = reference.media_us(timestamp, clock_rate);
        let way = signed_us(now, reference.at) - media;
        if (way - reference.base()).abs() > RESET_US {
            *reference = fresh;
            return;
        }
        if timestamp.distance_from(reference.newest.0) > 0 {
            reference.newest = (timestamp, media);
        }
        if now.saturating_duration_since(reference.window_start) > WINDOW {
            reference.quickest = [way, reference.quickest[0]];
            reference.window_start = now;
        }
        reference.quickest[0] = reference.quickest[0].min(way);
        let lateness = way - reference.base();
        if is_measured {
            self.count(lateness);
            self.update_target();
        }
    }

    /// When a frame with this timestamp is due, wherever it is.
    pub(super) fn due(&self, timestamp: RtpTimestamp) -> Option<Instant> {
        let reference = self.reference?;
        let us = reference.media_us(timestamp, self.clock_rate) + reference.base();
        let offset = Duration::from_micros(us.unsigned_abs());
        let quickest =
            if us < 0 { reference.at.checked_sub(offset) } else { reference.at.checked_add(offset) };
        quickest?.checked_add(self.target)
    }

    fn count(&mut self, lateness_us: i64) {
        // The first observations weigh the same; later, old ones fade.
        let keep = FORGETTING.min(self.observations / (self.observations + 1.0));
        self.observations += 1.0;
        for weight in self.histogram.iter_mut() {
            *weight *= keep;
        }
        let bucket = usize::try_from(lateness_us / BUCKET_US).unwrap_or(0).min(BUCKETS - 1);
        self.histogram[bucket] += 1.0 - keep;
    }

    fn update_target(&mut self) {
        let mut covered = 0.0;
        let bucket = self.histogram.iter().position(|weight| {
            covered += weight;
            covered >= QUANTILE
        });
        let needed = match bucket {
            Some(0) | None => Duration::ZERO,
            Some(bucket) => Duration::from_micros((bucket as u64 + 1) * BUCKET_US.unsigned_abs()),
        };
        let (min, max) = self.asked.unwrap_or((self.delay_min, self.delay_max));
        self.target = needed.max(min).min(max).min(self.delay_max);
    }
}

impl Reference {
    fn base(&self) -> i64 {
        self.quickest[0].min(self.quickest[1])
    }

    /// Microseconds of media time from the reference to a timestamp near the newest.
    fn media_us(&self, timestamp: RtpTimestamp, clock_rate: i64) -> i64 {
        let ticks = i64::from(timestamp.distance_from(self.newest.0));
        self.newest.1 + ticks * 1_000_000 / clock_rate
    }
}

fn signed_us(now: Instant, then: Instant) -> i64 {
    let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4);
    us(now.saturating_duration_since(then)) - us(then.saturating_duration_since(now))
}
