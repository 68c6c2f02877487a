//! How media travels in a room, and why: the policy, without anything else of a room.
//!
//! A change is made before the way before it is broken: everybody is told, makes the new way ready, and says so. When all have, or time is
//! up, the change has *settled*, and what still goes the way before may end. It waits for those too whose links are down: their media
//! goes on the way before, and they have not heard of another.

use crate::config::TopologyPolicy;
use crate::id::ParticipantId;
use crate::message::{PathState, Topology, TopologyReason};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Most participants of a mesh, where the policy is [`TopologyPolicy::Auto`].
pub(crate) const MESH_PARTICIPANTS_MAX: usize = 2;
/// How long a room could be a mesh again before it becomes one: people who come and go must not switch everybody else to and fro.
pub(crate) const RETURN_DELAY: Duration = Duration::from_secs(30);
/// How long a change of topology waits for those who have not switched.
pub(crate) const SETTLE_TIME_MAX: Duration = Duration::from_secs(10);

/// How media travels in one room.
#[derive(Debug)]
pub(crate) struct RoomTopology {
    policy: TopologyPolicy,
    topology: Topology,
    reason: TopologyReason,
    /// The worst that was said of a path since somebody last came or left. It is kept for so long whatever is said later: a path that
    /// broke once would take everybody to and fro.
    bad_path: Option<TopologyReason>,
    /// When the room becomes a mesh again, if nothing changes until then.
    returns_at: Option<Instant>,
    change: Option<Change>,
}

/// A change that has not settled.
#[derive(Debug)]
struct Change {
    /// Who has not switched. Those who came since came by the new way alone.
    waiting: BTreeSet<ParticipantId>,
    /// When it settles in any case.
    ends_at: Instant,
}

/// Who is in a room, as far as it matters to the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// How many.
    pub(crate) participants: usize,
    /// Whether each of them can connect to the others directly.
    pub(crate) are_direct: bool,
}

/// What a room is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Media is to travel so, or the same way for another reason.
    Changed(Topology, TopologyReason),
    /// Everybody has switched, or had time enough to.
    Settled(Topology),
}

impl RoomTopology {
    /// That of a room which nobody has entered.
    pub(crate) fn new(policy: TopologyPolicy) -> Self {
        let (topology, reason) = match policy {
            TopologyPolicy::Auto => (Topology::Mesh, TopologyReason::Few),
            TopologyPolicy::Mesh => (Topology::Mesh, TopologyReason::Configured),
            TopologyPolicy::Sfu => (Topology::Sfu, TopologyReason::Configured),
        };
        Self { policy, topology, reason, bad_path: None, returns_at: None, change: None }
    }

    /// How media travels, and why.
    pub(crate) fn current(&self) -> (Topology, TopologyReason) {
        (self.topology, self.reason)
    }

    /// Somebody comes: other paths count from here on.
    pub(crate) fn note_coming(&mut self) {
        self.bad_path = None;
    }

    /// Somebody has left.
    pub(crate) fn note_left(&mut self, participant: &ParticipantId) {
        self.bad_path = None;
        if let Some(change) = &mut self.change {
            change.waiting.remove(participant);
        }
    }

    /// Somebody says how the path to another is.
    pub(crate) fn note_path(&mut self, state: PathState) {
        match state {
            PathState::Absent => self.bad_path = Some(TopologyReason::PathAbsent),
            PathState::Poor => {
                self.bad_path.get_or_insert(TopologyReason::PathPoor);
            }
            PathState::Good => {}
        }
    }

    /// All that comes to somebody comes by `topology`. What is said of another than the present one came too late.
    pub(crate) fn note_switched(&mut self, participant: &ParticipantId, topology: Topology) {
        if let Some(change) = self.change.as_mut().filter(|_| topology == self.topology) {
            change.waiting.remove(participant);
        }
    }

    /// What follows at `now` for those who are `counted`; `present` says who of them hears of it, and has to switch. Called until there is
    /// nothing.
    pub(crate) fn review(
        &mut self,
        counted: Counted,
        present: impl FnOnce() -> BTreeSet<ParticipantId>,
        now: Instant,
    ) -> Option<Step> {
        let wanted = self.wanted(counted);
        if let Some((topology, reason)) = self.due(wanted, now).filter(|wanted| *wanted != self.current()) {
            if topology != self.topology {
                self.change = Some(Change { waiting: present(), ends_at: now + SETTLE_TIME_MAX });
            }
            (self.topology, self.reason) = (topology, reason);
            return Some(Step::Changed(topology, reason));
        }
        self.change.take_if(|change| change.waiting.is_empty() || change.ends_at <= now)?;
        Some(Step::Settled(self.topology))
    }

    /// When [`Self::review`] has something to say without anything else happening.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let settles_at = self.change.as_ref().map(|change| change.ends_at);
        self.returns_at.into_iter().chain(settles_at).min()
    }

    /// What the policy wants for those participants, whatever there is now.
    fn wanted(&self, counted: Counted) -> (Topology, TopologyReason) {
        match self.policy {
            TopologyPolicy::Mesh => (Topology::Mesh, TopologyReason::Configured),
            TopologyPolicy::Sfu => (Topology::Sfu, TopologyReason::Configured),
            TopologyPolicy::Auto if counted.participants > MESH_PARTICIPANTS_MAX => {
                (Topology::Sfu, TopologyReason::Many)
            }
            TopologyPolicy::Auto if !counted.are_direct => (Topology::Sfu, TopologyReason::ServerOnly),
            TopologyPolicy::Auto => match self.bad_path {
                Some(reason) => (Topology::Sfu, reason),
                None => (Topology::Mesh, TopologyReason::Few),
            },
        }
    }

    /// What is wanted, if its time has come: to the server at once, and back with patience.
    fn due(
        &mut self,
        wanted: (Topology, TopologyReason),
        now: Instant,
    ) -> Option<(Topology, TopologyReason)> {
        if self.topology == Topology::Mesh || wanted.0 == Topology::Sfu {
            self.returns_at = None;
            return Some(wanted);
        }
        let returns_at = *self.returns_at.get_or_insert(now + RETURN_DELAY);
        if returns_at > now {
            return None;
        }
        self.returns_at = None;
        Some(wanted)
    }
}
