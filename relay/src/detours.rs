use moim_turn::{FiveTuple, ShardId};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often what is not used is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DetourLimits {
    /// How many 5-tuples.
    pub(crate) len_max: usize,
    /// For how long one that is not used.
    pub(crate) idle_max: Duration,
}

impl DetourLimits {
    /// Those of clients. What is not passed on again starts over with the client's next request; what is not used is remembered for as
    /// long as an allocation that is not refreshed.
    pub(crate) const CLIENTS: Self = Self { len_max: 4096, idle_max: Duration::from_secs(10 * 60) };
}

/// Whose packets reach this shard, and are for another one: which holds the client's allocation, or whose tenant has the
/// connection.
///
/// The hash is keyed at random, so that clients cannot choose where they collide.
#[derive(Debug)]
pub(crate) struct Detours {
    shards: HashMap<FiveTuple, Detour>,
    limits: DetourLimits,
    next_sweep: Instant,
}

#[derive(Debug)]
struct Detour {
    shard: ShardId,
    used: Instant,
}

impl Detours {
    /// Knows nobody.
    pub(crate) fn new(limits: DetourLimits, now: Instant) -> Self {
        Self { shards: HashMap::new(), limits, next_sweep: now + SWEEP }
    }

    /// Which shard a client's packets are for.
    pub(crate) fn shard_of(&mut self, five_tuple: &FiveTuple, now: Instant) -> Option<ShardId> {
        if self.shards.is_empty() {
            return None;
        }
        let detour = self.shards.get_mut(five_tuple)?;
        detour.used = now;
        Some(detour.shard)
    }

    /// Remembers which shard a client's packets are for. `false`: there are too many already.
    pub(crate) fn remember(&mut self, five_tuple: FiveTuple, shard: ShardId, now: Instant) -> bool {
        let has_room = self.shards.len() < self.limits.len_max || self.shards.contains_key(&five_tuple);
        if has_room {
            self.shards.insert(five_tuple, Detour { shard, used: now });
        }
        has_room
    }

    /// Forgets a client, who is gone; which shard its packets were for.
    pub(crate) fn forget(&mut self, five_tuple: &FiveTuple) -> Option<ShardId> {
        self.shards.remove(five_tuple).map(|detour| detour.shard)
    }

    /// Forgets who has not been heard of.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if now >= self.next_sweep {
            let idle_max = self.limits.idle_max;
            self.shards.retain(|_, detour| now.saturating_duration_since(detour.used) < idle_max);
            self.next_sweep = now + SWEEP;
        }
    }

    /// When to forget.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.shards.is_empty()).then_some(self.next_sweep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::Transport;
    use std::net::SocketAddr;

    const LIMITS: DetourLimits = DetourLimits::CLIENTS;

    #[test]
    fn a_client_is_remembered_for_as_long_as_it_is_heard_of() {
        let start = Instant::now();
        let mut detours = Detours::new(LIMITS, start);
        assert_eq!(detours.poll_timeout(), None);
        assert!(detours.remember(client(1), ShardId(1), start));
        assert!(detours.remember(client(2), ShardId(2), start));

        let later = start + LIMITS.idle_max / 2;
        assert_eq!(detours.shard_of(&client(1), later), Some(ShardId(1)));
        assert!(detours.poll_timeout().is_some());
        detours.handle_timeout(start + LIMITS.idle_max);

        assert_eq!(detours.shard_of(&client(1), later), Some(ShardId(1)));
        assert_eq!(detours.shard_of(&client(2), later), None);
    }

    #[test]
    fn there_is_room_for_a_limited_number() {
        let start = Instant::now();
        let mut detours = Detours::new(LIMITS, start);
        for number in 0..LIMITS.len_max {
            assert!(detours.remember(client(number), ShardId(1), start));
        }

        assert!(!detours.remember(client(LIMITS.len_max), ShardId(1), start));
        assert!(detours.remember(client(0), ShardId(2), start), "one that is known is not one more");
        assert_eq!(detours.shard_of(&client(0), start), Some(ShardId(2)));
    }

    fn client(number: usize) -> FiveTuple {
        let port = u16::try_from(number + 1).unwrap();
        FiveTuple::new(
            Transport::Udp,
            SocketAddr::from(([192, 0, 2, 1], port)),
            "192.0.2.2:3478".parse().unwrap(),
        )
    }
}
