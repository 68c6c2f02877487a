//! What a value about the relay may be.

use super::Check;
use crate::config::humane::HumaneRate;
use crate::config::raw::{RawConfig, RawTurn};
use crate::config::turn::{ExternalAddress, RealmConfig, RelayMode, TurnConfig, TurnLimits};
use crate::turn::covered_but_denied;
use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use moim_turn::Transport;
use moim_turn::auth::{AccessTokenKey, Algorithms, Realm, SECRETS_MAX, TokenError};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// With a longer realm, a challenge is larger than what a request without credentials may be answered with at best.
const REALM_LEN_ADVISED: usize = 12;
/// A secret that is shorter can be found by trying.
const SHARED_SECRET_LEN_ADVISED: usize = 16;
/// Fewer ports would run out at once, with two for each allocation that wants a pair.
const RELAY_PORTS_MIN: usize = 16;
/// So many addresses make the point.
const OWN_ADDRESSES_SHOWN: usize = 4;
/// More threads than any machine has cores.
const SHARDS_MAX: usize = 1024;
/// A longer rest would be heard.
const REST_MAX: Duration = Duration::from_millis(5);

impl Check {
    /// The relay, or nothing if something about it is wrong.
    pub(in crate::config) fn turn(&mut self, raw: &RawConfig) -> Option<TurnConfig> {
        let before = self.problems.len();
        let turn = &raw.turn;
        let relay_ports = self.relay_ports(&turn.relay_ports);
        let external_addresses = self.external_addresses(&turn.external_addresses);
        self.relay_addresses(&turn.relay_addresses);
        let realms = self.realms(turn);
        let allow_peers = self.prefixes("turn.allow_peers", &turn.allow_peers);
        let deny_peers = self.prefixes("turn.deny_peers", &turn.deny_peers);
        let alternate_servers = self.alternate_servers(&turn.alternate_servers);
        self.turn_numbers(turn);
        self.open_relay(raw);
        let config = (self.problems.len() == before).then(|| TurnConfig {
            relay: turn.relay,
            relay_ports,
            relay_addresses: turn.relay_addresses.clone(),
            external_addresses,
            realms,
            algorithms: turn.algorithms,
            allow_peers,
            deny_peers,
            lifetime_default: turn.lifetime_default.0,
            lifetime_max: turn.lifetime_max.0,
            alternate_servers,
            alternate_when: turn.alternate_when,
            mobility: turn.mobility,
            tcp_allocations: turn.tcp_allocations,
            shards: (turn.shards > 0).then_some(turn.shards),
            pin: turn.pin,
            rest: turn.rest.0,
            limits: limits(turn),
        });
        if let Some(config) = &config
            && config.relay == RelayMode::Range
            && !config.allow_peers.is_empty()
        {
            self.own_addresses(&covered_but_denied(config));
        }
        config
    }

    fn relay_ports(&mut self, text: &str) -> RangeInclusive<u16> {
        let parsed = text.split_once('-').and_then(|(first, last)| {
            Some(first.trim().parse::<u16>().ok()?..=last.trim().parse::<u16>().ok()?)
        });
        match parsed {
            Some(ports) if *ports.start() >= 1024 && ports.len() >= RELAY_PORTS_MIN => ports,
            Some(_) | None => {
                self.problem(format!(
                    "turn.relay_ports: {text:?} is not a range of at least {RELAY_PORTS_MIN} ports above 1023; write the \
                     first and the last, as in \"49152-65535\""
                ));
                0..=0
            }
        }
    }

