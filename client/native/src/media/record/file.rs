use super::Recording;
use crate::error::Error;
use crate::media::clock_rate;
use moim_media_file::Codec;
use moim_media_file::ivf::{IvfHeader, IvfWriter};
use moim_media_file::ogg::OggOpusWriter;
use moim_media_file::opus_head::OpusHead;
use moim_media_file::webm::{WebmTrack, WebmWriter};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What WebRTC's Opus is declared with, whatever it carries (RFC 7587 §7).
const CHANNELS: u8 = 2;

/// A track as a file needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrackFormat {
    pub(super) codec: Codec,
    /// Pixels, 0 for sound and where it is not known.
    pub(super) width: u16,
    pub(super) height: u16,
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OutputFile {
    writer: Writer,
    recording: Recording,
    begin: Option<Duration>,
}

#[derive(Debug)]
enum Writer {
    Ivf(IvfWriter<BufWriter<File>>),
    Ogg(OggOpusWriter<BufWriter<File>>),
    Webm(Box<WebmWriter<BufWriter<File>>>),
    AnnexB(BufWriter<File>),
}

impl TrackFormat {
    /// Of a track that begins with this frame.
    pub(super) fn of(codec: Codec, first: &[u8]) -> Self {
        let (width, height) = match codec {
            Codec::Vp8 => vp8_size(first),
            Codec::Vp9 | Codec::Av1 | Codec::H264 | Codec::Opus => (0, 0),
        };
        Self { codec, width, height }
    }

    /// What a file with only such a track is called at the end.
    fn extension(self) -> &'static str {
        match self.codec {
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => "ivf",
            Codec::Opus => "ogg",
            Codec::H264 => "h264",
        }
    }
}

/// RFC 6386 §9.1: the fourteen bits of each side that follow the start code of a key frame.
fn vp8_size(frame: &[u8]) -> (u16, u16) {
    match frame {
        [first, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] if first & 1 == 0 => {
            (u16::from_le_bytes([*w0, *w1]) & 0x3FFF, u16::from_le_bytes([*h0, *h1]) & 0x3FFF)
        }
        _ => (0, 0),
    }
}

impl OutputFile {
    /// A file with one track. `stem` is its path without an extension.
    pub(super) fn of_one(stem: &Path, format: TrackFormat) -> Result<Self, Error> {
        let (path, file) = create(stem, format.extension())?;
        let fail = |error: moim_media_file::Error| failed(&path, &error);
        let writer = match format.codec {
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => {
                let TrackFormat { codec, width, height } = format;
                let ticks = clock_rate(codec);
                let header = IvfHeader { codec, width, height, ticks, ticks_per: 1, frame_count: 0 };
                Writer::Ivf(IvfWriter::new(file, &header).map_err(fail)?)
            }
            Codec::Opus => Writer::Ogg(OggOpusWriter::new(file, &OpusHead::new(CHANNELS), 1).map_err(fail)?),
            Codec::H264 => Writer::AnnexB(file),
        };
        Ok(Self::new(path, vec![format.codec], writer))
    }

    /// A WebM file with a picture, and sound as Opus.
    pub(super) fn of_both(stem: &Path, video: TrackFormat) -> Result<Self, Error> {
        let (path, file) = create(stem, "webm")?;
        let (width, height) = (u32::from(video.width), u32::from(video.height));
        let tracks =
            [WebmTrack::video(video.codec, width, height), WebmTrack::opus(&OpusHead::new(CHANNELS))];
        let writer = WebmWriter::new(file, &tracks).map_err(|error| failed(&path, &error))?;
        Ok(Self::new(path, vec![video.codec, Codec::Opus], Writer::Webm(Box::new(writer))))
    }

    fn new(path: PathBuf, codecs: Vec<Codec>, writer: Writer) -> Self {
        let recording = Recording { path, codecs, frames: 0, duration: Duration::ZERO };
        Self { writer, recording, begin: None }
    }

    /// Writes a frame, at its time since the beginning. One that cannot be in such a file, by what it is or by its time, is left out: whoever
    /// sends such a frame loses that and nothing else.
    pub(super) fn write(
        &mut self,
        codec: Codec,
        at: Duration,
        is_key: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        // Rounded: what began as ticks may have lost a nanosecond on the way.
        let ticks = |rate: u32| {
            let ticks = (at.as_nanos() * u128::from(rate) + 500_000_000) / 1_000_000_000;
            u64::try_from(ticks).unwrap_or(u64::MAX)
        };
        let written = match &mut self.writer {
            Writer::Ivf(ivf) => ivf.write_frame(ticks(clock_rate(codec)), data),
            Writer::Ogg(ogg) => ogg.skip_to(ticks(clock_rate(codec))).and_then(|()| ogg.write_packet(data)),
            Writer::Webm(webm) => webm.write_frame(usize::from(codec.is_audio()), at, is_key, data),
            Writer::AnnexB(file) => file.write_all(data).map_err(Into::into),
        };
        match written {
            Err(
                error @ (moim_media_file::Error::InvalidArgument(_) | moim_media_file::Error::TooLarge(_)),
            ) => {
                tracing::debug!(%error, "a frame was not recorded");
                return Ok(());
            }
            written => written.map_err(|error| failed(&self.recording.path, &error))?,
        }
        self.recording.frames += 1;
        let begin = *self.begin.get_or_insert(at);
        self.recording.duration = self.recording.duration.max(at.saturating_sub(begin));
        Ok(())
    }

    /// Writes what is known only at the end.
    pub(super) fn finish(self) -> Result<Recording, Error> {
        let done = match self.writer {
            Writer::Ivf(ivf) => ivf.finish_counted().map(drop),
            Writer::Ogg(ogg) => ogg.finish().map(drop),
            Writer::Webm(webm) => webm.finish_seekable().map(drop),
            Writer::AnnexB(mut file) => file.flush().map_err(Into::into),
        };
        done.map_err(|error| failed(&self.recording.path, &error))?;
        Ok(self.recording)
    }
}

/// A new file. One of the same name is left alone, and this one has a number.
fn create(stem: &Path, extension: &str) -> Result<(PathBuf, BufWriter<File>), Error> {
    const NUMBER_MAX: u32 = 1_000;
    for number in 1..=NUMBER_MAX {
        let mut path = stem.as_os_str().to_owned();
        if number > 1 {
            path.push(format!("-{number}"));
        }
        path.push(format!(".{extension}"));
        let path = PathBuf::from(path);
        match File::create_new(&path) {
            Ok(file) => return Ok((path, BufWriter::new(file))),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    Err(Error::Media(format!("there are {NUMBER_MAX} files called {} already", stem.display())))
}

fn failed(path: &Path, error: &impl ToString) -> Error {
    Error::Media(format!("{} cannot be written: {}", path.display(), error.to_string()))
}
