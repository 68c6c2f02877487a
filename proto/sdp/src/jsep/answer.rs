//! Our answers (RFC 9429 §5.3).

use super::build::{self, DataPlan, DataSpelling, MediaPlan, TransportLines};
use super::capability::{Capabilities, Codec};
use super::change::NegotiatedExtension;
use super::codec_match::{self, SectionCodec};
use super::error::Error;
use super::layout::{Bundle, Content, Slot};
use super::media;
use super::negotiator::{Created, Negotiator};
use super::simulcast::{AnswerScope, Encodings};
use super::state::SignalingState;
use super::transceiver::{Transceiver, TransceiverState};
use super::transport::{self, Described, SctpParameters, TransportParameters};
use crate::{Attribute, Direction, Extmap, MediaSection, Origin, SessionDescription};
use moim_wire::{MediaKind, Mid, PayloadType, Rid};

impl Negotiator {
    /// Creates an answer to the offer that is open. Nothing changes until it is set.
    pub fn create_answer(&mut self, parameters: &TransportParameters) -> Result<SessionDescription, Error> {
        let invalid = Error::InvalidState { operation: "creating an answer", state: self.state };
        if !matches!(self.state, SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer) {
            return Err(invalid);
        }
        let offer = self.pending.remote.clone().ok_or(invalid)?;
        parameters.check()?;
        let bundle = Bundle::of(&offer);
        let setup = match bundle.tagged() {
            Some(tagged) => Described::of(&offer, tagged)?.setup,
            None => None,
        };
        let role = transport::role_in_answer(setup, self.role, parameters.preferred_role)
            .map_err(Error::misbehaved_overall)?;
        let lines = TransportLines::new(parameters, role.setup());
        let layout = self.layout.clone();
        let mut sections = Vec::with_capacity(layout.len());
        for ((index, slot), offered) in layout.iter().enumerate().zip(&offer.media) {
            let is_possible = is_acceptable(&offer, &bundle, index);
            let answered =
                is_possible.then(|| self.answered_section(slot, &offer, offered, &lines)).flatten();
            sections.push(answered.unwrap_or_else(|| build::rejected(offered, offered.mid())));
        }
        self.session_version += 1;
        let accepted = || sections.iter().zip(&offer.media).filter(|(section, _)| !section.is_rejected());
        // In the order of the offer: the first of its sections that is accepted goes on to stand for all (RFC 9143 §7.3.1).
        let mut group: Vec<Mid> = Vec::new();
        for mid in offer.bundle().unwrap_or_default() {
            let is_accepted = accepted().any(|(section, _)| section.mid() == Some(*mid));
            if is_accepted && !group.contains(mid) {
                group.push(*mid);
            }
        }
        let mixed = accepted().all(|(_, offered)| offer.allows_mixed_extensions(offered));
        let origin = Origin::new(self.session_id, self.session_version);
        let mut description = build::session(origin, group, parameters.ice_lite, mixed);
        description.media = sections;
        build::put_candidates(&mut description, &parameters.candidates, parameters.end_of_candidates);
        self.created = Some(Created { is_offer: false, description: description.clone(), layout });
        Ok(description)
    }

    /// `None`: it is rejected.
    fn answered_section(
        &mut self,
        slot: &Slot,
        offer: &SessionDescription,
        offered: &MediaSection,
        lines: &TransportLines<'_>,
    ) -> Option<MediaSection> {
        match slot.content {
            Content::Media(id) => {
                let transceiver = self.transceiver(id)?.clone();
                match transceiver.state {
                    TransceiverState::Active => self.answered_media(&transceiver, offer, offered, lines),
                    TransceiverState::Stopping => None,
                }
            }
            Content::Data => {
                let is_old =
                    offered.attributes.iter().any(|attribute| matches!(attribute, Attribute::SctpMap(_)));
                let spelling = if is_old {
                    DataSpelling::Map(&offered.protocol)
                } else {
                    DataSpelling::Port(&offered.protocol)
                };
                let Capabilities { sctp_port, max_message_size, .. } = self.capabilities;
                let plan = DataPlan {
                    mid: offered.mid(),
                    spelling,
                    port: sctp_port,
                    max_message_size,
                    init: offered.sctp_init().and_then(|_| lines.sctp_init()),
                };
                Some(build::data(&plan, lines))
            }
            Content::Rejected => None,
        }
    }

