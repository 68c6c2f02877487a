use crate::units::float;

/// The first measurement takes this long, later ones less.
const WINDOW_FIRST_US: u64 = 500_000;
const WINDOW_US: u64 = 150_000;
/// How unsure a sample is, relative to how far it is from the estimate. Little was sent: less sure.
const UNCERTAINTY: f64 = 10.0;
const UNCERTAINTY_LIMITED: f64 = 20.0;
/// Windows without any packet after which the next begins at the packet that ends the silence.
const SILENCE_WINDOWS: u64 = 10;

/// What a change that is known of adds to the variance.
const CHANGED: f64 = 200.0;

/// At what rate packets arrive, by the far end's clock: a Bayesian estimate over short windows.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    bytes: u64,
    window_began_us: Option<u64>,
    last_arrival_us: u64,
    estimate_kbps: Option<f64>,
    variance: f64,
    recent_kbps: Option<f64>,
}

impl Throughput {
    /// A packet arrived. `limited`: the application had little to send at the time, so that it says little about the path.
    pub(crate) fn packet(&mut self, arrival_us: u64, size: u32, limited: bool) {
        let window = if self.estimate_kbps.is_some() { WINDOW_US } else { WINDOW_FIRST_US };
        let began = *self.window_began_us.get_or_insert(arrival_us);
        if arrival_us < self.last_arrival_us.saturating_sub(window)
            || arrival_us < began.saturating_sub(window)
        {
            // The far end's clock was set back, or lies.
            self.window_began_us = Some(arrival_us);
            self.bytes = 0;
        }
        self.last_arrival_us = arrival_us.max(began);
        let elapsed = arrival_us.saturating_sub(began);
        if elapsed >= window {
            if elapsed < window * SILENCE_WINDOWS {
                self.sample(float(self.bytes) * 8_000.0 / float(elapsed), limited);
            }
            self.window_began_us = Some(arrival_us);
            self.bytes = 0;
        }
        self.bytes += u64::from(size);
    }

    /// Packets before the one that arrived then are not known of: the time that they took does not count.
    pub(crate) fn skip_to(&mut self, arrival_us: u64) {
        if let Some(began) = &mut self.window_began_us {
            *began += arrival_us.saturating_sub(self.last_arrival_us);
        }
    }

    /// Bits a second. [`None`] until half a second was seen.
    pub(crate) fn bps(&self) -> Option<f64> {
        self.estimate_kbps.map(|kbps| kbps * 1_000.0)
    }

    /// Bits a second in the last window alone: noisy, but there at once when a link becomes slower.
    pub(crate) fn recent_bps(&self) -> Option<f64> {
        self.recent_kbps.map(|kbps| kbps * 1_000.0)
    }

    /// More is sent from now on, so that what was seen tells less.
    pub(crate) fn expect_change(&mut self) {
        self.variance += CHANGED;
    }

    fn sample(&mut self, kbps: f64, limited: bool) {
        self.recent_kbps = Some(kbps);
        let Some(estimate) = self.estimate_kbps else {
            self.estimate_kbps = Some(kbps);
            self.variance = 50.0;
            return;
        };
        let scale = if limited && kbps < estimate { UNCERTAINTY_LIMITED } else { UNCERTAINTY };
        let deviation = scale * (estimate - kbps).abs() / estimate.max(1.0);
        let sample_variance = deviation * deviation;
        // What is known gets older, and so less sure, from window to window.
        let before = self.variance + 5.0;
        self.estimate_kbps = Some((sample_variance * estimate + before * kbps) / (sample_variance + before));
        self.variance = sample_variance * before / (sample_variance + before);
    }
}
