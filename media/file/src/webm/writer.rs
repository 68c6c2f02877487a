use super::ebml::{Elements, UNKNOWN_SIZE, id};
use super::{TRACKS_MAX, WebmTrack, WebmTrackKind};
use crate::opus_head::OpusHead;
use crate::{Codec, Error, FRAME_LEN_MAX};
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

/// A cluster is ended after this long; a key frame ends it sooner.
const CLUSTER_MS_MAX: u64 = 5_000;
/// A key frame begins a new cluster if the present one is at least so long.
const CLUSTER_MS_MIN: u64 = 500;
/// Places to jump to. Beyond that every second one is given up.
const CUES_MAX: usize = 1 << 14;
/// Room at the beginning for saying where the rest is.
const SEEK_HEAD_LEN: usize = 100;
/// Room for the duration: an id of two bytes, a size of one, eight of data.
const DURATION_LEN: usize = 11;
/// What decoders of Opus need before a place that is jumped to (RFC 7845 §4.6), in nanoseconds.
const OPUS_PRE_ROLL_NS: u64 = 80_000_000;
const APP: &[u8] = b"moim";

/// Writes a WebM file.
#[derive(Debug)]
pub struct WebmWriter<W> {
    output: W,
    /// Bytes written.
    position: u64,
    layout: Layout,
    /// For each track, whether it carries sound.
    is_audio: Vec<bool>,
    cluster: Option<Cluster>,
    cues: Vec<Cue>,
    /// Every how many-eth cluster is a place to jump to, and how many have gone by since the last.
    cue_step: (u32, u32),
    end_ms: u64,
}

