//! Which tracks of those that a subscriber watches get a slot.

use super::Forwarder;
use crate::id::TrackId;
use crate::subscriber::SlotCounts;
use crate::track::Source;
use crate::voice::LOUDER_BY;
use moim_wire::MediaKind;
use std::cmp::Reverse;
use std::time::Instant;

/// A track that may get a slot. The greatest get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Whether it is to be forwarded at all.
    is_active: bool,
    priority: u8,
    /// Of pictures, screens; of sound, what is not a voice.
    is_screen: bool,
    /// When its owner was given the floor last.
    floor_at: Option<Instant>,
    /// How loud, for sound.
    loudness: u16,
    has_slot: bool,
    /// Whoever came first.
    track: Reverse<TrackId>,
    /// Its place among what is watched.
    at: usize,
}

impl Forwarder {
    /// Gives slots to those tracks of a subscriber that matter most. Says whether any slot shows another one.
    pub(super) fn assign(&mut self, index: u32) -> bool {
        let mut has_changed = false;
        let mut wanted = SlotCounts::default();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let (watched, changed) = self.assign_kind(index, kind);
            has_changed |= changed;
            let limit = match kind {
                MediaKind::Audio => self.config.audio_slots_max,
                MediaKind::Video => self.config.video_slots_max,
            };
            let watched = u16::try_from(watched).unwrap_or(u16::MAX).min(limit);
            match kind {
                MediaKind::Audio => wanted.audio = watched,
                MediaKind::Video => wanted.video = watched,
            }
        }
        self.want_slots(index, wanted);
        has_changed
    }

    /// Asks for slots if there are fewer than could be used. They are never given back.
    fn want_slots(&mut self, index: u32, used: SlotCounts) {
        let Some(subscriber) = self.subscribers.at(index) else { return };
        let mut present = SlotCounts::default();
        for slot in subscriber.slots.iter().filter_map(|slot| self.slots.at(*slot)) {
            match slot.kind {
                MediaKind::Audio => present.audio += 1,
                MediaKind::Video => present.video += 1,
            }
        }
        let wanted = SlotCounts {
            audio: used.audio.max(subscriber.slots_wanted.audio).max(present.audio),
            video: used.video.max(subscriber.slots_wanted.video).max(present.video),
        };
        let is_more = wanted != present && wanted != subscriber.slots_wanted;
        if is_more && let Some(subscriber) = self.subscribers.at_mut(index) {
            subscriber.slots_wanted = wanted;
            self.note_subscriber(index);
        }
    }

    /// Says how many tracks of a kind are watched, and whether any slot shows another one.
    fn assign_kind(&mut self, index: u32, kind: MediaKind) -> (usize, bool) {
        let Some(subscriber) = self.subscribers.at(index) else { return (0, false) };
        let is_of_kind = |slot: &&u32| self.slots.at(**slot).is_some_and(|slot| slot.kind == kind);
        let slots = subscriber.slots.iter().filter(is_of_kind).count();
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        self.collect(index, kind, &mut candidates);
        let watched = candidates.len();
        if watched > slots {
            choose(&mut candidates, slots);
        }
        let has_changed = self.give_slots(index, kind, &candidates);
        self.candidates = candidates;
        (watched, has_changed)
    }

    fn collect(&self, index: u32, kind: MediaKind, candidates: &mut Vec<Candidate>) {
        let Some(subscriber) = self.subscribers.at(index) else { return };
        for (at, watching) in subscriber.watches.iter().enumerate() {
            if watching.kind != kind {
                continue;
            }
            let Some(track) = self.tracks.get(watching.track.0) else { continue };
            let is_voice = track.source == Source::Microphone;
            candidates.push(Candidate {
                is_active: !watching.watch.is_paused && !track.is_muted,
                priority: watching.watch.priority,
                is_screen: matches!(track.source, Source::Screen | Source::ScreenSound),
                floor_at: if is_voice { None } else { self.speakers.floor_at(track.owner) },
                loudness: loudness_of(track.voice.is_speaking(), track.voice.loudness(), watching.slot),
                has_slot: watching.slot.is_some(),
                track: Reverse(watching.track),
                at,
            });
        }
    }

    /// Takes slots from tracks that are no candidates any more, and gives them to those that have none.
    fn give_slots(&mut self, index: u32, kind: MediaKind, candidates: &[Candidate]) -> bool {
        let mut has_changed = false;
        let count = self.subscribers.at(index).map_or(0, |subscriber| subscriber.slots.len());
        let mut without = candidates.iter().filter(|candidate| !candidate.has_slot);
        // First those that must go, so that no track is shown twice; then those that come.
        for at in 0..count {
            let Some((slot, shown)) = self.slot_of_kind(index, at, kind) else { continue };
            let Some(shown) = shown else { continue };
            let stays = candidates.iter().any(|candidate| candidate.track.0 == shown);
            if !stays {
                self.set_watching_slot(index, shown, None);
                self.show(slot, None);
                has_changed = true;
            }
        }
        for at in 0..count {
            let Some((slot, None)) = self.slot_of_kind(index, at, kind) else { continue };
            let Some(candidate) = without.next() else { break };
            self.set_watching_slot(index, candidate.track.0, Some(slot));
            self.show(slot, Some(candidate.track.0));
            has_changed = true;
        }
        has_changed
    }

    /// A subscriber's slot by its number, if it is of this kind, and what it shows.
    fn slot_of_kind(&self, index: u32, at: usize, kind: MediaKind) -> Option<(u32, Option<TrackId>)> {
        let slot_index = *self.subscribers.at(index)?.slots.get(at)?;
        let slot = self.slots.at(slot_index)?;
        (slot.kind == kind).then_some((slot_index, slot.track))
    }

    fn set_watching_slot(&mut self, index: u32, track: TrackId, slot: Option<u32>) {
        if let Some(subscriber) = self.subscribers.at_mut(index)
            && let Ok(at) = subscriber.position(track)
        {
            subscriber.watches[at].slot = slot;
        }
    }
}

/// How loud a voice counts: whoever has a slot keeps it until another is clearly louder, and silence has none.
fn loudness_of(is_speaking: bool, loudness: u16, slot: Option<u32>) -> u16 {
    match (is_speaking, slot) {
        (false, _) => 0,
        (true, None) => loudness,
        (true, Some(_)) => loudness.saturating_add(LOUDER_BY),
    }
}

/// Leaves the `count` that matter most.
fn choose(candidates: &mut Vec<Candidate>, count: usize) {
    if count > 0 {
        candidates.select_nth_unstable_by(count - 1, |one, other| other.cmp(one));
    }
    candidates.truncate(count);
}
