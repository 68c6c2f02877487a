//! What firewalls let out, and what the internet does not carry.

use crate::probe::{arrived, connects, is_kept_out, lab, receive, send, udp, udp_at};
use moim_lab::{Families, Firewall, Gateway, Lab, Nat, Topology};
use std::net::SocketAddr;

fn behind(firewall: Firewall) -> Lab {
    let office = Gateway { firewall, ..Gateway::new("office", Nat::PortRestricted) };
    lab(Topology::new().with_gateway(office).host("server").host_behind("anna", "office"))
}

/// Expects what is said to get through to each address of the server: UDP, and TCP to each port.
fn lets_out(lab: &Lab, udp_is_open: bool, ports: [(u16, bool); 2]) {
    let (anna, server) = (lab.host("anna").unwrap(), lab.host("server").unwrap());
    let client = udp(&anna, 4000);
    for address in server.addresses() {
        let socket = udp_at(&server, address, 443);
        send(&client, SocketAddr::new(address, 443), "hello");
        for (port, is_open) in ports {
            let to = SocketAddr::new(address, port);
            let is_so = if is_open { connects(&anna, &server, to) } else { is_kept_out(&anna, &server, to) };
            assert!(is_so, "{to} over TCP, which is {}", if is_open { "open" } else { "closed" });
        }
        // The handshakes came the same way later than the packet.
        assert_eq!(!arrived(&socket).is_empty(), udp_is_open, "{address} over UDP");
    }
}

#[test]
fn firewalls_let_out_what_they_say() {
    lets_out(&behind(Firewall::Open), true, [(443, true), (3478, true)]);
    lets_out(&behind(Firewall::UdpBlocked), false, [(443, true), (3478, true)]);
    lets_out(&behind(Firewall::OnlyTcp443), false, [(443, true), (3478, false)]);
}

#[test]
fn nobody_gets_in_unasked() {
    for nat in [Nat::None, Nat::FullCone] {
        let lab = lab(Topology::new().gateway("office", nat).host("server").host_behind("anna", "office"));
        let (anna, server) = (lab.host("anna").unwrap(), lab.host("server").unwrap());
        let to = SocketAddr::new(anna.ipv6()[0].into(), 8000);
        assert!(is_kept_out(&server, &anna, to), "{nat:?}");
        assert!(connects(&anna, &server, SocketAddr::new(server.ipv6()[0].into(), 8000)), "{nat:?}");
    }
}

#[test]
fn private_addresses_lead_nowhere_on_the_internet() {
    let lab = lab(Topology::new()
        .gateway("left", Nat::FullCone)
        .gateway("right", Nat::FullCone)
        .host("server")
        .host_behind("anna", "left")
        .host_behind("ben", "right"));
    let ben = lab.host("ben").unwrap();
    let socket = udp_at(&ben, ben.ipv4()[0], 4000);
    let private = SocketAddr::new(ben.ipv4()[0].into(), 4000);
    for name in ["server", "anna"] {
        // No error either: on the internet such packets vanish.
        send(&udp(&lab.host(name).unwrap(), 4000), private, name);
    }
    let server = lab.host("server").unwrap();
    let last = udp_at(&server, server.ipv4()[0], 5000);
    send(&socket, SocketAddr::new(server.ipv4()[0].into(), 5000), "hole");
    let (_, outside) = receive(&last);
    send(&last, outside, "last");
    assert_eq!(receive(&socket).0, "last");
}

#[test]
fn hosts_have_the_families_of_their_network() {
    let only = |name: &str, families, nat| Gateway { families, ..Gateway::new(name, nat) };
    let lab = lab(Topology::new()
        .with_gateway(only("old", Families::Ipv4, Nat::PortRestricted))
        .with_gateway(only("mobile", Families::Ipv6, Nat::None))
        .host("server")
        .host_behind("anna", "old")
        .host_behind("ben", "mobile"));
    let server = lab.host("server").unwrap();
    for (name, expected) in [("anna", [true, false]), ("ben", [false, true])] {
        let host = lab.host(name).unwrap();
        let reached: Vec<bool> = server
            .addresses()
            .into_iter()
            .map(|address| connects(&host, &server, SocketAddr::new(address, 443)))
            .collect();
        assert_eq!(reached, expected, "{name}");
    }
}
