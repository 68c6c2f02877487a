//! What becomes of a call when the network changes: it goes on as the same connection, by another path.

use crate::call::Call;
use moim_lab::{Change, Families, Firewall, Gateway, Nat, Topology};
use std::time::Instant;

/// Anna at home, Ben in the office, and a mobile network.
fn call(home: Nat, office: Nat) -> Call {
    let ipv4 = |name, nat| Gateway { families: Families::Ipv4, ..Gateway::new(name, nat) };
    let topology = Topology::new().with_gateway(ipv4("home", home)).with_gateway(ipv4("office", office));
    let topology = topology.with_gateway(ipv4("mobile", Nat::Symmetric));
    Call::between(topology.host_behind("anna", "home").host_behind("ben", "office"), ["anna", "ben"])
}

fn name(of: &str) -> String {
    of.to_owned()
}

/// Changes something, and expects the call to go on, without another connection being made.
fn goes_on_after(call: &mut Call, change: Change) {
    let streams = |call: &Call| {
        [&call.anna, &call.ben].map(|guest| {
            let report = guest.stats().expect("there is a connection").report;
            report.outbound_rtp.iter().map(|stream| stream.ssrc).collect::<Vec<_>>()
        })
    };
    let before = streams(call);
    let changed = Instant::now();
    let what = format!("{change:?}");
    call.change(change);
    let time = call.goes_on();
    println!(
        "{what}: pictures and sound after {} ms; {:?}, {:?}",
        time.as_millis(),
        call.anna.states_since(changed),
        call.ben.states_since(changed)
    );
    assert_eq!(streams(call), before, "it is still the same connection");
}

#[test]
fn a_call_goes_on_when_a_host_gets_another_address() {
    let mut call = call(Nat::PortRestricted, Nat::PortRestricted);
    call.is_direct();
    goes_on_after(&mut call, Change::Address { of: name("anna") });
    call.is_direct();
}

#[test]
fn a_call_goes_on_when_a_gateway_gets_another_address() {
    let mut call = call(Nat::PortRestricted, Nat::PortRestricted);
    call.is_direct();
    goes_on_after(&mut call, Change::Address { of: name("home") });
    call.is_direct();
}

#[test]
fn a_relayed_call_goes_on_when_a_host_gets_another_address() {
    let mut call = call(Nat::Symmetric, Nat::Symmetric);
    call.is_relayed();
    goes_on_after(&mut call, Change::Address { of: name("anna") });
    call.is_relayed();
}

#[test]
fn a_relayed_call_goes_on_when_a_gateway_forgets_its_mappings() {
    let mut call = call(Nat::Symmetric, Nat::Symmetric);
    call.is_relayed();
    goes_on_after(&mut call, Change::Forget { gateway: name("home") });
    call.is_relayed();
}

#[test]
fn a_call_goes_on_in_another_network() {
    let mut call = call(Nat::PortRestricted, Nat::PortRestricted);
    call.is_direct();
    goes_on_after(&mut call, Change::Move { host: name("anna"), behind: Some(name("mobile")) });
    call.is_relayed();
}

#[test]
fn a_call_goes_on_when_a_firewall_closes() {
    let mut call = call(Nat::PortRestricted, Nat::PortRestricted);
    call.is_direct();
    let closed = Firewall::UdpBlocked;
    goes_on_after(&mut call, Change::Firewall { gateway: name("home"), firewall: closed });
    call.is_relayed();
}
