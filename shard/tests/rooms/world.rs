//! A shard, clients, a network between them, and the time.

use crate::client::{Client, Shape};
use moim_peer::{Certificate, Config, PeerConnectionState, TRANSMIT_LEN_MAX};
use moim_relay::testing::Desk;
use moim_relay::{Claim, Datagrams, OUTBOX_LEN_MAX, Seat, Tenant, Way};
use moim_shard::{MediaConfig, MediaShard};
use moim_signal::id::{ParticipantId, RoomName};
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::{MidTrack, Permissions};
use moim_turn::{FiveTuple, Shards, Transport};
use moim_wire::NtpTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long packets take.
const DELAY: Duration = Duration::from_millis(5);
/// Between two pictures.
pub(crate) const PICTURE: Duration = Duration::from_millis(33);
pub(crate) const ALL: Permissions = Permissions { publish: true, subscribe: true, data: true, admin: false };
/// A port that no client has.
const NOBODY: u16 = 9;
/// Where the server is.
pub(crate) const SERVER: &str = "192.0.2.1:3478";

pub(crate) struct World {
    pub(crate) shard: MediaShard,
    desk: Desk,
    pub(crate) now: Instant,
    pub(crate) clients: Vec<Client>,
    /// Addresses from and to which nothing goes.
    pub(crate) cut: Vec<SocketAddr>,
    flying: BTreeMap<(Instant, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    number: u64,
    reports: Arc<Mutex<Vec<MediaReport>>>,
    certificate: Certificate,
    /// Packets that the shard took for nobody's.
    pub(crate) refused: usize,
    /// Whether each packet that comes to the shard comes once more before, with a bit of it turned.
    pub(crate) bends: bool,
    /// Whether the outbox has room for two packets only.
    pub(crate) is_crowded: bool,
    /// By which address clients know the server, if it is not its own.
    pub(crate) public: Option<SocketAddr>,
    /// Counts something that happens on this thread: what of it happens in the shard is in `metered`.
    pub(crate) meter: fn() -> usize,
    pub(crate) metered: usize,
}

pub(crate) fn wall() -> Duration {
    Duration::from_secs(1_800_000_000)
}

pub(crate) fn room() -> RoomName {
    RoomName::new("room")
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl Fn(&mut MediaConfig)) -> Self {
        let certificate = Certificate::generate(wall()).unwrap();
        let server: SocketAddr = SERVER.parse().unwrap();
        let mut config = MediaConfig::new(certificate.clone(), vec![server]);
        change(&mut config);
        let reports = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reports);
        let seat = Seat { shards: Shards::ONE, addresses: &[server] };
        let reporter = Box::new(move |report| told.lock().unwrap().push(report));
        let shard = MediaShard::new(&config, seat, [7; 32], NtpTime::from_unix(wall()), reporter);
        Self {
            shard,
            desk: Desk::new().unwrap(),
            now: Instant::now(),
            clients: Vec::new(),
            cut: Vec::new(),
            flying: BTreeMap::new(),
            number: 0,
            reports,
            certificate,
            refused: 0,
            bends: false,
            is_crowded: false,
            public: None,
            meter: || 0,
            metered: 0,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(self.certificate.clone(), NtpTime::from_unix(wall()));
        config.replayable = true;
        config
    }

    /// Somebody enters, publishes and offers. Says which client it is.
    pub(crate) fn join(&mut self, shape: Shape, permissions: Permissions) -> usize {
        self.join_with(shape, permissions, self.config())
    }

    /// The same, with a connection that is made otherwise.
    pub(crate) fn join_with(&mut self, shape: Shape, permissions: Permissions, config: Config) -> usize {
        let number = u8::try_from(self.clients.len() + 1).unwrap();
        let address = ([10, 0, 0, number], 5000).into();
        let client = Client::new(number, address, shape, config, self.now);
        let tracks = client.tracks();
        self.clients.push(client);
        let at = self.clients.len() - 1;
        self.command(at, MediaAction::Enter { permissions });
        self.command(at, MediaAction::Publish { tracks });
        self.offer(at);
        at
    }

