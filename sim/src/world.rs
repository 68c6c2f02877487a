//! A world: hosts, what runs on them, the network between them, and a clock that moves from event to event.

use crate::network::{Delivery, DropReason, HostId, Network};
use crate::node::{Node, Output};
use crate::packet::{Packet, Payload};
use crate::random::Seed;
use crate::tcp::Streams;
use moim_turn::Now;
use std::time::{Duration, Instant, SystemTime};

/// How often a node may be called because of what it says is due, within [`TURNS_TIME`], before the world says that it runs in circles.
/// A connection in its busiest moments asks for a few hundred.
pub const TURNS_MAX: u32 = 3_000;
/// See [`TURNS_MAX`].
pub const TURNS_TIME: Duration = Duration::from_secs(1);
/// How much a node may want at once before the world says that it never ends.
pub const OUTPUTS_AT_ONCE_MAX: u32 = 100_000;
/// The calendar date at which every world begins, in seconds of Unix time: an ordinary day in 2027.
const BEGINNING: u64 = 1_800_000_000;

/// A world.
#[derive(Debug)]
pub struct World<N> {
    origin: Instant,
    now: Instant,
    network: Network,
    hosts: Vec<Host<N>>,
}

/// A host, and what runs on it.
#[derive(Debug)]
struct Host<N> {
    name: String,
    node: N,
    streams: Streams,
    is_asleep: bool,
    /// By how much its calendar is ahead of the true one, in seconds.
    wall_offset: i64,
    turns: Turns,
}

/// How often a node has been called because of what it said is due.
#[derive(Debug)]
struct Turns {
    since: Instant,
    count: u32,
}

/// A node asks again and again to be called, without getting anywhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} asks to be called again and again, because {reason:?}")]
pub struct BusyLoop {
    /// Where it runs.
    pub host: String,
    /// What it says is due.
    pub reason: &'static str,
}

impl<N: Node> World<N> {
    /// A world with nobody in it.
    pub fn new(seed: Seed) -> Self {
        // An arbitrary origin: nothing depends on more than what has passed since then.
        let origin = Instant::now();
        Self { origin, now: origin, network: Network::new(seed), hosts: Vec::new() }
    }

    /// A host with nothing plugged in. Addresses come by [`Network::attach`].
    pub fn add_host(&mut self, name: &str, node: N) -> HostId {
        let turns = Turns { since: self.now, count: 0 };
        let name = name.to_owned();
        let streams = Streams::default();
        self.hosts.push(Host { name, node, streams, is_asleep: false, wall_offset: 0, turns });
        HostId(self.hosts.len() - 1)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to be changed.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// What runs on a host.
    pub fn node(&self, host: HostId) -> &N {
        &self.hosts[host.0].node
    }

    /// The streams of a host.
    pub fn streams(&self, host: HostId) -> &Streams {
        &self.hosts[host.0].streams
    }

    /// Everything that runs, with the names of hosts.
    pub fn nodes(&self) -> impl Iterator<Item = (HostId, &str, &N)> {
        self.hosts.iter().enumerate().map(|(index, host)| (HostId(index), host.name.as_str(), &host.node))
    }

    /// Does something to what runs on a host, and then what it wants.
    pub fn with<R>(&mut self, host: HostId, act: impl FnOnce(&mut N, Now) -> R) -> R {
        let now = self.now_at(host);
        let result = act(&mut self.hosts[host.0].node, now);
        self.settle(host);
        result
    }

    /// How long the world has been running.
    pub fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    /// When the world began.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time as a host sees it.
    pub fn now_at(&self, host: HostId) -> Now {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING) + self.elapsed();
        let offset = Duration::from_secs(self.hosts[host.0].wall_offset.unsigned_abs());
        let wall = if self.hosts[host.0].wall_offset < 0 { wall - offset } else { wall + offset };
        Now { at: self.now, wall }
    }

    /// Somebody sets the calendar of a host.
    pub fn jump_calendar(&mut self, host: HostId, seconds: i64) {
        self.hosts[host.0].wall_offset += seconds;
    }

    /// The lid of a host is closed: nothing runs, what comes is lost. When it opens, it is later.
    pub fn set_asleep(&mut self, host: HostId, is_asleep: bool) {
        self.hosts[host.0].is_asleep = is_asleep;
        if !is_asleep {
            self.settle(host);
        }
    }

    /// Whether the lid of a host is closed.
    pub fn is_asleep(&self, host: HostId) -> bool {
        self.hosts[host.0].is_asleep
    }

