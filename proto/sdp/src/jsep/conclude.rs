//! What answers do once they are set (RFC 9429 §5.9, §5.11).

use super::change::{Changes, TransceiverChange};
use super::check::check_answer;
use super::error::Error;
use super::layout::{Bundle, Content};
use super::media::{self, Side};
use super::negotiator::{Agreed, Descriptions, Negotiator};
use super::state::SignalingState;
use super::transceiver::TransceiverId;
use super::transport::{self, Described, DtlsRole, RemoteTransport, SctpParameters};
use crate::{MediaSection, SessionDescription, Setup};

/// An offer and the answer to it, as this side sees them.
struct Exchange {
    local: SessionDescription,
    remote: SessionDescription,
    we_answer: bool,
    is_final: bool,
}

impl Exchange {
    fn answer(&self) -> &SessionDescription {
        if self.we_answer { &self.local } else { &self.remote }
    }
}

impl Negotiator {
    pub(super) fn apply_local_answer(
        &mut self,
        answer: SessionDescription,
        is_final: bool,
    ) -> Result<Changes, Error> {
        let invalid = Error::InvalidState { operation: "setting a local answer", state: self.state };
        let remote = self.pending.remote.clone().ok_or(invalid)?;
        let tagged = Bundle::of(&answer).tagged();
        let role = tagged.and_then(|index| match answer.setup(&answer.media[index]) {
            Some(Setup::Active) => Some(DtlsRole::Client),
            Some(Setup::Passive) => Some(DtlsRole::Server),
            Some(Setup::ActPass | Setup::HoldConn) | None => None,
        });
        self.conclude(Exchange { local: answer, remote, we_answer: true, is_final }, role)
    }

    pub(super) fn apply_remote_answer(
        &mut self,
        answer: SessionDescription,
        is_final: bool,
    ) -> Result<Changes, Error> {
        let invalid = Error::InvalidState { operation: "setting a remote answer", state: self.state };
        let local = self.pending.local.clone().ok_or(invalid)?;
        check_answer(&local, &answer)?;
        let role = match Bundle::of(&answer).tagged() {
            Some(tagged) => {
                let setup = Described::of(&answer, tagged)?.setup;
                let role =
                    transport::role_by_answer(setup).map_err(|reason| Error::misbehaved(tagged, reason))?;
                self.check_role(tagged, role)?;
                Some(role)
            }
            None => None,
        };
        self.conclude(Exchange { local, remote: answer, we_answer: false, is_final }, role)
    }

