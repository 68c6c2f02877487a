//! One participant's tracks, and the files they go to.

use super::Recording;
use super::budget::Budget;
use super::file::{OutputFile, TrackFormat};
use crate::error::Error;
use crate::media::{RemoteFrame, clock_rate};
use moim_media_file::Codec;
use moim_signal::message::TrackSource;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long camera and microphone wait for each other.
const WAIT_TIME_MAX: Duration = Duration::from_secs(10);
/// Tracks of one participant that are recorded at once, and files that are open for them. What comes in further ones is not: nobody may take
/// the files that others need.
const TRACKS_MAX: usize = 256;
const FILES_MAX: usize = 32;
/// Frames that are kept meanwhile: more than ten seconds usually have.
const WAITING_MAX: usize = 1_024;

/// What happens to the tracks of a participant.
#[derive(Debug)]
pub(super) enum Piece {
    /// A track begins.
    Begun { index: usize, source: TrackSource },
    /// A frame of it.
    Frame { index: usize, frame: RemoteFrame },
    /// It is gone.
    Ended { index: usize },
}

/// Writes files until nobody has any more to write. Blocks.
pub(super) fn run(
    mut pieces: mpsc::Receiver<Piece>,
    stem: PathBuf,
    budget: Arc<Budget>,
) -> Result<Vec<Recording>, Error> {
    let mut files = ParticipantFiles::new(stem, budget);
    while let Some(piece) = pieces.blocking_recv() {
        files.take(piece)?;
    }
    files.finish()
}

/// A track, once its first frame is here.
#[derive(Debug)]
struct Track {
    source: TrackSource,
    begin: Option<Begin>,
    file: Option<usize>,
}

/// How a track's time relates to that of the recording.
#[derive(Clone, Copy, Debug)]
struct Begin {
    format: TrackFormat,
    arrived: Instant,
    timestamp: u64,
}

/// A file, and when it begins.
#[derive(Debug)]
struct Open {
    file: OutputFile,
    origin: Instant,
}

/// A place among the files. It is empty once its file is complete.
type Place = Option<Open>;

struct ParticipantFiles {
    stem: PathBuf,
    budget: Arc<Budget>,
    tracks: BTreeMap<usize, Track>,
    /// Frames of camera and microphone, until it is clear whether they go together.
    waiting: VecDeque<(usize, RemoteFrame)>,
    is_decided: bool,
    files: Vec<Place>,
    recordings: Vec<Recording>,
}

impl ParticipantFiles {
    fn new(stem: PathBuf, budget: Arc<Budget>) -> Self {
        Self {
            stem,
            budget,
            tracks: BTreeMap::new(),
            waiting: VecDeque::new(),
            is_decided: false,
            files: Vec::new(),
            recordings: Vec::new(),
        }
    }

    fn take(&mut self, piece: Piece) -> Result<(), Error> {
        match piece {
            Piece::Begun { .. } if self.tracks.len() >= TRACKS_MAX => Ok(()),
            Piece::Begun { index, source } => {
                self.tracks.insert(index, Track { source, begin: None, file: None });
                Ok(())
            }
            Piece::Frame { index, frame } => self.take_frame(index, frame),
            Piece::Ended { index } => self.end(index),
        }
    }

    /// A track is gone: its file is complete, unless another track is in it.
    fn end(&mut self, index: usize) -> Result<(), Error> {
        if self.waiting.iter().any(|(waits, _)| *waits == index) {
            self.decide()?;
        }
        let file = self.tracks.remove(&index).and_then(|track| track.file);
        self.complete(file)
    }

    /// Completes a file that no track goes to any more.
    fn complete(&mut self, file: Option<usize>) -> Result<(), Error> {
        let is_in_use = self.tracks.values().any(|track| track.file == file);
        let place = file.filter(|_| !is_in_use).and_then(|file| self.files.get_mut(file));
        if let Some(open) = place.and_then(Option::take) {
            self.recordings.push(open.file.finish()?);
        }
        Ok(())
    }

    /// Nothing more is written: what is there is whole, whatever comes.
    fn complete_all(&mut self) -> Result<(), Error> {
        for open in self.files.iter_mut().filter_map(Option::take) {
            self.recordings.push(open.file.finish()?);
        }
        Ok(())
    }

