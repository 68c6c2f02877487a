//! Our offers (RFC 9429 §5.2).

use super::build::{self, DataPlan, DataSpelling, MediaPlan, TransportLines};
use super::error::Error;
use super::layout::{Content, Layout, Slot};
use super::negotiator::{Created, Negotiator};
use super::simulcast::{Encodings, RID_URI};
use super::state::SignalingState;
use super::transceiver::{TransceiverId, TransceiverState};
use super::transport::TransportParameters;
use crate::limit;
use crate::{Direction, Extmap, MediaSection, Origin, SectionKind, SessionDescription, Setup};
use moim_wire::MediaKind;

impl Negotiator {
    /// Creates an offer of all that there is: a section for each transceiver, and one for data if it was asked for. Nothing
    /// changes until it is set.
    ///
    /// Credentials that differ from those before restart ICE.
    pub fn create_offer(&mut self, transport: &TransportParameters) -> Result<SessionDescription, Error> {
        if !matches!(self.state, SignalingState::Stable | SignalingState::HaveLocalOffer) {
            return Err(Error::InvalidState { operation: "creating an offer", state: self.state });
        }
        transport.check()?;
        let layout = self.plan_offer()?;
        let lines = TransportLines::new(transport, Setup::ActPass);
        let mut sections = Vec::with_capacity(layout.len());
        for (index, slot) in layout.iter().enumerate() {
            sections.push(self.offered_section(index, slot, &lines)?);
        }
        let bundle = layout
            .iter()
            .zip(&sections)
            .filter(|(_, section)| !section.is_rejected())
            .map(|(slot, _)| slot.mid)
            .collect();
        self.session_version += 1;
        let origin = Origin::new(self.session_id, self.session_version);
        let mut description = build::session(origin, bundle, transport.ice_lite, true);
        description.media = sections;
        build::put_candidates(&mut description, &transport.candidates, transport.end_of_candidates);
        self.created = Some(Created { is_offer: true, description: description.clone(), layout });
        Ok(description)
    }

    /// The layout that an offer has: sections keep their places, and new ones take those of rejected ones first (RFC 9429 §5.2.2).
    fn plan_offer(&self) -> Result<Layout, Error> {
        let mut layout = self.layout.clone();
        let has_section = |id: TransceiverId| layout.iter().any(|slot| slot.content == Content::Media(id));
        let mut new: Vec<(SectionKind, Content)> = self
            .transceivers
            .iter()
            .filter(|transceiver| {
                transceiver.state == TransceiverState::Active && !has_section(transceiver.id)
            })
            .map(|transceiver| (transceiver.kind.into(), Content::Media(transceiver.id)))
            .collect();
        if self.wants_data && !self.has_data_section() {
            new.push((SectionKind::Application, Content::Data));
        }
        for (kind, content) in new {
            let mid = self.unused_mid(|mid| layout.iter().any(|slot| slot.mid == mid));
            let slot = Slot { mid, says_mid: true, kind, content };
            match layout.iter().position(|slot| slot.content == Content::Rejected) {
                Some(index) => layout[index] = slot,
                None if layout.len() < limit::SECTIONS_MAX => layout.push(slot),
                None => return Err(Error::LimitReached("media sections")),
            }
        }
        Ok(layout)
    }

    fn offered_section(
        &mut self,
        index: usize,
        slot: &Slot,
        lines: &TransportLines<'_>,
    ) -> Result<MediaSection, Error> {
        match slot.content {
            Content::Media(id) => {
                let transceiver = self.transceiver(id).ok_or(Error::UnknownTransceiver(id))?;
                if transceiver.state == TransceiverState::Stopping {
                    return Ok(self.rejected_section(index, slot));
                }
                self.offered_media(id, slot, lines)
            }
            Content::Data => {
                let plan = DataPlan {
                    mid: Some(slot.mid),
                    spelling: DataSpelling::default(),
                    port: self.capabilities.sctp_port,
                    max_message_size: self.capabilities.max_message_size,
                    init: lines.sctp_init(),
                };
                Ok(build::data(&plan, lines))
            }
            Content::Rejected => Ok(self.rejected_section(index, slot)),
        }
    }

    fn rejected_section(&self, index: usize, slot: &Slot) -> MediaSection {
        let local = self.local();
        let like = local.as_ref().and_then(|description| description.media.get(index));
        match like.filter(|section| section.kind == slot.kind) {
            Some(section) => build::rejected(section, slot.said_mid()),
            // An offer that has not been set yet, and whose transceiver has stopped since.
            None => build::rejected(&build::placeholder(slot.kind.clone()), slot.said_mid()),
        }
    }

    fn offered_media(
        &mut self,
        id: TransceiverId,
        slot: &Slot,
        lines: &TransportLines<'_>,
    ) -> Result<MediaSection, Error> {
        let transceiver = self.transceiver(id).ok_or(Error::UnknownTransceiver(id))?.clone();
        let kind = transceiver.kind;
        let Self { capabilities, payload_types, .. } = self;
        let codecs: Vec<_> = transceiver
            .codecs
            .iter()
            .filter_map(|index| payload_types.offered(kind, *index, &capabilities.codecs(kind)[*index]))
            .collect();
        if codecs.is_empty() {
            return Err(Error::InvalidArgument(
                "a section needs a codec, and the connection has none of its kind",
            ));
        }
        let extensions = self.offered_extensions(kind);
        let can_tell_encodings = extensions.iter().any(|extension| extension.uri == RID_URI);
        let sends_rids = transceiver.direction.sends() && can_tell_encodings;
        let rids = if sends_rids { transceiver.sender.rids() } else { Vec::new() };
        let plan = MediaPlan {
            kind,
            mid: Some(slot.mid),
            protocol: None,
            direction: transceiver.direction,
            codecs,
            extensions,
            rtcp_rsize: true,
            encodings: Encodings::offered(&rids),
            sender: &transceiver.sender,
        };
        Ok(build::media(&plan, lines))
    }

    fn offered_extensions(&mut self, kind: MediaKind) -> Vec<Extmap> {
        let Self { capabilities, extension_ids, .. } = self;
        let known = capabilities.extensions(kind).iter();
        known
            .filter_map(|extension| {
                let direction = (extension.direction != Direction::SendRecv).then_some(extension.direction);
                let id = extension_ids.id(&extension.uri)?;
                Some(Extmap { id: id.into(), direction, uri: extension.uri.clone(), parameters: None })
            })
            .collect()
    }
}
