//! What goes to the media plane, and what comes from it.

use crate::id::{ParticipantId, RoomName};
use crate::media::{MediaAction, MediaCommand, MediaReport};
use crate::message::{ErrorCode, ServerMessage, TrackWatch};
use crate::server::checks::{Refusal, check_client_id};
use crate::server::{Output, SignalServer};
use crate::session::{Place, SessionKey};
use std::time::Instant;

/// How many commands for the media plane may wait to be taken before messages that would make more are refused. Beyond it come only those
/// that follow from others: that somebody has left, who entered within it.
pub const MEDIA_COMMANDS_MAX: usize = 1024;
/// How many tracks one `watch` may name.
const WATCHES_MAX: usize = 256;

impl SignalServer {
    /// The media plane has something to say to a participant, or to all of a room.
    pub fn handle_media_report(&mut self, report: MediaReport, now: Instant) {
        self.last_now = Some(now);
        self.counters.media_reports += 1;
        let MediaReport { room, participant, message } = report;
        let receivers = match (self.rooms.get(&room), &participant) {
            (Some(room), Some(one)) => {
                room.participant(one).map(|participant| participant.session).into_iter().collect()
            }
            (Some(room), None) => room.sessions(None),
            (None, _) => Vec::new(),
        };
        if receivers.is_empty() {
            self.counters.media_reports_late += 1;
        }
        for key in receivers {
            self.send_report(key, message.clone());
        }
        self.finish(now);
    }

    /// Passes on what a participant has to say to the server's end of its connection.
    pub(super) fn pass_on_to_media(&mut self, key: SessionKey, action: MediaAction) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        if self.config.offered_forwarding().is_none() {
            return Err(Refusal::new(
                ErrorCode::UnknownParticipant,
                "This server does not forward media: `joined.room` has no `forwarding`.",
            ));
        }
        self.push_media(place, action);
        Ok(())
    }

    /// A participant says how it wants to have tracks of others.
    pub(super) fn watch(&mut self, key: SessionKey, mut watches: Vec<TrackWatch>) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        if watches.len() > WATCHES_MAX {
            let text = format!("`watches` names more than {WATCHES_MAX} tracks. Send them in parts.");
            return Err(Refusal::new(ErrorCode::InvalidArgument, text));
        }
        for watch in &watches {
            check_client_id(watch.participant.as_str(), "watches[].participant")?;
            check_client_id(watch.track.as_str(), "watches[].track")?;
        }
        // Whoever is named may just have left.
        if let Some(room) = self.rooms.get(&place.room) {
            watches.retain(|watch| {
                watch.participant != place.participant && room.participant(&watch.participant).is_some()
            });
        }
        if !watches.is_empty() && self.config.offered_forwarding().is_some() {
            self.push_media(place, MediaAction::Watch { watches });
        }
        Ok(())
    }

    /// Tells the media plane something of a participant, if there is one for rooms.
    pub(super) fn tell_media(
        &mut self,
        room: &RoomName,
        participant: &ParticipantId,
        action: impl FnOnce() -> MediaAction,
    ) {
        if self.config.offered_forwarding().is_some() {
            let place = Place { room: room.clone(), participant: participant.clone() };
            self.push_media(place, action());
        }
    }

    /// Whether a message that may make a command for the media plane can be handled now.
    pub(super) fn check_media_waiting(&self) -> Result<(), Refusal> {
        if self.media_waiting < MEDIA_COMMANDS_MAX {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::RateLimited, "The server is too busy for this. Try again in a moment."))
    }

    /// Sends what waited to be sent, if it need not wait any longer.
    pub(super) fn release_reports(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.held.is_empty() || session.holds_reports(&self.config) {
            return;
        }
        for message in session.held.take() {
            self.send(key, message);
        }
    }

    /// Sends a report, or lets it wait for the link to come back: then the newest counts.
    fn send_report(&mut self, key: SessionKey, message: ServerMessage) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        // One that waits must not come after one that is newer.
        let waits = session.holds_reports(&self.config) || !session.held.is_empty();
        let message = if waits { session.held.hold(message) } else { Some(message) };
        if let Some(message) = message {
            self.send(key, message);
        }
    }

    fn push_media(&mut self, Place { room, participant }: Place, action: MediaAction) {
        self.counters.media_commands += 1;
        self.media_waiting += 1;
        self.outputs.push_back(Output::Media(MediaCommand { room, participant, action }));
    }
}
