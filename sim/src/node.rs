//! What runs on a host.

use crate::tcp::{StreamCommand, StreamEvent};
use moim_turn::Now;
use moim_wire::Deadline;
use std::net::SocketAddr;

/// A program on a host: bytes and time go in, bytes come out.
///
/// The world calls it as a real driver would: what arrives goes in as it arrives, [`handle_timeout`](Self::handle_timeout) is called
/// when [`poll_timeout`](Self::poll_timeout) says, and after each input everything it wants is fetched.
pub trait Node {
    /// A datagram came to an address of the host.
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now);

    /// Something happened to a stream of the host.
    fn handle_stream(&mut self, event: StreamEvent, now: Now);

    /// It is time to do what is due, or it is late.
    fn handle_timeout(&mut self, now: Now);

    /// When to call [`handle_timeout`](Self::handle_timeout), and why. A moment that has passed: at once.
    fn poll_timeout(&self) -> Option<Deadline>;

    /// What the host is to do. [`None`]: nothing more for now.
    fn poll_output(&mut self, now: Now) -> Option<Output>;

    /// Whether it takes streams that others open to this address.
    fn listens(&self, local: SocketAddr) -> bool;
}

/// What a node wants its host to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Datagram(Datagram),
    /// Do something about a stream.
    Stream(StreamCommand),
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From which address of the host.
    pub local: SocketAddr,
    /// Where to.
    pub remote: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}
