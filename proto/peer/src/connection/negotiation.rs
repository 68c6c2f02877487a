//! Descriptions and candidates, out and in, and what follows from them.

use super::transceiver::section_spec;
use super::{EARLY_CANDIDATES_MAX, PeerConnection, RemoteEnd};
use crate::candidate;
use crate::data_channel::BUFFERED_AMOUNT_MAX;
use crate::error::Error;
use crate::event::{Event, Track};
use crate::sctp::{SctpStart, SctpState, can_do_without_handshake};
use crate::snap::{SctpInit, Snap};
use crate::sped::ICE_OPTIONS;
use moim_ice::{GatheringState, IceCredentials, IceRole};
use moim_sdp::jsep::{
    Changes, DtlsRole, RemoteTransport, SdpType, SignalingState, TransceiverChange, TransportParameters,
};
use moim_sdp::{Candidate, IcePassword, MediaSection, SessionDescription};
use std::time::Instant;

impl PeerConnection {
    /// Creates an offer. Nothing changes until it is set by [`set_local`](Self::set_local).
    pub fn create_offer(&mut self) -> Result<String, Error> {
        self.check_open()?;
        let transport = self.transport_parameters();
        Ok(self.negotiator.create_offer(&transport)?.to_string())
    }

    /// Creates an answer to the offer that is open. Nothing changes until it is set by [`set_local`](Self::set_local).
    pub fn create_answer(&mut self) -> Result<String, Error> {
        self.check_open()?;
        let mut transport = self.transport_parameters();
        // Who would have to do a handshake after all does not tell the other side that there will be none.
        let offered = self.negotiator.pending_remote().and_then(told_init);
        transport.sctp_init =
            transport.sctp_init.filter(|_| offered.is_some_and(|init| self.snap(init).is_some()));
        let offered = self.negotiator.pending_remote().map(told_options).unwrap_or_default();
        transport
            .ice_options
            .retain(|option| !ICE_OPTIONS.contains(&option.as_str()) || offered.contains(option));
        Ok(self.negotiator.create_answer(&transport)?.to_string())
    }

    /// Sets what was created last as this side's description, or takes the open offer back. Candidates are gathered from now on.
    pub fn set_local(&mut self, kind: SdpType, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        let before = self.negotiator.signaling_state();
        let changes = self.negotiator.set_local(kind, None)?;
        if kind == SdpType::Offer {
            self.wants_ice_restart = false;
            if self.remote.is_none() {
                self.ice.set_role(IceRole::Controlling, now);
            }
            self.offer_sped(now);
        }
        if kind != SdpType::Rollback {
            self.ice.gather(now);
        }
        self.trace.ok("sdp.local", word(kind), now);
        self.settle(before, changes, now)
    }

    /// Sets the other side's description. Its offer takes the place of an open one of this side's; who is not to give way does not set it.
    pub fn set_remote(&mut self, kind: SdpType, description: &str, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        let before = self.negotiator.signaling_state();
        if kind == SdpType::Rollback {
            let changes = self.negotiator.set_remote(kind, SessionDescription::parse(NO_DESCRIPTION)?)?;
            return self.settle(before, changes, now);
        }
        let description = SessionDescription::parse(description)
            .inspect_err(|error| self.trace.failed("sdp.remote", error.to_string(), now))?;
        let told = told_credentials(&description);
        let changes = self
            .negotiator
            .set_remote(kind, description)
            .inspect_err(|error| self.trace.failed("sdp.remote", error.to_string(), now))?;
        self.trace.ok("sdp.remote", word(kind), now);
        if kind == SdpType::Offer {
            match (&self.remote, told) {
                (None, _) => self.ice.set_role(IceRole::Controlled, now),
                // RFC 8839 §4.4.1.1.1: that either is another means that the other side begins anew, so that this one does; the answer has
                // to say by which credentials.
                (Some(remote), Some((ufrag, password)))
                    if remote.ufrag != ufrag || remote.password != password =>
                {
                    self.ice.restart(now);
                    self.trace.begun("ice.restart", "the other side begins anew", now);
                }
                (Some(_), _) => {}
            }
        }
        self.settle(before, changes, now)
    }

