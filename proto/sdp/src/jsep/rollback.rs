//! Our offers once they are set, and how offers are taken back (RFC 9429 §5.7, §5.9).

use super::change::{Changes, TransceiverChange};
use super::error::Error;
use super::layout::Content;
use super::negotiator::{Before, Created, Descriptions, Negotiator};
use super::state::SignalingState;
use super::transceiver::TransceiverState;

impl Negotiator {
    pub(super) fn apply_local_offer(&mut self, created: Created) -> Changes {
        self.remember();
        let mut changes = Changes::default();
        for slot in &created.layout {
            if let Content::Media(id) = slot.content
                && let Ok(transceiver) = self.transceiver_mut(id)
            {
                transceiver.mid = Some(slot.mid);
                changes.transceivers.push(TransceiverChange::of(transceiver, None));
            }
        }
        self.layout = created.layout;
        self.note_mids();
        self.pending = Descriptions { local: Some(created.description), remote: None };
        self.state = SignalingState::HaveLocalOffer;
        self.created = None;
        changes
    }

    /// Keeps what a rollback goes back to.
    pub(super) fn remember(&mut self) {
        if self.before.is_none() {
            let associations =
                self.transceivers.iter().map(|transceiver| (transceiver.id, transceiver.mid)).collect();
            self.before = Some(Before { layout: self.layout.clone(), associations });
        }
    }

    /// Takes the open offer back (RFC 9429 §5.7).
    pub(super) fn roll_back(&mut self, from: SignalingState) -> Result<Changes, Error> {
        if self.state != from {
            return Err(Error::InvalidState { operation: "rolling back", state: self.state });
        }
        Ok(Changes { transport: None, transceivers: self.go_back() })
    }

    pub(super) fn go_back(&mut self) -> Vec<TransceiverChange> {
        let mut changes = Vec::new();
        let Some(before) = self.before.take() else { return changes };
        for mut transceiver in std::mem::take(&mut self.transceivers) {
            let known = before.associations.iter().find(|(id, _)| *id == transceiver.id);
            let mid = known.and_then(|(_, mid)| *mid);
            let is_gone = match known {
                // What the offer that is taken back has made goes with it.
                None if transceiver.added_by_remote => true,
                // What shall stop and is not known to the other side any more has stopped.
                _ => mid.is_none() && transceiver.state == TransceiverState::Stopping,
            };
            let has_changed = transceiver.mid != mid || is_gone;
            transceiver.mid = mid;
            if has_changed {
                changes.push(TransceiverChange {
                    stopped: is_gone,
                    ..TransceiverChange::of(&transceiver, None)
                });
            }
            if !is_gone {
                self.transceivers.push(transceiver);
            }
        }
        self.layout = before.layout;
        self.pending = Descriptions::default();
        self.state = SignalingState::Stable;
        self.created = None;
        changes
    }
}
