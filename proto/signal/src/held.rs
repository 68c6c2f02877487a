//! Reports of the media plane that wait for a participant to be reached.
//!
//! Media goes on while a participant's link is down, and so do its reports: which layer a section shows, who speaks. Of each of them only
//! the newest matters. Kept as messages they would fill the outbox of a session that is about to be resumed; here they take the place of
//! those before them.

use crate::id::{ParticipantId, PeerConnectionId, TrackId};
use crate::message::{SectionContent, ServerMessage};
use std::collections::BTreeMap;

/// The newest of each report. There are as many as the connection has sections and its participant tracks.
#[derive(Debug, Default)]
pub(crate) struct HeldReports {
    /// The connection that all but the speakers are of.
    connection: Option<PeerConnectionId>,
    sections: BTreeMap<String, SectionContent>,
    sections_wanted: Option<(u16, u16)>,
    encodings_wanted: BTreeMap<TrackId, Vec<u8>>,
    speakers: Option<(Option<ParticipantId>, Vec<ParticipantId>)>,
}

impl HeldReports {
    pub(crate) fn is_empty(&self) -> bool {
        self.sections.is_empty()
            && self.sections_wanted.is_none()
            && self.encodings_wanted.is_empty()
            && self.speakers.is_none()
    }

    /// Keeps a report in place of what it makes old. What is no such report comes back.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is no such report must not wait, whatever it is"
    )]
    pub(crate) fn hold(&mut self, message: ServerMessage) -> Option<ServerMessage> {
        match message {
            ServerMessage::Sections { connection, sections } => {
                self.begin(connection);
                let named = sections.into_iter().map(|section| (section.mid.clone(), section));
                self.sections.extend(named);
            }
            ServerMessage::SectionsWanted { connection, audio, video } => {
                self.begin(connection);
                self.sections_wanted = Some((audio, video));
            }
            ServerMessage::EncodingsWanted { connection, track, encodings } => {
                self.begin(connection);
                self.encodings_wanted.insert(track, encodings);
            }
            ServerMessage::Speakers { dominant, speaking } => self.speakers = Some((dominant, speaking)),
            ServerMessage::ConnectionEnded { connection, reason, message } => {
                if self.connection.as_ref() == Some(&connection) {
                    self.end_connection();
                }
                return Some(ServerMessage::ConnectionEnded { connection, reason, message });
            }
            other => return Some(other),
        }
        None
    }

    /// Everything, to be sent now.
    pub(crate) fn take(&mut self) -> Vec<ServerMessage> {
        let Self { connection, sections, sections_wanted, encodings_wanted, speakers } = std::mem::take(self);
        let mut messages = Vec::new();
        if let Some(connection) = connection {
            if !sections.is_empty() {
                let sections = sections.into_values().collect();
                messages.push(ServerMessage::Sections { connection: connection.clone(), sections });
            }
            if let Some((audio, video)) = sections_wanted {
                messages.push(ServerMessage::SectionsWanted { connection: connection.clone(), audio, video });
            }
            messages.extend(encodings_wanted.into_iter().map(|(track, encodings)| {
                ServerMessage::EncodingsWanted { connection: connection.clone(), track, encodings }
            }));
        }
        messages.extend(speakers.map(|(dominant, speaking)| ServerMessage::Speakers { dominant, speaking }));
        messages
    }

    /// What was said of another connection means nothing any more.
    fn begin(&mut self, connection: PeerConnectionId) {
        if self.connection.as_ref() != Some(&connection) {
            self.end_connection();
            self.connection = Some(connection);
        }
    }

    fn end_connection(&mut self) {
        self.connection = None;
        self.sections.clear();
        self.sections_wanted = None;
        self.encodings_wanted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ConnectionEndReason, LayerReason};

    fn connection(id: &str) -> PeerConnectionId {
        PeerConnectionId::new(id)
    }

    fn section(mid: &str, reason: LayerReason) -> SectionContent {
        SectionContent { mid: mid.into(), source: None, layer: None, reason }
    }

    fn sections(id: &str, sections: Vec<SectionContent>) -> ServerMessage {
        ServerMessage::Sections { connection: connection(id), sections }
    }

    fn encodings(id: &str, track: &str, encodings: Vec<u8>) -> ServerMessage {
        ServerMessage::EncodingsWanted { connection: connection(id), track: TrackId::new(track), encodings }
    }

    #[test]
    fn the_newest_takes_the_place_of_what_was_before() {
        let mut held = HeldReports::default();
        let speakers =
            |id: &str| ServerMessage::Speakers { dominant: None, speaking: vec![ParticipantId::new(id)] };
        for message in [
            sections("c", vec![section("1", LayerReason::Paused), section("2", LayerReason::Paused)]),
            sections("c", vec![section("1", LayerReason::Wanted)]),
            encodings("c", "cam", vec![0, 1, 2]),
            encodings("c", "cam", vec![0]),
            speakers("p_1"),
            speakers("p_2"),
        ] {
            assert_eq!(held.hold(message), None);
        }

        let newest = vec![section("1", LayerReason::Wanted), section("2", LayerReason::Paused)];
        assert_eq!(held.take(), [sections("c", newest), encodings("c", "cam", vec![0]), speakers("p_2")]);
        assert!(held.is_empty());
        assert_eq!(held.take(), []);
    }

    #[test]
    fn what_was_said_of_a_connection_ends_with_it() {
        let mut held = HeldReports::default();
        held.hold(encodings("one", "cam", vec![0]));
        held.hold(sections("two", vec![]));
        assert_eq!(held.take(), [], "nothing of the first, and no section of the second");

        held.hold(encodings("two", "cam", vec![0]));
        let ended = ServerMessage::ConnectionEnded {
            connection: connection("two"),
            reason: ConnectionEndReason::Failed,
            message: "gone".into(),
        };
        assert_eq!(held.hold(ended.clone()), Some(ended), "it is not for waiting");
        assert!(held.is_empty());
    }
}
