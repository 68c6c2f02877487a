use crate::history::Reported;
use crate::packet::{ProbeCluster, ProbeId};
use crate::units::float;

/// Probes that are measured at a time; a new one takes the place of the oldest.
const MEASURED_MAX: usize = 4;
/// The share of a probe that must have arrived.
const ARRIVED_MIN: f64 = 0.8;
/// Arrivals this much faster than sending are an artefact of the path.
const FASTER_MAX: f64 = 2.0;
/// Arrivals this much slower than sending show what the link carries; a little less of it is used.
const SLOWER: f64 = 0.9;
const USED_OF_LINK: f64 = 0.95;
/// Longer than this between the ends of a probe, and it was no probe.
const LENGTH_MAX_US: u64 = 1_000_000;

/// What became of the packets of probes.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    probes: [Option<Probe>; MEASURED_MAX],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    cluster: ProbeCluster,
    packets: u32,
    bytes: u64,
    sent: Ends,
    arrived: Ends,
    changed: bool,
}

/// The first and the last of something.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first_us: u64,
    last_us: u64,
    first_size: u32,
    last_size: u32,
}

/// What a probe told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) id: ProbeId,
    pub(crate) bps: f64,
}

impl Measurements {
    pub(crate) fn begin(&mut self, cluster: ProbeCluster) {
        let none = Ends { first_us: u64::MAX, last_us: 0, first_size: 0, last_size: 0 };
        self.probes[self.next] =
            Some(Probe { cluster, packets: 0, bytes: 0, sent: none, arrived: none, changed: false });
        self.next = (self.next + 1) % MEASURED_MAX;
    }

    /// A packet of a probe arrived.
    pub(crate) fn received(&mut self, id: ProbeId, packet: &Reported, arrival_us: u64) {
        let Some(probe) = self.probes.iter_mut().flatten().find(|probe| probe.cluster.id == id) else {
            return;
        };
        probe.packets += 1;
        probe.bytes += u64::from(packet.size);
        probe.sent.add(packet.sent_us, packet.size);
        probe.arrived.add(arrival_us, packet.size);
        probe.changed = true;
    }

    /// What a probe tells that has changed since the last time.
    pub(crate) fn poll(&mut self) -> Option<Measurement> {
        self.probes.iter_mut().flatten().find_map(|probe| {
            std::mem::take(&mut probe.changed)
                .then(|| probe.bps())
                .flatten()
                .map(|bps| Measurement { id: probe.cluster.id, bps })
        })
    }
}

impl Probe {
    fn bps(&self) -> Option<f64> {
        let enough = f64::from(self.packets) >= f64::from(self.cluster.min_packets) * ARRIVED_MIN
            && float(self.bytes) >= float(self.cluster.min_bytes) * ARRIVED_MIN;
        if !enough {
            return None;
        }
        // The last packet sent began no interval that is measured, and the first that arrived ended none.
        let sent = rate(self.bytes - u64::from(self.sent.last_size), self.sent)?;
        let arrived = rate(self.bytes - u64::from(self.arrived.first_size), self.arrived)?;
        if arrived > sent * FASTER_MAX {
            return None;
        }
        Some(if arrived < sent * SLOWER { arrived * USED_OF_LINK } else { sent.min(arrived) })
    }
}

impl Ends {
    fn add(&mut self, at_us: u64, size: u32) {
        if at_us < self.first_us {
            (self.first_us, self.first_size) = (at_us, size);
        }
        if at_us >= self.last_us {
            (self.last_us, self.last_size) = (at_us, size);
        }
    }
}

fn rate(bytes: u64, ends: Ends) -> Option<f64> {
    let length = ends.last_us.saturating_sub(ends.first_us);
    (1..=LENGTH_MAX_US).contains(&length).then(|| float(bytes) * 8e6 / float(length))
}
