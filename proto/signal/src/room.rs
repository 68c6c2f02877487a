//! Who is in a room, and what they publish.

use crate::id::{ParticipantId, TrackId};
use crate::message::{LinkState, ParticipantDescription, TrackDescription};
use crate::session::SessionKey;
use crate::topology::{Counted, RoomTopology, Step};
use std::collections::BTreeMap;
use std::time::Instant;

/// A room with at least one participant; it ends with its last one.
#[derive(Debug)]
pub(crate) struct Room {
    /// Whether whoever is longest in it is its admin (the open mode).
    host_is_admin: bool,
    participants: BTreeMap<ParticipantId, Participant>,
    /// How many ever joined: orders participants by how long they have been here.
    joins: u64,
    pub(crate) topology: RoomTopology,
    /// When to look at the topology next: its entry among the timers.
    pub(crate) timer: Option<Instant>,
}

/// One participant of a room.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) session: SessionKey,
    pub(crate) description: ParticipantDescription,
    /// Whether it can connect to the others directly.
    is_direct: bool,
    order: u64,
}

/// As many tracks as a participant may publish.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyTracks;

/// The participant publishes no such track.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownTrack;

impl Room {
    pub(crate) fn new(host_is_admin: bool, topology: RoomTopology) -> Self {
        Self { host_is_admin, participants: BTreeMap::new(), joins: 0, topology, timer: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.participants.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Lets a participant in. Whoever opens an open room is its admin, unless it is an encoder or a player: those look after nothing.
    pub(crate) fn enter(
        &mut self,
        session: SessionKey,
        mut description: ParticipantDescription,
        is_direct: bool,
    ) -> ParticipantDescription {
        if self.host_is_admin && is_direct && !self.has_admin() {
            description.permissions.admin = true;
        }
        self.joins += 1;
        let (description_kept, order) = (description.clone(), self.joins);
        let participant = Participant { session, description: description_kept, is_direct, order };
        self.participants.insert(description.id.clone(), participant);
        description
    }

    /// Lets a participant out. In an open room without an admin, whoever has been here longest becomes it, and is returned
    /// to be made known.
    pub(crate) fn leave(&mut self, id: &ParticipantId) -> Option<ParticipantDescription> {
        self.participants.remove(id)?;
        self.topology.note_left(id);
        if !self.host_is_admin || self.has_admin() {
            return None;
        }
        let direct = self.participants.values_mut().filter(|other| other.is_direct);
        let host = direct.min_by_key(|other| other.order)?;
        host.description.permissions.admin = true;
        Some(host.description.clone())
    }

    pub(crate) fn participant(&self, id: &ParticipantId) -> Option<&Participant> {
        self.participants.get(id)
    }

    pub(crate) fn participant_mut(&mut self, id: &ParticipantId) -> Option<&mut Participant> {
        self.participants.get_mut(id)
    }

    fn has_admin(&self) -> bool {
        self.participants.values().any(|participant| participant.description.permissions.admin)
    }

    /// What the room's topology makes of who is in it, and of one more who is `coming` and can connect directly, or not. Called until there is nothing.
    pub(crate) fn review(&mut self, coming: Option<bool>, now: Instant) -> Option<Step> {
        let Self { participants, topology, .. } = self;
        let counted = Counted {
            participants: participants.len() + usize::from(coming.is_some()),
            are_direct: coming.unwrap_or(true)
                && participants.values().all(|participant| participant.is_direct),
        };
        // Who goes by the server alone has nothing to switch.
        let direct = participants.iter().filter(|(_, participant)| participant.is_direct);
        topology.review(counted, || direct.map(|(id, _)| id.clone()).collect(), now)
    }

    /// Whom a token's identity belongs to at present.
    pub(crate) fn find_identity(&self, identity: &str) -> Option<(ParticipantId, SessionKey)> {
        let (id, participant) = self
            .participants
            .iter()
            .find(|(_, participant)| participant.description.identity.as_deref() == Some(identity))?;
        Some((id.clone(), participant.session))
    }

    /// Everybody, longest present first.
    pub(crate) fn descriptions(&self) -> Vec<ParticipantDescription> {
        let mut participants: Vec<_> = self.participants.values().collect();
        participants.sort_by_key(|participant| participant.order);
        participants.into_iter().map(|participant| participant.description.clone()).collect()
    }

    /// The ids of everybody.
    pub(crate) fn ids(&self) -> Vec<ParticipantId> {
        self.participants.keys().cloned().collect()
    }

    /// The sessions of everybody, or of everybody else.
    pub(crate) fn sessions(&self, except: Option<&ParticipantId>) -> Vec<SessionKey> {
        self.participants
            .iter()
            .filter(|(id, _)| Some(*id) != except)
            .map(|(_, participant)| participant.session)
            .collect()
    }
}

impl Participant {
    /// Adds a track, or describes it anew.
    pub(crate) fn publish(&mut self, track: TrackDescription, tracks_max: u32) -> Result<(), TooManyTracks> {
        let tracks = &mut self.description.tracks;
        if let Some(known) = tracks.iter_mut().find(|known| known.id == track.id) {
            *known = track;
            return Ok(());
        }
        if tracks.len() >= tracks_max as usize {
            return Err(TooManyTracks);
        }
        tracks.push(track);
        Ok(())
    }

    pub(crate) fn unpublish(&mut self, track: &TrackId) -> Result<(), UnknownTrack> {
        let tracks = &mut self.description.tracks;
        let position = tracks.iter().position(|known| known.id == *track).ok_or(UnknownTrack)?;
        tracks.remove(position);
        Ok(())
    }

    pub(crate) fn mute(&mut self, track: &TrackId, muted: bool) -> Result<(), UnknownTrack> {
        let tracks = &mut self.description.tracks;
        let known = tracks.iter_mut().find(|known| known.id == *track).ok_or(UnknownTrack)?;
        known.muted = muted;
        Ok(())
    }

    /// Notes whether the participant can be reached; says whether that is news.
    pub(crate) fn set_link(&mut self, link: LinkState) -> bool {
        let changed = self.description.link != link;
        self.description.link = link;
        changed
    }
}
