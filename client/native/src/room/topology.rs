//! How media travels in a room, and how far this participant is with going from one way to another (docs/protocol.md, "Topologies").

use moim_signal::message::{Topology, TopologyReason};

/// The topology of a room.
#[derive(Debug)]
pub(super) struct Switching {
    topology: Topology,
    reason: TopologyReason,
    /// What media went by before, while some may still go by it.
    before: Option<Topology>,
    /// Whether the server was told that all comes the new way.
    has_switched: bool,
}

impl Switching {
    /// As it is for whoever joins: nothing has to end.
    pub(super) fn new(topology: Topology, reason: TopologyReason) -> Self {
        Self { topology, reason, before: None, has_switched: true }
    }

    pub(super) fn topology(&self) -> Topology {
        self.topology
    }

    pub(super) fn reason(&self) -> TopologyReason {
        self.reason
    }

    /// The server says how media is to travel. Returns whether that is another way than before. If it changes again before everybody has
    /// switched, the newest counts.
    pub(super) fn change(&mut self, topology: Topology, reason: TopologyReason) -> bool {
        self.reason = reason;
        if self.topology == topology {
            return false;
        }
        self.before = Some(self.topology);
        self.topology = topology;
        self.has_switched = false;
        true
    }

    /// The server says that everybody has switched. Returns whether that is so of the switch that is going on.
    pub(super) fn settle(&mut self, topology: Topology) -> bool {
        self.topology == topology && self.before.take().is_some()
    }

    /// All that comes comes the new way. Returns whether the server is to be told.
    pub(super) fn all_has_come(&mut self) -> bool {
        !std::mem::replace(&mut self.has_switched, true)
    }

    /// Whether the server is yet to be told.
    pub(super) fn is_waiting(&self) -> bool {
        !self.has_switched
    }

    /// Whether our media is to go this way: the one at hand, and the one before as long as somebody may need it.
    pub(super) fn sends_by(&self, way: Topology) -> bool {
        self.topology == way || self.before == Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::Switching;
    use moim_signal::message::{Topology, TopologyReason};

    #[test]
    fn the_way_before_goes_on_until_everybody_has_switched() {
        let mut switching = Switching::new(Topology::Mesh, TopologyReason::Few);
        assert!(!switching.sends_by(Topology::Sfu) && !switching.is_waiting());

        assert!(switching.change(Topology::Sfu, TopologyReason::Many));

        assert!(switching.sends_by(Topology::Sfu) && switching.sends_by(Topology::Mesh));
        assert!(switching.is_waiting() && switching.all_has_come());
        assert!(!switching.all_has_come(), "it is told once");
        assert!(!switching.settle(Topology::Mesh), "of another switch");
        assert!(switching.settle(Topology::Sfu) && !switching.settle(Topology::Sfu));
        assert!(!switching.sends_by(Topology::Mesh));
    }

    #[test]
    fn the_newest_topology_counts() {
        let mut switching = Switching::new(Topology::Mesh, TopologyReason::Few);
        switching.change(Topology::Sfu, TopologyReason::PathPoor);
        assert!(!switching.change(Topology::Sfu, TopologyReason::Many), "only the reason is another");

        assert!(switching.change(Topology::Mesh, TopologyReason::Few));

        assert!(switching.is_waiting() && switching.sends_by(Topology::Sfu));
        assert!(!switching.settle(Topology::Sfu));
        assert!(switching.settle(Topology::Mesh) && !switching.sends_by(Topology::Sfu));
        assert_eq!((switching.topology(), switching.reason()), (Topology::Mesh, TopologyReason::Few));
    }
}
