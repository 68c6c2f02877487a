use super::{nanos, nanos_per_byte};
use crate::packet::{ProbeCluster, ProbeId};
use std::collections::VecDeque;

/// Probes that wait for their turn, at most.
pub const PROBES_WAITING_MAX: usize = 4;

/// What the rate of a probe allows in this time leaves at once: timers are not finer.
const STEP: u64 = 2_000_000;
/// A probe that is not through after so many times its length has no packets, and is given up.
const LATE: u64 = 5;

/// The probes that are to be sent, one after the other.
#[derive(Debug, Default)]
pub(super) struct Probing {
    waiting: VecDeque<ProbeCluster>,
    active: Option<Active>,
}

#[derive(Debug)]
struct Active {
    cluster: ProbeCluster,
    began: u64,
    bytes: u64,
    packets: u32,
    nanos_per_byte: f64,
}

impl Probing {
    pub(super) fn push(&mut self, cluster: ProbeCluster) {
        if self.waiting.len() == PROBES_WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(cluster);
    }

    /// The probe that wants a packet now.
    pub(super) fn due(&mut self, at: u64) -> Option<ProbeId> {
        if self.active.as_ref().is_some_and(|active| active.is_over(at)) {
            self.active = None;
        }
        if self.active.is_none() {
            let cluster = self.waiting.pop_front()?;
            let nanos_per_byte = nanos_per_byte(cluster.rate);
            self.active = Some(Active { cluster, began: at, bytes: 0, packets: 0, nanos_per_byte });
        }
        let active = self.active.as_ref()?;
        (active.next() <= at).then_some(active.cluster.id)
    }

    pub(super) fn sent(&mut self, size: u32, at: u64) {
        let Some(active) = &mut self.active else { return };
        active.bytes += u64::from(size);
        active.packets += 1;
        if active.is_over(at) {
            self.active = None;
        }
    }

    pub(super) fn cancel(&mut self) {
        self.active = None;
    }

    pub(super) fn next(&self) -> Option<u64> {
        match &self.active {
            Some(active) => Some(active.next()),
            None => (!self.waiting.is_empty()).then_some(0),
        }
    }
}

impl Active {
    /// When the packets sent so far are paid for at the rate of the probe, a step early.
    fn next(&self) -> u64 {
        (self.began + nanos(crate::units::float(self.bytes) * self.nanos_per_byte)).saturating_sub(STEP)
    }

    fn is_over(&self, at: u64) -> bool {
        let length = u64::try_from(self.cluster.min_duration.as_nanos()).unwrap_or(u64::MAX);
        let elapsed = at.saturating_sub(self.began);
        let filled = self.bytes >= self.cluster.min_bytes
            && self.packets >= self.cluster.min_packets
            && crate::units::float(self.bytes) * self.nanos_per_byte >= crate::units::float(length);
        let expected = length.max(nanos(crate::units::float(self.cluster.min_bytes) * self.nanos_per_byte));
        filled || elapsed > expected.saturating_mul(LATE).max(200_000_000)
    }
}
