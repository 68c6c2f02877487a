//! The relay, its listeners, and the management socket, as they are written.

use crate::config::humane::{HumaneDuration, HumaneRate};
use crate::config::secret::Secret;
use crate::config::turn::{Algorithms, AlternateWhen, RelayMode};
use confique::Config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::parse_keys;

/// One entry of `[[listeners]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawListener {
    pub(crate) address: SocketAddr,
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) proxies: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
}

/// One entry of `[[turn.realms]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRealm {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) shared_secrets: Vec<Secret>,
    #[serde(default)]
    pub(crate) users: BTreeMap<String, Secret>,
    #[serde(default)]
    pub(crate) access_token_keys: BTreeMap<String, Secret>,
}

/// One entry of `[[ice.servers]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawIceServer {
    pub(crate) urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shared_secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<Secret>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawIce {
    /// URLs of STUN servers. "{host}" stands for the host name by which the client reached moim, "{port}" for moim's
    /// port. The default is moim itself.
    #[config(env = "MOIM_ICE_STUN_URLS", parse_env = confique::env::parse::list_by_comma,
             default = ["stun:{host}:{port}"])]
    pub(crate) stun_urls: Vec<String>,

    /// URLs of moim's own relay, given with credentials of their own to each participant. Those of "turns:" that have a
    /// "{host}" are given only if the certificate is trusted by browsers and moim was reached by a name. None are given if
    /// turn.relay is "off".
    #[config(env = "MOIM_ICE_TURN_URLS", parse_env = confique::env::parse::list_by_comma,
             default = ["turn:{host}:{port}?transport=udp", "turn:{host}:{port}?transport=tcp",
                        "turns:{host}:{port}?transport=tcp"])]
    pub(crate) turn_urls: Vec<String>,

    /// How long the credentials of a participant can be used to allocate. Clients ask for fresh ones when they need to.
    #[config(env = "MOIM_ICE_CREDENTIAL_LIFETIME", default = "6h")]
    pub(crate) credential_lifetime: HumaneDuration,

    /// Further STUN and TURN servers. In a file each is a table of its own:
    ///   [[ice.servers]]
    ///   urls = ["turn:relay.example:3478?transport=udp"]
    ///   shared_secret = "…"   # coturn's static-auth-secret: each participant gets credentials made from it;
    ///                         # or fixed ones: username = "…" and credential = "…"
    #[config(default = [])]
    pub(crate) servers: Vec<RawIceServer>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawTurn {
    /// Where the relay relays to.
    ///   "internal": from one client of this relay to another, and nowhere else. It needs no further port, and is enough for
    ///               calls between moim's own clients.
    ///   "range":    anywhere, from ports of its own: a TURN server for every purpose. Open `relay_ports` in the firewall.
    ///   "off":      nowhere.
    #[config(env = "MOIM_TURN_RELAY", default = "internal")]
    pub(crate) relay: RelayMode,

    /// The UDP and TCP ports to relay from, the first and the last. In "internal" they are only names.
    #[config(env = "MOIM_TURN_RELAY_PORTS", default = "49152-65535")]
    pub(crate) relay_ports: String,

    /// The addresses of this machine to relay from, one for each of IPv4 and IPv6. Default: the ones it reaches the
    /// Internet from.
    #[config(env = "MOIM_TURN_RELAY_ADDRESSES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) relay_addresses: Vec<IpAddr>,

    /// The public address of this machine, if a NAT stands before it that maps every port to the same one (1:1 NAT, as most
    /// clouds have it): "203.0.113.5", or "203.0.113.5/10.0.0.5" where 10.0.0.5 is the address of this machine.
    #[config(env = "MOIM_TURN_EXTERNAL_ADDRESSES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) external_addresses: Vec<String>,

    /// The realm of long-term credentials: a name, by custom a domain.
    #[config(env = "MOIM_TURN_REALM", default = "moim")]
    pub(crate) realm: String,

    /// Secrets that moim shares with those who give out credentials for its relay (coturn's static-auth-secret). The first one
    /// also signs what participants of rooms get, so that several servers with the same one can relay for each other.
    #[config(env = "MOIM_TURN_SHARED_SECRETS", parse_env = parse_secrets, default = [])]
    pub(crate) shared_secrets: Vec<Secret>,

    /// How passwords are hashed in challenges: "sha256-md5" lets clients of RFC 8489 use SHA-256 and older ones MD5,
    /// "sha256" shuts older ones out (browsers are among them), "md5" speaks RFC 5389 alone.
    #[config(env = "MOIM_TURN_ALGORITHMS", default = "sha256-md5")]
    pub(crate) algorithms: Algorithms,

    /// Peers that may be relayed to although they are denied by default, such as "192.168.0.0/16". Denied by default is all
    /// that is not a global unicast address, in whatever form it is written, and this machine itself, each address of
    /// which needs an entry of its own, such as "127.0.0.1/32".
    #[config(env = "MOIM_TURN_ALLOW_PEERS", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) allow_peers: Vec<String>,

    /// Peers that may not be relayed to, whatever else is allowed: "198.51.100.0/24", one address, or "first-last".
    #[config(env = "MOIM_TURN_DENY_PEERS", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) deny_peers: Vec<String>,

    /// Lifetime of an allocation whose client asks for none.
    #[config(env = "MOIM_TURN_LIFETIME_DEFAULT", default = "10m")]
    pub(crate) lifetime_default: HumaneDuration,

    /// Longest lifetime that a client may ask for.
    #[config(env = "MOIM_TURN_LIFETIME_MAX", default = "1h")]
    pub(crate) lifetime_max: HumaneDuration,

    /// Other servers to send clients to (ALTERNATE-SERVER, RFC 8489 §10), by address, such as "turn:203.0.113.7:3478" (UDP),
    /// "turn:203.0.113.7:3478?transport=tcp" or "turns:203.0.113.7:5349" (TLS). A client is sent to one of its own kind.
    #[config(env = "MOIM_TURN_ALTERNATE_SERVERS", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) alternate_servers: Vec<String>,

    /// When they are sent there: "full", when this server drains or has no room for them; or "always".
    #[config(env = "MOIM_TURN_ALTERNATE_WHEN", default = "full")]
    pub(crate) alternate_when: AlternateWhen,

    /// Whether a client may go on with its allocation from another address (RFC 8016).
    #[config(env = "MOIM_TURN_MOBILITY", default = true)]
    pub(crate) mobility: bool,

    /// Whether clients may relay TCP connections (RFC 6062). Only with relay = "range"; browsers do not use it.
    #[config(env = "MOIM_TURN_TCP_ALLOCATIONS", default = false)]
    pub(crate) tcp_allocations: bool,

    /// Threads that relay; 0 for one a core.
    #[config(env = "MOIM_TURN_SHARDS", default = 0)]
    pub(crate) shards: usize,

    /// Whether each of these threads stays on a core of its own.
    #[config(env = "MOIM_TURN_PIN", default = true)]
    pub(crate) pin: bool,

    /// How long such a thread may rest for packets to come in numbers, when thousands of them come a second. It saves up to
    /// half of the work, and is as much latency at most. "0s" never rests.
    #[config(env = "MOIM_TURN_REST", default = "400us")]
    pub(crate) rest: HumaneDuration,

    /// What clients of the relay may take.
    #[config(nested)]
    pub(crate) limits: RawTurnLimits,

    /// Users of the relay with fixed passwords, such as { anna = "…" }. In the environment: name=password, several separated
    /// by commas.
    #[config(env = "MOIM_TURN_USERS", parse_env = parse_keys, default = {})]
    pub(crate) users: BTreeMap<String, Secret>,

    /// Keys of third-party access tokens (RFC 7635): the key's id, and 64 hexadecimal digits each. Authorization servers know
    /// this server by the name of its realm. In the environment: id=key, several separated by commas.
    #[config(env = "MOIM_TURN_ACCESS_TOKEN_KEYS", parse_env = parse_keys, default = {})]
    pub(crate) access_token_keys: BTreeMap<String, Secret>,

    /// Further realms, each with users and secrets of its own; a listener says which one it speaks for. In a file:
    ///   [[turn.realms]]
    ///   name = "school.example"
    ///   shared_secrets = ["…"]
    ///   users = { ben = "…" }
    #[config(default = [])]
    pub(crate) realms: Vec<RawRealm>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawTurnLimits {
    /// Allocations at a time.
    #[config(env = "MOIM_TURN_LIMITS_ALLOCATIONS_MAX", default = 50000)]
    pub(crate) allocations_max: u32,

    /// Allocations at a time of one user. A participant of a room is one; a browser makes several for each connection.
    #[config(env = "MOIM_TURN_LIMITS_ALLOCATIONS_PER_USER_MAX", default = 100)]
    pub(crate) allocations_per_user_max: u32,

    /// Allocations at a time from one address (IPv6: one /64).
    #[config(env = "MOIM_TURN_LIMITS_ALLOCATIONS_PER_ADDRESS_MAX", default = 2000)]
    pub(crate) allocations_per_address_max: u32,

    /// Most that one allocation may relay, both directions together, such as "4Mbit/s". Default: no limit. So with the
    /// three that follow.
    #[config(env = "MOIM_TURN_LIMITS_BANDWIDTH_PER_ALLOCATION")]
    pub(crate) bandwidth_per_allocation: Option<HumaneRate>,

    /// Most that all allocations of one user may relay.
    #[config(env = "MOIM_TURN_LIMITS_BANDWIDTH_PER_USER")]
    pub(crate) bandwidth_per_user: Option<HumaneRate>,

    /// Most that all allocations from one address (IPv6: one /64) may relay.
    #[config(env = "MOIM_TURN_LIMITS_BANDWIDTH_PER_ADDRESS")]
    pub(crate) bandwidth_per_address: Option<HumaneRate>,

    /// Most that all allocations together may relay.
    #[config(env = "MOIM_TURN_LIMITS_BANDWIDTH_TOTAL")]
    pub(crate) bandwidth_total: Option<HumaneRate>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawManagement {
    /// Where metrics, the list of allocations and `moim reload` are served, by plain HTTP, such as "127.0.0.1:9410". Empty:
    /// nowhere.
    #[config(env = "MOIM_MANAGEMENT_ADDRESS", default = "")]
    pub(crate) address: String,

    /// What a client has to show (`Authorization: Bearer …`), at least 32 bytes. Needed if the address is not a loopback one;
    /// then put a proxy with TLS before it, or the token can be read on the way.
    #[config(env = "MOIM_MANAGEMENT_TOKEN")]
    pub(crate) token: Option<Secret>,
}

/// An entry of a list of secrets that is empty. Its neighbours are secrets, and are not shown.
#[derive(Debug, thiserror::Error)]
#[error("entry {position} is empty")]
struct SecretsError {
    position: usize,
}

fn parse_secrets(text: &str) -> Result<Vec<Secret>, SecretsError> {
    text.split(',')
        .enumerate()
        .map(|(index, entry)| match entry.trim() {
            "" => Err(SecretsError { position: index + 1 }),
            secret => Ok(Secret::new(secret)),
        })
        .collect()
}
