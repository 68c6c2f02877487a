//! What an encoding has sent lately: to be sent again when it is asked for.

use super::store::{PacketStore, Slot};
use moim_wire::{ExtSeqNo, SeqNo};
use std::time::{Duration, Instant};

/// Most packets that an encoding can be asked for again.
pub(super) const HISTORY_PACKETS_MAX: usize = 1_024;
/// For how long they can be.
pub(super) const HISTORY_AGE_MAX: Duration = Duration::from_millis(1_500);
const HISTORY_PACKETS_FIRST: usize = 64;
/// How many packets that are too old are given up when one is added: more than one, so that a history shrinks.
const GIVEN_UP_AT_ONCE: usize = 4;

/// A ring of packets by sequence number. It grows with the rate of the stream, up to its limit.
#[derive(Debug)]
pub(super) struct History {
    /// Most packets that it may keep: a power of two.
    len_max: usize,
    /// As many places as a power of two; a packet lies at its number modulo that.
    ring: Vec<Option<Kept>>,
    /// The oldest number that may be in it.
    oldest: ExtSeqNo,
    /// One above the newest.
    end: ExtSeqNo,
}

/// A packet that is kept, with what it takes to give it up without looking at it.
#[derive(Clone, Copy, Debug)]
struct Kept {
    seq: ExtSeqNo,
    slot: Slot,
    /// From when on it is too old.
    until: Instant,
}

impl Default for History {
    fn default() -> Self {
        Self {
            len_max: HISTORY_PACKETS_MAX,
            ring: Vec::new(),
            oldest: ExtSeqNo::default(),
            end: ExtSeqNo::default(),
        }
    }
}

impl History {
    /// Keeps fewer from now on than there are, or may keep more: what the store has room for is shared by all.
    pub(super) fn set_len_max(&mut self, len_max: usize, store: &mut PacketStore) {
        let len_max = len_max.clamp(HISTORY_PACKETS_FIRST, HISTORY_PACKETS_MAX);
        self.len_max = 1 << len_max.ilog2();
        if self.ring.len() > self.len_max {
            self.clear(store);
        }
    }

    /// Keeps a packet, and gives up what is too old or in its place.
    pub(super) fn insert(&mut self, seq: ExtSeqNo, slot: Slot, store: &mut PacketStore, now: Instant) {
        if self.ring.is_empty() {
            self.ring = vec![None; HISTORY_PACKETS_FIRST];
            (self.oldest, self.end) = (seq, seq);
        }
        self.give_up_old(store, now);
        if self.end.0 > seq.0 + self.ring.len() as u64 {
            return;
        }
        if seq.0 >= self.oldest.0 + self.ring.len() as u64 {
            self.make_room(seq, store);
        }
        let place = self.place(seq);
        if let Some(before) = self.ring[place].replace(Kept { seq, slot, until: now + HISTORY_AGE_MAX }) {
            store.release(before.slot);
        }
        store.keep(slot);
        self.oldest = self.oldest.min(seq);
        self.end = self.end.max(ExtSeqNo(seq.0 + 1));
    }

    /// The packet that had this number.
    pub(super) fn find(&self, seq: SeqNo) -> Option<Slot> {
        self.find_kept(seq).map(|kept| kept.slot)
    }

    /// The same, unless it is too old to be asked for: of a stream that pauses, all are still here that came before.
    pub(super) fn find_fresh(&self, seq: SeqNo, now: Instant) -> Option<Slot> {
        self.find_kept(seq).filter(|kept| now < kept.until).map(|kept| kept.slot)
    }

    /// The newest packet.
    pub(super) fn newest(&self) -> Option<Slot> {
        let seq = ExtSeqNo(self.end.0.checked_sub(1)?);
        (!self.ring.is_empty()).then(|| self.find(seq.seq()))?
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self, store: &mut PacketStore) {
        for kept in self.ring.drain(..).flatten() {
            store.release(kept.slot);
        }
    }

    fn give_up_old(&mut self, store: &mut PacketStore, now: Instant) {
        for _ in 0..GIVEN_UP_AT_ONCE {
            if self.oldest >= self.end {
                return;
            }
            let place = self.place(self.oldest);
            if let Some(kept) = self.ring[place].filter(|kept| kept.seq == self.oldest) {
                if now < kept.until {
                    return;
                }
                self.ring[place] = None;
                store.release(kept.slot);
            }
            self.oldest.0 += 1;
        }
    }

