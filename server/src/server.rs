//! A server from its first socket to its last word.

use crate::config::{Config, ConnectionLimits, RoomTopology, Secret};
use crate::counters::Counters;
use crate::drain::{FLUSH_TIMEOUT, OVERTIME, Shutdown};
use crate::gateway::hub::{Hub, HubHandle, HubLimits, HubParts};
use crate::gateway::ice::{self, IceServers};
use crate::listener::{self, BindError, Bound, FREE_PORT_TRIES_MAX};
use crate::management::{Api, Management};
use crate::media::{Launch, MediaPlane, MediaStatus};
use crate::reload::{Reloader, Running};
use crate::shared::{Planes, Shared};
use crate::tasks::contained;
use crate::tls::{self, Certificate, CertificateError, Tls};
use crate::turn::{Identity, Turn, TurnError};
use crate::webhooks::{Courier, webhooks};
use aws_lc_rs::rand;
use moim_signal::TopologyPolicy;
use moim_signal::message::{Forwarding, SignalLimits};
use moim_turn::server::ServerSecrets;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A server whose sockets are bound, and which serves once it is run.
pub struct Server {
    config: Config,
    bound: Vec<Bound>,
    tls: Tls,
    hub: Hub,
    courier: Option<Courier>,
    shared: Arc<Shared>,
    management: Option<Management>,
    reloader: Reloader,
}

/// Why a server cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The relay cannot be started.
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate of the media plane cannot be made.
    #[error("the certificate for forwarding media cannot be made: {0}")]
    MediaCertificate(#[from] moim_peer::CertificateError),
    /// The certificate and its key do not serve for TLS.
    #[error("the certificate or its key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// Webhooks cannot be delivered securely.
    #[error("webhooks cannot be delivered: {0}")]
    Webhooks(#[from] moim_native::TrustError),
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
        let room_secret = Secret::new(random_digits()?);
        let mut bound = listener::bind(&config.listen, &config.listeners)?;
        let certificate = tls::certificate(&config, &local_addresses(), SystemTime::now())?;
        let (turn, media) = start_turn(&config, &mut bound, &room_secret, &certificate)?;
        let (media, media_status) = media.unzip();
        let is_trusted = !certificate.is_self_signed();
        let tls = Tls::new(&certificate)?;
        let port = bound.first().map_or(0, |bound| bound.listener.address.port());
        let ice = IceServers::new(ice_templates(&config, &room_secret, port, is_trusted));
        let signal = signal_config(&config);
        let (webhooks, courier) = config.webhooks.as_ref().map(webhooks).transpose()?.unzip();
        let parts = HubParts { ice: ice.clone(), media, webhooks: webhooks.clone() };
        let (hub, handle) = Hub::new(signal, random()?, hub_limits(&config.limits), parts);
        let planes = Planes { turn, media: media_status, webhooks };
        let shared = Arc::new(Shared::new(&config, handle, planes, is_trusted));
        let running = Running { shared: Arc::clone(&shared), ice, tls: tls.clone(), room_secret, port };
        let reloader = Reloader::new(config.clone(), running);
        let management = config.management.as_ref().map(Management::bind).transpose()?;
        Ok(Self { config, bound, tls, hub, courier, shared, management, reloader })
    }

    /// The address of the management socket, if there is one.
    pub fn management_addr(&self) -> Option<SocketAddr> {
        self.management.as_ref().map(Management::address)
    }

    /// What reloads the configuration while the server runs.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// The addresses listened on, the port that was asked for by 0 included.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.iter().map(|bound| bound.listener.address)
    }

    /// The first address listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.bound.first().expect("a server is bound to one address at least").listener.address
    }

    /// Whether the certificate is self-signed, so that browsers warn of it.
    pub fn is_self_signed(&self) -> bool {
        !self.shared.is_certificate_trusted()
    }

    /// What happened so far, and what will: the totals go on counting.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until `shutdown` says otherwise and everybody was told; within the grace time and a few seconds.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ServerError> {
        let Self { config, bound, tls, hub, courier, shared, management, reloader } = self;
        if let Some(courier) = courier {
            spawn(&shared, "webhooks", courier.run(shared.closing.clone()));
        }
        if let Some(management) = management {
            let token = config.management.as_ref().and_then(|management| management.token.clone());
            let api = Api::new(Arc::clone(&shared), reloader, token);
            spawn(&shared, "management", management.serve(api, Arc::clone(&shared)));
        }
        let free = Arc::new(Semaphore::new(config.limits.connections_max));
        for Bound { listener, tcp } in bound {
            let accepting =
                listener::accept(listener, tcp, tls.clone(), Arc::clone(&shared), Arc::clone(&free));
            spawn(&shared, "accepting connections", accepting);
        }
        let mut hub = tokio::spawn(hub.run());
        let ended = tokio::select! {
            ended = &mut hub => ended,
            () = shutdown.draining.cancelled() => {
                shared.draining.cancel();
                tracing::info!(grace = ?config.drain_grace, "shutting down: nobody new is let in");
                let turn = drain_turn(&shared.turn, &shutdown, config.drain_grace);
                tokio::join!(drain(&mut hub, &shared.hub, &shutdown, config.drain_grace), turn).0
            }
        };
        shared.closing.cancel();
        shared.tasks.close();
        if timeout(FLUSH_TIMEOUT, shared.tasks.wait()).await.is_err() {
            tracing::debug!(left = shared.tasks.len(), "some connections did not end in time");
        }
        let turn = shared.turn.clone();
        // It waits for threads, which is not for a thread of this runtime.
        let _ = tokio::task::spawn_blocking(move || turn.stop()).await;
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

