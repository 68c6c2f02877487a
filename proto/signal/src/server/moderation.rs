//! What an admin of a room, or the operator of the server, does with others.

use crate::id::{ParticipantId, RoomName, TrackId};
use crate::media::MediaAction;
use crate::message::{
    ErrorCode, LeaveReason, ParticipantDescription, Permissions, Topology, TopologyReason, TrackDescription,
};
use crate::room::{Participant, Room};
use crate::server::SignalServer;
use crate::server::checks::{Refusal, unknown_participant};
use crate::session::{Place, SessionKey};
use std::time::Instant;

/// What an operator does with a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moderation {
    /// Removes it from its room.
    Remove,
    /// Sets what it may do.
    SetPermissions(Permissions),
    /// Mutes a track of its. It may unmute it.
    MuteTrack(TrackId),
}

/// A room, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// How media travels in it.
    pub topology: Topology,
    /// Why so.
    pub reason: TopologyReason,
    /// How many are in it.
    pub participants: usize,
}

impl SignalServer {
    /// Every room, by its name.
    pub fn rooms(&self) -> impl Iterator<Item = RoomSummary> {
        self.rooms.iter().map(|(name, room)| {
            let (topology, reason) = room.topology.current();
            RoomSummary { name: name.clone(), topology, reason, participants: room.len() }
        })
    }

    /// Everybody in a room, longest present first; [`None`] if there is no such room.
    pub fn participants(&self, room: &RoomName) -> Option<Vec<ParticipantDescription>> {
        self.rooms.get(room).map(Room::descriptions)
    }

    /// How media travels in a room, and why; [`None`] if there is no such room.
    pub fn topology(&self, room: &RoomName) -> Option<(Topology, TopologyReason)> {
        self.rooms.get(room).map(|room| room.topology.current())
    }

    /// The operator does something with a participant.
    ///
    /// # Errors
    /// Why it has no effect: there is no such participant, or track, or the media plane is too busy.
    pub fn moderate(
        &mut self,
        room: &RoomName,
        participant: &ParticipantId,
        moderation: Moderation,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        self.last_now = Some(now);
        let place = Place { room: room.clone(), participant: participant.clone() };
        let done = match moderation {
            Moderation::Remove => self
                .member(&place, participant)
                .map(|member| member.session)
                .map(|session| self.remove(session, LeaveReason::Kicked)),
            Moderation::SetPermissions(permissions) => {
                self.check_media_waiting().and_then(|()| self.set_permissions(&place, permissions))
            }
            Moderation::MuteTrack(track) => {
                self.check_media_waiting().and_then(|()| self.mute_track(&place, &track))
            }
        };
        self.finish(now);
        done.map_err(|refusal| refusal.code)
    }

    /// The operator closes a room. Whether there was one.
    pub fn close_room(&mut self, room: &RoomName, now: Instant) -> bool {
        self.last_now = Some(now);
        let was_there = self.rooms.contains_key(room);
        self.remove_all(room);
        self.finish(now);
        was_there
    }

    pub(super) fn kick_by(&mut self, key: SessionKey, participant: &ParticipantId) -> Result<(), Refusal> {
        let place = self.admin(key)?;
        let target = self.member(&place, participant)?.session;
        if target == key {
            return Err(Refusal::new(
                ErrorCode::InvalidArgument,
                "You cannot remove yourself. Leave instead.",
            ));
        }
        self.remove(target, LeaveReason::Kicked);
        Ok(())
    }

    pub(super) fn close_room_by(&mut self, key: SessionKey) -> Result<(), Refusal> {
        let place = self.admin(key)?;
        self.remove_all(&place.room);
        Ok(())
    }

    pub(super) fn set_permissions_by(
        &mut self,
        key: SessionKey,
        participant: ParticipantId,
        permissions: Permissions,
    ) -> Result<(), Refusal> {
        let admin = self.admin(key)?;
        if admin.participant == participant && !permissions.admin {
            // The room might have nobody left who can give it back.
            return Err(Refusal::new(
                ErrorCode::InvalidArgument,
                "You cannot take `admin` from yourself. Let another admin do it.",
            ));
        }
        self.set_permissions(&Place { room: admin.room, participant }, permissions)
    }

    pub(super) fn mute_track_by(
        &mut self,
        key: SessionKey,
        participant: ParticipantId,
        track: &TrackId,
    ) -> Result<(), Refusal> {
        let admin = self.admin(key)?;
        self.mute_track(&Place { room: admin.room, participant }, track)
    }

    fn set_permissions(&mut self, place: &Place, permissions: Permissions) -> Result<(), Refusal> {
        self.change(place, |participant| {
            participant.description.permissions = permissions;
            if !permissions.publish {
                participant.description.tracks.clear();
            }
            Ok(())
        })
    }

    fn mute_track(&mut self, place: &Place, track: &TrackId) -> Result<(), Refusal> {
        self.change(place, |participant| {
            participant.mute(track, true).map_err(|_| {
                Refusal::new(ErrorCode::UnknownTrack, "The participant publishes no such track (any more).")
            })
        })
    }

    fn remove_all(&mut self, room: &RoomName) {
        let members = self.rooms.get(room).map(|room| room.sessions(None)).unwrap_or_default();
        for member in members {
            self.remove(member, LeaveReason::RoomClosed);
        }
    }

    /// Changes a participant's description, and makes it known to everybody and to the media plane.
    pub(super) fn change(
        &mut self,
        place: &Place,
        change: impl FnOnce(&mut Participant) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let participant = self
            .rooms
            .get_mut(&place.room)
            .and_then(|room| room.participant_mut(&place.participant))
            .ok_or_else(unknown_participant)?;
        let before = Published::of(participant);
        change(participant)?;
        let after = Published::of(participant);
        let description = participant.description.clone();
        if after.permissions != before.permissions {
            let permissions = after.permissions;
            self.tell_media(&place.room, &place.participant, || MediaAction::Permit { permissions });
        }
        if after.tracks != before.tracks {
            let tracks = after.tracks;
            self.tell_media(&place.room, &place.participant, || MediaAction::Publish { tracks });
        }
        self.announce(&place.room, description);
        Ok(())
    }

    fn admin(&self, key: SessionKey) -> Result<Place, Refusal> {
        let place = self.joined(key)?;
        if self.member(&place, &place.participant)?.description.permissions.admin {
            Ok(place)
        } else {
            Err(Refusal::new(ErrorCode::PermissionDenied, "Only an admin of the room may do that."))
        }
    }
}

/// What the media plane knows of a participant.
struct Published {
    permissions: Permissions,
    tracks: Vec<TrackDescription>,
}

impl Published {
    fn of(participant: &Participant) -> Self {
        let ParticipantDescription { permissions, tracks, .. } = &participant.description;
        Self { permissions: *permissions, tracks: tracks.clone() }
    }
}
