//! What the configuration means to the relay.

use super::addresses::{own_addresses, relay_addresses};
use crate::config::{Algorithms, AlternateWhen, RealmConfig, RelayMode, Secret, TurnConfig, TurnLimits};
use crate::listener::BindError;
use moim_net::Scope;
use moim_relay::{RelayAddress, StartError};
use moim_turn::PerFamily;
use moim_turn::auth::{self, AccessTokenKey, Realm, RealmError, TokenError};
use moim_turn::policy::{self, Denied, PeerLists, PeerPolicy};
use moim_turn::quota::{self, Bandwidth};
use moim_turn::server::{self, Alternates, Redirect, ServerSecrets};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Why the relay cannot be what the configuration wants.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TurnError {
    /// A UDP socket cannot be bound.
    #[error(transparent)]
    Bind(BindError),
    /// The relay does not start.
    #[error("the relay cannot be started: {0}")]
    Start(StartError),
    /// A realm cannot be.
    #[error("the realm {name:?} of the relay: {source}")]
    Realm {
        /// Its name.
        name: String,
        /// Why not.
        source: RealmError,
    },
    /// A key for access tokens cannot be.
    #[error("turn.access_token_keys: {0}")]
    Token(#[from] TokenError),
    /// The first address for NAT behaviour discovery is not known.
    #[error(
        "stun.alternate_addresses: it is not known which address of this machine {0} is the alternate of. Name both, as in \
         \"192.0.2.1:3478/198.51.100.2:3479\", with different ports"
    )]
    DiscoveryUnknown(SocketAddr),
    /// What clients see the second address as is not known.
    #[error(
        "stun.alternate_addresses: a NAT stands before this machine, and the public address of {0} is not known. Name that of each \
         address in turn.external_addresses, as in \"203.0.113.5/10.0.0.5\", or use one IP address and two ports"
    )]
    DiscoveryUnmapped(IpAddr),
    /// There is no address to relay from.
    #[error(
        "there is no address to relay from: this machine has neither an IPv4 nor an IPv6 address but link-local ones. Name one \
         by turn.relay_addresses, or set turn.relay = \"off\""
    )]
    NoAddress,
}

/// What stays as it is from the start of the relay to its end.
pub(super) struct Unchanging {
    pub(super) relay_addresses: PerFamily<Option<RelayAddress>>,
    secrets: ServerSecrets,
}

impl Unchanging {
    pub(super) fn new(config: &TurnConfig, secrets: ServerSecrets) -> Self {
        Self { relay_addresses: relay_addresses(config), secrets }
    }

    /// Says where the relay relays from, and what looks wrong about it.
    pub(super) fn log(&self, mode: RelayMode) {
        if mode == RelayMode::Off {
            return;
        }
        for (_, RelayAddress { bind, advertised }) in self.relay_addresses.iter() {
            tracing::info!(?mode, %bind, %advertised, "relaying");
            if mode == RelayMode::Range && Scope::of(*advertised) != Scope::Global {
                tracing::warn!(
                    %advertised,
                    "peers outside of this network cannot reach this relayed address; if there is a public one, set \
                     turn.external_addresses"
                );
            }
        }
    }
}

/// What the TURN servers of all shards go by.
pub(super) fn server_config(
    config: &TurnConfig,
    room_secret: &Secret,
    unchanging: &Unchanging,
) -> Result<server::Config, TurnError> {
    if unchanging.relay_addresses.iter().next().is_none() && config.relay != RelayMode::Off {
        return Err(TurnError::NoAddress);
    }
    let addresses = &unchanging.relay_addresses;
    let peers = peer_lists(config, addresses, own_addresses(config));
    Ok(server::Config {
        relay: match config.relay {
            RelayMode::Off => policy::RelayMode::Off,
            RelayMode::Internal => policy::RelayMode::Internal,
            RelayMode::Range => policy::RelayMode::Range,
        },
        families: PerFamily { ipv4: addresses.ipv4.is_some(), ipv6: addresses.ipv6.is_some() },
        peers: PeerPolicy::new(peers),
        lifetime_default: config.lifetime_default,
        lifetime_max: config.lifetime_max,
        mobility: config.mobility,
        alternates: Alternates {
            servers: config.alternate_servers.clone(),
            when: match config.alternate_when {
                AlternateWhen::Full => Redirect::Full,
                AlternateWhen::Always => Redirect::Always,
            },
        },
        tcp_allocations: config.tcp_allocations,
        ..server::Config::new(realms(config, room_secret)?, unchanging.secrets.clone())
    })
}

/// The addresses of this machine that `turn.allow_peers` covers and that are denied all the same, since a longer prefix than
/// theirs knows them: an operator may have meant them. Relayed addresses are not among them: nothing opens what
/// else is there.
pub(crate) fn covered_but_denied(config: &TurnConfig) -> Vec<IpAddr> {
    covered_of(config, &relay_addresses(config), own_addresses(config))
}

fn covered_of(
    config: &TurnConfig,
    relay_addresses: &PerFamily<Option<RelayAddress>>,
    own: Vec<IpAddr>,
) -> Vec<IpAddr> {
    let lists = peer_lists(config, relay_addresses, own);
    let own: BTreeSet<IpAddr> = lists.own.iter().copied().collect();
    let policy = PeerPolicy::new(lists);
    let is_covered = |ip: &IpAddr| config.allow_peers.iter().any(|net| net.contains(ip));
    // `::1` is a prefix of its own, and denied by that name.
    let is_denied = |ip: &IpAddr| {
        let checked = policy.check(policy::RelayMode::Range, *ip);
        matches!(checked, Err(Denied::OwnAddress | Denied::Loopback))
    };
    own.into_iter().filter(|ip| is_covered(ip) && is_denied(ip)).collect()
}

