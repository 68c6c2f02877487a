//! UDP on one port, in batches.
//!
//! A [`Listener`] is one socket. Several datagrams arrive in one system call (recvmmsg, GRO), each with the address it was
//! sent to; a reply that names that address as its source leaves from it, whichever of the host's addresses routing
//! would have taken. Without that, a client of a host with several addresses gets its answer from a stranger, and its NAT
//! or firewall drops it.
//!
//! A peer that cannot be reached is a peer's problem: what the operating system says about one destination is a
//! [`Sent::Dropped`] and a count, never an error of the socket.
//!
//! The system calls are `quinn-udp`'s; waiting for the socket is `tokio`'s.

mod batch;
mod counters;
mod listener;
mod transmit;

pub use batch::{Batch, Datagrams, Received};
pub use counters::Counters;
pub use listener::Listener;
pub use transmit::{Ecn, SendDrop, Sent, Transmit};
