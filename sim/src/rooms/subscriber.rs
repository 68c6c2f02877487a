//! A subscriber as the model knows it: what it watches, what its slots have got, and what waits for it.

use super::Broken;
use super::receiver::{Fetched, Receiver};
use super::tellings::SlotTold;
use crate::random::Random;
use moim_sfu::{PacketCopy, SubscriberId, Watch};
use moim_wire::{Bitrate, MediaKind};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What waits for a slow subscriber, at most: what a connection queues.
const WAITING_MAX: usize = 1_024;
/// Packets that can be asked for again.
const REMEMBERED_MAX: usize = 512;

/// Somebody who is there.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) id: SubscriberId,
    /// By publisher.
    pub(super) watches: BTreeMap<usize, Watch>,
    pub(super) slots: Vec<SlotModel>,
    pub(super) grows: bool,
    pub(super) target: Bitrate,
    /// Since when it wants what it wants, and its network carries what it does.
    pub(super) wishes_since: Instant,
    pub(super) delay: Duration,
    waiting: VecDeque<(Instant, Copy)>,
    remembered: VecDeque<Copy>,
    pub(super) random: Random,
    /// The same for each run in which it gets the same.
    pub(super) digest: u64,
}

/// A slot.
#[derive(Debug)]
pub(super) struct SlotModel {
    pub(super) kind: MediaKind,
    pub(super) told: SlotTold,
    pub(super) receiver: Receiver,
}

/// A packet that may be fetched, or fetched again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) copy: PacketCopy,
    pub(super) fetched: Fetched,
}

impl Subscriber {
    pub(super) fn new(id: SubscriberId, grows: bool, random: Random, now: Instant) -> Self {
        Self {
            id,
            watches: BTreeMap::new(),
            slots: Vec::new(),
            grows,
            target: Bitrate::MAX,
            wishes_since: now,
            delay: Duration::ZERO,
            waiting: VecDeque::new(),
            remembered: VecDeque::new(),
            random,
            digest: 0,
        }
    }

    pub(super) fn add_slots(&mut self, (audio, video): (u16, u16), now: Instant) {
        let kinds = std::iter::repeat_n(MediaKind::Audio, usize::from(audio))
            .chain(std::iter::repeat_n(MediaKind::Video, usize::from(video)));
        self.slots.extend(kinds.map(|kind| SlotModel {
            kind,
            told: SlotTold::new(now),
            receiver: Receiver::new(kind),
        }));
    }

    /// How many slots it has for sound and for pictures.
    pub(super) fn slot_counts(&self) -> (u16, u16) {
        let of = |kind| self.slots.iter().filter(|slot| slot.kind == kind).count();
        let count = |kind| u16::try_from(of(kind)).unwrap_or(u16::MAX);
        (count(MediaKind::Audio), count(MediaKind::Video))
    }

    pub(super) fn queue(&mut self, copy: PacketCopy, fetched: Fetched, now: Instant) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((now + self.delay, Copy { copy, fetched }));
    }

    /// What leaves by now.
    pub(super) fn leaving(&mut self, now: Instant) -> Option<Copy> {
        let (at, _) = self.waiting.front()?;
        if *at > now {
            return None;
        }
        let (_, copy) = self.waiting.pop_front()?;
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(copy);
        Some(copy)
    }

    /// Something that left before, to be sent again.
    pub(super) fn any_again(&mut self) -> Option<Copy> {
        let index = self.random.index(self.remembered.len());
        self.remembered.get(index).copied()
    }

    /// Something is a part of what it got.
    pub(super) fn note(&mut self, words: &[u64]) {
        for word in words {
            self.digest = (self.digest ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
        }
    }

    pub(super) fn settle_all(
        &mut self,
        archive: &super::archive::Archive,
        is_end: bool,
    ) -> Result<(), Broken> {
        self.slots.iter_mut().try_for_each(|slot| slot.receiver.settle(archive, is_end))
    }
}