fn peer_lists(
    config: &TurnConfig,
    relay_addresses: &PerFamily<Option<RelayAddress>>,
    own: Vec<IpAddr>,
) -> PeerLists {
    PeerLists {
        allow: config.allow_peers.clone(),
        deny: config.deny_peers.clone(),
        own: own.into_iter().chain(relay_addresses.iter().map(|(_, address)| address.bind)).collect(),
        relayed: relay_addresses.iter().map(|(_, address)| address.advertised).collect(),
    }
}

fn realms(config: &TurnConfig, room_secret: &Secret) -> Result<Vec<Arc<Realm>>, TurnError> {
    let algorithms = match config.algorithms {
        Algorithms::Sha256ThenMd5 => auth::Algorithms::Sha256ThenMd5,
        Algorithms::Sha256 => auth::Algorithms::Sha256,
        Algorithms::Md5 => auth::Algorithms::Md5,
    };
    // Participants of rooms are of the first realm, whether or not others share its secrets.
    let extra = std::iter::once(Some(room_secret)).chain(std::iter::repeat(None));
    config
        .realms
        .iter()
        .zip(extra)
        .map(|(realm, extra)| build_realm(realm, algorithms, extra).map(Arc::new))
        .collect()
}

fn build_realm(
    config: &RealmConfig,
    algorithms: auth::Algorithms,
    extra_secret: Option<&Secret>,
) -> Result<Realm, TurnError> {
    let failed = |source| TurnError::Realm { name: config.name.clone(), source };
    let mut realm = Realm::new(&config.name, algorithms).map_err(failed)?;
    for (user, password) in &config.users {
        realm.add_user(user, password.as_str()).map_err(failed)?;
    }
    for secret in config.shared_secrets.iter().chain(extra_secret) {
        realm.add_secret(secret.expose()).map_err(failed)?;
    }
    if !config.access_token_keys.is_empty() {
        realm.set_token_server_name(&config.name).map_err(failed)?;
    }
    for (kid, key) in &config.access_token_keys {
        let key = AccessTokenKey::new(&key.hex().ok_or(TokenError::KeyLength)?)?;
        realm.add_token_key(kid, key).map_err(failed)?;
    }
    Ok(realm)
}

/// What users, addresses and everybody together may have.
pub(super) fn quota(limits: &TurnLimits) -> quota::Limits {
    let bandwidth = |bits: Option<u64>| bits.map(|bits| Bandwidth::per_second(bits / 8));
    quota::Limits {
        allocations_max: limits.allocations_max as usize,
        allocations_per_user_max: limits.allocations_per_user_max as usize,
        allocations_per_address_max: limits.allocations_per_address_max as usize,
        bandwidth_total: bandwidth(limits.bandwidth_total),
        bandwidth_per_user: bandwidth(limits.bandwidth_per_user),
        bandwidth_per_address: bandwidth(limits.bandwidth_per_address),
        bandwidth_per_allocation: bandwidth(limits.bandwidth_per_allocation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What is covered and denied on a machine with some addresses, which relays from 10.0.0.5 behind a NAT.
    fn covered(lists: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        let toml = format!(
            "data_dir = '.'\nauth.keys = {{ main = '0123456789abcdef0123456789abcdef' }}\n[turn]\nrelay = 'range'\n\
             relay_addresses = ['10.0.0.5']\nexternal_addresses = ['203.0.113.5']\n{lists}"
        );
        std::fs::write(&file, toml).unwrap();
        let config = Config::load(Some(&file), crate::Overrides::default()).unwrap().turn;
        let [bind, advertised] = ["10.0.0.5", "203.0.113.5"].map(|ip| ip.parse().unwrap());
        let relayed = PerFamily { ipv4: Some(RelayAddress { bind, advertised }), ipv6: None };
        let own =
            ["::1", "127.0.0.1", "127.0.0.1", "192.168.1.7", "203.0.113.5"].map(|ip| ip.parse().unwrap());
        covered_of(&config, &relayed, own.to_vec()).iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn own_addresses_that_a_shorter_prefix_was_to_open_are_found() {
        assert_eq!(covered("allow_peers = ['127.0.0.0/8']"), ["127.0.0.1"]);
        assert_eq!(covered("allow_peers = ['10.0.0.0/8', '192.168.0.0/16']"), ["10.0.0.5", "192.168.1.7"]);
        assert_eq!(
            covered("allow_peers = ['::/0', '203.0.113.0/24']"),
            ["::1"],
            "relayed ones are not for this"
        );
    }

    #[test]
    fn own_addresses_that_are_named_or_not_meant_are_not_spoken_of() {
        for lists in [
            "allow_peers = []",
            "allow_peers = ['172.16.0.0/12']",
            "allow_peers = ['127.0.0.0/8', '127.0.0.1']",
            "allow_peers = ['127.0.0.0/8']\ndeny_peers = ['127.0.0.1/32']",
        ] {
            assert_eq!(covered(lists), [""; 0], "{lists}");
        }
    }
}
