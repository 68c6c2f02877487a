//! TURN (RFC 8656): a server and a client without sockets.
//!
//! The server ([`server::Server`]) takes what clients and peers send, and answers with **decisions**: respond with so many bytes,
//! hand this part of the message to that peer, bind a relayed transport address and come back. It owns no packet, copies none and
//! allocates nothing on the way of data. Sockets, clocks and randomness are the driver's; so the same machine runs in
//! production, in tests that turn the clock by hand, and under the fuzzer.
//!
//! Besides RFC 8656 it speaks RFC 6062 (relayed TCP connections), RFC 8016 (mobility) and RFC 7635 (third-party
//! authorization). The Binding method is `moim_stun`'s.

pub mod attribute;
pub mod auth;
pub mod budget;
pub mod channel_data;
pub mod client;
mod five_tuple;
mod id;
pub mod method;
mod now;
pub mod policy;
pub mod quota;
pub mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use five_tuple::{AddressFamily, FiveTuple, PerFamily, Transport};
pub use id::{AllocationId, ConnectionId, RealmId, RelayId, ReservationToken, ShardId, Shards};
pub use now::Now;
