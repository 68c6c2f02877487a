//! A shard's thread: waits, receives, plans, sends.

use crate::Rest;
use crate::commands::Command;
use crate::counters::ShardCounters;
use crate::handover::Bundle;
use crate::mailbox::Bell;
use crate::rest::{Pace, TurnLoad};
use crate::router::{Router, RouterParts, Sent};
use crate::token::{RelayKey, Token};
use aws_lc_rs::rand;
use moim_turn::{Now, RelayId, ShardId};
use moim_udp::{Interest, Ready, RecvBatch};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How many free slots a listener wants: fewer would make many system calls of few packets.
const LISTENER_SLOTS_MIN: usize = 16;

/// How often counters are told to those who ask for them, at most.
const PUBLISH: Duration = Duration::from_millis(100);

/// How many commands a turn carries out: one may take as long as a thousand packets.
const COMMANDS_PER_TURN: usize = 16;

/// How many bundles of other shards a turn takes in for the relay.
const BUNDLES_PER_TURN: usize = 64;

/// How many for the tenant. What it makes of a packet may be many.
const TENANT_BUNDLES_PER_TURN: usize = 16;

/// How many messages of other threads a turn gives to the tenant.
const TENANT_MESSAGES_PER_TURN: usize = 64;

/// How much later than asked for the kernel may end a rest, in nanoseconds. By default it is 50 µs, half a rest.
const TIMER_SLACK_NS: u64 = 1_000;

/// What a shard is made of.
#[derive(Debug)]
pub(crate) struct ShardParts {
    pub(crate) router: RouterParts,
    pub(crate) bell: Arc<Bell>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) published: Arc<Mutex<ShardCounters>>,
    pub(crate) is_stopping: Arc<AtomicBool>,
    pub(crate) rest: Rest,
    /// The core to stay on.
    pub(crate) core: Option<usize>,
}

/// Where what lies in a slot came from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Listener(u8),
    Relay(RelayId),
}

/// A shard.
#[derive(Debug)]
struct Shard {
    router: Router,
    bell: Arc<Bell>,
    commands: Receiver<Command>,
    published: Arc<Mutex<ShardCounters>>,
    batch: RecvBatch,
    /// For each filled slot.
    origins: Vec<Origin>,
    pace: Pace,
    now: Now,
    next_publish: Instant,
    load: TurnLoad,
    is_unpublished: bool,
    is_stopping: Arc<AtomicBool>,
    own: ShardId,
}

/// Runs a shard until it is told to stop. An error means that it cannot go on.
pub(crate) fn run(parts: ShardParts) -> io::Result<()> {
    if let Some(core) = parts.core {
        stay_on(core);
    }
    if parts.router.clients.dtls.is_some() {
        // The first use of randomness on a thread takes tens of milliseconds, in which nobody should have to wait.
        let _ = rand::fill(&mut [0]);
    }
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(TIMER_SLACK_NS)) {
        tracing::debug!(%error, "rests take longer than they should");
    }
    Shard::new(parts)?.run()
}

impl Shard {
    fn new(parts: ShardParts) -> io::Result<Self> {
        let ShardParts { router, bell, commands, published, is_stopping, rest, .. } = parts;
        let own = router.shards.own();
        let now = read_clocks();
        let router = Router::new(router, now.at);
        router.poller.add(bell.waker(), Token::Waker.to_bits(), Interest::Read)?;
        for (place, listener) in router.listeners.iter() {
            router.poller.add(&listener.socket, Token::Listener(place).to_bits(), Interest::Read)?;
        }
        Ok(Self {
            router,
            bell,
            commands,
            published,
            batch: RecvBatch::new(),
            origins: Vec::new(),
            pace: Pace::new(rest, now.at),
            now,
            next_publish: now.at + PUBLISH,
            load: TurnLoad::NONE,
            is_unpublished: false,
            is_stopping,
            own,
        })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.is_stopping.load(Ordering::Relaxed) {
            self.wait()?;
            self.turn();
        }
        self.publish();
        Ok(())
    }

    /// Rests if there is much to do, and sleeps if there is nothing.
    fn wait(&mut self) -> io::Result<()> {
        if let Some(rest) = self.pace.after_turn(self.load, self.now.at) {
            std::thread::sleep(rest);
            return self.router.poller.wait(Some(Duration::ZERO));
        }
        self.bell.fall_asleep();
        // What was put into the mailboxes before the bell knew that it has to ring.
        let has_mail = self.take_bundles() | self.take_commands();
        let timeout = if has_mail { Some(Duration::ZERO) } else { self.timeout() };
        let result = self.router.poller.wait(timeout);
        self.bell.wake_up();
        result
    }

