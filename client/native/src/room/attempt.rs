//! One attempt at a connection to another participant, or to the server's end: negotiation, trickle, media and channels of one id.

mod sections;

use super::control::{CHANNELS, Control};
use super::negotiation::{OfferDecision, decide_offer, generation_of, is_of_generation};
use super::{ConnectionSettings, TrackKey};
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
use moim_sdp::jsep::{SdpType, SignalingState, Transceiver, TransceiverId};
use moim_signal::id::{ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{
    ClientMessage, Forwarding, IceCandidate, LayerReason, MidTrack, SectionContent, TrackKind,
};
use moim_wire::{Bitrate, MediaKind, Mid};
use sections::Wanted;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Media sections that another participant may name in one description.
const SECTIONS_MAX: usize = 64;
/// Bytes that may wait in the channel for control messages.
const CONTROL_BUFFER_MAX: usize = 8 << 20;
/// The least that media goes down to.
pub(super) const BITRATE_MIN: Bitrate = Bitrate::from_kbps(50);

/// What an attempt needs.
pub(super) struct AttemptOptions {
    pub(super) id: PeerConnectionId,
    pub(super) to: ParticipantId,
    /// Whether this side made the attempt, and so offers first.
    pub(super) is_initiator: bool,
    /// Whether this side gives way when offers cross.
    pub(super) is_polite: bool,
    /// Set if it is to the server's end: with how many receiving sections to begin.
    pub(super) forwarding: Option<Forwarding>,
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
    /// A frame of somebody's track.
    Frame { track: TrackKey, frame: ReceivedFrame },
    /// A control message.
    Control(Control),
    /// A key frame is wanted of an encoding of one of our tracks, as the connection numbers them.
    KeyFrameRequested(TrackId, usize),
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
    /// Tracks of others, by section.
    receiving: BTreeMap<Mid, TrackKey>,
    /// What the server says of the sections that it sends by.
    contents: BTreeMap<Mid, SectionContent>,
    wanted: Vec<Wanted>,
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
            contents: BTreeMap::new(),
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

    fn is_to_server(&self) -> bool {
        self.options.forwarding.is_some()
    }

    /// Sends exactly these tracks from now on.
    pub(super) fn set_media(&mut self, tracks: &[LocalTrack]) {
        let wanted = |track: &LocalTrack| Wanted {
            id: track.id().clone(),
            source: track.source(),
            kind: match track.kind() {
                TrackKind::Audio => MediaKind::Audio,
                TrackKind::Video => MediaKind::Video,
            },
            // Another participant is sent the best of them.
            encodings: if self.is_to_server() { track.encodings() } else { 1 },
        };
        self.wanted = tracks.iter().map(wanted).collect();
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
            let encoding = if self.is_to_server() { delivery.encoding } else { 0 };
            self.connection.send_encoding(transceiver, encoding, &delivery.frame);
        }
    }

    /// Sends a control message. Returns whether that was possible.
    pub(super) fn send_control(&mut self, control: &Control) -> bool {
        let peer = self.connection.peer_mut();
        peer.buffered_amount(self.reliable) <= CONTROL_BUFFER_MAX
            && peer.send_text(self.reliable, &control.to_text(), Instant::now()).is_ok()
    }

    /// Asks for a key frame of somebody's track, unless the server waits for one already.
    pub(super) fn request_key_frame(&mut self, track: &TrackKey) {
        let section = self.receiving.iter().find(|(_, received)| *received == track).map(|(mid, _)| *mid);
        let content = section.and_then(|section| self.contents.get(&section));
        if content.is_some_and(|content| content.reason == LayerReason::WaitingForKeyFrame) {
            return;
        }
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
            Event::KeyFrameRequested { transceiver, encoding } => {
                let track = self.sending.iter().find(|(_, sending)| **sending == transceiver);
                track.map(|(track, _)| AttemptEvent::KeyFrameRequested(track.clone(), encoding))
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
        // What the server's sections carry changes without a description: it is told by itself.
        if self.is_to_server() {
            return;
        }
        let key = |track: &TrackId| TrackKey { participant: self.options.to.clone(), track: track.clone() };
        let named = tracks.iter().take(SECTIONS_MAX);
        let named = named.filter_map(|MidTrack { mid, track }| Some((mid.parse().ok()?, key(track))));
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
}

#[cfg(test)]
pub(super) mod tests;
