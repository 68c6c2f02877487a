use super::Usage;
use super::groups::Variation;
use crate::units::{difference, float, float_signed};

/// Groups that the line is fitted through.
const WINDOW: usize = 20;
/// How much of the accumulated delay before a group stays in the smoothed one.
const SMOOTHING: f64 = 0.9;
/// Groups after which a slope counts in full.
const COUNTED_MAX: u32 = 60;
/// What a slope is multiplied with to be compared with a threshold in milliseconds.
const GAIN: f64 = 4.0;
/// Milliseconds of time sent for which the slope must stay too steep.
const OVERUSE_TIME_MS: f64 = 10.0;

const THRESHOLD_FIRST_MS: f64 = 12.5;
const THRESHOLD_MIN_MS: f64 = 6.0;
const THRESHOLD_MAX_MS: f64 = 600.0;
/// By which share of the distance the threshold follows, each millisecond: upwards slowly, or overuse would hide in it.
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// Slopes this far above the threshold are sudden, and leave it alone.
const THRESHOLD_OUTLIER_MS: f64 = 15.0;
/// The threshold moves for no longer than this at once.
const THRESHOLD_STEP_MAX_MS: f64 = 100.0;

/// Whether the delay of groups of packets grows: the slope of a line through the last of them, against a threshold that adapts
/// to what other traffic does (draft-ietf-rmcat-gcc-02 §5.3 and §5.4).
#[derive(Debug)]
pub(crate) struct Trendline {
    samples: [Sample; WINDOW],
    /// How many of them are filled, and the next to be filled.
    filled: usize,
    next: usize,
    first_at_us: Option<u64>,
    counted: u32,
    accumulated_ms: f64,
    smoothed_ms: f64,
    previous_trend: f64,
    threshold_ms: f64,
    last_at_ms: f64,
    /// Time sent while the slope was too steep, in milliseconds, and the groups in that time.
    steep: Option<(f64, u32)>,
    usage: Usage,
    modified_trend_ms: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    at_ms: f64,
    delay_ms: f64,
}