    fn take_frame(&mut self, index: usize, frame: RemoteFrame) -> Result<(), Error> {
        let Some(track) = self.tracks.get_mut(&index) else { return Ok(()) };
        let source = track.source;
        let changed = track.begin.is_some_and(|begin| begin.format.codec != frame.codec);
        if track.begin.is_none() || changed {
            // Nothing before a key frame can be decoded.
            if !frame.is_key_frame {
                return Ok(());
            }
            let format = TrackFormat::of(frame.codec, &frame.data);
            track.begin = Some(Begin { format, arrived: frame.arrived, timestamp: frame.timestamp });
            // What another codec encodes goes to another file.
            let before = track.file.take();
            self.complete(before)?;
        }
        let is_of_pair = matches!(source, TrackSource::Camera | TrackSource::Microphone);
        if self.is_decided || !is_of_pair {
            return self.write(index, &frame);
        }
        let first = self.waiting.front().map_or(frame.arrived, |(_, first)| first.arrived);
        let is_time = frame.arrived.saturating_duration_since(first) > WAIT_TIME_MAX;
        self.waiting.push_back((index, frame));
        if is_time || self.waiting.len() >= WAITING_MAX || self.pair().is_some() {
            self.decide()?;
        }
        Ok(())
    }

    /// Camera and microphone, if both have begun.
    fn pair(&self) -> Option<(usize, usize)> {
        let find = |source| {
            let mut tracks = self.tracks.iter();
            tracks.find(|(_, track)| track.source == source && track.begin.is_some()).map(|(&index, _)| index)
        };
        Some((find(TrackSource::Camera)?, find(TrackSource::Microphone)?))
    }

    fn decide(&mut self) -> Result<(), Error> {
        self.is_decided = true;
        if let Some((camera, microphone)) = self.pair() {
            let (video, audio) = (self.begin(camera), self.begin(microphone));
            if let (Some(video), Some(audio)) = (video, audio)
                && matches!(video.format.codec, Codec::Vp8 | Codec::Vp9)
                && audio.format.codec == Codec::Opus
                && self.budget.take_file()
            {
                let file = OutputFile::of_both(&self.stem, video.format)?;
                let index = self.open(file, video.arrived.min(audio.arrived));
                for track in [camera, microphone] {
                    self.tracks.entry(track).and_modify(|track| track.file = Some(index));
                }
            }
        }
        for (index, frame) in std::mem::take(&mut self.waiting) {
            self.write(index, &frame)?;
        }
        Ok(())
    }

    fn begin(&self, index: usize) -> Option<Begin> {
        self.tracks.get(&index).and_then(|track| track.begin)
    }

    fn open(&mut self, file: OutputFile, origin: Instant) -> usize {
        self.files.push(Some(Open { file, origin }));
        self.files.len() - 1
    }

    fn write(&mut self, index: usize, frame: &RemoteFrame) -> Result<(), Error> {
        let Some(Track { source, begin: Some(begin), file }) = self.tracks.get(&index) else { return Ok(()) };
        let (begin, source, file) = (*begin, *source, *file);
        if file.is_none() && self.files.iter().flatten().count() >= FILES_MAX {
            return Ok(());
        }
        if file.is_none() && !self.budget.take_file() || !self.budget.take(frame.data.len()) {
            return self.complete_all();
        }
        let file = if let Some(file) = file {
            file
        } else {
            let file = OutputFile::of_one(&stem_of(&self.stem, source), begin.format)?;
            let file = self.open(file, begin.arrived);
            self.tracks.entry(index).and_modify(|track| track.file = Some(file));
            file
        };
        let Some(Open { file, origin }) = self.files.get_mut(file).and_then(Option::as_mut) else {
            return Ok(());
        };
        let ticks = frame.timestamp.saturating_sub(begin.timestamp);
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(clock_rate(frame.codec));
        let since_begin = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let at = begin.arrived.saturating_duration_since(*origin) + since_begin;
        file.write(frame.codec, at, frame.is_key_frame, &frame.data)
    }

    /// All files, also if one of them cannot be completed.
    fn finish(mut self) -> Result<Vec<Recording>, Error> {
        let decided = if self.is_decided { Ok(()) } else { self.decide() };
        let finished: Vec<_> = self.files.into_iter().flatten().map(|open| open.file.finish()).collect();
        decided?;
        let mut recordings = self.recordings;
        recordings.extend(finished.into_iter().collect::<Result<Vec<_>, _>>()?);
        Ok(recordings)
    }
}

fn stem_of(stem: &Path, source: TrackSource) -> PathBuf {
    let what = match source {
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screen",
        TrackSource::ScreenShareAudio => "screen-sound",
        TrackSource::Other => "other",
    };
    let mut stem = stem.as_os_str().to_owned();
    stem.push(format!("-{what}"));
    stem.into()
}

#[cfg(test)]
mod tests;
