//! Subscribers come and go, and say what they want to have.

use super::dirty::slot_index;
use super::{Forwarder, SLOTS_TOTAL_MAX, SUBSCRIBERS_MAX};
use crate::error::Error;
use crate::event::Reason;
use crate::id::{SlotId, SubscriberId, TrackId};
use crate::slot::Slot;
use crate::stats::SlotStats;
use crate::subscriber::{SLOTS_MAX, Subscriber, SubscriberSpec, WATCHES_MAX, Watch, Watching};
use moim_wire::{Bitrate, MediaKind};
use std::time::Instant;

/// Whoever watches more is looked after when time is let pass next, together with others of the kind.
const WATCHES_AT_ONCE_MAX: usize = 64;

impl Forwarder {
    /// A connection wants to have tracks.
    pub fn add_subscriber(&mut self, spec: SubscriberSpec, now: Instant) -> Result<SubscriberId, Error> {
        self.now = now;
        let target = self.config.target_start;
        let key = self
            .subscribers
            .insert_with(|key| Subscriber::new(SubscriberId(key), target))
            .ok_or(Error::LimitReached { what: "subscribers", limit: SUBSCRIBERS_MAX })?;
        let id = SubscriberId(key);
        if let Err(error) = self.add_slots(id, spec, now) {
            self.subscribers.remove(key);
            return Err(error);
        }
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            subscriber.round = self.round;
        }
        self.wake(now);
        Ok(id)
    }

    /// A connection has more receive sections: so many for audio, then so many for video, with numbers behind those that it has. They stay as long as it does.
    pub fn add_slots(&mut self, id: SubscriberId, more: SubscriberSpec, now: Instant) -> Result<(), Error> {
        self.now = now;
        let subscriber = self.subscribers.get(id.0).ok_or(Error::NoSuchSubscriber)?;
        let count = usize::from(more.audio_slots) + usize::from(more.video_slots);
        if subscriber.slots.len() + count > SLOTS_MAX {
            return Err(Error::LimitReached { what: "slots of a subscriber", limit: SLOTS_MAX });
        }
        if self.slots.room() < count {
            return Err(Error::LimitReached { what: "slots", limit: SLOTS_TOTAL_MAX });
        }
        let audio = std::iter::repeat_n(MediaKind::Audio, usize::from(more.audio_slots));
        let video = std::iter::repeat_n(MediaKind::Video, usize::from(more.video_slots));
        for kind in audio.chain(video) {
            let Some(subscriber) = self.subscribers.get_mut(id.0) else { break };
            let index = u16::try_from(subscriber.slots.len()).unwrap_or(u16::MAX);
            let slot = SlotId { subscriber: id, index };
            let random = &mut self.random;
            if let Some(key) = self.slots.insert_with(|_| Slot::new(slot, kind, random)) {
                subscriber.slots.push(key.index);
            }
        }
        self.refresh(id.0.index, now);
        Ok(())
    }

    /// A connection is gone.
    pub fn remove_subscriber(&mut self, id: SubscriberId, now: Instant) -> Result<(), Error> {
        self.now = now;
        let slots = self.subscribers.get(id.0).ok_or(Error::NoSuchSubscriber)?.slots.clone();
        for index in slots {
            self.show(index, None);
            if let Some(key) = self.slots.key_at(index) {
                self.slots.remove(key);
            }
        }
        self.subscribers.remove(id.0);
        Ok(())
    }

    /// A subscriber wants to have a track, or to have it in another way.
    ///
    /// If there are more tracks of a kind than slots, the most important of them get one: sound by who speaks, pictures by
    /// [priority](Watch::priority) and then by who has spoken last.
    pub fn subscribe(
        &mut self,
        id: SubscriberId,
        track: TrackId,
        watch: Watch,
        now: Instant,
    ) -> Result<(), Error> {
        self.now = now;
        let kind = self.tracks.get(track.0).ok_or(Error::NoSuchTrack)?.kind();
        let subscriber = self.subscribers.get_mut(id.0).ok_or(Error::NoSuchSubscriber)?;
        match subscriber.position(track) {
            Ok(at) => subscriber.watches[at].watch = watch,
            Err(_) if subscriber.watches.len() >= WATCHES_MAX => {
                return Err(Error::LimitReached { what: "tracks of a subscriber", limit: WATCHES_MAX });
            }
            Err(at) => subscriber.watches.insert(at, Watching { track, kind, watch, slot: None }),
        }
        self.refresh(id.0.index, now);
        Ok(())
    }

    /// A subscriber does not want to have a track any more.
    pub fn unsubscribe(&mut self, id: SubscriberId, track: TrackId, now: Instant) -> Result<(), Error> {
        self.now = now;
        self.subscribers.get(id.0).ok_or(Error::NoSuchSubscriber)?;
        self.forget_watch(id.0.index, track, now);
        Ok(())
    }

    /// What a subscriber's network carries, as congestion control says. Less has an effect at once, more after a while.
    pub fn set_target(&mut self, id: SubscriberId, target: Bitrate, now: Instant) -> Result<(), Error> {
        self.now = now;
        let subscriber = self.subscribers.get_mut(id.0).ok_or(Error::NoSuchSubscriber)?;
        subscriber.target = target;
        // Estimates move all the time, and what can wait does: more is looked at when it is the subscriber's turn.
        if target.as_bps() < subscriber.given {
            self.allocate(id.0.index, now);
        }
        Ok(())
    }

    /// A subscriber has lost the picture and asks for a key frame (RFC 4585 §6.3.1, RFC 5104 §4.3.1). Who asks too often is not heard.
    pub fn key_frame_requested(&mut self, id: SlotId, now: Instant) -> Result<(), Error> {
        self.now = now;
        let subscriber = self.subscribers.get(id.subscriber.0).ok_or(Error::NoSuchSubscriber)?;
        let index = slot_index(subscriber, id).ok_or(Error::NoSuchSlot)?;
        let slot = self.slots.at_mut(index).ok_or(Error::NoSuchSlot)?;
        if slot.kind == MediaKind::Video && slot.playing.is_some() && slot.share.take(now) {
            slot.is_lost = true;
            let (Some(track), Some(playing)) = (slot.track, slot.playing) else { return Ok(()) };
            self.want_key_frame(track.0.index, playing.encoding, now);
        }
        Ok(())
    }

    /// What a slot has forwarded so far, and forwards now.
    pub fn slot_stats(&self, id: SlotId) -> Option<SlotStats> {
        let slot = self.slot(id)?;
        let (layer, reason) = self.layer_of(slot).unzip();
        Some(SlotStats { layer: layer.flatten(), reason, ..slot.stats })
    }

    /// Which track a slot shows.
    pub fn shown(&self, id: SlotId) -> Option<TrackId> {
        self.slot(id)?.track
    }

    /// Whether a slot is for sound or for pictures.
    pub fn slot_kind(&self, id: SlotId) -> Option<MediaKind> {
        self.slot(id).map(|slot| slot.kind)
    }

    pub(super) fn slot(&self, id: SlotId) -> Option<&Slot> {
        let subscriber = self.subscribers.get(id.subscriber.0)?;
        self.slots.at(slot_index(subscriber, id)?)
    }

    /// Lets a slot show another track, or none.
    pub(super) fn show(&mut self, index: u32, track: Option<TrackId>) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        if slot.track == track {
            return;
        }
        let (before, at, choice) = (slot.track, slot.watcher_at as usize, slot.choice);
        slot.show(track);
        if let Some(shown) = before.and_then(|id| self.tracks.get_mut(id.0)) {
            choice.inspect(|choice| shown.wants.remove(*choice));
            shown.watchers.swap_remove(at);
            if let Some(moved) = shown.watchers.get(at)
                && let Some(slot) = self.slots.at_mut(moved.slot)
            {
                slot.watcher_at = u32::try_from(at).unwrap_or(u32::MAX);
            }
            let before = shown.id.0.index;
            self.note_track(before);
        }
        if let Some(shown) = track.and_then(|id| self.tracks.get_mut(id.0))
            && let Some(slot) = self.slots.at_mut(index)
        {
            slot.watcher_at = u32::try_from(shown.watchers.len()).unwrap_or(u32::MAX);
            shown.watchers.push(crate::track::Watcher { slot: index, encodings: 0 });
        }
        if let Some(slot) = self.slots.at_mut(index) {
            slot.limit = Reason::Wanted;
        }
        self.note_slot(index);
    }

    /// Brings the list of the track that a slot shows up to date with what the slot forwards.
    pub(super) fn refresh_watcher(&mut self, index: u32) {
        let Some(slot) = self.slots.at(index) else { return };
        let Some(track) = slot.track.and_then(|id| self.tracks.get_mut(id.0)) else { return };
        if let Some(watcher) = track.watchers.get_mut(slot.watcher_at as usize) {
            watcher.encodings = slot.encodings();
        }
    }

    /// A subscriber has other tracks, slots or wishes: at once, unless it has many, so that packets do not wait for whoever joins a large room.
    fn refresh(&mut self, index: u32, now: Instant) {
        let Some(subscriber) = self.subscribers.at_mut(index) else { return };
        if subscriber.watches.len() > WATCHES_AT_ONCE_MAX {
            subscriber.is_stale = true;
            self.tick_at = Some(now);
            return;
        }
        self.assign(index);
        self.allocate(index, now);
        self.wake(now);
    }

    pub(super) fn forget_watch(&mut self, index: u32, track: TrackId, now: Instant) {
        let Some(subscriber) = self.subscribers.at_mut(index) else { return };
        let Ok(at) = subscriber.position(track) else { return };
        let watching = subscriber.watches.remove(at);
        if let Some(slot) = watching.slot {
            self.show(slot, None);
        }
        self.refresh(index, now);
    }
}