impl Trendline {
    pub(crate) fn new() -> Self {
        Self {
            samples: [Sample::default(); WINDOW],
            filled: 0,
            next: 0,
            first_at_us: None,
            counted: 0,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            previous_trend: 0.0,
            threshold_ms: THRESHOLD_FIRST_MS,
            last_at_ms: 0.0,
            steep: None,
            usage: Usage::Normal,
            modified_trend_ms: 0.0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The slope as it is compared, in milliseconds.
    pub(crate) fn trend_ms(&self) -> f64 {
        self.modified_trend_ms
    }

    /// What the slope is compared with, in milliseconds.
    pub(crate) fn threshold_ms(&self) -> f64 {
        self.threshold_ms
    }

    pub(crate) fn update(&mut self, variation: Variation) {
        let first_at = *self.first_at_us.get_or_insert(variation.at_us);
        let at_ms = float_signed(difference(variation.at_us, first_at)) / 1_000.0;
        self.accumulated_ms += float_signed(variation.arrived_us - variation.sent_us) / 1_000.0;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.accumulated_ms;
        self.samples[self.next] = Sample { at_ms, delay_ms: self.smoothed_ms };
        self.next = (self.next + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
        self.counted = (self.counted + 1).min(COUNTED_MAX);
        let trend = if self.filled == WINDOW {
            self.slope().unwrap_or(self.previous_trend)
        } else {
            self.previous_trend
        };
        self.judge(trend, float_signed(variation.sent_us) / 1_000.0, at_ms);
    }

    /// Least squares.
    fn slope(&self) -> Option<f64> {
        let count = float(WINDOW as u64);
        let (mut sum_at, mut sum_delay) = (0.0, 0.0);
        for sample in &self.samples {
            sum_at += sample.at_ms;
            sum_delay += sample.delay_ms;
        }
        let (mean_at, mean_delay) = (sum_at / count, sum_delay / count);
        let (mut covariance, mut variance) = (0.0, 0.0);
        for sample in &self.samples {
            let at = sample.at_ms - mean_at;
            covariance += at * (sample.delay_ms - mean_delay);
            variance += at * at;
        }
        (variance > 0.0).then(|| covariance / variance)
    }

    fn judge(&mut self, trend: f64, sent_ms: f64, at_ms: f64) {
        let modified = f64::from(self.counted) * trend * GAIN;
        self.modified_trend_ms = modified;
        if modified > self.threshold_ms {
            let (time, groups) = match self.steep {
                Some((time, groups)) => (time + sent_ms, groups + 1),
                // The slope may have passed the threshold at any moment of this group.
                None => (sent_ms / 2.0, 1),
            };
            self.steep = Some((time, groups));
            if time > OVERUSE_TIME_MS && groups > 1 && trend >= self.previous_trend {
                self.steep = Some((0.0, 0));
                self.usage = Usage::Overusing;
            }
        } else {
            self.steep = None;
            self.usage = if modified < -self.threshold_ms { Usage::Underusing } else { Usage::Normal };
        }
        self.previous_trend = trend;
        self.adapt(modified, at_ms);
    }

    fn adapt(&mut self, modified: f64, at_ms: f64) {
        let elapsed = (at_ms - self.last_at_ms).clamp(0.0, THRESHOLD_STEP_MAX_MS);
        self.last_at_ms = at_ms;
        let size = modified.abs();
        if size > self.threshold_ms + THRESHOLD_OUTLIER_MS {
            return;
        }
        let gain = if size < self.threshold_ms { THRESHOLD_DOWN } else { THRESHOLD_UP };
        let moved = self.threshold_ms + gain * (size - self.threshold_ms) * elapsed;
        self.threshold_ms = moved.clamp(THRESHOLD_MIN_MS, THRESHOLD_MAX_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups 20 ms apart, the delay of each of which is so much longer than that of the one before.
    fn run(trendline: &mut Trendline, began_us: &mut u64, groups: u32, growth_us: i64) {
        for _ in 0..groups {
            let arrived_us = 20_000 + growth_us;
            *began_us += u64::try_from(arrived_us).expect("time passes");
            trendline.update(Variation { sent_us: 20_000, arrived_us, at_us: *began_us });
        }
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.4
    #[test]
    fn delay_that_grows_is_overuse_and_delay_that_shrinks_underuse() {
        let (mut trendline, mut at) = (Trendline::new(), 0);
        run(&mut trendline, &mut at, 60, 0);
        assert_eq!(trendline.usage(), Usage::Normal);
        run(&mut trendline, &mut at, 20, 3_000);
        assert_eq!(trendline.usage(), Usage::Overusing);
        run(&mut trendline, &mut at, 40, -3_000);
        assert_eq!(trendline.usage(), Usage::Underusing);
        run(&mut trendline, &mut at, 60, 0);
        assert_eq!(trendline.usage(), Usage::Normal);
    }

    #[test]
    fn one_late_group_is_no_overuse() {
        let (mut trendline, mut at) = (Trendline::new(), 0);
        run(&mut trendline, &mut at, 60, 0);
        run(&mut trendline, &mut at, 1, 5_000);
        run(&mut trendline, &mut at, 1, -5_000);
        for _ in 0..30 {
            run(&mut trendline, &mut at, 1, 0);
            assert_ne!(trendline.usage(), Usage::Overusing);
        }
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.4
    #[test]
    fn the_threshold_falls_fast_to_its_least_and_rises_slowly() {
        let (mut trendline, mut at) = (Trendline::new(), 0);
        run(&mut trendline, &mut at, 60, 0);
        assert!((trendline.threshold_ms() - THRESHOLD_MIN_MS).abs() < 1e-9, "{}", trendline.threshold_ms());
        // A slope a little above it: the threshold follows, and by less than a hundredth of the distance each millisecond.
        let mut rising = Trendline::new();
        rising.threshold_ms = 10.0;
        rising.adapt(20.0, 10.0);
        let (up, mut falling) = (rising.threshold_ms - 10.0, Trendline::new());
        falling.threshold_ms = 20.0;
        falling.adapt(10.0, 10.0);
        let down = 20.0 - falling.threshold_ms;
        assert!((up - THRESHOLD_UP * 100.0).abs() < 1e-9, "{up}");
        assert!((down - THRESHOLD_DOWN * 100.0).abs() < 1e-9, "{down}");
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.4
    #[test]
    fn a_sudden_slope_leaves_the_threshold_alone() {
        let mut trendline = Trendline::new();
        trendline.adapt(THRESHOLD_FIRST_MS + THRESHOLD_OUTLIER_MS + 1.0, 50.0);
        assert!((trendline.threshold_ms() - THRESHOLD_FIRST_MS).abs() < 1e-9);
    }
}
