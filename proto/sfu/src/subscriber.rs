//! Whom packets are forwarded to.

use crate::id::{SubscriberId, TrackId};
use moim_wire::{Bitrate, MediaKind};
use std::time::{Duration, Instant};

/// Most slots of a subscriber.
pub const SLOTS_MAX: usize = 128;
/// Most tracks that a subscriber can watch at a time, slots or not.
pub const WATCHES_MAX: usize = 2_048;
/// More is given when it could have been for so long.
pub const UPGRADE_PATIENCE_MIN: Duration = Duration::from_secs(2);
/// Who had to give back what it was given waits longer and longer, up to this.
pub const UPGRADE_PATIENCE_MAX: Duration = Duration::from_secs(30);
/// What is taken back within so long was given too early.
const UPGRADE_PROVEN_AFTER: Duration = Duration::from_secs(10);

/// A subscriber to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriberSpec {
    /// How many tracks of sound its connection can take at a time.
    pub audio_slots: u16,
    /// How many of pictures.
    pub video_slots: u16,
}

/// How a subscriber wants to have a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The size at which pictures are displayed, in pixels of the device. [`None`]: as large as there is.
    pub size: Option<(u32, u32)>,
    /// What matters more has the greater number.
    pub priority: u8,
    /// Whether nothing is to be forwarded for now.
    pub is_paused: bool,
}

/// A subscriber.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: SubscriberId,
    /// Their indices, in the order in which they were added.
    pub(crate) slots: Vec<u32>,
    /// By track.
    pub(crate) watches: Vec<Watching>,
    pub(crate) target: Bitrate,
    /// What its slots cost as they are, in bits per second.
    pub(crate) given: u64,
    pub(crate) patience: Patience,
    /// Whether slots are to be assigned anew.
    pub(crate) is_stale: bool,
    /// Which round of assigning slots it has taken part in.
    pub(crate) round: u64,
    pub(crate) demand: Bitrate,
    pub(crate) slots_wanted: SlotCounts,
    pub(crate) told: Told,
    pub(crate) is_dirty: bool,
}

/// A track that a subscriber wants to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watching {
    pub(crate) track: TrackId,
    pub(crate) kind: MediaKind,
    pub(crate) watch: Watch,
    /// The index of the slot that shows it.
    pub(crate) slot: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotCounts {
    pub(crate) audio: u16,
    pub(crate) video: u16,
}

/// What was told of a subscriber.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) demand: Bitrate,
    pub(crate) slots_wanted: SlotCounts,
}

impl Subscriber {
    pub(crate) fn new(id: SubscriberId, target: Bitrate) -> Self {
        Self {
            id,
            slots: Vec::new(),
            watches: Vec::new(),
            target,
            given: 0,
            patience: Patience::default(),
            is_stale: false,
            round: 0,
            demand: Bitrate::ZERO,
            slots_wanted: SlotCounts::default(),
            told: Told::default(),
            is_dirty: false,
        }
    }

    /// Where a track is among what is watched, or where it would be.
    pub(crate) fn position(&self, track: TrackId) -> Result<usize, usize> {
        self.watches.binary_search_by_key(&track, |watching| watching.track)
    }

    pub(crate) fn watching(&self, track: TrackId) -> Option<&Watching> {
        self.position(track).ok().map(|at| &self.watches[at])
    }
}

/// How long a subscriber waits before it is given more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) wait: Duration,
    upgraded_at: Option<Instant>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { wait: UPGRADE_PATIENCE_MIN, upgraded_at: None }
    }
}

impl Patience {
    pub(crate) fn on_upgrade(&mut self, now: Instant) {
        if self.is_proven(now) {
            self.wait = (self.wait / 2).max(UPGRADE_PATIENCE_MIN);
        }
        self.upgraded_at = Some(now);
    }

    pub(crate) fn on_downgrade(&mut self, now: Instant) {
        if self.upgraded_at.is_some() && !self.is_proven(now) {
            self.wait = (self.wait * 2).min(UPGRADE_PATIENCE_MAX);
        }
        self.upgraded_at = None;
    }

    fn is_proven(&self, now: Instant) -> bool {
        self.upgraded_at.is_some_and(|at| now.saturating_duration_since(at) >= UPGRADE_PROVEN_AFTER)
    }
}
