use super::TrackSource;
use moim_media_file::Codec;
use moim_media_file::ivf::{IvfHeader, IvfWriter};
use moim_media_file::ogg::OggOpusWriter;
use moim_media_file::opus_head::OpusHead;
use moim_media_file::webm::{WebmTrack, WebmWriter};
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_wire::{Bitrate, MediaKind};
use std::time::Duration;

fn picture() -> TrackSource {
    let config = PictureConfig { width: 160, height: 90, frame_rate: 25, bitrate: Bitrate::from_kbps(100) };
    TrackSource::picture(config).unwrap()
}

fn tone() -> TrackSource {
    TrackSource::tone(ToneConfig { frequency_hz: 440 }).unwrap()
}

#[test]
fn the_pattern_is_paced_by_its_frame_rate() {
    let mut source = picture();
    let at: Vec<_> = (0..3).map(|_| source.next_frame().unwrap().at.as_millis()).collect();
    assert_eq!(at, [0, 40, 80]);

    source.skip_to(Duration::from_secs(2));
    let next = source.next_frame().unwrap();
    assert_eq!((next.at, next.frame.timestamp), (Duration::from_secs(2), 180_000));
}

#[test]
fn a_key_frame_comes_when_asked_for() {
    let mut source = picture();
    assert!(source.next_frame().unwrap().frame.is_key_frame);
    assert!(!source.next_frame().unwrap().frame.is_key_frame);

    source.request_key_frame();

    assert!(source.next_frame().unwrap().frame.is_key_frame);
}

#[test]
fn an_ivf_file_is_played_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ivf");
    let header =
        IvfHeader { codec: Codec::Vp8, width: 160, height: 90, ticks: 25, ticks_per: 1, frame_count: 0 };
    let mut ivf = IvfWriter::new(Vec::new(), &header).unwrap();
    let mut source = picture();
    for number in 0..3 {
        ivf.write_frame(number, &source.next_frame().unwrap().frame.data).unwrap();
    }
    std::fs::write(&path, ivf.finish().unwrap()).unwrap();

    let mut tracks = TrackSource::open(&path).unwrap();

    assert_eq!((tracks.len(), tracks[0].kind(), tracks[0].codec()), (1, MediaKind::Video, Codec::Vp8));
    let played: Vec<_> = (0..5)
        .map(|_| tracks[0].next_frame().unwrap())
        .map(|next| (next.at.as_millis(), next.frame.timestamp, next.frame.is_key_frame))
        .collect();
    let expected =
        [(0, 0, true), (40, 3_600, false), (80, 7_200, false), (120, 10_800, true), (160, 14_400, false)];
    assert_eq!(played, expected);
}

#[test]
fn the_tracks_of_a_webm_file_stay_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.webm");
    let tracks = [WebmTrack::video(Codec::Vp8, 160, 90), WebmTrack::opus(&OpusHead::new(1))];
    let mut webm = WebmWriter::new(Vec::new(), &tracks).unwrap();
    for (track, mut source, count) in [(0, picture(), 10), (1, tone(), 20)] {
        for _ in 0..count {
            let next = source.next_frame().unwrap();
            webm.write_frame(track, next.at, next.frame.is_key_frame, &next.frame.data).unwrap();
        }
    }
    std::fs::write(&path, webm.finish().unwrap()).unwrap();

    let mut tracks = TrackSource::open(&path).unwrap();

    assert_eq!(tracks.iter().map(TrackSource::codec).collect::<Vec<_>>(), [Codec::Vp8, Codec::Opus]);
    let again = [10, 20]
        .into_iter()
        .zip(&mut tracks)
        .map(|(count, track)| (0..=count).map(|_| track.next_frame().unwrap().at).last().unwrap());
    let again: Vec<_> = again.collect();
    assert_eq!(again[0], again[1], "both begin again at the same time");
}

#[test]
fn an_ogg_file_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ogg");
    let mut ogg = OggOpusWriter::new(Vec::new(), &OpusHead::new(1), 1).unwrap();
    let mut source = tone();
    for _ in 0..5 {
        ogg.write_packet(&source.next_frame().unwrap().frame.data).unwrap();
    }
    std::fs::write(&path, ogg.finish().unwrap()).unwrap();

    let mut track = TrackSource::open(&path).unwrap().remove(0);

    let at: Vec<_> = (0..6).map(|_| track.next_frame().unwrap().at.as_millis()).collect();
    assert_eq!(at, [0, 20, 40, 60, 80, 100]);
}

#[test]
fn what_cannot_be_played_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    std::fs::write(&path, "....ftypisom").unwrap();

    let error = TrackSource::open(&path).unwrap_err().to_string();

    assert!(error.contains("x.mp4") && error.contains("neither WebM nor IVF nor Ogg"), "{error}");
    assert!(TrackSource::open(&folder.path().join("none")).is_err());
}
