//! Randomness of a world: one number, and from it a stream of its own for everything that is left to chance.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::time::Duration;

/// A million: what a [`Chance`] of 1 is.
const MILLION: u32 = 1_000_000;

/// What a world is made from.
///
/// Every purpose has a generator of its own, derived from the seed and the purpose alone: one more draw for the jitter of one link
/// changes nothing about what another link loses, and a world stays comparable when code for another part of it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The generator for one purpose, and the `index`th of those that have it.
    pub fn random(self, purpose: &str, index: u64) -> Random {
        Random(ChaCha8Rng::from_seed(self.bytes(purpose, index)))
    }

    /// A seed for a machine that takes 32 bytes.
    pub fn bytes(self, purpose: &str, index: u64) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [self.0, fnv(purpose.as_bytes()), index];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        // The words are close together for neighbouring worlds; the generator makes 32 bytes of them that are not.
        let mut spread = [0; 32];
        ChaCha8Rng::from_seed(bytes).fill_bytes(&mut spread);
        spread
    }
}

/// FNV-1a: stable over versions of the toolchain, which the standard library's hasher does not promise to be.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Draws for one purpose.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index into something of this length; 0 if it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// Whether something happens that does by this chance.
    pub fn happens(&mut self, chance: Chance) -> bool {
        // Drawn in any case, so that what follows does not depend on the chance.
        let drawn = self.below(MILLION.into());
        drawn < u64::from(chance.0)
    }

    /// A time up to and including `longest`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.below(nanos.saturating_add(1)))
    }

    /// A time between these two, both included.
    pub fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        shortest + self.up_to(longest.saturating_sub(shortest))
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn choose<T: Clone>(&mut self, choices: &[T]) -> T {
        assert!(!choices.is_empty(), "one of nothing cannot be chosen");
        choices[self.index(choices.len())].clone()
    }

    /// 32 bytes: a seed for a machine.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// How likely something is, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(MILLION);

    /// So many of a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self::per_million(percent * (MILLION / 100))
    }

    /// So many of a million; more than that is always.
    pub const fn per_million(parts: u32) -> Self {
        Self(if parts > MILLION { MILLION } else { parts })
    }

    /// In millionths.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_for_one_purpose_changes_no_other() {
        let seed = Seed(7);
        let mut loss = seed.random("loss", 3);
        let first: Vec<_> = (0..4).map(|_| loss.number()).collect();

        let mut jitter = seed.random("jitter", 3);
        jitter.number();
        let mut again = seed.random("loss", 3);

        assert_eq!((0..4).map(|_| again.number()).collect::<Vec<_>>(), first);
        assert_ne!(seed.random("loss", 4).number(), first[0]);
        assert_ne!(Seed(8).random("loss", 3).number(), first[0]);
    }

    #[test]
    fn chances_and_bounds_are_kept() {
        let mut random = Seed(1).random("test", 0);
        let ten = Chance::percent(10);
        let happened = (0..10_000).filter(|_| random.happens(ten)).count();
        assert!((800..1_200).contains(&happened), "{happened}");
        assert!(!random.happens(Chance::NEVER));
        assert!(random.happens(Chance::ALWAYS));
        assert_eq!(random.below(0), 0);
        for _ in 0..1_000 {
            assert!(random.below(3) < 3);
            assert!(random.up_to(Duration::from_nanos(2)) <= Duration::from_nanos(2));
        }
    }
}
