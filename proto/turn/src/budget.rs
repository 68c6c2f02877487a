//! How much may be sent to a part of the internet before anybody there has proved to be who they say.
//!
//! Whoever forges a source address has the server answer somebody else. Each answer is hardly larger than its request, and
//! the sum of them per network is bounded here, in memory that does not grow however many networks there are.

use siphasher::sip::SipHasher13;
use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Networks are told apart by these many leading bits.
const IPV4_PREFIX_LEN: u32 = 24;
const IPV6_PREFIX_LEN: u32 = 48;

/// A network has one place in each row. One that is innocent is refused only if it shares both with networks that are not.
const ROWS: usize = 2;
/// Places in a row; a power of two. Both rows take 64 KiB.
const PLACES: usize = 4096;

/// What may be sent to one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes a second, on average.
    pub bytes_per_second: u32,
    /// Bytes at once, after a time of silence.
    pub burst_bytes: u32,
}

impl Default for Rate {
    /// About 500 challenges a second, and 2,000 at once: a large company behind one address at nine o'clock.
    fn default() -> Self {
        Self { bytes_per_second: 50_000, burst_bytes: 200_000 }
    }
}

/// Bounds what is sent to each IPv4 /24 and IPv6 /48, in a fixed amount of memory.
pub struct Budget {
    rate: Rate,
    origin: Instant,
    keys: (u64, u64),
    /// For each place, row after row, the time when all it has sent will be paid for, in nanoseconds since `origin`.
    paid_at: Box<[u64]>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Budget {
    /// A budget from which nothing is spent yet. The seed keeps strangers from choosing who shares a place.
    pub fn new(rate: Rate, seed: [u8; 16], now: Instant) -> Self {
        let bits = u128::from_be_bytes(seed);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the seed")]
        let keys = ((bits >> 64) as u64, bits as u64);
        Self { rate, origin: now, keys, paid_at: vec![0; ROWS * PLACES].into_boxed_slice() }
    }

    /// Changes the rate from now on.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// Spends `bytes` on an answer to `ip`. `false`: its network has had its share, nothing is to be sent.
    #[must_use]
    pub fn spend(&mut self, ip: IpAddr, bytes: usize, now: Instant) -> bool {
        let now = nanos(now.saturating_duration_since(self.origin));
        let cost = self.time_for(bytes);
        let burst = self.time_for(self.rate.burst_bytes as usize);
        let mut is_spent = false;
        for place in self.places(ip) {
            let paid_at = &mut self.paid_at[place];
            let after = (*paid_at).max(now).saturating_add(cost);
            if after - now <= burst {
                *paid_at = after;
                is_spent = true;
            }
        }
        is_spent
    }

    /// How long it takes until so many bytes are paid for, in nanoseconds.
    fn time_for(&self, bytes: usize) -> u64 {
        let rate = u64::from(self.rate.bytes_per_second.max(1));
        (bytes as u64).saturating_mul(1_000_000_000) / rate
    }

    /// The place of a network in each row.
    fn places(&self, ip: IpAddr) -> [usize; ROWS] {
        let network = match ip.to_canonical() {
            IpAddr::V4(ip) => u128::from(ip.to_bits() >> (32 - IPV4_PREFIX_LEN)),
            // Below 2^48 and not below 2^24 but for reserved addresses: no network of IPv4.
            IpAddr::V6(ip) => ip.to_bits() >> (128 - IPV6_PREFIX_LEN),
        };
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        hasher.write_u128(network);
        let hash = hasher.finish();
        #[expect(clippy::cast_possible_truncation, reason = "only the lowest bits count")]
        [hash as usize % PLACES, PLACES + (hash >> 32) as usize % PLACES]
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const RATE: Rate = Rate { bytes_per_second: 1_000, burst_bytes: 500 };

    #[test]
    fn a_network_gets_a_burst_and_then_the_rate() {
        let (mut budget, start) = budget();

        for _ in 0..5 {
            assert!(budget.spend(ip("192.0.2.1"), 100, start));
        }
        assert!(!budget.spend(ip("192.0.2.200"), 100, start), "the neighbour is of the same network");
        assert!(budget.spend(ip("192.0.3.1"), 100, start), "another network has its own");

        let later = start + Duration::from_millis(100);
        assert!(budget.spend(ip("192.0.2.1"), 100, later));
        assert!(!budget.spend(ip("192.0.2.1"), 1, later));
    }

    #[test]
    fn a_long_silence_saves_no_more_than_a_burst() {
        let (mut budget, start) = budget();
        let later = start + Duration::from_secs(1 << 30);

        assert!(budget.spend(ip("192.0.2.1"), 500, later));
        assert!(!budget.spend(ip("192.0.2.1"), 1, later));
    }

    #[test]
    fn what_is_larger_than_a_burst_is_never_sent() {
        let (mut budget, start) = budget();

        assert!(!budget.spend(ip("192.0.2.1"), 501, start));
        assert!(!budget.spend(ip("192.0.2.1"), usize::MAX, start));
    }

    #[test]
    fn ipv6_networks_are_told_apart_by_48_bits() {
        let (mut budget, start) = budget();

        assert!(budget.spend(ip("2001:db8:1::1"), 500, start));
        assert!(!budget.spend(ip("2001:db8:1:ffff::1"), 100, start));
        assert!(budget.spend(ip("2001:db8:2::1"), 500, start));
    }

    #[test]
    fn an_ipv4_address_is_itself_in_its_ipv6_form() {
        let (mut budget, start) = budget();

        assert!(budget.spend(ip("192.0.2.1"), 500, start));
        assert!(!budget.spend(ip("::ffff:192.0.2.1"), 1, start));
    }

    #[test]
    fn few_innocents_suffer_from_hundreds_of_networks_in_flood() {
        let (mut budget, start) = budget();
        for network in 0..400_u32 {
            let ip = IpAddr::V4(Ipv4Addr::from_bits(network << 8));
            while budget.spend(ip, 100, start) {}
        }

        let innocents =
            (0..1_000_u128).map(|network| IpAddr::V6(Ipv6Addr::from_bits((0x2001 << 112) | (network << 80))));
        let refused = innocents.filter(|ip| !budget.spend(*ip, 1, start)).count();

        // A tenth of the places of each row is taken: a hundredth of the innocents finds both taken.
        assert!(refused < 50, "{refused} of 1000");
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn budget() -> (Budget, Instant) {
        let start = Instant::now();
        (Budget::new(RATE, [7; 16], start), start)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
