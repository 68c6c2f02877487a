//! What one layer says to the next. This is the only place that knows their order.

use super::{PeerConnection, Phase};
use crate::candidate;
use crate::dtls::{DtlsEvent, DtlsState};
use crate::event::{Event, PeerConnectionState, TrickleCandidate};
use crate::media::{MediaEvent, ReceiveStreamId};
use crate::sctp::SctpEvent;
use moim_ice::{Ask, ConnectionState, GatheringState};
use moim_sdp::jsep::TransceiverId;
use std::time::Instant;

impl PeerConnection {
    /// Carries what layers have to say to each other until they are quiet. Every input that is not media ends here.
    pub(super) fn pump(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        if self.phase == Phase::Closed {
            self.follow_closed_ice();
            return;
        }
        loop {
            self.carry(now);
            if !self.piggyback(now) {
                break;
            }
        }
        self.note_negotiation();
        self.note_state();
    }

    /// Carries what each layer has to say to the one above.
    fn carry(&mut self, now: Instant) {
        while let Some(event) = self.ice.poll_event() {
            self.on_ice(event, now);
        }
        if self.ice.selected().is_some() {
            self.start_dtls(now);
        }
        while let Some(event) = self.dtls.poll_event() {
            self.on_dtls(event, now);
        }
        while let Some(message) = self.dtls.poll_received() {
            if let Some(sped) = &mut self.sped {
                sped.data_came();
            }
            self.sctp.handle_packet(message, now);
            self.sctp_may_send = true;
        }
        while let Some(event) = self.sctp.poll_event() {
            match &event {
                SctpEvent::Connected => self.trace.ok("sctp.connected", "", now),
                SctpEvent::Lost(reason) => self.trace.failed("sctp.lost", reason.clone(), now),
                SctpEvent::Readable(_) | SctpEvent::Finished(_) | SctpEvent::Reset { .. } => {}
            }
            self.channels.handle_sctp(&event, &mut self.sctp);
            self.sctp_may_send = true;
        }
        self.channels.settle(&mut self.sctp);
    }

    /// Nothing is told any more of a connection that was closed but which of its streams are to be closed.
    pub(super) fn follow_closed_ice(&mut self) {
        while let Some(event) = self.ice.poll_event() {
            if let moim_ice::Event::Ask(ask @ Ask::Disconnect { .. }) = event {
                self.tell(Event::Ask(ask));
            }
        }
    }

    fn on_ice(&mut self, event: moim_ice::Event, now: Instant) {
        match event {
            moim_ice::Event::GatheringState(state) => {
                self.trace.ok("ice.gathering", format!("{state:?}"), now);
                if state == GatheringState::Complete {
                    let candidate = self.trickle(String::new());
                    self.tell(Event::IceCandidate(candidate));
                }
                self.tell(Event::GatheringStateChange(state));
            }
            moim_ice::Event::LocalCandidate(found) => {
                let text = candidate::to_sdp(&found).to_string();
                self.trace.ok("ice.candidate", text.clone(), now);
                let candidate = self.trickle(text);
                self.tell(Event::IceCandidate(candidate));
            }
            moim_ice::Event::LocalCandidateError { server, code, reason } => {
                self.trace.failed("ice.server", format!("{server}: {code:?} {reason}"), now);
            }
            moim_ice::Event::ConnectionState(state) => {
                let detail = state.as_str();
                if state == ConnectionState::Failed {
                    self.trace_failed_pairs(now);
                    self.trace.failed("ice.state", detail, now);
                } else {
                    self.trace.ok("ice.state", detail, now);
                }
                self.tell(Event::IceConnectionStateChange(state));
            }
            moim_ice::Event::Selected { local, remote, .. } => {
                let detail = format!("{} → {}", describe(&local), describe(&remote));
                self.trace.ok("ice.selected", detail, now);
                self.media.on_path(now);
            }
            moim_ice::Event::Extras(extras) => self.take_extras(&extras, now),
            moim_ice::Event::RoleChanged(role) => self.trace.ok("ice.role", format!("{role:?}"), now),
            moim_ice::Event::Ask(ask) => self.tell(Event::Ask(ask)),
            _ => {}
        }
    }

