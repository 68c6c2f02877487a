//! A deterministic world: clock, links, NATs, servers and peers from one seed.
//!
//! What runs in it is what runs in production, since all of it is made of machines without clocks, sockets and randomness of their own:
//! the STUN and TURN servers, the signalling server, ICE agents and peer connections. Around them is a [`network`] of links that delay and lose,
//! and of NATs and firewalls of every kind; and everything that is left to chance comes from one number, so that any run can be had again.

pub mod layout;
pub mod network;
pub mod node;
pub mod nodes;
pub mod oracle;
pub mod packet;
pub mod participant;
pub mod plan;
pub mod random;
pub mod rooms;
pub mod run;
pub mod tcp;
pub mod world;

pub use random::{Chance, Random, Seed};
pub use world::World;
