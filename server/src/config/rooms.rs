//! What the configuration says about rooms and the media plane, checked and typed.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How media travels in rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomTopology {
    /// As it is best for the room.
    Auto,
    /// Always directly.
    Mesh,
    /// Always by the server.
    Sfu,
}

/// Rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomsConfig {
    /// How media travels in them.
    pub topology: RoomTopology,
    /// Most participants of one.
    pub participants_max: u32,
    /// With how many sections that receive sound a connection to the server begins.
    pub audio_sections: u16,
    /// With how many sections that receive pictures.
    pub video_sections: u16,
}

/// What forwards media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaConfig {
    /// Most connections of one thread.
    pub connections_max: usize,
    /// The addresses by which others know this machine, besides its own.
    pub public_addresses: Vec<IpAddr>,
}
