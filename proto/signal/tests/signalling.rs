//! The signalling machine from the outside: clients, links that drop, and a clock that the test turns.
#![expect(clippy::disallowed_methods, reason = "tests need an origin for their virtual time")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the messages it is about")]

#[path = "signalling/draining.rs"]
mod draining;
#[path = "signalling/forwarding.rs"]
mod forwarding;
#[path = "signalling/harness.rs"]
mod harness;
#[path = "signalling/limits.rs"]
mod limits;
#[path = "signalling/messages.rs"]
mod messages;
#[path = "signalling/moderation.rs"]
mod moderation;
#[path = "signalling/resuming.rs"]
mod resuming;
#[path = "signalling/rooms.rs"]
mod rooms;
#[path = "signalling/topologies.rs"]
mod topologies;
#[path = "signalling/topology_model.rs"]
mod topology_model;
#[path = "signalling/world.rs"]
mod world;
