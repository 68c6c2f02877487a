//! A server from its first socket to its last word.

use crate::config::{Config, ConnectionLimits};
use crate::counters::Counters;
use crate::drain::{FLUSH_TIMEOUT, OVERTIME, Shutdown};
use crate::gateway::hub::{Hub, HubHandle, HubLimits};
use crate::listener::{self, BindError, Bound};
use crate::shared::Shared;
use crate::stun;
use crate::tasks::contained;
use crate::tls::{self, CertificateError};
use aws_lc_rs::rand;
use moim_signal::message::{IceServer, SignalLimits};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A server whose sockets are bound, and which serves once it is run.
pub struct Server {
    config: Config,
    bound: Vec<Bound>,
    tls: TlsAcceptor,
    hub: Hub,
    shared: Arc<Shared>,
}

/// Why a server cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate and its key do not serve for TLS.
    #[error("the certificate or its key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Randomness,
    /// The task that holds all rooms has failed: they are gone, and going on would serve nobody.
    #[error("the signalling task failed and all rooms are lost; this is a defect of moim, please report it")]
    HubFailed,
}

impl Server {
    /// Binds every socket and finds or makes the certificate. Connections wait from here on; [`Self::run`] serves them.
    ///
    /// Must be called within a Tokio runtime with input, output and time.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let bound = listener::bind(&config.listen)?;
        let certificate = tls::certificate(&config, &local_addresses(), SystemTime::now())?;
        let is_trusted = !certificate.is_self_signed();
        let tls = TlsAcceptor::from(Arc::new(tls::server_config(certificate)?));
        let mut seed = [0; 32];
        rand::fill(&mut seed).map_err(|_| ServerError::Randomness)?;
        let port = bound.first().map_or(0, |bound| bound.address.port());
        let (hub, handle) = Hub::new(signal_config(&config, port), seed, hub_limits(&config.limits));
        let shared = Arc::new(Shared::new(&config, handle, is_trusted));
        Ok(Self { config, bound, tls, hub, shared })
    }

    /// The addresses listened on, the port that was asked for by 0 included.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.iter().map(|bound| bound.address)
    }

    /// The first address listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.bound.first().expect("a server is bound to one address at least").address
    }

    /// Whether the certificate is self-signed, so that browsers warn of it.
    pub fn is_self_signed(&self) -> bool {
        !self.shared.is_certificate_trusted
    }

    /// What happened so far, and what will: the totals go on counting.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until `shutdown` says otherwise and everybody was told; within the grace time and a few seconds.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ServerError> {
        let Self { config, bound, tls, hub, shared } = self;
        let free = Arc::new(Semaphore::new(config.limits.connections_max));
        for Bound { tcp, udp, .. } in bound {
            let accepting = listener::accept(tcp, tls.clone(), Arc::clone(&shared), Arc::clone(&free));
            spawn(&shared, "accepting connections", accepting);
            spawn(&shared, "STUN", stun::answer(udp, Arc::clone(&shared)));
        }
        let mut hub = tokio::spawn(hub.run());
        let ended = tokio::select! {
            ended = &mut hub => ended,
            () = shutdown.draining.cancelled() => {
                shared.draining.cancel();
                tracing::info!(grace = ?config.drain_grace, "shutting down: nobody new is let in");
                drain(&mut hub, &shared.hub, &shutdown, config.drain_grace).await
            }
        };
        shared.closing.cancel();
        shared.tasks.close();
        if timeout(FLUSH_TIMEOUT, shared.tasks.wait()).await.is_err() {
            tracing::debug!(left = shared.tasks.len(), "some connections did not end in time");
        }
        match ended {
            Ok(totals) => {
                tracing::info!(?totals, counters = ?shared.counters, "stopped");
                Ok(())
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(_) => Err(ServerError::HubFailed),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// Runs one of the server's own loops. Each stands alone: one that fails does not take the others with it.
fn spawn(shared: &Arc<Shared>, what: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    let counters = Arc::clone(&shared.counters);
    shared.tasks.spawn(async move {
        contained(what, &counters, future).await;
    });
}

type HubTask = JoinHandle<moim_signal::Counters>;

/// Lets the hub come to its end within `grace`, or at once if the shutdown says so.
async fn drain(
    task: &mut HubTask,
    hub: &HubHandle,
    shutdown: &Shutdown,
    grace: Duration,
) -> Result<moim_signal::Counters, tokio::task::JoinError> {
    if !shutdown.at_once.is_cancelled() && hub.drain(grace).await.is_ok() {
        tokio::select! {
            ended = &mut *task => return ended,
            () = tokio::time::sleep(grace + OVERTIME) => {}
            () = shutdown.at_once.cancelled() => {}
        }
    }
    let _ = hub.drain(Duration::ZERO).await;
    if let Ok(ended) = timeout(OVERTIME, &mut *task).await {
        return ended;
    }
    task.abort();
    task.await
}

/// The addresses by which others may reach this machine, those of one link only left out.
fn local_addresses() -> Vec<IpAddr> {
    match moim_net::local_addresses() {
        Ok(addresses) => addresses
            .into_iter()
            .filter(|address| !address.is_link_local())
            .map(|address| address.ip)
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot list this machine's addresses; the certificate will name localhost only");
            Vec::new()
        }
    }
}

fn hub_limits(limits: &ConnectionLimits) -> HubLimits {
    HubLimits { unread_max: limits.write_timeout, sessions_per_address_max: limits.sessions_per_address_max }
}

fn signal_config(config: &Config, port: u16) -> moim_signal::Config {
    let signal = &config.signal;
    let urls =
        config.stun_urls.iter().map(|url| url.replace("{port}", &port.to_string())).collect::<Vec<_>>();
    moim_signal::Config {
        limits: SignalLimits {
            frame_len_max: signal.frame_bytes_max,
            name_len_max: signal.name_bytes_max,
            metadata_len_max: signal.metadata_bytes_max,
            chat_len_max: signal.chat_bytes_max,
            tracks_max: signal.tracks_max,
        },
        participants_per_room_max: signal.participants_max,
        rooms_max: signal.rooms_max,
        sessions_max: signal.sessions_max,
        frame_rate_max: signal.messages_per_second,
        frame_burst_max: signal.messages_burst,
        bad_frames_max: signal.bad_frames_max,
        outbox_messages_max: signal.queue_messages_max,
        outbox_bytes_max: signal.queue_bytes_max,
        heartbeat: signal.heartbeat,
        resume_window: signal.resume_window,
        open: config.is_open(),
        ice_servers: if urls.is_empty() {
            Vec::new()
        } else {
            vec![IceServer { urls, username: None, credential: None }]
        },
    }
}
