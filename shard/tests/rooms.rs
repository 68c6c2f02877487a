//! Rooms of clients with real connections, and a shard between them: in memory, with a clock turned by hand.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the messages it is about")]

#[path = "rooms/camera.rs"]
mod camera;
#[path = "rooms/client.rs"]
mod client;
#[path = "rooms/data.rs"]
mod data;
#[path = "rooms/formats.rs"]
mod formats;
#[path = "rooms/forwarding.rs"]
mod forwarding;
#[path = "rooms/hostile.rs"]
mod hostile;
#[path = "rooms/membership.rs"]
mod membership;
#[path = "rooms/stories.rs"]
mod stories;
#[path = "rooms/transport.rs"]
mod transport;
#[path = "rooms/wishes.rs"]
mod wishes;
#[path = "rooms/world.rs"]
mod world;
