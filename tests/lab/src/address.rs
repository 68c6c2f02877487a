//! Which addresses networks and nodes have.
//!
//! Public addresses look like anybody's, because relays and browsers treat documentation and benchmarking ranges
//! specially. They mean nothing outside of the namespaces, and nothing leads out of those.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Number of the router in each of its networks; nodes are numbered from the next one on.
pub(crate) const ROUTER: u8 = 1;
/// The last number a node can have.
pub(crate) const NUMBER_MAX: u8 = 254;
/// Prefix length of every IPv4 network.
pub(crate) const PREFIX_V4: u8 = 24;
/// Prefix length of every IPv6 network.
pub(crate) const PREFIX_V6: u8 = 64;

/// A network with a router and up to 253 nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Network {
    /// What connects the node with this index to the internet: 11.0.N.0/24, 2a11::N:0:0:0:0/64.
    Link(u8),
    /// The network of the gateway with this index.
    Lan(u8, LanKind),
}

/// What the IPv4 addresses behind a gateway look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LanKind {
    /// Public: 11.1.N.0/24.
    Public,
    /// A carrier's, with gateways behind it (RFC 6598): 100.64.N.0/24.
    Carrier,
    /// Private (RFC 1918): 192.168.N.0/24.
    Private,
}

/// An address of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
}

impl Network {
    /// The addresses of its router.
    pub(crate) fn router(self) -> Pair {
        self.node(ROUTER)
    }

    /// The addresses of the node with this number in it.
    pub(crate) fn node(self, number: u8) -> Pair {
        let (a, b, c) = match self {
            Self::Link(index) => (11, 0, index),
            Self::Lan(index, LanKind::Public) => (11, 1, index),
            Self::Lan(index, LanKind::Carrier) => (100, 64, index),
            Self::Lan(index, LanKind::Private) => (192, 168, index),
        };
        let (kind, index) = match self {
            Self::Link(index) => (0, index),
            Self::Lan(index, _) => (1, index),
        };
        Pair {
            ipv4: Ipv4Addr::new(a, b, c, number),
            ipv6: Ipv6Addr::new(0x2a11, 0, kind, u16::from(index), 0, 0, 0, u16::from(number)),
        }
    }

    /// Its prefixes, as routes name them.
    pub(crate) fn prefixes(self) -> (String, String) {
        let base = self.node(0);
        (format!("{}/{PREFIX_V4}", base.ipv4), format!("{}/{PREFIX_V6}", base.ipv6))
    }
}

#[cfg(test)]
mod tests {
    use super::{LanKind, Network};

    #[test]
    fn every_network_has_addresses_of_its_own() {
        assert_eq!(Network::Link(3).node(2).ipv4.to_string(), "11.0.3.2");
        assert_eq!(Network::Link(3).node(2).ipv6.to_string(), "2a11:0:0:3::2");
        assert_eq!(Network::Lan(4, LanKind::Carrier).router().ipv4.to_string(), "100.64.4.1");
        assert_eq!(Network::Lan(200, LanKind::Private).node(17).ipv6.to_string(), "2a11:0:1:c8::11");
        let (ipv4, ipv6) = Network::Lan(5, LanKind::Public).prefixes();
        assert_eq!((ipv4.as_str(), ipv6.as_str()), ("11.1.5.0/24", "2a11:0:1:5::/64"));
    }
}
