//! What each message of a client does.

use crate::id::{ChatId, ParticipantId, RoomName};
use crate::media::MediaAction;
use crate::message::{
    ClientMessage, ErrorCode, IceCandidate, LeaveReason, LinkState, ParticipantDescription, RoomDescription,
    ServerMessage, TrackDescription,
};
use crate::room::{Participant, Room};
use crate::server::checks::{
    Refusal, check_client_id, check_description, check_is_no_server, check_len, check_name, not_joined,
    unknown_participant, unknown_track,
};
use crate::server::{Event, SignalServer};
use crate::session::{Place, SessionKey};
use crate::topology::RoomTopology;
use std::time::Instant;

/// What a `join` asks for.
struct JoinRequest {
    room: RoomName,
    name: String,
    metadata: Option<String>,
    direct: bool,
}

impl SignalServer {
    /// Does what `message` asks, or says why not.
    pub(super) fn handle_message(
        &mut self,
        key: SessionKey,
        message: ClientMessage,
        now: Instant,
    ) -> Result<(), Refusal> {
        if may_command_media(&message) {
            self.check_media_waiting()?;
        }
        match message {
            ClientMessage::Join { room, name, metadata, direct } => {
                self.join(key, JoinRequest { room, name, metadata, direct }, now)
            }
            ClientMessage::Leave => {
                self.joined(key)?;
                self.remove(key, LeaveReason::Left);
                Ok(())
            }
            ClientMessage::Offer { to, connection, sdp, tracks } => {
                check_description(&connection, &tracks)?;
                if to.is_server() {
                    return self.pass_on_to_media(key, MediaAction::Offer { connection, sdp, tracks });
                }
                self.pass_on(key, &to, |from| ServerMessage::Offer { from, connection, sdp, tracks })
            }
            ClientMessage::Answer { to, connection, sdp, tracks } => {
                check_description(&connection, &tracks)?;
                check_is_no_server(&to)?;
                self.pass_on(key, &to, |from| ServerMessage::Answer { from, connection, sdp, tracks })
            }
            ClientMessage::Candidate { to, connection, candidate } => {
                check_client_id(connection.as_str(), "connection")?;
                if to.is_server() {
                    return self.pass_on_to_media(key, MediaAction::Candidate { connection, candidate });
                }
                self.pass_on(key, &to, |from| ServerMessage::Candidate { from, connection, candidate })
            }
            ClientMessage::EndOfCandidates { to, connection, username_fragment } => {
                check_client_id(connection.as_str(), "connection")?;
                if to.is_server() {
                    let candidate = no_more(username_fragment);
                    return self.pass_on_to_media(key, MediaAction::Candidate { connection, candidate });
                }
                self.pass_on(key, &to, |from| ServerMessage::EndOfCandidates {
                    from,
                    connection,
                    username_fragment,
                })
            }
            ClientMessage::Publish { track } => self.publish(key, track),
            ClientMessage::Unpublish { track } => {
                self.change_self(key, |me| me.unpublish(&track).map_err(|_| unknown_track(&track)))
            }
            ClientMessage::Mute { track, muted } => {
                self.change_self(key, |me| me.mute(&track, muted).map_err(|_| unknown_track(&track)))
            }
            ClientMessage::Update { name, metadata } => self.update(key, name, metadata),
            ClientMessage::Chat { id, to, text } => self.chat(key, id, to, text),
            ClientMessage::RefreshIceServers => {
                let participant = self.joined(key)?.participant;
                self.send(key, ServerMessage::IceServers { participant, ice_servers: Vec::new() });
                Ok(())
            }
            ClientMessage::Watch { watches } => self.watch(key, watches),
            ClientMessage::Switched { topology } => self.switched(key, topology),
            ClientMessage::ReportPath { to, state } => self.report_path(key, &to, state),
            ClientMessage::Kick { participant } => self.kick_by(key, &participant),
            ClientMessage::SetPermissions { participant, permissions } => {
                self.set_permissions_by(key, participant, permissions)
            }
            ClientMessage::MuteTrack { participant, track } => self.mute_track_by(key, participant, &track),
            ClientMessage::CloseRoom => self.close_room_by(key),
        }
    }