    /// Makes the ring longer, or gives up the oldest if it is as long as it may be.
    fn make_room(&mut self, seq: ExtSeqNo, store: &mut PacketStore) {
        let wanted = usize::try_from(seq.0 + 1 - self.oldest.0).unwrap_or(usize::MAX);
        let len = wanted.min(self.len_max).next_power_of_two();
        if len > self.ring.len() {
            let before = std::mem::replace(&mut self.ring, vec![None; len]);
            for kept in before.into_iter().flatten() {
                let place = self.place(kept.seq);
                self.ring[place] = Some(kept);
            }
        }
        let oldest = ExtSeqNo((seq.0 + 1).saturating_sub(self.ring.len() as u64));
        // A gap longer than the ring leaves nothing that is worth keeping, and is not walked.
        let end = oldest.min(self.end);
        let gone = end.0.saturating_sub(self.oldest.0).min(self.ring.len() as u64);
        for number in end.0 - gone..end.0 {
            let place = self.place(ExtSeqNo(number));
            if let Some(kept) = self.ring[place].filter(|kept| kept.seq < oldest) {
                self.ring[place] = None;
                store.release(kept.slot);
            }
        }
        self.oldest = self.oldest.max(oldest);
    }

    fn find_kept(&self, seq: SeqNo) -> Option<Kept> {
        if self.ring.is_empty() {
            return None;
        }
        let seq = self.end.extend(seq);
        self.ring[self.place(seq)].filter(|kept| kept.seq == seq)
    }

    #[expect(clippy::cast_possible_truncation, reason = "only the lower bits count")]
    fn place(&self, seq: ExtSeqNo) -> usize {
        seq.0 as usize & (self.ring.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]

    use super::*;

    struct Sent {
        history: History,
        store: PacketStore,
        now: Instant,
    }

    impl Sent {
        fn new() -> Self {
            Self { history: History::default(), store: PacketStore::new(10_000), now: Instant::now() }
        }

        fn send(&mut self, seq: u64) {
            let slot = self.store.take(super::super::store::Room::Packet).unwrap();
            self.store.get_mut(slot).seq = ExtSeqNo(seq);
            self.history.insert(ExtSeqNo(seq), slot, &mut self.store, self.now);
            self.store.release(slot);
        }

        fn has(&self, seq: u64) -> bool {
            let found = self.history.find(ExtSeqNo(seq).seq());
            found.is_some_and(|slot| self.store.get(slot).seq == ExtSeqNo(seq))
        }
    }

    #[test]
    fn it_grows_with_what_is_sent_up_to_its_limit() {
        let mut sent = Sent::new();
        let first = 65_000;
        for seq in first..first + 3_000 {
            sent.send(seq);
        }

        let limit = HISTORY_PACKETS_MAX as u64;
        assert!(
            sent.has(first + 2_999) && sent.has(first + 3_000 - limit) && !sent.has(first + 2_999 - limit)
        );
        assert_eq!(sent.store.len(), HISTORY_PACKETS_MAX);
        sent.history.clear(&mut sent.store);
        assert_eq!(sent.store.len(), 0);
    }

    #[test]
    fn what_is_old_is_given_up() {
        let mut sent = Sent::new();
        for seq in 100_000..100_050 {
            sent.send(seq);
        }
        sent.now += HISTORY_AGE_MAX;
        for seq in 100_050..100_070 {
            sent.send(seq);
        }

        assert!(!sent.has(100_000) && !sent.has(100_049) && sent.has(100_050));
        assert_eq!(sent.store.len(), 20);
    }

    #[test]
    fn gaps_and_packets_out_of_order_are_fine() {
        let mut sent = Sent::new();
        for seq in [70_000, 70_002, 70_001, 75_000, 75_001, 80_000, 79_999] {
            sent.send(seq);
        }

        assert!(sent.has(80_000) && sent.has(79_999) && !sent.has(70_001) && !sent.has(80_001));
        assert!(sent.store.len() <= 4);
        let newest = sent.history.newest().unwrap();
        assert_eq!(sent.store.get(newest).seq, ExtSeqNo(80_000));
    }
}
