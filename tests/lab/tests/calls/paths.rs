//! Which path a call takes. Both ends agree on it, and pictures and sound come by it in both directions.

use crate::call::{Call, Relays};
use moim_lab::{Families, Firewall, Gateway, HostSpec, Nat, Topology};

/// Anna and Ben, each behind a NAT of their own.
fn behind(annas: Nat, bens: Nat) -> Topology {
    with(ipv4("home", annas), ipv4("office", bens))
}

/// Anna and Ben, each behind a gateway of their own.
fn with(annas: Gateway, bens: Gateway) -> Topology {
    let names = [annas.name.clone(), bens.name.clone()];
    let topology = Topology::new().with_gateway(annas).with_gateway(bens);
    topology.host_behind("anna", &names[0]).host_behind("ben", &names[1])
}

fn ipv4(name: &str, nat: Nat) -> Gateway {
    Gateway { families: Families::Ipv4, ..Gateway::new(name, nat) }
}

fn without_udp(name: &str) -> Gateway {
    Gateway { firewall: Firewall::UdpBlocked, ..ipv4(name, Nat::PortRestricted) }
}

const ENDS: [&str; 2] = ["anna", "ben"];

#[test]
fn between_two_cones_a_hole_is_punched() {
    Call::between(behind(Nat::PortRestricted, Nat::PortRestricted), ENDS).is_direct();
}

/// Covers: RFC 8445 §7.3.1.3
#[test]
fn behind_a_symmetric_nat_one_reaches_a_host_that_filters_by_address() {
    Call::between(behind(Nat::Symmetric, Nat::AddressRestricted), ENDS).is_direct();
}

/// Covers: RFC 8445 §7.3.1.3
#[test]
fn behind_a_full_cone_one_is_reached_by_all() {
    Call::between(behind(Nat::FullCone, Nat::Symmetric), ENDS).is_direct();
}

#[test]
fn between_two_symmetric_nats_it_is_relayed() {
    Call::between(behind(Nat::Symmetric, Nat::Symmetric), ENDS).is_relayed();
}

#[test]
fn between_a_symmetric_nat_and_one_that_filters_by_port_it_is_relayed() {
    Call::between(behind(Nat::PortRestricted, Nat::Symmetric), ENDS).is_relayed();
}

#[test]
fn behind_two_nats_a_hole_is_punched_through_both() {
    let home = Gateway { behind: Some("carrier".to_owned()), ..ipv4("home", Nat::PortRestricted) };
    let topology = Topology::new().with_gateway(ipv4("carrier", Nat::PortRestricted));
    let topology = topology.with_gateway(home).with_gateway(ipv4("office", Nat::PortRestricted));
    Call::between(topology.host_behind("anna", "home").host_behind("ben", "office"), ENDS).is_direct();
}

#[test]
fn behind_a_carrier_that_maps_by_destination_it_is_relayed() {
    let home = Gateway { behind: Some("carrier".to_owned()), ..ipv4("home", Nat::PortRestricted) };
    let topology = Topology::new().with_gateway(ipv4("carrier", Nat::Symmetric));
    let topology = topology.with_gateway(home).with_gateway(ipv4("office", Nat::PortRestricted));
    Call::between(topology.host_behind("anna", "home").host_behind("ben", "office"), ENDS).is_relayed();
}

#[test]
fn in_one_network_it_does_not_leave_it() {
    let topology = Topology::new().with_gateway(ipv4("home", Nat::Symmetric));
    let mut call = Call::between(topology.host_behind("anna", "home").host_behind("ben", "home"), ENDS);
    let [anna, ben] = ENDS.map(|name| call.lab.host(name).unwrap().addresses());
    call.goes_by("it goes by their own addresses", |path, _| {
        path.is_direct(&[anna.as_slice(), &ben].concat()) && !path.is_tcp()
    });
}

/// Covers: RFC 8421 §4
#[test]
fn by_ipv6_nothing_is_translated() {
    let office = |name| Gateway { families: Families::Ipv6, ..Gateway::new(name, Nat::None) };
    Call::between(with(office("home"), office("office")), ENDS).is_direct();
}

#[test]
fn between_ipv4_and_ipv6_it_is_relayed() {
    let office = Gateway { families: Families::Ipv6, ..Gateway::new("office", Nat::None) };
    Call::between(with(ipv4("home", Nat::PortRestricted), office), ENDS).is_relayed();
}

#[test]
fn where_udp_is_blocked_it_is_relayed_over_tcp() {
    let topology = with(without_udp("home"), ipv4("office", Nat::PortRestricted));
    let tcp = Relays::UdpAnd("turn:{host}:{port}?transport=tcp");
    Call::by(topology, ENDS, tcp).is_relayed();
}

#[test]
fn where_udp_is_blocked_on_both_sides_it_is_relayed_over_tls() {
    let tls = Relays::UdpAnd("turns:{host}:3478?transport=tcp");
    Call::by(with(without_udp("home"), without_udp("office")), ENDS, tls).is_relayed();
}

/// Covers: RFC 6544 §7.1
#[test]
fn where_udp_is_blocked_a_host_on_the_internet_is_connected_to() {
    let topology = Topology::new().with_gateway(without_udp("home")).host_behind("anna", "home");
    let topology = topology.with_host(HostSpec { families: Families::Ipv4, ..HostSpec::new("ben") });
    let mut call = Call::between(topology, ENDS);
    call.goes_by("it goes by TCP", |path, end| path.is_direct(&end.addresses) && path.is_tcp());
}