    fn join(&mut self, key: SessionKey, request: JoinRequest, now: Instant) -> Result<(), Refusal> {
        let participant = self.admit(key, &request)?;
        let JoinRequest { room: name, direct, .. } = request;
        if let Some(identity) = &participant.identity
            && let Some((_, other)) = self.rooms.get(&name).and_then(|room| room.find_identity(identity))
        {
            self.remove(other, LeaveReason::Replaced);
        }
        self.check_space(&name)?;

        if !self.rooms.contains_key(&name) {
            let topology = RoomTopology::new(self.config.effective_topology());
            self.rooms.insert(name.clone(), Room::new(self.config.open, topology));
            self.event(Event::RoomOpened { room: name.clone() });
        }
        self.prepare_for_one_more(&name, direct, now);
        let Some(room) = self.rooms.get_mut(&name) else { return Ok(()) };
        let (topology, topology_reason) = room.topology.current();
        let others = room.descriptions();
        let participant = room.enter(key, participant, direct);
        let id = participant.id.clone();
        if let Some(session) = self.sessions.get_mut(&key) {
            session.place = Some(Place { room: name.clone(), participant: id.clone() });
        }
        self.counters.joins += 1;
        self.event(Event::Joined {
            room: name.clone(),
            participant: id.clone(),
            identity: participant.identity.clone(),
            name: participant.name.clone(),
        });
        let permissions = participant.permissions;
        self.tell_media(&name, &id, || MediaAction::Enter { permissions });

        let joined = ServerMessage::Joined {
            room: RoomDescription {
                name: name.clone(),
                topology,
                topology_reason,
                forwarding: self.config.offered_forwarding(),
                participants_max: self.config.participants_per_room_max,
            },
            participant: participant.clone(),
            participants: others,
            ice_servers: Vec::new(),
        };
        self.send(key, joined);
        self.broadcast(&name, Some(&id), &ServerMessage::ParticipantJoined { participant });
        Ok(())
    }

    /// Whether the session may join at all, and as whom.
    fn admit(&mut self, key: SessionKey, request: &JoinRequest) -> Result<ParticipantDescription, Refusal> {
        if self.drain_ends.is_some() {
            return Err(Refusal::new(
                ErrorCode::Draining,
                "The server is shutting down and takes no new participants. Try again in a moment.",
            ));
        }
        let id = self.ids.participant_id();
        let Some(session) = self.sessions.get(&key) else {
            return Err(Refusal::new(ErrorCode::NotJoined, "The session has ended."));
        };
        if let Some(place) = &session.place {
            let text = format!("You are in the room {:?} already. Leave it first.", place.room.as_str());
            return Err(Refusal::new(ErrorCode::AlreadyJoined, text));
        }
        if !request.room.is_valid() {
            return Err(Refusal::new(
                ErrorCode::InvalidArgument,
                "A room name has 1 to 64 of the characters a-z A-Z 0-9 - _ . and nothing else.",
            ));
        }
        let grants = &session.grants;
        if grants.room.as_ref().is_some_and(|allowed| *allowed != request.room) {
            return Err(Refusal::new(
                ErrorCode::WrongRoom,
                "Your token is for another room. Ask for one for this room.",
            ));
        }
        let name = grants.name.clone().unwrap_or_else(|| request.name.clone());
        let limits = &self.config.limits;
        check_name(&name, limits.name_len_max)?;
        check_len(request.metadata.as_deref(), "metadata", limits.metadata_len_max)?;
        Ok(ParticipantDescription {
            id,
            identity: grants.identity.clone(),
            name,
            metadata: request.metadata.clone(),
            permissions: grants.permissions,
            tracks: Vec::new(),
            link: LinkState::Connected,
        })
    }

