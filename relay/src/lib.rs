//! The threads of the TURN relay.
//!
//! [`Relay::start`] starts **shards**: threads that share nothing. Each has a socket on every listening address
//! (`SO_REUSEPORT`: the kernel homes a client by its addresses), the sockets of its own relayed addresses, and a
//! [`moim_turn::server::Server`] that decides what becomes of each packet. A turn of a shard is: wait, receive trains of
//! packets, **plan** what becomes of them, **send** them from where they lie.
//!
//! [`Relay::start_with_tenants`] lets somebody else live on the same threads, with the same sockets and turns: a [`Tenant`] a shard,
//! which gets what is not the relay's. A turn then is: receive, let the relay and the tenant each plan their share, send; and at its
//! end, let the tenant send what is due.
//!
//! - `shard`: the thread and its turn.
//! - `router`: what a shard knows; planning and sending.
//! - `plan`: what a turn is going to send.
//! - `binding`: STUN without TURN.
//! - `listeners`, `ends`, `ports`: the sockets on either side.
//! - `stream`, `tls`, `dtls`: clients on TCP, TLS and DTLS.
//! - `splice`: relayed TCP (RFC 6062). `relayed_tcp`: its addresses of all shards.
//! - `tenant`, `ufrag`: who lives on the same threads ([`Tenant`]), and how packets find it.
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
mod tenant;
mod tls;
mod token;
mod ufrag;

pub use commands::AllocationSummary;
pub use config::{Discovery, Listen, RelayAddress, RelayConfig, Rest};
pub use counters::{DiscoveryCounters, RelayDrop, ShardCounters};
pub use dtls::{DtlsCounters, DtlsEnded, DtlsIdentity, DtlsIdentityError};
pub use listeners::LISTENERS_MAX;
pub use relay::{Refused, Relay, StartError};
pub use stream::{Places, StreamClient, StreamCounters, StreamEnded};
#[cfg(feature = "testing")]
pub use tenant::testing;
pub use tenant::{
    Claim, Datagrams, OUTBOX_LEN_MAX, OUTBOX_RUNS_MAX, Outbox, ParcelHeader, Parcels, Seat,
    TENANT_MESSAGES_MAX, Tenant, TenantCounters, Tenants, Way,
};
pub use ufrag::{UFRAG_PREFIX_LEN, shard_of_ufrag, ufrag_prefix};
