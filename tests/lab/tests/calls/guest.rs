//! Somebody who takes part in a call.

use crate::moim::PORT;
use moim_lab::Host;
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_native::{
    JoinOptions, LocalTrack, PeerStats, RemoteTrack, Room, RoomEvent, TrackCounts, TrackSource, Trust, play,
};
use moim_peer::PeerConnectionState;
use moim_signal::id::ParticipantId;
use moim_signal::message::{TrackKind, TrackSource as Source};
use moim_wire::Bitrate;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// How long to wait for an event before others have their turn.
const TURN: Duration = Duration::from_millis(20);

/// What somebody publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publishes {
    pub(crate) picture: PictureConfig,
    pub(crate) has_tone: bool,
}

impl Publishes {
    /// A small picture, and a tone.
    pub(crate) fn little() -> Self {
        let picture =
            PictureConfig { width: 320, height: 180, frame_rate: 20, bitrate: Bitrate::from_kbps(300) };
        Self { picture, has_tone: true }
    }
}

/// Where to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invitation {
    pub(crate) server: IpAddr,
    pub(crate) room: &'static str,
    /// The most to send to each of the others.
    pub(crate) bitrate_max: Bitrate,
}

/// Somebody in a room, on a host of a lab.
pub(crate) struct Guest {
    name: &'static str,
    room: Room,
    /// Who is at the other end.
    other: Option<ParticipantId>,
    /// How far the connection was, and when.
    states: Vec<(Instant, PeerConnectionState)>,
    counts: Vec<(TrackKind, TrackCounts)>,
    /// All that happens on this host: its threads are there, and so are the sockets they make.
    runtime: Runtime,
}

impl Guest {
    pub(crate) fn join(name: &'static str, host: &Host, to: Invitation) -> Self {
        let new_runtime = || Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let runtime = host.enter(new_runtime).unwrap();
        let authority = match to.server {
            IpAddr::V4(address) => format!("{address}:{PORT}"),
            IpAddr::V6(address) => format!("[{address}]:{PORT}"),
        };
        let url = format!("https://{authority}/r/{}", to.room);
        let mut options = JoinOptions::new(url.parse().unwrap(), name);
        options.trust = Trust::Anybody;
        options.bitrate_max = to.bitrate_max;
        let joining = runtime.spawn(Room::join(options));
        let room = runtime.block_on(joining).unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, room, other: None, states: Vec::new(), counts: Vec::new(), runtime }
    }

    pub(crate) fn publish(&self, what: Publishes) {
        let Publishes { picture, has_tone } = what;
        let begin = tokio::time::Instant::now();
        let camera = self.runtime.block_on(self.room.publish(TrackKind::Video, Source::Camera)).unwrap();
        self.play(TrackSource::picture(picture).unwrap(), camera, picture.bitrate, begin);
        if has_tone {
            let tone = TrackSource::tone(ToneConfig { frequency_hz: 440 }).unwrap();
            let microphone =
                self.runtime.block_on(self.room.publish(TrackKind::Audio, Source::Microphone)).unwrap();
            self.play(tone, microphone, picture.bitrate, begin);
        }
    }

    fn play(
        &self,
        source: TrackSource,
        track: LocalTrack,
        bitrate_max: Bitrate,
        begin: tokio::time::Instant,
    ) {
        self.runtime.spawn(async move { play(source, &track, bitrate_max, begin).await });
    }

    /// Hears of what has happened.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else happens is not what these tests are about"
    )]
    pub(crate) fn turn(&mut self) {
        while let Ok(event) = self.runtime.block_on(async { timeout(TURN, self.room.next_event()).await }) {
            match event.unwrap_or_else(|| panic!("{}: the room is over", self.name)) {
                RoomEvent::ParticipantJoined(other) => self.other = Some(other.id),
                RoomEvent::ConnectionState(_, state) => self.states.push((Instant::now(), state)),
                RoomEvent::TrackPublished(track) => self.watch(track),
                RoomEvent::Disconnected(error) => panic!("{}: {error}", self.name),
                _ => {}
            }
        }
    }

    fn watch(&mut self, mut track: RemoteTrack) {
        self.counts.push((track.description().kind, track.counts()));
        self.runtime.spawn(async move { while track.next_frame().await.is_some() {} });
    }

    /// Frames that came, of pictures or of sound.
    pub(crate) fn frames(&self, kind: TrackKind) -> u64 {
        self.counts.iter().filter(|(of, _)| *of == kind).map(|(_, counts)| counts.frames()).sum()
    }

    /// Bytes of pictures that came.
    pub(crate) fn picture_bytes(&self) -> u64 {
        self.counts.iter().filter(|(of, _)| *of == TrackKind::Video).map(|(_, counts)| counts.bytes()).sum()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.states.last().is_some_and(|(_, state)| *state == PeerConnectionState::Connected)
    }

    /// How far the connection was since a moment.
    pub(crate) fn states_since(&self, moment: Instant) -> Vec<PeerConnectionState> {
        self.states.iter().filter(|(at, _)| *at >= moment).map(|(_, state)| *state).collect()
    }

    /// How the connection is.
    pub(crate) fn stats(&self) -> Option<PeerStats> {
        self.runtime.block_on(self.room.stats(self.other.as_ref()?)).unwrap()
    }

    /// What is known of the connection, for when it is not what it should be.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{}: {:?}\n", self.name, self.states);
        let pairs = self.stats().map(|stats| stats.report.candidate_pairs).unwrap_or_default();
        for pair in pairs {
            let _ = writeln!(
                text,
                "  {} -> {}: {}{}, {} of {} answered{}",
                pair.local_candidate,
                pair.remote_candidate,
                pair.state,
                if pair.selected { ", selected" } else { "" },
                pair.responses_received,
                pair.requests_sent,
                pair.failure.map(|reason| format!(", {reason}")).unwrap_or_default(),
            );
        }
        text
    }
}
