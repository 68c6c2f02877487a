//! The built-in rules: IANA's registries of special-purpose addresses (RFC 6890), and what clouds added to them.

use super::Denied;
use super::table::{Entry, Verdict};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses no list can allow: those of nobody and of many.
pub(super) fn check_never(ip: IpAddr) -> Verdict {
    let ip = ip.to_canonical();
    let is_of_nobody = match ip {
        // RFC 6890: "this network". Some systems take all of it for themselves.
        IpAddr::V4(ip) => ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    if is_of_nobody {
        Err(Denied::Unspecified)
    } else if ip.is_multicast() {
        Err(Denied::Multicast)
    } else if ip == Ipv4Addr::BROADCAST {
        Err(Denied::Broadcast)
    } else {
        Ok(())
    }
}

pub(super) fn entries() -> Vec<Entry> {
    let ipv4 = IPV4.iter().map(|(address, len, verdict)| {
        let net = Ipv4Net::new(Ipv4Addr::from(*address), *len).expect("the table's lengths are within 32");
        Entry::built_in(IpNet::V4(net), *verdict)
    });
    let ipv6 = IPV6.iter().map(|(address, len, verdict)| {
        let net = Ipv6Net::new(Ipv6Addr::from(*address), *len).expect("the table's lengths are within 128");
        Entry::built_in(IpNet::V6(net), *verdict)
    });
    ipv4.chain(ipv6).collect()
}

/// All of IPv4 is unicast and global but for the following.
const IPV4: [([u8; 4], u8, Verdict); 24] = [
    ([0, 0, 0, 0], 0, Ok(())),
    ([0, 0, 0, 0], 8, Err(Denied::Unspecified)),
    ([10, 0, 0, 0], 8, Err(Denied::Private)),
    ([100, 64, 0, 0], 10, Err(Denied::SharedAddress)),
    ([100, 100, 100, 200], 32, Err(Denied::Metadata)), // Alibaba Cloud
    ([127, 0, 0, 0], 8, Err(Denied::Loopback)),
    ([168, 63, 129, 16], 32, Err(Denied::Metadata)), // Azure: a public address that means the host of the machine
    ([169, 254, 0, 0], 16, Err(Denied::LinkLocal)),
    ([169, 254, 169, 253], 32, Err(Denied::Metadata)), // Amazon's name server
    ([169, 254, 169, 254], 32, Err(Denied::Metadata)), // nearly every cloud
    ([169, 254, 170, 2], 32, Err(Denied::Metadata)),   // Amazon's containers
    ([169, 254, 170, 23], 32, Err(Denied::Metadata)),  // Amazon's Kubernetes
    ([172, 16, 0, 0], 12, Err(Denied::Private)),
    ([192, 0, 0, 0], 24, Err(Denied::Reserved)), // RFC 6890: protocol assignments
    ([192, 0, 0, 192], 32, Err(Denied::Metadata)), // Oracle Cloud, once
    ([192, 0, 2, 0], 24, Err(Denied::Documentation)), // RFC 5737, as the two further ones
    ([192, 88, 99, 0], 24, Err(Denied::Reserved)), // RFC 7526: 6to4 relays, deprecated
    ([192, 168, 0, 0], 16, Err(Denied::Private)),
    ([198, 18, 0, 0], 15, Err(Denied::Benchmarking)),
    ([198, 51, 100, 0], 24, Err(Denied::Documentation)),
    ([203, 0, 113, 0], 24, Err(Denied::Documentation)),
    ([224, 0, 0, 0], 4, Err(Denied::Multicast)),
    ([240, 0, 0, 0], 4, Err(Denied::Reserved)),
    ([255, 255, 255, 255], 32, Err(Denied::Broadcast)),
];

/// IPv6 is reserved but for 2000::/3, which is global unicast, and NAT64's well-known prefix, which is IPv4's; and parts of
/// both are taken out again.
const IPV6: [([u16; 8], u8, Verdict); 28] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 0, Err(Denied::Reserved)),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, Err(Denied::Translated)), // IPv4-compatible (RFC 4291 §2.5.5.1)
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Err(Denied::Unspecified)),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Err(Denied::Loopback)),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Err(Denied::Translated)), // IPv4-mapped (RFC 4291 §2.5.5.2)
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Err(Denied::Translated)), // IPv4-translated (RFC 2765 §2.1)
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Ok(())),               // NAT64 (RFC 6052)
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Err(Denied::Translated)), // NAT64 of a site (RFC 8215)
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Err(Denied::Reserved)),    // RFC 6666: discarded
    ([0x100, 0, 0, 1, 0, 0, 0, 0], 64, Err(Denied::Reserved)),    // RFC 9780: a dummy
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Ok(())),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Err(Denied::Reserved)), // RFC 2928: protocol assignments
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Ok(())),                // Teredo (RFC 4380), judged by what it wraps
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Err(Denied::Benchmarking)),
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, Ok(())), // RFC 7450: global, as the next two
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, Ok(())), // RFC 7535
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, Err(Denied::Reserved)), // RFC 7343: identifiers, not places
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Err(Denied::Documentation)),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Ok(())), // 6to4 (RFC 3056), judged by what it wraps
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Err(Denied::Documentation)), // RFC 9637
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Err(Denied::Reserved)), // RFC 9602: segment identifiers
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Err(Denied::UniqueLocal)),
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128, Err(Denied::Metadata)), // Amazon's Kubernetes
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, Err(Denied::Metadata)), // Amazon
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, Err(Denied::Metadata)), // Google Cloud
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Err(Denied::LinkLocal)),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Err(Denied::SiteLocal)),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Err(Denied::Multicast)),
];
