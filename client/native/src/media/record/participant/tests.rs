use super::{Budget, FILES_MAX, ParticipantFiles, Piece, TRACKS_MAX};
use crate::media::{Recording, RemoteFrame, TrackSource as Source};
use moim_media_file::Codec;
use moim_media_file::ivf::IvfReader;
use moim_media_file::ogg::OggOpusReader;
use moim_media_file::webm::WebmReader;
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_signal::message::TrackSource;
use moim_wire::Bitrate;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CAMERA: usize = 0;
const MICROPHONE: usize = 1;

/// Frames of a source as they would come if each came when it was sent, from `delay` on.
fn frames(mut source: Source, count: usize, begin: Instant) -> Vec<RemoteFrame> {
    let received = (0..count).map(|_| {
        let next = source.next_frame().unwrap();
        RemoteFrame {
            codec: next.frame.codec,
            data: next.frame.data.to_vec(),
            timestamp: next.frame.timestamp,
            is_key_frame: next.frame.is_key_frame,
            arrived: begin + next.at,
        }
    });
    received.collect()
}

fn picture(count: usize, begin: Instant) -> Vec<RemoteFrame> {
    let (frame_rate, bitrate) = (30, Bitrate::from_kbps(200));
    let config = PictureConfig { width: 320, height: 180, frame_rate, bitrate };
    frames(Source::picture(config).unwrap(), count, begin)
}

fn tone(count: usize, begin: Instant) -> Vec<RemoteFrame> {
    frames(Source::tone(ToneConfig { frequency_hz: 440 }).unwrap(), count, begin)
}

/// Files for as much as comes.
fn files_in(folder: &Path) -> ParticipantFiles {
    ParticipantFiles::new(folder.join("anna"), Arc::new(Budget::new(u64::MAX)))
}

/// Records tracks as they come, in the order of their arrival.
fn record(folder: &Path, tracks: &[(TrackSource, Vec<RemoteFrame>)]) -> Vec<Recording> {
    let mut files = files_in(folder);
    for (index, (source, _)) in tracks.iter().enumerate() {
        files.take(Piece::Begun { index, source: *source }).unwrap();
    }
    let mut all: Vec<_> = tracks
        .iter()
        .enumerate()
        .flat_map(|(index, (_, frames))| frames.iter().map(move |frame| (index, frame.clone())))
        .collect();
    all.sort_by_key(|(_, frame)| frame.arrived);
    for (index, frame) in all {
        files.take(Piece::Frame { index, frame }).unwrap();
    }
    files.finish().unwrap()
}

fn names(recordings: &[Recording]) -> Vec<String> {
    recordings.iter().map(|recording| recording.path.file_name().unwrap().display().to_string()).collect()
}

#[test]
fn camera_and_microphone_go_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let late = begin + Duration::from_millis(500);
    let tracks = [(TrackSource::Camera, picture(60, late)), (TrackSource::Microphone, tone(100, begin))];

    let recordings = record(folder.path(), &tracks);

    assert_eq!(names(&recordings), ["anna.webm"]);
    assert_eq!(
        (recordings[0].frames, recordings[0].codecs.as_slice()),
        (160, [Codec::Vp8, Codec::Opus].as_slice())
    );
    let mut webm = WebmReader::new(BufReader::new(File::open(&recordings[0].path).unwrap())).unwrap();
    let mut firsts = [None; 2];
    while let Some(frame) = webm.next_frame().unwrap() {
        firsts[frame.track].get_or_insert(frame.time);
    }
    assert_eq!(firsts[CAMERA], Some(Duration::from_millis(500)), "it began later");
    assert_eq!(firsts[MICROPHONE], Some(Duration::ZERO));
}

#[test]
fn a_camera_alone_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();

    let recordings = record(folder.path(), &[(TrackSource::Camera, picture(90, Instant::now()))]);

    assert_eq!(names(&recordings), ["anna-camera.ivf"]);
    let mut ivf = IvfReader::new(BufReader::new(File::open(&recordings[0].path).unwrap())).unwrap();
    let header = *ivf.header();
    assert_eq!((header.codec, header.width, header.height, header.frame_count), (Codec::Vp8, 320, 180, 90));
    ivf.next_frame().unwrap();
    assert_eq!(ivf.next_frame().unwrap().unwrap().timestamp, 3_000);
}

#[test]
fn a_microphone_that_comes_too_late_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let late = begin + Duration::from_secs(11);
    let tracks = [(TrackSource::Camera, picture(360, begin)), (TrackSource::Microphone, tone(50, late))];

    assert_eq!(names(&record(folder.path(), &tracks)), ["anna-camera.ivf", "anna-microphone.ogg"]);
}

#[test]
fn sound_that_was_silent_for_a_while_has_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut sound = tone(150, Instant::now());
    sound.drain(20..70);

    let recordings = record(folder.path(), &[(TrackSource::ScreenShareAudio, sound)]);

    assert_eq!(names(&recordings), ["anna-screen-sound.ogg"]);
    let mut ogg = OggOpusReader::new(BufReader::new(File::open(&recordings[0].path).unwrap())).unwrap();
    let mut last = 0;
    while let Some(packet) = ogg.next_packet().unwrap() {
        last = packet.start;
    }
    assert_eq!(last, 149 * 960);
    assert_eq!(recordings[0].frames, 100);
}

