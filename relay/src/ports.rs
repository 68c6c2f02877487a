use moim_turn::Shards;
use std::ops::RangeInclusive;

/// The ports of one relayed IP address that belong to this shard, and which of them are taken.
///
/// Even and odd neighbours belong to one shard ([`Shards::of_port`]), so that each pair is two neighbouring bits.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Half of the lowest pair's even port.
    first_pair: u32,
    /// From one pair of this shard to the next.
    stride: u32,
    taken: Vec<u64>,
    /// How many bits of `taken` stand for ports.
    len: u32,
}

/// What a port must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    /// Any.
    Any,
    /// An even one.
    Even,
    /// An even one, with the next one free as well.
    EvenWithNext,
}

/// The bits of even ports.
const EVEN: u64 = 0x5555_5555_5555_5555;

impl Ports {
    /// This shard's part of a range. It may be none at all.
    pub(crate) fn new(range: &RangeInclusive<u16>, shards: Shards) -> Self {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        let (count, own) = (u32::from(shards.count()), u32::from(shards.own().0));
        let lowest = first / 2;
        let first_pair = lowest + (own + count - lowest % count) % count;
        let pairs =
            if range.is_empty() || first_pair > last / 2 { 0 } else { (last / 2 - first_pair) / count + 1 };
        let len = pairs * 2;
        let mut ports =
            Self { first_pair, stride: count, taken: vec![0; len.div_ceil(u64::BITS) as usize], len };
        // The range may begin with an odd port or end with an even one; the last word may have bits too many.
        for bit in (0..2.min(len)).chain(len.saturating_sub(2)..len) {
            if !range.contains(&ports.port(bit)) {
                ports.set(bit, true);
            }
        }
        let used = len % u64::BITS;
        if let Some(word) = ports.taken.last_mut().filter(|_| used > 0) {
            *word |= u64::MAX << used;
        }
        ports
    }

    /// Takes a port: the first that is free and of this kind from a random one on. [`None`]: there is none.
    pub(crate) fn take(&mut self, kind: PortKind, random: u64) -> Option<u16> {
        let bit = self.find(kind, random)?;
        self.set(bit, true);
        Some(self.port(bit))
    }

    /// Takes this very port. `false`: it is another shard's, or taken.
    pub(crate) fn take_exactly(&mut self, port: u16) -> bool {
        match self.bit(port) {
            Some(bit) if !self.is_taken(bit) => {
                self.set(bit, true);
                true
            }
            _ => false,
        }
    }

    /// Gives a port back.
    pub(crate) fn give_back(&mut self, port: u16) {
        if let Some(bit) = self.bit(port) {
            debug_assert!(self.is_taken(bit), "a port is given back once");
            self.set(bit, false);
        }
    }

    fn find(&self, kind: PortKind, random: u64) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let words = u32::try_from(self.taken.len()).ok()?;
        let start = u32::try_from(random % u64::from(self.len)).ok()?;
        // The word of the start comes twice: its upper part first, all of it at last.
        let from_start = u64::MAX << (start % u64::BITS);
        let visits = (0..=words).map(|step| {
            let word = (start / u64::BITS + step) % words;
            (word, if step == 0 { from_start } else { u64::MAX })
        });
        visits
            .map(|(word, mask)| (word, free(self.taken[word as usize], kind) & mask))
            .find(|(_, candidates)| *candidates != 0)
            .map(|(word, candidates)| word * u64::BITS + candidates.trailing_zeros())
    }

    fn port(&self, bit: u32) -> u16 {
        let port = (self.first_pair + bit / 2 * self.stride) * 2 + bit % 2;
        u16::try_from(port).expect("the last pair is within the range, which is one of ports")
    }

    fn bit(&self, port: u16) -> Option<u32> {
        let pair = (u32::from(port) / 2).checked_sub(self.first_pair)?;
        let bit = pair / self.stride * 2 + u32::from(port) % 2;
        (pair % self.stride == 0 && bit < self.len).then_some(bit)
    }

    fn is_taken(&self, bit: u32) -> bool {
        self.taken[(bit / u64::BITS) as usize] & (1 << (bit % u64::BITS)) != 0
    }

    fn set(&mut self, bit: u32, is_taken: bool) {
        let word = &mut self.taken[(bit / u64::BITS) as usize];
        let mask = 1 << (bit % u64::BITS);
        *word = if is_taken { *word | mask } else { *word & !mask };
    }
}

