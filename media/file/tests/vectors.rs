//! Files that others made are read, and what is in them survives the way through packets byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use moim_media_file::ivf::IvfReader;
use moim_media_file::ogg::OggOpusReader;
use moim_media_file::webm::{WebmFrame, WebmReader, WebmTrack, WebmTrackKind};
use moim_media_file::{Codec, opus_head::OpusHead};
use moim_rtp::payload::{
    Depacketizer, Packetizer, PayloadFormat, av1, h264, is_key_frame, is_start_of_frame, summarize,
};
use std::io::Cursor;
use std::time::Duration;

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/vectors/media/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn ivf(name: &str) -> Vec<Vec<u8>> {
    let file = vector(name);
    let mut reader = IvfReader::new(&file[..]).unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap().map(|frame| frame.data)).collect()
}

fn webm(name: &str) -> (Vec<WebmTrack>, Vec<WebmFrame>) {
    let mut reader = WebmReader::new(Cursor::new(vector(name))).unwrap();
    let frames = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
    (reader.tracks().to_vec(), frames)
}

/// Access units that each begin with a delimiter.
fn access_units(name: &str, delimiter: &[u8]) -> Vec<Vec<u8>> {
    let file = vector(name);
    let begins = |at: &usize| file[*at..].starts_with(delimiter);
    let mut starts: Vec<usize> = (0..file.len()).filter(begins).collect();
    starts.push(file.len());
    starts.windows(2).map(|pair| file[pair[0]..pair[1]].to_vec()).collect()
}

/// Sends frames through packets of several lengths. A key frame every `key_every` is seen by its first packet or near it.
fn assert_survives(format: PayloadFormat, frames: &[Vec<u8>], key_every: usize) {
    assert!(frames.len() >= 12, "there are frames at all");
    for len_max in [60, 200, 1_200] {
        let mut packetizer = Packetizer::new(format, 0x7FFE);
        let mut depacketizer = Depacketizer::new(format);
        for (number, frame) in frames.iter().enumerate() {
            let mut packets = Vec::new();
            let mut marks = Vec::new();
            let count = packetizer.packetize(frame, len_max, |fragment| {
                marks.push((fragment.is_first(), fragment.is_last()));
                packets.push(fragment.to_vec());
            });
            assert_eq!(count.unwrap(), packets.len());
            assert!(
                marks
                    .iter()
                    .enumerate()
                    .all(|(index, mark)| *mark == (index == 0, index + 1 == packets.len()))
            );
            assert!(
                packets.iter().all(|packet| packet.len() <= len_max && summarize(format, packet).is_ok())
            );
            assert!(is_start_of_frame(format, &packets[0]), "{format:?} {number}");
            let is_key = packets.iter().any(|packet| is_key_frame(format, packet));
            assert_eq!(is_key, number % key_every == 0, "{format:?} {number}");

            for packet in &packets {
                depacketizer.push(packet).unwrap();
            }
            assert_eq!(&depacketizer.finish().unwrap(), frame, "{format:?} {number} in packets of {len_max}");
        }
    }
}

#[test]
fn vp8_survives() {
    assert_survives(PayloadFormat::Vp8, &ivf("vp8.ivf"), 6);
}

#[test]
fn vp9_survives() {
    assert_survives(PayloadFormat::Vp9, &ivf("vp9.ivf"), 6);
}

#[test]
fn av1_survives_but_for_its_delimiters() {
    for name in ["av1.ivf", "av1-svt.ivf"] {
        let frames: Vec<_> = ivf(name)
            .iter()
            .map(|frame| frame.strip_prefix(&av1::TEMPORAL_DELIMITER).expect("IVF has them").to_vec())
            .collect();
        assert_survives(PayloadFormat::Av1, &frames, 6);
        let header = av1::SequenceHeader::find(&frames[0]).unwrap().unwrap();
        assert_eq!((header.profile, header.width, header.height), (0, 160, 120));
    }
}

#[test]
fn h264_survives() {
    let frames = access_units("h264.264", &[0, 0, 0, 1, 9]);
    assert_survives(PayloadFormat::H264, &frames, 6);

    let sps =
        h264::annex_b::units(&frames[0]).find(|unit| h264::type_of(unit[0]) == h264::unit_type::SPS).unwrap();
    let sps = h264::Sps::parse(sps).unwrap();
    assert_eq!((sps.profile, sps.width, sps.height), (66, 160, 120));
}

