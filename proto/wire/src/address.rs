use std::net::IpAddr;

/// Whether an address can be that of one host, rather than of none (`0.0.0.0`, `::`) or of many (multicast, broadcast).
///
/// An IPv4 address in its IPv6 form is taken for what it is. The broadcast address of a subnet is not known from
/// the address alone, and passes.
pub fn is_one_host(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_none_and_of_many_are_told_from_those_of_one_host() {
        for ip in ["192.0.2.1", "127.0.0.1", "2001:db8::1", "fe80::1", "::1", "::ffff:192.0.2.1"] {
            assert!(is_one_host(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:224.0.0.1"] {
            assert!(!is_one_host(ip.parse().unwrap()), "{ip}");
        }
    }
}
