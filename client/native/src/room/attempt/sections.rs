//! Which section of a connection carries what.

use super::Attempt;
use crate::room::TrackKey;
use moim_sdp::Direction;
use moim_sdp::jsep::{
    EncodingInit, SenderInit, Transceiver, TransceiverId, TransceiverInit, TransceiverState,
};
use moim_signal::id::TrackId;
use moim_signal::message::{SectionContent, TrackSource};
use moim_wire::{MediaKind, Mid};
use std::time::Instant;

/// The sections of a first offer, in the order in which the others fill them: so that turning a source on needs no new offer.
const PLACES: [(TrackSource, MediaKind); 4] = [
    (TrackSource::Microphone, MediaKind::Audio),
    (TrackSource::Camera, MediaKind::Video),
    (TrackSource::ScreenShare, MediaKind::Video),
    (TrackSource::ScreenShareAudio, MediaKind::Audio),
];
/// Most sections of a kind that a connection to the server receives by, however many it asks for.
const RECEIVING_MAX: usize = 128;

/// A track that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) id: TrackId,
    pub(super) source: TrackSource,
    pub(super) kind: MediaKind,
    /// In how many encodings.
    pub(super) encodings: usize,
}

/// The names of a simulcast's encodings, the lowest first.
fn rids(encodings: usize) -> &'static [&'static str] {
    match encodings {
        0 | 1 => &[],
        2 => &["l", "h"],
        _ => &["l", "m", "h"],
    }
}

impl Attempt {
    /// What the server says of its sections, from here on.
    pub(in crate::room) fn handle_sections(&mut self, sections: Vec<SectionContent>) {
        for content in sections {
            let Ok(mid) = content.mid.parse::<Mid>() else { continue };
            // Nothing is kept of sections that there are not.
            if !self.connection.peer().transceivers().iter().any(|it| it.mid() == Some(mid)) {
                continue;
            }
            match &content.source {
                Some(source) => {
                    let (participant, track) = (source.participant.clone(), source.track.clone());
                    self.receiving.insert(mid, TrackKey { participant, track });
                }
                None => drop(self.receiving.remove(&mid)),
            }
            self.contents.insert(mid, content);
        }
    }

    /// What the sections from the server carry, in the order of their names.
    pub(in crate::room) fn contents(&self) -> Vec<SectionContent> {
        self.contents.values().cloned().collect()
    }

    /// Adds sections by which the server can send, until there are so many in all. The next offer has them.
    pub(in crate::room) fn receive_by(&mut self, audio: u16, video: u16) {
        for (kind, wanted) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            let receives = |it: &&Transceiver| it.kind() == kind && it.direction() == Direction::RecvOnly;
            let have = self.connection.peer().transceivers().iter().filter(receives).count();
            for _ in have..usize::from(wanted).min(RECEIVING_MAX) {
                self.add_transceiver(kind, Direction::RecvOnly, 1);
            }
        }
    }

    /// Gives every wanted track a section: a free one of its kind, which the other side's offer may have brought, or a new one. Takes
    /// them from those that are not wanted any more.
    pub(super) fn place(&mut self) {
        let is_wanted = |id: &TrackId| self.wanted.iter().any(|wanted| wanted.id == *id);
        let gone: Vec<_> = self.sending.keys().filter(|id| !is_wanted(id)).cloned().collect();
        for id in gone {
            if let Some(transceiver) = self.sending.remove(&id) {
                // Stopping the section would take from the other side what it sends in it.
                self.direct(transceiver, self.vacant());
            }
        }
        let is_first_offer = self.options.is_initiator && self.connection.peer().transceivers().is_empty();
        if is_first_offer {
            for (source, kind) in PLACES {
                let track = self.wanted.iter().find(|track| (track.source, track.kind) == (source, kind));
                self.add_section(track.cloned(), kind);
            }
            if let Some(forwarding) = self.options.forwarding {
                self.receive_by(forwarding.audio_sections, forwarding.video_sections);
            }
        }
        for track in self.wanted.clone() {
            if self.sending.contains_key(&track.id) {
                continue;
            }
            match self.free(&track) {
                Some(transceiver) => {
                    self.direct(transceiver, self.occupied());
                    self.sending.insert(track.id, transceiver);
                }
                None => self.add_section(Some(track.clone()), track.kind),
            }
        }
    }

    /// Which way media goes in a section that carries a track of ours. The server sends by sections of their own.
    fn occupied(&self) -> Direction {
        if self.is_to_server() { Direction::SendOnly } else { Direction::SendRecv }
    }

    /// The same of one that carries none.
    fn vacant(&self) -> Direction {
        if self.is_to_server() { Direction::Inactive } else { Direction::RecvOnly }
    }

    fn add_section(&mut self, track: Option<Wanted>, kind: MediaKind) {
        let direction = if track.is_some() { self.occupied() } else { self.vacant() };
        let encodings = track.as_ref().map_or(1, |track| track.encodings);
        if let Some(transceiver) = self.add_transceiver(kind, direction, encodings) {
            self.sending.extend(track.map(|track| (track.id, transceiver)));
        }
    }

    fn add_transceiver(
        &mut self,
        kind: MediaKind,
        direction: Direction,
        encodings: usize,
    ) -> Option<TransceiverId> {
        let encodings = rids(encodings).iter().map(|rid| EncodingInit { rid: rid.parse().ok() }).collect();
        let sender = SenderInit { encodings, ..SenderInit::default() };
        let init = TransceiverInit { direction, sender, ..TransceiverInit::default() };
        let added = self.connection.peer_mut().add_transceiver(kind, init, Instant::now());
        added.inspect_err(|error| tracing::warn!(%error, "there is no section for a track")).ok()
    }

    fn direct(&mut self, transceiver: TransceiverId, direction: Direction) {
        let directed = self.connection.peer_mut().set_direction(transceiver, direction, Instant::now());
        if let Err(error) = directed {
            tracing::debug!(%error, "the direction of a section cannot be changed");
        }
    }

    /// A section of a track's kind, with as many encodings, by which nothing of ours is sent, nor was before as far as the other side knows.
    fn free(&self, track: &Wanted) -> Option<TransceiverId> {
        let vacant = self.vacant();
        let free = self.connection.peer().transceivers().iter().find(|transceiver| {
            transceiver.kind() == track.kind
                && transceiver.state() == TransceiverState::Active
                && (!self.is_to_server() || transceiver.direction() == vacant)
                && transceiver.sender().encodings.len() == rids(track.encodings).len()
                && !transceiver.current_direction().is_some_and(Direction::sends)
                && !self.sending.values().any(|sending| *sending == transceiver.id())
        });
        free.map(Transceiver::id)
    }
}
