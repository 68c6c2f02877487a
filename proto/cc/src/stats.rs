use crate::delay::Usage;
use moim_wire::Bitrate;
use std::time::Duration;

/// What decides the present target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing was reported yet.
    Start,
    /// It grows, and nothing spoke against it so far.
    Increase,
    /// Delay has grown: less is sent until the queue is gone.
    Delay,
    /// Packets were lost more often than a bandwidth this high explains.
    Loss,
    /// A probe arrived at this rate.
    Probe,
    /// Reports stay away.
    Silence,
    /// It may not be lower.
    Min,
    /// It may not be higher.
    Max,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Increase,
        Self::Delay,
        Self::Loss,
        Self::Probe,
        Self::Silence,
        Self::Min,
        Self::Max,
    ];

    /// One word, for metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Increase => "increase",
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Probe => "probe",
            Self::Silence => "silence",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// What a [`SendSideController`](crate::SendSideController) knows at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// What may be sent.
    pub target: Bitrate,
    /// Why it is not more.
    pub reason: Reason,
    /// What may be sent as far as delay tells.
    pub delay_estimate: Bitrate,
    /// What may be sent as far as loss tells. [`None`]: loss does not limit.
    pub loss_estimate: Option<Bitrate>,
    /// At which rate packets arrive. [`None`]: not known yet.
    pub acknowledged: Option<Bitrate>,
    /// Whether delay grows.
    pub usage: Usage,
    /// The slope of delay, as compared with the threshold, in milliseconds.
    pub trend_ms: f64,
    /// The threshold, in milliseconds.
    pub threshold_ms: f64,
    /// How long packets wait on the path, above the least delay seen lately.
    pub queue: Duration,
    /// The round trip, smoothed.
    pub rtt: Duration,
    /// The share of packets that were lost lately, from 0 to 1.
    pub loss: f64,
    /// The share that is taken to get lost at any rate, for no reason of congestion, from 0 to 1.
    pub inherent_loss: f64,
    /// Whether the application sends much less than it might.
    pub application_limited: bool,
    /// Bytes that were sent and not reported yet.
    pub in_flight_bytes: u64,
    /// Packets that were sent and not reported yet.
    pub in_flight_packets: u32,
    /// What happened since the beginning.
    pub counters: Counters,
}

/// What happened since a [`SendSideController`](crate::SendSideController) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets sent with a number that had its turn already: ignored.
    pub packets_out_of_order: u64,
    /// Packets reported as received.
    pub packets_received: u64,
    /// Packets reported as lost, and not received later.
    pub packets_lost: u64,
    /// Packets that no report named in time.
    pub packets_unanswered: u64,
    /// Reports.
    pub reports: u64,
    /// Results about packets that are not known, or that were reported before: ignored.
    pub results_ignored: u64,
    /// Probes begun.
    pub probes: u64,
    /// Probes that told a rate.
    pub probes_answered: u64,
    /// Times at which reports stayed away for too long.
    pub silences: u64,
}
