use crate::clients::ClientsParts;
use crate::commands::{AllocationSummary, Command};
use crate::counters::ShardCounters;
use crate::dtls::DtlsIdentity;
use crate::ends::Ends;
use crate::handover::exchanges;
use crate::mailbox::{Bell, Mailbox, mailbox};
use crate::relayed_tcp::RelayedTcp;
use crate::router::RouterParts;
use crate::seed::Seed;
use crate::shard::{self, ShardParts};
use crate::stream::StreamClient;
use crate::tenant::{Guest, HostingParts, Letting, Seat, Tenant, Tenants};
use crate::{RelayConfig, listeners};
use aws_lc_rs::rand;
use moim_turn::quota::{self, Ledger};
use moim_turn::server::Config;
use moim_turn::{AllocationId, ShardId, Shards};
use moim_udp::{Capabilities, Poller};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many commands wait for a shard.
const COMMANDS_MAX: usize = 1024;

/// How long an answer of a shard is waited for. It comes within a turn; this is for a shard that has failed.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Makes the next shard's tenant.
type LetIn<'a> = &'a mut dyn FnMut(Seat<'_>, &Arc<Bell>) -> Box<dyn Guest>;

/// The threads of the relay, and what can be asked of them from outside.
///
/// They stop when it is dropped.
#[derive(Debug)]
pub struct Relay {
    shards: Vec<Handle>,
    addresses: Vec<SocketAddr>,
    ledger: Arc<Mutex<Ledger>>,
    is_stopping: Arc<AtomicBool>,
    /// Which one is given the next connection.
    next_shard: AtomicUsize,
    capabilities: Capabilities,
}

/// What is known of a shard from outside.
#[derive(Debug)]
struct Handle {
    commands: Mailbox<Command>,
    bell: Arc<Bell>,
    published: Arc<Mutex<ShardCounters>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a relay cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("UDP address {address} cannot be listened on: {source}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There are more addresses to listen on than [`LISTENERS_MAX`](crate::LISTENERS_MAX).
    #[error("{0} addresses are more than a relay listens on")]
    TooManyListeners(usize),
    /// The system gives no more descriptors or threads.
    #[error("a thread of the relay cannot be started: {0}")]
    System(#[from] io::Error),
    /// The system has no randomness to give.
    #[error("the system's random source has failed")]
    Random,
}

/// A shard cannot take what it is asked to: it has stopped, or too much is waiting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a thread of the relay takes no more")]
pub struct Refused;

impl Relay {
    /// Binds the listeners and starts the threads.
    pub fn start(config: RelayConfig) -> Result<Self, StartError> {
        Self::launch(config, None)
    }

    /// Does so with a tenant on each thread, which `make` makes, and tells how they are reached.
    pub fn start_with_tenants<T: Tenant>(
        config: RelayConfig,
        make: impl FnMut(Seat<'_>) -> T,
    ) -> Result<(Self, Tenants<T::Message>), StartError> {
        let mut letting = Letting::new(make);
        let relay = Self::launch(config, Some(&mut |seat, bell| letting.let_in(seat, bell)))?;
        Ok((relay, letting.into_tenants()))
    }

    fn launch(config: RelayConfig, let_in: Option<LetIn<'_>>) -> Result<Self, StartError> {
        let RelayConfig { listeners, discovery, shards, pin, rest, relay_addresses, relay_ports, .. } =
            config;
        let RelayConfig { dtls, turn, quota, privacy, .. } = config;
        let cores = shard::cores();
        let count = match shards {
            0 => u16::try_from(cores.len().max(1)).unwrap_or(u16::MAX),
            count => count,
        };
        let listeners = listeners::with_discovery(listeners, &discovery);
        let listeners = listeners::bind(&listeners, usize::from(count))?;
        let addresses = listeners.first().map(listeners::Listeners::addresses).unwrap_or_default();
        let bells = (0..count).map(|_| Bell::new().map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let ledger = Arc::new(Mutex::new(Ledger::new(quota, Instant::now())));
        let relayed_tcp = RelayedTcp::default();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let capabilities = moim_udp::probe().unwrap_or_default();
        let mut relay = Self {
            shards: Vec::new(),
            addresses,
            ledger: Arc::clone(&ledger),
            is_stopping: Arc::clone(&is_stopping),
            next_shard: AtomicUsize::new(0),
            capabilities,
        };
        let Capabilities { gro, gso, precise_timeouts } = capabilities;
        tracing::info!(shards = count, gro, gso, precise_timeouts, "the relay starts");
        let is_pinned = pin && usize::from(count) <= cores.len();
        let (posts, receivers): (Vec<_>, Vec<_>) =
            bells.iter().map(|bell| mailbox(COMMANDS_MAX, bell)).unzip();
        let hostings = hostings(let_in, &relay.addresses, &bells);
        let all = listeners.into_iter().zip(exchanges(&bells)).zip(bells.iter().zip(receivers)).zip(hostings);
        for (shards, (((listeners, exchange), (bell, receiver)), hosting)) in all_shards(count).zip(all) {
            let own = shards.own().0;
            let clients = ClientsParts { dtls: dtls.clone(), posts: posts.clone(), secret: Seed(random()?) };
            let router = RouterParts {
                poller: Poller::new()?,
                listeners,
                discovery,
                exchange,
                clients,
                hosting,
                ends: Ends::new(relay_addresses, &relay_ports, shards, random()?, relayed_tcp.clone()),
                ledger: Arc::clone(&ledger),
                config: Arc::clone(&turn),
                shards,
                seed: Seed(random()?),
                privacy,
            };
            let commands = posts[usize::from(own)].clone();
            let published = Arc::new(Mutex::new(ShardCounters::default()));
            let parts = ShardParts {
                router,
                bell: Arc::clone(bell),
                commands: receiver,
                published: Arc::clone(&published),
                is_stopping: Arc::clone(&is_stopping),
                rest,
                core: is_pinned.then(|| cores[usize::from(own)]),
            };
            let thread = Some(spawn(own, parts)?);
            relay.shards.push(Handle { commands, bell: Arc::clone(bell), published, thread });
        }
        Ok(relay)
    }

    /// Whether all its threads run. One that has failed has said so in the log; its clients are served by the others, but what they
    /// had counts against their quotas until the process is started anew.
    pub fn is_whole(&self) -> bool {
        self.shards.iter().all(|shard| shard.thread.as_ref().is_none_or(|thread| !thread.is_finished()))
    }

    /// Takes over a client's connection, which speaks STUN or TURN. The shards get them by turns; one that takes no more
    /// leaves it to the next. If none takes it, it is closed.
    pub fn adopt(&self, client: StreamClient) -> Result<(), Refused> {
        let first = self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len().max(1);
        let mut command = Command::Adopt(Box::new(client));
        for shard in self.shards[first..].iter().chain(&self.shards[..first]) {
            match shard.commands.put(command) {
                Ok(()) => return Ok(()),
                Err(returned) => command = returned,
            }
        }
        Err(Refused)
    }

    /// Shows DTLS clients another certificate from now on. Sessions go on.
    pub fn identify(&self, identity: &DtlsIdentity) -> Result<(), Refused> {
        self.tell_all(|| Command::Identify(identity.clone()))
    }

    /// The UDP addresses it listens on, in the order of the configuration, with the ports that were picked if they were 0; then
    /// those that discovery needs beyond them.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the kernel does for it. Without trains and runs, packets cost several times as much.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Goes by another configuration from now on. Allocations stay; permissions and channels that it does not allow are
    /// dropped. Listeners, shards and relayed addresses stay what they are.
    pub fn reload(&self, config: &Arc<Config>) -> Result<(), Refused> {
        self.tell_all(|| Command::Reload(Arc::clone(config)))
    }

    /// Changes what users, addresses and everybody together may have. What there is stays.
    pub fn set_quota(&self, limits: quota::Limits) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).set_limits(limits);
    }

    /// Makes no more allocations from now on. Those that are there are kept and refreshed.
    pub fn drain(&self) -> Result<(), Refused> {
        self.tell_all(|| Command::Drain)
    }

    /// Every allocation there is. It takes a turn of each shard, so that it is not for a thread that must not wait.
    pub fn allocations(&self) -> Vec<AllocationSummary> {
        let asked: Vec<_> = self
            .shards
            .iter()
            .filter_map(|shard| {
                let (reply, answer) = sync_channel(1);
                shard.commands.put(Command::List(reply)).ok().map(|()| answer)
            })
            .collect();
        asked.into_iter().filter_map(|answer| answer.recv_timeout(ANSWER_MAX).ok()).flatten().collect()
    }

    /// Frees an allocation. Whether there was one. It takes a turn of the shard.
    pub fn kick(&self, shard: ShardId, allocation: AllocationId) -> bool {
        let (reply, answer) = sync_channel(1);
        let Some(shard) = self.shards.get(usize::from(shard.0)) else { return false };
        let is_asked = shard.commands.put(Command::Kick(allocation, reply)).is_ok();
        is_asked && answer.recv_timeout(ANSWER_MAX).unwrap_or(false)
    }

    /// How often what happened, for each shard; as of a tenth of a second ago at most. It waits for nobody.
    pub fn counters(&self) -> Vec<ShardCounters> {
        let published = self.shards.iter().map(|shard| &shard.published);
        published.map(|counters| counters.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// Stops the threads, and with them everything that is relayed.
    pub fn stop(self) {
        drop(self);
    }

    fn tell_all(&self, command: impl Fn() -> Command) -> Result<(), Refused> {
        // Those that can be told are: that one has failed must not keep the others by what held before.
        let told = self.shards.iter().map(|shard| shard.commands.put(command()).is_ok());
        if told.fold(true, |all, one| all & one) { Ok(()) } else { Err(Refused) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        for shard in &mut self.shards {
            shard.bell.waker().wake();
            if let Some(thread) = shard.thread.take() {
                // One that has failed has said so.
                let _ = thread.join();
            }
        }
    }
}

fn all_shards(count: u16) -> impl Iterator<Item = Shards> {
    (0..count).map_while(move |own| Shards::new(count, ShardId(own)))
}

/// What each shard has for its tenant: nothing, if there are none.
fn hostings(
    let_in: Option<LetIn<'_>>,
    addresses: &[SocketAddr],
    bells: &[Arc<Bell>],
) -> Vec<Option<HostingParts>> {
    let Some(let_in) = let_in else { return bells.iter().map(|_| None).collect() };
    let count = u16::try_from(bells.len()).unwrap_or(u16::MAX);
    all_shards(count)
        .zip(exchanges(bells).into_iter().zip(bells))
        .map(|(shards, (exchange, bell))| {
            Some(HostingParts { guest: let_in(Seat { shards, addresses }, bell), exchange })
        })
        .collect()
}

/// Starts a shard's thread.
fn spawn(own: u16, parts: ShardParts) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("relay-{own}")).spawn(move || {
        // The other threads go on: what one knows is not what another needs.
        match catch_unwind(AssertUnwindSafe(|| shard::run(parts))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, shard = own, "a thread of the relay has stopped; its clients allocate anew");
            }
            Err(_) => tracing::error!(shard = own, "a thread of the relay has failed; its clients allocate anew"),
        }
    })
}

fn random() -> Result<[u8; 32], StartError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::RealmId;
    use std::net::{TcpListener, TcpStream};

    /// Whatever became of one thread: the others are told, and given connections.
    #[test]
    fn a_shard_that_has_failed_keeps_nothing_from_the_others() {
        let bells: Vec<_> = (0..2).map(|_| Arc::new(Bell::new().unwrap())).collect();
        let (posts, mut receivers): (Vec<_>, Vec<_>) = bells.iter().map(|bell| mailbox(8, bell)).unzip();
        drop(receivers.remove(0));
        let shards = posts.into_iter().zip(&bells).map(|(commands, bell)| Handle {
            commands,
            bell: Arc::clone(bell),
            published: Arc::default(),
            thread: None,
        });
        let mut relay = Relay {
            shards: shards.collect(),
            addresses: Vec::new(),
            ledger: Arc::new(Mutex::new(Ledger::new(quota::Limits::default(), Instant::now()))),
            is_stopping: Arc::default(),
            next_shard: AtomicUsize::new(0),
            capabilities: Capabilities::default(),
        };

        assert_eq!(relay.drain(), Err(Refused));
        assert_eq!((relay.adopt(stream()), relay.adopt(stream())), (Ok(()), Ok(())));

        let told: Vec<_> = receivers[0].try_iter().collect();
        assert!(matches!(told[..], [Command::Drain, Command::Adopt(_), Command::Adopt(_)]));
        drop(receivers);
        assert_eq!(relay.adopt(stream()), Err(Refused));

        assert!(relay.is_whole());
        let failed = std::thread::spawn(|| {});
        while !failed.is_finished() {
            std::thread::yield_now();
        }
        relay.shards[0].thread = Some(failed);
        assert!(!relay.is_whole(), "whoever watches is told");
    }

    fn stream() -> StreamClient {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, server) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let (tls, read_ahead, places) = (None, Vec::new(), crate::Places::default());
        StreamClient { stream, tls, read_ahead, client, server, realm: RealmId(0), places }
    }
}