    fn relay_addresses(&mut self, addresses: &[IpAddr]) {
        for address in addresses {
            if address.is_unspecified() || address.is_multicast() {
                self.problem(format!(
                    "turn.relay_addresses: {address} is no address of this machine that a peer could be told; name one of \
                     those that `ip address` shows"
                ));
            }
        }
        for (family, is_of) in [("IPv4", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("IPv6", IpAddr::is_ipv6)] {
            if addresses.iter().filter(|&address| is_of(address)).count() > 1 {
                self.problem(format!(
                    "turn.relay_addresses names several {family} addresses; moim relays from one of each family"
                ));
            }
        }
    }

    fn external_addresses(&mut self, texts: &[String]) -> Vec<ExternalAddress> {
        let mut addresses: Vec<ExternalAddress> = Vec::new();
        for text in texts {
            let parsed = match text.split_once('/') {
                None => text.parse().ok().map(|advertised| ExternalAddress { advertised, local: None }),
                Some((advertised, local)) => advertised
                    .parse()
                    .ok()
                    .zip(local.parse().ok())
                    .map(|(advertised, local)| ExternalAddress { advertised, local: Some(local) }),
            };
            match parsed {
                Some(ExternalAddress { advertised, local: Some(local) })
                    if advertised.is_ipv4() != local.is_ipv4() =>
                {
                    self.problem(format!(
                        "turn.external_addresses: {text:?} maps an address of one family to one of the other"
                    ));
                }
                Some(address)
                    if addresses.iter().any(|other| {
                        other.local == address.local
                            && other.advertised.is_ipv4() == address.advertised.is_ipv4()
                    }) =>
                {
                    self.problem(format!(
                        "turn.external_addresses: {text:?} is a second public address for the same local one; say which \
                         local address each belongs to, as in \"203.0.113.5/10.0.0.5\""
                    ));
                }
                Some(address) => addresses.push(address),
                None => self.problem(format!(
                    "turn.external_addresses: {text:?} is not an address; write the public one as in \"203.0.113.5\", or \
                     with the local one that it is mapped to as in \"203.0.113.5/10.0.0.5\""
                )),
            }
        }
        addresses
    }

    fn realms(&mut self, turn: &RawTurn) -> Vec<RealmConfig> {
        let first = RealmConfig {
            name: turn.realm.clone(),
            users: turn.users.clone(),
            shared_secrets: turn.shared_secrets.clone(),
            access_token_keys: turn.access_token_keys.clone(),
        };
        let others = turn.realms.iter().map(|raw| RealmConfig {
            name: raw.name.clone(),
            users: raw.users.clone(),
            shared_secrets: raw.shared_secrets.clone(),
            access_token_keys: raw.access_token_keys.clone(),
        });
        let realms: Vec<_> = std::iter::once(first).chain(others).collect();
        let mut names = BTreeSet::new();
        for (index, realm) in realms.iter().enumerate() {
            let path = if index == 0 { "turn".to_owned() } else { format!("turn.realms ({:?})", realm.name) };
            if !names.insert(realm.name.as_str()) {
                self.problem(format!("{path}: there are two realms of this name; each needs its own"));
            }
            self.realm(&path, realm);
        }
        realms
    }

    fn realm(&mut self, path: &str, config: &RealmConfig) {
        let mut realm = match Realm::new(&config.name, Algorithms::default()) {
            Ok(realm) => realm,
            Err(error) => return self.problem(format!("{path}.realm: {error}")),
        };
        if config.name.len() > REALM_LEN_ADVISED {
            self.warning(format!(
                "{path}: the realm {:?} is longer than {REALM_LEN_ADVISED} bytes; challenges to strangers grow with it",
                config.name
            ));
        }
        for (user, password) in &config.users {
            if let Err(error) = realm.add_user(user, password.as_str()) {
                self.problem(format!("{path}.users.{user}: {error}"));
            }
        }
        for (kid, key) in &config.access_token_keys {
            let added = key.hex().ok_or(TokenError::KeyLength).and_then(|key| AccessTokenKey::new(&key));
            match added.map(|key| realm.add_token_key(kid, key)) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.problem(format!("{path}.access_token_keys.{kid}: {error}")),
                Err(_) => self.problem(format!(
                    "{path}.access_token_keys.{kid}: a key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them"
                )),
            }
        }
        // One place is for the secret of the credentials that participants get.
        if config.shared_secrets.len() >= SECRETS_MAX {
            self.problem(format!("{path}.shared_secrets has more than {} secrets", SECRETS_MAX - 1));
        }
        for secret in &config.shared_secrets {
            match secret.expose().len() {
                0 => self.problem(format!(
                    "{path}.shared_secrets has an empty secret, with which anybody could make credentials. `openssl \
                     rand -hex 32` makes a good one"
                )),
                len if len < SHARED_SECRET_LEN_ADVISED => self.warning(format!(
                    "{path}.shared_secrets has a secret of {len} bytes; whoever has one credential can find it by trying. \
                     `openssl rand -hex 32` makes a good one"
                )),
                _ => {}
            }
        }
    }