/// The bits of a word that stand for free ports of a kind.
fn free(taken: u64, kind: PortKind) -> u64 {
    match kind {
        PortKind::Any => !taken,
        PortKind::Even => !taken & EVEN,
        PortKind::EvenWithNext => !taken & (!taken >> 1) & EVEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::ShardId;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn shards_share_a_range_without_overlap() {
        let range = 49_153..=49_252;
        let mut all = BTreeSet::new();
        for own in 0..3 {
            let shards = Shards::new(3, ShardId(own)).unwrap();
            let mut ports = Ports::new(&range, shards);
            let mut random = 0;
            while let Some(port) = ports.take(PortKind::Any, random) {
                assert_eq!(shards.of_port(port), shards.own());
                assert!(all.insert(port), "{port} twice");
                random += 7;
            }
        }
        assert_eq!(all.into_iter().collect::<Vec<_>>(), range.collect::<Vec<_>>());
    }

    /// Covers: RFC 8656 §7.2
    #[test]
    fn an_even_port_with_the_next_leaves_both_to_one_client() {
        let mut ports = Ports::new(&(5_000..=5_005), Shards::ONE);
        assert!(ports.take_exactly(5_003));

        let mut pairs: Vec<_> = std::iter::from_fn(|| {
            let port = ports.take(PortKind::EvenWithNext, 1)?;
            assert!(ports.take_exactly(port + 1));
            Some(port)
        })
        .collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [5_000, 5_004]);
        assert_eq!(ports.take(PortKind::Even, 9), Some(5_002));
        assert_eq!(ports.take(PortKind::Any, 3), None);
        ports.give_back(5_003);
        assert_eq!(ports.take(PortKind::Even, 0), None);
        assert_eq!(ports.take(PortKind::Any, 3), Some(5_003));
    }

    #[test]
    fn a_shard_may_have_no_port_at_all() {
        for range in [5_000..=5_001, RangeInclusive::new(5_001, 5_000)] {
            let mut ports = Ports::new(&range, Shards::new(9, ShardId(1)).unwrap());

            assert_eq!(ports.take(PortKind::Any, 0), None);
            assert!(!ports.take_exactly(5_000));
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_free_before_and_of_the_kind_asked_for(
            first in any::<u16>(),
            len in 0..300_u16,
            count in 1..5_u16,
            asked in prop::collection::vec((0..3_u8, any::<u64>()), 1..200),
        ) {
            let range = first..=first.saturating_add(len);
            let shards = Shards::new(count, ShardId(count - 1)).unwrap();
            let mut ports = Ports::new(&range, shards);
            let mut free: BTreeSet<u16> =
                range.filter(|port| shards.of_port(*port) == shards.own()).collect();
            for (kind, random) in asked {
                let kind = [PortKind::Any, PortKind::Even, PortKind::EvenWithNext][usize::from(kind)];
                let fits = |port: &u16| match kind {
                    PortKind::Any => true,
                    PortKind::Even => port.is_multiple_of(2),
                    PortKind::EvenWithNext => port.is_multiple_of(2) && free.contains(&(port + 1)),
                };
                let is_possible = free.iter().any(fits);
                let taken = ports.take(kind, random);
                prop_assert_eq!(taken.is_some(), is_possible);
                if let Some(port) = taken {
                    prop_assert!(fits(&port));
                    prop_assert!(free.remove(&port));
                }
            }
        }
    }
}
