//! Where published media comes from: the generated pattern, or a file that is played again and again.

use super::{EncodedFrame, clock_rate, kind_of};
use crate::error::Error;
use moim_media_file::Codec;
use moim_media_file::ivf::IvfReader;
use moim_media_file::ogg::OggOpusReader;
use moim_media_file::webm::WebmReader;
use moim_media_pattern::{PictureConfig, Tone, ToneConfig, VideoPattern};
use moim_rtp::payload::vp9;
use moim_wire::{Bitrate, MediaKind};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the last frame of a file takes, as no other follows it.
const LAST_FRAME: Duration = Duration::from_millis(20);

/// A track to publish, frame by frame.
#[derive(Debug)]
pub struct TrackSource(Inner);

#[derive(Debug)]
enum Inner {
    Picture { pattern: Box<VideoPattern>, number: u64 },
    Tone(Box<Tone>),
    File(Box<FileTrack>),
}

/// A frame, and when it is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// The frame.
    pub frame: EncodedFrame,
    /// When it is to be sent, from the beginning of the track on.
    pub at: Duration,
}

impl TrackSource {
    /// The generated picture, as VP8.
    pub fn picture(config: PictureConfig) -> Result<Self, Error> {
        let pattern = VideoPattern::new(config).map_err(media)?;
        Ok(Self(Inner::Picture { pattern: Box::new(pattern), number: 0 }))
    }

    /// The generated tone, as Opus.
    pub fn tone(config: ToneConfig) -> Result<Self, Error> {
        Ok(Self(Inner::Tone(Box::new(Tone::new(config).map_err(media)?))))
    }

    /// The tracks of a file: WebM with VP8, VP9, AV1 and Opus, IVF with one of the former, or Ogg with Opus. They are played for
    /// ever, all from the beginning when the longest of them has ended.
    pub fn open(path: &Path) -> Result<Vec<Self>, Error> {
        let file = FileTrack::open_all(path)
            .map_err(|reason| Error::Media(format!("{} cannot be played: {reason}", path.display())))?;
        Ok(file.into_iter().map(|track| Self(Inner::File(Box::new(track)))).collect())
    }

    /// What its frames are encoded with.
    pub fn codec(&self) -> Codec {
        match &self.0 {
            Inner::Picture { .. } => Codec::Vp8,
            Inner::Tone(_) => Codec::Opus,
            Inner::File(track) => track.codec,
        }
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        kind_of(self.codec())
    }

    /// Asks for a key frame. Only the generated picture has one at any time; a file has those that are in it.
    pub fn request_key_frame(&mut self) {
        if let Inner::Picture { pattern, .. } = &mut self.0 {
            pattern.request_key_frame();
        }
    }

