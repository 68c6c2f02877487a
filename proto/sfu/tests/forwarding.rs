//! What subscribers get, whatever comes in and whatever is asked for.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the events it is about")]

#[path = "forwarding/dice.rs"]
mod dice;
#[path = "forwarding/layers.rs"]
mod layers;
#[path = "forwarding/slots.rs"]
mod slots;
#[path = "forwarding/source.rs"]
mod source;
#[path = "forwarding/stories.rs"]
mod stories;
#[path = "forwarding/viewer.rs"]
mod viewer;
#[path = "forwarding/world.rs"]
mod world;
