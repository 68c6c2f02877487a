//! A whole peer connection: sound, pictures and data both ways.

use super::speech::Speech;
use super::talker::{self, Path, Talker, TalkerEvent, Way};
use super::words::MESSAGE_LEN;
use moim_ice::{ConnectionId, ConnectionState, IceServer, LocalAddress, NameId, TransportPolicy};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{SdpType, Transceiver, TransceiverId, TransceiverInit};
use moim_peer::{
    Certificate, Config, DataChannelEvent, DataChannelId, DataChannelInit, DataMessage, Event, Handled,
    OutgoingRtp, Payload, PeerConnection, PeerConnectionState, Received, Reliability, TRANSMIT_LEN_MAX,
};
use moim_rtp::ExtensionValues;
use moim_turn::Now;
use moim_wire::{Deadline, MediaKind, NtpTime, RtpTimestamp};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

/// A certificate and its key, always the same: how long they are must not differ from run to run. Nothing but worlds uses them.
const CERTIFICATE: &[u8] = include_bytes!("../../certificate/certificate.der");
const KEY: &[u8] = include_bytes!("../../certificate/key.der");
/// The label of the channel that must lose nothing.
const RELIABLE: &str = "reliable";
/// The label of the one that may.
const LOSSY: &str = "lossy";
/// How often something is said by the reliable channel: every so many times that anything is said.
const RELIABLE_EVERY: u64 = 5;
/// How often that is something long.
const LONG_EVERY: u64 = 8;
/// How long that is, in bytes: more than SCTP puts into one packet, by far.
const LONG_LEN: usize = 40_000;
/// What may wait in the reliable channel before nothing more is said by it, in bytes.
const BACKLOG_MAX: usize = 200_000;
/// What a picture is made of.
const PICTURE_LEN: usize = 1_000;

/// A peer connection.
#[derive(Debug)]
pub struct PeerTalker {
    connection: PeerConnection,
    is_offerer: bool,
    speech: Speech,
    channels: BTreeMap<DataChannelId, String>,
    rounds: u64,
    is_closed: bool,
    events: VecDeque<TalkerEvent>,
}

impl PeerTalker {
    /// A connection that does nothing yet.
    pub fn new(is_offerer: bool, relay_only: bool, speech: Speech, seed: [u8; 32], now: Now) -> Self {
        let certificate =
            Certificate::new(CERTIFICATE.to_vec(), KEY.to_vec()).expect("the certificate is a valid one");
        let wall = now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut config = Config::new(certificate, NtpTime::from_unix(wall));
        config.replayable = true;
        // Drafts are used by one side, by both or by none.
        (config.snap, config.sped) = (seed[0] & 1 == 0, seed[1] & 1 == 0);
        config.ice.policy = if relay_only { TransportPolicy::Relay } else { TransportPolicy::All };
        let connection = PeerConnection::new(config, seed, now.at).expect("the configuration is a valid one");
        Self {
            connection,
            is_offerer,
            speech,
            channels: BTreeMap::new(),
            rounds: 0,
            is_closed: false,
            events: VecDeque::new(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else is told is of no use here, now and later")]
    fn take_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::IceCandidate(candidate) if candidate.candidate.is_empty() => {
                    self.events.push_back(TalkerEvent::EndOfCandidates);
                }
                Event::IceCandidate(candidate) => {
                    self.events.push_back(TalkerEvent::Candidate(candidate.candidate));
                }
                Event::IceConnectionStateChange(state) => self.events.push_back(TalkerEvent::State(state)),
                Event::ConnectionStateChange(PeerConnectionState::Failed | PeerConnectionState::Closed)
                    if !self.is_closed
                        && self.connection.ice_connection_state() != ConnectionState::Failed =>
                {
                    self.events.push_back(TalkerEvent::Lost);
                }
                Event::DataChannel(event) => self.take_channel_event(event),
                Event::Ask(ask) => self.events.push_back(TalkerEvent::Ask(ask)),
                _ => {}
            }
        }
    }

    fn take_channel_event(&mut self, event: DataChannelEvent) {
        match event {
            DataChannelEvent::Added(id) => {
                let label = self.connection.data_channel(id).map(|channel| channel.init().label.clone());
                self.channels.extend(label.map(|label| (id, label)));
            }
            DataChannelEvent::Message(id, message) => {
                let is_reliable = self.channels.get(&id).is_some_and(|label| label == RELIABLE);
                match message {
                    DataMessage::Binary(bytes) if is_reliable => {
                        let is_whole = bytes.iter().skip(MESSAGE_LEN).all(|byte| *byte == FILLING);
                        self.speech.heard_reliably(&bytes, is_whole);
                    }
                    DataMessage::Binary(bytes) => self.speech.heard(&bytes),
                    DataMessage::Text(_) => self.speech.heard_something_strange(),
                }
            }
            DataChannelEvent::Closed(id) => {
                self.channels.remove(&id);
            }
            DataChannelEvent::Open(_) | DataChannelEvent::BufferedAmountLow(_) => {}
        }
    }

