//! What one port needs to know about what arrives on it, and what a host knows of its own addresses.
//!
//! [`first_bytes`] and [`datagram`] are pure functions over bytes; [`local_addresses`] asks the operating system.

pub mod datagram;
pub mod first_bytes;
mod local;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use local::{LocalAddress, Scope, local_addresses};
