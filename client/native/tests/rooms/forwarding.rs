//! Rooms whose media the server forwards.

use crate::support::{Guest, TestServer, frames, publish, within};
use moim_media_pattern::PictureConfig;
use moim_native::{
    Codec, LocalTrack, Recorder, RecorderOptions, Recording, RoomEvent, TrackCounts, TrackSource, play,
};
use moim_signal::id::ParticipantId;
use moim_signal::message::{SectionContent, Topology, TrackKind, TrackSource as Source, TrackWatch};
use moim_wire::Bitrate;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const ALWAYS: &str = "[rooms]\ntopology = \"sfu\"\n";

fn server_end() -> ParticipantId {
    ParticipantId::new(ParticipantId::SERVER)
}

/// What the sections of a guest's connection to the server carry.
async fn sections(guest: &Guest) -> Vec<SectionContent> {
    let stats = guest.room.stats(&server_end()).await.unwrap();
    stats.map_or_else(Vec::new, |stats| stats.sections)
}

async fn until_settled(guest: &mut Guest, topology: Topology) {
    guest
        .until(|event| {
            matches!(event, RoomEvent::TopologySettled(settled) if *settled == topology).then_some(())
        })
        .await;
}

/// Covers: docs/protocol.md "Topologies"
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_comes_through_the_server_and_by_no_other_way() {
    let server = TestServer::with(ALWAYS);
    let mut anna = Guest::join(server.options("Anna")).await;
    publish(&anna).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    publish(&ben).await;
    assert_eq!(ben.room.state().topology, Topology::Sfu);

    for guest in [&mut anna, &mut ben] {
        for _ in 0..2 {
            let mut track = guest.track().await;
            let codec = match track.description().kind {
                TrackKind::Video => Codec::Vp8,
                TrackKind::Audio => Codec::Opus,
            };
            let frames = frames(&mut track, 40).await;
            assert!(frames[0].is_key_frame, "{codec:?} begins with what can be decoded");
            assert!(frames.iter().all(|frame| frame.codec == codec));
            assert!(frames.is_sorted_by(|one, other| one.timestamp < other.timestamp));
        }
    }

    let id_of_anna = ben.sees("Anna").await;
    assert!(ben.room.stats(&id_of_anna).await.unwrap().is_none(), "there is no connection to each other");
    let shown = sections(&ben).await;
    let of_anna = shown.iter().filter_map(|section| section.source.as_ref());
    assert_eq!(of_anna.filter(|source| source.participant == id_of_anna).count(), 2, "{shown:?}");
    anna.room.chat("차 한 잔?", None).await.unwrap();
    let line =
        ben.until(|event| if let RoomEvent::Chat(line) = event { Some(line.clone()) } else { None }).await;
    assert_eq!((line.name.as_str(), line.text.as_str()), ("Anna", "차 한 잔?"));
}

async fn until_more(counts: &[TrackCounts], frames: u64) {
    let before: Vec<_> = counts.iter().map(TrackCounts::frames).collect();
    within(async {
        while counts.iter().zip(&before).any(|(counts, before)| counts.frames() < before + frames) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// Covers: docs/protocol.md "Topologies"
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_goes_on_in_one_file_when_a_third_one_comes() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().unwrap();
    let anna = Guest::join(server.options("Anna")).await;
    publish(&anna).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    let mut recorder = Recorder::new(RecorderOptions::new(folder.path())).unwrap();
    let tracks = [ben.track().await, ben.track().await];
    let counts = tracks.each_ref().map(moim_native::RemoteTrack::counts);
    for track in tracks {
        recorder.record(track, "Anna");
    }
    until_more(&counts, 30).await;
    assert_eq!(ben.room.state().topology, Topology::Mesh);

    let carla = Guest::join(server.options("Carla")).await;

    until_settled(&mut ben, Topology::Sfu).await;
    until_more(&counts, 60).await;
    assert_eq!((ben.room.state().topology, carla.room.state().topology), (Topology::Sfu, Topology::Sfu));
    assert!(!sections(&ben).await.is_empty());
    ben.room.leave().await;
    let recordings = within(recorder.finish()).await.unwrap();
    // Where a machine is so busy that sound and picture begin far from each other, each has a file of its own.
    let mut codecs: Vec<_> = recordings.iter().flat_map(|recording| &recording.codecs).copied().collect();
    codecs.sort_unstable();
    assert_eq!(codecs, [Codec::Vp8, Codec::Opus], "{recordings:?}");
    let written: u64 = recordings.iter().map(|Recording { frames, .. }| *frames).sum();
    let dropped: u64 = counts.iter().map(TrackCounts::dropped).sum();
    assert!(written + dropped >= 2 * (30 + 60), "{recordings:?}, and {dropped} were not read in time");
}

/// Publishes pictures in three sizes.
async fn publish_simulcast(guest: &Guest) -> LocalTrack {
    let bitrate = Bitrate::from_kbps(400);
    let camera = guest.room.publish_encodings(TrackKind::Video, Source::Camera, 3).await.unwrap();
    let begin = Instant::now();
    for (index, width) in [160, 320, 640].into_iter().enumerate() {
        let config = PictureConfig { width, height: width * 9 / 16, frame_rate: 30, bitrate };
        let (source, encoding) = (TrackSource::picture(config).unwrap(), camera.encoding(index).unwrap());
        tokio::spawn(async move { play(source, &encoding, bitrate, begin).await });
    }
    camera
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_a_track_small_gets_the_small_one_and_the_others_are_not_sent() {
    let server = TestServer::with(ALWAYS);
    let anna = Guest::join(server.options("Anna")).await;
    let camera = publish_simulcast(&anna).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    let mut track = ben.track().await;
    frames(&mut track, 5).await;
    let participant = ben.sees("Anna").await;

    let watch = TrackWatch {
        participant,
        track: camera.id().clone(),
        wanted: true,
        paused: false,
        width: Some(150),
        height: Some(84),
        priority: 0,
    };
    ben.room.watch(vec![watch.clone()]).await.unwrap();

    let [low, high] = [0, 2].map(|index| camera.encoding(index).unwrap());
    within(async {
        while high.is_wanted() || !low.is_wanted() {
            camera.feedback_changed().await;
        }
    })
    .await;
    ben.room.watch(vec![TrackWatch { paused: true, ..watch }]).await.unwrap();
    within(async {
        while low.is_wanted() {
            camera.feedback_changed().await;
        }
    })
    .await;
}
