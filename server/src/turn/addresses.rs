//! Where relayed transport addresses are: which addresses of this machine, and as what others know them.

use crate::config::{ExternalAddress, TurnConfig};
use moim_net::Scope;
use moim_relay::RelayAddress;
use moim_turn::{AddressFamily, PerFamily};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Somewhere on the Internet, to ask the routes about: a root name server. Nothing is sent there.
const SOMEWHERE: PerFamily<IpAddr> = PerFamily {
    ipv4: IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)),
    ipv6: IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)),
};
/// A port, since an address needs one.
const DISCARD: u16 = 9;

/// The addresses of the families that can be relayed from.
pub(super) fn relay_addresses(config: &TurnConfig) -> PerFamily<Option<RelayAddress>> {
    let local: Vec<IpAddr> =
        moim_net::local_addresses().unwrap_or_default().into_iter().map(|address| address.ip).collect();
    choose(config, &local, source_towards)
}

/// The addresses by which this machine is known: those of its interfaces, and those that a NAT has for it.
pub(super) fn own_addresses(config: &TurnConfig) -> Vec<IpAddr> {
    let local = moim_net::local_addresses().unwrap_or_default().into_iter().map(|address| address.ip);
    local.chain(config.external_addresses.iter().map(|external| external.advertised)).collect()
}

fn choose(
    config: &TurnConfig,
    local: &[IpAddr],
    source_towards: impl Fn(IpAddr) -> io::Result<IpAddr>,
) -> PerFamily<Option<RelayAddress>> {
    let of = |family: AddressFamily| {
        let is_of_family = |ip: &IpAddr| ip.is_ipv4() == (family == AddressFamily::Ipv4);
        let configured = config.relay_addresses.iter().copied().find(is_of_family);
        let bind = configured.or_else(|| learn(*SOMEWHERE.of(family), local, &source_towards))?;
        Some(RelayAddress { bind, advertised: advertised(&config.external_addresses, bind) })
    };
    let found = PerFamily { ipv4: of(AddressFamily::Ipv4), ipv6: of(AddressFamily::Ipv6) };
    // Loopback is for a machine that has nothing else: no browser offers it to another machine.
    let is_elsewhere = found.iter().any(|(_, one)| is_useful(one));
    let keep = |one: Option<RelayAddress>| {
        one.filter(|one| is_useful(one) || !is_elsewhere || config.relay_addresses.contains(&one.bind))
    };
    PerFamily { ipv4: keep(found.ipv4), ipv6: keep(found.ipv6) }
}

fn is_useful(address: &RelayAddress) -> bool {
    Scope::of(address.bind) != Scope::Loopback
}

/// The address of this machine from which packets go to `somewhere`; without a route there, the one that reaches farthest.
fn learn(
    somewhere: IpAddr,
    local: &[IpAddr],
    source_towards: impl Fn(IpAddr) -> io::Result<IpAddr>,
) -> Option<IpAddr> {
    let is_usable = |ip: &IpAddr| Scope::of(*ip) != Scope::LinkLocal && !ip.is_unspecified();
    source_towards(somewhere).ok().filter(is_usable).or_else(|| {
        let of_family = local.iter().copied().filter(|ip| ip.is_ipv4() == somewhere.is_ipv4());
        of_family.filter(is_usable).min_by_key(|ip| Scope::of(*ip))
    })
}

/// Asks the routing table, by a socket that is connected and sends nothing.
fn source_towards(somewhere: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if somewhere.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(somewhere, DISCARD))?;
    Ok(socket.local_addr()?.ip())
}

/// As what `bind` is known outside.
pub(super) fn advertised(external: &[ExternalAddress], bind: IpAddr) -> IpAddr {
    let any =
        || external.iter().find(|one| one.local.is_none() && one.advertised.is_ipv4() == bind.is_ipv4());
    advertised_by_name(external, bind).or_else(|| Some(any()?.advertised)).unwrap_or(bind)
}

/// As what `bind` is known outside, if there is an entry for it and not just one for whatever address is relayed from.
pub(super) fn advertised_by_name(external: &[ExternalAddress], bind: IpAddr) -> Option<IpAddr> {
    external.iter().find(|one| one.local == Some(bind)).map(|one| one.advertised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn config(toml: &str) -> TurnConfig {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, format!("data_dir = '.'\n[turn]\n{toml}")).unwrap();
        Config::load(Some(&file), crate::Overrides::default()).unwrap().turn
    }

    /// Relayed addresses as `bind/advertised`, on a machine with these addresses and these routes.
    fn chosen(toml: &str, local: &[&str], routes: &[&str]) -> Vec<String> {
        let local: Vec<_> = local.iter().map(|text| ip(text)).collect();
        let routes: Vec<_> = routes.iter().map(|text| ip(text)).collect();
        let source = |somewhere: IpAddr| {
            let route = routes.iter().find(|source| source.is_ipv4() == somewhere.is_ipv4());
            route.copied().ok_or_else(|| io::ErrorKind::NetworkUnreachable.into())
        };
        let found = choose(&config(toml), &local, source);
        found.iter().map(|(_, one)| format!("{}/{}", one.bind, one.advertised)).collect()
    }

    #[test]
    fn the_routes_say_from_where() {
        let local = ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.7", "2001:db8::5", "fe80::1"];

        assert_eq!(
            chosen("", &local, &["192.168.1.7", "2001:db8::5"]),
            ["192.168.1.7/192.168.1.7", "2001:db8::5/2001:db8::5"]
        );
        assert_eq!(
            chosen("", &local, &["10.0.0.5", "fe80::1"]),
            ["10.0.0.5/10.0.0.5", "2001:db8::5/2001:db8::5"]
        );
    }

    #[test]
    fn without_routes_what_reaches_farthest_is_taken_and_loopback_last_of_all() {
        assert_eq!(chosen("", &["127.0.0.1", "::1", "10.0.0.5"], &[]), ["10.0.0.5/10.0.0.5"]);
        assert_eq!(chosen("", &["127.0.0.1", "::1"], &[]), ["127.0.0.1/127.0.0.1", "::1/::1"]);
        assert_eq!(chosen("", &["fe80::1"], &[]), [""; 0]);
    }

    #[test]
    fn the_configuration_says_more_than_the_routes() {
        let local = ["10.0.0.5", "192.168.1.7"];

        assert_eq!(chosen("relay_addresses = ['10.0.0.5']", &local, &["192.168.1.7"]), ["10.0.0.5/10.0.0.5"]);
        assert_eq!(
            chosen("external_addresses = ['203.0.113.5']", &local, &["192.168.1.7"]),
            ["192.168.1.7/203.0.113.5"]
        );
        assert_eq!(
            chosen("external_addresses = ['203.0.113.5/10.0.0.5']", &local, &["192.168.1.7"]),
            ["192.168.1.7/192.168.1.7"]
        );
    }
}
