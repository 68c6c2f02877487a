use if_addrs::Interface;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// An address of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub ip: IpAddr,
    /// From how far away it can be reached.
    pub scope: Scope,
    /// The name of the interface that has it.
    pub interface: String,
    /// The index of the interface, which makes an IPv6 link-local address complete (`fe80::1%2`).
    pub interface_index: Option<u32>,
}

/// From how far away an address can be reached, as far as the address itself tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From anywhere, unless a firewall is in between.
    Global,
    /// From the same site: RFC 1918, shared (RFC 6598) and unique local (RFC 4193) addresses.
    Private,
    /// From the same link.
    LinkLocal,
    /// From this host.
    Loopback,
}

impl Scope {
    /// The scope of a unicast address.
    pub fn of(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        let (is_link_local, is_private) = match ip {
            IpAddr::V4(ip) => (ip.is_link_local(), ip.is_private() || is_shared(ip)),
            IpAddr::V6(ip) => (ip.is_unicast_link_local(), ip.is_unique_local()),
        };
        if ip.is_loopback() {
            Self::Loopback
        } else if is_link_local {
            Self::LinkLocal
        } else if is_private {
            Self::Private
        } else {
            Self::Global
        }
    }
}

impl LocalAddress {
    /// Whether only this host can reach it.
    pub fn is_loopback(&self) -> bool {
        self.scope == Scope::Loopback
    }

    /// Whether only the same link can reach it.
    pub fn is_link_local(&self) -> bool {
        self.scope == Scope::LinkLocal
    }
}

/// The addresses of the interfaces that are up, those first that a person would try first: addresses that another host
/// may reach (IPv4, which is shorter to type, before IPv6), then link-local ones, then loopback.
///
/// The order is the same from call to call as long as the addresses are.
pub fn local_addresses() -> io::Result<Vec<LocalAddress>> {
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(for_display(interfaces.into_iter().filter(Interface::is_oper_up).map(LocalAddress::from).collect()))
}

fn for_display(mut addresses: Vec<LocalAddress>) -> Vec<LocalAddress> {
    addresses.sort_by(|a, b| order(a).cmp(&order(b)));
    addresses.dedup_by(|a, b| a.ip == b.ip && a.interface == b.interface);
    addresses
}

fn order(address: &LocalAddress) -> impl Ord {
    // Whether a private or a global address is the one to try depends on who asks, so the family comes first.
    let reach = address.scope.max(Scope::Private);
    (reach, address.ip.is_ipv6(), address.scope, address.interface.clone(), address.ip)
}

impl From<Interface> for LocalAddress {
    fn from(interface: Interface) -> Self {
        let ip = interface.ip();
        Self { ip, scope: Scope::of(ip), interface_index: interface.index, interface: interface.name }
    }
}

fn is_shared(ip: Ipv4Addr) -> bool {
    matches!(ip.octets(), [100, 64..=127, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, interface: &str) -> LocalAddress {
        let ip = ip.parse().unwrap();
        LocalAddress { ip, scope: Scope::of(ip), interface: interface.to_owned(), interface_index: None }
    }

    #[test]
    fn scope_is_told_by_the_address() {
        let expected = [
            ("127.0.0.1", Scope::Loopback),
            ("::1", Scope::Loopback),
            ("169.254.3.4", Scope::LinkLocal),
            ("fe80::1", Scope::LinkLocal),
            ("10.0.0.1", Scope::Private),
            ("172.31.255.1", Scope::Private),
            ("192.168.1.2", Scope::Private),
            ("100.64.0.1", Scope::Private),
            ("fd12::1", Scope::Private),
            ("100.128.0.1", Scope::Global),
            ("203.0.113.9", Scope::Global),
            ("2001:db8::1", Scope::Global),
        ];
        for (ip, scope) in expected {
            assert_eq!(Scope::of(ip.parse().unwrap()), scope, "{ip}");
        }
    }

    #[test]
    fn addresses_to_try_first_come_first_and_once() {
        let addresses = for_display(vec![
            address("::1", "lo"),
            address("127.0.0.1", "lo"),
            address("fe80::7", "eth0"),
            address("2001:db8::7", "eth0"),
            address("fd00::7", "eth0"),
            address("192.168.1.7", "eth0"),
            address("203.0.113.7", "eth1"),
            address("192.168.1.7", "eth0"),
        ]);

        let order: Vec<_> = addresses.iter().map(|address| address.ip.to_string()).collect();
        let expected =
            ["203.0.113.7", "192.168.1.7", "2001:db8::7", "fd00::7", "fe80::7", "127.0.0.1", "::1"];
        assert_eq!(order, expected);
    }

    #[test]
    fn this_host_has_a_loopback_address_and_it_comes_last() {
        let addresses = local_addresses().unwrap();

        let first_loopback = addresses.iter().position(LocalAddress::is_loopback);
        let first_loopback = first_loopback.expect("every host has a loopback interface");
        assert!(addresses[first_loopback..].iter().all(LocalAddress::is_loopback));
    }
}
