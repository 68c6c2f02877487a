//! What has to be told, found by what it is about: each thing waits once, so that there is never more to tell than there is.

use super::Forwarder;
use crate::event::{Event, Layer, Reason};
use crate::id::{GroupId, SlotId, TrackId};
use crate::slot::Slot;
use crate::subscriber::Subscriber;
use moim_wire::{Bitrate, MediaKind};
use std::collections::VecDeque;
use std::time::Instant;

/// Indices of what may have something to tell.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    slots: VecDeque<u32>,
    subscribers: VecDeque<u32>,
    tracks: VecDeque<u32>,
    encodings: VecDeque<u32>,
    pub(super) groups: VecDeque<GroupId>,
}

impl Dirty {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
            && self.subscribers.is_empty()
            && self.tracks.is_empty()
            && self.encodings.is_empty()
            && self.groups.is_empty()
    }

    pub(super) fn slot(&mut self, index: u32, is_dirty: &mut bool) {
        mark(&mut self.slots, index, is_dirty);
    }

    pub(super) fn subscriber(&mut self, index: u32, is_dirty: &mut bool) {
        mark(&mut self.subscribers, index, is_dirty);
    }

    pub(super) fn track(&mut self, index: u32, is_dirty: &mut bool) {
        mark(&mut self.tracks, index, is_dirty);
    }

    pub(super) fn encoding(&mut self, index: u32, is_due: &mut bool) {
        mark(&mut self.encodings, index, is_due);
    }
}

fn mark(waiting: &mut VecDeque<u32>, index: u32, is_dirty: &mut bool) {
    if !std::mem::replace(is_dirty, true) {
        waiting.push_back(index);
    }
}

