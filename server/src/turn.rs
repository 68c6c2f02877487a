//! The relay of this server: started from its configuration, reloaded, listed, counted.
//!
//! The relay answers STUN as well, so that it runs even where `turn.relay` is off.

mod addresses;
mod discovery;
mod metrics;
mod resolve;

use crate::config::{Config, Secret, TurnConfig};
use crate::listener::{BindError, Listener};
use crate::management::metrics::Metric;
use crate::management::view::{Allocation, Traffic};
use crate::media::Launch;
use crate::tls::Certificate;
use moim_relay::{
    AllocationSummary, Listen, Refused, Relay, RelayConfig, Rest, StartError, StreamClient, Tenants,
};
use moim_signal::media::MediaCommand;
use moim_turn::server::ServerSecrets;
use moim_turn::{AllocationId, RealmId, ShardId, quota};
use resolve::Unchanging;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub use resolve::TurnError;
pub(crate) use resolve::covered_but_denied;

/// The running relay. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Inner>);

struct Inner {
    /// Until it is stopped.
    relay: RwLock<Option<Relay>>,
    unchanging: Unchanging,
    /// The realms that there are now, by their ids.
    realms: RwLock<Vec<String>>,
    is_draining: AtomicBool,
}

/// What the relay shows of itself.
pub(crate) struct Identity<'a> {
    /// To clients on DTLS.
    pub(crate) certificate: &'a Certificate,
    /// What it seals nonces and tickets with.
    pub(crate) secrets: ServerSecrets,
}

/// What a configuration makes of the relay, ready to be taken up.
#[derive(Debug)]
pub(crate) struct Prepared {
    turn: Arc<moim_turn::server::Config>,
    quota: quota::Limits,
    realms: Vec<String>,
}

impl Turn {
    /// Starts the relay on `listeners`, whose ports are known, and the media plane on its threads, if there is one to be.
    pub(crate) fn start(
        config: &Config,
        listeners: &[&Listener],
        room_secret: &Secret,
        identity: Identity<'_>,
        media: Option<&mut Launch>,
    ) -> Result<(Self, Option<Tenants<MediaCommand>>), TurnError> {
        let unchanging = Unchanging::new(&config.turn, identity.secrets);
        let Prepared { turn, quota, realms } = prepare(config, room_secret, &unchanging)?;
        let listened: Vec<_> = listeners.iter().map(|listener| listener.address).collect();
        let relay_config = RelayConfig {
            discovery: discovery::discovery(config, &listened, &unchanging.relay_addresses)?,
            listeners: listeners
                .iter()
                .map(|listener| Listen { address: listener.address, realm: listener.realm })
                .collect(),
            shards: config.turn.shards.map_or(0, |shards| u16::try_from(shards).unwrap_or(u16::MAX)),
            pin: config.turn.pin,
            rest: Rest { duration: config.turn.rest, ..Rest::default() },
            relay_addresses: unchanging.relay_addresses,
            relay_ports: config.turn.relay_ports.clone(),
            dtls: identity.certificate.dtls_identity(),
            turn,
            quota,
            privacy: config.log.addresses.privacy(),
        };
        let (relay, tenants) = match media {
            Some(media) => {
                media.begin();
                let (relay, tenants) = Relay::start_with_tenants(relay_config, |seat| media.shard(seat))?;
                (relay, Some(tenants))
            }
            None => (Relay::start(relay_config)?, None),
        };
        unchanging.log(config.turn.relay);
        let inner = Inner {
            relay: RwLock::new(Some(relay)),
            unchanging,
            realms: RwLock::new(realms),
            is_draining: AtomicBool::new(false),
        };
        Ok((Self(Arc::new(inner)), tenants))
    }

    /// Checks what another configuration makes of the relay.
    pub(crate) fn prepare(&self, config: &Config, room_secret: &Secret) -> Result<Prepared, TurnError> {
        prepare(config, room_secret, &self.0.unchanging)
    }

    /// Takes up another configuration. Allocations stay, unless it denies them what they do.
    pub(crate) fn reload(&self, prepared: Prepared) {
        let Prepared { mut turn, quota, realms } = prepared;
        if self.0.is_draining.load(Ordering::Relaxed) {
            Arc::make_mut(&mut turn).draining = true;
        }
        *self.0.realms.write().unwrap_or_else(PoisonError::into_inner) = realms;
        let taken = self.with(|relay| {
            relay.set_quota(quota);
            relay.reload(&turn)
        });
        if let Some(Err(error)) = taken {
            // It has stopped, or hangs: whatever it is, it was said where it happened.
            tracing::error!(%error, "a part of the relay goes on with the configuration from before");
        }
    }

    /// Shows clients on DTLS another certificate from now on. Sessions go on.
    pub(crate) fn identify(&self, certificate: &Certificate) {
        let Some(identity) = certificate.dtls_identity() else { return };
        if let Some(Err(error)) = self.with(|relay| relay.identify(&identity)) {
            tracing::error!(%error, "a part of the relay goes on with the certificate from before");
        }
    }

