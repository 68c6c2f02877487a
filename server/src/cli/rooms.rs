//! `moim room`: what an operator sees of rooms, and does in them.

use super::management::{Target, print_json};
use super::print;
use super::table::Table;
use anyhow::{Context as _, bail};
use axum::http::Method;
use clap::Subcommand;
use moim_server::management::view::{Mute, Room, Rooms};
use moim_signal::id::{RoomName, TrackId};
use moim_signal::message::{ParticipantDescription, Permissions, TrackDescription};
use serde::Serialize;

#[derive(Subcommand)]
pub(super) enum RoomCommand {
    /// List rooms, and how media travels in them
    List {
        /// Print what the server says, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Show who is in a room
    Show {
        /// The room's name
        room: String,
        /// Print what the server says, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Remove somebody from a room
    Kick {
        /// The room's name
        room: String,
        /// The participant's id, as `moim room show` tells it
        participant: String,
        #[command(flatten)]
        target: Target,
    },
    /// Mute somebody's tracks; they may unmute them
    Mute {
        /// The room's name
        room: String,
        /// The participant's id, as `moim room show` tells it
        participant: String,
        /// One track alone, by its id
        #[arg(long)]
        track: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Remove everybody from a room
    Close {
        /// The room's name
        room: String,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) fn room(command: RoomCommand) -> anyhow::Result<()> {
    match command {
        RoomCommand::List { json, target } => {
            let rooms: Rooms = target.ask(&Method::GET, "/api/rooms")?;
            if json { print_json(&rooms) } else { print(&list(&rooms)) }
        }
        RoomCommand::Show { room, json, target } => {
            let room: Room = target.ask(&Method::GET, &path(&room)?)?;
            if json { print_json(&room) } else { print(&show(&room)) }
        }
        RoomCommand::Kick { room, participant, target } => {
            let path = path_of(&room, &participant)?;
            target.ask::<serde_json::Value>(&Method::DELETE, &path)?;
            print(&format!("{participant} was removed from {room}.\n"))
        }
        RoomCommand::Mute { room, participant, track, target } => {
            let path = path_of(&room, &participant)? + "/mute";
            let body = serde_json::to_string(&Mute { track: track.map(TrackId::new) })
                .context("cannot write JSON")?;
            target.ask_with::<serde_json::Value>(&Method::POST, &path, body)?;
            print(&format!("{participant} was muted in {room}.\n"))
        }
        RoomCommand::Close { room, target } => {
            target.ask::<serde_json::Value>(&Method::DELETE, &path(&room)?)?;
            print(&format!("The room {room} was closed.\n"))
        }
    }
}

fn path(room: &str) -> anyhow::Result<String> {
    if !RoomName::new(room).is_valid() || room.bytes().all(|byte| byte == b'.') {
        bail!("{room:?} is not the name of a room; `moim room list` shows them");
    }
    Ok(format!("/api/rooms/{room}"))
}

fn path_of(room: &str, participant: &str) -> anyhow::Result<String> {
    let is_id = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_id(participant) {
        bail!("{participant:?} is not the id of a participant; `moim room show {room}` shows them");
    }
    Ok(format!("{}/participants/{participant}", path(room)?))
}

fn list(Rooms { rooms }: &Rooms) -> String {
    if rooms.is_empty() {
        return "There are no rooms.\n".to_owned();
    }
    let mut table = Table::new(["ROOM", "TOPOLOGY", "REASON", "PARTICIPANTS"]);
    for room in rooms {
        table.row([
            room.name.to_string(),
            word(&room.topology),
            word(&room.reason),
            room.participants.to_string(),
        ]);
    }
    table.text()
}

fn show(room: &Room) -> String {
    let mut table = Table::new(["ID", "NAME", "IDENTITY", "LINK", "MAY", "TRACKS"]);
    for ParticipantDescription { id, identity, name, permissions, tracks, link, .. } in &room.participants {
        table.row([
            id.to_string(),
            name.escape_debug().to_string(),
            identity.as_deref().unwrap_or("-").escape_debug().to_string(),
            word(link),
            may(*permissions),
            tracks.iter().map(track).collect::<Vec<_>>().join(" "),
        ]);
    }
    format!("{}: {} ({})\n\n{}", room.name, word(&room.topology), word(&room.reason), table.text())
}

fn may(Permissions { publish, subscribe, data, admin }: Permissions) -> String {
    let all = [("publish", publish), ("subscribe", subscribe), ("data", data), ("admin", admin)];
    all.into_iter().filter_map(|(name, is_so)| is_so.then_some(name)).collect::<Vec<_>>().join(" ")
}

fn track(TrackDescription { id, source, muted, .. }: &TrackDescription) -> String {
    let muted = if *muted { "(muted)" } else { "" };
    format!("{}:{}{muted}", id.as_str().escape_debug(), word(source))
}

/// An enumeration's value as it is on the wire.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
