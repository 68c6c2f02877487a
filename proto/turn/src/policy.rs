//! Which peers may be relayed to.
//!
//! A relay stands inside somebody's network, and what it sends comes from there. So it relays to addresses of the public
//! internet only, judged after every IPv4 address that is wrapped into an IPv6 one has been unwrapped, unless the operator
//! says otherwise.
//!
//! One rule decides: **the most specific prefix that covers the address**. The operator's prefixes and the built-in ones are
//! in one table; where two are equally long, the operator's beats the built-in one and a deny beats an allow. So
//! `allow = 10.0.0.0/8` opens the private network but not the server's own address within it, which is known by all its bits
//! and would have to be named; and `deny = 10.1.0.0/16` closes a part of it again. Addresses that are nobody's or
//! many's (`0.0.0.0/8`, `::`, multicast, broadcast) are never relayed to, whatever is allowed.

mod embedded;
mod special;
mod table;

use embedded::embedded_ipv4;
use ipnet::IpNet;
use std::net::IpAddr;
use table::{Entry, Table};

/// How the relay is used, as far as peers are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayMode {
    /// Not at all.
    Off,
    /// Only between relayed addresses of this server: nothing outside can be reached, and no port is opened.
    #[default]
    Internal,
    /// From ports of a range, to any peer that the policy permits: the classic TURN server.
    Range,
}

/// What a [`PeerPolicy`] is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerLists {
    /// Prefixes to relay to although they are denied by default.
    pub allow: Vec<IpNet>,
    /// Prefixes never to relay to although they are public.
    pub deny: Vec<IpNet>,
    /// The server's own addresses: of its interfaces, and what they are seen as from outside.
    pub own: Vec<IpAddr>,
    /// The addresses that relayed transport addresses are made of, as told to clients.
    pub relayed: Vec<IpAddr>,
}

/// Decides which peers may be relayed to.
#[derive(Clone, Debug)]
pub struct PeerPolicy {
    table: Table,
    relayed: Vec<IpAddr>,
}

/// A peer that may be relayed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    /// A host outside, by a packet on the network.
    Outside,
    /// A relayed address of this server: to be handed over in the process, never sent.
    OwnRelayed,
}

/// Why a peer must not be relayed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Denied {
    /// Nothing is relayed at all.
    RelayOff,
    /// Only this server's relayed addresses are peers, and this is none.
    NotRelayed,
    /// The operator's list says so.
    Configured,
    /// Nobody's address: `0.0.0.0/8` or `::`.
    Unspecified,
    /// A group's address.
    Multicast,
    /// Everybody's address on a network.
    Broadcast,
    /// The host itself, by a loopback address.
    Loopback,
    /// The host itself, by an address of its own.
    OwnAddress,
    /// A cloud's service that tells secrets to whoever asks from inside.
    Metadata,
    /// A neighbour on the same link.
    LinkLocal,
    /// RFC 1918.
    Private,
    /// The network between a provider and its customers (RFC 6598).
    SharedAddress,
    /// RFC 4193.
    UniqueLocal,
    /// RFC 3879, deprecated and still routed within sites.
    SiteLocal,
    /// Networks of test beds (RFC 2544, RFC 5180).
    Benchmarking,
    /// Addresses in books.
    Documentation,
    /// An IPv4 address in a form that never is on the wire, or means something on one site only.
    Translated,
    /// Not global unicast for another reason.
    Reserved,
}

impl Denied {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 18] = [
        Self::RelayOff,
        Self::NotRelayed,
        Self::Configured,
        Self::Unspecified,
        Self::Multicast,
        Self::Broadcast,
        Self::Loopback,
        Self::OwnAddress,
        Self::Metadata,
        Self::LinkLocal,
        Self::Private,
        Self::SharedAddress,
        Self::UniqueLocal,
        Self::SiteLocal,
        Self::Benchmarking,
        Self::Documentation,
        Self::Translated,
        Self::Reserved,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RelayOff => "relay_off",
            Self::NotRelayed => "not_relayed",
            Self::Configured => "configured",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Loopback => "loopback",
            Self::OwnAddress => "own_address",
            Self::Metadata => "metadata",
            Self::LinkLocal => "link_local",
            Self::Private => "private",
            Self::SharedAddress => "shared_address",
            Self::UniqueLocal => "unique_local",
            Self::SiteLocal => "site_local",
            Self::Benchmarking => "benchmarking",
            Self::Documentation => "documentation",
            Self::Translated => "translated",
            Self::Reserved => "reserved",
        }
    }
}

impl Default for PeerPolicy {
    /// The built-in rules alone.
    fn default() -> Self {
        Self::new(PeerLists::default())
    }
}

impl PeerPolicy {
    /// A policy of the built-in rules and these lists.
    pub fn new(lists: PeerLists) -> Self {
        let PeerLists { allow, deny, own, relayed } = lists;
        let mut entries = special::entries();
        // A relayed address is the server's own as well: wrapped into another form, it would leave the process and come back.
        let hosts = own.iter().chain(&relayed).map(|ip| IpNet::from(ip.to_canonical()));
        entries.extend(hosts.map(|net| Entry::built_in(net, Err(Denied::OwnAddress))));
        entries.extend(allow.iter().map(|net| Entry::configured(*net, Ok(()))));
        entries.extend(deny.iter().map(|net| Entry::configured(*net, Err(Denied::Configured))));
        Self { table: Table::new(entries), relayed }
    }

    /// Whether `ip` may be relayed to, and how.
    ///
    /// What a relayed address of the server's own leads to is known by its port, which the caller looks up; if no relayed
    /// address has that port, there is no such peer, and nothing may be sent.
    pub fn check(&self, mode: RelayMode, ip: IpAddr) -> Result<PeerKind, Denied> {
        if mode == RelayMode::Off {
            return Err(Denied::RelayOff);
        }
        if self.relayed.contains(&ip) {
            return Ok(PeerKind::OwnRelayed);
        }
        if mode == RelayMode::Internal {
            return Err(Denied::NotRelayed);
        }
        for embedded in embedded_ipv4(ip).iter().flatten() {
            self.check_address(IpAddr::V4(*embedded))?;
        }
        self.check_address(ip)?;
        Ok(PeerKind::Outside)
    }

    fn check_address(&self, ip: IpAddr) -> Result<(), Denied> {
        special::check_never(ip)?;
        self.table.decide(ip)
    }
}

#[cfg(test)]
mod tests;
