//! How rooms change their topology, and who is told.

use crate::id::{ParticipantId, RoomName};
use crate::message::{ErrorCode, PathState, ServerMessage, Topology};
use crate::server::checks::Refusal;
use crate::server::{Event, SignalServer};
use crate::session::SessionKey;
use crate::topology::Step;
use std::time::Instant;

impl SignalServer {
    /// All that comes to a participant comes by `topology` now.
    pub(super) fn switched(&mut self, key: SessionKey, topology: Topology) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        if let Some(room) = self.rooms.get_mut(&place.room) {
            room.topology.note_switched(&place.participant, topology);
            self.stirred.insert(place.room);
        }
        Ok(())
    }

    /// A participant says how the path to another one is.
    pub(super) fn report_path(
        &mut self,
        key: SessionKey,
        to: &ParticipantId,
        state: PathState,
    ) -> Result<(), Refusal> {
        let place = self.joined(key)?;
        if place.participant == *to {
            return Err(Refusal::new(
                ErrorCode::InvalidArgument,
                "`to` is yourself; it must be another participant.",
            ));
        }
        self.member(&place, to)?;
        if let Some(room) = self.rooms.get_mut(&place.room) {
            room.topology.note_path(state);
            self.stirred.insert(place.room);
        }
        Ok(())
    }

    /// Somebody is about to enter a room, who then finds it as it has to be with one more. Those present are told first, so that nobody waits
    /// for an offer that does not come.
    pub(super) fn prepare_for_one_more(&mut self, name: &RoomName, is_direct: bool, now: Instant) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.topology.note_coming();
            self.carry_out(name, Some(is_direct), now);
        }
    }

    /// Looks at a room in which something happened, or whose time has come.
    pub(super) fn review(&mut self, name: &RoomName, now: Instant) {
        self.carry_out(name, None, now);
    }

    /// Forgets a room that nobody is in any more.
    pub(super) fn forget_room(&mut self, name: &RoomName) {
        if let Some(at) = self.rooms.remove(name).and_then(|room| room.timer) {
            self.room_timers.remove(&(at, name.clone()));
        }
        self.stirred.remove(name);
    }

    fn carry_out(&mut self, name: &RoomName, coming: Option<bool>, now: Instant) {
        while let Some(step) = self.rooms.get_mut(name).and_then(|room| room.review(coming, now)) {
            match step {
                Step::Changed(topology, reason) => {
                    *self.counters.topology_changes.entry(reason).or_default() += 1;
                    self.event(Event::TopologyChanged { room: name.clone(), topology, reason });
                    self.broadcast(name, None, &ServerMessage::Topology { topology, reason });
                }
                Step::Settled(topology) => {
                    self.broadcast(name, None, &ServerMessage::TopologySettled { topology });
                }
            }
        }
        let Some(room) = self.rooms.get_mut(name) else { return };
        let deadline = room.topology.deadline();
        if let Some(at) = std::mem::replace(&mut room.timer, deadline) {
            self.room_timers.remove(&(at, name.clone()));
        }
        self.room_timers.extend(deadline.map(|at| (at, name.clone())));
    }
}
