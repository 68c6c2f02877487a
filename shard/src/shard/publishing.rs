//! Which tracks are forwarded, and who is subscribed to them.
//!
//! A track is forwarded while it is published, its publisher may publish, and a section of the connection carries it. Everybody else in the room is subscribed
//! to it who may subscribe, is connected, and has not said otherwise.

use super::{ForwardedTrack, MediaShard};
use moim_peer::sdp::jsep::TransceiverId;
use moim_sfu::{EncodingSpec, GroupId, OwnerId, Source, TrackSpec};
use moim_signal::id::TrackId;
use moim_signal::message::{TrackKind, TrackSource};
use std::collections::BTreeMap;
use std::time::Instant;

/// A track as it is to be forwarded.
#[derive(Debug)]
struct Due {
    transceiver: TransceiverId,
    spec: TrackSpec,
    is_muted: bool,
}

impl MediaShard {
    /// Brings what is forwarded of somebody up to date with what is published, permitted and negotiated.
    pub(super) fn match_tracks(&mut self, place: usize, now: Instant) {
        let due = self.due_tracks(place);
        let Some(participant) = self.rooms.participant(place) else { return };
        let stays = |track: &TrackId, id: &moim_sfu::TrackId| {
            let (Some(due), Some(known)) = (due.get(track), self.tracks.get(id)) else { return false };
            participant.connection == Some(known.connection)
                && known.transceiver == due.transceiver
                && self.is_carried_by(*id, known.connection, due.transceiver)
        };
        let ends: Vec<_> = participant
            .forwarded
            .iter()
            .filter(|(track, id)| !stays(track, id))
            .map(|(track, id)| (track.clone(), *id))
            .collect();
        for (track, id) in ends {
            if let Some(participant) = self.rooms.participant_mut(place) {
                participant.forwarded.remove(&track);
            }
            self.remove_track(id, now);
        }
        for (track, due) in due {
            let forwarded = self.rooms.participant(place).and_then(|it| it.forwarded.get(&track)).copied();
            let id = match forwarded {
                Some(id) => id,
                None => match self.add_track(place, &track, &due, now) {
                    Some(id) => id,
                    None => continue,
                },
            };
            // It is there: it was made or found just now.
            let _ = self.forwarder.set_muted(id, due.is_muted, now);
        }
    }

    /// Whether a section still is the one that the forwarder's track was made for.
    fn is_carried_by(&self, id: moim_sfu::TrackId, connection: usize, transceiver: TransceiverId) -> bool {
        let connection = self.connections.get(connection);
        let section = connection.and_then(|connection| connection.sections.incoming(transceiver));
        section.is_some_and(|section| section.forwarded == Some(id))
    }

    /// What is to be forwarded of somebody.
    fn due_tracks(&self, place: usize) -> BTreeMap<TrackId, Due> {
        let mut due = BTreeMap::new();
        let Some(participant) = self.rooms.participant(place) else { return due };
        let connection = participant.connection.and_then(|connection| self.connections.get(connection));
        let Some(connection) = connection.filter(|_| participant.permissions.publish) else { return due };
        for (transceiver, section) in connection.sections.all_incoming() {
            let Some(track) = &section.track else { continue };
            let Some(published) = participant.published.get(track) else { continue };
            let source = source_of(published.source, published.kind);
            if source.kind() != section.format.kind() {
                continue;
            }
            let rids = section.rids.iter().map(|rid| EncodingSpec { rid: Some(*rid), ..Default::default() });
            let mut encodings: Vec<_> = rids.collect();
            if encodings.is_empty() {
                encodings.push(EncodingSpec::default());
            }
            let spec = TrackSpec {
                owner: OwnerId(place as u64),
                group: GroupId(participant.room as u64),
                source,
                format: section.format,
                encodings,
            };
            // If several sections claim to carry a track, the first one does.
            due.entry(track.clone()).or_insert(Due { transceiver, spec, is_muted: published.muted });
        }
        due
    }

