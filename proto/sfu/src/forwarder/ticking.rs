//! What happens as time passes.

use super::Forwarder;
use crate::encoding::{SILENCE_MAX, UNREADABLE_MAX};
use crate::levels::{self, Offer};
use crate::track::Watcher;
use std::time::{Duration, Instant};

/// How often there is a look around.
const TICK: Duration = Duration::from_millis(50);
/// A subscriber is looked after at each so manieth look.
const TICKS_OF_A_ROUND: u32 = 10;
/// What may be looked at for new slots in one go; the rest follows soon after, so that packets do not wait.
const WATCHES_AT_ONCE: usize = 20_000;
const SOON: Duration = Duration::from_millis(5);
/// What was asked for and does not come is taken for unavailable for so long.
pub(super) const UNAVAILABLE_FOR: Duration = Duration::from_secs(15);

impl Forwarder {
    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.tick_at.is_none_or(|at| at > now) {
            return;
        }
        let has_any = self.tracks.len() > 0 || self.subscribers.len() > 0;
        self.tick_at = has_any.then(|| now + TICK);
        self.look_after_encodings(now);
        self.look_after_tracks(now);
        if self.update_speakers(now) {
            self.round += 1;
        }
        self.look_after_subscribers(now);
    }

    /// There is something to look after.
    pub(super) fn wake(&mut self, now: Instant) {
        let at = now + TICK;
        self.tick_at = Some(self.tick_at.map_or(at, |present| present.min(at)));
    }

    fn look_after_encodings(&mut self, now: Instant) {
        for index in 0..self.encodings.end() {
            let Some(encoding) = self.encodings.at_mut(index) else { continue };
            let is_new = encoding.rates.update(now);
            let is_sent = encoding.is_sent(now);
            let is_change = encoding.was_sent != is_sent;
            encoding.was_sent = is_sent;
            if is_change && !is_sent {
                encoding.rates.reset(now);
            }
            let highest = encoding.rates.highest();
            let is_other_highest = is_new && std::mem::replace(&mut encoding.highest, highest) != highest;
            let (track, number) = (encoding.track, encoding.number);
            let unreadable = encoding.unreadable_since.map(|since| now.saturating_duration_since(since));
            let is_unreadable = unreadable.is_some_and(|time| time >= UNREADABLE_MAX);
            if is_unreadable {
                encoding.key_frames.want(now);
            }
            let due = encoding.key_frames.due().is_some_and(|due| due <= now);
            if is_new || is_change {
                self.look_after_availability(index, now);
                if let Some(track) = self.tracks.at_mut(track) {
                    track.are_levels_stale = true;
                }
            }
            if is_change || is_other_highest {
                self.note_watchers(track);
            }
            if due {
                if self.is_key_frame_awaited(track, number, is_unreadable) {
                    self.key_frame_is_due(index, now);
                } else if let Some(encoding) = self.encodings.at_mut(index) {
                    encoding.key_frames.forget();
                }
            }
        }
    }

    /// What the publisher is asked for and does not send cannot be had for now.
    fn look_after_availability(&mut self, index: u32, now: Instant) {
        let Some(encoding) = self.encodings.at_mut(index) else { return };
        let Some(track) = self.tracks.at(encoding.track) else { return };
        if encoding.is_sent(now) || !track.wants.is_asked_for(encoding.number) {
            encoding.missing_since = None;
            return;
        }
        let since = *encoding.missing_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= SILENCE_MAX + Duration::from_secs(1) {
            encoding.unavailable_until = Some(now + UNAVAILABLE_FOR);
        }
    }

    fn look_after_tracks(&mut self, now: Instant) {
        for index in 0..self.tracks.end() {
            let Some(track) = self.tracks.at_mut(index) else { continue };
            if track.wants.update(now) != track.told.layers {
                self.dirty.track(index, &mut track.is_dirty);
            }
            if track.are_levels_stale {
                self.rebuild_levels(index, now);
            }
        }
    }

    /// Finds out anew what can be had of a track.
    pub(super) fn rebuild_levels(&mut self, index: u32, now: Instant) {
        let Some(track) = self.tracks.at_mut(index) else { return };
        track.are_levels_stale = false;
        let encodings = &self.encodings;
        let offers = track.encodings.iter().filter_map(|id| encodings.get(id.0)).filter_map(|encoding| {
            let is_sent = encoding.is_sent(now);
            let is_unavailable = encoding.unavailable_until.is_some_and(|until| now < until);
            (is_sent || !is_unavailable).then_some(Offer { encoding, is_sent })
        });
        levels::build(track.source, offers, &mut track.levels);
    }

    fn look_after_subscribers(&mut self, now: Instant) {
        let end = self.subscribers.end();
        for _ in 0..end.div_ceil(TICKS_OF_A_ROUND) {
            self.cursor = if self.cursor + 1 < end { self.cursor + 1 } else { 0 };
            if self.is_crowded(self.cursor) {
                self.assign(self.cursor);
            }
            self.allocate(self.cursor, now);
            self.want_key_frames_of(self.cursor, now);
        }
        let mut looked_at = 0;
        for index in 0..end {
            let Some(subscriber) = self.subscribers.at_mut(index) else { continue };
            if subscriber.round == self.round && !subscriber.is_stale {
                continue;
            }
            if looked_at >= WATCHES_AT_ONCE {
                self.tick_at = Some(now + SOON);
                return;
            }
            subscriber.round = self.round;
            looked_at += subscriber.watches.len();
            let is_stale = std::mem::take(&mut subscriber.is_stale);
            if self.assign(index) || is_stale {
                self.allocate(index, now);
            }
        }
    }

    /// Whether more voices speak than a subscriber has slots, so that it depends on their loudness who is heard.
    fn is_crowded(&self, subscriber: u32) -> bool {
        let Some(subscriber) = self.subscribers.at(subscriber) else { return false };
        subscriber.watches.len() > subscriber.slots.len()
            && self.speakers.speaking > usize::from(self.config.audio_slots_max).min(subscriber.slots.len())
    }

    /// Something is said to all who watch a track.
    pub(super) fn note_watchers(&mut self, track: u32) {
        let Some(track) = self.tracks.at(track) else { return };
        for watcher in &track.watchers {
            if let Some(slot) = self.slots.at_mut(watcher.slot) {
                self.dirty.slot(watcher.slot, &mut slot.is_dirty);
            }
        }
    }

    /// Whether somebody waits for a key frame of an encoding, or watches it and cannot read it.
    fn is_key_frame_awaited(&self, track: u32, encoding: u8, is_unreadable: bool) -> bool {
        let Some(track) = self.tracks.at(track) else { return false };
        let waits = |slot: u32| self.slots.at(slot).is_some_and(|slot| slot.waits_for() == Some(encoding));
        let watches = |watcher: &Watcher| is_unreadable && watcher.encodings >> encoding & 1 == 1;
        !track.is_muted && track.watchers.iter().any(|watcher| watches(watcher) || waits(watcher.slot))
    }

    /// Asks for the key frames that a subscriber waits for, should one have come and been of no use.
    fn want_key_frames_of(&mut self, subscriber: u32, now: Instant) {
        let count = self.subscribers.at(subscriber).map_or(0, |subscriber| subscriber.slots.len());
        for at in 0..count {
            let Some(slot) =
                self.subscribers.at(subscriber).and_then(|subscriber| subscriber.slots.get(at).copied())
            else {
                return;
            };
            self.want_key_frame_of_slot(slot, now);
        }
    }

    pub(super) fn want_key_frame_of_watcher(&mut self, track: u32, at: usize, now: Instant) {
        let watcher = self.tracks.at(track).and_then(|track| track.watchers.get(at).copied());
        if let Some(watcher) = watcher {
            self.want_key_frame_of_slot(watcher.slot, now);
        }
    }

    pub(super) fn want_key_frame_of_slot(&mut self, index: u32, now: Instant) {
        let Some(slot) = self.slots.at(index) else { return };
        if let (Some(track), Some(encoding)) = (slot.track, slot.waits_for()) {
            self.want_key_frame(track.0.index, encoding, now);
        }
    }

    /// Somebody needs a key frame.
    pub(super) fn want_key_frame(&mut self, track: u32, encoding: u8, now: Instant) {
        let Some(id) = self.encoding_id(track, encoding) else { return };
        if let Some(encoding) = self.encodings.get_mut(id.0) {
            encoding.key_frames.want(now);
            self.key_frame_is_due(id.0.index, now);
        }
    }
}
