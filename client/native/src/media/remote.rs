use super::clock_rate;
use crate::connection::ReceivedFrame;
use moim_media_file::Codec;
use moim_signal::id::ParticipantId;
use moim_signal::message::{Topology, TrackDescription};
use moim_wire::{Mid, RtpTimestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// Frames that may wait to be read. Beyond, they are dropped, and counted.
const FRAMES_MAX: usize = 256;
/// How far a frame's time may be from where it should be by when it came: networks delay less, and clocks begin anywhere.
const DEVIATION_MAX: Duration = Duration::from_secs(5);
/// How long the way that is preferred may bring nothing before the other one is taken, if that brings something.
const SILENCE_MAX: Duration = Duration::from_secs(1);

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

/// Where frames of a remote track go. Clones are the same: a track may come by two ways while a room goes from one topology to another, and
/// what is passed on is always that of one of them.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSink {
    frames: mpsc::Sender<RemoteFrame>,
    shared: Arc<Mutex<Switch>>,
    counters: Arc<Counters>,
    /// Is told whenever the track goes on by another way.
    ways: Arc<Notify>,
}

/// Where a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// By which way.
    pub(crate) by: Topology,
    /// In which section of the connection.
    pub(crate) section: Option<Mid>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It was passed on.
    On,
    /// Whoever reads the track has not read what came before. What follows is of no use without a key frame.
    NoRoom,
    /// It cannot be decoded by itself, and nothing of its origin was passed on before.
    KeyFrameNeeded,
    /// The track comes by another way.
    NotNeeded,
}

/// Which of the ways the track comes by.
#[derive(Debug)]
struct Switch {
    preferred: Topology,
    origin: Option<Origin>,
    timeline: Timeline,
}

/// The time of a track over any number of connections, each of which begins its clock somewhere else.
#[derive(Debug, Default)]
struct Timeline {
    last: Option<Last>,
    /// Whether the next frame is of another clock, however close that may be.
    is_another: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: RtpTimestamp,
    ticks: u64,
    arrived: Instant,
}

impl RemoteTrack {
    /// A track, and where its frames go. `preferred`: the way it is to come by, if it comes by both. `ways` is told when that changes.
    pub(crate) fn new(
        participant: ParticipantId,
        description: TrackDescription,
        preferred: Topology,
        ways: Arc<Notify>,
    ) -> (Self, RemoteSink) {
        let (sender, frames) = mpsc::channel(FRAMES_MAX);
        let counters = Arc::<Counters>::default();
        let shared = Switch { preferred, origin: None, timeline: Timeline::default() };
        let sink = RemoteSink {
            frames: sender,
            shared: Arc::new(Mutex::new(shared)),
            counters: Arc::clone(&counters),
            ways,
        };
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
    /// Passes a frame on, if it is of the way that the track comes by, or begins another one that is better.
    pub(crate) fn send(&self, origin: Origin, frame: ReceivedFrame) -> Passed {
        let mut switch = self.lock();
        let is_switching = switch.origin != Some(origin);
        if is_switching {
            match switch.judge(origin, &frame) {
                Passed::On => switch.turn_to(origin, &self.ways),
                refused @ (Passed::NoRoom | Passed::KeyFrameNeeded | Passed::NotNeeded) => return refused,
            }
        }
        let timestamp = switch.timeline.place(frame.timestamp, clock_rate(frame.codec), frame.arrived);
        drop(switch);
        let ReceivedFrame { codec, data, is_key_frame, arrived, .. } = frame;
        let count = |counter: &AtomicU64, by: u64| counter.fetch_add(by, Ordering::Relaxed);
        count(&self.counters.frames, 1);
        count(&self.counters.key_frames, u64::from(is_key_frame));
        count(&self.counters.bytes, data.len() as u64);
        let frame = RemoteFrame { codec, data, timestamp, is_key_frame, arrived };
        let is_sent = self.frames.try_send(frame).is_ok();
        count(&self.counters.dropped, u64::from(!is_sent));
        if is_sent { Passed::On } else { Passed::NoRoom }
    }

    /// By which way the track is to come from now on, as soon as it does.
    pub(crate) fn prefer(&self, way: Topology) {
        self.lock().preferred = way;
    }

    /// By which way the track comes, if anything has come.
    pub(crate) fn way(&self) -> Option<Topology> {
        self.lock().origin.map(|origin| origin.by)
    }

    fn lock(&self) -> MutexGuard<'_, Switch> {
        // There is no moment between two of the assignments at which the state would be wrong.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Switch {
    /// Whether the track goes on with a frame of another origin.
    fn judge(&self, origin: Origin, frame: &ReceivedFrame) -> Passed {
        let is_better = match self.origin {
            None => true,
            // Another section of the same connection, or of one that took its place.
            Some(before) if before.by == origin.by => true,
            Some(_) => origin.by == self.preferred || self.timeline.is_silent(frame.arrived),
        };
        match (is_better, frame.is_key_frame) {
            (false, _) => Passed::NotNeeded,
            (true, false) => Passed::KeyFrameNeeded,
            (true, true) => Passed::On,
        }
    }

    fn turn_to(&mut self, origin: Origin, ways: &Notify) {
        let before = self.origin.replace(origin);
        // Every origin has a clock of its own.
        self.timeline.is_another = true;
        if before.map(|before| before.by) != Some(origin.by) {
            ways.notify_one();
        }
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
                let is_same_clock = !self.is_another
                    && distance.abs_diff(elapsed) <= ticks_in(DEVIATION_MAX, clock_rate).unsigned_abs();
                last.ticks.saturating_add_signed(if is_same_clock { distance } else { elapsed })
            }
        };
        self.last = Some(Last { timestamp, ticks, arrived });
        self.is_another = false;
        ticks
    }

    /// Whether nothing has come for so long that something else may.
    fn is_silent(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last.arrived) > SILENCE_MAX)
    }
}