    pub(super) fn prefixes(&mut self, name: &str, texts: &[String]) -> Vec<IpNet> {
        let mut prefixes = Vec::new();
        for text in texts {
            match parse_prefixes(text) {
                Some(found) => prefixes.extend(found),
                None => self.problem(format!(
                    "{name}: {text:?} is not a set of addresses; write a prefix as in \"192.168.0.0/16\", one address, or \
                     the first and the last as in \"10.0.0.1-10.0.0.9\""
                )),
            }
        }
        prefixes
    }

    fn alternate_servers(&mut self, urls: &[String]) -> Vec<(Transport, SocketAddr)> {
        let mut servers = Vec::new();
        for url in urls {
            match parse_turn_address(url) {
                Some(server) => servers.push(server),
                None => self.problem(format!(
                    "turn.alternate_servers: {url:?} is not a server by its address; write \"turn:203.0.113.7:3478\", \
                     \"turn:203.0.113.7:3478?transport=tcp\" or \"turns:203.0.113.7:5349\""
                )),
            }
        }
        servers
    }

    fn turn_numbers(&mut self, turn: &RawTurn) {
        let limits = &turn.limits;
        for (name, value) in [
            ("allocations_max", limits.allocations_max),
            ("allocations_per_user_max", limits.allocations_per_user_max),
            ("allocations_per_address_max", limits.allocations_per_address_max),
        ] {
            if value == 0 {
                self.problem(format!(
                    "turn.limits.{name} is 0; it must be at least 1. To relay nothing, set turn.relay = \"off\""
                ));
            }
        }
        for (name, rate) in [
            ("bandwidth_per_allocation", limits.bandwidth_per_allocation),
            ("bandwidth_per_user", limits.bandwidth_per_user),
            ("bandwidth_per_address", limits.bandwidth_per_address),
            ("bandwidth_total", limits.bandwidth_total),
        ] {
            if rate.is_some_and(|HumaneRate(bits)| bits < 8_000) {
                self.problem(format!(
                    "turn.limits.{name} is less than 8kbit/s, which lets no packet pass; leave it out for no limit"
                ));
            }
        }
        if turn.shards > SHARDS_MAX {
            self.problem(format!("turn.shards is {}; it must be at most {SHARDS_MAX}", turn.shards));
        }
        if turn.rest.0 > REST_MAX {
            self.problem(format!("turn.rest is {:?}; it must be at most {REST_MAX:?}", turn.rest.0));
        }
        let (least, most) = (Duration::from_secs(60), Duration::from_secs(24 * 60 * 60));
        let (default, longest) = (turn.lifetime_default.0, turn.lifetime_max.0);
        if default < least || longest < default || longest > most {
            self.problem(format!(
                "turn.lifetime_default is {default:?} and turn.lifetime_max {longest:?}; both must be between {least:?} and \
                 {most:?}, and the second no less than the first"
            ));
        }
        if turn.tcp_allocations && turn.relay != RelayMode::Range {
            self.problem(
                "turn.tcp_allocations needs turn.relay = \"range\": there is nobody else to connect to",
            );
        }
    }

    /// What an allowed prefix does not open, though it covers it.
    fn own_addresses(&mut self, denied: &[IpAddr]) {
        if denied.is_empty() {
            return;
        }
        let shown = &denied[..denied.len().min(OWN_ADDRESSES_SHOWN)];
        let names = shown.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
        let more = if shown.len() < denied.len() { ", …" } else { "" };
        let prefixes =
            shown.iter().map(|ip| format!("\"{}\"", IpNet::from(*ip))).collect::<Vec<_>>().join(", ");
        self.warning(format!(
            "turn.allow_peers covers addresses of this machine itself ({names}{more}), which stay denied unless each is named. \
             If what listens on them is to be reached through the relay, write {prefixes}{more} into turn.allow_peers as well; \
             if not, into turn.deny_peers, and this is not said again"
        ));
    }

    /// What would let strangers send through this machine.
    fn open_relay(&mut self, raw: &RawConfig) {
        let turn = &raw.turn;
        let is_open = raw.auth.keys.is_empty();
        match turn.relay {
            RelayMode::Range if is_open && !turn.allow_peers.is_empty() => self.problem(
                "turn.allow_peers lets the relay into networks that are closed to others, and without auth.keys anybody who \
                 reaches moim gets credentials for it. Configure auth.keys, or leave turn.allow_peers empty",
            ),
            RelayMode::Range if is_open => self.warning(
                "turn.relay is \"range\" and there are no auth.keys: anybody who opens a room gets credentials with which to \
                 relay to the whole Internet. Configure auth.keys, or limits in turn.limits",
            ),
            RelayMode::Internal if !turn.allow_peers.is_empty() => self.warning(
                "turn.allow_peers has no effect unless turn.relay is \"range\": \"internal\" reaches nobody outside",
            ),
            RelayMode::Off | RelayMode::Internal | RelayMode::Range => {}
        }
    }
}

