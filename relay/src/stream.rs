//! Clients on streams: TCP, and TLS over TCP.
//!
//! Connections are accepted, and their TLS handshakes done, by whoever has the listening socket; one that speaks STUN or TURN
//! is handed over as a [`StreamClient`] and is from then on one more descriptor of a shard's poller.
//!
//! - `frames`: cuts what was read into STUN and ChannelData messages (RFC 8656 §12.5).
//! - `backlog`: bytes that wait for a socket.
//! - `connection`: one client: reads many messages at a time, sends within limits, knows when it has to go.
//! - `table`: all clients of a shard, by 5-tuple and by key, with their deadlines.

mod backlog;
mod connection;
mod frames;
mod table;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use backlog::Backlog;
pub use connection::StreamEnded;
pub(crate) use connection::{Detached, Read, ReceiveBuffer, Received, read, receive_tls};
pub(crate) use frames::Frames;
pub use table::StreamCounters;
pub(crate) use table::{Flushed, Streams};

use moim_turn::RealmId;
use std::any::Any;
use std::fmt;
use std::net::{SocketAddr, TcpStream};

/// A client's TCP connection that turned out to speak STUN or TURN, handed over by whoever accepted it.
pub struct StreamClient {
    /// The connection.
    pub stream: TcpStream,
    /// The state of TLS, after the handshake; none: the connection is in the clear.
    pub tls: Option<Box<rustls::ServerConnection>>,
    /// What was read (and decrypted) already.
    pub read_ahead: Vec<u8>,
    /// The client's address. Behind a proxy that tells it, this is not the connection's.
    pub client: SocketAddr,
    /// The address that the client connected to.
    pub server: SocketAddr,
    /// The realm of the listener.
    pub realm: RealmId,
    /// What the connection holds a place in.
    pub places: Places,
}

/// What is given back when a client needs it no longer, by dropping it: places under the limits of those who accept
/// connections.
#[derive(Default)]
pub struct Places {
    /// Held until the connection is closed.
    pub until_closed: Option<Box<dyn Any + Send>>,
    /// Held until the client has an allocation, from when on other limits count it.
    pub until_allocated: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for StreamClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamClient")
            .field("is_tls", &self.tls.is_some())
            .field("read_ahead_len", &self.read_ahead.len())
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("until_closed", &self.until_closed.is_some())
            .field("until_allocated", &self.until_allocated.is_some())
            .finish()
    }
}
