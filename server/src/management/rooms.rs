//! What an operator sees of rooms, and does in them.

use super::api::{Api, failure, json};
use super::view::{Mute, ParticipantChange, Room, RoomInShort, Rooms};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use moim_signal::id::{ParticipantId, RoomName};
use moim_signal::message::{ErrorCode, ParticipantDescription};
use moim_signal::{Moderation, RoomSummary, SignalServer};
use serde::de::DeserializeOwned;
use std::time::Instant;

/// `GET /api/rooms`.
pub(super) async fn list(State(api): State<Api>) -> Response {
    let rooms = api.shared().hub.ask(|machine, _| machine.rooms().map(in_short).collect()).await;
    match rooms {
        Ok(rooms) => json(StatusCode::OK, &Rooms { rooms }),
        Err(_) => gone(),
    }
}

/// `GET /api/rooms/{room}`.
pub(super) async fn show(State(api): State<Api>, Path(room): Path<String>) -> Response {
    let name = RoomName::new(room);
    let room = api.shared().hub.ask(move |machine, _| {
        let participants = machine.participants(&name)?;
        let (topology, reason) = machine.topology(&name)?;
        Some(Room { name, topology, reason, participants })
    });
    match room.await {
        Ok(Some(room)) => json(StatusCode::OK, &room),
        Ok(None) => no_room(),
        Err(_) => gone(),
    }
}

/// `DELETE /api/rooms/{room}`.
pub(super) async fn close(State(api): State<Api>, Path(room): Path<String>) -> Response {
    let name = RoomName::new(room);
    match api.shared().hub.ask(move |machine, now| machine.close_room(&name, now)).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => no_room(),
        Err(_) => gone(),
    }
}

/// `DELETE /api/rooms/{room}/participants/{participant}`.
pub(super) async fn remove(State(api): State<Api>, Path(place): Path<(String, String)>) -> Response {
    moderate(&api, place, |_| Ok(vec![Moderation::Remove])).await
}

/// `PATCH /api/rooms/{room}/participants/{participant}`.
pub(super) async fn change(
    State(api): State<Api>,
    Path(place): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let ParticipantChange { permissions } = match read(&body) {
        Ok(change) => change,
        Err(text) => return failure(StatusCode::UNPROCESSABLE_ENTITY, text),
    };
    let change = move |participant: &ParticipantDescription| {
        Ok(vec![Moderation::SetPermissions(permissions.of(participant.permissions))])
    };
    moderate(&api, place, change).await
}

/// `POST /api/rooms/{room}/participants/{participant}/mute`.
pub(super) async fn mute(
    State(api): State<Api>,
    Path(place): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let Mute { track } = match if body.is_empty() { Ok(Mute::default()) } else { read(&body) } {
        Ok(mute) => mute,
        Err(text) => return failure(StatusCode::UNPROCESSABLE_ENTITY, text),
    };
    let tracks = move |participant: &ParticipantDescription| {
        let all = participant.tracks.iter().map(|track| track.id.clone());
        let wanted: Vec<_> = all.filter(|id| track.as_ref().is_none_or(|track| track == id)).collect();
        if wanted.is_empty() && track.is_some() {
            return Err(ErrorCode::UnknownTrack);
        }
        Ok(wanted.into_iter().map(Moderation::MuteTrack).collect())
    };
    moderate(&api, place, tracks).await
}

/// Does with a participant what follows from how it is, in one step for everybody else.
async fn moderate(
    api: &Api,
    (room, participant): (String, String),
    what: impl FnOnce(&ParticipantDescription) -> Result<Vec<Moderation>, ErrorCode> + Send + 'static,
) -> Response {
    let (room, participant) = (RoomName::new(room), ParticipantId::new(participant));
    let work = move |machine: &mut SignalServer, now: Instant| {
        let present = machine.participants(&room).unwrap_or_default();
        let found = present.iter().find(|one| one.id == participant).ok_or(ErrorCode::UnknownParticipant)?;
        what(found)?
            .into_iter()
            .try_for_each(|moderation| machine.moderate(&room, &participant, moderation, now))
    };
    match api.shared().hub.ask(work).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(ErrorCode::RateLimited)) => {
            failure(StatusCode::SERVICE_UNAVAILABLE, "The server is too busy. Try again in a moment.")
        }
        Ok(Err(ErrorCode::UnknownTrack)) => failure(
            StatusCode::NOT_FOUND,
            "The participant publishes no such track (any more). GET /api/rooms/{room} lists those there are.",
        ),
        Ok(Err(_)) => failure(
            StatusCode::NOT_FOUND,
            "There is no such participant in the room; perhaps they just left. GET /api/rooms/{room} lists those there are.",
        ),
        Err(_) => gone(),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!("The body of the request cannot be understood: {error}. GET /openapi.json describes it.")
    })
}

fn in_short(RoomSummary { name, topology, reason, participants }: RoomSummary) -> RoomInShort {
    RoomInShort { name, topology, reason, participants }
}

fn no_room() -> Response {
    failure(
        StatusCode::NOT_FOUND,
        "There is no such room; it ends when the last one leaves. GET /api/rooms lists those there are.",
    )
}

fn gone() -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, "The server is going away.")
}
