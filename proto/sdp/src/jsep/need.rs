use super::build;
use super::layout::Content;
use super::negotiator::{AgreedSection, Negotiator};
use super::state::SignalingState;
use super::transceiver::{Transceiver, TransceiverState};

impl Negotiator {
    /// Whether an exchange of descriptions is needed for the other side to learn what has changed. While one is going on the
    /// answer is `false`; ask again when it is over (W3C WebRTC §4.7.3). A restart of ICE is for the caller to know.
    pub fn negotiation_needed(&self) -> bool {
        if self.state != SignalingState::Stable {
            return false;
        }
        let wants_section = self.wants_data && !self.has_data_section();
        wants_section || self.transceivers.iter().any(|transceiver| self.needs_negotiation(transceiver))
    }

    fn needs_negotiation(&self, transceiver: &Transceiver) -> bool {
        if transceiver.state == TransceiverState::Stopping {
            return true;
        }
        let place = self.layout.iter().position(|slot| slot.content == Content::Media(transceiver.id));
        let Some(AgreedSection { ours, theirs, msids }) =
            place.and_then(|index| self.current.sections.get(index))
        else {
            return true;
        };
        let (ours, theirs) = (*ours, *theirs);
        let is_agreed = if self.we_offered {
            ours == transceiver.direction || theirs.reversed() == transceiver.direction
        } else {
            ours == transceiver.direction.intersection(theirs.reversed())
        };
        let streams_changed = ours.sends() && !build::msids(&transceiver.sender).eq(msids.iter().cloned());
        !is_agreed || (transceiver.direction.sends() && streams_changed)
    }
}
