//! A server on a free port, and clients in its rooms.

use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_native::{
    JoinOptions, LocalTrack, RemoteFrame, RemoteTrack, Room, RoomEvent, TrackSource, Trust, play,
};
use moim_peer::PeerConnectionState;
use moim_server::{Config, Overrides, Server, Shutdown};
use moim_signal::id::ParticipantId;
use moim_signal::message::{TrackKind, TrackSource as Source};
use moim_wire::Bitrate;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

/// Long enough for anything on one machine, however busy. Nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It ends with the test.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    shutdown: Shutdown,
    folder: TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// A server with a configuration file of this content.
    pub(crate) fn with(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, toml).unwrap();
        let overrides = Overrides {
            port: Some(0),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            data_dir: Some(folder.path().to_owned()),
            ..Overrides::default()
        };
        let server = Server::bind(Config::load(Some(&file), overrides).unwrap()).unwrap();
        let (address, shutdown) = (server.local_addr(), Shutdown::new());
        tokio::spawn(server.run(shutdown.clone()));
        Self { address, shutdown, folder }
    }

    /// Whose certificates to take.
    pub(crate) fn trust(&self) -> Trust {
        Trust::Authority(self.folder.path().join("self-signed.pem"))
    }

    /// How to join the room that all of a test's clients are in.
    pub(crate) fn options(&self, name: &str) -> JoinOptions {
        let url = format!("https://{}/r/tea", self.address).parse().unwrap();
        let mut options = JoinOptions::new(url, name);
        options.trust = self.trust();
        options.has_loopback = true;
        options
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

/// Somebody in a room, who remembers what they have seen.
pub(crate) struct Guest {
    pub(crate) room: Room,
    tracks: Vec<RemoteTrack>,
}

impl Guest {
    pub(crate) async fn join(options: JoinOptions) -> Self {
        Self { room: within(Room::join(options)).await.unwrap(), tracks: Vec::new() }
    }

    /// The next event that `find` makes something of.
    pub(crate) async fn until<T>(&mut self, mut find: impl FnMut(&RoomEvent) -> Option<T>) -> T {
        loop {
            let event = within(self.room.next_event()).await.expect("the room is over");
            let found = find(&event);
            if let RoomEvent::TrackPublished(track) = event {
                self.tracks.push(track);
            }
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Somebody of this name.
    pub(crate) async fn sees(&mut self, name: &str) -> ParticipantId {
        let state = self.room.state();
        if let Some(known) = state.participants.iter().find(|participant| participant.name == name) {
            return known.id.clone();
        }
        self.until(|event| {
            let RoomEvent::ParticipantJoined(participant) = event else { return None };
            (participant.name == name).then(|| participant.id.clone())
        })
        .await
    }

    /// Waits for the connection to somebody.
    pub(crate) async fn is_connected_to(&mut self, id: &ParticipantId) {
        self.until(|event| {
            let RoomEvent::ConnectionState(with, PeerConnectionState::Connected) = event else { return None };
            (with == id).then_some(())
        })
        .await;
    }

    /// The next track that somebody publishes.
    pub(crate) async fn track(&mut self) -> RemoteTrack {
        while self.tracks.is_empty() {
            self.until(|event| matches!(event, RoomEvent::TrackPublished(_)).then_some(())).await;
        }
        self.tracks.remove(0)
    }
}

const BITRATE: Bitrate = Bitrate::from_kbps(300);

/// Publishes the generated picture and tone.
pub(crate) async fn publish(guest: &Guest) -> [LocalTrack; 2] {
    let config = PictureConfig { width: 320, height: 180, frame_rate: 30, bitrate: BITRATE };
    let camera = guest.room.publish(TrackKind::Video, Source::Camera).await.unwrap();
    let microphone = guest.room.publish(TrackKind::Audio, Source::Microphone).await.unwrap();
    let picture = TrackSource::picture(config).unwrap();
    let tone = TrackSource::tone(ToneConfig { frequency_hz: 440 }).unwrap();
    let begin = Instant::now();
    for (source, track) in [(picture, camera.clone()), (tone, microphone.clone())] {
        tokio::spawn(async move { play(source, &track, BITRATE, begin).await });
    }
    [camera, microphone]
}

/// So many frames of a track.
pub(crate) async fn frames(track: &mut RemoteTrack, count: usize) -> Vec<RemoteFrame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        frames.push(within(track.next_frame()).await.expect("the track is gone"));
    }
    frames
}

/// Fails if `future` takes longer than anything should.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("this takes far too long")
}