    /// Makes valid what an offer and its answer agree on.
    fn conclude(&mut self, exchange: Exchange, role: Option<DtlsRole>) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for index in 0..self.layout.len() {
            if exchange.answer().media[index].is_rejected() {
                changes.transceivers.extend(self.drop_section(index, &exchange));
            } else {
                changes.transceivers.extend(self.take_section(index, &exchange)?);
            }
        }
        self.role = role.or(self.role);
        changes.transport = self.remote_transport(&exchange)?;
        let Exchange { local, remote, we_answer, is_final } = exchange;
        if is_final {
            self.current = Agreed::of(&local, &remote);
            self.pending = Descriptions::default();
            self.before = None;
            self.we_offered = !we_answer;
            self.state = SignalingState::Stable;
        } else {
            self.pending = Descriptions { local: Some(local), remote: Some(remote) };
            self.state = if we_answer {
                SignalingState::HaveLocalPranswer
            } else {
                SignalingState::HaveRemotePranswer
            };
        }
        self.created = None;
        Ok(changes)
    }

    /// A section was accepted.
    fn take_section(
        &mut self,
        index: usize,
        exchange: &Exchange,
    ) -> Result<Option<TransceiverChange>, Error> {
        let slot = &self.layout[index];
        let id = match slot.content {
            Content::Media(id) => id,
            Content::Data => return Ok(None),
            Content::Rejected => {
                return Err(Error::misbehaved(index, "it was rejected, and the answer accepts it"));
            }
        };
        let mid = slot.mid;
        let local = Side { description: &exchange.local, section: &exchange.local.media[index] };
        let remote = Side { description: &exchange.remote, section: &exchange.remote.media[index] };
        let transceiver = self.transceiver_mut(id)?;
        let negotiated = media::negotiate(transceiver.kind, mid, local, remote, exchange.we_answer);
        if negotiated.send_codecs.is_empty() {
            return Err(Error::misbehaved(
                index,
                "the answer accepts it with none of the codecs that were offered",
            ));
        }
        transceiver.current_direction = Some(negotiated.direction);
        transceiver.media = Some(negotiated.clone());
        let change = TransceiverChange::of(transceiver, Some((remote.description, remote.section)));
        Ok(Some(TransceiverChange { media: Some(negotiated), ..change }))
    }

    /// A section was rejected. Not before the answer is final does it matter.
    fn drop_section(&mut self, index: usize, exchange: &Exchange) -> Option<TransceiverChange> {
        if !exchange.is_final {
            return None;
        }
        let content = std::mem::replace(&mut self.layout[index].content, Content::Rejected);
        match content {
            Content::Media(id) => self.remove_transceiver(id),
            Content::Data => {
                self.wants_data = false;
                None
            }
            Content::Rejected => None,
        }
    }

    fn remove_transceiver(&mut self, id: TransceiverId) -> Option<TransceiverChange> {
        let index = self.transceivers.iter().position(|transceiver| transceiver.id == id)?;
        let transceiver = self.transceivers.remove(index);
        let last = TransceiverChange::of(&transceiver, None);
        Some(TransceiverChange { stopped: true, mid: None, current_direction: None, ..last })
    }

    /// What the other side says about the transport; `None` if every section was rejected.
    fn remote_transport(&mut self, exchange: &Exchange) -> Result<Option<RemoteTransport>, Error> {
        let Some(tagged) = Bundle::of(exchange.answer()).tagged() else { return Ok(None) };
        let remote = &exchange.remote;
        // An answer's first section has it all. In an offer it may be that only its own first one has, which we may have rejected.
        let has_credentials = remote.ice_credentials(&remote.media[tagged]).is_some();
        let index = if has_credentials { tagged } else { Bundle::of(remote).tagged().unwrap_or(tagged) };
        let described = Described::of(remote, index)?;
        let Some(role) = self.role else { return Ok(None) };
        let section = &remote.media[index];
        let with_candidates = candidates_section(remote, section);
        let credentials = (described.ufrag.to_owned(), described.password.clone());
        let ice_restart = self.remote_ice.as_ref().is_some_and(|before| *before != credentials);
        self.remote_ice = Some(credentials);
        let data = self.layout.iter().position(|slot| slot.content == Content::Data);
        let data = data.filter(|index| !exchange.answer().media[*index].is_rejected());
        Ok(Some(RemoteTransport {
            ice_ufrag: described.ufrag.to_owned(),
            ice_pwd: described.password.clone(),
            ice_lite: remote.is_ice_lite(),
            ice_options: remote.ice_options(section).to_vec(),
            // RTCP is multiplexed: there is no second component.
            candidates: with_candidates
                .candidates()
                .filter(|candidate| candidate.component == 1)
                .cloned()
                .collect(),
            end_of_candidates: with_candidates.has_end_of_candidates(),
            fingerprints: described.fingerprints.into_iter().cloned().collect(),
            role,
            ice_restart,
            sctp: data.and_then(|index| SctpParameters::of(&remote.media[index])),
        }))
    }
}

/// The section of a bundle that has the candidates of this one: only one of those that share a transport does (RFC 9143 §7.1.3), and in
/// an offer that may be one that we have rejected.
fn candidates_section<'a>(remote: &'a SessionDescription, section: &'a MediaSection) -> &'a MediaSection {
    let has_any =
        |section: &MediaSection| section.candidates().next().is_some() || section.has_end_of_candidates();
    if has_any(section) {
        return section;
    }
    let credentials = remote.ice_credentials(section);
    let of_same = Bundle::of(remote).tagged().map(|index| &remote.media[index]);
    of_same.filter(|other| remote.ice_credentials(other) == credentials).unwrap_or(section)
}