    /// A candidate of the other side: `candidate:…` with or without `a=`. An empty one means that there are no more.
    pub fn add_ice_candidate(&mut self, text: &str, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        if text.is_empty() {
            self.ice.end_of_remote_candidates(now);
            self.pump(now);
            return Ok(());
        }
        let parsed = match Candidate::parse(text) {
            Ok(parsed) => parsed,
            // RFC 8839 §5.1: what is not known is passed over.
            Err(moim_sdp::CandidateError::Unsupported) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(candidate) = candidate::to_ice(&parsed) else { return Ok(()) };
        if self.remote.is_none() {
            if self.early_candidates.len() >= EARLY_CANDIDATES_MAX {
                return Err(moim_ice::Error::LimitReached.into());
            }
            self.early_candidates.push(candidate);
            return Ok(());
        }
        let added = self.ice.add_remote_candidate(candidate, now);
        self.pump(now);
        Ok(added?)
    }

    /// Begins ICE anew: the next offer says so.
    pub fn restart_ice(&mut self, now: Instant) {
        if self.check_open().is_err() || self.remote.is_none() {
            return;
        }
        self.wants_ice_restart = true;
        self.may_need_negotiation = true;
        self.ice.restart(now);
        self.trace.begun("ice.restart", "asked for", now);
        self.pump(now);
    }

    /// This side's description as it is now, with the candidates that were found.
    pub fn local_description(&self) -> Option<String> {
        let candidates: Vec<Candidate> = self.ice.local_candidates().map(candidate::to_sdp).collect();
        let is_complete = self.ice.gathering_state() == GatheringState::Complete;
        let description = self.negotiator.local_with_candidates(&candidates, is_complete)?;
        Some(description.to_string())
    }

    /// The other side's description.
    pub fn remote_description(&self) -> Option<String> {
        self.negotiator.remote().map(|description| description.to_string())
    }

    /// The user name fragment that this side's candidates go by.
    pub fn ice_ufrag(&self) -> &str {
        self.ice.local_credentials().ufrag()
    }

    fn transport_parameters(&self) -> TransportParameters {
        let credentials = self.ice.local_credentials();
        let password = IcePassword::new(credentials.password());
        TransportParameters {
            ice_ufrag: credentials.ufrag().to_owned(),
            ice_pwd: password
                .expect("an ICE agent's password has the characters and the length that ICE wants"),
            ice_options: std::iter::once("trickle".to_owned()).chain(self.sped_options()).collect(),
            ice_lite: self.is_lite,
            candidates: self.ice.local_candidates().map(candidate::to_sdp).collect(),
            end_of_candidates: self.ice.gathering_state() == GatheringState::Complete,
            fingerprints: vec![self.certificate.fingerprint().clone()],
            sctp_init: self.sctp_init.as_ref().map(SctpInit::to_text),
            preferred_role: self.preferred_role,
        }
    }

    /// What follows from a description that was set.
    fn settle(&mut self, before: SignalingState, changes: Changes, now: Instant) -> Result<(), Error> {
        for change in changes.transceivers {
            self.settle_transceiver(change, now);
        }
        let settled =
            changes.transport.as_ref().map_or(Ok(()), |transport| self.settle_transport(transport, now));
        self.note_signaling(before);
        self.may_need_negotiation = true;
        self.pump(now);
        settled
    }

    fn settle_transceiver(&mut self, change: TransceiverChange, now: Instant) {
        if change.stopped {
            self.media.remove_section(change.id.0);
            if let Some(own) = self.transceivers.remove(&change.id)
                && own.has_track
            {
                self.tell(Event::TrackEnded(change.id));
            }
            return;
        }
        if change.added_by_remote {
            self.adopt_transceiver(change.id, change.kind);
        }
        let Some(own) = self.transceivers.get_mut(&change.id) else { return };
        let had_track = std::mem::replace(&mut own.has_track, change.remote_sends);
        let direction_before = std::mem::replace(&mut own.direction, change.current_direction);
        if let Some(media) = &change.media {
            let spec = section_spec(media, &own.encodings);
            self.media.set_section(change.id.0, &spec, now);
        }
        match (had_track, change.remote_sends) {
            (false, true) => self.tell(Event::Track(Track {
                transceiver: change.id,
                kind: change.kind,
                mid: change.mid,
                streams: change.remote_streams,
                track: change.remote_track,
            })),
            (true, false) => self.tell(Event::TrackEnded(change.id)),
            (true, true) | (false, false) => {}
        }
        if let Some(direction) = change.current_direction
            && direction_before != Some(direction)
        {
            self.tell(Event::DirectionChange(change.id, direction));
        }
    }

    fn settle_transport(&mut self, transport: &RemoteTransport, now: Instant) -> Result<(), Error> {
        let credentials = IceCredentials::new(&transport.ice_ufrag, transport.ice_pwd.as_str())?;
        let init = transport.sctp.as_ref().and_then(|sctp| sctp.init.as_deref());
        let snap = init.and_then(|init| self.take_init(init, now));
        self.dtls.set_told(transport.fingerprints.clone());
        self.remote = Some(RemoteEnd {
            ufrag: transport.ice_ufrag.clone(),
            password: transport.ice_pwd.clone(),
            role: transport.role,
            fingerprints: transport.fingerprints.clone(),
            sctp: transport.sctp.clone(),
            snap,
        });
        self.settle_sped(&transport.ice_options, now);
        self.ice.set_remote(credentials, transport.ice_lite, now);
        if transport.ice_lite {
            // RFC 8445 §6.1.1: who only answers does not control, whoever has offered.
            self.ice.set_role(IceRole::Controlling, now);
        }
        let early = std::mem::take(&mut self.early_candidates);
        let described = transport.candidates.iter().filter_map(candidate::to_ice);
        for candidate in described.chain(early) {
            // One too many, or one that cannot be reached: the others count all the same.
            let _ = self.ice.add_remote_candidate(candidate, now);
        }
        if transport.end_of_candidates || !transport.trickles() {
            self.ice.end_of_remote_candidates(now);
        }
        self.start_dtls(now);
        self.start_sctp(now);
        Ok(())
    }

    /// Begins DTLS as soon as it can: a server waits for a hello, a client needs a path to send one by, unless checks carry it.
    pub(super) fn start_dtls(&mut self, now: Instant) {
        let Some(remote) = &self.remote else { return };
        if self.dtls.state() != crate::dtls::DtlsState::New {
            return;
        }
        if remote.role == DtlsRole::Server || self.ice.selected().is_some() || self.is_sped_active() {
            let (role, fingerprints) = (remote.role, remote.fingerprints.clone());
            self.trace.begun("dtls.start", role.to_string(), now);
            self.dtls.start(role, fingerprints, now);
        }
    }

    /// Begins SCTP, or tells it what the other side takes now.
    pub(super) fn start_sctp(&mut self, now: Instant) {
        let (Some(remote), Some(role)) = (&self.remote, self.dtls.role()) else { return };
        let (Some(sctp), crate::dtls::DtlsState::Connected) = (&remote.sctp, self.dtls.state()) else {
            return;
        };
        let longest = sctp.max_message_size.unwrap_or(u64::MAX).min(BUFFERED_AMOUNT_MAX as u64);
        let send_len_max = u32::try_from(longest).unwrap_or(u32::MAX);
        if self.sctp.state() != SctpState::Idle {
            self.sctp.set_send_len_max(send_len_max);
            return;
        }
        let is_client = role == DtlsRole::Client;
        let local_port = self.negotiator.capabilities().sctp_port;
        self.channels.set_role(is_client);
        let snap = remote.snap.clone();
        let how = if snap.is_some() { "what descriptions told is enough" } else { "by a handshake" };
        self.trace.begun("sctp.start", how, now);
        self.sctp.start(SctpStart { is_client, local_port, remote_port: sctp.port, send_len_max, snap }, now);
        self.sctp_may_send = true;
    }

    /// Both sides' chunks, if they can be used.
    fn snap(&self, remote: &str) -> Option<Snap> {
        let snap = Snap { local: self.sctp_init.clone()?, remote: SctpInit::parse(remote)? };
        can_do_without_handshake(snap.clone()).then_some(snap)
    }

    /// The same; and it is noted if they cannot. There is a handshake then.
    fn take_init(&mut self, remote: &str, now: Instant) -> Option<Snap> {
        let snap = self.snap(remote);
        if snap.is_none() && self.sctp_init.is_some() && self.sctp.state() == SctpState::Idle {
            self.sctp_inits_refused += 1;
            self.trace.failed("sctp.init", "the other side's INIT cannot be used", now);
        }
        snap
    }

    pub(super) fn note_signaling(&mut self, before: SignalingState) {
        let state = self.negotiator.signaling_state();
        if state != before {
            self.tell(Event::SignalingStateChange(state));
        }
    }

    /// W3C WebRTC §4.7.3: told once, until it was done or is not needed any more.
    pub(super) fn note_negotiation(&mut self) {
        let is_stable = self.negotiator.signaling_state() == SignalingState::Stable;
        if !is_stable {
            // What changes from now on is not in the offer that is on its way: it is to be told when the exchange is over.
            self.is_negotiation_told = false;
            return;
        }
        if !std::mem::take(&mut self.may_need_negotiation) {
            return;
        }
        let is_needed = self.negotiator.negotiation_needed() || self.wants_ice_restart;
        if is_needed && !self.is_negotiation_told {
            self.tell(Event::NegotiationNeeded);
        }
        self.is_negotiation_told = is_needed;
    }
}

/// What stands for the description that a rollback has not.
const NO_DESCRIPTION: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn word(kind: SdpType) -> &'static str {
    match kind {
        SdpType::Offer => "offer",
        SdpType::Pranswer => "pranswer",
        SdpType::Answer => "answer",
        SdpType::Rollback => "rollback",
    }
}

/// What a description says that a side can do beyond plain ICE.
fn told_options(description: &SessionDescription) -> Vec<String> {
    let section = description.media.iter().find(|section| !section.is_rejected());
    section.map(|section| description.ice_options(section).to_vec()).unwrap_or_default()
}

/// The INIT chunk of SCTP that a description tells.
fn told_init(description: &SessionDescription) -> Option<&str> {
    description.media.iter().find_map(MediaSection::sctp_init)
}

/// The ICE credentials of a description: of the section that stands for all.
fn told_credentials(description: &SessionDescription) -> Option<(String, IcePassword)> {
    let mut sections = description.media.iter();
    let (ufrag, password) = sections.find_map(|section| description.ice_credentials(section))?;
    Some((ufrag.to_owned(), password.clone()))
}