fn limits(turn: &RawTurn) -> TurnLimits {
    let limits = &turn.limits;
    let bits = |rate: Option<HumaneRate>| rate.map(|HumaneRate(bits)| bits);
    TurnLimits {
        allocations_max: limits.allocations_max,
        allocations_per_user_max: limits.allocations_per_user_max,
        allocations_per_address_max: limits.allocations_per_address_max,
        bandwidth_per_allocation: bits(limits.bandwidth_per_allocation),
        bandwidth_per_user: bits(limits.bandwidth_per_user),
        bandwidth_per_address: bits(limits.bandwidth_per_address),
        bandwidth_total: bits(limits.bandwidth_total),
    }
}

/// A TURN URI (RFC 7065) whose host is an address, with a port.
fn parse_turn_address(url: &str) -> Option<(Transport, SocketAddr)> {
    let (scheme, rest) = url.split_once(':')?;
    let (address, transport) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query.strip_prefix("transport=")?)),
        None => (rest, None),
    };
    let transport = match (scheme, transport) {
        ("turn", None | Some("udp")) => Transport::Udp,
        ("turn", Some("tcp")) => Transport::Tcp,
        ("turns", None | Some("tcp")) => Transport::Tls,
        ("turns", Some("udp")) => Transport::Dtls,
        _ => return None,
    };
    Some((transport, address.parse().ok()?))
}

/// A prefix, an address, or the prefixes that make up `first-last`.
fn parse_prefixes(text: &str) -> Option<Vec<IpNet>> {
    if let Some((first, last)) = text.split_once('-') {
        let subnets = match (first.trim().parse().ok()?, last.trim().parse().ok()?) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                IpSubnets::V4(Ipv4Subnets::new(first, last, 0))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                IpSubnets::V6(Ipv6Subnets::new(first, last, 0))
            }
            _ => return None,
        };
        return Some(subnets.collect());
    }
    let one = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
    one.ok().map(|prefix| vec![prefix.trunc()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(text: &str) -> Option<Vec<String>> {
        parse_prefixes(text).map(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn other_servers_are_read_as_turn_uris() {
        let address: SocketAddr = "203.0.113.7:3478".parse().unwrap();

        assert_eq!(parse_turn_address("turn:203.0.113.7:3478"), Some((Transport::Udp, address)));
        assert_eq!(
            parse_turn_address("turn:203.0.113.7:3478?transport=tcp"),
            Some((Transport::Tcp, address))
        );
        assert_eq!(parse_turn_address("turns:203.0.113.7:3478"), Some((Transport::Tls, address)));
        assert_eq!(
            parse_turn_address("turns:203.0.113.7:3478?transport=udp"),
            Some((Transport::Dtls, address))
        );
        for text in
            ["turn:other.example:3478", "turn:203.0.113.7", "stun:203.0.113.7:3478", "203.0.113.7:3478"]
        {
            assert_eq!(parse_turn_address(text), None, "{text}");
        }
    }

    #[test]
    fn sets_of_addresses_are_read_in_every_form() {
        assert_eq!(prefixes("192.168.1.7/16").unwrap(), ["192.168.0.0/16"]);
        assert_eq!(prefixes("2001:db8::1").unwrap(), ["2001:db8::1/128"]);
        assert_eq!(prefixes("83.166.64.0-83.166.95.255").unwrap(), ["83.166.64.0/19"]);
        assert_eq!(prefixes("10.0.0.1-10.0.0.2").unwrap(), ["10.0.0.1/32", "10.0.0.2/32"]);
        assert_eq!(prefixes("0.0.0.0-255.255.255.255").unwrap(), ["0.0.0.0/0"]);
        for text in ["", "10.0.0.0/33", "10.0.0.2-10.0.0.1", "10.0.0.1-::1", "example.org"] {
            assert_eq!(prefixes(text), None, "{text:?}");
        }
    }
}
