//! A file, which its first bytes say the kind of.

use moim_media_file::ivf::{IvfReader, IvfWriter};
use moim_media_file::ogg::{OggOpusReader, OggOpusWriter};
use moim_media_file::webm::{WebmReader, WebmWriter};
use std::io::Cursor;

/// Reads a file to its end or to the first error. There is no more in it than bytes, and what was read can be written and reads the same.
pub(crate) fn exercise(file: &[u8]) {
    match file {
        [b'D', ..] => ivf(file),
        [b'O', ..] => ogg(file),
        _ => webm(file),
    }
}

fn ivf(file: &[u8]) {
    let Ok(mut reader) = IvfReader::new(file) else { return };
    let mut writer = IvfWriter::new(Vec::new(), reader.header()).expect("the codec is one of IVF's");
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = reader.next_frame() {
        writer.write_frame(frame.timestamp, &frame.data).expect("it was read");
        frames.push(frame);
    }
    let again = writer.finish().expect("memory does not fail");
    assert!(again.len() <= file.len());
    let mut reader = IvfReader::new(&again[..]).expect("it was written");
    for frame in frames {
        assert_eq!(reader.next_frame().expect("it was written"), Some(frame));
    }
    assert!(reader.next_frame().expect("the end is no error").is_none());
}

fn ogg(file: &[u8]) {
    let Ok(mut reader) = OggOpusReader::new(file) else { return };
    let mut writer = OggOpusWriter::new(Vec::new(), reader.head(), 1).expect("memory does not fail");
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        assert!(packet.start >= writer.position(), "packets do not overlap");
        writer.skip_to(packet.start).expect("memory does not fail");
        writer.write_packet(&packet.data).expect("it was read");
        packets.push(packet);
    }
    assert!(packets.iter().map(|packet| packet.data.len()).sum::<usize>() <= file.len());
    let again = writer.finish().expect("memory does not fail");
    let mut reader = OggOpusReader::new(&again[..]).expect("it was written");
    for packet in packets {
        assert_eq!(reader.next_packet().expect("it was written"), Some(packet));
    }
    assert!(reader.next_packet().expect("the end is no error").is_none());
}

fn webm(file: &[u8]) {
    let Ok(mut reader) = WebmReader::new(Cursor::new(file)) else { return };
    let tracks = reader.tracks().to_vec();
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = reader.next_frame() {
        assert!(frame.track < tracks.len());
        frames.push(frame);
        assert!(frames.len() <= file.len(), "a frame takes a byte at least");
    }
    let Ok(mut writer) = WebmWriter::new(Cursor::new(Vec::new()), &tracks) else { return };
    frames.retain(|frame| writer.write_frame(frame.track, frame.time, frame.is_key, &frame.data).is_ok());
    let again = writer.finish_seekable().expect("memory does not fail").into_inner();
    let mut reader = WebmReader::new(Cursor::new(again)).expect("it was written");
    assert_eq!(reader.tracks().len(), tracks.len());
    for frame in frames {
        let read = reader.next_frame().expect("it was written").expect("it was written");
        assert_eq!((read.track, read.data), (frame.track, frame.data));
    }
    assert!(reader.next_frame().expect("the end is no error").is_none());
}
