use super::Denied;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::net::IpAddr;

/// What a prefix says about the addresses in it.
pub(super) type Verdict = Result<(), Denied>;

/// A prefix and what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    net: IpNet,
    is_configured: bool,
    verdict: Verdict,
}

impl Entry {
    pub(super) fn built_in(net: IpNet, verdict: Verdict) -> Self {
        Self { net, is_configured: false, verdict }
    }

    pub(super) fn configured(net: IpNet, verdict: Verdict) -> Self {
        Self { net, is_configured: true, verdict }
    }
}

/// Finds the most specific prefix that covers an address.
///
/// For each length of a prefix that occurs, longest first, the networks of that length are in order: as many binary
/// searches as there are different lengths, however many prefixes a block list has.
#[derive(Clone, Debug)]
pub(super) struct Table {
    ipv4: Vec<Level>,
    ipv6: Vec<Level>,
}

#[derive(Clone, Debug)]
struct Level {
    mask: u128,
    networks: Vec<(u128, Verdict)>,
}

impl Table {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        // Among equal prefixes the first one stays: the operator's before the built-in one, a deny before an allow.
        entries.sort_by_key(|entry| {
            let net = entry.net.trunc();
            let order = (!entry.is_configured, entry.verdict.is_ok());
            (Reverse(net.prefix_len()), bits(net.network()), order)
        });
        let mut table = Self { ipv4: Vec::new(), ipv6: Vec::new() };
        for entry in entries {
            let levels = if entry.net.addr().is_ipv4() { &mut table.ipv4 } else { &mut table.ipv6 };
            let mask = bits(entry.net.netmask());
            let network = bits(entry.net.network());
            if levels.last().is_none_or(|level| level.mask != mask) {
                levels.push(Level { mask, networks: Vec::new() });
            }
            let level = levels.last_mut().expect("there is the level that was just pushed, or one before");
            if level.networks.last().is_none_or(|last| last.0 != network) {
                level.networks.push((network, entry.verdict));
            }
        }
        table
    }

    /// What the most specific prefix says. The built-in prefixes cover every address.
    pub(super) fn decide(&self, ip: IpAddr) -> Verdict {
        let levels = if ip.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        let address = bits(ip);
        for level in levels {
            let found = level.networks.binary_search_by_key(&(address & level.mask), |(network, _)| *network);
            if let Ok(index) = found {
                return level.networks[index].1;
            }
        }
        Err(Denied::Reserved)
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}
