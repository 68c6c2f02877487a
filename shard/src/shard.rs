//! A shard's media plane as a whole.

mod commands;
mod connecting;
mod forwarding;
mod input;
mod news;
mod passing;
mod publishing;
mod turn;

use crate::config::MediaConfig;
use crate::connection::Connection;
use crate::counters::{MediaCounters, SharedCounters};
use crate::paths::Directory;
use crate::room::Rooms;
use crate::timers::Timers;
use moim_peer::sdp::jsep::TransceiverId;
use moim_relay::{Seat, ufrag_prefix};
use moim_rtp::payload::PayloadFormat;
use moim_sfu::{Forward, Forwarder};
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::media::MediaReport;
use moim_signal::message::ServerMessage;
use moim_wire::NtpTime;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Instant;

/// Takes reports, on the shard's thread: it neither blocks nor takes long. What it has no room for it drops and counts.
pub type Reporter = Box<dyn Fn(MediaReport) + Send + Sync>;

/// The server's ends of peer connections of one shard, and the forwarder between them.
pub struct MediaShard {
    config: MediaConfig,
    /// What user name fragments begin with, so that checks find here.
    ufrag_prefix: String,
    random: ChaCha12Rng,
    /// The wall clock at the beginning.
    wall: NtpTime,
    started: Instant,
    /// The latest time that was told.
    now: Instant,
    reporter: Reporter,
    forwarder: Forwarder,
    rooms: Rooms,
    connections: Slab<Box<Connection>>,
    /// By a subscriber's place in the forwarder: the place of its connection.
    subscribers: Vec<usize>,
    tracks: BTreeMap<moim_sfu::TrackId, ForwardedTrack>,
    directory: Directory,
    timers: Timers,
    /// The places of connections that are looked after at the end of this turn.
    ready: VecDeque<usize>,
    /// What one packet is forwarded as: used again and again.
    forwards: Vec<Forward>,
    /// The places of connections that are told what their sections show, and of rooms that are told who speaks.
    section_news: Vec<usize>,
    room_news: Vec<usize>,
    counters: MediaCounters,
    shared: SharedCounters,
    /// When others see what the counters say next.
    publish_at: Instant,
    /// Whether they say something new.
    is_counted_anew: bool,
}

/// Whose a track of the forwarder's is.
#[derive(Clone, Debug)]
struct ForwardedTrack {
    participant: usize,
    publisher: ParticipantId,
    track: TrackId,
    connection: usize,
    transceiver: TransceiverId,
    format: PayloadFormat,
}

impl MediaShard {
    /// A shard without anybody. `seed` comes from a cryptographic random source; `wall` is the time of day.
    pub fn new(
        config: &MediaConfig,
        seat: Seat<'_>,
        seed: [u8; 32],
        wall: NtpTime,
        reporter: Reporter,
    ) -> Self {
        let now = Instant::now();
        let mut random = ChaCha12Rng::from_seed(seed);
        let forwarder = Forwarder::new(config.forwarder, seed_of(&mut random), now);
        Self {
            ufrag_prefix: ufrag_prefix(seat.shards.own()),
            config: config.clone(),
            random,
            wall,
            started: now,
            now,
            reporter,
            forwarder,
            rooms: Rooms::default(),
            connections: Slab::new(),
            subscribers: Vec::new(),
            tracks: BTreeMap::new(),
            directory: Directory::default(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            forwards: Vec::new(),
            section_news: Vec::new(),
            room_news: Vec::new(),
            counters: MediaCounters::default(),
            shared: SharedCounters::default(),
            publish_at: now,
            is_counted_anew: false,
        }
    }

    /// What is counted, for others to see.
    pub fn counters(&self) -> SharedCounters {
        self.shared.clone()
    }

    /// Somebody is told something.
    fn tell(&self, participant: usize, message: ServerMessage) {
        let Some(participant) = self.rooms.participant(participant) else { return };
        let Some(room) = self.rooms.room(participant.room) else { return };
        (self.reporter)(MediaReport {
            room: room.name.clone(),
            participant: Some(participant.id.clone()),
            message,
        });
    }

    /// A connection is looked after at the end of this turn.
    fn make_ready(&mut self, place: usize) {
        if let Some(connection) = self.connections.get_mut(place)
            && !std::mem::replace(&mut connection.is_ready, true)
        {
            self.ready.push_back(place);
        }
    }

    /// The wall clock at a moment.
    fn wall_at(&self, now: Instant) -> NtpTime {
        let since = now.saturating_duration_since(self.started);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime(self.wall.0.wrapping_add((since.as_secs() << 32) | fraction))
    }
}

impl fmt::Debug for MediaShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaShard")
            .field("participants", &self.rooms.participant_count())
            .field("connections", &self.connections.len())
            .field("forwarder", &self.forwarder)
            .finish_non_exhaustive()
    }
}

fn seed_of(random: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    random.fill_bytes(&mut seed);
    seed
}
