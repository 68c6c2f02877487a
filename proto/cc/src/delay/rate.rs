use super::Usage;
use super::alone::{Alone, Outcome};
use super::capacity::LinkCapacity;
use crate::units::float;
use std::time::{Duration, Instant};

/// What remains of the acknowledged rate on overuse, when there is no queue to speak of.
const DECREASE: f64 = 0.85;
/// What remains at the least, for the queue to drain.
const DECREASE_MIN: f64 = 0.2;
/// A queue of this length is to drain in about its own length of time.
const DRAIN: Duration = Duration::from_secs(1);
/// The queue counts as gone when it is shorter than this.
const DRAINED: Duration = Duration::from_millis(15);
/// A queue that has not become shorter in this time, and is as long as this, is that of others.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);
const QUEUE_OF_OTHERS: Duration = Duration::from_millis(30);
/// What of the rate that arrived is taken up again when the queue is gone: others who share the link leave as much room.
const RESUMED: f64 = 0.85;
/// Measurements of what the link carries that agree, until a link that was shared counts as not shared any more.
const AGREED: u32 = 5;
/// How long it counts as shared at least, once that has shown.
const SHARED: Duration = Duration::from_secs(10);
/// After a round trip and this, what arrives was measured at the rate that is sent.
const MEASURING: Duration = Duration::from_millis(300);
/// From this queue on, the link is taken to be busy all the time.
const QUEUE_TELLS: Duration = Duration::from_millis(50);
/// A queue that has jumped is overuse when this little arrives.
const STARVED: f64 = 0.75;
/// What remains on overuse beside such others, and how long they are taken to be there; or until the queue is gone.
const DECREASE_CONTESTED: f64 = 0.98;
const CONTESTED: Duration = Duration::from_secs(40);
/// So long after the last overuse, the rate is far from what the link carries.
const FAR: Duration = Duration::from_secs(3);
/// The same where overuse has shown what the link carries, and some round trips: others who share it make it rare.
const FAR_KNOWN: Duration = Duration::from_secs(6);
/// Growth each second far from what the link carries.
const GROWTH: f64 = 1.08;
/// Growth is never faster than this.
const GROWTH_MAX: f64 = 1.3;
/// More than the path is known to carry, only by this much.
const ABOVE_ACKNOWLEDGED: f64 = 1.5;
/// The same where overuse has shown what the link carries.
const ABOVE_ACKNOWLEDGED_KNOWN: f64 = 1.2;
const ABOVE_ACKNOWLEDGED_BPS: f64 = 10_000.0;
/// The least step of growth, in bits per second per second.
const GROWTH_MIN_BPS: f64 = 4_000.0;
/// Added to the round trip: until a change of rate shows.
const REACTION: Duration = Duration::from_millis(100);
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// Packets that the rate grows by in a round trip and a reaction, where it is known what the link carries.
const PACKETS: f64 = 0.6;
const PACKETS_BESIDE_QUEUES: f64 = 2.0;
/// Near what the link is known to carry, a probe must tell this much more than the rate to be believed: beside other flows
/// it takes from them for a moment what it does not get for long.
const PROBE_BELIEVED: f64 = 1.3;

/// Rate control: additive or multiplicative increase, multiplicative decrease (draft-ietf-rmcat-gcc-02 §5.5); and after it, when the
/// queue is gone, back to what was seen to arrive.
#[derive(Debug)]
pub(crate) struct RateControl {
    bps: f64,
    min_bps: f64,
    max_bps: f64,
    state: State,
    capacity: LinkCapacity,
    last_change: Instant,
    last_decrease: Option<Instant>,
    /// When a probe raised the rate.
    probed: Option<Instant>,
    /// Until when the queue is taken to be that of others.
    contested_until: Option<Instant>,
    /// Since when others share the link.
    shared: Option<Instant>,
    /// The queue is empty, whatever its measure says.
    emptied: bool,
    /// The link carries more than it was known to.
    wider: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Hold,
    Increase,
    /// The link is full, and nobody else's.
    Alone(Alone),
    /// Less is sent than goes through, until the queue is gone; then as much as `arrived`.
    Drain {
        arrived_bps: f64,
        /// The shortest that the queue has been, and since when.
        shortest: Duration,
        since: Instant,
    },
}

