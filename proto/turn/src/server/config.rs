use crate::auth::{NONCE_LIFETIME_DEFAULT, Realm};
use crate::budget::Rate;
use crate::channel_data::ChannelNumber;
use crate::policy::{PeerPolicy, RelayMode};
use crate::{PerFamily, RealmId, Transport};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a [`Server`](super::Server) goes by. All shards share one, behind an [`Arc`](std::sync::Arc), and may be given another one
/// at any time.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whom to serve. [`RealmId`] is an index into it; the first is the default, and there is at least one.
    pub realms: Vec<Arc<Realm>>,
    /// How peers are reached.
    pub relay: RelayMode,
    /// Of which families there are relayed addresses.
    pub families: PerFamily<bool>,
    /// Which peers may be relayed to.
    pub peers: PeerPolicy,
    /// How much of everything.
    pub limits: Limits,
    /// What nonces and tickets are sealed with.
    pub secrets: ServerSecrets,
    /// How long a nonce is good for.
    pub nonce_lifetime: Duration,
    /// How much is answered to those who have proved nothing.
    pub unauthenticated: Rate,
    /// How long an allocation lives that asks for nothing else, and the least one gets.
    pub lifetime_default: Duration,
    /// The longest an allocation lives without being refreshed.
    pub lifetime_max: Duration,
    /// Whether clients may keep their allocation when their address changes (RFC 8016).
    pub mobility: bool,
    /// Whether clients may have TCP connections with peers (RFC 6062). Only with [`RelayMode::Range`].
    pub tcp_allocations: bool,
    /// Whether the driver can send datagrams that must not be fragmented (RFC 8656 §14).
    pub dont_fragment: bool,
    /// The highest channel number a client may bind.
    pub channel_number_max: ChannelNumber,
    /// Other servers, for those who cannot or should not be served here.
    pub alternates: Alternates,
    /// Whether the server is about to stop: allocations are kept and refreshed, and none are made.
    pub draining: bool,
}

impl Config {
    /// The defaults of RFC 8656 for a server of these realms: internal relay, IPv4 and IPv6, mobility.
    ///
    /// # Panics
    /// If there is no realm.
    pub fn new(realms: Vec<Arc<Realm>>, secrets: ServerSecrets) -> Self {
        assert!(!realms.is_empty(), "a server has at least one realm");
        Self {
            realms,
            relay: RelayMode::Internal,
            families: PerFamily { ipv4: true, ipv6: true },
            peers: PeerPolicy::default(),
            limits: Limits::default(),
            secrets,
            nonce_lifetime: NONCE_LIFETIME_DEFAULT,
            unauthenticated: Rate::default(),
            lifetime_default: Duration::from_secs(600),
            lifetime_max: Duration::from_secs(3600),
            mobility: true,
            tcp_allocations: false,
            dont_fragment: true,
            channel_number_max: ChannelNumber::MAX_RFC5766,
            alternates: Alternates::default(),
            draining: false,
        }
    }

    /// The realm of a listener; the default one if there is none of this id (any more).
    pub(crate) fn realm(&self, id: RealmId) -> &Realm {
        self.realms.get(usize::from(id.0)).unwrap_or(&self.realms[0])
    }
}

/// How much of everything there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of this server, that is of one shard. Beyond it, Allocate is answered 508.
    pub allocations_max: usize,
    /// Permissions of one allocation. Beyond it, CreatePermission and ChannelBind are answered 508.
    pub permissions_max: usize,
    /// Channels of one allocation. Beyond it, ChannelBind is answered 508.
    pub channels_max: usize,
    /// TCP connections with peers of one allocation. Beyond it, Connect is answered 508 and peers are turned away.
    pub connections_max: usize,
    /// Addresses kept for a later Allocate by this server. Beyond it, EVEN-PORT with a reservation is answered 508.
    pub reservations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations_max: 100_000,
            permissions_max: 128,
            channels_max: 128,
            connections_max: 32,
            reservations_max: 64,
        }
    }
}

/// Other servers, to which clients are sent by 300 and ALTERNATE-SERVER (RFC 8489 §10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alternates {
    /// The servers, by what they listen on. A client is sent to the first of its own transport and address family.
    pub servers: Vec<(Transport, SocketAddr)>,
    /// When clients are sent there.
    pub when: Redirect,
}

/// When a client that could have an allocation elsewhere is sent there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirect {
    /// When this server is draining or has no room.
    #[default]
    Full,
    /// Always: this server only points to others.
    Always,
}

impl Alternates {
    /// The server for a client that came by this transport to an address of this family.
    pub(crate) fn of(&self, transport: Transport, server: SocketAddr) -> Option<SocketAddr> {
        let fits = |(its, address): &&(Transport, SocketAddr)| {
            *its == transport && address.is_ipv4() == server.is_ipv4()
        };
        self.servers.iter().find(fits).map(|(_, address)| *address)
    }
}

/// What nonces and mobility tickets are sealed with. The same on all shards, so that each knows what another gave out; and for as
/// long as the process runs, so that a reload disturbs nobody. Never printed; wiped from memory when dropped.
#[derive(Clone)]
pub struct ServerSecrets {
    /// For nonces.
    pub nonce: Zeroizing<[u8; 32]>,
    /// For mobility tickets.
    pub ticket: Zeroizing<[u8; 32]>,
}

impl ServerSecrets {
    /// These secrets, which come from a cryptographic random source.
    pub fn new(nonce: [u8; 32], ticket: [u8; 32]) -> Self {
        Self { nonce: Zeroizing::new(nonce), ticket: Zeroizing::new(ticket) }
    }
}

impl fmt::Debug for ServerSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecrets([redacted])")
    }
}
