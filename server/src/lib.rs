//! The moim server: one port for the web app, signalling and STUN.
//!
//! ```text
//!   TCP ─ listener ─ first bytes ─┬─ TLS ─ HTTP ─┬─ assets: the web app
//!                                 │              └─ gateway: WebSocket, events ──► hub ──► moim_signal::SignalServer
//!                                 └─ plain HTTP ─ redirect
//!   UDP ─ stun ─ moim_stun
//! ```
//!
//! - [`Config`]: what an operator can set, read from a file, the environment and flags.
//! - [`Server`]: binds, serves, drains. A program that embeds it, a test say, needs no more than these two.
//! - `gateway`: links between clients and the signalling machine.
//! - `http`: routes, assets, security headers.
//! - `tls`, `auth`: certificates and tokens.
//! - `listener`, `connection`: sockets, limits, and telling protocols apart.
//!
//! Left out: media and TURN, which have threads of their own, and anything that outlives the process but the certificate.

mod auth;
pub mod config;
mod connection;
pub mod counters;
mod drain;
mod gateway;
mod http;
mod listener;
pub mod log;
mod prefixed;
mod server;
mod shared;
mod stall;
mod strangers;
mod stun;
mod tasks;
mod tls;

pub use auth::{Claims, sign};
pub use config::{Config, Overrides};
pub use drain::Shutdown;
pub use gateway::Origin;
pub use listener::BindError;
pub use server::{Server, ServerError};
pub use tls::CertificateError;

/// The version of moim.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
