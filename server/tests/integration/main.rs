//! The server as its clients see it: real sockets, real TLS, nothing replaced.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::large_futures, reason = "clients on the stack of a test are no cost")]

mod call;
mod command_line;
mod drain;
mod hostile;
mod http;
mod ice;
mod join;
mod management;
mod media;
mod resume;
mod rooms;
mod streams;
mod stun;
mod support;
mod tokens;
mod turn;
mod turn_check;
mod turn_config;