#[test]
fn nothing_is_written_before_a_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = picture(90, Instant::now());
    frames.remove(0);

    assert_eq!(record(folder.path(), &[(TrackSource::Camera, frames)]), []);
}

#[test]
fn a_file_of_the_same_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("anna-other.ivf"), "mine").unwrap();

    let recordings = record(folder.path(), &[(TrackSource::Other, picture(3, Instant::now()))]);

    assert_eq!(names(&recordings), ["anna-other-2.ivf"]);
    assert_eq!(std::fs::read(folder.path().join("anna-other.ivf")).unwrap(), b"mine");
}

#[test]
fn one_participant_has_so_many_files_open_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files_in(folder.path());
    let frame = tone(1, Instant::now()).remove(0);

    for index in 0..2 * TRACKS_MAX {
        files.take(Piece::Begun { index, source: TrackSource::Other }).unwrap();
        files.take(Piece::Frame { index, frame: frame.clone() }).unwrap();
    }

    assert_eq!(files.tracks.len(), TRACKS_MAX);
    assert_eq!(files.finish().unwrap().len(), FILES_MAX);
}

#[test]
fn the_file_of_a_track_that_is_gone_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files_in(folder.path());
    let frame = tone(1, Instant::now()).remove(0);

    for index in 0..2 * FILES_MAX {
        files.take(Piece::Begun { index, source: TrackSource::Microphone }).unwrap();
        files.take(Piece::Frame { index, frame: frame.clone() }).unwrap();
        files.take(Piece::Ended { index }).unwrap();
        assert!(files.tracks.is_empty() && files.files.iter().all(Option::is_none));
    }

    let recordings = files.finish().unwrap();
    assert_eq!(recordings.len(), 2 * FILES_MAX);
    let file = File::open(&recordings[FILES_MAX].path).unwrap();
    assert!(OggOpusReader::new(BufReader::new(file)).unwrap().next_packet().unwrap().is_some());
}

#[test]
fn what_cannot_be_in_a_file_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let mut sound = tone(100, begin);
    // No packet of Opus is empty, and a clock may run away.
    sound[50].data.clear();
    let mut pictures = picture(60, begin);
    for (picture, minutes) in pictures.iter_mut().zip(0..) {
        picture.timestamp += minutes * 60 * 90_000;
    }
    let other = [(TrackSource::Other, sound.clone())];
    let tracks = [(TrackSource::Camera, pictures), (TrackSource::Microphone, sound)];

    assert_eq!(record(folder.path(), &other)[0].frames, 99);
    let recordings = record(folder.path(), &tracks);
    assert_eq!(names(&recordings), ["anna.webm"]);
    assert!(recordings[0].frames >= 60, "all of one of the tracks at least: {}", recordings[0].frames);
}

#[test]
fn what_fits_is_recorded_to_files_that_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let sound = tone(100, Instant::now());
    let len_of_half: usize = sound[..50].iter().map(|packet| packet.data.len() + 32).sum();
    let budget = Arc::new(Budget::new(4_096 + len_of_half as u64));
    let mut files = ParticipantFiles::new(folder.path().join("anna"), Arc::clone(&budget));

    files.take(Piece::Begun { index: 0, source: TrackSource::Other }).unwrap();
    for frame in sound {
        files.take(Piece::Frame { index: 0, frame }).unwrap();
    }

    // It is complete before anybody asks.
    assert!(budget.is_spent());
    let path = folder.path().join("anna-other.ogg");
    let mut ogg = OggOpusReader::new(BufReader::new(File::open(&path).unwrap())).unwrap();
    let mut count = 0;
    while ogg.next_packet().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 50);
    let recordings = files.finish().unwrap();
    assert_eq!((recordings.len(), recordings[0].frames), (1, 50));
}

#[test]
fn a_file_counts_however_little_is_in_it_and_what_is_in_none_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let packet = tone(1, Instant::now()).remove(0);
    let per_file = 4_096 + 32 + packet.data.len() as u64;
    let count = FILES_MAX + 1;
    let budget = Arc::new(Budget::new(count as u64 * per_file));
    let mut files = ParticipantFiles::new(folder.path().join("anna"), Arc::clone(&budget));
    let begin = |files: &mut ParticipantFiles, index| {
        files.take(Piece::Begun { index, source: TrackSource::Other }).unwrap();
        files.take(Piece::Frame { index, frame: packet.clone() }).unwrap();
    };

    for index in 0..FILES_MAX + 10 {
        begin(&mut files, index);
    }
    assert!(!budget.is_spent(), "there is no file for the last ones");
    for index in 0..10 {
        files.take(Piece::Ended { index }).unwrap();
    }
    for index in 1_000..1_010 {
        begin(&mut files, index);
    }

    assert!(budget.is_spent());
    assert_eq!(files.finish().unwrap().len(), count);
}
