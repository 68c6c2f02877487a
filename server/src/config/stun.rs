//! What the configuration says about STUN, checked and typed.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// STUN, beyond telling clients their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StunConfig {
    /// From where NAT behaviour discovery is served (RFC 5780); at most one of each family.
    pub alternate_addresses: Vec<AlternateAddress>,
    /// Which responses tell of it.
    pub disclosure: Disclosure,
}

/// The addresses of this machine for NAT behaviour discovery over one family: two ports, on two IP addresses or on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlternateAddress {
    /// The one that clients know; the main one if not given.
    pub primary: Option<SocketAddr>,
    /// The other one.
    pub alternate: SocketAddr,
}

/// Which responses tell the server's other addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disclosure {
    /// Those that stay within 1.6 times the length of their request.
    Proportionate,
    /// All.
    Always,
}