    /// Aims at another bitrate. Only the generated picture can; a file has the one it has.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) {
        if let Inner::Picture { pattern, .. } = &mut self.0 {
            pattern.set_bitrate(bitrate);
        }
    }

    /// Leaves out frames that would be sent before `at`: the generated picture need not be drawn when nobody sees it in time.
    pub fn skip_to(&mut self, at: Duration) {
        if let Inner::Picture { pattern, number } = &mut self.0 {
            let frame_rate = pattern.config().frame_rate;
            let frames = at.as_millis() * u128::from(frame_rate) / 1_000;
            *number = u64::try_from(frames).unwrap_or(u64::MAX).max(*number);
        }
    }

    /// The next frame.
    pub fn next_frame(&mut self) -> Result<SourceFrame, Error> {
        let codec = self.codec();
        let (data, timestamp, is_key_frame) = match &mut self.0 {
            Inner::Picture { pattern, number } => {
                let picture = pattern.encode(*number);
                *number += 1;
                (picture.data, picture.timestamp, picture.is_key)
            }
            Inner::Tone(tone) => {
                let (packet, timestamp) = tone.encode().map_err(media)?;
                (packet, timestamp, true)
            }
            Inner::File(track) => {
                let (data, at) = track.next().map_err(|reason| {
                    Error::Media(format!("{} cannot be played on: {reason}", track.path.display()))
                })?;
                let is_key_frame = is_key_frame(codec, &data);
                (data, ticks(at, clock_rate(codec)), is_key_frame)
            }
        };
        let frame = EncodedFrame { codec, data: Arc::from(data), timestamp, is_key_frame };
        Ok(SourceFrame { frame, at: duration(timestamp, clock_rate(codec)) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn media(error: impl ToString) -> Error {
    Error::Media(error.to_string())
}

fn ticks(at: Duration, clock_rate: u32) -> u64 {
    u64::try_from(at.as_nanos() * u128::from(clock_rate) / 1_000_000_000).unwrap_or(u64::MAX)
}

fn duration(ticks: u64, clock_rate: u32) -> Duration {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(clock_rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Whether a frame needs no other, by its first bits.
fn is_key_frame(codec: Codec, data: &[u8]) -> bool {
    /// The type of the unit that says what the frames after it are like (AV1 §6.2.2).
    const SEQUENCE_HEADER: u8 = 1;
    let first = data.first().copied().unwrap_or(u8::MAX);
    match codec {
        Codec::Opus => true,
        // RFC 6386 §9.1.
        Codec::Vp8 => first & 1 == 0,
        Codec::Vp9 => vp9::is_key_frame(data),
        // A temporal unit that begins anew has a sequence header, first or after a delimiter of two bytes.
        Codec::Av1 => {
            let mut units = [0, 2].into_iter().filter_map(|at| data.get(at));
            units.any(|byte| byte >> 3 & 15 == SEQUENCE_HEADER)
        }
        Codec::H264 => false,
    }
}

/// A track of a file that is played again and again.
#[derive(Debug)]
struct FileTrack {
    path: PathBuf,
    codec: Codec,
    /// Which track of the file.
    index: usize,
    reader: FileReader,
    /// How long the longest track takes.
    length: Duration,
    /// What was played before this round.
    played: Duration,
}

#[derive(Debug)]
enum FileReader {
    Ivf(IvfReader<BufReader<File>>),
    Ogg(OggOpusReader<BufReader<File>>),
    Webm(Box<WebmReader<BufReader<File>>>),
}

impl FileTrack {
    fn open_all(path: &Path) -> Result<Vec<Self>, String> {
        let mut scan = FileReader::open(path)?;
        let codecs = scan.codecs();
        let mut length = Duration::ZERO;
        let mut previous = Duration::ZERO;
        while let Some((_, _, at)) = scan.next()? {
            // The last frame takes as long as the one before it.
            let step = at.checked_sub(previous).filter(|step| !step.is_zero());
            length = length.max(at + step.unwrap_or(LAST_FRAME));
            previous = at;
        }
        if length.is_zero() {
            return Err("there is nothing in it".to_owned());
        }
        let mut tracks = Vec::new();
        for (index, codec) in codecs.into_iter().enumerate().filter(|(_, codec)| *codec != Codec::H264) {
            let reader = FileReader::open(path)?;
            let path = path.to_owned();
            tracks.push(Self { path, codec, index, reader, length, played: Duration::ZERO });
        }
        if tracks.is_empty() { Err("it has no track that can be published".to_owned()) } else { Ok(tracks) }
    }

    fn next(&mut self) -> Result<(Vec<u8>, Duration), String> {
        let mut is_again = false;
        loop {
            match self.reader.next()? {
                Some((index, data, at)) if index == self.index => return Ok((data, self.played + at)),
                Some(_) => {}
                None if is_again => return Err("there is nothing in it any more".to_owned()),
                None => {
                    self.reader = FileReader::open(&self.path)?;
                    self.played += self.length;
                    is_again = true;
                }
            }
        }
    }
}

impl FileReader {
    /// Opens a file, and tells what it is by its first bytes.
    fn open(path: &Path) -> Result<Self, String> {
        let open = || File::open(path).map(BufReader::new).map_err(|error| error.to_string());
        let mut magic = [0; 4];
        open()?.read_exact(&mut magic).map_err(|error| error.to_string())?;
        let file = open()?;
        match &magic {
            b"DKIF" => IvfReader::new(file).map(Self::Ivf).map_err(|error| error.to_string()),
            b"OggS" => OggOpusReader::new(file).map(Self::Ogg).map_err(|error| error.to_string()),
            [0x1A, 0x45, 0xDF, 0xA3] => {
                WebmReader::new(file).map(Box::new).map(Self::Webm).map_err(|error| error.to_string())
            }
            _ => Err("it is neither WebM nor IVF nor Ogg".to_owned()),
        }
    }

    fn codecs(&self) -> Vec<Codec> {
        match self {
            Self::Ivf(reader) => vec![reader.header().codec],
            Self::Ogg(_) => vec![Codec::Opus],
            Self::Webm(reader) => reader.tracks().iter().map(|track| track.codec).collect(),
        }
    }

    /// The next frame: its track, and its time.
    fn next(&mut self) -> Result<Option<(usize, Vec<u8>, Duration)>, String> {
        let next = match self {
            Self::Ivf(reader) => {
                let header = *reader.header();
                let time = |timestamp: u64| {
                    duration(timestamp.saturating_mul(u64::from(header.ticks_per)), header.ticks.max(1))
                };
                reader.next_frame().map(|frame| frame.map(|frame| (0, frame.data, time(frame.timestamp))))
            }
            Self::Ogg(reader) => {
                let packet = reader.next_packet();
                packet.map(|packet| packet.map(|packet| (0, packet.data, duration(packet.start, 48_000))))
            }
            Self::Webm(reader) => {
                let frame = reader.next_frame();
                frame.map(|frame| frame.map(|frame| (frame.track, frame.data, frame.time)))
            }
        };
        match next {
            // What came before the cut is good.
            Err(moim_media_file::Error::Truncated(_)) => Ok(None),
            next => next.map_err(|error| error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
