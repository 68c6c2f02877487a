//! Mapping and filtering of every NAT (RFC 4787), and what follows from them.

use crate::probe::{lab, mapped, receive, send, udp, udp_at};
use moim_lab::{Filtering, Gateway, HostSpec, Lab, Mapping, Nat, Topology};
use std::net::{IpAddr, SocketAddr};

const NATS: [Nat; 4] = [Nat::FullCone, Nat::AddressRestricted, Nat::PortRestricted, Nat::Symmetric];
const PORTS: [u16; 2] = [5001, 5002];

fn one_client(nat: Nat) -> Lab {
    lab(Topology::new()
        .gateway("home", nat)
        .with_host(HostSpec { addresses: 2, ..HostSpec::new("server") })
        .host_behind("anna", "home"))
}

/// Covers: RFC 4787 §4.1
#[test]
fn nats_map_as_they_say() {
    for nat in NATS {
        let lab = one_client(nat);
        let (server, home) = (lab.host("server").unwrap(), lab.host("home").unwrap());
        let anna = udp(&lab.host("anna").unwrap(), 4000);
        let mut seen = Vec::new();
        for address in server.ipv4() {
            for port in PORTS {
                let socket = udp_at(&server, *address, port);
                seen.push(mapped(&anna, &socket, SocketAddr::new((*address).into(), port)));
            }
        }
        assert!(seen.iter().all(|mapped| mapped.ip() == home.ipv4()[0]), "{nat:?}: {seen:?}");
        let is_one_for_all = seen.iter().all(|mapped| mapped == &seen[0]);
        assert_eq!(is_one_for_all, nat.mapping() == Some(Mapping::EndpointIndependent), "{nat:?}: {seen:?}");
    }
}

/// Covers: RFC 4787 §5
#[test]
fn nats_filter_as_they_say() {
    for nat in NATS {
        let lab = one_client(nat);
        let server = lab.host("server").unwrap();
        let anna = udp(&lab.host("anna").unwrap(), 4000);
        let [contacted, stranger] = [server.ipv4()[0], server.ipv4()[1]];
        let peer = udp_at(&server, contacted, PORTS[0]);
        let other_port = udp_at(&server, contacted, PORTS[1]);
        let other_address = udp_at(&server, stranger, PORTS[0]);
        let anna_outside = mapped(&anna, &peer, SocketAddr::new(contacted.into(), PORTS[0]));

        send(&other_address, anna_outside, "other address");
        send(&other_port, anna_outside, "other port");
        send(&peer, anna_outside, "peer");

        let mut let_in = Vec::new();
        while let_in.last().is_none_or(|last| last != "peer") {
            let_in.push(receive(&anna).0);
        }
        let expected: &[&str] = match nat.filtering() {
            Filtering::EndpointIndependent => &["other address", "other port", "peer"],
            Filtering::AddressDependent => &["other port", "peer"],
            Filtering::AddressAndPortDependent => &["peer"],
        };
        assert_eq!(let_in, expected, "{nat:?}");
    }
}

#[test]
fn a_mapping_lets_a_stranger_in_only_after_it_was_made() {
    let lab = one_client(Nat::FullCone);
    let (server, home) = (lab.host("server").unwrap(), lab.host("home").unwrap());
    let anna = udp(&lab.host("anna").unwrap(), 4000);
    let peer = udp_at(&server, server.ipv4()[0], PORTS[0]);
    send(&peer, SocketAddr::new(home.ipv4()[0].into(), 4000), "too early");
    let outside = mapped(&anna, &peer, SocketAddr::new(server.ipv4()[0].into(), PORTS[0]));
    assert_eq!(outside.port(), 4000, "what came too early has not taken the port");
    send(&peer, outside, "in time");
    assert_eq!(receive(&anna).0, "in time");
}

/// Both send to where the other is seen; whose NAT maps endpoint-independently is reached there.
#[test]
fn holes_are_punched_between_cones_and_not_between_symmetric_nats() {
    for (nat, is_punched) in [
        (Nat::FullCone, true),
        (Nat::AddressRestricted, true),
        (Nat::PortRestricted, true),
        (Nat::Symmetric, false),
    ] {
        let topology = Topology::new().gateway("left", nat).gateway("right", nat);
        let lab = lab(topology.host("server").host_behind("anna", "left").host_behind("ben", "right"));
        let server = lab.host("server").unwrap();
        let at = SocketAddr::new(server.ipv4()[0].into(), PORTS[0]);
        let socket = udp_at(&server, at.ip(), at.port());
        let [anna, ben] = ["anna", "ben"].map(|name| udp(&lab.host(name).unwrap(), 4000));
        let (anna_outside, ben_outside) = (mapped(&anna, &socket, at), mapped(&ben, &socket, at));

        for _ in 0..2 {
            send(&anna, ben_outside, "from anna");
            send(&ben, anna_outside, "from ben");
        }
        // The server's packets come last, and are let in by every NAT.
        send(&socket, anna_outside, "from the server");
        send(&socket, ben_outside, "from the server");
        let punched = [anna, ben].map(|socket| receive(&socket).0 != "from the server");
        assert_eq!(punched, [is_punched; 2], "{nat:?}");
    }
}

