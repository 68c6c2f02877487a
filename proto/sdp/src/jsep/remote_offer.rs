//! What an offer of the other side does once it is set (RFC 9429 §5.10).

use super::answer::is_acceptable;
use super::change::{Changes, TransceiverChange};
use super::error::Error;
use super::layout::{Bundle, Content, Slot};
use super::negotiator::{Descriptions, Negotiator};
use super::state::SignalingState;
use super::transceiver::{Transceiver, TransceiverId, TransceiverState};
use crate::{Direction, SessionDescription};
use moim_wire::{MediaKind, Mid};

impl Negotiator {
    pub(super) fn apply_remote_offer(&mut self, offer: SessionDescription) -> Result<Changes, Error> {
        let mut gone = Vec::new();
        if self.state == SignalingState::HaveLocalOffer {
            gone = self.go_back();
        }
        self.check_offer(&offer)?;
        self.remember();
        let bundle = Bundle::of(&offer);
        for index in 0..offer.media.len() {
            self.place(&offer, &bundle, index)?;
        }
        self.note_mids();
        let mut changes = Changes::default();
        for (slot, section) in self.layout.iter().zip(&offer.media) {
            if let Content::Media(id) = slot.content
                && let Some(transceiver) = self.transceiver(id)
            {
                changes.transceivers.push(TransceiverChange::of(transceiver, Some((&offer, section))));
            }
        }
        gone.retain(|gone| !changes.transceivers.iter().any(|change| change.id == gone.id));
        changes.transceivers.append(&mut gone);
        self.pending = Descriptions { local: None, remote: Some(offer) };
        self.state = SignalingState::HaveRemoteOffer;
        self.created = None;
        Ok(changes)
    }

    /// Finds whose a section of an offer is (RFC 9429 §5.10).
    fn place(&mut self, offer: &SessionDescription, bundle: &Bundle, index: usize) -> Result<(), Error> {
        let section = &offer.media[index];
        if let Some(slot) = self.layout.get(index)
            && slot.content != Content::Rejected
        {
            return match section.mid() {
                Some(mid) if mid != slot.mid => {
                    Err(Error::misbehaved(index, "its `mid` is another than before"))
                }
                _ if section.kind != slot.kind => {
                    Err(Error::misbehaved(index, "its kind is another than before"))
                }
                _ => Ok(()),
            };
        }
        let mid = match section.mid() {
            Some(mid) => mid,
            None => self.unused_mid(|mid| offer.section(mid).is_some()),
        };
        let content = self.content_of(offer, bundle, index, mid)?;
        let slot = Slot { mid, says_mid: section.mid().is_some(), kind: section.kind.clone(), content };
        match self.layout.get_mut(index) {
            Some(old) => *old = slot,
            None => self.layout.push(slot),
        }
        Ok(())
    }

    fn content_of(
        &mut self,
        offer: &SessionDescription,
        bundle: &Bundle,
        index: usize,
        mid: Mid,
    ) -> Result<Content, Error> {
        let section = &offer.media[index];
        if !is_acceptable(offer, bundle, index) {
            return Ok(Content::Rejected);
        }
        match section.kind.media() {
            Some(kind) => Ok(Content::Media(self.associate(kind, mid, offer.direction(section))?)),
            None if self.capabilities.data_channels && !self.has_data_section() => Ok(Content::Data),
            None => Ok(Content::Rejected),
        }
    }

    /// The transceiver of a new section: one that waits for it, or a new one.
    fn associate(&mut self, kind: MediaKind, mid: Mid, offered: Direction) -> Result<TransceiverId, Error> {
        let waits = |transceiver: &&mut Transceiver| {
            let is_free = transceiver.mid.is_none() && transceiver.state == TransceiverState::Active;
            transceiver.matches_offers && is_free && transceiver.kind == kind && offered.receives()
        };
        if let Some(transceiver) = self.transceivers.iter_mut().find(waits) {
            transceiver.mid = Some(mid);
            return Ok(transceiver.id);
        }
        let codecs = (0..self.capabilities.codecs(kind).len()).collect();
        let id = self.push_transceiver(kind, Direction::RecvOnly, codecs)?;
        let transceiver = self.transceiver_mut(id)?;
        transceiver.mid = Some(mid);
        transceiver.added_by_remote = true;
        Ok(id)
    }
}
