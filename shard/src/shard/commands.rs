//! What signalling tells.

use super::MediaShard;
use moim_relay::Outbox;
use moim_signal::id::{ParticipantId, PeerConnectionId, RoomName};
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::{ConnectionEndReason, Permissions, ServerMessage, TrackDescription, TrackWatch};
use std::time::Instant;

impl MediaShard {
    pub(super) fn obey(&mut self, command: MediaCommand, out: &mut Outbox<'_>, now: Instant) {
        let MediaCommand { room, participant, action } = command;
        if let MediaAction::Enter { permissions } = action {
            if let Some(place) = self.rooms.enter(&room, &participant, permissions, now) {
                self.permit(place, permissions, now);
            }
            return;
        }
        let Some(place) = self.rooms.find(&room, &participant) else {
            if let MediaAction::Offer { connection, .. } = action {
                self.refuse_stranger(room, participant, connection);
            }
            return;
        };
        match action {
            // Dealt with above. A lite agent learns from checks where the other side is.
            MediaAction::Enter { .. } | MediaAction::Candidate { .. } => {}
            MediaAction::Permit { permissions } => self.permit(place, permissions, now),
            MediaAction::Publish { tracks } => self.publish(place, tracks, now),
            MediaAction::Offer { connection, sdp, tracks } => {
                self.take_offer(place, connection, (&sdp, &tracks), out, now);
            }
            MediaAction::Watch { watches } => self.watch(place, &watches, now),
            MediaAction::Leave => {
                if let Some(connection) = self.rooms.participant(place).and_then(|it| it.connection) {
                    self.close(connection, out, now);
                }
                self.rooms.leave(place);
            }
        }
    }

    /// There was no room for them when they entered.
    fn refuse_stranger(&self, room: RoomName, participant: ParticipantId, connection: PeerConnectionId) {
        let message = ServerMessage::ConnectionEnded {
            connection,
            reason: ConnectionEndReason::ServerFull,
            message: "The server has as many participants as it takes. Try again later.".to_owned(),
        };
        (self.reporter)(MediaReport { room, participant: Some(participant), message });
    }

    fn permit(&mut self, place: usize, permissions: Permissions, now: Instant) {
        let Some(participant) = self.rooms.participant_mut(place) else { return };
        participant.permissions = permissions;
        let connection = participant.connection;
        self.match_tracks(place, now);
        if let Some(connection) = connection {
            self.subscribe_to_all(connection, now);
        }
    }

    fn publish(&mut self, place: usize, tracks: Vec<TrackDescription>, now: Instant) {
        let Some(participant) = self.rooms.participant_mut(place) else { return };
        participant.published = tracks.into_iter().map(|track| (track.id.clone(), track)).collect();
        self.match_tracks(place, now);
    }

    fn watch(&mut self, place: usize, watches: &[TrackWatch], now: Instant) {
        for watch in watches {
            let Some(participant) = self.rooms.participant_mut(place) else { return };
            let (room, connection) = (participant.room, participant.connection);
            // Of who is gone, nothing is remembered: nobody would forget it.
            let Some(room) = self.rooms.room(room) else { return };
            let Some(publisher) = room.participants.get(&watch.participant).copied() else { continue };
            if let Some(participant) = self.rooms.participant_mut(place) {
                participant.watch(watch);
            }
            let publisher = self.rooms.participant(publisher);
            let track = publisher.and_then(|publisher| publisher.forwarded.get(&watch.track)).copied();
            if let (Some(connection), Some(track)) = (connection, track) {
                self.subscribe(connection, track, now);
            }
        }
    }
}