/// What is known when the rate is to be changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) usage: Usage,
    pub(crate) acknowledged_bps: Option<f64>,
    /// The same in the last moments alone.
    pub(crate) recent_bps: Option<f64>,
    pub(crate) queue: Duration,
    pub(crate) queue_jumped: bool,
    /// Others have a part of the link.
    pub(crate) others: bool,
    /// Or it is known that they have none. Neither: nothing is known.
    pub(crate) no_others: bool,
    pub(crate) in_flight_bytes: u64,
    pub(crate) rtt: Duration,
    pub(crate) application_limited: bool,
}

impl RateControl {
    pub(crate) fn new(bps: f64, (min_bps, max_bps): (f64, f64), now: Instant) -> Self {
        Self {
            bps,
            min_bps,
            max_bps,
            state: State::Hold,
            capacity: LinkCapacity::new(),
            last_change: now,
            last_decrease: None,
            probed: None,
            contested_until: None,
            shared: None,
            emptied: false,
            wider: false,
        }
    }

    /// Whether the queue was just seen to be empty, whatever its measure says.
    pub(crate) fn take_emptied(&mut self) -> bool {
        std::mem::take(&mut self.emptied)
    }

    pub(crate) fn bps(&self) -> f64 {
        self.bps
    }

    /// Whether it is a while since there was overuse.
    pub(crate) fn is_far(&self, now: Instant) -> bool {
        self.last_decrease.is_none_or(|at| now >= at + FAR)
    }

    /// Whether the link was just seen to carry more than it was known to.
    pub(crate) fn take_wider(&mut self) -> bool {
        std::mem::take(&mut self.wider)
    }

    /// Whether the queue is taken to be that of others, who fill it whatever is sent.
    pub(crate) fn is_contested(&self) -> bool {
        self.contested_until.is_some()
    }

