use moim_signal::id::ParticipantId;
use moim_signal::message::{ParticipantDescription, SignalLimits, Topology, TopologyReason};

/// A room as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// This participant, as the others see it.
    pub local: ParticipantDescription,
    /// The others, in the order of their ids.
    pub participants: Vec<ParticipantDescription>,
    /// What the server asks to keep to.
    pub limits: SignalLimits,
    /// How media travels.
    pub topology: Topology,
    /// Why so.
    pub topology_reason: TopologyReason,
}

impl RoomState {
    /// Somebody in the room, oneself included.
    pub fn participant(&self, id: &ParticipantId) -> Option<&ParticipantDescription> {
        self.participants.iter().chain([&self.local]).find(|participant| participant.id == *id)
    }
}
