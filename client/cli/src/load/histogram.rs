//! How long packets took: counts by time, of bounded size and error.

use std::time::Duration;

/// Buckets for each doubling: the error is below one part of so many.
const PARTS_BITS: u32 = 6;
const PARTS: u64 = 1 << PARTS_BITS;
/// Whatever took longer counts as this: 18 minutes, in nanoseconds.
const NANOS_MAX_BITS: u32 = 40;
const NANOS_MAX: u64 = 1 << NANOS_MAX_BITS;
const BUCKETS: usize = ((NANOS_MAX_BITS - PARTS_BITS + 2) << PARTS_BITS) as usize;

/// Counts of times.
#[derive(Clone)]
pub(super) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0, max: 0 }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, nanos: u64) {
        let nanos = nanos.min(NANOS_MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many times were recorded.
    pub(super) fn len(&self) -> u64 {
        self.total
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// What this part of the times do not exceed, out of a thousand. [`None`]: nothing was recorded.
    pub(super) fn quantile(&self, permille: u64) -> Option<Duration> {
        let rank = (self.total * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(highest(found).min(self.max)))
    }
}

/// Where a time is counted: linear up to twice the number of parts, and from there in equal parts of each doubling.
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PARTS_BITS + 1);
    (u64::from(shift) * PARTS + (nanos >> shift)).try_into().unwrap_or(usize::MAX)
}

/// The longest time that a bucket counts.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    ((bucket - shift * PARTS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, NANOS_MAX, PARTS, bucket, highest};
    use std::time::Duration;

    #[test]
    fn every_time_has_a_bucket_that_is_close() {
        let times = (0..40).flat_map(|bits| [0, 1, 17].map(|more| (1_u64 << bits) + more)).chain([NANOS_MAX]);
        for nanos in times {
            let place = bucket(nanos);
            assert!(place < BUCKETS, "{nanos}");
            let highest = highest(place);
            assert!(highest >= nanos && highest - nanos <= nanos / PARTS, "{nanos}: {highest}");
        }
        for place in 1..BUCKETS {
            assert!(highest(place) > highest(place - 1));
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        for micros in 1..=1_000 {
            histogram.record(micros * 1_000);
        }
        let mut slow = Histogram::default();
        slow.record(u64::MAX);
        histogram.add(&slow);

        let close = |permille, micros: u64| {
            let found = histogram.quantile(permille).unwrap();
            let wanted = Duration::from_micros(micros);
            found >= wanted && found <= wanted + wanted / 50
        };
        assert!(close(500, 501) && close(990, 991));
        assert_eq!(histogram.quantile(1_000), Some(Duration::from_nanos(NANOS_MAX)));
        assert_eq!((histogram.len(), histogram.max()), (1_001, Duration::from_nanos(NANOS_MAX)));
    }
}
