//! STUN (RFC 8489): messages, message integrity, the answer of a Binding server, and NAT behaviour discovery (RFC 5780).
//! Bytes in, bytes out.
//!
//! # Reading
//! [`Message::parse`] checks the header and the bounds of every attribute once; after that, walking the attributes cannot
//! fail, and nothing is copied or allocated. A typed attribute is asked for by its type:
//!
//! ```
//! use moim_stun::{Message, attribute::XorMappedAddress};
//!
//! # let datagram = [
//! #     0x01, 0x01, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // header
//! #     0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, // XOR-MAPPED-ADDRESS
//! # ];
//! let message = Message::parse(&datagram)?;
//! let mapped = message.get::<XorMappedAddress>()?.expect("the response has one");
//! assert_eq!(mapped.0, "192.0.2.1:32853".parse().unwrap());
//! # Ok::<(), moim_stun::ParseError>(())
//! ```
//!
//! # Writing
//! [`MessageBuilder`] writes into a buffer of the caller's. Message integrity and fingerprint are not attributes one adds but
//! the [`Seal`] that ends the message, so that they are always last and in order.
//!
//! # Extending
//! An attribute of TURN or ICE is a type that implements [`attribute::Attribute`], in whatever
//! crate it belongs to; a number this crate has no name for is an [`AttributeType`] like any other.
//!
//! # Left out
//! Client transactions and their retransmission (RFC 8489 §6.2) but for those of [`discovery`], DNS discovery (§8), and the credential mechanisms' checks
//! of a server (§9): they need time or state and belong to those who own it. What they are made of (keys, integrity, nonce
//! and algorithm attributes) is here. Classic STUN (RFC 3489), which has no magic cookie, is not spoken.

pub mod attribute;
pub mod binding;
mod builder;
pub mod discovery;
mod error;
mod fingerprint;
mod header;
mod integrity;
mod key;
mod message;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use attribute::AttributeType;
pub use builder::{Integrity, MessageBuilder, Seal};
pub use error::{BuildError, KeyError, ParseError};
pub use fingerprint::FingerprintCheck;
pub use header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, framed_len};
pub use integrity::{IntegrityCheck, SHA1_LEN, SHA256_LEN, SHA256_LEN_MIN};
pub use key::{IntegrityKey, opaque_string};
pub use message::{Attributes, Message, RawAttribute};

#[cfg(test)]
mod tests;
