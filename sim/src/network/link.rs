use super::DropReason;
use crate::random::{Chance, Random, Seed};
use std::time::{Duration, Instant};

/// Packets take the time of whole cells of so many bytes. ECDSA signatures, which nobody can have come out the same again, differ by two
/// bytes in length: so, that hardly ever makes a difference to when a handshake is through, and a world can be had again.
pub const CELL_LEN: usize = 128;

/// What a link does to packets, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// How long a packet takes at least, in addition to what its length takes at `rate`.
    pub delay: Duration,
    /// How much longer it takes at most. Packets stay in order.
    pub jitter: Duration,
    /// How likely a packet is lost.
    pub loss: Chance,
    /// How likely a packet is overtaken by later ones.
    pub reorder: Chance,
    /// By how much a packet is late that is overtaken.
    pub reorder_delay: Duration,
    /// How likely a packet arrives twice.
    pub duplicate: Chance,
    /// Bits per second. [`None`]: as many as one likes.
    pub rate: Option<u64>,
    /// How many bytes wait for their turn at most. Beyond it, packets are dropped.
    pub queue_bytes_max: usize,
    /// The longest packet, in bytes, IP header included. Longer ones are dropped.
    pub mtu: usize,
    /// Whether anything passes at all.
    pub is_up: bool,
}

impl Default for LinkConfig {
    /// A good cable: 1 ms, nothing else happens.
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_delay: Duration::from_millis(20),
            duplicate: Chance::NEVER,
            rate: None,
            queue_bytes_max: 256 * 1024,
            mtu: 1500,
            is_up: true,
        }
    }
}

impl LinkConfig {
    /// A link that takes this long and does nothing else.
    pub fn with_delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }
}

/// One direction of a cable or radio link: packets go in at one time and come out at another, or not at all.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    jitter: Random,
    loss: Random,
    reorder: Random,
    duplicate: Random,
    /// When the last packet has left the queue.
    busy_until: Option<Instant>,
    /// When the last packet arrives that keeps its place.
    last_arrival: Option<Instant>,
}

/// When a packet comes out of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrivals {
    pub(super) first: Instant,
    /// That of the copy, if there is one.
    pub(super) copy: Option<Instant>,
}

impl Link {
    /// The link of this number in a world.
    pub(super) fn new(config: LinkConfig, seed: Seed, index: u64) -> Self {
        Self {
            config,
            jitter: seed.random("link jitter", index),
            loss: seed.random("link loss", index),
            reorder: seed.random("link reordering", index),
            duplicate: seed.random("link duplication", index),
            busy_until: None,
            last_arrival: None,
        }
    }

    /// What it does to packets.
    pub fn config(&self) -> LinkConfig {
        self.config
    }

    /// From now on it is like this. What is on its way arrives as it would have.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// How long a packet that is sent now waits for those before it.
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.busy_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    pub(super) fn send(&mut self, len: usize, now: Instant) -> Result<Arrivals, DropReason> {
        // Every packet draws once from each generator, whatever becomes of it.
        let is_lost = self.loss.happens(self.config.loss);
        let jitter = self.jitter.up_to(self.config.jitter);
        let is_late = self.reorder.happens(self.config.reorder);
        let is_doubled = self.duplicate.happens(self.config.duplicate);
        if !self.config.is_up {
            return Err(DropReason::LinkDown);
        }
        if len > self.config.mtu {
            return Err(DropReason::TooLong);
        }
        let sent = self.enqueue(len, now)?;
        // A packet that is lost has taken its time on the link all the same.
        if is_lost {
            return Err(DropReason::Loss);
        }
        let mut first = sent + self.config.delay + jitter;
        if is_late {
            first += self.config.reorder_delay;
        } else {
            first = self.last_arrival.map_or(first, |last| last.max(first));
            self.last_arrival = Some(first);
        }
        Ok(Arrivals { first, copy: is_doubled.then(|| first + jitter) })
    }

    /// When the packet has left, behind those that wait.
    fn enqueue(&mut self, len: usize, now: Instant) -> Result<Instant, DropReason> {
        let Some(rate) = self.config.rate else { return Ok(now) };
        let queued = self.queue_delay(now);
        let queued_bits = queued.as_nanos() * u128::from(rate) / 1_000_000_000;
        let len_bits = len.next_multiple_of(CELL_LEN) as u128 * 8;
        if queued_bits + len_bits > self.config.queue_bytes_max as u128 * 8 {
            return Err(DropReason::QueueFull);
        }
        let nanos = len_bits * 1_000_000_000 / u128::from(rate.max(1));
        let sent = now + queued + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = Some(sent);
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(config: LinkConfig) -> (Link, Instant) {
        (Link::new(config, Seed(1), 0), Instant::now())
    }

    #[test]
    fn a_packet_takes_the_delay_and_its_turn() {
        // 1,280 bytes at 1.024 Mbit/s take 10 ms.
        let config = LinkConfig { rate: Some(1_024_000), queue_bytes_max: 3_000, ..LinkConfig::default() };
        let (mut link, now) = link(config);

        let arrivals: Vec<_> = (0..3).map(|_| link.send(1_280, now)).collect();

        let at = |ms| Ok(Arrivals { first: now + Duration::from_millis(ms), copy: None });
        assert_eq!(arrivals, [at(11), at(21), Err(DropReason::QueueFull)]);
        assert_eq!(link.queue_delay(now), Duration::from_millis(20));
        assert_eq!(link.send(1_280, now + Duration::from_millis(25)), at(36));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let millis = Duration::from_millis;
        let jittery = LinkConfig { jitter: millis(30), ..LinkConfig::default() };
        let (mut link, now) = link(jittery);
        let mut arrive = |count: u64| -> Vec<Instant> {
            (0..count).map(|n| link.send(100, now + millis(n)).unwrap().first).collect()
        };
        assert!(arrive(200).is_sorted());

        link.set_config(LinkConfig { reorder: Chance::percent(20), ..jittery });
        let arrivals: Vec<_> = (200..400).map(|n| link.send(100, now + millis(n)).unwrap().first).collect();
        assert!(!arrivals.is_sorted());
    }

    #[test]
    fn loss_copies_and_outages_are_as_likely_as_they_are_said_to_be() {
        let config =
            LinkConfig { loss: Chance::percent(20), duplicate: Chance::percent(10), ..LinkConfig::default() };
        let (mut link, now) = link(config);
        let outcomes: Vec<_> = (0..10_000).map(|_| link.send(100, now)).collect();

        let lost = outcomes.iter().filter(|outcome| **outcome == Err(DropReason::Loss)).count();
        let copied =
            outcomes.iter().filter(|outcome| outcome.is_ok_and(|arrivals| arrivals.copy.is_some())).count();
        assert!((1_800..2_200).contains(&lost), "{lost}");
        assert!((700..900).contains(&copied), "{copied}");

        link.set_config(LinkConfig { is_up: false, ..config });
        assert_eq!(link.send(100, now), Err(DropReason::LinkDown));
        link.set_config(LinkConfig { mtu: 99, ..config });
        assert_eq!(link.send(100, now), Err(DropReason::TooLong));
    }
}