    /// Whether a room can take one more, or another room can be opened.
    fn check_space(&self, name: &RoomName) -> Result<(), Refusal> {
        let participants_max = self.config.participants_per_room_max;
        match self.rooms.get(name) {
            Some(room) if room.len() >= participants_max as usize => Err(Refusal::new(
                ErrorCode::RoomFull,
                format!(
                    "The room is full: it takes {participants_max} participants. Try again when somebody has left."
                ),
            )),
            None if self.rooms.len() >= self.config.rooms_max => Err(Refusal::new(
                ErrorCode::TooManyRooms,
                "The server has as many rooms as it takes. Try again later.",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Passes a message on to another participant of the sender's room.
    fn pass_on(
        &mut self,
        key: SessionKey,
        to: &ParticipantId,
        message: impl FnOnce(ParticipantId) -> ServerMessage,
    ) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        if place.participant == *to {
            return Err(Refusal::new(
                ErrorCode::InvalidArgument,
                "`to` is yourself; it must be another participant.",
            ));
        }
        let receiver = self.member(&place, to)?.session;
        self.send(receiver, message(place.participant));
        Ok(())
    }

    fn publish(&mut self, key: SessionKey, track: TrackDescription) -> Result<(), Refusal> {
        check_client_id(track.id.as_str(), "track.id")?;
        let tracks_max = self.config.limits.tracks_max;
        self.change_self(key, |me| {
            if !me.description.permissions.publish {
                return Err(Refusal::new(
                    ErrorCode::PermissionDenied,
                    "Your token does not allow you to publish.",
                ));
            }
            me.publish(track, tracks_max).map_err(|_| {
                let text = format!(
                    "You publish {tracks_max} tracks already, which is the limit. Unpublish one first."
                );
                Refusal::new(ErrorCode::TooManyTracks, text)
            })
        })
    }

    fn update(
        &mut self,
        key: SessionKey,
        name: Option<String>,
        metadata: Option<String>,
    ) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        if let Some(name) = &name {
            check_name(name, limits.name_len_max)?;
        }
        check_len(metadata.as_deref(), "metadata", limits.metadata_len_max)?;
        let name_is_fixed = self.sessions.get(&key).is_some_and(|session| session.grants.name.is_some());
        if name_is_fixed && name.is_some() {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "Your name is set by your token."));
        }
        self.change_self(key, |me| {
            if let Some(name) = name {
                me.description.name = name;
            }
            if metadata.is_some() {
                me.description.metadata = metadata;
            }
            Ok(())
        })
    }

    fn chat(
        &mut self,
        key: SessionKey,
        id: ChatId,
        to: Option<ParticipantId>,
        text: String,
    ) -> Result<(), Refusal> {
        check_client_id(id.as_str(), "id")?;
        check_len(Some(&text), "text", self.config.limits.chat_len_max)?;
        if text.trim().is_empty() {
            return Err(Refusal::new(ErrorCode::InvalidArgument, "`text` is empty."));
        }
        let place = self.joined(key)?;
        if !self.member(&place, &place.participant)?.description.permissions.data {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "Your token does not allow you to chat."));
        }
        if let Some(to) = to {
            return self.pass_on(key, &to.clone(), |from| ServerMessage::Chat {
                id,
                from,
                to: Some(to),
                text,
            });
        }
        let message = ServerMessage::Chat { id, from: place.participant.clone(), to: None, text };
        self.broadcast(&place.room, Some(&place.participant), &message);
        Ok(())
    }

    /// Takes a participant out of its room and tells everybody, itself included.
    pub(super) fn remove(&mut self, key: SessionKey, reason: LeaveReason) {
        self.send(key, ServerMessage::Left { reason });
        self.leave_room(key, reason);
    }

    /// Changes one's own description and makes it known to everybody.
    fn change_self(
        &mut self,
        key: SessionKey,
        change: impl FnOnce(&mut Participant) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        self.change(&place, change)
    }

    pub(super) fn joined(&self, key: SessionKey) -> Result<Place, Refusal> {
        self.place_of(key).ok_or_else(not_joined)
    }

    pub(super) fn member(&self, place: &Place, id: &ParticipantId) -> Result<&Participant, Refusal> {
        self.rooms.get(&place.room).and_then(|room| room.participant(id)).ok_or_else(unknown_participant)
    }
}

/// Whether a message may end in a command for the media plane.
fn may_command_media(message: &ClientMessage) -> bool {
    match message {
        ClientMessage::Offer { to, .. }
        | ClientMessage::Candidate { to, .. }
        | ClientMessage::EndOfCandidates { to, .. } => to.is_server(),
        ClientMessage::Join { .. }
        | ClientMessage::Publish { .. }
        | ClientMessage::Unpublish { .. }
        | ClientMessage::Mute { .. }
        | ClientMessage::Watch { .. }
        | ClientMessage::SetPermissions { .. }
        | ClientMessage::MuteTrack { .. } => true,
        // Those who leave entered before: of these commands there are no more than of those.
        ClientMessage::Leave
        | ClientMessage::Kick { .. }
        | ClientMessage::CloseRoom
        | ClientMessage::Answer { .. }
        | ClientMessage::Update { .. }
        | ClientMessage::Chat { .. }
        | ClientMessage::Switched { .. }
        | ClientMessage::ReportPath { .. }
        | ClientMessage::RefreshIceServers => false,
    }
}

/// The end of candidates in the form of a candidate, as browsers have it (W3C webrtc-pc §4.8.1.1: an empty one).
fn no_more(username_fragment: Option<String>) -> IceCandidate {
    IceCandidate { candidate: String::new(), sdp_mid: None, sdp_m_line_index: None, username_fragment }
}