    /// How long until something is due.
    fn timeout(&self) -> Option<Duration> {
        let publish = self.is_unpublished.then_some(self.next_publish);
        let due = self.router.poll_timeout().into_iter().chain(publish).min();
        due.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Everything that is ready once.
    fn turn(&mut self) {
        self.now = read_clocks();
        self.load = TurnLoad::NONE;
        for index in 0..self.router.poller.len() {
            let ready = self.router.poller.ready(index);
            match Token::from_bits(ready.token) {
                Some(Token::Waker) => self.bell.waker().reset(),
                Some(Token::Listener(place)) => self.receive(Origin::Listener(place), LISTENER_SLOTS_MIN),
                Some(Token::Relay(key)) => self.receive_from_peers(key, ready),
                Some(Token::Stream(key)) => self.router.receive_stream(key, ready, self.now),
                Some(Token::Tcp(key, _)) => self.router.handle_tcp(key, Some(ready), self.now.at),
                None => {}
            }
        }
        self.flush();
        self.take_commands();
        self.router.handle_timeout(self.now);
        self.send_for_tenant();
        self.publish_if_due();
    }

    fn receive_from_peers(&mut self, key: RelayKey, ready: Ready) {
        // The allocation may have ended since the poller looked.
        let Some(relay) = self.router.ends().find(key) else { return };
        if self.router.ends().listener(relay).is_some() {
            self.router.accept_peers(relay, self.now.at);
            return;
        }
        if ready.failed {
            self.router.plan_errors(relay, self.now.at);
        }
        // Also after an error: receiving clears what the error queue had no room for.
        if ready.readable || ready.failed {
            self.receive(Origin::Relay(relay), 1);
        }
    }

    /// Takes in what has arrived at a socket, after making room for `slots_min` trains.
    fn receive(&mut self, origin: Origin, slots_min: usize) {
        if self.batch.free() < slots_min {
            self.flush();
        }
        let socket = match origin {
            Origin::Listener(place) => self.router.listeners.get(place).map(|listener| &listener.socket),
            Origin::Relay(relay) => self.router.ends().socket(relay),
        };
        let Some(socket) = socket else { return };
        match self.batch.recv(socket) {
            Ok(received) => {
                self.load.is_full |= self.batch.free() == 0;
                self.origins.resize(received.end, origin);
            }
            Err(error) => {
                tracing::error!(%error, ?origin, "a socket has failed");
                // It would be reported as ready forever.
                let _ = self.router.poller.remove(socket);
            }
        }
    }

    /// Plans and sends what was received.
    fn flush(&mut self) {
        // First, since it may say whose those are: a shard says so before it sends the answer that makes them come.
        self.take_bundles();
        for (slot, origin) in self.origins.drain(..).enumerate() {
            match origin {
                Origin::Listener(place) => {
                    self.router.plan_from_listener(place, slot, &mut self.batch, self.now);
                }
                Origin::Relay(relay) => {
                    self.router.plan_from_peer(relay, slot, self.batch.train(slot), self.now.at);
                }
            }
            self.load.messages += 1;
        }
        self.router.deliver(&self.batch, self.now.at);
        self.router.exchange.send();
        self.batch.clear();
        self.send_for_tenant();
    }

    /// Takes what other shards have put into the mailboxes. Whether there was anything.
    fn take_bundles(&mut self) -> bool {
        let mut is_any = false;
        for _ in 0..BUNDLES_PER_TURN {
            let Some(bundle) = self.router.exchange.receive() else { break };
            is_any = true;
            let bundle = self.take_in(bundle);
            self.router.exchange.give_back(bundle);
        }
        for _ in 0..TENANT_BUNDLES_PER_TURN {
            let Some(bundle) = self.router.receive_for_tenant() else { break };
            is_any = true;
            let bundle = self.take_in(bundle);
            self.router.give_back_for_tenant(bundle);
        }
        if is_any {
            self.is_unpublished = true;
            self.router.exchange.send();
        }
        is_any
    }

    /// Plans and sends what a bundle brings; it comes back to be given back.
    fn take_in(&mut self, mut bundle: Bundle) -> Bundle {
        self.router.plan_bundle(&mut bundle, self.now);
        self.router.deliver(bundle.bytes.as_slice(), self.now.at);
        self.load.messages += bundle.trains.len();
        bundle
    }

    /// Does what other threads have asked for. Whether there was anything.
    fn take_commands(&mut self) -> bool {
        let mut is_any = self.router.take_tenant_messages(TENANT_MESSAGES_PER_TURN, self.now.at);
        for _ in 0..COMMANDS_PER_TURN {
            let Ok(command) = self.commands.try_recv() else { break };
            is_any = true;
            command.carry_out(&mut self.router, self.own, self.now);
        }
        if is_any {
            self.is_unpublished = true;
            self.router.exchange.send();
        }
        is_any
    }

    fn send_for_tenant(&mut self) {
        let Sent { is_any, is_exhausted } = self.router.send_for_tenant(self.now.at);
        self.is_unpublished |= is_any;
        // It has the next turn at once, instead of a rest.
        self.load.is_full |= is_exhausted;
    }

    fn publish_if_due(&mut self) {
        self.is_unpublished |= self.load.messages > 0;
        if self.is_unpublished && self.now.at >= self.next_publish {
            self.publish();
        }
    }

    fn publish(&mut self) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = self.router.counters();
        self.is_unpublished = false;
        self.next_publish = self.now.at + PUBLISH;
    }
}

fn read_clocks() -> Now {
    Now { at: Instant::now(), wall: SystemTime::now() }
}

/// Keeps the calling thread on one core, so that what it works on stays in that core's caches.
fn stay_on(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    if let Err(error) = sched_setaffinity(None, &cores) {
        tracing::warn!(%error, core, "a thread of the relay cannot be kept on its core");
    }
}

/// The cores that this process may run on.
pub(crate) fn cores() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
}