    fn add_track(
        &mut self,
        place: usize,
        track: &TrackId,
        due: &Due,
        now: Instant,
    ) -> Option<moim_sfu::TrackId> {
        let participant = self.rooms.participant_mut(place)?;
        let connection = participant.connection?;
        let id = self
            .forwarder
            .add_track(&due.spec, now)
            .inspect_err(|error| tracing::warn!(%error, "a track is not forwarded"))
            .ok()?;
        participant.forwarded.insert(track.clone(), id);
        let publisher = participant.id.clone();
        if let Some(section) = self.connections.get_mut(connection)?.sections.incoming_mut(due.transceiver) {
            section.forwarded = Some(id);
        }
        let transceiver = due.transceiver;
        let forwarded = ForwardedTrack {
            participant: place,
            publisher,
            track: track.clone(),
            connection,
            transceiver,
            format: due.spec.format,
        };
        self.tracks.insert(id, forwarded);
        for other in self.rooms.others(place) {
            if let Some(connection) = self.rooms.participant(other).and_then(|other| other.connection) {
                self.subscribe(connection, id, now);
            }
        }
        Some(id)
    }

    /// A track is forwarded no more.
    fn remove_track(&mut self, id: moim_sfu::TrackId, now: Instant) {
        // It is there: ids of what is gone are forgotten with it.
        let _ = self.forwarder.remove_track(id, now);
        let Some(gone) = self.tracks.remove(&id) else { return };
        let connection = self.connections.get_mut(gone.connection);
        if let Some(section) = connection.and_then(|it| it.sections.incoming_mut(gone.transceiver))
            && section.forwarded == Some(id)
        {
            section.forwarded = None;
        }
        self.fall_silent(&gone);
    }

    /// Nothing of somebody is forwarded any more.
    pub(super) fn remove_tracks(&mut self, place: usize, now: Instant) {
        let Some(participant) = self.rooms.participant_mut(place) else { return };
        for id in std::mem::take(&mut participant.forwarded).into_values() {
            self.remove_track(id, now);
        }
    }

    /// Subscribes a connection to a track, or ends that, as its participant may and wants.
    pub(super) fn subscribe(&mut self, place: usize, track: moim_sfu::TrackId, now: Instant) {
        let Some(connection) = self.connections.get(place) else { return };
        let (Some(subscriber), Some(known)) = (connection.subscriber, self.tracks.get(&track)) else {
            return;
        };
        let Some(participant) = self.rooms.participant(connection.participant) else { return };
        if connection.participant == known.participant {
            return;
        }
        let can_show = connection.sections.can_show(known.format);
        let done = match participant.wish(&known.publisher, &known.track).filter(|_| can_show) {
            Some(watch) => self.forwarder.subscribe(subscriber, track, watch, now),
            None => self.forwarder.unsubscribe(subscriber, track, now),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a participant is not subscribed to a track");
        }
    }

    /// Does so with all tracks of the others in the room.
    pub(super) fn subscribe_to_all(&mut self, place: usize, now: Instant) {
        let Some(participant) = self.connections.get(place).map(|connection| connection.participant) else {
            return;
        };
        for other in self.rooms.others(participant) {
            let Some(publisher) = self.rooms.participant(other) else { continue };
            let tracks: Vec<_> = publisher.forwarded.values().copied().collect();
            for track in tracks {
                self.subscribe(place, track, now);
            }
        }
    }
}

fn source_of(source: TrackSource, kind: TrackKind) -> Source {
    match (source, kind) {
        (TrackSource::Camera, _) | (TrackSource::Other, TrackKind::Video) => Source::Camera,
        (TrackSource::Microphone, _) => Source::Microphone,
        (TrackSource::ScreenShare, _) => Source::Screen,
        // Of sound of another kind it is not known that it is anybody's voice: it is heard whoever speaks.
        (TrackSource::ScreenShareAudio, _) | (TrackSource::Other, TrackKind::Audio) => Source::ScreenSound,
    }
}
