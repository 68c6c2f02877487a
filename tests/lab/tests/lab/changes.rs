//! What happens to networks while they are in use.

use crate::probe::{arrived, connects, lab, mapped, receive, send, udp, udp_at};
use moim_lab::{Change, Firewall, Impairment, Lab, Nat, Topology};
use std::net::{SocketAddr, UdpSocket};

struct World {
    lab: Lab,
    server: UdpSocket,
    at: SocketAddr,
}

impl World {
    fn with(nat: Nat) -> Self {
        let lab = lab(Topology::new()
            .gateway("home", nat)
            .gateway("mobile", Nat::Symmetric)
            .host("server")
            .host_behind("anna", "home"));
        let host = lab.host("server").unwrap();
        let at = SocketAddr::new(host.ipv4()[0].into(), 5000);
        let server = udp_at(&host, at.ip(), at.port());
        Self { lab, server, at }
    }

    fn anna(&self) -> UdpSocket {
        udp(&self.lab.host("anna").unwrap(), 4000)
    }

    fn change(&mut self, change: Change) {
        self.lab.change(change).unwrap();
    }
}

fn home() -> String {
    "home".to_owned()
}

#[test]
fn a_host_gets_another_address() {
    let mut world = World::with(Nat::PortRestricted);
    let before = world.lab.host("anna").unwrap();
    let anna = world.anna();
    mapped(&anna, &world.server, world.at);
    world.change(Change::Address { of: "anna".to_owned() });
    let after = world.lab.host("anna").unwrap();
    assert_ne!(before.ipv4(), after.ipv4());
    assert_ne!(before.ipv6(), after.ipv6());
    // A socket that is bound to no address goes on with the new one.
    mapped(&anna, &world.server, world.at);
}

#[test]
fn a_gateway_gets_another_address() {
    let mut world = World::with(Nat::PortRestricted);
    let anna = world.anna();
    let before = mapped(&anna, &world.server, world.at);
    world.change(Change::Address { of: home() });
    let after = mapped(&anna, &world.server, world.at);
    assert_ne!(before.ip(), after.ip());
    assert_eq!(after.ip(), world.lab.host("home").unwrap().ipv4()[0]);
    let server = world.lab.host("server").unwrap();
    let ipv6 = SocketAddr::new(server.ipv6()[0].into(), 443);
    assert!(connects(&world.lab.host("anna").unwrap(), &server, ipv6), "IPv6 takes the new route");
}

#[test]
fn a_host_moves_to_another_network() {
    let mut world = World::with(Nat::PortRestricted);
    let anna = world.anna();
    mapped(&anna, &world.server, world.at);
    world.change(Change::Move { host: "anna".to_owned(), behind: Some("mobile".to_owned()) });
    let seen = mapped(&anna, &world.server, world.at);
    assert_eq!(seen.ip(), world.lab.host("mobile").unwrap().ipv4()[0]);
    world.change(Change::Move { host: "anna".to_owned(), behind: None });
    assert_eq!(mapped(&anna, &world.server, world.at).ip(), world.lab.host("anna").unwrap().ipv4()[0]);
}

#[test]
fn a_firewall_closes_on_flows_that_were_let_out() {
    let mut world = World::with(Nat::PortRestricted);
    let anna = world.anna();
    let outside = mapped(&anna, &world.server, world.at);
    world.change(Change::Firewall { gateway: home(), firewall: Firewall::UdpBlocked });
    send(&anna, world.at, "out");
    send(&world.server, outside, "in");
    world.change(Change::Firewall { gateway: home(), firewall: Firewall::Open });
    assert_eq!(mapped(&anna, &world.server, world.at), outside);
    send(&world.server, outside, "in again");
    assert_eq!(receive(&anna).0, "in again");
    assert!(arrived(&world.server).is_empty());
}

#[test]
fn a_gateway_that_forgets_maps_anew() {
    let mut world = World::with(Nat::FullCone);
    let anna = world.anna();
    let outside = mapped(&anna, &world.server, world.at);
    world.change(Change::Forget { gateway: home() });
    send(&world.server, outside, "nobody knows this port");
    assert_eq!(mapped(&anna, &world.server, world.at), outside);
    send(&world.server, outside, "known");
    assert_eq!(receive(&anna).0, "known");
}

#[test]
fn a_nat_becomes_another() {
    let mut world = World::with(Nat::PortRestricted);
    let anna = world.anna();
    let outside = mapped(&anna, &world.server, world.at);
    assert_eq!(outside.port(), 4000);
    world.change(Change::Nat { gateway: home(), nat: Nat::FullCone });
    assert_eq!(mapped(&anna, &world.server, world.at), outside);
    let stranger = udp(&world.lab.host("server").unwrap(), 6000);
    send(&stranger, outside, "stranger");
    assert_eq!(receive(&anna).0, "stranger");

    let none = Change::Nat { gateway: home(), nat: Nat::None };
    assert!(world.lab.change(none).is_err(), "its hosts would need other addresses");
}

#[test]
fn a_link_becomes_worse_and_better() {
    let mut world = World::with(Nat::PortRestricted);
    let anna = world.anna();
    // The router's link address is known from here on: a packet that waits for it would survive the bad link.
    mapped(&anna, &world.server, world.at);
    let lossy = Impairment { loss_per_mille: 1000, rate_kbps: Some(500), queue_ms: None };
    world.change(Change::Link { of: "anna".to_owned(), link: lossy });
    send(&anna, world.at, "lost");
    world.change(Change::Link { of: "anna".to_owned(), link: Impairment::default() });
    send(&anna, world.at, "arrives");
    assert_eq!(receive(&world.server).0, "arrives");
}

#[test]
fn what_is_not_there_cannot_change() {
    let mut world = World::with(Nat::PortRestricted);
    for change in [
        Change::Address { of: "nobody".to_owned() },
        Change::Forget { gateway: "anna".to_owned() },
        Change::Move { host: "anna".to_owned(), behind: Some("nowhere".to_owned()) },
    ] {
        assert!(world.lab.change(change).is_err());
    }
    mapped(&world.anna(), &world.server, world.at);
}