/// Lets allocations come to their end within `grace`, or at once if the shutdown says so.
async fn drain_turn(turn: &Turn, shutdown: &Shutdown, grace: Duration) {
    /// How often it is looked whether any is left.
    const LOOK_INTERVAL: Duration = Duration::from_millis(250);
    turn.drain();
    let all_ended = async {
        // What is counted is of a moment ago: of before the last allocation, perhaps.
        let asked = turn.clone();
        let mut left =
            tokio::task::spawn_blocking(move || asked.allocations().len() as u64).await.unwrap_or(0);
        while left > 0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
            left = turn.allocations_len();
        }
    };
    let _ = shutdown.at_once.run_until_cancelled(timeout(grace, all_ended)).await;
}

/// Starts the relay on the addresses that are bound for TCP, and with it the media plane. If any port will do, all are bound to another one
/// until both have the same.
fn start_turn(
    config: &Config,
    bound: &mut Vec<Bound>,
    room_secret: &Secret,
    certificate: &Certificate,
) -> Result<(Turn, Option<(MediaPlane, MediaStatus)>), ServerError> {
    let secrets = ServerSecrets::new(random()?, random()?);
    let mut launch = match &config.media {
        Some(media) => Some(Launch::new(media.clone(), local_addresses(), random()?)?),
        None => None,
    };
    let is_any_port = config.listen.iter().all(|address| address.port() == 0);
    let mut tries = 0;
    loop {
        tries += 1;
        let listeners: Vec<_> = bound.iter().map(|bound| &*bound.listener).collect();
        let identity = Identity { certificate, secrets: secrets.clone() };
        match Turn::start(config, &listeners, room_secret, identity, launch.as_mut()) {
            Err(TurnError::Bind(error))
                if error.is_port_taken() && is_any_port && tries < FREE_PORT_TRIES_MAX => {}
            started => {
                let (turn, tenants) = started?;
                return Ok((turn, launch.zip(tenants).map(|(launch, tenants)| launch.finish(tenants))));
            }
        }
        *bound = listener::bind(&config.listen, &config.listeners)?;
    }
}

fn random() -> Result<[u8; 32], ServerError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| ServerError::Randomness)?;
    Ok(bytes)
}

/// The addresses by which others may reach this machine, those of one link only left out.
pub(crate) fn local_addresses() -> Vec<IpAddr> {
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

/// A secret that nobody can guess, as text.
fn random_digits() -> Result<String, ServerError> {
    let mut digits = String::new();
    for byte in random()? {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

/// What participants are told of. Their credentials are made from the first secret of the configuration, so that several
/// servers that share it can relay for each other; from `own` if there is none.
pub(crate) fn ice_templates(
    config: &Config,
    own: &Secret,
    port: u16,
    is_certificate_trusted: bool,
) -> ice::Templates {
    let shared = config.turn.realms.first().and_then(|realm| realm.shared_secrets.first());
    let secret = ice::is_relaying(config.turn.relay).then(|| shared.unwrap_or(own).clone());
    ice::Templates::new(&config.ice, secret, port, is_certificate_trusted)
}

fn signal_config(config: &Config) -> moim_signal::Config {
    let Config { signal, rooms, .. } = config;
    moim_signal::Config {
        limits: SignalLimits {
            frame_len_max: signal.frame_bytes_max,
            name_len_max: signal.name_bytes_max,
            metadata_len_max: signal.metadata_bytes_max,
            chat_len_max: signal.chat_bytes_max,
            tracks_max: signal.tracks_max,
        },
        topology: match rooms.topology {
            RoomTopology::Auto => TopologyPolicy::Auto,
            RoomTopology::Mesh => TopologyPolicy::Mesh,
            RoomTopology::Sfu => TopologyPolicy::Sfu,
        },
        forwarding: config.media.is_some().then_some(Forwarding {
            audio_sections: rooms.audio_sections,
            video_sections: rooms.video_sections,
        }),
        participants_per_room_max: rooms.participants_max,
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
    }
}
