/// How much of the estimate stays when a new measurement comes.
const KEPT: f64 = 0.95;
/// The deviation, normalised by the rate in kbit/s, is kept between these.
const DEVIATION_MIN: f64 = 0.4;
const DEVIATION_MAX: f64 = 2.5;

/// What the bottleneck let through when it was full, and how much that varied (draft-ietf-rmcat-gcc-02 §5.5).
///
/// While the estimate is there, the rate is near what the link carries, and is raised with care.
#[derive(Debug)]
pub(crate) struct LinkCapacity {
    estimate_kbps: Option<f64>,
    deviation: f64,
    /// Measurements in a row that agreed.
    agreed: u32,
}

/// Measurements agree within this share.
const AGREES: f64 = 0.04;

impl LinkCapacity {
    pub(crate) fn new() -> Self {
        Self { estimate_kbps: None, deviation: DEVIATION_MIN, agreed: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.estimate_kbps = None;
        self.agreed = 0;
    }

    /// Whether so many measurements in a row agreed: nobody else takes a part of the link, which would vary.
    pub(crate) fn has_agreed(&self, times: u32) -> bool {
        self.agreed >= times
    }

    /// What went through when the link was overused, in bits a second.
    pub(crate) fn measured(&mut self, acknowledged_bps: f64) {
        let sample = acknowledged_bps / 1_000.0;
        let agrees = self.estimate_kbps.is_some_and(|old| (sample - old).abs() <= old * AGREES);
        self.agreed = if agrees { self.agreed + 1 } else { 0 };
        let estimate = self.estimate_kbps.map_or(sample, |old| KEPT * old + (1.0 - KEPT) * sample);
        let error = estimate - sample;
        let deviation = error * error / estimate.max(1.0);
        self.deviation =
            (KEPT * self.deviation + (1.0 - KEPT) * deviation).clamp(DEVIATION_MIN, DEVIATION_MAX);
        self.estimate_kbps = Some(estimate);
    }

    pub(crate) fn estimate_bps(&self) -> Option<f64> {
        self.estimate_kbps.map(|kbps| kbps * 1_000.0)
    }

    /// More than this does not go through, three deviations above the estimate.
    pub(crate) fn upper_bps(&self) -> Option<f64> {
        self.estimate_kbps.map(|kbps| (kbps + 3.0 * self.spread(kbps)) * 1_000.0)
    }

    /// Less than this means that the link has become a different one.
    pub(crate) fn lower_bps(&self) -> Option<f64> {
        self.estimate_kbps.map(|kbps| (kbps - 3.0 * self.spread(kbps)).max(0.0) * 1_000.0)
    }

    fn spread(&self, kbps: f64) -> f64 {
        (self.deviation * kbps).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: draft-ietf-rmcat-gcc-02 §5.5
    #[test]
    fn the_estimate_follows_slowly_within_three_deviations() {
        let mut capacity = LinkCapacity::new();
        assert_eq!(capacity.estimate_bps(), None);
        capacity.measured(1_000_000.0);
        capacity.measured(1_100_000.0);
        let (lower, estimate, upper) = (capacity.lower_bps(), capacity.estimate_bps(), capacity.upper_bps());
        assert!(estimate.is_some_and(|bps| (bps - 1_005_000.0).abs() < 1.0), "{estimate:?}");
        assert!(lower < estimate && estimate < upper);
        capacity.reset();
        assert_eq!(capacity.estimate_bps(), None);
    }

    #[test]
    fn measurements_agree_until_one_does_not() {
        let mut capacity = LinkCapacity::new();
        for bps in [1_000_000.0, 1_010_000.0, 990_000.0] {
            capacity.measured(bps);
        }
        assert!(capacity.has_agreed(2) && !capacity.has_agreed(3));
        capacity.measured(800_000.0);
        assert!(!capacity.has_agreed(1));
    }
}
