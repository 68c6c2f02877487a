//! Files that are written here play: ffmpeg, which knows nothing of this crate, decodes all of them and complains of nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use moim_media_file::ivf::{IvfHeader, IvfReader, IvfWriter};
use moim_media_file::ogg::{OggOpusReader, OggOpusWriter};
use moim_media_file::webm::{WebmReader, WebmWriter};
use std::io::Cursor;
use std::path::PathBuf;
use std::process::{Command, Output};

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/vectors/media/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.expect("ffmpeg is needed; `cargo xtask test` installs it")
}

/// What a file decodes to, which must be without a complaint: a checksum of each picture, and how many stretches of sound there are. (Files
/// say how much of the last stretch is to be played, which is not kept here.)
fn decoded(name: &str, file: &[u8]) -> (Vec<String>, usize) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let output =
        run("ffmpeg", &["-v", "warning", "-xerror", "-i", path, "-map", "0", "-f", "framehash", "-"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
    assert!(output.status.success());
    let hashes = String::from_utf8(output.stdout).unwrap();
    let of = |kind: &str| {
        let line = hashes.lines().find(|line| line.starts_with("#media_type") && line.ends_with(kind));
        let track = line.map(|line| line["#media_type ".len()..].split(':').next().unwrap().to_owned() + ",");
        let lines =
            hashes.lines().filter(move |line| track.as_ref().is_some_and(|track| line.starts_with(track)));
        lines.map(|line| line.rsplit(' ').next().unwrap().to_owned())
    };
    (of("video").collect(), of("audio").count())
}

/// Reads a file and writes it anew.
fn webm_again(name: &str, is_seekable: bool) -> Vec<u8> {
    let mut reader = WebmReader::new(Cursor::new(vector(name))).unwrap();
    let mut writer = WebmWriter::new(Cursor::new(Vec::new()), reader.tracks()).unwrap();
    while let Some(frame) = reader.next_frame().unwrap() {
        writer.write_frame(frame.track, frame.time, frame.is_key, &frame.data).unwrap();
    }
    if is_seekable { writer.finish_seekable() } else { writer.finish() }.unwrap().into_inner()
}

#[test]
fn ivf_plays() {
    for name in ["vp8.ivf", "vp9.ivf", "av1.ivf", "av1-svt.ivf"] {
        let file = vector(name);
        let mut reader = IvfReader::new(&file[..]).unwrap();
        let header = IvfHeader { frame_count: 0, ..*reader.header() };
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()), &header).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            writer.write_frame(frame.timestamp, &frame.data).unwrap();
        }
        let again = writer.finish_counted().unwrap().into_inner();

        let original = decoded(name, &file);
        assert_eq!(original.0.len(), 12);
        assert!(decoded(&format!("again-{name}"), &again) == original, "{name}");
    }
}

#[test]
fn ogg_plays() {
    let file = vector("opus.ogg");
    let mut reader = OggOpusReader::new(&file[..]).unwrap();
    let mut writer = OggOpusWriter::new(Vec::new(), reader.head(), 7).unwrap();
    while let Some(packet) = reader.next_packet().unwrap() {
        writer.write_packet(&packet.data).unwrap();
    }
    let again = writer.finish().unwrap();

    assert_eq!(decoded("again-opus.ogg", &again), decoded("opus.ogg", &file));
}

#[test]
fn webm_plays_with_and_without_an_end() {
    for name in
        ["vp8-opus.webm", "vp9-opus-live.webm", "av1-opus.webm", "h264-opus.mkv", "chromium-vp8-opus.webm"]
    {
        let original = decoded(name, &vector(name));

        let streamed = webm_again(name, false);
        let seekable = webm_again(name, true);

        assert!(original.0.len() >= 12 && original.1 >= 20, "{name}");
        assert!(decoded(&format!("streamed-{name}"), &streamed) == original, "{name}");
        assert!(decoded(&format!("seekable-{name}"), &seekable) == original, "{name}");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("seekable-{name}"));
        let duration = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
        let output = run("ffprobe", &[&duration[..], &[path.to_str().unwrap()]].concat());
        let seconds: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!((1.0..1.6).contains(&seconds), "{name}: {seconds} s");
    }
}

/// What a crash leaves: the end is missing, and all before it plays.
#[test]
fn webm_that_was_cut_plays() {
    let file = webm_again("vp8-opus.webm", false);
    let cut = &file[..file.len() * 2 / 3];

    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join("cut.webm");
    std::fs::write(&path, cut).unwrap();
    let count =
        ["-v", "quiet", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames"];
    let output = run("ffprobe", &[&count[..], &["-of", "csv=p=0", path.to_str().unwrap()]].concat());

    let frames: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert!((5..12).contains(&frames), "{frames} frames");
}

/// Whoever jumps finds the way by the cues: ffmpeg decodes nothing from before the key frame.
#[test]
fn webm_with_cues_can_be_jumped_in() {
    let file = webm_again("vp8-opus.webm", true);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("jump.webm");
    std::fs::write(&path, file).unwrap();

    let arguments =
        ["-v", "warning", "-ss", "0.7", "-i", path.to_str().unwrap(), "-map", "0:v", "-f", "framehash", "-"];
    let output = run("ffmpeg", &arguments);

    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let hashes = String::from_utf8(output.stdout).unwrap();
    assert_eq!(hashes.lines().filter(|line| line.starts_with("0,")).count(), 5);
}
