//! RTP and RTCP (RFC 3550): packets, header extensions, feedback, payload formats.
//!
//! Reading borrows and writing goes into a caller's buffer: nothing on the way of a packet allocates.
//!
//! - [`Header`] and [`RtpPacket`] read a packet; [`write_header`] writes one, and [`HeaderCache`] one like the last. Header extensions are values
//!   ([`ExtensionValues`]) that an [`ExtensionMap`] gives their negotiated numbers.
//! - [`rtcp`] reads and writes compound and reduced-size RTCP.
//! - [`nack`] and [`rtx`] are what makes good for losses: what a receiver misses, and the packets it is sent again in. What a sender keeps
//!   for that is the connection's business, since all its streams share the memory.
//! - [`reception`] and [`clock`] are what reports are made of, and what is learnt from them.
//! - [`feedback`] is what congestion control lives on, recorded and decoded.
//! - [`payload`] is what codecs put into packets, and [`jitter_buffer`] puts packets in order.

mod cache;
pub mod clock;
mod error;
pub mod extension;
pub mod feedback;
mod header;
pub mod jitter_buffer;
pub mod nack;
pub mod payload;
pub mod reception;
pub mod rtcp;
pub mod rtx;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod write;

pub use cache::HeaderCache;
pub use error::ParseError;
pub use extension::{ExtensionKind, ExtensionMap, ExtensionValues};
pub use header::{HEADER_LEN_MIN, Header, RtpPacket};
pub use write::{HeaderLayout, OutgoingHeader, write_header, write_padding};

#[cfg(test)]
mod tests;
