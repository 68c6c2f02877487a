//! NAT behaviour discovery (RFC 5780): which addresses a NAT gives to what a client sends, and what it lets in.
//!
//! [`Server`] is a Binding server that, on request, answers from another of its addresses or ports. [`Client`] asks such
//! a server (or several ordinary ones) and tells a [`Report`]. Both are machines without sockets.
//!
//! # Left out
//! Tests for fragments (RFC 5780 §3.5; the server answers PADDING, the client does not ask for it), discovery of
//! servers by DNS (§5.1), and discovery over TCP and TLS: a driver of streams gives their messages to
//! [`binding::Server`](crate::binding::Server), which refuses what only means something to UDP.

mod attribute;
mod client;
mod endpoints;
mod report;
mod server;

pub use attribute::{ChangeRequest, OtherAddress, Padding, ResponseOrigin, ResponsePort};
pub use client::{Client, ClientConfig, LifetimeSearch, SERVERS_MAX, SocketId, Timing, Transmit};
pub use endpoints::{Endpoint, Endpoints, Side};
pub use report::{BindingLifetime, Filtering, Finding, Mapping, Observation, Report, Unknown};
pub use server::{Disclosure, Handled, PADDING_LEN_MAX, RESPONSE_LEN_MAX, Server, ServerConfig};

#[cfg(test)]
mod tests;
