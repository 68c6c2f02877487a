use super::blocks::Block;
use super::ebml::id;
use super::elements::{Header, elements, float, unsigned};
use super::{TRACKS_MAX, WebmTrack, WebmTrackKind};
use crate::ogg::packet_ticks;
use crate::{Codec, Error, FRAME_LEN_MAX};
use std::collections::VecDeque;
use std::io::Read;
use std::time::Duration;

/// The longest description of a file or its tracks.
const DESCRIPTION_LEN_MAX: usize = 1 << 20;
/// Elements before the description of the tracks.
const ELEMENTS_BEFORE_TRACKS_MAX: usize = 1_000;

/// A frame of a WebM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebmFrame {
    /// Which of [`WebmReader::tracks`] it belongs to.
    pub track: usize,
    /// Its time since the beginning of the file.
    pub time: Duration,
    /// Whether it needs no other.
    pub is_key: bool,
    /// What the encoder made.
    pub data: Vec<u8>,
}

/// Reads WebM and Matroska files from the beginning to the end. Tracks with codecs that are not known here are passed over.
#[derive(Debug)]
pub struct WebmReader<R> {
    input: R,
    tracks: Vec<WebmTrack>,
    /// The numbers of the tracks, as blocks name them.
    numbers: Vec<u64>,
    nanos_per_tick: u64,
    cluster_ticks: u64,
    /// Frames of the block at hand: up to 256, that lie in one row.
    frames: VecDeque<WebmFrame>,
}

impl<R: Read> WebmReader<R> {
    /// Reads up to the description of the tracks, which comes before all frames.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut reader = Self {
            input,
            tracks: Vec::new(),
            numbers: Vec::new(),
            nanos_per_tick: 1_000_000,
            cluster_ticks: 0,
            frames: VecDeque::new(),
        };
        reader.read_document_type()?;
        for _ in 0..ELEMENTS_BEFORE_TRACKS_MAX {
            let header = Header::read(&mut reader.input)?.ok_or(Error::Truncated("the headers"))?;
            match header.id {
                id::SEGMENT => {}
                id::INFO => {
                    let info = reader.description(header)?;
                    let scale = elements(&info).find(|(id, _)| *id == id::TIMESTAMP_SCALE);
                    reader.nanos_per_tick = scale.map_or(1_000_000, |(_, body)| unsigned(body)).max(1);
                }
                id::TRACKS => {
                    let tracks = reader.description(header)?;
                    reader.read_tracks(&tracks)?;
                    return Ok(reader);
                }
                id::CLUSTER => {
                    return Err(Error::malformed("there are frames before the tracks are described"));
                }
                _ => header.skip_body(&mut reader.input)?,
            }
        }
        Err(Error::TooLarge("what comes before the tracks"))
    }

    fn description(&mut self, header: Header) -> Result<Vec<u8>, Error> {
        let body = header.read_body(&mut self.input, DESCRIPTION_LEN_MAX, "a description")?;
        body.ok_or(Error::Truncated("the headers"))
    }

    fn read_document_type(&mut self) -> Result<(), Error> {
        let header = Header::read(&mut self.input)?.ok_or(Error::Truncated("the headers"))?;
        if header.id != id::EBML {
            return Err(Error::malformed("it does not begin with EBML"));
        }
        let body = self.description(header)?;
        let document_type =
            elements(&body).find(|(id, _)| *id == id::DOC_TYPE).map_or(&b"matroska"[..], |(_, body)| body);
        // RFC 8794 §7.4: text may be followed by zeros.
        match document_type.split(|byte| *byte == 0).next() {
            Some(b"webm" | b"matroska") => Ok(()),
            _ => Err(Error::Unsupported(format!("document type {}", document_type.escape_ascii()))),
        }
    }

    fn read_tracks(&mut self, tracks: &[u8]) -> Result<(), Error> {
        for (_, entry) in elements(tracks).filter(|(id, _)| *id == id::TRACK_ENTRY) {
            let Some((number, track)) = track_of(entry)? else { continue };
            if self.tracks.len() == TRACKS_MAX {
                return Err(Error::TooLarge("the list of tracks"));
            }
            self.numbers.push(number);
            self.tracks.push(track);
        }
        Ok(())
    }

    /// The tracks that can be read.
    pub fn tracks(&self) -> &[WebmTrack] {
        &self.tracks
    }

    /// Reads the next frame; none at the end of the file, also of one that was cut.
    pub fn next_frame(&mut self) -> Result<Option<WebmFrame>, Error> {
        while self.frames.is_empty() {
            let Some(header) = Header::read(&mut self.input)? else { return Ok(None) };
            match header.id {
                // What is in a cluster is read one by one, whether anybody knew how long it is or not.
                id::CLUSTER | id::SEGMENT => continue,
                id::TIMESTAMP | id::SIMPLE_BLOCK | id::BLOCK_GROUP => {}
                _ => {
                    header.skip_body(&mut self.input)?;
                    continue;
                }
            }
            let len_max = FRAME_LEN_MAX + DESCRIPTION_LEN_MAX;
            let Some(body) = header.read_body(&mut self.input, len_max, "a block")? else { return Ok(None) };
            match header.id {
                id::TIMESTAMP => self.cluster_ticks = unsigned(&body),
                id::SIMPLE_BLOCK => {
                    let block = Block::parse(&body)?;
                    self.take_frames(&block, block.is_key)?;
                }
                _ => {
                    let has_reference = elements(&body).any(|(id, _)| id == id::REFERENCE_BLOCK);
                    if let Some((_, block)) = elements(&body).find(|(id, _)| *id == id::BLOCK) {
                        self.take_frames(&Block::parse(block)?, !has_reference)?;
                    }
                }
            }
        }
        Ok(self.frames.pop_front())
    }

    fn take_frames(&mut self, block: &Block<'_>, is_key: bool) -> Result<(), Error> {
        let Some(track) = self.numbers.iter().position(|number| *number == block.track) else {
            return Ok(());
        };
        let ticks = self.cluster_ticks.saturating_add_signed(i64::from(block.time));
        let mut time = Duration::from_nanos(ticks.saturating_mul(self.nanos_per_tick));
        for frame in &block.frames {
            if frame.len() > FRAME_LEN_MAX {
                return Err(Error::TooLarge("a frame"));
            }
            self.frames.push_back(WebmFrame { track, time, is_key, data: frame.to_vec() });
            // Of frames in one block only the first has its time written.
            let ticks = packet_ticks(frame).filter(|_| self.tracks[track].codec == Codec::Opus).unwrap_or(0);
            time += Duration::from_micros(u64::from(ticks) * 125 / 6);
        }
        Ok(())
    }
}

