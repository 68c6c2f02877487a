//! The client against the server.

#[expect(dead_code, reason = "what only the world asks of it")]
#[path = "world/driver.rs"]
mod driver;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "client/net.rs"]
mod net;

#[path = "client/allocating.rs"]
mod allocating;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "client/authenticating.rs"]
mod authenticating;
#[path = "client/connecting.rs"]
mod connecting;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "client/moving.rs"]
mod moving;
#[path = "client/relaying.rs"]
mod relaying;