    /// So many with a camera each, connected.
    pub(crate) fn meeting(count: usize, shape: Shape) -> Self {
        let mut world = Self::new();
        for _ in 0..count {
            world.join(shape, ALL);
        }
        world.run_until(Self::is_connected);
        world
    }

    pub(crate) fn is_connected(&self) -> bool {
        let is_connected = |client: &Client| client.peer.connection_state() == PeerConnectionState::Connected;
        self.clients.iter().filter(|client| !client.is_gone).all(is_connected)
    }

    /// Whether the shard has nothing to come back for.
    pub(crate) fn is_idle(&self) -> bool {
        self.shard.poll_timeout().is_none()
    }

    /// The check that a client sends next, which does not arrive.
    pub(crate) fn next_check(&mut self, at: usize) -> Vec<u8> {
        let address = self.clients[at].address;
        for _ in 0..1_000 {
            self.run_for(Duration::from_millis(50));
            let now = self.now + Duration::from_millis(50);
            self.now = now;
            self.clients[at].peer.handle_timeout(now);
            let mut check = None;
            for (to, packet) in self.clients[at].transmits(now) {
                if packet.starts_with(&[0, 1]) {
                    check = Some(packet);
                } else {
                    self.send(address, to, packet);
                }
            }
            if let Some(check) = check {
                return check;
            }
        }
        panic!("a client checks now and then");
    }

    pub(crate) fn offer(&mut self, at: usize) {
        let (sdp, tracks) = self.clients[at].offer(self.now);
        self.send_offer(at, sdp, tracks);
    }

    pub(crate) fn send_offer(&mut self, at: usize, sdp: String, tracks: Vec<MidTrack>) {
        let connection = self.clients[at].connection_id.clone();
        self.command(at, MediaAction::Offer { connection, sdp, tracks });
    }

    pub(crate) fn command(&mut self, at: usize, action: MediaAction) {
        self.command_as(&self.clients[at].id.clone(), action);
    }

    pub(crate) fn command_as(&mut self, participant: &ParticipantId, action: MediaAction) {
        let command = MediaCommand { room: room(), participant: participant.clone(), action };
        self.shard.handle_message(command, &mut self.desk.outbox(), self.now);
        self.end_turn();
    }

    pub(crate) fn leave(&mut self, at: usize) {
        self.clients[at].is_gone = true;
        self.command(at, MediaAction::Leave);
    }

    /// Clients send pictures, and the time of one passes, so many times.
    pub(crate) fn pictures(&mut self, count: usize) {
        for _ in 0..count {
            for client in self.clients.iter_mut().filter(|client| !client.is_gone) {
                client.capture(self.now);
            }
            self.run_for(PICTURE);
        }
    }

