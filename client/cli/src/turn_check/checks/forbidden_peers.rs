//! Peers that a relay open to the world must not reach, in each way an address can be written (RFC 8656 §10.2 allows
//! such rules; the list is that of the special-purpose address registries).

use super::{Check, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::AddressFamily;
use moim_turn::attribute::RequestedAddressFamily;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A check for each address.
macro_rules! forbidden {
    ($($id:literal $address:literal $what:literal;)*) => {
        &[
            $(withstands(
                concat!("forbidden/", $id),
                "RFC 8656 §10.2",
                concat!("refuses ", $what, " as a peer (", $address, ")"),
                |subject| refuses(subject, $address),
            ),)*
            withstands(
                "forbidden/own-listener",
                "RFC 8656 §10.2",
                "refuses its own listening address as a peer, so that nobody talks to it from within",
                own_listener,
            ),
        ]
    };
}

pub(super) const CHECKS: &[Check] = forbidden! {
    "loopback" "127.0.0.1" "loopback";
    "loopback-other" "127.255.255.254" "the far end of loopback's network";
    "unspecified" "0.0.0.0" "no address, which systems take for loopback";
    "this-network" "0.1.2.3" "\"this network\"";
    "private-10" "10.1.2.3" "a private address";
    "private-172" "172.16.0.1" "a private address";
    "private-172-end" "172.31.255.254" "the far end of a private network";
    "private-192" "192.168.1.1" "a private address";
    "shared" "100.64.0.1" "carrier-grade NAT's network";
    "link-local" "169.254.1.1" "a link-local address";
    "metadata" "169.254.169.254" "the cloud's metadata service";
    "protocol-assignments" "192.0.0.1" "IETF protocol assignments";
    "documentation" "192.0.2.1" "a documentation address";
    "benchmarking" "198.18.0.1" "the benchmarking network";
    "relay-6to4" "192.88.99.1" "6to4's relay anycast";
    "multicast" "224.0.0.1" "a multicast group";
    "reserved" "240.0.0.1" "a reserved address";
    "broadcast" "255.255.255.255" "broadcast";
    "v6-loopback" "::1" "IPv6 loopback";
    "v6-unspecified" "::" "no IPv6 address";
    "v6-mapped-loopback" "::ffff:127.0.0.1" "loopback, mapped into IPv6";
    "v6-mapped-private" "::ffff:10.1.2.3" "a private address, mapped into IPv6";
    "v6-mapped-metadata" "::ffff:169.254.169.254" "the metadata service, mapped into IPv6";
    "v6-mapped-unspecified" "::ffff:0.0.0.0" "no address, mapped into IPv6";
    "v6-compatible-loopback" "::127.0.0.1" "loopback, IPv4-compatible";
    "v6-translated-loopback" "::ffff:0:127.0.0.1" "loopback, IPv4-translated (RFC 2765)";
    "v6-6to4-loopback" "2002:7f00:1::" "loopback by 6to4";
    "v6-6to4-private" "2002:a01:203::1" "a private address by 6to4";
    "v6-nat64-loopback" "64:ff9b::127.0.0.1" "loopback by NAT64";
    "v6-nat64-private" "64:ff9b::10.1.2.3" "a private address by NAT64";
    "v6-nat64-local" "64:ff9b:1::a01:203" "a private address by a local NAT64 prefix";
    "v6-teredo-server" "2001:0:7f00:1::1" "loopback as a Teredo server";
    "v6-teredo-client" "2001:0:4136:e378:8000:63bf:80ff:fffe" "loopback as a Teredo client";
    "v6-isatap" "2001:db8::5efe:7f00:1" "loopback by ISATAP within a documentation prefix";
    "v6-link-local" "fe80::1" "an IPv6 link-local address";
    "v6-site-local" "fec0::1" "an IPv6 site-local address";
    "v6-unique-local" "fd12:3456::1" "an IPv6 unique local address";
    "v6-multicast" "ff02::1" "an IPv6 multicast group";
    "v6-documentation" "2001:db8::1" "an IPv6 documentation address";
    "v6-discard" "100::1" "IPv6's discard prefix";
};

fn refuses(subject: &Subject, address: &str) -> Outcome {
    let ip: IpAddr = address.parse().map_err(|_| Verdict::skipped("not an address"))?;
    if unwrapped(ip).into_iter().any(|ip| subject.is_allowed(ip)) {
        return Err(Verdict::skipped("allowed on purpose (--allowed-peers)"));
    }
    let mut turn = of_family(subject, ip)?;
    if turn.relayed.is_some_and(|relayed| relayed.ip() == ip) {
        return Err(Verdict::skipped("it is the server's own relayed address"));
    }
    denied(&mut turn, SocketAddr::new(ip, 80))
}

/// The address, and the one that hides in it if it is of the kinds that networks deliver as IPv4.
fn unwrapped(ip: IpAddr) -> Vec<IpAddr> {
    let mut all = vec![ip, ip.to_canonical()];
    if let IpAddr::V6(ip) = ip {
        let tail = u32::try_from(ip.to_bits() & u128::from(u32::MAX)).unwrap_or_default();
        if ip.segments()[..6] == [0; 6] && tail > 1 {
            all.push(Ipv4Addr::from_bits(tail).into());
        }
    }
    all
}

/// An allocation whose peers are of the family of `ip`. Where the server relays no IPv6, any: it must refuse IPv6 peers.
fn of_family(subject: &Subject, ip: IpAddr) -> Result<Turn, Verdict> {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft().with(&RequestedAddressFamily::from(AddressFamily::of(ip)));
    if turn.allocate_by(&draft)?.is_success() { Ok(turn) } else { Turn::allocated(subject) }
}

/// The peer must be refused in both ways that there are to permit it.
fn denied(turn: &mut Turn, peer: SocketAddr) -> Outcome {
    let by_permission = turn.permit(peer.ip())?;
    if by_permission.is_success() {
        return Err(Verdict::fail("permitted"));
    }
    let by_channel = turn.bind(CHANNEL, peer)?;
    if by_channel.is_success() {
        return Err(Verdict::fail(format_args!(
            "{} to CreatePermission, but a channel is bound",
            by_permission.seen()
        )));
    }
    Ok(by_permission.seen())
}

fn own_listener(subject: &Subject) -> Outcome {
    let ip = subject.server.ip();
    if subject.is_allowed(ip) {
        return Err(Verdict::skipped("allowed on purpose (--allowed-peers)"));
    }
    let mut turn = of_family(subject, ip)?;
    turn.permit(ip)?;
    // The permission may be for the relayed addresses that share the listener's; what counts is what gets through.
    let request = Draft::request(moim_stun::Method::BINDING);
    turn.send_to(subject.server, &request.plain())?;
    match turn.receive(turn.link.settling())? {
        None => Ok("a Binding request through the relay is not answered".to_owned()),
        Some(_) => Err(Verdict::fail("a Binding request through the relay is answered")),
    }
}
