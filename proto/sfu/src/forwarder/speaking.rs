//! Who has the floor among those of a group, and who had it last.

use super::Forwarder;
use crate::id::{GroupId, OwnerId, TrackId};
use crate::track::Source;
use crate::voice::LOUDER_BY;
use std::collections::BTreeMap;
use std::time::Instant;

/// Groups and owners of the tracks there are. There are no more of them than tracks.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    groups: BTreeMap<GroupId, Group>,
    owners: BTreeMap<OwnerId, Owner>,
    /// How many speak at present.
    pub(super) speaking: usize,
}

#[derive(Debug, Default)]
struct Group {
    tracks: u32,
    dominant: Option<TrackId>,
    told: Option<TrackId>,
    /// The loudest of those who speak now.
    loudest: Option<(u16, TrackId, OwnerId)>,
    /// How loud whoever has the floor is now. None is silent.
    present: Option<u16>,
}

#[derive(Debug, Default)]
struct Owner {
    tracks: u32,
    /// When it was given the floor last.
    floor_at: Option<Instant>,
}

impl Speakers {
    pub(super) fn add(&mut self, group: GroupId, owner: OwnerId) {
        self.groups.entry(group).or_default().tracks += 1;
        self.owners.entry(owner).or_default().tracks += 1;
    }

    /// A track is gone. Says whether it had the floor.
    pub(super) fn remove(&mut self, group: GroupId, owner: OwnerId, track: TrackId) -> bool {
        if let Some(entry) = self.owners.get_mut(&owner) {
            entry.tracks -= 1;
            if entry.tracks == 0 {
                self.owners.remove(&owner);
            }
        }
        let Some(entry) = self.groups.get_mut(&group) else { return false };
        entry.tracks -= 1;
        if entry.tracks == 0 {
            self.groups.remove(&group);
            return false;
        }
        let had_floor = entry.dominant == Some(track);
        if had_floor {
            entry.dominant = None;
        }
        had_floor
    }

    /// When an owner was given the floor last.
    pub(super) fn floor_at(&self, owner: OwnerId) -> Option<Instant> {
        self.owners.get(&owner)?.floor_at
    }

    /// Who has the floor, if that was not told.
    #[expect(clippy::option_option, reason = "that nobody has it is news, too")]
    pub(super) fn take_news(&mut self, group: GroupId) -> Option<Option<TrackId>> {
        let group = self.groups.get_mut(&group)?;
        if group.told == group.dominant {
            return None;
        }
        group.told = group.dominant;
        Some(group.dominant)
    }
}

impl Forwarder {
    /// Looks who speaks. Says whether that may change what is shown.
    pub(super) fn update_speakers(&mut self, now: Instant) -> bool {
        let mut has_changed = false;
        let mut speaking = 0;
        for group in self.speakers.groups.values_mut() {
            (group.loudest, group.present) = (None, None);
        }
        for (index, track) in self.tracks.iter_mut() {
            if track.source != Source::Microphone {
                continue;
            }
            track.voice.update(now);
            speaking += usize::from(track.voice.is_speaking());
            if track.told.is_speaking != track.voice.is_speaking() {
                self.dirty.track(index, &mut track.is_dirty);
                has_changed = true;
            }
            if !track.voice.has_spoken(now) {
                continue;
            }
            let Some(group) = self.speakers.groups.get_mut(&track.group) else { continue };
            let loudness = track.voice.loudness();
            if group.dominant == Some(track.id) {
                group.present = Some(loudness);
            }
            if group.loudest.is_none_or(|(loudest, _, _)| loudness > loudest) {
                group.loudest = Some((loudness, track.id, track.owner));
            }
        }
        self.speakers.speaking = speaking;
        for (id, group) in &mut self.speakers.groups {
            let Some((loudness, track, owner)) = group.loudest else { continue };
            let is_free = group.present.is_none_or(|present| loudness > present + LOUDER_BY);
            if group.dominant == Some(track) || !is_free {
                continue;
            }
            group.dominant = Some(track);
            if let Some(owner) = self.speakers.owners.get_mut(&owner) {
                owner.floor_at = Some(now);
            }
            self.dirty.groups.push_back(*id);
            has_changed = true;
        }
        has_changed
    }
}