    fn answered_media(
        &mut self,
        transceiver: &Transceiver,
        offer: &SessionDescription,
        offered: &MediaSection,
        lines: &TransportLines<'_>,
    ) -> Option<MediaSection> {
        let kind = transceiver.kind;
        let codecs = self.answered_codecs(transceiver, offered);
        if codecs.is_empty() {
            return None;
        }
        let extensions = self.answered_extensions(kind, offered);
        let direction = transceiver.direction.intersection(offer.direction(offered).reversed());
        let own_rids = sent_rids(transceiver, offered);
        let scope = AnswerScope {
            extensions: &extensions,
            payload_types: media::payload_types(&codecs).map(PayloadType::get).collect(),
            receives: direction.receives(),
            receive_max: self.capabilities.receive_encodings_max,
            sends: direction.sends(),
            own: &own_rids,
        };
        let encodings = Encodings::answered(offered, &scope);
        let plan = MediaPlan {
            kind,
            mid: offered.mid(),
            protocol: Some(&offered.protocol),
            direction,
            codecs,
            extensions: extensions.iter().map(answered_extmap).collect(),
            rtcp_rsize: offered.has(&Attribute::RtcpRsize),
            encodings,
            sender: &transceiver.sender,
        };
        Some(build::media(&plan, lines))
    }

    /// The codecs of both, in the order of the transceiver's preferences if it has any, or else of the offer (RFC 9429 §5.3.1).
    fn answered_codecs(&mut self, transceiver: &Transceiver, offered: &MediaSection) -> Vec<SectionCodec> {
        let kind = transceiver.kind;
        let Self { capabilities, payload_types, .. } = self;
        payload_types.reserve(offered.payload_types());
        let listed = codec_match::section_codecs(kind, offered);
        let own = capabilities.codecs(kind);
        let mut known = media::known_codecs(&transceiver.codecs, own, &listed);
        if transceiver.has_preferences {
            let rank = |index: usize| transceiver.codecs.iter().position(|other| *other == index);
            known.sort_by_key(|(index, _)| rank(*index));
        }
        known
            .into_iter()
            .map(|(index, theirs)| {
                let answered = answered_codec(&own[index], &theirs);
                payload_types.adopt(kind, index, answered.codec.payload_type, answered.rtx);
                answered
            })
            .collect()
    }

    /// The extensions of both, under the ids of the offer (RFC 8285 §6).
    fn answered_extensions(&mut self, kind: MediaKind, offered: &MediaSection) -> Vec<NegotiatedExtension> {
        let Self { capabilities, extension_ids, .. } = self;
        let mut answered: Vec<NegotiatedExtension> = Vec::new();
        for extmap in offered.extensions() {
            // Ids beyond a byte ask for one to be chosen, which nobody does.
            let Ok(id) = u8::try_from(extmap.id) else { continue };
            extension_ids.adopt(id, &extmap.uri);
            let is_new = !answered.iter().any(|other| other.id == id || other.uri == extmap.uri);
            let known = capabilities.extensions(kind).iter().find(|known| known.uri == extmap.uri);
            let Some(known) = known.filter(|_| is_new) else { continue };
            let direction = known.direction.intersection(extmap.direction.unwrap_or_default().reversed());
            if direction != Direction::Inactive {
                answered.push(NegotiatedExtension { id, uri: extmap.uri.clone(), direction });
            }
        }
        answered
    }
}

/// Whether we can accept a section of an offer at all: it is bundled, multiplexes RTCP, and is secured by DTLS.
pub(super) fn is_acceptable(offer: &SessionDescription, bundle: &Bundle, index: usize) -> bool {
    let section = &offer.media[index];
    if section.is_rejected() || !bundle.contains(index) {
        return false;
    }
    if section.kind.media().is_some() {
        // RFC 9429 §5.1.2: whatever the profile is called, it is meant to be this one.
        let is_rtp = section.protocol.contains("RTP/");
        let is_multiplexed = section.has(&Attribute::RtcpMux) || section.has(&Attribute::RtcpMuxOnly);
        return is_rtp && is_multiplexed;
    }
    SctpParameters::of(section).is_some()
}

fn answered_codec(own: &Codec, theirs: &SectionCodec) -> SectionCodec {
    let rtx = theirs.rtx.filter(|_| own.rtx);
    let codec = Codec {
        payload_type: theirs.codec.payload_type,
        parameters: codec_match::answer_parameters(own, &theirs.codec),
        feedback: media::common_feedback(&own.feedback, &theirs.codec.feedback),
        rtx: rtx.is_some(),
        channels: theirs.codec.channels,
        ..own.clone()
    };
    SectionCodec { codec, rtx }
}

/// The names of our encodings: the application's, or those that the offer wants if the application has none (RFC 9429 §5.10).
fn sent_rids(transceiver: &Transceiver, offered: &MediaSection) -> Vec<Rid> {
    let sender = &transceiver.sender;
    if !sender.encodings.is_empty() || !sender.ssrcs.is_empty() {
        return sender.rids();
    }
    let wanted =
        offered.simulcast().map(|simulcast| simulcast.receive.iter().flatten().map(|choice| choice.rid));
    wanted.into_iter().flatten().take(crate::limit::ENCODINGS_MAX).collect()
}

fn answered_extmap(extension: &NegotiatedExtension) -> Extmap {
    let direction = (extension.direction != Direction::SendRecv).then_some(extension.direction);
    Extmap { id: extension.id.into(), direction, uri: extension.uri.clone(), parameters: None }
}
