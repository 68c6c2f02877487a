//! What the forwarder has to say, and what of that clients are told.

use super::{ForwardedTrack, MediaShard};
use crate::section::Incoming;
use moim_sfu::{Event, GroupId, Layer, LayersWanted, Reason, SlotId, SubscriberId, TrackId};
use moim_signal::media::MediaReport;
use moim_signal::message::{
    ForwardedLayer, ForwardedTrack as Source, LayerReason, SectionContent, ServerMessage,
};
use moim_wire::Bitrate;
use std::time::Instant;

impl MediaShard {
    /// What the forwarder has to say. Says whether it was anything.
    pub(super) fn take_forwarder_events(&mut self, now: Instant) -> bool {
        let mut has_any = false;
        while let Some(event) = self.forwarder.poll_event() {
            has_any = true;
            self.on_forwarder_event(event, now);
        }
        has_any
    }

    fn on_forwarder_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::SlotShows { slot, .. } | Event::LayerReason { slot, .. } => self.note_section(slot),
            Event::SlotsWanted { subscriber, audio, video } => self.want_sections(subscriber, audio, video),
            Event::Demand { subscriber, bitrate } => self.set_demand(subscriber, bitrate, now),
            Event::KeyFrameWanted { track, encoding } => self.ask_for_key_frame(track, encoding, now),
            Event::LayersWanted { track, layers } => self.tell_layers(track, layers),
            Event::Speakers { group, dominant } => self.set_dominant(group, dominant),
            Event::Speaking { track, is_speaking } => self.set_speaking(track, is_speaking),
            _ => {}
        }
    }

    fn subscriber(&self, subscriber: SubscriberId) -> Option<usize> {
        let place = *self.subscribers.get(subscriber.index())?;
        let connection = self.connections.get(place)?;
        (connection.subscriber == Some(subscriber)).then_some(place)
    }

    fn note_section(&mut self, slot: SlotId) {
        let Some(place) = self.subscriber(slot.subscriber) else { return };
        let sections = &mut self.connections[place].sections;
        if sections.news.is_empty() {
            self.section_news.push(place);
        }
        sections.note_news(slot.index);
    }

    fn want_sections(&self, subscriber: SubscriberId, audio: u16, video: u16) {
        let Some(place) = self.subscriber(subscriber) else { return };
        let connection = &self.connections[place];
        let message = ServerMessage::SectionsWanted { connection: connection.id.clone(), audio, video };
        self.tell(connection.participant, message);
    }

    fn set_demand(&mut self, subscriber: SubscriberId, bitrate: Bitrate, now: Instant) {
        let Some(place) = self.subscriber(subscriber) else { return };
        self.connections[place].peer.set_demand(bitrate, now);
        self.make_ready(place);
    }

    fn ask_for_key_frame(&mut self, track: TrackId, encoding: usize, now: Instant) {
        let Some(known) = self.tracks.get(&track) else { return };
        let place = known.connection;
        let Some(connection) = self.connections.get_mut(place) else { return };
        let section = connection.sections.incoming(known.transceiver);
        let stream = section.and_then(|section| *section.streams.get(encoding)?);
        // Nothing has come of it yet. What will begins with a key frame.
        let Some(stream) = stream else { return };
        if connection.peer.request_key_frame(stream.id, now) {
            self.counters.key_frames_asked += 1;
            self.make_ready(place);
        }
    }

    fn tell_layers(&self, track: TrackId, layers: LayersWanted) {
        let Some(known) = self.tracks.get(&track) else { return };
        let Some(connection) = self.connections.get(known.connection) else { return };
        let count = connection.sections.incoming(known.transceiver).map_or(0, Incoming::encodings);
        let encodings = (0_u8..).take(count).filter(|encoding| layers.encodings >> encoding & 1 == 1);
        let message = ServerMessage::EncodingsWanted {
            connection: connection.id.clone(),
            track: known.track.clone(),
            encodings: encodings.collect(),
        };
        self.tell(known.participant, message);
    }

    fn set_dominant(&mut self, group: GroupId, dominant: Option<TrackId>) {
        let Ok(place) = usize::try_from(group.0) else { return };
        let dominant = dominant.and_then(|track| Some(self.tracks.get(&track)?.publisher.clone()));
        let Some(room) = self.rooms.room_mut(place) else { return };
        if room.voices.dominant != dominant {
            room.voices.dominant = dominant;
            self.note_voices(place);
        }
    }

    fn set_speaking(&mut self, track: TrackId, is_speaking: bool) {
        let Some(known) = self.tracks.get(&track) else { return };
        let Some(place) = self.rooms.participant(known.participant).map(|participant| participant.room)
        else {
            return;
        };
        let Some(room) = self.rooms.room_mut(place) else { return };
        let voice = (known.publisher.clone(), known.track.clone());
        let has_changed = if is_speaking {
            room.voices.speaking.insert(voice)
        } else {
            room.voices.speaking.remove(&voice)
        };
        if has_changed {
            self.note_voices(place);
        }
    }

    /// A track is gone, and nobody speaks there any more.
    pub(super) fn fall_silent(&mut self, gone: &ForwardedTrack) {
        let Some(place) = self.rooms.participant(gone.participant).map(|participant| participant.room) else {
            return;
        };
        let Some(room) = self.rooms.room_mut(place) else { return };
        if room.voices.speaking.remove(&(gone.publisher.clone(), gone.track.clone())) {
            self.note_voices(place);
        }
    }

    fn note_voices(&mut self, place: usize) {
        if let Some(room) = self.rooms.room_mut(place)
            && !std::mem::replace(&mut room.voices.is_news, true)
        {
            self.room_news.push(place);
        }
    }

    /// Tells what has changed in this turn, all of it once.
    pub(super) fn tell_news(&mut self) {
        while let Some(place) = self.section_news.pop() {
            self.tell_sections(place);
        }
        while let Some(place) = self.room_news.pop() {
            self.tell_voices(place);
        }
    }

    fn tell_sections(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let news = connection.sections.take_news();
        let Some(connection) = self.connections.get(place) else { return };
        let Some(subscriber) = connection.subscriber else { return };
        let contents = news.into_iter().filter_map(|index| {
            let section = connection.sections.slots.get(usize::from(index))?;
            Some(self.content(SlotId { subscriber, index }, section.mid.as_str()))
        });
        let sections: Vec<_> = contents.collect();
        if !sections.is_empty() {
            let message = ServerMessage::Sections { connection: connection.id.clone(), sections };
            self.tell(connection.participant, message);
        }
    }

    /// What a slot shows.
    fn content(&self, slot: SlotId, mid: &str) -> SectionContent {
        let track = self.forwarder.shown(slot).and_then(|track| self.tracks.get(&track));
        let stats = self.forwarder.slot_stats(slot).unwrap_or_default();
        SectionContent {
            mid: mid.to_owned(),
            source: track
                .map(|track| Source { participant: track.publisher.clone(), track: track.track.clone() }),
            layer: stats.layer.map(layer_of),
            reason: stats.reason.map_or(LayerReason::Wanted, reason_of),
        }
    }

    fn tell_voices(&mut self, place: usize) {
        let Some(room) = self.rooms.room_mut(place) else { return };
        room.voices.is_news = false;
        let mut speaking: Vec<_> =
            room.voices.speaking.iter().map(|(participant, _)| participant.clone()).collect();
        speaking.dedup();
        let message = ServerMessage::Speakers { dominant: room.voices.dominant.clone(), speaking };
        (self.reporter)(MediaReport { room: room.name.clone(), participant: None, message });
    }
}

fn layer_of(layer: Layer) -> ForwardedLayer {
    ForwardedLayer { encoding: layer.encoding, spatial: layer.spatial, temporal: layer.temporal }
}

fn reason_of(reason: Reason) -> LayerReason {
    match reason {
        Reason::Wanted => LayerReason::Wanted,
        Reason::Bandwidth => LayerReason::Bandwidth,
        Reason::NotSent => LayerReason::NotSent,
        Reason::WaitingForKeyFrame => LayerReason::WaitingForKeyFrame,
        Reason::Paused => LayerReason::Paused,
    }
}
