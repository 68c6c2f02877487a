//! What a value about STUN may be.

use super::Check;
use crate::config::raw::RawConfig;
use crate::config::stun::{AlternateAddress, StunConfig};
use moim_stun::discovery::Endpoints;
use std::net::{IpAddr, SocketAddr};

impl Check {
    pub(in crate::config) fn stun(&mut self, raw: &RawConfig) -> StunConfig {
        let mut alternate_addresses: Vec<AlternateAddress> = Vec::new();
        for text in &raw.stun.alternate_addresses {
            let Some(address) = parse(text) else {
                self.problem(format!(
                    "stun.alternate_addresses: {text:?} is not an address and a port, as in \"198.51.100.2:3479\", nor two of them, as \
                     in \"192.0.2.1:3478/198.51.100.2:3479\""
                ));
                continue;
            };
            let is_ipv4 = address.alternate.is_ipv4();
            if alternate_addresses.iter().any(|other| other.alternate.is_ipv4() == is_ipv4) {
                self.problem(format!(
                    "stun.alternate_addresses: {text:?} is a second one for the same address family; one is enough"
                ));
            } else if !self.is_listened(raw, text, address) {
                // It has been said.
            } else if !is_pair(address, raw.listen.port) {
                self.problem(format!(
                    "stun.alternate_addresses: {text:?} needs another port than the first address has, no port 0, and addresses \
                     of one family that a packet can come from"
                ));
            } else {
                alternate_addresses.push(address);
            }
        }
        StunConfig { alternate_addresses, disclosure: raw.stun.disclosure }
    }

    /// Whether there is a first address of the family, named or listened on.
    fn is_listened(&mut self, raw: &RawConfig, text: &str, address: AlternateAddress) -> bool {
        let is_of_family = |ip: &IpAddr| ip.is_ipv4() == address.alternate.is_ipv4();
        let is_listened = address.primary.is_some() || raw.listen.addresses.iter().any(is_of_family);
        if !is_listened {
            self.problem(format!(
                "stun.alternate_addresses: {text:?} is of an address family that listen.addresses has none of; name the first \
                 address as well, as in \"192.0.2.1:3478/198.51.100.2:3479\""
            ));
        }
        is_listened
    }
}

fn parse(text: &str) -> Option<AlternateAddress> {
    match text.split_once('/') {
        None => Some(AlternateAddress { primary: None, alternate: text.parse().ok()? }),
        Some((primary, alternate)) => Some(AlternateAddress {
            primary: Some(primary.parse().ok()?),
            alternate: alternate.parse().ok()?,
        }),
    }
}

/// Whether the two can be told apart. An IP address that is not named is learnt later.
fn is_pair(AlternateAddress { primary, alternate }: AlternateAddress, port: u16) -> bool {
    // Where any free port will do, it is another one: that one is taken.
    let assumed = if port == 0 { alternate.port() ^ 1 } else { port };
    let primary = primary.unwrap_or(SocketAddr::new(alternate.ip(), assumed));
    Endpoints::new(primary, alternate).is_some()
}
