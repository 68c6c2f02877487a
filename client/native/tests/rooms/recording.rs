use crate::support::{Guest, TestServer, publish, within};
use moim_native::{Codec, Recorder, RecorderOptions, Recording};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::time::sleep;

/// Decodes a file by ffmpeg, which must not complain. Returns how many frames of `stream` there are.
fn decode(path: &Path, stream: &str) -> u64 {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(path)
        // With the times that are in the file, rather than those of a frame rate that is guessed.
        .args(["-map", stream, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framecrc", "-"])
        .output()
        .expect("ffmpeg is needed; `cargo xtask test` installs it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    let frames =
        String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with('#')).count();
    frames as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_recorded_to_a_file_that_plays() {
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
    within(async {
        while counts.iter().any(|counts| counts.frames() < 60) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;

    ben.room.leave().await;
    let recordings = within(recorder.finish()).await.unwrap();

    // Where a machine is so busy that sound and picture begin far from each other, each has a file of its own.
    let mut codecs: Vec<_> = recordings.iter().flat_map(|recording| &recording.codecs).copied().collect();
    codecs.sort_unstable();
    assert_eq!(codecs, [Codec::Vp8, Codec::Opus], "{recordings:?}");
    for Recording { path, codecs, frames, .. } in &recordings {
        let streams = codecs.iter().map(|codec| if codec.is_audio() { "0:a" } else { "0:v" });
        let decoded: Vec<_> = streams.map(|stream| decode(path, stream)).collect();
        assert!(decoded.iter().all(|count| *count > 0), "{path:?}: {decoded:?}");
        assert_eq!(decoded.iter().sum::<u64>(), *frames, "{path:?}: {decoded:?}");
    }
}