    /// The same, until something is so.
    pub(crate) fn pictures_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        const PICTURES_MAX: usize = 2_000;
        for _ in 0..PICTURES_MAX {
            if is_so(self) {
                return;
            }
            self.pictures(1);
        }
        panic!("it does not come about");
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run(end, |_| false);
        self.now = self.now.max(end);
    }

    pub(crate) fn run_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        assert!(self.run(end, is_so), "it does not come about");
    }

    /// Runs until something is so, or a moment comes. Says whether it is so.
    fn run(&mut self, end: Instant, is_so: impl Fn(&Self) -> bool) -> bool {
        let mut idle = 0;
        loop {
            let before = self.number;
            self.settle();
            if is_so(self) {
                return true;
            }
            let Some(next) = self.next_moment().filter(|next| *next <= end) else { return false };
            idle = if next <= self.now && before == self.number { idle + 1 } else { 0 };
            assert!(idle < 1_000, "time stands still: {:?}", self.shard.poll_timeout());
            self.now = self.now.max(next);
            self.deliver();
            for client in &mut self.clients {
                client.peer.handle_timeout(self.now);
            }
            self.end_turn();
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        let shard = self.shard.poll_timeout().map(|deadline| deadline.at);
        let clients = self.clients.iter().filter_map(|client| client.peer.poll_timeout());
        clients.map(|deadline| deadline.at).chain(flying).chain(shard).min()
    }

    /// Clients hear what they are told, and what there is to be sent is on its way.
    fn settle(&mut self) {
        let reports = std::mem::take(&mut *self.reports.lock().unwrap());
        for report in reports {
            assert_eq!(report.room, room());
            let for_client =
                |client: &&mut Client| report.participant.as_ref().is_none_or(|id| *id == client.id);
            for client in self.clients.iter_mut().filter(for_client) {
                client.hear(report.message.clone(), self.now);
            }
        }
        for at in 0..self.clients.len() {
            let from = self.clients[at].address;
            for (to, packet) in self.clients[at].transmits(self.now) {
                self.send(from, to, packet);
            }
        }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, packet: Vec<u8>) {
        self.number += 1;
        if !self.cut.contains(&from) && !self.cut.contains(&to) {
            self.flying.insert((self.now + DELAY, self.number), (from, to, packet));
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.flying.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let (from, to, mut packet) = entry.remove();
            if to == self.server() {
                if self.bends {
                    let mut bent = packet.clone();
                    let place = usize::try_from(self.number).unwrap() * 31 % bent.len();
                    bent[place] ^= 1;
                    self.arrive(from, &mut bent);
                }
                self.arrive(from, &mut packet);
            } else if let Some(client) = self.clients.iter_mut().find(|client| client.address == to) {
                client.receive(from, &mut packet, self.now);
            }
        }
    }

    /// The server's address, as clients know it.
    fn server(&self) -> SocketAddr {
        self.public.unwrap_or_else(|| SERVER.parse().unwrap())
    }

    /// A packet arrives at the server, as the relay would hand it out.
    pub(crate) fn arrive(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        let server = SERVER.parse().unwrap();
        let is_check = bytes.starts_with(&[0, 1]);
        let segment_len = bytes.len();
        let five_tuple = FiveTuple::new(Transport::Udp, from, server);
        let datagrams = Datagrams { five_tuple, bytes, segment_len, traffic_class: 0 };
        let mut out = self.desk.outbox();
        let before = (self.meter)();
        let claim = if is_check {
            self.shard.handle_checks(datagrams, &mut out, self.now)
        } else {
            self.shard.handle_datagrams(datagrams, &mut out, self.now)
        };
        self.metered += (self.meter)() - before;
        self.refused += usize::from(claim == Claim::NotMine);
        self.end_turn();
    }

    /// Somebody else has filled the outbox.
    fn crowd(&mut self) {
        let mut out = self.desk.outbox();
        let len = OUTBOX_LEN_MAX - 2 * TRANSMIT_LEN_MAX;
        if out.room(len).is_some() {
            let nobody = ([10, 9, 9, 9], NOBODY).into();
            let five_tuple = FiveTuple::new(Transport::Udp, nobody, SERVER.parse().unwrap());
            out.send(Way { five_tuple, traffic_class: 0 }, len);
        }
    }

    fn end_turn(&mut self) {
        loop {
            if self.is_crowded {
                self.crowd();
            }
            let before = (self.meter)();
            self.shard.handle_timeout(&mut self.desk.outbox(), self.now);
            self.metered += (self.meter)() - before;
            let mut packets = Vec::new();
            let is_full = self.desk.take(|way, packet| packets.push((way.five_tuple, packet.to_vec())));
            for (five_tuple, packet) in packets {
                if five_tuple.client.port() == NOBODY {
                    continue;
                }
                assert_eq!(five_tuple.server, SERVER.parse().unwrap());
                self.send(self.server(), five_tuple.client, packet);
            }
            if !is_full {
                return;
            }
        }
    }
}
