use crate::id::{ChatId, ParticipantId, PeerConnectionId, TrackId};
use crate::message::{
    ConnectionEndReason, ErrorCode, IceCandidate, IceServer, LeaveReason, MidTrack, ParticipantDescription,
    RoomDescription, SectionContent, Topology, TopologyReason,
};
use serde::{Deserialize, Serialize};

/// What the server tells a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// You are in the room.
    Joined {
        /// The room.
        room: RoomDescription,
        /// Yourself, as the others see you.
        participant: ParticipantDescription,
        /// The others, longest present first. In a mesh whoever joins begins the connections: offer to each of these.
        participants: Vec<ParticipantDescription>,
        /// STUN and TURN servers to use for connections in this room, with credentials of your own.
        ice_servers: Vec<IceServer>,
    },
    /// STUN and TURN servers with fresh credentials, to use in place of those known.
    IceServers {
        /// For whom: yourself.
        participant: ParticipantId,
        /// All of them.
        ice_servers: Vec<IceServer>,
    },
    /// You are no longer in the room. The session goes on, and may join again.
    Left {
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody came. In a mesh it will offer a connection.
    ParticipantJoined {
        /// Who.
        participant: ParticipantDescription,
    },
    /// Somebody's name, metadata, permissions, tracks or link changed. It may be yourself.
    ParticipantUpdated {
        /// The whole new description.
        participant: ParticipantDescription,
    },
    /// Somebody is gone.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// Another participant's SDP offer.
    Offer {
        /// From whom.
        from: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The session description.
        sdp: String,
        /// Which media section carries which published track of the sender.
        tracks: Vec<MidTrack>,
    },
    /// Another participant's SDP answer.
    Answer {
        /// From whom.
        from: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The session description.
        sdp: String,
        /// Which media section carries which published track of the sender.
        tracks: Vec<MidTrack>,
    },
    /// Another participant's ICE candidate.
    Candidate {
        /// From whom.
        from: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Another participant has no more candidates for this ICE generation.
    EndOfCandidates {
        /// From whom.
        from: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The ICE generation that is complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        username_fragment: Option<String>,
    },
    /// Media is to travel in another way, or the same for another reason. What goes by the way before goes on until `topologySettled`.
    Topology {
        /// In which.
        topology: Topology,
        /// Why so.
        reason: TopologyReason,
    },
    /// Everybody has switched, or had time enough to: what still goes by other topologies may end.
    TopologySettled {
        /// To which.
        topology: Topology,
    },
    /// What sections of your connection to the server carry from here on. Sections that are not named carry what they did.
    Sections {
        /// Which attempt at the connection this belongs to.
        connection: PeerConnectionId,
        /// Those that changed.
        sections: Vec<SectionContent>,
    },
    /// Your connection to the server could use more receiving sections: add as many as are missing to its next offer.
    SectionsWanted {
        /// Which attempt at the connection this belongs to.
        connection: PeerConnectionId,
        /// How many for sound, in all.
        audio: u16,
        /// How many for pictures, in all.
        video: u16,
    },
    /// Which encodings of a track of yours somebody watches. The others need not be sent.
    EncodingsWanted {
        /// Which attempt at the connection this belongs to.
        connection: PeerConnectionId,
        /// Which track.
        track: TrackId,
        /// Their places, in the order in which your offer names them.
        encodings: Vec<u8>,
    },
    /// Your connection to the server has ended, or was refused. Another attempt may be made.
    ConnectionEnded {
        /// Which attempt at the connection it was.
        connection: PeerConnectionId,
        /// Why.
        reason: ConnectionEndReason,
        /// What happened, and what to do, in English.
        message: String,
    },
    /// Who speaks in a room whose media the server forwards.
    Speakers {
        /// Who has the floor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        dominant: Option<ParticipantId>,
        /// Everybody who speaks just now.
        speaking: Vec<ParticipantId>,
    },
    /// A line of chat.
    Chat {
        /// Made by the sender.
        id: ChatId,
        /// From whom.
        from: ParticipantId,
        /// Set when it is for you alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        to: Option<ParticipantId>,
        /// The text.
        text: String,
    },
    /// One of your messages was refused and had no effect.
    Error {
        /// The sequence number of that message.
        request: u32,
        /// What kind of refusal.
        code: ErrorCode,
        /// What happened, why, and what to do, in English.
        message: String,
    },
    /// The server is about to go away. Calls go on; after `graceMs` every link is closed with `serverShutdown`.
    Draining {
        /// How long until then, in milliseconds.
        grace_ms: u32,
    },
}

impl ServerMessage {
    /// Where ICE servers belong in this message, and for which participant.
    ///
    /// The machine leaves the place empty, and keeps the message so for as long as it may have to be sent again. Whoever
    /// sends it fills it in each time: credentials are made from a key and the time of day, of which the machine has neither.
    pub fn ice_servers_mut(&mut self) -> Option<(&ParticipantId, &mut Vec<IceServer>)> {
        match self {
            Self::Joined { participant, ice_servers, .. } => Some((&participant.id, ice_servers)),
            Self::IceServers { participant, ice_servers } => Some((participant, ice_servers)),
            Self::Left { .. }
            | Self::ParticipantJoined { .. }
            | Self::ParticipantUpdated { .. }
            | Self::ParticipantLeft { .. }
            | Self::Offer { .. }
            | Self::Answer { .. }
            | Self::Candidate { .. }
            | Self::EndOfCandidates { .. }
            | Self::Topology { .. }
            | Self::TopologySettled { .. }
            | Self::Sections { .. }
            | Self::SectionsWanted { .. }
            | Self::EncodingsWanted { .. }
            | Self::ConnectionEnded { .. }
            | Self::Speakers { .. }
            | Self::Chat { .. }
            | Self::Error { .. }
            | Self::Draining { .. } => None,
        }
    }

    /// About how many bytes this takes, as text or in memory. It is what bounds a client's outbox, so it need not be exact,
    /// but no part whose length or number somebody else chooses may be missing.
    pub(crate) fn text_len(&self) -> usize {
        /// Braces, field names, numbers and enumerations of any message.
        const FRAME_LEN: usize = 128;
        /// What one entry of `tracks` takes besides its two texts: a line of JSON, or two allocations.
        const MID_TRACK_LEN: usize = 96;
        let variable = match self {
            Self::Joined { participant, participants, .. } => {
                participant.text_len()
                    + participants.iter().map(ParticipantDescription::text_len).sum::<usize>()
            }
            Self::ParticipantJoined { participant } | Self::ParticipantUpdated { participant } => {
                participant.text_len()
            }
            Self::Offer { sdp, tracks, .. } | Self::Answer { sdp, tracks, .. } => {
                sdp.len()
                    + tracks
                        .iter()
                        .map(|track| MID_TRACK_LEN + track.mid.len() + track.track.as_str().len())
                        .sum::<usize>()
            }
            Self::Candidate { candidate, .. } => {
                candidate.candidate.len()
                    + candidate.sdp_mid.as_ref().map_or(0, String::len)
                    + candidate.username_fragment.as_ref().map_or(0, String::len)
            }
            Self::EndOfCandidates { username_fragment, .. } => {
                username_fragment.as_ref().map_or(0, String::len)
            }
            Self::Sections { sections, .. } => sections.iter().map(SectionContent::text_len).sum(),
            Self::EncodingsWanted { encodings, .. } => encodings.len() * 4,
            Self::Speakers { speaking, .. } => {
                speaking.iter().map(|speaker| speaker.as_str().len() + 8).sum()
            }
            Self::ConnectionEnded { message, .. } | Self::Error { message, .. } => message.len(),
            Self::Chat { text, .. } => text.len(),
            // Empty while the message is kept; how many there are is the operator's choice, not a stranger's.
            Self::IceServers { .. }
            | Self::Left { .. }
            | Self::ParticipantLeft { .. }
            | Self::Topology { .. }
            | Self::TopologySettled { .. }
            | Self::SectionsWanted { .. }
            | Self::Draining { .. } => 0,
        };
        FRAME_LEN + variable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_parts_count_as_much_as_they_take() {
        let tracks = vec![MidTrack { mid: "0".into(), track: TrackId::new("a") }; 1000];
        let offer = ServerMessage::Offer {
            from: ParticipantId::new("p_1"),
            connection: PeerConnectionId::new("c"),
            sdp: String::new(),
            tracks,
        };

        let text = serde_json::to_string(&offer).unwrap();

        assert!(offer.text_len() >= text.len(), "{} < {}", offer.text_len(), text.len());
    }
}
