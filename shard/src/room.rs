//! Who is in which room, what they may do, what they publish and how they want to have what others do.

use moim_sfu::Watch;
use moim_signal::id::{ParticipantId, RoomName, TrackId};
use moim_signal::message::{Permissions, TrackDescription, TrackWatch};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet};

use crate::config::{PARTICIPANTS_MAX, WATCHES_MAX};
use crate::offer::Allowance;
use std::time::Instant;

/// A room with somebody in it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName,
    /// Their places among all participants.
    pub(crate) participants: BTreeMap<ParticipantId, usize>,
    pub(crate) voices: Voices,
}

/// Who speaks in a room.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    pub(crate) dominant: Option<ParticipantId>,
    /// Their microphones that somebody speaks into.
    pub(crate) speaking: BTreeSet<(ParticipantId, TrackId)>,
    /// Whether that is to be told.
    pub(crate) is_news: bool,
}

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    /// The place of their room.
    pub(crate) room: usize,
    pub(crate) permissions: Permissions,
    /// What they publish, as they say.
    pub(crate) published: BTreeMap<TrackId, TrackDescription>,
    /// What of that is forwarded.
    pub(crate) forwarded: BTreeMap<TrackId, moim_sfu::TrackId>,
    watches: BTreeMap<(ParticipantId, TrackId), TrackWatch>,
    /// The place of their connection.
    pub(crate) connection: Option<usize>,
    pub(crate) offers: Allowance,
}

impl Participant {
    /// They want to have tracks of others like this. Beyond [`WATCHES_MAX`], wishes are not remembered: the track is had in full size.
    pub(crate) fn watch(&mut self, watch: &TrackWatch) {
        let key = (watch.participant.clone(), watch.track.clone());
        if self.watches.len() < WATCHES_MAX || self.watches.contains_key(&key) {
            self.watches.insert(key, watch.clone());
        }
    }

    /// How they want to have a track of somebody's: all that is not spoken of is wanted. [`None`]: not at all.
    pub(crate) fn wish(&self, publisher: &ParticipantId, track: &TrackId) -> Option<Watch> {
        if !self.permissions.subscribe {
            return None;
        }
        let Some(watch) = self.watches.get(&(publisher.clone(), track.clone())) else {
            return Some(Watch::default());
        };
        watch.wanted.then(|| Watch {
            size: watch.width.zip(watch.height),
            priority: watch.priority,
            is_paused: watch.paused,
        })
    }

    /// Somebody is gone, and will not come back by that name.
    fn forget(&mut self, publisher: &ParticipantId) {
        self.watches.retain(|(of, _), _| of != publisher);
    }
}

/// All rooms of a shard.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    all: Slab<Room>,
    names: BTreeMap<RoomName, usize>,
    participants: Slab<Participant>,
}

impl Rooms {
    /// Somebody enters a room, or is there already. [`None`]: there are too many participants.
    pub(crate) fn enter(
        &mut self,
        name: &RoomName,
        id: &ParticipantId,
        permissions: Permissions,
        now: Instant,
    ) -> Option<usize> {
        if let Some(known) = self.find(name, id) {
            self.participants[known].permissions = permissions;
            return Some(known);
        }
        if self.participants.len() >= PARTICIPANTS_MAX {
            return None;
        }
        let room = match self.names.get(name) {
            Some(room) => *room,
            None => self.open(name),
        };
        let place = self.participants.insert(Participant {
            id: id.clone(),
            room,
            permissions,
            published: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            watches: BTreeMap::new(),
            connection: None,
            offers: Allowance::new(now),
        });
        self.all[room].participants.insert(id.clone(), place);
        Some(place)
    }

    /// Somebody is gone, and with the last one the room.
    pub(crate) fn leave(&mut self, place: usize) {
        let Some(gone) = self.participants.try_remove(place) else { return };
        let Some(room) = self.all.get_mut(gone.room) else { return };
        room.participants.remove(&gone.id);
        if room.participants.is_empty() {
            self.names.remove(&room.name);
            self.all.remove(gone.room);
            return;
        }
        for other in room.participants.values() {
            self.participants[*other].forget(&gone.id);
        }
    }

    /// The place of somebody.
    pub(crate) fn find(&self, name: &RoomName, id: &ParticipantId) -> Option<usize> {
        self.all.get(*self.names.get(name)?)?.participants.get(id).copied()
    }

    pub(crate) fn participant(&self, place: usize) -> Option<&Participant> {
        self.participants.get(place)
    }

    pub(crate) fn participant_mut(&mut self, place: usize) -> Option<&mut Participant> {
        self.participants.get_mut(place)
    }

    pub(crate) fn room(&self, place: usize) -> Option<&Room> {
        self.all.get(place)
    }

    pub(crate) fn room_mut(&mut self, place: usize) -> Option<&mut Room> {
        self.all.get_mut(place)
    }

    /// The places of all others in somebody's room.
    pub(crate) fn others(&self, place: usize) -> Vec<usize> {
        let room = self.participant(place).and_then(|participant| self.room(participant.room));
        let places = room.into_iter().flat_map(|room| room.participants.values().copied());
        places.filter(|other| *other != place).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn participant_count(&self) -> usize {
        self.participants.len()
    }

    fn open(&mut self, name: &RoomName) -> usize {
        let room = self.all.insert(Room {
            name: name.clone(),
            participants: BTreeMap::new(),
            voices: Voices::default(),
        });
        self.names.insert(name.clone(), room);
        room
    }
}
