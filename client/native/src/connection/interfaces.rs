//! The addresses of this machine, and noticing that they change.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

/// Addresses that are used at once.
const ADDRESSES_MAX: usize = 16;

/// The addresses to gather candidates at: of this machine's own, those by which others could reach it, and those of the loopback
/// interface if `has_loopback`.
pub(crate) fn addresses(has_loopback: bool) -> io::Result<BTreeSet<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let addresses = interfaces.iter().filter(|interface| interface.is_oper_up()).map(if_addrs::Interface::ip);
    Ok(addresses.filter(|address| is_usable(*address, has_loopback)).take(ADDRESSES_MAX).collect())
}

fn is_usable(address: IpAddr, has_loopback: bool) -> bool {
    if address.is_loopback() {
        return has_loopback;
    }
    match address {
        IpAddr::V4(address) => !address.is_unspecified() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_unspecified() && !is_obsolete_or_local(address),
    }
}

/// RFC 8445 §5.1.1.1: no site-local and no IPv4-mapped addresses; and none that needs an interface's name to be used.
fn is_obsolete_or_local(address: Ipv6Addr) -> bool {
    let is_site_local = address.segments()[0] & 0xFFC0 == 0xFEC0;
    is_site_local || address.is_unicast_link_local() || address.to_ipv4_mapped().is_some()
}

/// How much an address is preferred to others of this machine (RFC 8445 §5.1.2.1): all alike, but those that only this machine
/// itself can reach.
pub(crate) fn preference(address: IpAddr) -> u16 {
    u16::MAX - u16::from(address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_usable;
    use std::net::IpAddr;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Covers: RFC 8445 §5.1.1.1
    #[test]
    fn what_nobody_could_reach_is_not_used() {
        for text in
            ["0.0.0.0", "169.254.1.1", "::", "fe80::1", "fec0::1", "::ffff:192.0.2.1", "127.0.0.1", "::1"]
        {
            assert!(!is_usable(address(text), false), "{text}");
        }
        for text in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"] {
            assert!(is_usable(address(text), false), "{text}");
        }
    }

    #[test]
    fn loopback_is_used_when_asked_for() {
        assert!(is_usable(address("127.0.0.1"), true) && is_usable(address("::1"), true));
    }
}