impl Forwarder {
    /// What is to be told next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.slot_event()
            .or_else(|| self.subscriber_event())
            .or_else(|| self.encoding_event())
            .or_else(|| self.track_event())
            .or_else(|| self.group_event())
    }

    fn slot_event(&mut self) -> Option<Event> {
        while let Some(index) = self.dirty.slots.front().copied() {
            if let Some(event) = self.tell_of_slot(index) {
                return Some(event);
            }
            self.dirty.slots.pop_front();
            if let Some(slot) = self.slots.at_mut(index) {
                slot.is_dirty = false;
            }
        }
        None
    }

    fn tell_of_slot(&mut self, index: u32) -> Option<Event> {
        let layer = self.layer_of(self.slots.at(index)?);
        let slot = self.slots.at_mut(index)?;
        if slot.told.track != slot.track {
            slot.told.track = slot.track;
            // Of another track, everything is news.
            slot.told.layer = None;
            return Some(Event::SlotShows { slot: slot.id, track: slot.track });
        }
        if slot.kind == MediaKind::Audio || layer.is_none() || slot.told.layer == layer {
            return None;
        }
        slot.told.layer = layer;
        layer.map(|(layer, reason)| Event::LayerReason { slot: slot.id, layer, reason })
    }

    /// What a slot forwards, and why it is not more. [`None`] if it shows nothing.
    pub(super) fn layer_of(&self, slot: &Slot) -> Option<(Option<Layer>, Reason)> {
        let track = self.tracks.get(slot.track?.0)?;
        let sent = |encoding: u8| {
            let id = track.encodings.get(usize::from(encoding))?;
            let encoding = self.encodings.get(id.0)?;
            encoding.is_sent(self.now).then(|| encoding.rates.highest())
        };
        let layer = slot.layers().and_then(|playing| {
            let highest = sent(playing.encoding)?;
            let layers = playing.layers.lower_of_each(highest);
            Some(Layer { encoding: playing.encoding, spatial: layers.spatial, temporal: layers.temporal })
        });
        let reason = match slot.choice {
            Some(choice) if track.is_muted || sent(choice.encoding).is_none() => Reason::NotSent,
            _ if slot.waits_for().is_some() => Reason::WaitingForKeyFrame,
            None | Some(_) => slot.limit,
        };
        Some((layer, reason))
    }

    fn subscriber_event(&mut self) -> Option<Event> {
        while let Some(index) = self.dirty.subscribers.front().copied() {
            let subscriber = self.subscribers.at_mut(index);
            if let Some(event) = subscriber.and_then(tell_of_subscriber) {
                return Some(event);
            }
            self.dirty.subscribers.pop_front();
            if let Some(subscriber) = self.subscribers.at_mut(index) {
                subscriber.is_dirty = false;
            }
        }
        None
    }

    fn encoding_event(&mut self) -> Option<Event> {
        while let Some(index) = self.dirty.encodings.pop_front() {
            let Some(encoding) = self.encodings.at_mut(index) else { continue };
            // Another one may have the place by now.
            if !std::mem::take(&mut encoding.is_key_frame_due) {
                continue;
            }
            let (track, number) = (encoding.track, usize::from(encoding.number));
            // Whoever wanted it may have gone since.
            if self.tracks.at(track).is_none_or(|track| track.watchers.is_empty()) {
                continue;
            }
            encoding.stats.key_frames_requested += 1;
            if let Some(key) = self.tracks.key_at(track) {
                return Some(Event::KeyFrameWanted { track: TrackId(key), encoding: number });
            }
        }
        None
    }

    fn track_event(&mut self) -> Option<Event> {
        while let Some(index) = self.dirty.tracks.front().copied() {
            if let Some(event) = self.tell_of_track(index) {
                return Some(event);
            }
            self.dirty.tracks.pop_front();
            if let Some(track) = self.tracks.at_mut(index) {
                track.is_dirty = false;
            }
        }
        None
    }

    fn tell_of_track(&mut self, index: u32) -> Option<Event> {
        let now = self.now;
        let track = self.tracks.at_mut(index)?;
        let is_speaking = track.voice.is_speaking();
        if track.told.is_speaking != is_speaking {
            track.told.is_speaking = is_speaking;
            return Some(Event::Speaking { track: track.id, is_speaking });
        }
        let layers = track.wants.update(now);
        if track.kind() == MediaKind::Audio || layers == track.told.layers {
            return None;
        }
        track.told.layers = layers;
        layers.map(|layers| Event::LayersWanted { track: track.id, layers })
    }

    fn group_event(&mut self) -> Option<Event> {
        while let Some(group) = self.dirty.groups.pop_front() {
            if let Some(dominant) = self.speakers.take_news(group) {
                return Some(Event::Speakers { group, dominant });
            }
        }
        None
    }

    /// Something about a slot may be news.
    pub(super) fn note_slot(&mut self, index: u32) {
        if let Some(slot) = self.slots.at_mut(index) {
            self.dirty.slot(index, &mut slot.is_dirty);
        }
    }

    pub(super) fn note_track(&mut self, index: u32) {
        if let Some(track) = self.tracks.at_mut(index) {
            self.dirty.track(index, &mut track.is_dirty);
        }
    }

    pub(super) fn note_subscriber(&mut self, index: u32) {
        if let Some(subscriber) = self.subscribers.at_mut(index) {
            self.dirty.subscriber(index, &mut subscriber.is_dirty);
        }
    }

    /// Lets the publisher be asked for a key frame, if it is time.
    pub(super) fn key_frame_is_due(&mut self, encoding: u32, now: Instant) {
        if let Some(entry) = self.encodings.at_mut(encoding)
            && entry.key_frames.take_due(now)
        {
            self.dirty.encoding(encoding, &mut entry.is_key_frame_due);
        }
    }
}

fn tell_of_subscriber(subscriber: &mut Subscriber) -> Option<Event> {
    if subscriber.told.slots_wanted != subscriber.slots_wanted {
        subscriber.told.slots_wanted = subscriber.slots_wanted;
        let wanted = subscriber.slots_wanted;
        return Some(Event::SlotsWanted {
            subscriber: subscriber.id,
            audio: wanted.audio,
            video: wanted.video,
        });
    }
    if !is_news(subscriber.told.demand, subscriber.demand) {
        return None;
    }
    subscriber.told.demand = subscriber.demand;
    Some(Event::Demand { subscriber: subscriber.id, bitrate: subscriber.demand })
}

/// Whether a rate is another by more than a tenth.
fn is_news(told: Bitrate, present: Bitrate) -> bool {
    told.as_bps().abs_diff(present.as_bps()) > told.as_bps() / 10
}

/// The slot of a subscriber by its number.
pub(super) fn slot_index(subscriber: &Subscriber, id: SlotId) -> Option<u32> {
    subscriber.slots.get(usize::from(id.index)).copied()
}
