//! The same over real sockets, on the threads of a relay: what a kernel delivers to the wrong shard finds the right one.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the messages it is about")]

#[path = "rooms/camera.rs"]
mod camera;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "rooms/client.rs"]
mod client;

use client::{Client, Shape};
use moim_peer::{Certificate, Config, PeerConnectionState};
use moim_relay::{Listen, Relay, RelayConfig, Rest, Tenants};
use moim_shard::{MediaConfig, MediaShard, SharedCounters};
use moim_signal::id::RoomName;
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::Permissions;
use moim_turn::auth::{Algorithms, Realm};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::{ShardId, quota};
use moim_wire::{NtpTime, Privacy};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SHARDS: u16 = 2;
/// What has not come about in so long will not.
const PATIENCE: Duration = Duration::from_secs(60);
const PICTURE: Duration = Duration::from_millis(33);

struct House {
    _relay: Relay,
    tenants: Tenants<MediaCommand>,
    reports: Receiver<MediaReport>,
    counters: Vec<SharedCounters>,
    guests: Vec<(Client, UdpSocket, ShardId)>,
    certificate: Certificate,
    captured: Instant,
}

fn room(shard: ShardId) -> RoomName {
    RoomName::new(format!("room{}", shard.0))
}

fn wall() -> Duration {
    Duration::from_secs(1_800_000_000)
}

impl House {
    fn open() -> Self {
        let certificate = Certificate::generate(wall()).unwrap();
        let (report, reports) = channel();
        let report = Arc::new(Mutex::new(report));
        let mut counters = Vec::new();
        let shown = certificate.clone();
        let (relay, tenants) = Relay::start_with_tenants(relay_config(), |seat| {
            let config = MediaConfig::new(shown.clone(), seat.addresses.to_vec());
            let report = Arc::clone(&report);
            // Nobody listens any more while the house is closed.
            let reporter = Box::new(move |it| drop(report.lock().unwrap().send(it)));
            let seed = [u8::try_from(seat.shards.own().0).unwrap(); 32];
            let shard = MediaShard::new(&config, seat, seed, NtpTime::from_unix(wall()), reporter);
            counters.push(shard.counters());
            shard
        })
        .unwrap();
        let captured = Instant::now();
        Self { _relay: relay, tenants, reports, counters, guests: Vec::new(), certificate, captured }
    }

    fn join(&mut self, shard: ShardId) {
        let now = Instant::now();
        let number = u8::try_from(self.guests.len() + 1).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let config = Config::new(self.certificate.clone(), NtpTime::from_unix(wall()));
        let address = socket.local_addr().unwrap();
        let mut client = Client::new(number, address, Shape::default(), config, now);
        let (sdp, tracks) = client.offer(now);
        let permissions = Permissions { publish: true, subscribe: true, data: true, admin: false };
        let published = client.tracks();
        let connection = client.connection_id.clone();
        for action in [
            MediaAction::Enter { permissions },
            MediaAction::Publish { tracks: published },
            MediaAction::Offer { connection, sdp, tracks },
        ] {
            let command = MediaCommand { room: room(shard), participant: client.id.clone(), action };
            self.tenants.tell(shard, command).unwrap();
        }
        self.guests.push((client, socket, shard));
    }

    /// Goes on until something is so.
    fn run_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < end, "it does not come about: {:?}", self.counters.first());
            let now = Instant::now();
            if now >= self.captured + PICTURE {
                self.captured = now;
                self.guests.iter_mut().for_each(|(client, ..)| client.capture(now));
            }
            self.carry(now);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn carry(&mut self, now: Instant) {
        while let Ok(report) = self.reports.try_recv() {
            for (client, _, shard) in &mut self.guests {
                let is_for = report.participant.as_ref().is_none_or(|id| *id == client.id);
                if is_for && report.room == room(*shard) {
                    client.hear(report.message.clone(), now);
                }
            }
        }
        for (client, socket, _) in &mut self.guests {
            let mut buffer = [0; 2_048];
            loop {
                match socket.recv_from(&mut buffer) {
                    Ok((len, from)) => client.receive(from, &mut buffer[..len], now),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
            client.peer.handle_timeout(now);
            for (to, packet) in client.transmits(now) {
                socket.send_to(&packet, to).unwrap();
            }
        }
    }
}

#[test]
fn rooms_of_every_shard_work_wherever_packets_arrive() {
    let mut house = House::open();
    for _ in 0..3 {
        for shard in 0..SHARDS {
            house.join(ShardId(shard));
        }
    }

    house.run_until(|house| {
        let guests = &house.guests;
        guests.iter().all(|(client, _, own)| {
            let others =
                guests.iter().filter(|(other, _, shard)| shard == own && other.number != client.number);
            let others: BTreeSet<_> = others.map(|(other, ..)| other.number).collect();
            client.peer.connection_state() == PeerConnectionState::Connected
                && client.voices() == others
                && others.iter().all(|other| client.newest(*other).is_some())
        })
    });

    house.run_until(|house| {
        house.counters.iter().map(SharedCounters::snapshot).all(|counters| {
            (counters.rooms, counters.connected, counters.tracks) == (1, 3, 6)
                && counters.offers_answered == 3
        })
    });
}

fn relay_config() -> RelayConfig {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let secrets = moim_turn::server::ServerSecrets::new([1; 32], [2; 32]);
    let realm = Realm::new("example.org", Algorithms::Sha256ThenMd5).unwrap();
    let turn = moim_turn::server::Config {
        relay: RelayMode::Range,
        peers: PeerPolicy::new(PeerLists::default()),
        ..moim_turn::server::Config::new(vec![Arc::new(realm)], secrets)
    };
    RelayConfig {
        listeners: vec![Listen { address, realm: moim_turn::RealmId::default() }],
        discovery: moim_turn::PerFamily::default(),
        shards: SHARDS,
        pin: false,
        rest: Rest { duration: Duration::from_micros(100), messages_min: 0 },
        relay_addresses: moim_turn::PerFamily { ipv4: None, ipv6: None },
        relay_ports: 49_152..=65_535,
        dtls: None,
        turn: Arc::new(turn),
        quota: quota::Limits::default(),
        privacy: Privacy::default(),
    }
}