    /// Gives a connection that speaks STUN or TURN to the relay.
    pub(crate) fn adopt(&self, client: StreamClient) -> Result<(), Refused> {
        self.with(|relay| relay.adopt(client)).unwrap_or(Err(Refused))
    }

    /// Makes no more allocations. Those there are go on.
    pub(crate) fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
        if let Some(Err(error)) = self.with(Relay::drain) {
            tracing::error!(%error, "a part of the relay does not drain");
        }
    }

    /// Whether all of the relay works. It is whole when it has stopped as it should, too.
    pub(crate) fn is_whole(&self) -> bool {
        self.with(Relay::is_whole).unwrap_or(true)
    }

    /// How many allocations there are, as of a moment ago.
    pub(crate) fn allocations_len(&self) -> u64 {
        let counters = self.with(Relay::counters).unwrap_or_default();
        counters.iter().map(|shard| shard.allocations as u64).sum()
    }

    /// Stops the relay. Waits for its threads.
    pub(crate) fn stop(&self) {
        let relay = self.0.relay.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(relay) = relay {
            relay.stop();
        }
    }

    /// All allocations, the oldest first. Waits for the relay's threads.
    pub(crate) fn allocations(&self) -> Vec<Allocation> {
        let mut summaries = self.with(Relay::allocations).unwrap_or_default();
        summaries.sort_by(|one, other| other.age.cmp(&one.age).then(one.shard.0.cmp(&other.shard.0)));
        let realms = self.0.realms.read().unwrap_or_else(PoisonError::into_inner);
        summaries.into_iter().map(|summary| view(summary, &realms)).collect()
    }

    /// Ends an allocation, if there is one of this id. Waits for a thread of the relay.
    pub(crate) fn kick(&self, id: &str) -> bool {
        let Some((shard, allocation)) = parse_id(id) else { return false };
        self.with(|relay| relay.kick(shard, allocation)).unwrap_or(false)
    }

    /// What the relay has counted.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        metrics::of(&self.with(Relay::counters).unwrap_or_default())
    }

    fn with<T>(&self, ask: impl FnOnce(&Relay) -> T) -> Option<T> {
        self.0.relay.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("relay_addresses", &self.0.unchanging.relay_addresses)
            .finish_non_exhaustive()
    }
}

impl From<StartError> for TurnError {
    fn from(error: StartError) -> Self {
        if let StartError::Listen { address, source } = error {
            Self::Bind(BindError::udp(address, source))
        } else {
            Self::Start(error)
        }
    }
}

fn prepare(config: &Config, room_secret: &Secret, unchanging: &Unchanging) -> Result<Prepared, TurnError> {
    let TurnConfig { realms, limits, .. } = &config.turn;
    Ok(Prepared {
        turn: Arc::new(resolve::server_config(&config.turn, room_secret, unchanging)?),
        quota: resolve::quota(limits),
        realms: realms.iter().map(|realm| realm.name.clone()).collect(),
    })
}

fn view(summary: AllocationSummary, realms: &[String]) -> Allocation {
    let AllocationSummary { shard, id, five_tuple, username, realm, relayed, usage, .. } = summary;
    let RealmId(realm) = realm;
    let traffic = |one: moim_turn::server::Traffic| Traffic { packets: one.packets, bytes: one.bytes };
    Allocation {
        id: format_id(shard, id),
        username: username.into(),
        realm: realms.get(usize::from(realm)).cloned().unwrap_or_default(),
        transport: five_tuple.transport.as_str().to_owned(),
        client: five_tuple.client,
        server: five_tuple.server,
        relayed: relayed.iter().map(|(_, address)| *address).collect::<Vec<SocketAddr>>(),
        age_secs: summary.age.as_secs(),
        expires_secs: summary.expires_in.as_secs(),
        permissions: summary.permissions as u64,
        channels: summary.channels as u64,
        to_peers: traffic(usage.to_peers),
        to_client: traffic(usage.to_client),
    }
}

/// The shard's number, and the allocation as it is in logs.
fn format_id(ShardId(shard): ShardId, allocation: AllocationId) -> String {
    format!("{shard}-{allocation}")
}

fn parse_id(text: &str) -> Option<(ShardId, AllocationId)> {
    let (shard, allocation) = text.split_once('-')?;
    let (index, generation) = allocation.split_once('.')?;
    let number = |digits| u32::from_str_radix(digits, 16).ok().map(u64::from);
    let allocation = AllocationId::from_bits(number(generation)? << 32 | number(index)?);
    Some((ShardId(shard.parse().ok()?), allocation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for (shard, bits) in [(0, 0), (3, 0x1_0000_002a), (u16::MAX, 0x7fff_ffff)] {
            let id = format_id(ShardId(shard), AllocationId::from_bits(bits));
            let (ShardId(read), allocation) = parse_id(&id).unwrap();
            assert_eq!((read, allocation.to_bits()), (shard, bits), "{id}");
        }
        for text in ["", "1", "1-", "-1.1", "1-1", "70000-1.1", "1-2.3.4", "0-1ffffffff.1"] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }
}
