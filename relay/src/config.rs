use crate::DtlsIdentity;
use moim_stun::discovery::{Endpoints, ServerConfig};
use moim_turn::{PerFamily, RealmId, quota};
use moim_wire::Privacy;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// What a [`Relay`](crate::Relay) is started with.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where clients reach it by UDP.
    pub listeners: Vec<Listen>,
    /// Where clients find out what their NATs do, for each family that is to have it. Listeners that this needs beyond `listeners`
    /// are added, for the default realm.
    pub discovery: PerFamily<Option<Discovery>>,
    /// How many threads share the work; 0: as many as there are cores to run on.
    pub shards: u16,
    /// Whether each thread stays on a core of its own, if there are enough of them.
    pub pin: bool,
    /// When a thread lets packets gather.
    pub rest: Rest,
    /// Where relayed transport addresses are, for each family that has them.
    pub relay_addresses: PerFamily<Option<RelayAddress>>,
    /// The ports of relayed transport addresses.
    pub relay_ports: RangeInclusive<u16>,
    /// What DTLS clients are shown; without it, DTLS is not spoken.
    pub dtls: Option<DtlsIdentity>,
    /// What the TURN servers go by.
    pub turn: Arc<moim_turn::server::Config>,
    /// How much users, addresses and everybody together may have.
    pub quota: quota::Limits,
    /// Whether the log shows the addresses and names of clients.
    pub privacy: Privacy,
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; port 0 picks a free one.
    pub address: SocketAddr,
    /// Whom it is for.
    pub realm: RealmId,
}

/// NAT behaviour discovery (RFC 5780) over one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What clients are told, and when.
    pub server: ServerConfig,
    /// The same addresses as this host has them: others, if a 1:1 NAT is in between.
    pub local: Endpoints,
}

/// Where relayed transport addresses of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// The address of this host that packets leave from and arrive at.
    pub bind: IpAddr,
    /// The address that clients and peers are told: another one if a 1:1 NAT is in between.
    pub advertised: IpAddr,
}

/// When a thread lets packets gather for a moment before it takes the next ones.
///
/// At a medium rate most of a relay's work is falling asleep and waking up, once a packet. Resting makes batches of them, for
/// a latency as long as the rest. A thread with more to do than it can, or hardly anything, does not rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How long. Zero: never.
    pub duration: Duration,
    /// How many messages have to come within it for it to be worth it. A train of packets is one message: it costs one
    /// wake-up however long it is.
    pub messages_min: u32,
}

impl Default for Rest {
    /// 400 µs, from 10,000 messages a second on.
    fn default() -> Self {
        Self { duration: Duration::from_micros(400), messages_min: 4 }
    }
}
