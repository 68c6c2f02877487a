//! Agents in a small world: links that lose and reorder, NATs, a TURN server, and a clock that is turned by hand.

#[path = "agents/nat.rs"]
mod nat;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/net.rs"]
mod net;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/peer.rs"]
mod peer;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/server.rs"]
mod server;

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/connections.rs"]
mod connections;
#[path = "agents/consents.rs"]
mod consents;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/extras.rs"]
mod extras;
#[path = "agents/hosts.rs"]
mod hosts;
#[path = "agents/nats.rs"]
mod nats;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/pacing.rs"]
mod pacing;
#[path = "agents/restarts.rs"]
mod restarts;
#[path = "agents/roles.rs"]
mod roles;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "agents/trickles.rs"]
mod trickles;
#[path = "agents/worlds.rs"]
mod worlds;
