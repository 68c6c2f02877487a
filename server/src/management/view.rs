//! What the management API says, as both ends of it see it.

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

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, and what to do.
    pub error: String,
}
