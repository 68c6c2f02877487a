//! Recording what comes to files that players play.
//!
//! A participant's camera and microphone go to one WebM file if they are encoded with what WebM holds and both begin within ten
//! seconds. Any other track has a file of its own: IVF for VP8, VP9 and AV1, Ogg for Opus, and a bare stream (Annex B) for H.264.
//! Tracks of a file are aligned by when their first frames came.

mod budget;
mod file;
mod participant;

use super::RemoteTrack;
use crate::error::Error;
use budget::Budget;
use moim_media_file::Codec;
use moim_signal::id::ParticipantId;
use participant::{Piece, run};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Frames that may wait to be written. Beyond, whoever reads them waits, and then they are dropped.
const PIECES_MAX: usize = 256;
/// The most characters of a participant's name, and of its id, in the name of a file: with the longest of characters, systems still
/// take it.
const NAME_CHARS_MAX: usize = 40;
const ID_CHARS_MAX: usize = 64;

/// How much is recorded unless said otherwise: 8 GiB, some hours of a few people. A recording that nobody watches must not fill a disk.
const BYTES_MAX_USUAL: u64 = 8 << 30;

/// Where to record to, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderOptions {
    /// The folder. It is made if it is not there.
    pub folder: PathBuf,
    /// Bytes of all files together, of which each takes 4 KiB beside its frames. Once that many are written, the files are completed, and
    /// nothing more is recorded.
    pub bytes_max: u64,
}

impl RecorderOptions {
    /// To a folder, and as much as usual: 8 GiB.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), bytes_max: BYTES_MAX_USUAL }
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub codecs: Vec<Codec>,
    /// How many frames.
    pub frames: u64,
    /// From its first to its last frame.
    pub duration: Duration,
}

/// Records the tracks of a room's participants.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    budget: Arc<Budget>,
    participants: BTreeMap<ParticipantId, Writer>,
    /// Those that write, and those that have written.
    tasks: Vec<JoinHandle<Result<Vec<Recording>, Error>>>,
}

/// How to reach the task that writes what comes of one participant.
#[derive(Debug)]
struct Writer {
    /// It ends with the participant's last track: its thread is one of few.
    pieces: mpsc::WeakSender<Piece>,
    tracks: usize,
}

impl Recorder {
    /// Makes the folder.
    pub fn new(options: RecorderOptions) -> Result<Self, Error> {
        std::fs::create_dir_all(&options.folder).map_err(|error| {
            Error::Media(format!("the folder {} cannot be made: {error}", options.folder.display()))
        })?;
        let budget = Arc::new(Budget::new(options.bytes_max));
        Ok(Self { options, budget, participants: BTreeMap::new(), tasks: Vec::new() })
    }

    /// Whether as much is recorded as may be, and nothing more will be.
    pub fn is_full(&self) -> bool {
        self.budget.is_spent()
    }

    /// Records a track until it is gone. `name` is what its participant is called.
    pub fn record(&mut self, mut track: RemoteTrack, name: &str) {
        let (index, pieces) = self.place_of(track.participant().clone(), name);
        tokio::spawn(async move {
            let source = track.description().source;
            if pieces.send(Piece::Begun { index, source }).await.is_err() {
                return;
            }
            while let Some(frame) = track.next_frame().await {
                if pieces.send(Piece::Frame { index, frame }).await.is_err() {
                    return;
                }
            }
            // Nobody may be there any more to hear of it.
            let _ = pieces.send(Piece::Ended { index }).await;
        });
    }

    /// The number of another track of a participant, and where to send what comes of it.
    fn place_of(&mut self, participant: ParticipantId, name: &str) -> (usize, mpsc::Sender<Piece>) {
        self.participants.retain(|_, writer| writer.pieces.strong_count() > 0);
        if let Some(writer) = self.participants.get_mut(&participant)
            && let Some(pieces) = writer.pieces.upgrade()
        {
            writer.tracks += 1;
            return (writer.tracks - 1, pieces);
        }
        let (pieces, inbox) = mpsc::channel(PIECES_MAX);
        let stem = self.options.folder.join(stem(name, &participant));
        // Disks may be slow, and nothing else is to wait for them.
        let budget = Arc::clone(&self.budget);
        self.tasks.push(tokio::task::spawn_blocking(move || run(inbox, stem, budget)));
        self.participants.insert(participant, Writer { pieces: pieces.downgrade(), tracks: 1 });
        (0, pieces)
    }