    /// Whether a queue is being drained.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.state, State::Drain { .. })
    }

    /// Whether the link may carry more than is known: there was no overuse lately, or not for long where it is known what it carries.
    pub(crate) fn may_carry_more(&self, limited: bool, rtt: Duration, now: Instant) -> bool {
        let is_unknown = self.capacity.estimate_bps().is_none() || limited;
        let pause = if is_unknown { FAR } else { FAR_KNOWN + rtt * 10 };
        !self.is_alone() && self.last_decrease.is_none_or(|at| now >= at + pause)
    }

    /// Whether the link is taken to be full, and nobody else's.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.state, State::Alone(_))
    }

    pub(crate) fn set_limits(&mut self, min_bps: f64, max_bps: f64) {
        (self.min_bps, self.max_bps) = (min_bps, max_bps);
        self.bps = self.bps.clamp(min_bps, max_bps);
    }

    /// Sets the rate to what was found elsewhere.
    pub(crate) fn set(&mut self, bps: f64, now: Instant) {
        self.bps = bps.clamp(self.min_bps, self.max_bps);
        self.last_change = now;
    }

    /// A probe told that this much arrives. `true`: the rate is higher for it.
    pub(crate) fn probed(&mut self, bps: f64, now: Instant) -> bool {
        let near = self.capacity.estimate_bps().is_some();
        let least = if near { self.bps * PROBE_BELIEVED } else { self.bps };
        if bps <= least || matches!(self.state, State::Drain { .. }) {
            return false;
        }
        if self.capacity.upper_bps().is_some_and(|upper| bps > upper) {
            self.capacity.reset();
        }
        self.set(bps, now);
        self.probed = Some(now);
        true
    }

    /// The rate, or what it will be when the queue is gone.
    pub(crate) fn sustained_bps(&self) -> f64 {
        match self.state {
            State::Drain { arrived_bps, .. } => (arrived_bps * RESUMED).max(self.bps),
            State::Hold | State::Increase | State::Alone(_) => self.bps,
        }
    }

    /// Goes by a report. `true`: delay limits the rate.
    pub(crate) fn update(&mut self, measured: Measured, now: Instant) -> bool {
        if measured.queue <= DRAINED || self.contested_until.is_some_and(|until| now >= until) {
            self.contested_until = None;
        }
        let starved = self.contested_until.is_none()
            && measured.queue_jumped
            && measured.recent_bps.is_some_and(|bps| bps < self.bps * STARVED);
        match (measured.usage, self.state) {
            _ if starved => self.decrease(measured, now),
            (_, State::Alone(alone)) => self.alone(alone, measured, now),
            (Usage::Overusing, _) => self.decrease(measured, now),
            (_, State::Drain { .. }) => self.drain(measured, now),
            (Usage::Underusing, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.state = State::Increase;
                self.last_change = now;
            }
            (Usage::Normal, State::Increase) => self.increase(measured, now),
        }
        self.state != State::Increase
    }

    fn decrease(&mut self, measured: Measured, now: Instant) {
        let pause = measured.rtt.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let recently = self.last_decrease.is_some_and(|at| now.duration_since(at) < pause);
        let Some(arrived) = measured.arrived_bps() else {
            // Nothing is known of what goes through: half, as long as that is not each report anew.
            if !recently {
                self.state = State::Hold;
                self.lower(self.bps / 2.0, now);
            }
            return;
        };
        // What arrives was still sent at the rate before the probe.
        let stale = self.probed.is_some_and(|at| now < at + measured.rtt + MEASURING);
        let arrived = if stale { arrived.max(self.bps * DECREASE) } else { arrived };
        if recently && arrived > self.bps / 2.0 && !measured.queue_jumped {
            return;
        }
        if self.capacity.lower_bps().is_some_and(|lower| arrived < lower) {
            self.capacity.reset();
        }
        self.capacity.measured(arrived);
        if self.contested_until.is_some() {
            // Whoever fills the queue takes what is left to him.
            self.lower((arrived * DECREASE_CONTESTED).min(self.bps), now);
            self.state = State::Hold;
            return;
        }
        self.lower((arrived * measured.kept()).min(self.bps), now);
        self.state = State::Drain { arrived_bps: arrived, shortest: measured.queue, since: now };
    }

    /// The link is full, and others have not shown so far.
    fn alone(&mut self, mut alone: Alone, measured: Measured, now: Instant) {
        match alone.update(&measured, now) {
            Outcome::Alone { bps } => {
                self.emptied |= alone.take_emptied(&measured, now);
                self.state = State::Alone(alone);
                if !measured.application_limited {
                    self.set(bps, now);
                }
            }
            Outcome::Less => {
                self.capacity.reset();
                self.shared = Some(now);
                self.decrease(measured, now);
            }
            Outcome::Shared => {
                self.capacity.reset();
                self.shared = Some(now);
                self.state = State::Hold;
            }
            Outcome::More => {
                self.capacity.reset();
                self.wider = true;
                self.state = State::Increase;
                self.last_change = now;
            }
        }
    }

    /// The queue is gone: takes up again what may be sent.
    fn resume(&mut self, arrived_bps: f64, measured: Measured, now: Instant) {
        let is_shared = |since: Instant| now < since + SHARED || !self.capacity.has_agreed(AGREED);
        if self.shared.is_some_and(is_shared) || measured.others || self.contested_until.is_some() {
            self.set((arrived_bps * RESUMED).max(self.bps), now);
            self.state = State::Increase;
        } else {
            self.set(arrived_bps.max(self.bps), now);
            self.state = State::Alone(Alone::new(arrived_bps, now));
        }
    }

    fn lower(&mut self, bps: f64, now: Instant) {
        self.set(bps, now);
        self.last_decrease = Some(now);
    }

    fn drain(&mut self, measured: Measured, now: Instant) {
        let State::Drain { mut arrived_bps, mut shortest, mut since } = self.state else { return };
        // While there is a queue, what arrives is what the link carries.
        if let Some(arrived) = measured.arrived_bps() {
            arrived_bps = arrived_bps.min(arrived);
        }
        if measured.queue < shortest {
            (shortest, since) = (measured.queue, now);
        }
        if measured.queue <= DRAINED {
            self.resume(arrived_bps, measured, now);
        } else if now.duration_since(since) > DRAIN_PATIENCE {
            if shortest >= QUEUE_OF_OTHERS && !measured.no_others {
                self.contested_until = Some(now + CONTESTED);
                self.set((arrived_bps * DECREASE_CONTESTED).max(self.bps), now);
                self.state = State::Increase;
                return;
            }
            self.resume(arrived_bps, measured, now);
        } else {
            self.set((arrived_bps * measured.kept()).max(self.min_bps), now);
            self.state = State::Drain { arrived_bps, shortest, since };
        }
    }

    fn increase(&mut self, measured: Measured, now: Instant) {
        let elapsed = now.duration_since(self.last_change).min(Duration::from_secs(1)).as_secs_f64();
        self.last_change = now;
        if measured.application_limited {
            return;
        }
        let above =
            measured.acknowledged_bps.zip(self.capacity.upper_bps()).is_some_and(|(bps, upper)| bps > upper);
        if above && self.is_far(now) {
            self.capacity.reset();
            self.wider = true;
        }
        let step = match self.capacity.estimate_bps() {
            None => self.bps * (GROWTH.powf(elapsed) - 1.0),
            // As TCP grows, which the others may be.
            Some(_) if self.contested_until.is_some() => {
                1.5 * PACKET_BITS / measured.rtt.as_secs_f64().powi(2) * elapsed
            }
            Some(_) => {
                // Beside those who leave a queue standing, as fast as they.
                let packets = if measured.queue >= QUEUE_OF_OTHERS { PACKETS_BESIDE_QUEUES } else { PACKETS };
                (packets * PACKET_BITS / (measured.rtt + REACTION).as_secs_f64()).max(GROWTH_MIN_BPS)
                    * elapsed
            }
        };
        let step = step.min(self.bps * (GROWTH_MAX.powf(elapsed) - 1.0));
        let above = if self.capacity.estimate_bps().is_some() {
            ABOVE_ACKNOWLEDGED_KNOWN
        } else {
            ABOVE_ACKNOWLEDGED
        };
        let ceiling = match measured.acknowledged_bps {
            Some(acknowledged) => acknowledged * above + ABOVE_ACKNOWLEDGED_BPS,
            None => f64::INFINITY,
        };
        let raised = (self.bps + step).min(ceiling);
        if raised > self.bps {
            self.bps = raised.clamp(self.min_bps, self.max_bps);
        }
    }
}

