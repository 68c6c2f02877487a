//! How the media plane comes into being: one shard on each thread of the relay.

use super::addresses::candidates;
use super::queue::CommandQueue;
use super::{MediaPlane, MediaStatus, PlaneCounters, REPORTS_MAX};
use crate::config::MediaConfig;
use moim_peer::{Certificate, CertificateError};
use moim_relay::{Seat, Tenants};
use moim_shard::{MediaShard, SharedCounters};
use moim_signal::media::{MediaCommand, MediaReport};
use moim_wire::NtpTime;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// What shards are made of, and what is known of those that have been.
pub(crate) struct Launch {
    config: MediaConfig,
    certificate: Certificate,
    /// The addresses of this machine.
    local: Vec<IpAddr>,
    seeds: ChaCha20Rng,
    reports: mpsc::Sender<MediaReport>,
    receiver: mpsc::Receiver<MediaReport>,
    plane: Arc<PlaneCounters>,
    shards: Vec<SharedCounters>,
}

impl Launch {
    /// Prepares the media plane. Its certificate is made for this process: clients learn its fingerprint by signalling, and need no
    /// authority. `seed` comes from a cryptographic random source.
    pub(crate) fn new(
        config: MediaConfig,
        local: Vec<IpAddr>,
        seed: [u8; 32],
    ) -> Result<Self, CertificateError> {
        let (reports, receiver) = mpsc::channel(REPORTS_MAX);
        Ok(Self {
            config,
            certificate: Certificate::generate(
                SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            )?,
            local,
            seeds: ChaCha20Rng::from_seed(seed),
            reports,
            receiver,
            plane: Arc::default(),
            shards: Vec::new(),
        })
    }

    /// Begins to make shards; those made before were of a relay that did not start.
    pub(crate) fn begin(&mut self) {
        self.shards.clear();
    }

    /// Makes the shard of a thread.
    pub(crate) fn shard(&mut self, seat: Seat<'_>) -> MediaShard {
        let candidates = candidates(seat.addresses, &self.local, &self.config.public_addresses);
        if self.shards.is_empty() {
            tracing::info!(?candidates, "forwarding media");
            if candidates.is_empty() {
                tracing::warn!(
                    "there is no address by which participants could send media to be forwarded; name one in media.public_addresses"
                );
            }
        }
        let mut seed = [0; 32];
        self.seeds.fill_bytes(&mut seed);
        let config = moim_shard::MediaConfig {
            connections_max: self.config.connections_max,
            ..moim_shard::MediaConfig::new(self.certificate.clone(), candidates)
        };
        let wall = NtpTime::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let (reports, plane) = (self.reports.clone(), Arc::clone(&self.plane));
        let reporter = Box::new(move |report| {
            if reports.try_send(report).is_err() {
                plane.reports_lost.add_one();
            }
        });
        let shard = MediaShard::new(&config, seat, seed, wall, reporter);
        self.shards.push(shard.counters());
        shard
    }

    /// The media plane, whose shards are reached by `tenants`.
    pub(crate) fn finish(self, tenants: Tenants<MediaCommand>) -> (MediaPlane, MediaStatus) {
        let queues = (0..tenants.shards()).map(|_| CommandQueue::default()).collect();
        let plane = MediaPlane { tenants, queues, reports: self.receiver, counters: Arc::clone(&self.plane) };
        (plane, MediaStatus { shards: self.shards, plane: self.plane })
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every secret of the shards.
        f.debug_struct("Launch").field("config", &self.config).finish_non_exhaustive()
    }
}
