use super::clock_rate;
use crate::connection::ReceivedFrame;
use moim_media_file::Codec;
use moim_signal::id::ParticipantId;
use moim_signal::message::TrackDescription;
use moim_wire::RtpTimestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Frames that may wait to be read. Beyond, they are dropped, and counted.
const FRAMES_MAX: usize = 256;
/// How far a frame's time may be from where it should be by when it came: networks delay less, and clocks begin anywhere.
const DEVIATION_MAX: Duration = Duration::from_secs(5);

/// A frame as a peer sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFrame {
    /// What it is encoded with.
    pub codec: Codec,
    /// The frame.
    pub data: Vec<u8>,
    /// Its time by the clock of its codec, from the first frame of the track on.
    pub timestamp: u64,
    /// Whether it can be decoded without others.
    pub is_key_frame: bool,
    /// When the last of its packets came.
    pub arrived: Instant,
}

/// A track that somebody in the room publishes. Its frames come while both of its ends are there, whatever becomes of the
/// connection in between.
#[derive(Debug)]
pub struct RemoteTrack {
    participant: ParticipantId,
    description: TrackDescription,
    frames: mpsc::Receiver<RemoteFrame>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    key_frames: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
}

/// Counts of a track, which go on while it is read. Clones are the same.
#[derive(Clone, Debug)]
pub struct TrackCounts(Arc<Counters>);

/// Where frames of a remote track go.
#[derive(Debug)]
pub(crate) struct RemoteSink {
    frames: mpsc::Sender<RemoteFrame>,
    timeline: Timeline,
    counters: Arc<Counters>,
}

/// The time of a track over any number of connections, each of which begins its clock somewhere else.
#[derive(Debug, Default)]
struct Timeline {
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: RtpTimestamp,
    ticks: u64,
    arrived: Instant,
}

impl RemoteTrack {
    pub(crate) fn new(participant: ParticipantId, description: TrackDescription) -> (Self, RemoteSink) {
        let (sender, frames) = mpsc::channel(FRAMES_MAX);
        let counters = Arc::<Counters>::default();
        let sink =
            RemoteSink { frames: sender, timeline: Timeline::default(), counters: Arc::clone(&counters) };
        (Self { participant, description, frames, counters }, sink)
    }

    /// Who publishes it.
    pub fn participant(&self) -> &ParticipantId {
        &self.participant
    }

    /// What is known of it. Whether it is muted changes: the room tells.
    pub fn description(&self) -> &TrackDescription {
        &self.description
    }

    /// The next frame. [`None`] once the track is gone.
    pub async fn next_frame(&mut self) -> Option<RemoteFrame> {
        self.frames.recv().await
    }

    /// What was counted of it.
    pub fn counts(&self) -> TrackCounts {
        TrackCounts(Arc::clone(&self.counters))
    }
}

impl TrackCounts {
    /// Frames that came.
    pub fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// Those among them that can be decoded without others.
    pub fn key_frames(&self) -> u64 {
        self.0.key_frames.load(Ordering::Relaxed)
    }

    /// Bytes of all frames.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Frames that were dropped because nobody read them in time.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl RemoteSink {
    /// Passes a frame on. Returns whether there was room for it.
    pub(crate) fn send(&mut self, frame: ReceivedFrame) -> bool {
        let timestamp = self.timeline.place(frame.timestamp, clock_rate(frame.codec), frame.arrived);
        let ReceivedFrame { codec, data, is_key_frame, arrived, .. } = frame;
        let count = |counter: &AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        count(&self.counters.frames, 1);
        count(&self.counters.key_frames, u64::from(is_key_frame));
        count(&self.counters.bytes, data.len() as u64);
        let frame = RemoteFrame { codec, data, timestamp, is_key_frame, arrived };
        let is_sent = self.frames.try_send(frame).is_ok();
        count(&self.counters.dropped, u64::from(!is_sent));
        is_sent
    }
}

impl Timeline {
    /// The ticks from the first frame on. A clock that is far from where it should be by now is another one, which goes on where the one
    /// before would be.
    fn place(&mut self, timestamp: RtpTimestamp, clock_rate: u32, arrived: Instant) -> u64 {
        let ticks = match self.last {
            None => 0,
            Some(last) => {
                let elapsed = ticks_in(arrived.saturating_duration_since(last.arrived), clock_rate);
                let distance = i64::from(timestamp.distance_from(last.timestamp));
                let is_same_clock =
                    distance.abs_diff(elapsed) <= ticks_in(DEVIATION_MAX, clock_rate).unsigned_abs();
                last.ticks.saturating_add_signed(if is_same_clock { distance } else { elapsed })
            }
        };
        self.last = Some(Last { timestamp, ticks, arrived });
        ticks
    }
}

fn ticks_in(time: Duration, clock_rate: u32) -> i64 {
    i64::try_from(time.as_nanos() * u128::from(clock_rate) / 1_000_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{RtpTimestamp, Timeline};
    use std::time::{Duration, Instant};

    #[test]
    fn time_goes_on_over_a_wrap() {
        let (mut timeline, now) = (Timeline::default(), Instant::now());

        assert_eq!(timeline.place(RtpTimestamp(u32::MAX - 2_999), 90_000, now), 0);
        assert_eq!(timeline.place(RtpTimestamp(0), 90_000, now + Duration::from_millis(33)), 3_000);
        assert_eq!(
            timeline.place(RtpTimestamp(3_000), 90_000, now + Duration::from_secs(1)),
            6_000,
            "it came late"
        );
    }

    #[test]
    fn time_goes_on_over_another_connection() {
        let (mut timeline, now) = (Timeline::default(), Instant::now());
        timeline.place(RtpTimestamp(1_000_000), 48_000, now);

        let ticks = timeline.place(RtpTimestamp(3_000_000_000), 48_000, now + Duration::from_secs(2));

        assert_eq!(ticks, 96_000);
        assert_eq!(timeline.place(RtpTimestamp(3_000_000_960), 48_000, now + Duration::from_secs(2)), 96_960);
    }
}