    /// Sends a packet of sound or of a picture.
    fn send_media(&mut self, kind: MediaKind, now: Now) {
        let found = self.connection.transceivers().iter().find(|transceiver| transceiver.kind() == kind);
        let Some((id, media)) = found.and_then(|found| Some((found.id(), found.media()?))) else { return };
        let Some(codec) = media.send_codecs.first() else { return };
        let (payload_type, clock_rate) = (codec.payload_type, codec.codec.clock_rate);
        let mut payload = self.speech.next().write();
        if kind == MediaKind::Video {
            payload.resize(PICTURE_LEN, FILLING);
        }
        let ticks = self.rounds * u64::from(clock_rate) / 10;
        let packet = OutgoingRtp {
            payload_type,
            marker: true,
            timestamp: RtpTimestamp(u32::try_from(ticks % (1 << 32)).unwrap_or(0)),
            seq: None,
            payload: Payload::Copied(&payload),
            extensions: &ExtensionValues::default(),
            raw: &[],
        };
        // Before the keys are there, and while too much waits, nothing is said.
        if self.connection.send_rtp(id, 0, &packet, now.at).is_ok() {
            self.speech.sent();
        }
    }

    fn send_data(&mut self, now: Now) {
        let channel = |label| self.channels.iter().find(|(_, its)| *its == label).map(|(id, _)| *id);
        let (reliable, lossy) = (channel(RELIABLE), channel(LOSSY));
        if let Some(id) = lossy {
            let message = self.speech.next().write();
            if self.connection.send_binary(id, &message, now.at).is_ok() {
                self.speech.sent();
            }
        }
        if let Some(id) = reliable
            && self.rounds.is_multiple_of(RELIABLE_EVERY)
            && self.connection.buffered_amount(id) < BACKLOG_MAX
        {
            let message = self.speech.next_reliable();
            let number = message.number;
            let mut message = message.write();
            if number % LONG_EVERY == LONG_EVERY - 1 {
                message.resize(LONG_LEN, FILLING);
            }
            if self.connection.send_binary(id, &message, now.at).is_ok() {
                self.speech.sent_reliably();
            }
        }
    }

    fn add_channel(
        &mut self,
        label: &str,
        ordered: bool,
        reliability: Reliability,
        now: Now,
    ) -> Result<(), String> {
        let init =
            DataChannelInit { label: label.to_owned(), ordered, reliability, ..DataChannelInit::default() };
        let id = self.connection.create_data_channel(init, now.at).map_err(|error| error.to_string())?;
        self.channels.insert(id, label.to_owned());
        Ok(())
    }

    fn set_local(&mut self, kind: SdpType, now: Now) -> Result<(), String> {
        self.connection.set_local(kind, now.at).map_err(|error| error.to_string())
    }

    fn set_remote(&mut self, kind: SdpType, text: &str, now: Now) -> Result<(), String> {
        self.connection.set_remote(kind, text, now.at).map_err(|error| error.to_string())
    }
}

/// What long messages are filled with.
const FILLING: u8 = 0x5a;

impl Talker for PeerTalker {
    /// Descriptions begin it.
    fn gather(&mut self, _now: Now) {}

    fn add_address(&mut self, address: LocalAddress, now: Now) {
        // One too many is one that is not used.
        let _ = self.connection.add_local_address(address, now.at);
    }

    fn remove_address(&mut self, address: SocketAddr, now: Now) {
        self.connection.remove_local_address(address, now.at);
    }

    fn add_server(&mut self, server: IceServer, now: Now) {
        let _ = self.connection.add_server(server, now.at);
    }