    fn on_dtls(&mut self, event: DtlsEvent, now: Instant) {
        match event {
            DtlsEvent::Connected { version, srtp } => {
                let profile = srtp.as_ref().map_or("none", |keys| keys.profile.as_str());
                self.trace.ok("dtls.connected", format!("DTLS {version}, SRTP {profile}"), now);
                if let (Some(keys), Some(role)) = (srtp, self.dtls.role())
                    && let Err(error) = self.media.set_keys(&keys, role)
                {
                    self.trace.failed("srtp.keys", error.to_string(), now);
                }
                if let Some(sped) = &mut self.sped {
                    sped.handshake_done();
                }
                self.start_sctp(now);
            }
            DtlsEvent::Failed(failure) => {
                if let Some(sped) = &mut self.sped {
                    sped.turn_off();
                }
                self.trace.failed("dtls.failed", failure.to_string(), now);
                self.end_transports(now);
            }
            DtlsEvent::Closed => {
                self.trace.ok("dtls.closed", "by the other side", now);
                self.end_transports(now);
            }
        }
    }

    /// What media has to tell.
    pub(super) fn take_media_events(&mut self) {
        while let Some(event) = self.media.poll_event() {
            let event = match event {
                MediaEvent::KeyFrameRequested { section, encoding } => {
                    Event::KeyFrameRequested { transceiver: TransceiverId(section), encoding }
                }
                MediaEvent::Target(target) => Event::TargetBitrate(target),
                MediaEvent::SenderReport { section, stream, ntp, timestamp } => Event::SenderReport {
                    transceiver: TransceiverId(section),
                    stream: ReceiveStreamId(stream),
                    ntp,
                    timestamp,
                },
                MediaEvent::Bye { section, stream, rid } => {
                    Event::Bye { transceiver: TransceiverId(section), stream: ReceiveStreamId(stream), rid }
                }
            };
            self.tell(event);
        }
    }

    /// There is no DTLS any more, and nothing that went by it.
    fn end_transports(&mut self, now: Instant) {
        self.media.close(now);
        self.sctp.close();
        self.channels.close_all();
    }

    fn trickle(&self, candidate: String) -> TrickleCandidate {
        TrickleCandidate {
            candidate,
            mid: self.negotiator.first_mid(),
            mline_index: 0,
            ufrag: self.ice.local_credentials().ufrag().to_owned(),
        }
    }

    /// W3C WebRTC §4.3.3: the connection is as well as the worst of its parts.
    fn note_state(&mut self) {
        if self.phase != Phase::Open {
            return;
        }
        let state = match (self.ice.connection_state(), self.dtls.state()) {
            (ConnectionState::Failed, _) | (_, DtlsState::Failed) => PeerConnectionState::Failed,
            (ConnectionState::Closed, _) | (_, DtlsState::Closed) => PeerConnectionState::Closed,
            (ConnectionState::Disconnected, _) => PeerConnectionState::Disconnected,
            (ConnectionState::New, DtlsState::New) => PeerConnectionState::New,
            (ConnectionState::Connected | ConnectionState::Completed, DtlsState::Connected) => {
                PeerConnectionState::Connected
            }
            (_, DtlsState::New | DtlsState::Connecting | DtlsState::Connected) => {
                PeerConnectionState::Connecting
            }
        };
        self.set_state(state);
    }

    fn trace_failed_pairs(&mut self, now: Instant) {
        /// As many are told as fit a page; the statistics have all.
        const PAIRS_TOLD_MAX: usize = 16;
        let told = self.ice.pairs().take(PAIRS_TOLD_MAX).map(|pair| {
            let reason = pair.failure().map_or("", moim_ice::FailureReason::as_str);
            format!("{} → {}: {reason}", describe(pair.local), describe(pair.remote))
        });
        let told: Vec<_> = told.collect();
        for pair in told {
            self.trace.failed("ice.pair", pair, now);
        }
    }
}

fn describe(candidate: &moim_ice::Candidate) -> String {
    let kind = candidate.kind.as_str();
    match &candidate.address {
        moim_ice::CandidateAddress::Socket(address) => format!("{kind} {address}"),
        moim_ice::CandidateAddress::Name { name, port } => format!("{kind} {name}:{port}"),
    }
}
