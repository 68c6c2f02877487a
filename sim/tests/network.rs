//! The network of a world is what it says it is: shown by what programs on its hosts can tell.

#[path = "network/discovery.rs"]
mod discovery;
#[path = "network/routing.rs"]
mod routing;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "network/streams.rs"]
mod streams;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "network/town.rs"]
mod town;