    /// A host has been given other addresses: streams from those it had break off.
    pub fn readdressed(&mut self, host: HostId) {
        let addresses = self.network.addresses(host);
        self.hosts[host.0].streams.retain_local(|local| addresses.contains(&local.ip()));
        self.settle(host);
    }

    /// What runs on a host ends, and something else, or the same anew, begins. Streams break off without a word.
    pub fn restart(&mut self, host: HostId, node: N) -> N {
        self.hosts[host.0].streams.clear();
        let before = std::mem::replace(&mut self.hosts[host.0].node, node);
        self.settle(host);
        before
    }

    /// Goes to the next moment at which something happens, unless that is after `end`, and lets it happen. Whether there was one.
    pub fn step(&mut self, end: Instant) -> Result<bool, BusyLoop> {
        let Some(next) = self.next_event().filter(|at| *at <= end) else {
            self.now = self.now.max(end);
            return Ok(false);
        };
        self.now = self.now.max(next);
        self.network.handle_timeout(self.now);
        while let Some(delivery) = self.network.poll_delivery() {
            self.deliver(delivery);
        }
        for index in 0..self.hosts.len() {
            self.wake(HostId(index))?;
        }
        Ok(true)
    }

    /// Lets a time pass.
    pub fn run_for(&mut self, time: Duration) -> Result<(), BusyLoop> {
        let end = self.now + time;
        while self.step(end)? {}
        Ok(())
    }

    /// Goes on until something is so, but for no longer than this. Whether it came to be so.
    pub fn run_until(
        &mut self,
        longest: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Result<bool, BusyLoop> {
        let end = self.now + longest;
        while !is_so(self) {
            if !self.step(end)? {
                return Ok(is_so(self));
            }
        }
        Ok(true)
    }

    fn next_event(&self) -> Option<Instant> {
        let awake = self.hosts.iter().filter(|host| !host.is_asleep);
        let deadlines = awake.flat_map(|host| [host.due(), host.streams.poll_timeout()]);
        deadlines.flatten().chain(self.network.poll_timeout()).min()
    }

    fn deliver(&mut self, Delivery { host: id, packet }: Delivery) {
        let now = self.now_at(id);
        let host = &mut self.hosts[id.0];
        if host.is_asleep {
            self.network.lost_at_host(DropReason::Asleep);
            return;
        }
        let Packet { source, destination, .. } = packet;
        match packet.payload {
            Payload::Udp(mut bytes) => host.node.handle_datagram(destination, source, &mut bytes, now),
            Payload::Tcp(_) => {
                let listens = host.node.listens(destination);
                host.streams.handle_segment(packet, listens, now.at);
            }
        }
        self.settle(id);
    }

    /// Calls what is due on a host.
    fn wake(&mut self, id: HostId) -> Result<(), BusyLoop> {
        let now = self.now_at(id);
        let host = &mut self.hosts[id.0];
        if host.is_asleep {
            return Ok(());
        }
        if host.streams.poll_timeout().is_some_and(|at| at <= now.at) {
            host.streams.handle_timeout(now.at);
            self.settle(id);
        }
        let host = &mut self.hosts[id.0];
        let Some(deadline) = host.node.poll_timeout().filter(|deadline| deadline.at <= now.at) else {
            return Ok(());
        };
        if host.turns.since + TURNS_TIME < now.at {
            host.turns = Turns { since: now.at, count: 0 };
        }
        host.turns.count += 1;
        if host.turns.count > TURNS_MAX {
            return Err(BusyLoop { host: host.name.clone(), reason: deadline.reason });
        }
        host.node.handle_timeout(now);
        self.settle(id);
        Ok(())
    }

    /// Does what a node wants, until it wants nothing more.
    fn settle(&mut self, id: HostId) {
        let now = self.now_at(id);
        let Self { hosts, network, .. } = self;
        let host = &mut hosts[id.0];
        if host.is_asleep {
            return;
        }
        let mut count = 0;
        loop {
            while let Some(output) = host.node.poll_output(now) {
                count += 1;
                assert!(count < OUTPUTS_AT_ONCE_MAX, "{} does not come to an end", host.name);
                match output {
                    Output::Datagram(datagram) => {
                        let packet = Packet::udp(datagram.local, datagram.remote, datagram.bytes);
                        network.send(id, packet, now.at);
                    }
                    Output::Stream(command) => host.streams.command(command, now.at),
                }
            }
            while let Some(packet) = host.streams.poll_packet() {
                network.send(id, packet, now.at);
            }
            let Some(event) = host.streams.poll_event() else { return };
            host.node.handle_stream(event, now);
        }
    }
}

impl<N: Node> Host<N> {
    fn due(&self) -> Option<Instant> {
        self.node.poll_timeout().map(|deadline| deadline.at)
    }
}
