//! How good the direct path to another participant is: what the server is told, which decides whether media goes by it.

use moim_peer::PeerConnectionState;
use moim_peer::stats::StatsReport;
use moim_signal::message::PathState;
use std::time::{Duration, Instant};

/// A path that loses more of what is sent, or takes longer there and back, is poor.
const LOSS_MAX: f64 = 0.1;
const RTT_MAX: Duration = Duration::from_millis(800);
/// How long a path has to be so before that is told: networks have bad moments.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was told of a path, and what is about to be.
#[derive(Debug)]
pub(super) struct PathQuality {
    told: PathState,
    /// Since when it is otherwise than what was told.
    changed_at: Option<Instant>,
}

impl Default for PathQuality {
    fn default() -> Self {
        Self { told: PathState::Good, changed_at: None }
    }
}

impl PathQuality {
    /// The connection is so far. Returns what is to be told of that.
    pub(super) fn state_is(&mut self, state: PeerConnectionState) -> Option<PathState> {
        match state {
            PeerConnectionState::Failed => self.tell(PathState::Absent),
            PeerConnectionState::Connected if self.told == PathState::Absent => self.tell(PathState::Good),
            PeerConnectionState::New
            | PeerConnectionState::Connecting
            | PeerConnectionState::Connected
            | PeerConnectionState::Disconnected
            | PeerConnectionState::Closed => None,
        }
    }

    /// Of a path that works, this was measured. Returns what is to be told of that.
    pub(super) fn measured(&mut self, stats: &StatsReport, now: Instant) -> Option<PathState> {
        self.judge(is_poor(stats), now)
    }

    fn judge(&mut self, is_poor: bool, now: Instant) -> Option<PathState> {
        let state = if is_poor { PathState::Poor } else { PathState::Good };
        if state == self.told {
            self.changed_at = None;
            return None;
        }
        let since = *self.changed_at.get_or_insert(now);
        if now.saturating_duration_since(since) >= PATIENCE { self.tell(state) } else { None }
    }

    fn tell(&mut self, state: PathState) -> Option<PathState> {
        self.changed_at = None;
        (std::mem::replace(&mut self.told, state) != state).then_some(state)
    }
}

/// What the other side reports of what it was sent, and how long answers take.
fn is_poor(stats: &StatsReport) -> bool {
    let rtt =
        stats.candidate_pairs.iter().find(|pair| pair.selected).and_then(|pair| pair.current_round_trip_time);
    let is_slow = rtt.is_some_and(|rtt| rtt > RTT_MAX.as_secs_f64());
    is_slow || stats.remote_inbound_rtp.iter().any(|stream| stream.fraction_lost > LOSS_MAX)
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, PathQuality};
    use moim_peer::PeerConnectionState::{Connected, Connecting, Failed};
    use moim_signal::message::PathState;
    use std::time::{Duration, Instant};

    #[test]
    fn a_path_that_breaks_is_told_at_once_and_once() {
        let mut path = PathQuality::default();

        assert_eq!(path.state_is(Failed), Some(PathState::Absent));
        assert_eq!([Connecting, Failed].map(|state| path.state_is(state)), [None, None]);
        assert_eq!(path.state_is(Connected), Some(PathState::Good));
        assert_eq!(path.state_is(Connected), None);
    }

    #[test]
    fn a_path_is_poor_when_it_stays_so() {
        let (mut path, begin) = (PathQuality::default(), Instant::now());
        let almost = PATIENCE.saturating_sub(Duration::from_secs(1));
        assert_eq!(path.judge(true, begin), None);
        assert_eq!(path.judge(false, begin + almost), None, "it was a moment");
        assert_eq!(path.judge(true, begin + PATIENCE), None);

        assert_eq!(path.judge(true, begin + PATIENCE * 2), Some(PathState::Poor));

        assert_eq!(path.judge(true, begin + PATIENCE * 3), None, "it is known");
        assert_eq!(path.judge(false, begin + PATIENCE * 3), None);
        assert_eq!(path.judge(false, begin + PATIENCE * 4), Some(PathState::Good));
    }
}
