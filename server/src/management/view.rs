//! What the management API says, as both ends of it see it.

use moim_signal::id::{RoomName, TrackId};
use moim_signal::message::{ParticipantDescription, Permissions, Topology, TopologyReason};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The answer to `GET /api/turn/allocations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    /// All of them, the oldest first.
    pub allocations: Vec<Allocation>,
}

/// One allocation of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// What it goes by in this API, and in `moim turn kick`.
    pub id: String,
    /// Whose it is.
    pub username: String,
    /// Of which realm.
    pub realm: String,
    /// By what the client reaches the server: `udp`, `tcp`, `tls` or `dtls`.
    pub transport: String,
    /// The client's address.
    pub client: SocketAddr,
    /// The server's address, as the client reached it.
    pub server: SocketAddr,
    /// Relayed addresses: one, or one of each family.
    pub relayed: Vec<SocketAddr>,
    /// For how long there has been this allocation, in seconds.
    pub age_secs: u64,
    /// How long until it ends unless it is refreshed, in seconds.
    pub expires_secs: u64,
    /// Peers that may send to it.
    pub permissions: u64,
    /// Peers that have a channel.
    pub channels: u64,
    /// What the client sent to peers.
    pub to_peers: Traffic,
    /// What peers sent to the client.
    pub to_client: Traffic,
}

/// How much was relayed, in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes of their payload.
    pub bytes: u64,
}

/// The answer to `GET /api/turn/stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Allocations at present.
    pub allocations: u64,
    /// Totals since the start, by name; those that are zero are left out.
    pub totals: std::collections::BTreeMap<String, u64>,
}

/// The answer to `POST /api/reload` that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The options that have another value now; certificates are read again whether or not they are among them.
    pub changed: Vec<String>,
    /// What the configuration has that is hardly meant.
    pub warnings: Vec<String>,
}

/// The answer to `GET /api/rooms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// All of them, by their names.
    pub rooms: Vec<RoomInShort>,
}

/// A room, without who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInShort {
    /// Its name.
    pub name: RoomName,
    /// How media travels in it.
    pub topology: Topology,
    /// Why so.
    pub reason: TopologyReason,
    /// How many are in it.
    pub participants: usize,
}

/// The answer to `GET /api/rooms/{room}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its name.
    pub name: RoomName,
    /// How media travels in it.
    pub topology: Topology,
    /// Why so.
    pub reason: TopologyReason,
    /// Who is in it, longest present first, as participants see each other.
    pub participants: Vec<ParticipantDescription>,
}

/// What `PATCH /api/rooms/{room}/participants/{participant}` changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantChange {
    /// What they may do.
    pub permissions: PermissionsChange,
}

/// What somebody may do from here on. What is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PermissionsChange {
    /// Publish tracks.
    pub publish: Option<bool>,
    /// Receive the tracks of others.
    pub subscribe: Option<bool>,
    /// Send chat and data.
    pub data: Option<bool>,
    /// Remove people and close the room.
    pub admin: Option<bool>,
}

impl PermissionsChange {
    /// The permissions as they are after the change.
    pub fn of(self, before: Permissions) -> Permissions {
        Permissions {
            publish: self.publish.unwrap_or(before.publish),
            subscribe: self.subscribe.unwrap_or(before.subscribe),
            data: self.data.unwrap_or(before.data),
            admin: self.admin.unwrap_or(before.admin),
        }
    }
}

/// What `POST /api/rooms/{room}/participants/{participant}/mute` mutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mute {
    /// Which track; all of them when left out.
    pub track: Option<TrackId>,
}

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, and what to do.
    pub error: String,
}
