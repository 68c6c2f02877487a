//! How long packets took: a histogram whose steps grow with its values, so that it is small and exact to 3 %.

/// Steps within each power of two.
const STEPS: u64 = 1 << STEPS_LOG2;
const STEPS_LOG2: u32 = 5;
const BINS: usize = (64 - STEPS_LOG2 as usize + 1) << STEPS_LOG2;

/// Latencies in nanoseconds.
pub(crate) struct Latencies {
    bins: Box<[u32; BINS]>,
    count: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self { bins: Box::new([0; BINS]), count: 0 }
    }

    pub(crate) fn record(&mut self, ns: u64) {
        self.bins[bin(ns)] += 1;
        self.count += 1;
    }

    /// What so many thousandths of all stay within, in nanoseconds; `None` of nothing.
    pub(crate) fn quantile(&self, thousandths: u64) -> Option<u64> {
        let rank = (self.count * thousandths).div_ceil(1_000).max(1);
        let mut seen = 0;
        let index = self.bins.iter().position(|&count| {
            seen += u64::from(count);
            seen >= rank
        })?;
        Some(ceiling(index))
    }
}

fn bin(ns: u64) -> usize {
    if ns < STEPS {
        return usize::try_from(ns).expect("less than the number of steps");
    }
    let shift = ns.ilog2() - STEPS_LOG2;
    let index = u64::from(shift + 1) * STEPS + (ns >> shift) - STEPS;
    usize::try_from(index).expect("less than the number of bins")
}

/// The largest value of a bin.
fn ceiling(index: usize) -> u64 {
    let index = u64::try_from(index).expect("a bin's number");
    if index < STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    let step = index % STEPS + STEPS;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{Latencies, bin, ceiling};

    #[test]
    fn every_value_is_in_a_bin_that_is_at_most_a_32nd_wide() {
        for ns in (0..2_000).chain([10_000, 123_456, 9_999_999, u64::MAX / 2]) {
            let top = ceiling(bin(ns));
            assert!(top >= ns && top - ns <= ns / 32 + 1, "{ns} in a bin up to {top}");
            assert_ne!(bin(top + 1), bin(ns));
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.quantile(500), None);
        (0..1_000).for_each(|ns| latencies.record(ns));
        let median = latencies.quantile(500).unwrap();
        assert!((499..=515).contains(&median), "{median}");
        assert!(latencies.quantile(990).unwrap() >= 989);
    }
}
