//! IPv4 addresses inside of IPv6 ones: whoever sends to the latter may reach the former.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// No form holds more than this many at a time: Teredo two, a site's translator three readings of one.
const EMBEDDED_MAX: usize = 3;

/// Every IPv4 address that `ip` may lead to, besides itself.
pub(super) fn embedded_ipv4(ip: IpAddr) -> [Option<Ipv4Addr>; EMBEDDED_MAX] {
    let IpAddr::V6(ip) = ip else { return [None; EMBEDDED_MAX] };
    let bytes = ip.octets();
    let last = Some(ipv4_at(&bytes, [12, 13, 14, 15]));
    match ip.segments() {
        // Nobody and the host itself are of the compatible form by their bits only.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; EMBEDDED_MAX],
        // Compatible and mapped (RFC 4291 §2.5.5), translated (RFC 2765 §2.1), NAT64 (RFC 6052 §2.1).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            [last, None, None]
        }
        [0x64, 0xff9b, 1, ..] => nat64_of_a_site(&bytes),
        // 6to4 (RFC 3056 §2): the router is in the prefix.
        [0x2002, ..] => [Some(ipv4_at(&bytes, [2, 3, 4, 5])), isatap(ip), None],
        // Teredo (RFC 4380 §4): the server, and the client's address with every bit turned over.
        [0x2001, 0, ..] => {
            let client = Ipv4Addr::from_bits(!ipv4_at(&bytes, [12, 13, 14, 15]).to_bits());
            [Some(ipv4_at(&bytes, [4, 5, 6, 7])), Some(client), None]
        }
        _ => [isatap(ip), None, None],
    }
}

/// RFC 8215: a site's translators use parts of 64:ff9b:1::/48 in any way of RFC 6052 §2.2, and the address does not say in
/// which.
///
/// The IPv4 address is at the end, or, with zeros after it, further to the front. Every reading that the zeros leave
/// possible is given.
fn nat64_of_a_site(bytes: &[u8; 16]) -> [Option<Ipv4Addr>; EMBEDDED_MAX] {
    if bytes[13..] != [0; 3] {
        return [Some(ipv4_at(bytes, [12, 13, 14, 15])), None, None];
    }
    // Behind a prefix of 48, 56 and 64 bits. Byte 8 is always zero in these forms and passed over.
    let behind_48 = (bytes[11..] == [0; 5]).then(|| ipv4_at(bytes, [6, 7, 9, 10]));
    let behind_56 = (bytes[12..] == [0; 4]).then(|| ipv4_at(bytes, [7, 9, 10, 11]));
    let behind_64 = Some(ipv4_at(bytes, [9, 10, 11, 12]));
    [behind_48, behind_56, behind_64]
}

/// ISATAP (RFC 5214 §6.1): an interface identifier of `0000:5efe` or, for a public address, `0200:5efe` and the address,
/// behind whatever prefix the site has.
fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = ip.octets();
    let is_isatap = matches!(bytes[8..12], [0x00 | 0x02, 0x00, 0x5e, 0xfe]);
    is_isatap.then(|| ipv4_at(&bytes, [12, 13, 14, 15]))
}

fn ipv4_at(bytes: &[u8; 16], indices: [usize; 4]) -> Ipv4Addr {
    Ipv4Addr::from(indices.map(|index| bytes[index]))
}