impl Measured {
    /// What goes through. A queue keeps the link busy, so that the last moments alone tell.
    fn arrived_bps(&self) -> Option<f64> {
        let (average, recent) = self.acknowledged_bps.zip(self.recent_bps)?;
        Some(if self.queue >= QUEUE_TELLS { average.min(recent) } else { average })
    }

    /// What of it may be sent for the queue to drain in time.
    fn kept(&self) -> f64 {
        let Some(arrived) = self.arrived_bps() else { return DECREASE };
        // What was sent since the packets that were reported is in the queue as well, but for a round trip's worth.
        let in_flight = float(self.in_flight_bytes) * 8.0 / arrived.max(1.0);
        let backlog = in_flight - (self.rtt.saturating_sub(self.queue) + REACTION).as_secs_f64();
        let queue = backlog.max(self.queue.as_secs_f64());
        (1.0 - queue / DRAIN.as_secs_f64()).clamp(DECREASE_MIN, DECREASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: f64 = 2_000_000.0;
    const REPORT: Duration = Duration::from_millis(50);

    fn measured(usage: Usage, arrived_bps: f64, queue_ms: u64) -> Measured {
        Measured {
            usage,
            acknowledged_bps: Some(arrived_bps),
            recent_bps: Some(arrived_bps),
            queue: Duration::from_millis(queue_ms),
            queue_jumped: false,
            others: false,
            no_others: false,
            in_flight_bytes: 0,
            rtt: Duration::from_millis(50),
            application_limited: false,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn start(bps: f64) -> (RateControl, Instant) {
        let now = Instant::now();
        (RateControl::new(bps, (30_000.0, 50e6), now), now)
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.5
    #[test]
    fn overuse_leaves_a_share_of_what_arrives() {
        let (mut rate, now) = start(LINK * 1.2);
        assert!(rate.update(measured(Usage::Overusing, LINK, 20), now));
        assert!((rate.bps() - LINK * DECREASE).abs() < 1.0, "{}", rate.bps());
    }

    #[test]
    fn overuse_before_anything_is_known_leaves_half() {
        let (mut rate, now) = start(LINK);
        let unknown =
            Measured { acknowledged_bps: None, recent_bps: None, ..measured(Usage::Overusing, 0.0, 20) };
        rate.update(unknown, now);
        rate.update(unknown, now + Duration::from_millis(1));
        assert!((rate.bps() - LINK / 2.0).abs() < 1.0, "once each round trip: {}", rate.bps());
    }

    #[test]
    fn a_longer_queue_takes_more() {
        let (mut rate, now) = start(LINK);
        rate.update(measured(Usage::Overusing, LINK, 500), now);
        assert!(rate.bps() < LINK * 0.6, "{}", rate.bps());
    }

    #[test]
    fn a_queue_that_is_gone_leaves_one_alone_on_the_link() {
        let (mut rate, mut now) = start(LINK);
        rate.update(measured(Usage::Overusing, LINK, 40), now);
        now += REPORT;
        rate.update(measured(Usage::Normal, LINK, 5), now);
        assert!(rate.is_alone());
        assert!((rate.bps() - LINK).abs() < 1.0, "{}", rate.bps());
    }

    #[test]
    fn where_others_are_a_share_is_left_to_them() {
        let (mut rate, mut now) = start(LINK);
        let others = |measured| Measured { others: true, ..measured };
        rate.update(others(measured(Usage::Overusing, LINK, 40)), now);
        now += REPORT;
        rate.update(others(measured(Usage::Normal, LINK, 5)), now);
        assert!(!rate.is_alone());
        assert!((rate.bps() - LINK * RESUMED).abs() < 1.0, "{}", rate.bps());
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.5
    #[test]
    fn growth_is_by_a_share_until_the_link_is_known_and_by_packets_after() {
        let growth = |rate: &mut RateControl, mut now: Instant, seconds: u32| {
            let before = rate.bps();
            for _ in 0..seconds * 20 {
                now += REPORT;
                rate.update(measured(Usage::Normal, rate.bps(), 0), now);
            }
            rate.bps() - before
        };
        let (mut rate, now) = start(LINK);
        let unknown = growth(&mut rate, now, 5);
        assert!((0.35..0.5).contains(&(unknown / LINK)), "{unknown}");

        let (mut rate, now) = start(LINK);
        rate.capacity.measured(LINK * 2.0);
        let known = growth(&mut rate, now, 5);
        assert!((100e3..200e3).contains(&known), "{known}");
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.5
    #[test]
    fn growth_ends_not_far_above_what_arrives() {
        let (mut rate, mut now) = start(LINK);
        for _ in 0..1_000 {
            now += REPORT;
            rate.update(measured(Usage::Normal, LINK, 0), now);
        }
        let most = LINK * ABOVE_ACKNOWLEDGED + ABOVE_ACKNOWLEDGED_BPS;
        assert!((rate.bps() - most).abs() < 1.0, "{}", rate.bps());
    }
}
