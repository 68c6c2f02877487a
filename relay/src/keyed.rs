//! Things with keys that are not used twice, so that what is said late about one is not taken for another.

use slab::Slab;

/// A key of a [`Keyed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

/// How many bits of a key's number are its index.
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

impl Key {
    /// The key as a number of 56 bits.
    pub(crate) fn to_bits(self) -> u64 {
        (u64::from(self.generation) << INDEX_BITS) | u64::from(self.index)
    }

    /// The key that was made a number by [`Self::to_bits`]. Any number makes a key; most are of nothing.
    #[expect(clippy::cast_possible_truncation, reason = "the bits that do not fit are masked or shifted out")]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: (bits & INDEX_MASK) as u32, generation: (bits >> INDEX_BITS) as u32 }
    }
}

/// Things by their keys.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    slots: Slab<(u32, T)>,
    next_generation: u32,
}

impl<T> Keyed<T> {
    /// Most that there can be at a time.
    pub(crate) const LEN_MAX: usize = 1 << INDEX_BITS;

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds something. Whoever adds minds the limit, which is [`Self::LEN_MAX`] at most.
    pub(crate) fn insert(&mut self, thing: T) -> Key {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let index = self.slots.insert((generation, thing));
        debug_assert!(index < Self::LEN_MAX, "the limit is minded");
        Key { index: u32::try_from(index).expect("there are fewer than 2^24"), generation }
    }

    /// What has this key.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let (generation, thing) = self.slots.get(key.index as usize)?;
        (*generation == key.generation).then_some(thing)
    }

    /// What has this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (generation, thing) = self.slots.get_mut(key.index as usize)?;
        (*generation == key.generation).then_some(thing)
    }

    /// Takes out what has this key.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slots.remove(key.index as usize).1)
    }
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { slots: Slab::new(), next_generation: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_used_twice() {
        let mut keyed = Keyed::default();
        let first = keyed.insert("first");
        assert_eq!(keyed.remove(first), Some("first"));

        let second = keyed.insert("second");

        assert_eq!(second.index, first.index);
        assert_eq!(keyed.get(first), None);
        assert_eq!(keyed.remove(first), None);
        assert_eq!(keyed.get_mut(second), Some(&mut "second"));
        assert_eq!(keyed.len(), 1);
    }

    #[test]
    fn keys_survive_being_numbers() {
        for (index, generation) in [(0, 0), (1, 2), ((1 << INDEX_BITS) - 1, u32::MAX)] {
            let key = Key { index, generation };
            assert_eq!(Key::from_bits(key.to_bits()), key);
            assert!(key.to_bits() >> 56 == 0);
        }
    }
}
