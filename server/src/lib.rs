//! The moim server: one port for the web app, signalling, STUN and TURN.
//!
//! ```text
//!   TCP ─ listener ─ first bytes ─┬─ TLS ─┬─ HTTP ─┬─ assets: the web app
//!                                 │       │        └─ gateway: WebSocket, events ──► hub ──► moim_signal::SignalServer
//!                                 │       └─ STUN, TURN ──► turn
//!                                 ├─ STUN, TURN ──► turn
//!                                 └─ plain HTTP ─ redirect
//!   UDP ─ turn ─ moim_relay: STUN and TURN, on threads of its own
//!         └ media ─ moim_shard: connections of participants to the server, and what is forwarded between them, on the same
//!   management: metrics, allocations, reload, on a socket of its own
//! ```
//!
//! - [`Config`]: what an operator can set, read from a file, the environment and flags.
//! - [`Server`]: binds, serves, drains. A program that embeds it, a test say, needs no more than these two.
//! - `gateway`: links between clients and the signalling machine.
//! - `http`: routes, assets, security headers.
//! - `tls`, `auth`: certificates and tokens.
//! - `listener`, `connection`: sockets, limits, and telling protocols apart.
//! - `turn`: the relay, as the configuration wants it; `media`: the media plane on its threads, and its way to the hub and back.
//! - [`management`], [`reload`]: for operators, while the server runs; `webhooks`: for other servers, which are told what happens.
//!
//! Left out: anything that outlives the process but the certificate.

mod auth;
pub mod config;
mod connection;
pub mod counters;
mod drain;
mod gateway;
mod http;
mod listener;
pub mod log;
pub mod management;
mod media;
mod prefixed;
mod proxy;
pub mod reload;
mod server;
mod shared;
mod stall;
mod strangers;
mod tasks;
mod tls;
mod turn;
mod webhooks;
mod whip;

pub use auth::{Claims, sign};
pub use config::{Config, Overrides};
pub use drain::Shutdown;
pub use gateway::Origin;
pub use listener::BindError;
pub use reload::{ReloadError, Reloader};
pub use server::{Server, ServerError};
pub use tls::CertificateError;
pub use turn::TurnError;

/// The version of moim.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