    fn offer(&mut self, is_restart: bool, now: Now) -> Result<String, String> {
        if is_restart {
            self.connection.restart_ice(now.at);
        } else if self.is_offerer {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                let added = self.connection.add_transceiver(kind, TransceiverInit::default(), now.at);
                added.map_err(|error| error.to_string())?;
            }
            self.add_channel(RELIABLE, true, Reliability::Reliable, now)?;
            self.add_channel(LOSSY, false, Reliability::MaxRetransmits(0), now)?;
        }
        let offer = self.connection.create_offer().map_err(|error| error.to_string())?;
        self.set_local(SdpType::Offer, now)?;
        Ok(offer)
    }

    fn answer(&mut self, offer: &str, now: Now) -> Result<String, String> {
        self.set_remote(SdpType::Offer, offer, now)?;
        let silent: Vec<TransceiverId> = self
            .connection
            .transceivers()
            .iter()
            .filter(|transceiver| transceiver.direction() != Direction::SendRecv)
            .map(Transceiver::id)
            .collect();
        for id in silent {
            self.connection
                .set_direction(id, Direction::SendRecv, now.at)
                .map_err(|error| error.to_string())?;
        }
        let answer = self.connection.create_answer().map_err(|error| error.to_string())?;
        self.set_local(SdpType::Answer, now)?;
        Ok(answer)
    }

    fn describe(&mut self, _now: Now) -> Result<String, String> {
        self.connection.local_description().ok_or_else(|| "there is no description".to_owned())
    }

    fn accept(&mut self, answer: &str, now: Now) -> Result<(), String> {
        self.set_remote(SdpType::Answer, answer, now)
    }

    fn roll_back(&mut self, now: Now) -> Result<(), String> {
        self.set_local(SdpType::Rollback, now)
    }

    fn add_candidate(&mut self, candidate: &str, now: Now) -> Result<(), String> {
        self.connection.add_ice_candidate(candidate, now.at).map_err(|error| error.to_string())
    }

    fn end_of_candidates(&mut self, now: Now) {
        // The end of candidates of a connection that is closed means nothing.
        let _ = self.connection.add_ice_candidate("", now.at);
    }

    fn handle_input(&mut self, way: Way, bytes: &mut [u8], now: Now) {
        let Way { local, remote, protocol } = way;
        let handled = self.connection.handle_input(Received { local, remote, protocol, bytes }, now.at);
        match handled {
            Handled::Rtp(received) => {
                let payload = &bytes[received.payload];
                self.speech.heard(&payload[..payload.len().min(MESSAGE_LEN)]);
            }
            Handled::Taken | Handled::NotForMe | Handled::Dropped(_) => {}
        }
    }

    fn connected(&mut self, id: ConnectionId, local: Option<SocketAddr>, now: Now) {
        match local {
            Some(local) => self.connection.connection_opened(id, local, now.at),
            None => self.connection.connection_failed(id, now.at),
        }
    }

    fn accepted(&mut self, local: SocketAddr, remote: SocketAddr, now: Now) -> bool {
        self.connection.connection_accepted(local, remote, now.at).is_ok()
    }

    fn disconnected(&mut self, local: SocketAddr, remote: SocketAddr, now: Now) {
        self.connection.connection_closed(local, remote, now.at);
    }

    fn resolved(&mut self, id: NameId, ip: Option<IpAddr>, now: Now) {
        self.connection.resolved(id, ip, now.at);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.connection.handle_timeout(now.at);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.connection.poll_timeout()
    }

    fn poll_transmit(&mut self, now: Now) -> Option<(Way, Vec<u8>)> {
        let mut out = [0; TRANSMIT_LEN_MAX];
        let transmit = self.connection.poll_transmit(&mut out, now.at)?;
        let way = Way { local: transmit.local, remote: transmit.remote, protocol: transmit.protocol };
        Some((way, out[..transmit.len].to_vec()))
    }

    fn poll_event(&mut self) -> Option<TalkerEvent> {
        self.take_events();
        self.events.pop_front()
    }

    fn talk(&mut self, now: Now) {
        self.rounds += 1;
        if !self.speech.is_quiet() {
            self.send_media(MediaKind::Audio, now);
            self.send_media(MediaKind::Video, now);
            self.send_data(now);
        }
    }

    fn state(&self) -> ConnectionState {
        match (self.connection.connection_state(), self.connection.ice_connection_state()) {
            (PeerConnectionState::Connected, ice) => ice,
            // The keys are not agreed on yet.
            (_, ConnectionState::Connected | ConnectionState::Completed) => ConnectionState::Checking,
            (_, ice) => ice,
        }
    }

    fn path(&self) -> Option<Path> {
        let pair = self.connection.ice_pairs().find(|pair| pair.is_selected)?;
        Some(Path {
            local: pair.local.kind,
            remote: pair.remote.kind,
            protocol: pair.local.protocol.protocol(),
        })
    }

    fn speech(&self) -> &Speech {
        &self.speech
    }

    fn speech_mut(&mut self) -> &mut Speech {
        &mut self.speech
    }

    fn holdings(&self) -> Vec<(&'static str, usize)> {
        vec![("events", self.events.len()), ("channels", self.connection.data_channels().count())]
    }

    fn failure(&self) -> String {
        let steps = self.connection.trace().steps();
        let last: Vec<String> = steps.map(|step| format!("{} {}", step.step, step.detail)).collect();
        let last = &last[last.len().saturating_sub(12)..];
        format!(
            "{:?}, ICE {:?}, DTLS {:?}, dropped {:?}: {}\n{}",
            self.connection.connection_state(),
            self.connection.ice_connection_state(),
            self.connection.dtls_state(),
            self.connection.drops(),
            last.join(" | "),
            talker::describe(self.connection.ice_pairs())
        )
    }

    fn close(&mut self, now: Now) {
        self.is_closed = true;
        self.connection.close(now.at);
    }
}