    /// Waits until the tracks are gone and everything is written. What was written until something failed is there all the same: the
    /// files of the other participants are complete before the first failure is told.
    pub async fn finish(self) -> Result<Vec<Recording>, Error> {
        let mut recordings = Vec::new();
        let mut failed = None;
        for task in self.tasks {
            match task.await.map_err(|error| Error::Media(error.to_string())).flatten() {
                Ok(written) => recordings.extend(written),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(recordings), Err)
    }
}

/// What the names of a participant's files begin with.
fn stem(name: &str, participant: &ParticipantId) -> String {
    let kept =
        |character: char| if character.is_alphanumeric() || character == '-' { character } else { '_' };
    let name: String = name.chars().take(NAME_CHARS_MAX).map(kept).collect();
    let id: String = participant.as_str().chars().take(ID_CHARS_MAX).map(kept).collect();
    format!("{name}-{id}")
}

#[cfg(test)]
mod tests {
    use super::{Recorder, RecorderOptions, RemoteTrack, stem};
    use crate::connection::ReceivedFrame;
    use crate::media::{Origin, RemoteSink};
    use moim_media_file::Codec;
    use moim_media_file::ogg::OggOpusReader;
    use moim_sdp::jsep::TransceiverId;
    use moim_signal::id::{ParticipantId, TrackId};
    use moim_signal::message::{Topology, TrackDescription, TrackKind, TrackSource};
    use moim_wire::RtpTimestamp;
    use std::fs::File;
    use std::io::BufReader;
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let id = ParticipantId::new("p_1");

        assert_eq!(stem("../../etc/passwd", &id), "______etc_passwd-p_1");
        assert_eq!(stem("Anna 안나", &id), "Anna_안나-p_1");
        assert!(stem(&"x".repeat(1_000), &id).len() < 60);
        assert!(stem("안", &ParticipantId::new("x".repeat(1_000))).len() < 100);
    }

    #[tokio::test]
    async fn whoever_is_gone_takes_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(RecorderOptions::new(folder.path())).unwrap();
        for _ in 0..2 {
            let (kind, source) = (TrackKind::Audio, TrackSource::Other);
            let description = TrackDescription { id: TrackId::new("t"), kind, source, muted: false };
            let (track, sink) = of("p_1", description);
            recorder.record(track, "anna");
            sink.send(ORIGIN, packet());
            drop(sink);
            timeout(Duration::from_secs(60), async {
                while !recorder.tasks.iter().all(JoinHandle::is_finished) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await
            .unwrap();
        }

        let written: Vec<_> = recorder.finish().await.unwrap();
        let written: Vec<_> = written.iter().map(|one| one.path.file_name().unwrap().to_owned()).collect();
        assert_eq!(written, ["anna-p_1-other.ogg", "anna-p_1-other-2.ogg"]);
    }

    const ORIGIN: Origin = Origin { by: Topology::Mesh, section: None };

    fn of(id: &str, description: TrackDescription) -> (RemoteTrack, RemoteSink) {
        RemoteTrack::new(ParticipantId::new(id), description, Topology::Mesh, Arc::default())
    }

    fn packet() -> ReceivedFrame {
        ReceivedFrame {
            transceiver: TransceiverId(0),
            mid: None,
            codec: Codec::Opus,
            data: vec![0xFC, 1, 2, 3],
            timestamp: RtpTimestamp(0),
            is_key_frame: true,
            arrived: Instant::now(),
        }
    }

    #[tokio::test]
    async fn what_fails_for_one_leaves_the_files_of_others_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(RecorderOptions::new(folder.path())).unwrap();
        // There is no name left for the first one.
        for number in 1..=1_000 {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            File::create(folder.path().join(format!("anna-p_1-other{number}.ogg"))).unwrap();
        }
        let mut sinks = Vec::new();
        for id in ["p_1", "p_2"] {
            let (kind, source) = (TrackKind::Audio, TrackSource::Other);
            let description = TrackDescription { id: TrackId::new("t"), kind, source, muted: false };
            let (track, sink) = of(id, description);
            recorder.record(track, "anna");
            sinks.push(sink);
        }
        for sink in &mut sinks {
            sink.send(ORIGIN, packet());
        }
        let other = sinks.pop();
        drop(sinks);
        // The one who has failed has ended; what takes longer to come to its end is waited for, too.
        timeout(Duration::from_secs(60), async {
            while !recorder.tasks[0].is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        tokio::spawn(async move { drop(other) });

        assert!(recorder.finish().await.is_err());

        let file = File::open(folder.path().join("anna-p_2-other.ogg")).unwrap();
        let mut ogg = OggOpusReader::new(BufReader::new(file)).unwrap();
        assert_eq!(ogg.next_packet().unwrap().unwrap().data, [0xFC, 1, 2, 3]);
    }
}
