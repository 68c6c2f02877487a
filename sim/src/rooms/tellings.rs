//! What the forwarder tells, and whether it fits.

use super::subscriber::Subscriber;
use super::{Broken, must};
use moim_sfu::{Event, Forwarder, KEY_FRAME_INTERVAL_MIN, Layer, LayersWanted, Reason, SlotId, TrackId};
use moim_wire::MediaKind;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is told to be forwarded is: packets come within so long, or it is told that they do not.
const SILENCE_TOLD_AFTER: Duration = Duration::from_secs(5);

/// What was told of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotTold {
    pub(super) track: Option<TrackId>,
    pub(super) layer: Option<(Option<Layer>, Reason)>,
    /// Since when something is said to be forwarded.
    forwards_since: Option<Instant>,
    /// Since when it shows what it shows.
    pub(super) since: Instant,
}

impl SlotTold {
    pub(super) fn new(now: Instant) -> Self {
        Self { track: None, layer: None, forwards_since: None, since: now }
    }

    /// What is sent after everything was told is what was told, unless it has just begun, which is told next.
    pub(super) fn encoding(&self) -> Option<u8> {
        self.layer.and_then(|(layer, _)| layer).map(|layer| layer.encoding)
    }
}

/// What was told of tracks.
#[derive(Debug, Default)]
pub(super) struct Tellings {
    asked_at: BTreeMap<(TrackId, usize), Instant>,
    layers: BTreeMap<TrackId, LayersWanted>,
    speaking: BTreeMap<TrackId, bool>,
    pub(super) events: u64,
    pub(super) key_frames_wanted: u64,
}

impl Tellings {
    /// An event of a track or a group. Those of slots go to [`slot_event`].
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "events of slots and subscribers are looked at elsewhere"
    )]
    pub(super) fn track_event(
        &mut self,
        event: Event,
        is_shown: impl Fn(TrackId) -> bool,
        encodings_of: impl Fn(TrackId) -> Option<usize>,
        now: Instant,
    ) -> Result<(), Broken> {
        let said = || format!("{event:?}");
        match event {
            Event::KeyFrameWanted { track, encoding } => {
                let count = encodings_of(track);
                must(
                    count.is_some_and(|count| encoding < count),
                    "events are of tracks that there are",
                    said,
                )?;
                must(is_shown(track), "key frames are for those who watch", said)?;
                let before = self.asked_at.insert((track, encoding), now);
                let is_paced =
                    before.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_INTERVAL_MIN);
                must(is_paced, "key frames are not asked for too often", said)?;
                self.key_frames_wanted += 1;
            }
            Event::LayersWanted { track, layers } => {
                must(encodings_of(track).is_some(), "events are of tracks that there are", said)?;
                let before = self.layers.insert(track, layers);
                must(before != Some(layers), "what is told is news", said)?;
            }
            Event::Speaking { track, is_speaking } => {
                must(encodings_of(track).is_some(), "events are of tracks that there are", said)?;
                let before = self.speaking.insert(track, is_speaking);
                must(before.unwrap_or(false) != is_speaking, "what is told is news", said)?;
            }
            Event::Speakers { dominant, .. } => {
                let is_there = dominant.is_none_or(|track| encodings_of(track).is_some());
                must(is_there, "events are of tracks that there are", said)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A track is gone.
    pub(super) fn forget(&mut self, track: TrackId) {
        self.asked_at.retain(|(of, _), _| *of != track);
        self.layers.remove(&track);
        self.speaking.remove(&track);
    }
}

/// An event of a slot.
#[expect(clippy::wildcard_enum_match_arm, reason = "events of tracks are looked at elsewhere")]
pub(super) fn slot_event(subscriber: &mut Subscriber, event: Event, now: Instant) -> Result<(), Broken> {
    let said = || format!("{event:?}");
    let index = |slot: SlotId| usize::from(slot.index);
    match event {
        Event::SlotShows { slot, track } => {
            let Some(model) = subscriber.slots.get_mut(index(slot)) else {
                return must(false, "events are of slots that there are", said);
            };
            must(model.told.track != track, "what is told is news", said)?;
            model.told = SlotTold { track, ..SlotTold::new(now) };
        }
        Event::LayerReason { slot, layer, reason } => {
            let Some(model) = subscriber.slots.get_mut(index(slot)) else {
                return must(false, "events are of slots that there are", said);
            };
            let is_of_video = model.kind == MediaKind::Video && model.told.track.is_some();
            must(is_of_video, "layers are of slots that show something", said)?;
            must(model.told.layer != Some((layer, reason)), "what is told is news", said)?;
            model.told.layer = Some((layer, reason));
            let since = model.told.forwards_since.unwrap_or(now);
            model.told.forwards_since = layer.map(|_| since);
        }
        _ => {}
    }
    Ok(())
}

/// Whether what was told of a subscriber's slots is how it is.
pub(super) fn check_slots(
    forwarder: &Forwarder,
    subscriber: &Subscriber,
    watch_of: impl Fn(TrackId) -> Option<moim_sfu::Watch>,
    now: Instant,
) -> Result<(), Broken> {
    let mut shown = Vec::new();
    for (index, model) in (0..).zip(&subscriber.slots) {
        let id = SlotId { subscriber: subscriber.id, index };
        let told = model.told;
        let said = || format!("{id:?} {told:?}");
        must(forwarder.shown(id) == told.track, "slots show what was told", said)?;
        let Some(track) = told.track else { continue };
        must(!shown.contains(&track), "no track is shown twice", said)?;
        shown.push(track);
        let Some(watch) = watch_of(track) else {
            return must(false, "slots show what is watched", said);
        };
        if model.kind == MediaKind::Audio {
            continue;
        }
        let is_paused = told.layer.is_some_and(|(_, reason)| reason == Reason::Paused);
        must(is_paused == watch.is_paused || told.layer.is_none(), "paused is what is to be", said)?;
        must(!is_paused || told.layer == Some((None, Reason::Paused)), "what is paused is not sent", said)?;
        if let Some(since) = told.forwards_since {
            let last = model.receiver.last_at.map_or(since, |at| at.max(since));
            let silent = now.saturating_duration_since(last);
            must(silent < SILENCE_TOLD_AFTER, "what is said to be sent is", || {
                format!("{silent:?}: {}", said())
            })?;
        }
    }
    Ok(())
}
