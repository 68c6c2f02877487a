//! Which stream an SSRC is: found in one step, however many there are.

use hashbrown::HashTable;
use moim_wire::Ssrc;

/// From SSRCs to whatever is known of them. Keyed: who sends chooses SSRCs, and must not be able to make them collide.
#[derive(Debug)]
pub(super) struct SsrcTable<T> {
    entries: HashTable<(Ssrc, T)>,
    key: (u64, u64),
}

impl<T: Copy> SsrcTable<T> {
    pub(super) fn new(seed: [u8; 16]) -> Self {
        let [low, high] = [0, 8].map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&seed[at..at + 8]);
            u64::from_le_bytes(bytes)
        });
        Self { entries: HashTable::new(), key: (low, high) }
    }

    pub(super) fn get(&self, ssrc: Ssrc) -> Option<T> {
        let found = self.entries.find(hash(self.key, ssrc), |(other, _)| *other == ssrc);
        found.map(|(_, value)| *value)
    }

    /// Adds or replaces.
    pub(super) fn insert(&mut self, ssrc: Ssrc, value: T) {
        let key = self.key;
        let entry =
            self.entries.entry(hash(key, ssrc), |(other, _)| *other == ssrc, |(other, _)| hash(key, *other));
        entry.insert((ssrc, value));
    }

    pub(super) fn remove(&mut self, ssrc: Ssrc) -> Option<T> {
        let found = self.entries.find_entry(hash(self.key, ssrc), |(other, _)| *other == ssrc).ok()?;
        Some(found.remove().0.1)
    }
}

/// A product whose halves are folded: for one number of 32 bits, under a key that nobody else knows, it spreads as well as hash functions
/// for long keys do, in a tenth of the time. The tables are small enough that even a search through all would do no harm.
#[expect(clippy::cast_possible_truncation, reason = "the lower half; the upper one follows")]
fn hash(key: (u64, u64), ssrc: Ssrc) -> u64 {
    let product = u128::from(key.0 ^ u64::from(ssrc.0)) * u128::from(key.1 | 1);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_is_told() {
        let mut table = SsrcTable::new([7; 16]);
        for number in 0..1000 {
            table.insert(Ssrc(number), number);
        }
        table.insert(Ssrc(5), 55);

        assert_eq!(table.entries.len(), 1000);
        assert_eq!(
            (table.get(Ssrc(5)), table.get(Ssrc(999)), table.get(Ssrc(1000))),
            (Some(55), Some(999), None)
        );
        assert_eq!(
            (table.remove(Ssrc(5)), table.remove(Ssrc(5)), table.get(Ssrc(5))),
            (Some(55), None, None)
        );
    }
}
