//! One attempt at a connection to another participant: negotiation, trickle, media and channels of one id.

use super::ConnectionSettings;
use super::control::{CHANNELS, Control};
use super::negotiation::{OfferDecision, decide_offer, generation_of, is_of_generation};
use crate::connection::{
    Connection, ConnectionEvent, ConnectionOptions, IceServers, NetworkCounters, ReceivedFrame, connection,
};
use crate::error::Error;
use crate::media::{Delivery, LocalTrack};
use moim_peer::stats::StatsReport;
use moim_peer::{
    DataChannelEvent, DataChannelId, DataChannelInit, DataMessage, Event, PeerConnectionState, Reliability,
    TrickleCandidate,
};
use moim_sdp::Direction;
use moim_sdp::jsep::{
    SdpType, SignalingState, Transceiver, TransceiverId, TransceiverInit, TransceiverState,
};
use moim_signal::id::{ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{ClientMessage, IceCandidate, MidTrack, TrackKind, TrackSource};
use moim_wire::{Bitrate, MediaKind, Mid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Media sections that another participant may name in one description.
const SECTIONS_MAX: usize = 64;
/// Bytes that may wait in the channel for control messages.
const CONTROL_BUFFER_MAX: usize = 8 << 20;
/// The least that media goes down to.
pub(super) const BITRATE_MIN: Bitrate = Bitrate::from_kbps(50);
/// The sections of a first offer, in the order in which the others fill them: so that turning a source on needs no new offer.
const PLACES: [(TrackSource, MediaKind); 4] = [
    (TrackSource::Microphone, MediaKind::Audio),
    (TrackSource::Camera, MediaKind::Video),
    (TrackSource::ScreenShare, MediaKind::Video),
    (TrackSource::ScreenShareAudio, MediaKind::Audio),
];

/// What an attempt needs.
pub(super) struct AttemptOptions {
    pub(super) id: PeerConnectionId,
    pub(super) to: ParticipantId,
    /// Whether this side made the attempt, and so offers first.
    pub(super) is_initiator: bool,
    /// Whether this side gives way when offers cross.
    pub(super) is_polite: bool,
    pub(super) settings: Arc<ConnectionSettings>,
    pub(super) servers: IceServers,
}

/// What happens in an attempt.
#[derive(Debug)]
pub(super) enum AttemptEvent {
    /// The other side is to be sent a message.
    Send(Box<ClientMessage>),
    /// The connection is so far.
    State(PeerConnectionState),
    /// A frame of one of their tracks.
    Frame { track: TrackId, frame: ReceivedFrame },
    /// A control message.
    Control(Control),
    /// A key frame is wanted of one of our tracks.
    KeyFrameRequested(TrackId),
    /// As much may be sent, all media together.
    Target(Bitrate),
    /// This machine has other addresses than before.
    NetworkChanged,
}

/// One attempt at a connection.
pub(super) struct Attempt {
    options: AttemptOptions,
    connection: Connection,
    /// The channel for control messages.
    reliable: DataChannelId,
    /// The sections that carry our tracks.
    sending: BTreeMap<TrackId, TransceiverId>,
    /// Their tracks, by section.
    receiving: BTreeMap<Mid, TrackId>,
    wanted: Vec<(TrackId, TrackSource, MediaKind)>,
    /// Whether the other side has answered, or offered, ever.
    is_negotiated: bool,
    is_ignoring_offer: bool,
    /// The ICE generation of the other side's description that was taken last.
    remote_generation: Option<String>,
    /// The ICE generation of what this side described last.
    local_generation: Option<String>,
    /// The ICE generation whose end has been told.
    complete_generation: Option<String>,
    /// What is to be told before anything else happens.
    events: VecDeque<AttemptEvent>,
}

impl Attempt {
    /// Makes it. What this side sends is said by [`Self::set_media`]; the initiator's first offer follows by itself.
    pub(super) fn new(options: AttemptOptions) -> Result<Self, Error> {
        let mut connection = Connection::new(ConnectionOptions {
            network: options.settings.network.clone(),
            certificate: options.settings.certificate.clone(),
            relay_only: options.settings.relay_only,
            drafts: options.settings.drafts,
            servers: options.servers.clone(),
        })?;
        let peer = connection.peer_mut();
        let bitrate_max = options.settings.bitrate_max;
        peer.set_bitrate_limits(BITRATE_MIN, bitrate_max, Instant::now()).map_err(self::connection)?;
        peer.set_demand(bitrate_max, Instant::now());
        let mut channels = Vec::new();
        for plan in CHANNELS {
            let reliability = plan
                .retransmits_max
                .map_or(Reliability::Reliable, |count| Reliability::MaxRetransmits(u32::from(count)));
            let init = DataChannelInit {
                label: plan.label.to_owned(),
                ordered: plan.is_ordered,
                reliability,
                negotiated: Some(plan.id),
                ..DataChannelInit::default()
            };
            let channel = connection.peer_mut().create_data_channel(init, Instant::now());
            channels.push(channel.map_err(self::connection)?);
        }
        Ok(Self {
            options,
            connection,
            reliable: channels[0],
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            wanted: Vec::new(),
            is_negotiated: false,
            is_ignoring_offer: false,
            remote_generation: None,
            local_generation: None,
            complete_generation: None,
            events: VecDeque::new(),
        })
    }

    pub(super) fn id(&self) -> &PeerConnectionId {
        &self.options.id
    }

    pub(super) fn is_initiator(&self) -> bool {
        self.options.is_initiator
    }

    pub(super) fn is_negotiated(&self) -> bool {
        self.is_negotiated
    }

    /// Sends exactly these tracks from now on.
    pub(super) fn set_media(&mut self, tracks: &[LocalTrack]) {
        let kind = |track: &LocalTrack| match track.kind() {
            TrackKind::Audio => MediaKind::Audio,
            TrackKind::Video => MediaKind::Video,
        };
        self.wanted = tracks.iter().map(|track| (track.id().clone(), track.source(), kind(track))).collect();
        // Whoever answers waits for the offer's sections, and takes those.
        if self.options.is_initiator || self.is_negotiated {
            self.place();
        }
    }

    pub(super) fn set_servers(&mut self, servers: IceServers) {
        self.connection.set_servers(servers);
    }

    /// Looks for a new path; media goes on over the old one while that works.
    pub(super) fn restart_ice(&mut self) {
        self.connection.peer_mut().restart_ice(Instant::now());
    }

    pub(super) fn handle_offer(&mut self, sdp: &str, tracks: &[MidTrack]) -> Result<(), Error> {
        let has_offered = self.connection.peer().signaling_state() == SignalingState::HaveLocalOffer;
        let decision = decide_offer(self.options.is_polite, has_offered);
        self.is_ignoring_offer = decision == OfferDecision::Ignore;
        if self.is_ignoring_offer {
            return Ok(());
        }
        let peer = self.connection.peer_mut();
        peer.set_remote(SdpType::Offer, sdp, Instant::now()).map_err(connection)?;
        self.remote_generation = generation_of(sdp);
        self.described(tracks);
        self.place();
        let peer = self.connection.peer_mut();
        let sdp = peer.create_answer().map_err(connection)?;
        peer.set_local(SdpType::Answer, Instant::now()).map_err(connection)?;
        let (to, connection, tracks) = (self.options.to.clone(), self.options.id.clone(), self.describe());
        self.say(ClientMessage::Answer { to, connection, sdp, tracks });
        Ok(())
    }

    pub(super) fn handle_answer(&mut self, sdp: &str, tracks: &[MidTrack]) -> Result<(), Error> {
        let peer = self.connection.peer_mut();
        // An answer to an offer that was given up meanwhile is of no use.
        if peer.signaling_state() == SignalingState::HaveLocalOffer {
            peer.set_remote(SdpType::Answer, sdp, Instant::now()).map_err(connection)?;
            self.remote_generation = generation_of(sdp);
            self.described(tracks);
        }
        Ok(())
    }

    pub(super) fn handle_candidate(&mut self, candidate: &IceCandidate) -> Result<(), Error> {
        let added = self.connection.peer_mut().add_ice_candidate(&candidate.candidate, Instant::now());
        // Candidates of an offer that was ignored have no description to go with.
        if self.is_ignoring_offer { Ok(()) } else { added.map_err(connection) }
    }

    pub(super) fn handle_end_of_candidates(&mut self, ufrag: Option<&str>) -> Result<(), Error> {
        // The end of an offer's candidates that was ignored, or of those before a restart, is not the end of those to come.
        if !is_of_generation(ufrag, self.remote_generation.as_deref()) {
            return Ok(());
        }
        let added = self.connection.peer_mut().add_ice_candidate("", Instant::now());
        if self.is_ignoring_offer { Ok(()) } else { added.map_err(connection) }
    }

    /// What could not be sent.
    pub(super) fn network_counters(&self) -> NetworkCounters {
        self.connection.network_counters()
    }

    /// The ends of the path that data goes by, as text.
    pub(super) fn path(&self) -> Option<[String; 2]> {
        let pairs = self.connection.peer().stats().candidate_pairs;
        let selected = pairs.into_iter().find(|pair| pair.selected)?;
        Some([selected.local_candidate, selected.remote_candidate])
    }

    /// What was counted and measured.
    pub(super) fn stats(&self) -> StatsReport {
        self.connection.peer().stats()
    }

    /// Sends a frame of one of our tracks.
    pub(super) fn send_frame(&mut self, delivery: &Delivery) {
        if let Some(&transceiver) = self.sending.get(&delivery.track) {
            self.connection.send_frame(transceiver, &delivery.frame);
        }
    }

    /// Sends a control message. Returns whether that was possible.
    pub(super) fn send_control(&mut self, control: &Control) -> bool {
        let peer = self.connection.peer_mut();
        peer.buffered_amount(self.reliable) <= CONTROL_BUFFER_MAX
            && peer.send_text(self.reliable, &control.to_text(), Instant::now()).is_ok()
    }

    /// Asks for a key frame of one of their tracks.
    pub(super) fn request_key_frame(&mut self, track: &TrackId) {
        let section = self.receiving.iter().find(|(_, received)| *received == track).map(|(mid, _)| *mid);
        let transceivers = self.connection.peer().transceivers();
        let of_section = transceivers.iter().find(|it| section.is_some() && it.mid() == section);
        if let Some(transceiver) = of_section.map(Transceiver::id) {
            self.connection.request_key_frame(transceiver);
        }
    }

    /// Waits for what happens next. May be given up and begun again.
    pub(super) async fn next(&mut self) -> AttemptEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let event = match self.connection.next().await {
                ConnectionEvent::Peer(event) => self.handle_event(event),
                ConnectionEvent::Frame(frame) => {
                    let track = frame.mid.and_then(|mid| self.receiving.get(&mid)).cloned();
                    track.map(|track| AttemptEvent::Frame { track, frame })
                }
                ConnectionEvent::NetworkChanged => Some(AttemptEvent::NetworkChanged),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    pub(super) async fn close(self) {
        self.connection.close().await;
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not named here needs nothing done, also what is to come"
    )]
    fn handle_event(&mut self, event: Event) -> Option<AttemptEvent> {
        match event {
            Event::IceCandidate(candidate) => self.trickle(candidate),
            Event::ConnectionStateChange(state) => {
                let failure = self.connection.peer().trace().last_failure();
                if let Some(step) = failure.filter(|_| state == PeerConnectionState::Failed) {
                    tracing::warn!(step = step.step, reason = step.detail, "a connection has failed");
                }
                Some(AttemptEvent::State(state))
            }
            Event::NegotiationNeeded => {
                self.offer();
                None
            }
            Event::KeyFrameRequested { transceiver, .. } => {
                let track = self.sending.iter().find(|(_, sending)| **sending == transceiver);
                track.map(|(track, _)| AttemptEvent::KeyFrameRequested(track.clone()))
            }
            Event::TargetBitrate(target) => Some(AttemptEvent::Target(target)),
            Event::DataChannel(DataChannelEvent::Message(channel, DataMessage::Text(text)))
                if channel == self.reliable =>
            {
                let control = Control::parse(&text);
                if control.is_none() {
                    tracing::debug!("what came on the reliable channel is no message");
                }
                control.map(AttemptEvent::Control)
            }
            // The rest is the connection's own business, or says what was known.
            _ => None,
        }
    }

    fn offer(&mut self) {
        let peer = self.connection.peer_mut();
        if peer.signaling_state() != SignalingState::Stable {
            return;
        }
        let offered =
            peer.create_offer().and_then(|sdp| peer.set_local(SdpType::Offer, Instant::now()).map(|()| sdp));
        match offered {
            Ok(sdp) => {
                let (to, connection, tracks) =
                    (self.options.to.clone(), self.options.id.clone(), self.describe());
                self.say(ClientMessage::Offer { to, connection, sdp, tracks });
            }
            Err(error) => tracing::warn!(%error, "an offer could not be made"),
        }
    }

    fn trickle(&mut self, found: TrickleCandidate) -> Option<AttemptEvent> {
        let (to, connection) = (self.options.to.clone(), self.options.id.clone());
        let TrickleCandidate { candidate, mid, mline_index, ufrag } = found;
        // Nothing can be made of a candidate before the description that it belongs to; and that will have it.
        if self.local_generation.as_ref() != Some(&ufrag) {
            return None;
        }
        if candidate.is_empty() {
            if self.complete_generation.as_ref() == Some(&ufrag) {
                return None;
            }
            self.complete_generation = Some(ufrag.clone());
            let end = ClientMessage::EndOfCandidates { to, connection, username_fragment: Some(ufrag) };
            return Some(AttemptEvent::Send(Box::new(end)));
        }
        let candidate = IceCandidate {
            candidate,
            sdp_mid: mid.map(|mid| mid.to_string()),
            sdp_m_line_index: Some(mline_index),
            username_fragment: Some(ufrag),
        };
        Some(AttemptEvent::Send(Box::new(ClientMessage::Candidate { to, connection, candidate })))
    }

    fn say(&mut self, message: ClientMessage) {
        self.events.push_back(AttemptEvent::Send(Box::new(message)));
    }

    /// Takes what the other side says of its sections.
    fn described(&mut self, tracks: &[MidTrack]) {
        self.is_negotiated = true;
        let named = tracks.iter().take(SECTIONS_MAX);
        let named = named.filter_map(|MidTrack { mid, track }| Some((mid.parse().ok()?, track.clone())));
        self.receiving = named.collect();
    }

    /// What to say of our own sections in an offer or answer that is set.
    fn describe(&mut self) -> Vec<MidTrack> {
        let peer = self.connection.peer();
        self.local_generation = Some(peer.ice_ufrag().to_owned());
        let sections = self.sending.iter().filter_map(|(track, transceiver)| {
            let mid = peer.transceiver(*transceiver)?.mid()?;
            Some(MidTrack { mid: mid.to_string(), track: track.clone() })
        });
        sections.collect()
    }

    /// Gives every wanted track a section: a free one of its kind, which the other side's offer may have brought, or a new one. Takes
    /// them from those that are not wanted any more.
    fn place(&mut self) {
        let is_wanted = |id: &TrackId| self.wanted.iter().any(|(wanted, ..)| wanted == id);
        let gone: Vec<_> = self.sending.keys().filter(|id| !is_wanted(id)).cloned().collect();
        for id in gone {
            if let Some(transceiver) = self.sending.remove(&id) {
                // Stopping the section would take from the other side what it sends in it.
                self.direct(transceiver, Direction::RecvOnly);
            }
        }
        let is_first_offer = self.options.is_initiator && self.connection.peer().transceivers().is_empty();
        if is_first_offer {
            for (source, kind) in PLACES {
                let track = self.wanted.iter().find(|(_, of, wanted)| (*of, *wanted) == (source, kind));
                self.add_section(track.map(|(id, ..)| id.clone()), kind);
            }
        }
        for (id, _, kind) in self.wanted.clone() {
            if self.sending.contains_key(&id) {
                continue;
            }
            match self.free(kind) {
                Some(transceiver) => {
                    self.direct(transceiver, Direction::SendRecv);
                    self.sending.insert(id, transceiver);
                }
                None => self.add_section(Some(id), kind),
            }
        }
    }

    fn add_section(&mut self, track: Option<TrackId>, kind: MediaKind) {
        let direction = if track.is_some() { Direction::SendRecv } else { Direction::RecvOnly };
        let init = TransceiverInit { direction, ..TransceiverInit::default() };
        match self.connection.peer_mut().add_transceiver(kind, init, Instant::now()) {
            Ok(transceiver) => self.sending.extend(track.map(|track| (track, transceiver))),
            Err(error) => tracing::warn!(%error, "there is no section for a track"),
        }
    }

    fn direct(&mut self, transceiver: TransceiverId, direction: Direction) {
        let directed = self.connection.peer_mut().set_direction(transceiver, direction, Instant::now());
        if let Err(error) = directed {
            tracing::debug!(%error, "the direction of a section cannot be changed");
        }
    }

    /// A section of this kind by which nothing of ours is sent, nor was before as far as the other side knows.
    fn free(&self, kind: MediaKind) -> Option<TransceiverId> {
        let free = self.connection.peer().transceivers().iter().find(|transceiver| {
            transceiver.kind() == kind
                && transceiver.state() == TransceiverState::Active
                && !transceiver.current_direction().is_some_and(Direction::sends)
                && !self.sending.values().any(|sending| *sending == transceiver.id())
        });
        free.map(Transceiver::id)
    }
}

#[cfg(test)]
pub(super) mod tests;
