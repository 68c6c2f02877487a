//! The machine: tracks, subscribers, and what goes from these to those.

mod allocating;
mod assigning;
mod dirty;
mod packets;
mod speaking;
mod subscribers;
mod ticking;
mod tracks;

use crate::allocate::Planned;
use crate::arena::Arena;
use crate::config::Config;
use crate::encoding::Encoding;
use crate::slot::Slot;
use crate::stats::Stats;
use crate::subscriber::Subscriber;
use crate::track::{ENCODINGS_MAX, Track};
use assigning::Candidate;
use dirty::Dirty;
use moim_wire::Deadline;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use speaking::Speakers;
use std::fmt;
use std::time::Instant;

/// Most tracks of a forwarder.
pub const TRACKS_MAX: usize = 4_096;
/// Most subscribers of a forwarder.
pub const SUBSCRIBERS_MAX: usize = 4_096;
/// Most slots of all subscribers together.
pub const SLOTS_TOTAL_MAX: usize = 1 << 17;

/// Forwards tracks to subscribers.
///
/// Two inputs may follow each other without polling. While there are events, [`poll_timeout`](Self::poll_timeout) lies in the past.
pub struct Forwarder {
    config: Config,
    random: ChaCha12Rng,
    now: Instant,
    tracks: Arena<Track>,
    encodings: Arena<Encoding>,
    subscribers: Arena<Subscriber>,
    slots: Arena<Slot>,
    speakers: Speakers,
    dirty: Dirty,
    /// When time is to be let pass. None while there is nothing to look after.
    tick_at: Option<Instant>,
    /// Which subscriber is looked after next.
    cursor: u32,
    /// Counted up when other tracks may have to be shown.
    round: u64,
    stats: Stats,
    plan: Vec<Planned>,
    candidates: Vec<Candidate>,
}

impl Forwarder {
    /// A forwarder of nothing yet. `seed` must not be predictable: the numbers of streams begin anywhere (RFC 3550 §5.1).
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let limit = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            config,
            random: ChaCha12Rng::from_seed(seed),
            now,
            tracks: Arena::new(limit(TRACKS_MAX)),
            encodings: Arena::new(limit(TRACKS_MAX * ENCODINGS_MAX)),
            subscribers: Arena::new(limit(SUBSCRIBERS_MAX)),
            slots: Arena::new(limit(SLOTS_TOTAL_MAX)),
            speakers: Speakers::default(),
            dirty: Dirty::default(),
            tick_at: None,
            cursor: 0,
            round: 1,
            stats: Stats::default(),
            plan: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// When time is to be let pass next.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.dirty.is_empty() {
            return Some(Deadline::new(self.now, "events"));
        }
        self.tick_at.map(|at| Deadline::new(at, "upkeep of tracks and subscribers"))
    }

    /// What was done so far, and what there is.
    pub fn stats(&self) -> Stats {
        Stats { tracks: self.tracks.len(), subscribers: self.subscribers.len(), ..self.stats }
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("tracks", &self.tracks.len())
            .field("subscribers", &self.subscribers.len())
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}