#[test]
fn behind_two_nats_one_is_seen_as_the_outer_one() {
    let home = Gateway { behind: Some("carrier".to_owned()), ..Gateway::new("home", Nat::PortRestricted) };
    let topology = Topology::new().gateway("carrier", Nat::PortRestricted).with_gateway(home);
    let lab = lab(topology.host("server").host_behind("anna", "home"));
    let server = lab.host("server").unwrap();
    assert!(lab.host("home").unwrap().ipv4()[0].octets().starts_with(&[100, 64]));

    let at = SocketAddr::new(server.ipv4()[0].into(), PORTS[0]);
    let socket = udp_at(&server, at.ip(), at.port());
    let anna = udp(&lab.host("anna").unwrap(), 4000);
    let seen = mapped(&anna, &socket, at);
    assert_eq!(seen.ip(), lab.host("carrier").unwrap().ipv4()[0]);
    send(&socket, seen, "back");
    assert_eq!(receive(&anna).0, "back");
}

#[test]
fn hosts_behind_one_full_cone_are_both_reached() {
    let lab = lab(Topology::new()
        .gateway("home", Nat::FullCone)
        .with_host(HostSpec { addresses: 2, ..HostSpec::new("server") })
        .host_behind("anna", "home")
        .host_behind("ben", "home"));
    let server = lab.host("server").unwrap();
    let at = SocketAddr::new(server.ipv4()[0].into(), PORTS[0]);
    let contacted = udp_at(&server, at.ip(), at.port());
    let stranger = udp_at(&server, server.ipv4()[1], PORTS[0]);
    for (name, port) in [("anna", 4000), ("ben", 4001)] {
        let socket = udp(&lab.host(name).unwrap(), port);
        let outside = mapped(&socket, &contacted, at);
        send(&stranger, outside, name);
        assert_eq!(receive(&socket).0, name);
    }
}

#[test]
fn hosts_behind_one_nat_reach_each_other_without_it() {
    let topology = Topology::new().gateway("home", Nat::Symmetric);
    let lab = lab(topology.host_behind("anna", "home").host_behind("ben", "home"));
    let (anna, ben) = (lab.host("anna").unwrap(), lab.host("ben").unwrap());
    for (from, to) in anna.addresses().into_iter().zip(ben.addresses()) {
        let socket = udp_at(&ben, to, 4000);
        let seen = mapped(&udp_at(&anna, from, 4000), &socket, SocketAddr::new(to, 4000));
        assert_eq!(seen, SocketAddr::new(from, 4000));
    }
}

#[test]
fn ipv6_is_filtered_but_never_translated() {
    for nat in [Nat::None, Nat::FullCone, Nat::Symmetric] {
        let lab = one_client(nat);
        let (server, host) = (lab.host("server").unwrap(), lab.host("anna").unwrap());
        let anna = udp(&host, 4000);
        let peer = udp_at(&server, server.ipv6()[0], PORTS[0]);
        let stranger = udp_at(&server, server.ipv6()[1], PORTS[0]);
        let own = SocketAddr::new(IpAddr::V6(host.ipv6()[0]), 4000);
        assert_eq!(mapped(&anna, &peer, SocketAddr::new(server.ipv6()[0].into(), PORTS[0])), own, "{nat:?}");
        send(&stranger, own, "stranger");
        send(&peer, own, "peer");
        assert_eq!(receive(&anna).0, "peer", "{nat:?}");
    }
}

#[test]
fn without_a_nat_hosts_have_public_addresses() {
    let lab = one_client(Nat::None);
    let (server, host) = (lab.host("server").unwrap(), lab.host("anna").unwrap());
    let at = SocketAddr::new(server.ipv4()[0].into(), PORTS[0]);
    let seen = mapped(&udp(&host, 4000), &udp_at(&server, at.ip(), at.port()), at);
    assert_eq!(seen, SocketAddr::new(host.ipv4()[0].into(), 4000));
}
