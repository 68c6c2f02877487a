use moim_wire::Bitrate;
use std::ops::Range;
use std::time::Duration;

/// What one [`Bin`] covers.
pub const BIN: Duration = Duration::from_millis(100);

/// What happened to one flow, in steps of [`BIN`].
#[derive(Clone, Debug, Default)]
pub struct Trace {
    bins: Vec<Bin>,
    /// How long each packet stood in the queue, and when it left.
    waits: Vec<(Duration, Duration)>,
    /// How long each packet of video took from the encoder to the far end, and when it arrived.
    took: Vec<(Duration, Duration)>,
}

/// What happened in [`BIN`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Bin {
    /// Bytes that arrived.
    pub received_bytes: u64,
    /// Packets that were sent.
    pub sent: u32,
    /// Packets that arrived.
    pub received: u32,
    /// The target at the end.
    pub target_bps: u64,
    /// The longest that a packet stood in the queue.
    pub wait_max: Duration,
}

impl Trace {
    /// A packet was sent.
    pub fn sent(&mut self, at: Duration) {
        self.bin(at).sent += 1;
    }

    /// A packet arrived.
    pub fn received(&mut self, at: Duration, size: u32, waited: Duration) {
        let bin = self.bin(at);
        bin.received += 1;
        bin.received_bytes += u64::from(size);
        bin.wait_max = bin.wait_max.max(waited);
        self.waits.push((at, waited));
    }

    /// A packet of video arrived, and took this long from the encoder.
    pub fn took(&mut self, at: Duration, time: Duration) {
        self.took.push((at, time));
    }

    /// The target is this now.
    pub fn target(&mut self, at: Duration, target: Bitrate) {
        self.bin(at).target_bps = target.as_bps();
    }

    /// Step by step.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// At which rate packets arrived, on average.
    pub fn rate(&self, seconds: Range<f64>) -> Bitrate {
        let bytes: u64 = self.between(seconds.clone()).iter().map(|bin| bin.received_bytes).sum();
        Bitrate::from_bytes_in(bytes, Duration::from_secs_f64(seconds.end - seconds.start))
    }

    /// The share of packets that did not arrive.
    pub fn loss(&self, seconds: Range<f64>) -> f64 {
        let bins = self.between(seconds);
        let sent: u32 = bins.iter().map(|bin| bin.sent).sum();
        let received: u32 = bins.iter().map(|bin| bin.received).sum();
        if sent == 0 { 0.0 } else { 1.0 - f64::from(received.min(sent)) / f64::from(sent) }
    }

    /// The longest that a packet stood in the queue.
    pub fn wait_max(&self, seconds: Range<f64>) -> Duration {
        self.between(seconds).iter().map(|bin| bin.wait_max).max().unwrap_or_default()
    }

    /// How long packets stood in the queue: on average, and 95 of 100 at most.
    pub fn waits(&self, seconds: Range<f64>) -> (Duration, Duration) {
        mean_and_p95(&self.waits, seconds)
    }

    /// How long packets of video took from the encoder to the far end: on average, and 95 of 100 at most.
    pub fn latency(&self, seconds: Range<f64>) -> (Duration, Duration) {
        mean_and_p95(&self.took, seconds)
    }

    /// The first moment from `since` on at which the target is at least this, in seconds.
    pub fn reaches(&self, target: Bitrate, since: f64) -> Option<f64> {
        self.first(since, |bin| bin.target_bps >= target.as_bps())
    }

    /// The first moment from `since` on at which the target is at most this, in seconds.
    pub fn falls_to(&self, target: Bitrate, since: f64) -> Option<f64> {
        self.first(since, |bin| bin.target_bps <= target.as_bps())
    }

    fn first(&self, since: f64, matches: impl Fn(&Bin) -> bool) -> Option<f64> {
        let from = index(since);
        let at = self.bins.iter().skip(from).position(matches)?;
        Some((BIN * u32::try_from(from + at).unwrap_or(u32::MAX)).as_secs_f64())
    }

    fn between(&self, seconds: Range<f64>) -> &[Bin] {
        let to = index(seconds.end).min(self.bins.len());
        &self.bins[index(seconds.start).min(to)..to]
    }

    fn bin(&mut self, at: Duration) -> &mut Bin {
        let index = index(at.as_secs_f64());
        while self.bins.len() <= index {
            let target_bps = self.bins.last().map_or(0, |bin| bin.target_bps);
            self.bins.push(Bin { target_bps, ..Bin::default() });
        }
        &mut self.bins[index]
    }
}

fn mean_and_p95(times: &[(Duration, Duration)], seconds: Range<f64>) -> (Duration, Duration) {
    let (from, to) = (Duration::from_secs_f64(seconds.start), Duration::from_secs_f64(seconds.end));
    let mut times: Vec<_> =
        times.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, time)| *time).collect();
    if times.is_empty() {
        return (Duration::ZERO, Duration::ZERO);
    }
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(u32::MAX);
    (mean, times[times.len() * 95 / 100])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run lasts minutes")]
fn index(seconds: f64) -> usize {
    (seconds / BIN.as_secs_f64() + 1e-9) as usize
}
