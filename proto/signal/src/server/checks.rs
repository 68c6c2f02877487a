//! What every message is checked for, and what its sender is told where it has no effect.

use crate::id::{CLIENT_ID_LEN_MAX, ParticipantId, PeerConnectionId, TrackId, is_valid_client_id};
use crate::message::{ErrorCode, MidTrack};

/// Why a message has no effect.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    /// What happened, why, and what to do, in English.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

pub(super) fn not_joined() -> Refusal {
    Refusal::new(ErrorCode::NotJoined, "You are in no room. Join one first.")
}

pub(super) fn unknown_participant() -> Refusal {
    Refusal::new(ErrorCode::UnknownParticipant, "No such participant is in the room; perhaps it just left.")
}

pub(super) fn unknown_track(track: &TrackId) -> Refusal {
    let clipped: String = track.as_str().chars().take(CLIENT_ID_LEN_MAX).collect();
    Refusal::new(ErrorCode::UnknownTrack, format!("You publish no track {clipped:?}."))
}

pub(super) fn check_description(connection: &PeerConnectionId, tracks: &[MidTrack]) -> Result<(), Refusal> {
    check_client_id(connection.as_str(), "connection")?;
    for track in tracks {
        check_client_id(&track.mid, "tracks[].mid")?;
        check_client_id(track.track.as_str(), "tracks[].track")?;
    }
    Ok(())
}

/// The server takes offers for its own end of connections, and makes none.
pub(super) fn check_is_no_server(to: &ParticipantId) -> Result<(), Refusal> {
    if to.is_server() {
        return Err(Refusal::new(
            ErrorCode::InvalidArgument,
            "The server never offers, so there is nothing to answer. Offer to it instead.",
        ));
    }
    Ok(())
}

pub(super) fn check_client_id(id: &str, field: &str) -> Result<(), Refusal> {
    if is_valid_client_id(id) {
        return Ok(());
    }
    let text = format!("`{field}` must have 1 to {CLIENT_ID_LEN_MAX} bytes and no control characters.");
    Err(Refusal::new(ErrorCode::InvalidArgument, text))
}

pub(super) fn check_name(name: &str, len_max: u32) -> Result<(), Refusal> {
    check_len(Some(name), "name", len_max)?;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(Refusal::new(
            ErrorCode::InvalidArgument,
            "`name` must have at least one visible character and no control characters.",
        ));
    }
    Ok(())
}

pub(super) fn check_len(text: Option<&str>, field: &str, len_max: u32) -> Result<(), Refusal> {
    if text.is_none_or(|text| text.len() <= len_max as usize) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::InvalidArgument,
        format!("`{field}` is longer than {len_max} bytes, which is the limit. Shorten it."),
    ))
}
