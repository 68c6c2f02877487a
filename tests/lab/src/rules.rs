//! The nftables rules of a gateway: its NAT and its firewall. Computes only.

use crate::topology::{Filtering, Firewall, Gateway, Nat};
use std::fmt::Write as _;

/// How long a full cone or address-restricted NAT remembers a port without new flows; the kernel keeps flows itself.
const MAPPING_TIMEOUT: &str = "5m";
/// Most ports that such a NAT remembers.
const MAPPINGS_MAX: u32 = 65_535;

/// The rules of a gateway in place of those it had.
pub(crate) fn gateway(gateway: &Gateway) -> String {
    let mut rules = String::from("table inet gateway\ndelete table inet gateway\ntable inet gateway {\n");
    rules.push_str(&nat(gateway.nat));
    rules.push_str(&filter(gateway.firewall));
    rules.push_str("}\n");
    rules
}

/// The kernel's masquerading keeps a flow's source port while that port is free towards the destination, which is
/// endpoint-independent mapping, and lets in only what answers. More is let in by remembering who sent from which port.
fn nat(nat: Nat) -> String {
    let mut rules = String::new();
    let random = if nat == Nat::Symmetric { " random,fully-random" } else { "" };
    let remember = match nat.filtering() {
        _ if nat.mapping().is_none() => return rules,
        Filtering::AddressAndPortDependent => "",
        Filtering::EndpointIndependent => "add @mapped { udp sport : ip saddr }",
        Filtering::AddressDependent => {
            "add @mapped { udp sport : ip saddr } add @contacted { udp sport . ip daddr }"
        }
    };
    let admit = match nat.filtering() {
        Filtering::AddressAndPortDependent => "",
        Filtering::EndpointIndependent => "dnat ip to udp dport map @mapped",
        Filtering::AddressDependent => "udp dport . ip saddr @contacted dnat ip to udp dport map @mapped",
    };
    if !remember.is_empty() {
        let kept = format!("flags dynamic,timeout; timeout {MAPPING_TIMEOUT}; size {MAPPINGS_MAX};");
        let _ = write!(
            rules,
            "map mapped {{ type inet_service : ipv4_addr; {kept} }}
set contacted {{ type inet_service . ipv4_addr; {kept} }}
chain prerouting {{
  type nat hook prerouting priority dstnat;
  iifname wan meta nfproto ipv4 meta l4proto udp {admit}
}}
"
        );
    }
    let _ = write!(
        rules,
        "chain postrouting {{
  type nat hook postrouting priority srcnat;
  {}oifname wan meta nfproto ipv4 masquerade{random}
}}
",
        if remember.is_empty() {
            String::new()
        } else {
            format!("oifname wan meta nfproto ipv4 meta l4proto udp {remember}\n  ")
        }
    );
    rules
}

fn filter(firewall: Firewall) -> String {
    // First, so that a firewall that is closed in the middle of a flow ends the flow.
    let closed = match firewall {
        Firewall::Open => "",
        Firewall::UdpBlocked => "meta l4proto udp drop\n  ",
        Firewall::OnlyTcp443 => {
            "iifname lan tcp dport != 443 drop\n  meta l4proto != { tcp, icmp, ipv6-icmp } drop\n  "
        }
    };
    // What nobody asked for is dropped before the gateway answers it: an answer would leave a flow in the kernel's
    // table that keeps a host behind the NAT from having that port when it sends towards the same peer.
    format!(
        "chain input {{
  type filter hook input priority filter;
  iifname wan meta l4proto {{ tcp, udp }} ct state new drop
}}
chain forward {{
  type filter hook forward priority filter; policy drop;
  {closed}ct state established,related accept
  iifname lan oifname {{ wan, lan }} accept
  iifname wan ct status dnat accept
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::gateway;
    use crate::topology::{Firewall, Gateway, Nat};

    #[test]
    fn only_nats_translate() {
        assert!(!gateway(&Gateway::new("office", Nat::None)).contains("masquerade"));
        for nat in [Nat::FullCone, Nat::AddressRestricted, Nat::PortRestricted] {
            let rules = gateway(&Gateway::new("home", nat));
            assert!(rules.contains("masquerade\n"), "{rules}");
        }
        assert!(
            gateway(&Gateway::new("mobile", Nat::Symmetric)).contains("masquerade random,fully-random\n")
        );
    }

    #[test]
    fn a_closed_firewall_drops_before_it_accepts() {
        let closed = Gateway { firewall: Firewall::UdpBlocked, ..Gateway::new("office", Nat::Symmetric) };
        let rules = gateway(&closed);
        let dropped = rules.find("udp drop").unwrap();
        assert!(dropped < rules.find("established").unwrap());
    }
}