fn ticks_in(time: Duration, clock_rate: u32) -> i64 {
    i64::try_from(time.as_nanos() * u128::from(clock_rate) / 1_000_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{
        Origin, Passed, ReceivedFrame, RemoteSink, RemoteTrack, RtpTimestamp, SILENCE_MAX, Timeline,
    };
    use moim_media_file::Codec;
    use moim_peer::sdp::jsep::TransceiverId;
    use moim_signal::id::{ParticipantId, TrackId};
    use moim_signal::message::{Topology, TrackDescription, TrackKind, TrackSource};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const DIRECT: Origin = Origin { by: Topology::Mesh, section: None };
    const FORWARDED: Origin = Origin { by: Topology::Sfu, section: None };

    fn track(preferred: Topology) -> (RemoteTrack, RemoteSink) {
        let (kind, source) = (TrackKind::Video, TrackSource::Camera);
        let description = TrackDescription { id: TrackId::new("camera"), kind, source, muted: false };
        RemoteTrack::new(ParticipantId::new("anna"), description, preferred, Arc::default())
    }

    fn frame(is_key_frame: bool, timestamp: u32, arrived: Instant) -> ReceivedFrame {
        ReceivedFrame {
            transceiver: TransceiverId(0),
            mid: None,
            codec: Codec::Vp8,
            data: vec![0],
            timestamp: RtpTimestamp(timestamp),
            is_key_frame,
            arrived,
        }
    }

    #[tokio::test]
    async fn a_track_goes_over_to_another_way_with_its_first_key_frame() {
        let (mut track, sink) = track(Topology::Mesh);
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        assert_eq!(sink.send(DIRECT, frame(true, 9_000, begin)), Passed::On);

        sink.prefer(Topology::Sfu);

        assert_eq!(sink.send(FORWARDED, frame(false, 500, at(10))), Passed::KeyFrameNeeded);
        assert_eq!(sink.send(DIRECT, frame(false, 10_800, at(20))), Passed::On);
        assert_eq!(sink.way(), Some(Topology::Mesh));
        assert_eq!(sink.send(FORWARDED, frame(true, 3_500, at(40))), Passed::On);
        assert_eq!(sink.send(DIRECT, frame(true, 12_600, at(41))), Passed::NotNeeded);
        assert_eq!(sink.send(FORWARDED, frame(false, 5_300, at(60))), Passed::On);
        assert_eq!(sink.way(), Some(Topology::Sfu));
        let mut times = Vec::new();
        for _ in 0..4 {
            times.push(track.next_frame().await.unwrap().timestamp);
        }
        assert_eq!(times, [0, 1_800, 3_600, 5_400], "its time goes on although the clocks differ");
    }

    #[test]
    fn a_way_that_is_not_preferred_is_better_than_none() {
        let (_track, sink) = track(Topology::Sfu);
        let begin = Instant::now();
        assert_eq!(sink.send(DIRECT, frame(true, 0, begin)), Passed::On, "the other has brought nothing yet");
        assert_eq!(sink.send(FORWARDED, frame(true, 0, begin)), Passed::On);
        assert_eq!(sink.send(DIRECT, frame(true, 9_000, begin + SILENCE_MAX)), Passed::NotNeeded);

        let later = begin + SILENCE_MAX + Duration::from_millis(1);

        assert_eq!(sink.send(DIRECT, frame(true, 18_000, later)), Passed::On);
    }

    #[test]
    fn a_track_that_moves_to_another_section_goes_on_with_a_key_frame() {
        let (_track, sink) = track(Topology::Sfu);
        let section = |mid: &str| Origin { section: Some(mid.parse().unwrap()), ..FORWARDED };
        let now = Instant::now();
        assert_eq!(sink.send(section("4"), frame(false, 0, now)), Passed::KeyFrameNeeded);
        assert_eq!(sink.send(section("4"), frame(true, 0, now)), Passed::On);

        assert_eq!(sink.send(section("5"), frame(false, 7, now)), Passed::KeyFrameNeeded);
        assert_eq!(sink.send(section("5"), frame(true, 7, now)), Passed::On);
    }

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
