//! By which addresses participants reach the media plane.

use moim_net::Scope;
use std::net::{IpAddr, SocketAddr};

/// More candidates than this would cost every participant checks and time, and bring nothing.
const CANDIDATES_MAX: usize = 16;

/// Where participants are told to send, those first that reach farthest: the public addresses, with every port that is listened on,
/// and the addresses of this machine that are listened on.
pub(super) fn candidates(listened: &[SocketAddr], local: &[IpAddr], public: &[IpAddr]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in listened {
        let of_family = |ip: &&IpAddr| ip.is_ipv4() == address.is_ipv4();
        let on_port = |ip: &IpAddr| SocketAddr::new(*ip, address.port());
        found.extend(public.iter().filter(of_family).map(on_port));
    }
    let is_mapped = found.len();
    for address in listened {
        if address.ip().is_unspecified() {
            let own = local.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4());
            found.extend(own.filter(|ip| is_reachable(**ip)).map(|ip| SocketAddr::new(*ip, address.port())));
        } else {
            found.push(*address);
        }
    }
    found[is_mapped..].sort_by_key(|address| Scope::of(address.ip()));
    // Loopback is for a machine that has nothing else, or for one that listens there alone.
    if found.iter().any(|address| Scope::of(address.ip()) != Scope::Loopback) {
        found.retain(|address| Scope::of(address.ip()) != Scope::Loopback);
    }
    let mut distinct = Vec::new();
    for address in found {
        if !distinct.contains(&address) && distinct.len() < CANDIDATES_MAX {
            distinct.push(address);
        }
    }
    distinct
}

/// Whether others may reach it: an address of one link means nothing to those who are not told which link.
fn is_reachable(ip: IpAddr) -> bool {
    Scope::of(ip) != Scope::LinkLocal && !ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(listened: &[&str], local: &[&str], public: &[&str]) -> Vec<String> {
        let ips =
            |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let listened: Vec<SocketAddr> = listened.iter().map(|text| text.parse().unwrap()).collect();
        candidates(&listened, &ips(local), &ips(public)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn wildcards_stand_for_the_addresses_of_this_machine_that_others_may_reach() {
        let local = ["127.0.0.1", "192.168.1.7", "198.51.100.9", "::1", "fe80::1", "2001:db8::1"];
        assert_eq!(
            found(&["0.0.0.0:8443", "[::]:8443"], &local, &[]),
            ["198.51.100.9:8443", "[2001:db8::1]:8443", "192.168.1.7:8443"]
        );
    }

    #[test]
    fn public_addresses_come_first_with_every_port_of_their_family() {
        assert_eq!(
            found(&["0.0.0.0:443", "10.0.0.5:3478"], &["10.0.0.5", "::1"], &["203.0.113.5", "2001:db8::5"]),
            ["203.0.113.5:443", "203.0.113.5:3478", "10.0.0.5:443", "10.0.0.5:3478"]
        );
    }

    #[test]
    fn loopback_is_for_a_machine_that_has_nothing_else() {
        assert_eq!(found(&["0.0.0.0:1", "[::]:1"], &["127.0.0.1", "::1"], &[]), ["127.0.0.1:1", "[::1]:1"]);
        assert_eq!(found(&["127.0.0.1:1"], &["127.0.0.1", "10.0.0.5"], &[]), ["127.0.0.1:1"]);
        assert_eq!(found(&["127.0.0.1:1", "10.0.0.5:1"], &[], &[]), ["10.0.0.5:1"]);
    }

    #[test]
    fn there_are_never_too_many_and_none_twice() {
        let local: Vec<String> = (0..40).map(|number| format!("172.17.{number}.1")).collect();
        let local: Vec<&str> = local.iter().map(String::as_str).collect();
        assert_eq!(found(&["0.0.0.0:1"], &local, &[]).len(), CANDIDATES_MAX);
        assert_eq!(found(&["0.0.0.0:1", "10.0.0.5:1"], &["10.0.0.5"], &["10.0.0.5"]), ["10.0.0.5:1"]);
    }
}
