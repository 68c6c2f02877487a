//! What the configuration says about the relay, checked and typed.

use super::Secret;
use ipnet::IpNet;
use moim_turn::Transport;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Where the relay relays to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayMode {
    /// Nowhere.
    Off,
    /// From one of its own clients to another.
    Internal,
    /// Anywhere that the peer policy allows, from a range of ports.
    Range,
}

/// By which hashes clients may prove who they are (RFC 8489 §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithms {
    /// SHA-256, or MD5 for clients of before RFC 8489.
    #[serde(rename = "sha256-md5")]
    Sha256ThenMd5,
    /// SHA-256 only.
    #[serde(rename = "sha256")]
    Sha256,
    /// MD5 only.
    #[serde(rename = "md5")]
    Md5,
}

/// When clients are sent to other servers (RFC 8489 §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlternateWhen {
    /// When this one drains or has no room.
    Full,
    /// Always.
    Always,
}

/// The relay.
#[derive(Clone, Debug)]
pub struct TurnConfig {
    /// Where it relays to.
    pub relay: RelayMode,
    /// Ports of relayed transport addresses.
    pub relay_ports: RangeInclusive<u16>,
    /// Addresses of this machine to relay from, at most one of each family; what is missing is learnt from the routes.
    pub relay_addresses: Vec<IpAddr>,
    /// Public addresses of a 1:1 NAT before this machine.
    pub external_addresses: Vec<ExternalAddress>,
    /// Who may allocate. The first realm is the default one, and that of room participants.
    pub realms: Vec<RealmConfig>,
    /// By which hashes.
    pub algorithms: Algorithms,
    /// Peers that are allowed although they would be denied.
    pub allow_peers: Vec<IpNet>,
    /// Peers that are denied whatever else is allowed.
    pub deny_peers: Vec<IpNet>,
    /// Lifetime of an allocation whose client asks for none.
    pub lifetime_default: Duration,
    /// Longest lifetime of an allocation.
    pub lifetime_max: Duration,
    /// Other servers to send clients to.
    pub alternate_servers: Vec<(Transport, SocketAddr)>,
    /// When they are sent there.
    pub alternate_when: AlternateWhen,
    /// RFC 8016.
    pub mobility: bool,
    /// RFC 6062.
    pub tcp_allocations: bool,
    /// Threads; `None` for one a core.
    pub shards: Option<usize>,
    /// Whether a thread stays on its core.
    pub pin: bool,
    /// How long a thread may rest under load.
    pub rest: Duration,
    /// What clients may take.
    pub limits: TurnLimits,
}

/// A public address that is not this machine's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalAddress {
    /// The address that peers see.
    pub advertised: IpAddr,
    /// The address of this machine that it is mapped to; the one relayed from if not given.
    pub local: Option<IpAddr>,
}

/// Users and secrets that go by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmConfig {
    /// The name, as it is in challenges.
    pub name: String,
    /// Users with fixed passwords.
    pub users: BTreeMap<String, Secret>,
    /// Secrets of expiring credentials, the newest first.
    pub shared_secrets: Vec<Secret>,
    /// Keys of access tokens, by their ids.
    pub access_token_keys: BTreeMap<String, Secret>,
}

/// What clients of the relay may take. Bandwidths are in bits per second; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the annotated sample, from which it comes")]
pub struct TurnLimits {
    pub allocations_max: u32,
    pub allocations_per_user_max: u32,
    pub allocations_per_address_max: u32,
    pub bandwidth_per_allocation: Option<u64>,
    pub bandwidth_per_user: Option<u64>,
    pub bandwidth_per_address: Option<u64>,
    pub bandwidth_total: Option<u64>,
}

/// One more address to listen on, for everything that moim speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Where.
    pub address: SocketAddr,
    /// Whether every TCP connection begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// From where such connections are taken.
    pub proxies: Vec<IpNet>,
    /// Which of [`TurnConfig::realms`] TURN clients find here.
    pub realm: usize,
}

/// What clients are told about STUN and TURN servers.
#[derive(Clone, Debug)]
pub struct IceConfig {
    /// STUN URLs, with `{host}` and `{port}` in them.
    pub stun_urls: Vec<String>,
    /// URLs of this relay, with `{host}` and `{port}` in them.
    pub turn_urls: Vec<String>,
    /// How long what a participant gets can be used to allocate.
    pub credential_lifetime: Duration,
    /// Other servers.
    pub servers: Vec<ExternalIceServer>,
}

/// Another STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIceServer {
    /// Its URLs.
    pub urls: Vec<String>,
    /// How clients prove that they may use it.
    pub credential: ExternalCredential,
}

/// How clients prove that they may use another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalCredential {
    /// They need not: it is a STUN server.
    None,
    /// By credentials that end, made from this secret for each participant.
    SharedSecret(Secret),
    /// By a fixed name and password.
    Fixed {
        /// The name.
        username: String,
        /// The password.
        credential: Secret,
    },
}

/// The management socket.
#[derive(Clone, Debug)]
pub struct ManagementConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// What clients have to show.
    pub token: Option<Secret>,
}
