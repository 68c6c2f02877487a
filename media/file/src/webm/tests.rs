use super::*;
use crate::opus_head::OpusHead;
use std::io::Cursor;
use std::time::Duration;

fn tracks() -> Vec<WebmTrack> {
    vec![WebmTrack::opus(&OpusHead::new(2)), WebmTrack::video(Codec::Vp8, 640, 360)]
}

/// Ten seconds: a key frame every two, sound every 20 ms.
fn frames() -> Vec<WebmFrame> {
    let mut frames = Vec::new();
    for tick in 0..500_u64 {
        let time = Duration::from_millis(tick * 20);
        frames.push(WebmFrame { track: 0, time, is_key: true, data: vec![0xF8; 60] });
        if tick % 2 == 0 {
            let data = vec![(tick % 251) as u8; 300];
            frames.push(WebmFrame { track: 1, time, is_key: tick % 100 == 0, data });
        }
    }
    frames
}

fn write<W: std::io::Write>(output: W, frames: &[WebmFrame]) -> WebmWriter<W> {
    let mut writer = WebmWriter::new(output, &tracks()).unwrap();
    for frame in frames {
        writer.write_frame(frame.track, frame.time, frame.is_key, &frame.data).unwrap();
    }
    writer
}

fn read(file: &[u8]) -> (Vec<WebmTrack>, Vec<WebmFrame>) {
    let mut reader = WebmReader::new(file).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
    (reader.tracks().to_vec(), frames)
}

#[test]
fn what_is_written_reads_the_same_with_and_without_seeking() {
    let streamed = write(Vec::new(), &frames()).finish().unwrap();
    let seekable = write(Cursor::new(Vec::new()), &frames()).finish_seekable().unwrap().into_inner();

    assert_eq!(read(&streamed), (tracks(), frames()));
    assert_eq!(read(&seekable), (tracks(), frames()));
}

#[test]
fn a_cut_file_gives_the_frames_before_the_cut() {
    let file = write(Vec::new(), &frames()).finish().unwrap();

    for cut in [file.len() / 3, file.len() / 2, file.len() - 700] {
        let (_, read) = read(&file[..cut]);

        assert!(read.len() > 200 && read.len() < frames().len());
        assert_eq!(read, frames()[..read.len()]);
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    assert!(WebmWriter::new(Vec::new(), &[]).is_err());
    let mut writer = WebmWriter::new(Vec::new(), &tracks()).unwrap();

    assert!(writer.write_frame(2, Duration::ZERO, true, b"x").is_err());
    writer.write_frame(1, Duration::from_secs(100), true, b"x").unwrap();
    assert!(writer.write_frame(0, Duration::ZERO, true, b"x").is_err(), "too far back for its cluster");
}

#[test]
fn what_is_no_webm_is_refused() {
    assert!(WebmReader::new(&b"RIFF"[..]).is_err());
    assert!(WebmReader::new(&[][..]).is_err());
}
