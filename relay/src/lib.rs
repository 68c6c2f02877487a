//! The threads of the TURN relay.
//!
//! [`Relay::start`] starts **shards**: threads that share nothing. Each has a socket on every listening address
//! (`SO_REUSEPORT`: the kernel homes a client by its addresses), the sockets of its own relayed addresses, and a
//! [`moim_turn::server::Server`] that decides what becomes of each packet. A turn of a shard is: wait, receive trains of
//! packets, **plan** what becomes of them, **send** them from where they lie.
//!
//! - `shard`: the thread and its turn.
//! - `router`: what a shard knows; planning and sending.
//! - `plan`: what a turn is going to send.
//! - `binding`: STUN without TURN.
//! - `listeners`, `ends`, `ports`: the sockets on either side.
//! - `stream`, `tls`, `dtls`: clients on TCP, TLS and DTLS.
//! - `splice`: relayed TCP (RFC 6062). `relayed_tcp`: its addresses of all shards.
//! - `handover`, `mailbox`, `detours`, `commands`: how shards and other threads reach each other.
//! - `rest`: when a thread lets packets gather.

mod binding;
mod clients;
mod commands;
mod config;
mod counters;
mod detours;
mod dtls;
mod ends;
mod handover;
mod keyed;
mod listeners;
mod mailbox;
mod plan;
mod ports;
mod relay;
mod relayed_tcp;
mod rest;
mod router;
mod seed;
mod seldom;
mod shard;
mod splice;
mod stream;
mod tls;
mod token;

pub use commands::AllocationSummary;
pub use config::{Discovery, Listen, RelayAddress, RelayConfig, Rest};
pub use counters::{DiscoveryCounters, RelayDrop, ShardCounters};
pub use dtls::{DtlsCounters, DtlsEnded, DtlsIdentity, DtlsIdentityError};
pub use listeners::LISTENERS_MAX;
pub use relay::{Refused, Relay, StartError};
pub use stream::{Places, StreamClient, StreamCounters, StreamEnded};