/// A track and its number. None if its codec is not known here.
fn track_of(entry: &[u8]) -> Result<Option<(u64, WebmTrack)>, Error> {
    let find = |wanted: u32| elements(entry).find(|(id, _)| *id == wanted).map(|(_, body)| body);
    let codec_id = find(id::CODEC_ID).unwrap_or_default();
    let codec_id = codec_id.split(|byte| *byte == 0).next().unwrap_or_default();
    let Some(codec) = std::str::from_utf8(codec_id).ok().and_then(Codec::from_matroska_id) else {
        return Ok(None);
    };
    if find(id::CONTENT_ENCODINGS).is_some() {
        return Err(Error::Unsupported("a track that is compressed or encrypted".into()));
    }
    let kind = if codec.is_audio() {
        let audio = find(id::AUDIO).unwrap_or_default();
        let field = |wanted: u32| elements(audio).find(|(id, _)| *id == wanted).map(|(_, body)| body);
        let channels = u8::try_from(field(id::CHANNELS).map_or(1, unsigned))
            .map_err(|_| Error::malformed("there are too many channels"))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let sample_rate = field(id::SAMPLING_FREQUENCY).map_or(8_000.0, float) as u32;
        WebmTrackKind::Audio { channels, sample_rate }
    } else {
        let video = find(id::VIDEO).unwrap_or_default();
        let size = |wanted: u32| {
            let body = elements(video).find(|(id, _)| *id == wanted).map(|(_, body)| body);
            let pixels = body.map(unsigned).and_then(|pixels| u32::try_from(pixels).ok());
            pixels.ok_or_else(|| Error::malformed("pictures have no size"))
        };
        WebmTrackKind::Video { width: size(id::PIXEL_WIDTH)?, height: size(id::PIXEL_HEIGHT)? }
    };
    let number = find(id::TRACK_NUMBER).map_or(0, unsigned);
    let codec_private = find(id::CODEC_PRIVATE).unwrap_or_default().to_vec();
    Ok(Some((number, WebmTrack { codec, kind, codec_private })))
}
