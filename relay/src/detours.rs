use moim_turn::{FiveTuple, ShardId};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many 5-tuples are remembered. What is not passed on again starts over with the client's next request.
const DETOURS_MAX: usize = 4096;

/// How long a 5-tuple is remembered that is not used: as long as an allocation that is not refreshed.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);

/// How often what is not used is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Clients whose packets reach this shard, and whose allocation another one holds.
///
/// The hash is keyed at random, so that clients cannot choose where they collide.
#[derive(Debug)]
pub(crate) struct Detours {
    shards: HashMap<FiveTuple, Detour>,
    next_sweep: Instant,
}

#[derive(Debug)]
struct Detour {
    shard: ShardId,
    used: Instant,
}

impl Detours {
    /// Knows nobody.
    pub(crate) fn new(now: Instant) -> Self {
        Self { shards: HashMap::new(), next_sweep: now + SWEEP }
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
        let has_room = self.shards.len() < DETOURS_MAX || self.shards.contains_key(&five_tuple);
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
            self.shards.retain(|_, detour| now.saturating_duration_since(detour.used) < IDLE_MAX);
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

    #[test]
    fn a_client_is_remembered_for_as_long_as_it_is_heard_of() {
        let start = Instant::now();
        let mut detours = Detours::new(start);
        assert_eq!(detours.poll_timeout(), None);
        assert!(detours.remember(client(1), ShardId(1), start));
        assert!(detours.remember(client(2), ShardId(2), start));

        let later = start + IDLE_MAX / 2;
        assert_eq!(detours.shard_of(&client(1), later), Some(ShardId(1)));
        assert!(detours.poll_timeout().is_some());
        detours.handle_timeout(start + IDLE_MAX);

        assert_eq!(detours.shard_of(&client(1), later), Some(ShardId(1)));
        assert_eq!(detours.shard_of(&client(2), later), None);
    }

    #[test]
    fn there_is_room_for_a_limited_number() {
        let start = Instant::now();
        let mut detours = Detours::new(start);
        for number in 0..DETOURS_MAX {
            assert!(detours.remember(client(number), ShardId(1), start));
        }

        assert!(!detours.remember(client(DETOURS_MAX), ShardId(1), start));
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