#[test]
fn h265_survives() {
    assert_survives(PayloadFormat::H265, &access_units("h265.265", &[0, 0, 0, 1, 35 << 1, 1]), 6);
}

#[test]
fn opus_survives() {
    let file = vector("opus.ogg");
    let mut reader = OggOpusReader::new(&file[..]).unwrap();
    assert_eq!(
        *reader.head(),
        OpusHead { channels: 1, pre_skip: 312, input_sample_rate: 48_000, output_gain: 0 }
    );
    let packets: Vec<_> = std::iter::from_fn(|| reader.next_packet().unwrap()).collect();

    assert_eq!(packets.len(), 61);
    for (index, packet) in packets.iter().enumerate() {
        assert_eq!((packet.start, packet.ticks), (index as u64 * 960, 960));
    }
    let mut packetizer = Packetizer::new(PayloadFormat::Opus, 0);
    let mut depacketizer = Depacketizer::new(PayloadFormat::Opus);
    for packet in packets {
        packetizer
            .packetize(&packet.data, 1_200, |fragment| depacketizer.push(&fragment.to_vec()).unwrap())
            .unwrap();
        assert_eq!(depacketizer.finish().unwrap(), packet.data);
    }
}

#[test]
fn webm_of_ffmpeg_and_chromium_is_read() {
    for (name, codec) in [
        ("vp8-opus.webm", Codec::Vp8),
        ("vp9-opus-live.webm", Codec::Vp9),
        ("av1-opus.webm", Codec::Av1),
        ("h264-opus.mkv", Codec::H264),
        ("chromium-vp8-opus.webm", Codec::Vp8),
        ("chromium-h264-opus.mkv", Codec::H264),
    ] {
        let (tracks, frames) = webm(name);

        assert_eq!(tracks.len(), 2, "{name}");
        let video = tracks.iter().position(|track| track.codec == codec).unwrap();
        assert_eq!(tracks[video].kind, WebmTrackKind::Video { width: 160, height: 120 }, "{name}");
        assert_eq!(tracks[1 - video].codec, Codec::Opus);
        assert_eq!(
            OpusHead::parse(&tracks[1 - video].codec_private).unwrap().channels,
            tracks_channels(&tracks)
        );
        let of = |track| frames.iter().filter(move |frame| frame.track == track);
        assert!(of(video).count() >= 10, "{name}: {}", of(video).count());
        assert!(of(1 - video).count() >= 20, "{name}: {}", of(1 - video).count());
        assert!(of(video).next().unwrap().is_key && !of(video).nth(1).unwrap().is_key, "{name}");
        let last = of(video).next_back().unwrap().time;
        assert!(
            (Duration::from_millis(900)..Duration::from_millis(1_500)).contains(&last),
            "{name}: {last:?}"
        );
    }
}

fn tracks_channels(tracks: &[WebmTrack]) -> u8 {
    let channels = |track: &WebmTrack| match track.kind {
        WebmTrackKind::Audio { channels, .. } => Some(channels),
        WebmTrackKind::Video { .. } => None,
    };
    tracks.iter().find_map(channels).unwrap()
}

#[test]
fn frames_of_matroska_survive_in_either_form_of_h264() {
    let (tracks, frames) = webm("h264-opus.mkv");
    let video = tracks.iter().position(|track| track.codec == Codec::H264).unwrap();
    let frames: Vec<_> = frames.into_iter().filter(|frame| frame.track == video).collect();

    for frame in &frames {
        let annex_b = h264::annex_b::from_length_prefixed(&frame.data, 4).unwrap();
        let (mut packetizer, mut depacketizer) =
            (Packetizer::new(PayloadFormat::H264, 0), Depacketizer::new(PayloadFormat::H264));
        packetizer
            .packetize(&annex_b, 300, |fragment| depacketizer.push(&fragment.to_vec()).unwrap())
            .unwrap();
        let received = depacketizer.finish().unwrap();
        assert_eq!(h264::annex_b::to_length_prefixed(&received), frame.data);
    }
    assert_eq!(frames.len(), 12);
}