/// Where in the file what is known only at the end goes.
#[derive(Clone, Copy, Debug)]
struct Layout {
    segment: u64,
    info: u64,
    duration: u64,
    tracks: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cluster {
    start_ms: u64,
    last_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cue {
    time_ms: u64,
    track: u64,
    cluster: u64,
}

impl<W: Write> WebmWriter<W> {
    /// Writes what comes before the first frame.
    pub fn new(mut output: W, tracks: &[WebmTrack]) -> Result<Self, Error> {
        if tracks.is_empty() || tracks.len() > TRACKS_MAX {
            return Err(Error::InvalidArgument("a file has 1 to 126 tracks"));
        }
        let mut head = Elements::default();
        write_ebml_header(&mut head, tracks);
        head.id(id::SEGMENT).0.extend_from_slice(&UNKNOWN_SIZE);
        let segment = head.0.len() as u64;
        head.void(SEEK_HEAD_LEN);
        let info = head.0.len() as u64;
        let duration = write_info(&mut head);
        let tracks_at = head.0.len() as u64;
        head.master(id::TRACKS, |all| {
            for (index, track) in tracks.iter().enumerate() {
                all.master(id::TRACK_ENTRY, |entry| write_track(entry, index as u64 + 1, track));
            }
        });
        output.write_all(&head.0)?;
        Ok(Self {
            output,
            position: head.0.len() as u64,
            layout: Layout { segment, info, duration, tracks: tracks_at },
            is_audio: tracks.iter().map(|track| track.codec.is_audio()).collect(),
            cluster: None,
            cues: Vec::new(),
            cue_step: (1, 0),
            end_ms: 0,
        })
    }

    /// Writes a frame of the track with this index, at its time since the beginning of the file. Frames come in the order of time, give or take some
    /// seconds between tracks. Every frame of Opus is a key frame.
    pub fn write_frame(
        &mut self,
        track: usize,
        time: Duration,
        is_key: bool,
        data: &[u8],
    ) -> Result<(), Error> {
        let is_audio = *self.is_audio.get(track).ok_or(Error::InvalidArgument("there is no such track"))?;
        if data.len() > FRAME_LEN_MAX {
            return Err(Error::TooLarge("a frame"));
        }
        let is_key = is_key || is_audio;
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let cluster = self.cluster_for(track, time_ms, is_key)?;
        let relative = i128::from(time_ms) - i128::from(cluster.start_ms);
        let relative = i16::try_from(relative)
            .map_err(|_| Error::InvalidArgument("a frame is out of the order of time"))?;
        // RFC 9559 §10.2: track number, time in the cluster, flags; no lacing.
        let number = 0x81 + u8::try_from(track).unwrap_or(0);
        let [t0, t1] = relative.to_be_bytes();
        let mut block = Elements::default();
        block.id(id::SIMPLE_BLOCK).size(data.len() as u64 + 4);
        block.0.extend_from_slice(&[number, t0, t1, u8::from(is_key) << 7]);
        self.write(&block.0)?;
        self.write(data)?;
        self.end_ms = self.end_ms.max(time_ms);
        Ok(())
    }

    /// Writes where to jump to, flushes, and gives the output back.
    pub fn finish(mut self) -> Result<W, Error> {
        self.write_cues()?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// The cluster that a frame goes into, a new one if need be.
    fn cluster_for(&mut self, track: usize, time_ms: u64, is_key: bool) -> Result<Cluster, Error> {
        let is_audio_only = self.is_audio.iter().all(|is_audio| *is_audio);
        let can_jump = is_key && (is_audio_only || !self.is_audio[track]);
        if let Some(cluster) = &mut self.cluster {
            let age = time_ms.saturating_sub(cluster.start_ms);
            let is_over = age >= CLUSTER_MS_MAX || (can_jump && !is_audio_only && age >= CLUSTER_MS_MIN);
            if !is_over {
                cluster.last_ms = cluster.last_ms.max(time_ms);
                return Ok(*cluster);
            }
        }
        let cluster = Cluster { start_ms: time_ms, last_ms: time_ms };
        if can_jump {
            self.add_cue(Cue {
                time_ms,
                track: track as u64 + 1,
                cluster: self.position - self.layout.segment,
            });
        }
        let mut head = Elements::default();
        head.id(id::CLUSTER).0.extend_from_slice(&UNKNOWN_SIZE);
        head.unsigned(id::TIMESTAMP, time_ms);
        self.write(&head.0)?;
        self.cluster = Some(cluster);
        Ok(cluster)
    }

    fn add_cue(&mut self, cue: Cue) {
        let (step, gone_by) = &mut self.cue_step;
        *gone_by += 1;
        if *gone_by < *step {
            return;
        }
        *gone_by = 0;
        if self.cues.len() == CUES_MAX {
            let mut index = 0;
            self.cues.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            *step = step.saturating_mul(2);
        }
        self.cues.push(cue);
    }

    fn write_cues(&mut self) -> Result<(), Error> {
        if self.cues.is_empty() {
            return Ok(());
        }
        let mut cues = Elements::default();
        cues.master(id::CUES, |all| {
            for cue in &self.cues {
                all.master(id::CUE_POINT, |point| {
                    point.unsigned(id::CUE_TIME, cue.time_ms);
                    point.master(id::CUE_TRACK_POSITIONS, |positions| {
                        positions.unsigned(id::CUE_TRACK, cue.track);
                        positions.unsigned(id::CUE_CLUSTER_POSITION, cue.cluster);
                    });
                });
            }
        });
        self.write(&cues.0)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.output.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

impl<W: Write + Seek> WebmWriter<W> {
    /// As [`Self::finish`], and says at the beginning how long the file is and where the places to jump to are listed. The file must begin where the output does.
    pub fn finish_seekable(mut self) -> Result<W, Error> {
        let cues = self.position;
        self.write_cues()?;
        let end = self.position;

        let mut head = Elements::default();
        head.master(id::SEEK_HEAD, |all| {
            let places = [(id::INFO, self.layout.info), (id::TRACKS, self.layout.tracks), (id::CUES, cues)];
            // Without cues their place is the end of the file.
            for (id, at) in places.into_iter().filter(|(_, at)| *at < end) {
                all.master(id::SEEK, |seek| {
                    seek.binary(id::SEEK_ID, &id.to_be_bytes());
                    seek.unsigned(id::SEEK_POSITION, at - self.layout.segment);
                });
            }
        });
        head.void(SEEK_HEAD_LEN - head.0.len());
        self.patch(self.layout.segment, &head.0)?;
        let mut duration = Elements::default();
        #[expect(clippy::cast_precision_loss, reason = "no recording is 2^53 ms long")]
        duration.float(id::DURATION, self.end_ms as f64);
        self.patch(self.layout.duration, &duration.0)?;
        self.output.seek(SeekFrom::Start(end))?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn patch(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        self.output.seek(SeekFrom::Start(at))?;
        self.output.write_all(bytes)?;
        Ok(())
    }
}

fn write_ebml_header(head: &mut Elements, tracks: &[WebmTrack]) {
    let is_webm = tracks.iter().all(|track| track.codec != Codec::H264);
    head.master(id::EBML, |ebml| {
        ebml.unsigned(id::EBML_VERSION, 1)
            .unsigned(id::EBML_READ_VERSION, 1)
            .unsigned(id::EBML_MAX_ID_LENGTH, 4)
            .unsigned(id::EBML_MAX_SIZE_LENGTH, 8)
            .binary(id::DOC_TYPE, if is_webm { b"webm" } else { b"matroska" })
            .unsigned(id::DOC_TYPE_VERSION, 4)
            .unsigned(id::DOC_TYPE_READ_VERSION, 2);
    });
}

/// Says where the room for the duration is.
fn write_info(head: &mut Elements) -> u64 {
    head.master(id::INFO, |info| {
        info.unsigned(id::TIMESTAMP_SCALE, 1_000_000)
            .binary(id::MUXING_APP, APP)
            .binary(id::WRITING_APP, APP)
            .void(DURATION_LEN);
    });
    (head.0.len() - DURATION_LEN) as u64
}

fn write_track(entry: &mut Elements, number: u64, track: &WebmTrack) {
    entry
        .unsigned(id::TRACK_NUMBER, number)
        .unsigned(id::TRACK_UID, number)
        .unsigned(id::TRACK_TYPE, if track.codec.is_audio() { 2 } else { 1 })
        .unsigned(id::FLAG_LACING, 0)
        .binary(id::CODEC_ID, track.codec.matroska_id().as_bytes());
    if !track.codec_private.is_empty() {
        entry.binary(id::CODEC_PRIVATE, &track.codec_private);
    }
    if let (Codec::Opus, Ok(head)) = (track.codec, OpusHead::parse(&track.codec_private)) {
        entry
            .unsigned(id::CODEC_DELAY, u64::from(head.pre_skip) * 1_000_000_000 / 48_000)
            .unsigned(id::SEEK_PRE_ROLL, OPUS_PRE_ROLL_NS);
    }
    match track.kind {
        WebmTrackKind::Video { width, height } => entry.master(id::VIDEO, |video| {
            video.unsigned(id::PIXEL_WIDTH, u64::from(width)).unsigned(id::PIXEL_HEIGHT, u64::from(height));
        }),
        WebmTrackKind::Audio { channels, sample_rate } => entry.master(id::AUDIO, |audio| {
            audio
                .float(id::SAMPLING_FREQUENCY, f64::from(sample_rate))
                .unsigned(id::CHANNELS, u64::from(channels));
        }),
    };
}
