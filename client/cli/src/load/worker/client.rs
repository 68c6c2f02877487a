//! One participant's connection to the server's end.

use super::tools::Tools;
use super::{ClientCommand, Shared};
use crate::load::player::{Piece, Player};
use crate::load::stamp::Stamp;
use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::rtp::ExtensionValues;
use moim_peer::rtp::extension::AudioLevel;
use moim_peer::rtp::payload::PayloadFormat;
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{
    Capabilities, Codec, EncodingInit, SdpType, SenderInit, SignalingState, TransceiverId, TransceiverInit,
};
use moim_peer::{
    Config, Event, Handled, OutgoingRtp, PeerConnection, PeerConnectionState, Received, ReceivedRtp,
};
use moim_signal::id::TrackId;
use moim_signal::message::{Forwarding, MidTrack};
use moim_udp::{Socket, SocketOptions};
use moim_wire::{ExtSeqNo, MediaKind, PayloadType};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Packets that a publisher keeps to send again, and that a subscriber does.
const STORED_BY_PUBLISHER: usize = 2_048;
const STORED_BY_SUBSCRIBER: usize = 64;
/// What is asked of the kernel for what has arrived: a key frame of many publishers may come at once.
const RECV_BUFFER_LEN: usize = 1 << 20;
/// The names of a simulcast's encodings, the lowest first.
const RIDS: [&str; 3] = ["l", "m", "h"];
/// How loud publishers are, in decibels below the loudest: each a little different, so that some are louder than others.
const LOUDNESS_DB: u8 = 25;

/// What a participant's connection is made with.
pub(in crate::load) struct ClientSpec {
    /// Its number among all participants.
    pub(in crate::load) index: usize,
    pub(in crate::load) room: u32,
    /// Its number among the publishers of its room, if it is one.
    pub(in crate::load) publisher: Option<u32>,
    /// By how many sections it receives to begin with: none, if it does not watch.
    pub(in crate::load) sections: Forwarding,
    /// Whether media is to be sent from the beginning.
    pub(in crate::load) is_sending: bool,
    /// The address that packets to the server leave from.
    pub(in crate::load) local: IpAddr,
    /// Who hears of it.
    pub(in crate::load) told: mpsc::Sender<Told>,
}

/// What a connection tells.
#[derive(Debug)]
pub(in crate::load) enum Told {
    /// The server is to be offered this.
    Offer { sdp: String, tracks: Vec<MidTrack> },
    /// It works.
    Connected,
    /// The first packet of media has come.
    FirstPacket,
    /// It does not work, or not any more.
    Failed(String),
}

/// A track that is published.
struct SentTrack {
    id: &'static str,
    transceiver: TransceiverId,
    format: PayloadFormat,
    payload_type: Option<PayloadType>,
    encodings: Vec<Player>,
    /// Which of them somebody watches.
    wanted: u8,
}

/// A stream that is received.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// The numbers that were expected since counting began, and the packets that came.
    first: Option<ExtSeqNo>,
    highest: ExtSeqNo,
    received: u64,
}

/// One participant's connection.
pub(super) struct Client {
    pub(super) socket: Socket,
    /// When it is to be looked at again, as far as the timers know.
    pub(super) is_scheduled: Option<Instant>,
    peer: Box<PeerConnection>,
    room: u32,
    publisher: u32,
    told: mpsc::Sender<Told>,
    tracks: Vec<SentTrack>,
    streams: Vec<Stream>,
    receiving: Forwarding,
    is_sending: bool,
    is_connected: bool,
    has_received: bool,
    /// Whether sections were added that no offer has yet.
    owes_offer: bool,
    /// How long after the connection the tracks begin, and when that is.
    spread: Duration,
    begin: Instant,
    extensions: ExtensionValues,
}

impl Client {
    /// Makes the connection, and its offer. An error of the kind [`io::ErrorKind::InvalidInput`] has been told already.
    pub(super) fn new(spec: ClientSpec, tools: &mut Tools) -> io::Result<Self> {
        let options = SocketOptions {
            packet_info: false,
            recv_buffer_len: Some(RECV_BUFFER_LEN),
            ..SocketOptions::default()
        };
        let socket = Socket::bind(SocketAddr::new(spec.local, 0), &options)?;
        let mut config = Config::new(tools.shared.certificate.clone(), tools.wall());
        config.capabilities = capabilities();
        // Everything leaves as it comes: what is measured is the server's part.
        config.congestion = None;
        config.stored_packets_max =
            if spec.publisher.is_some() { STORED_BY_PUBLISHER } else { STORED_BY_SUBSCRIBER };
        let seed = random()?;
        let made = PeerConnection::new(config, seed, tools.now).map_err(|error| error.to_string()).and_then(
            |mut peer| {
                let local = LocalAddress::udp(socket.local_addr());
                peer.add_local_address(local, tools.now).map_err(|error| error.to_string())?;
                Ok(peer)
            },
        );
        let peer = match made {
            Ok(peer) => peer,
            Err(reason) => {
                let _ = spec.told.try_send(Told::Failed(reason));
                return Err(io::ErrorKind::InvalidInput.into());
            }
        };
        let publisher = spec.publisher.unwrap_or_default();
        let quieter = u8::try_from(publisher % 64).unwrap_or_default();
        let level = AudioLevel { voice: true, attenuation_db: LOUDNESS_DB + quieter };
        let mut this = Self {
            socket,
            is_scheduled: None,
            peer: Box::new(peer),
            room: spec.room,
            publisher,
            told: spec.told,
            tracks: Vec::new(),
            streams: Vec::new(),
            receiving: Forwarding { audio_sections: 0, video_sections: 0 },
            is_sending: spec.is_sending,
            is_connected: false,
            has_received: false,
            owes_offer: false,
            spread: spread(spec.index),
            begin: tools.now,
            extensions: ExtensionValues { audio_level: Some(level), ..ExtensionValues::default() },
        };
        if spec.publisher.is_some() {
            this.publish(tools)?;
        }
        this.receive_by(spec.sections, tools.now);
        this.offer(tools.now);
        Ok(this)
    }

    fn publish(&mut self, tools: &Tools) -> io::Result<()> {
        let Shared { audio, video, .. } = &tools.shared;
        if let Some(audio) = audio {
            let player = Player::new(Arc::clone(audio), beginning()?);
            self.add_track("a", PayloadFormat::Opus, vec![player], tools.now);
        }
        let mut pictures = Vec::new();
        for recording in video {
            pictures.push(Player::new(Arc::clone(recording), beginning()?));
        }
        if !pictures.is_empty() {
            self.add_track("v", PayloadFormat::Vp8, pictures, tools.now);
        }
        Ok(())
    }

    fn add_track(&mut self, id: &'static str, format: PayloadFormat, encodings: Vec<Player>, now: Instant) {
        let rids = if encodings.len() > 1 { &RIDS[..encodings.len().min(RIDS.len())] } else { &[] };
        let inits = rids.iter().map(|rid| EncodingInit { rid: rid.parse().ok() }).collect();
        let sender = SenderInit { encodings: inits, ..SenderInit::default() };
        let init = TransceiverInit { direction: Direction::SendOnly, sender, ..TransceiverInit::default() };
        match self.peer.add_transceiver(format.kind(), init, now) {
            Ok(transceiver) => self.tracks.push(SentTrack {
                id,
                transceiver,
                format,
                payload_type: None,
                encodings,
                wanted: u8::MAX,
            }),
            Err(error) => self.tell(Told::Failed(error.to_string())),
        }
    }

    /// Adds sections to receive by, until there are so many in all.
    fn receive_by(&mut self, sections: Forwarding, now: Instant) {
        let Forwarding { audio_sections, video_sections } = &mut self.receiving;
        for (kind, have, wanted) in [
            (MediaKind::Audio, audio_sections, sections.audio_sections),
            (MediaKind::Video, video_sections, sections.video_sections),
        ] {
            while *have < wanted {
                let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
                if self.peer.add_transceiver(kind, init, now).is_err() {
                    break;
                }
                (*have, self.owes_offer) = (*have + 1, true);
            }
        }
    }

    /// Offers what there is now, unless an offer waits for its answer.
    fn offer(&mut self, now: Instant) {
        if self.peer.signaling_state() != SignalingState::Stable {
            self.owes_offer = true;
            return;
        }
        self.owes_offer = false;
        let peer = &mut self.peer;
        let offered = peer.create_offer().and_then(|sdp| peer.set_local(SdpType::Offer, now).map(|()| sdp));
        let told = match offered {
            Ok(sdp) => {
                let tracks = self.tracks.iter().filter_map(|track| {
                    let mid = self.peer.transceiver(track.transceiver)?.mid()?;
                    Some(MidTrack { mid: mid.to_string(), track: TrackId::new(track.id) })
                });
                Told::Offer { sdp, tracks: tracks.collect() }
            }
            Err(error) => Told::Failed(error.to_string()),
        };
        self.tell(told);
    }

    pub(super) fn command(&mut self, command: ClientCommand, tools: &mut Tools) {
        match command {
            ClientCommand::Answer(sdp) => self.handle_answer(&sdp, tools.now),
            ClientCommand::Receive { audio, video } => {
                self.receive_by(Forwarding { audio_sections: audio, video_sections: video }, tools.now);
                if self.owes_offer {
                    self.offer(tools.now);
                }
            }
            ClientCommand::Encodings { track, wanted } => {
                if let Some(track) = self.tracks.iter_mut().find(|known| known.id == track) {
                    track.wanted = wanted;
                }
            }
            ClientCommand::Send(is_sending) => self.is_sending = is_sending,
            // Whoever holds the client removes it.
            ClientCommand::Remove => {}
        }
    }

    fn handle_answer(&mut self, sdp: &str, now: Instant) {
        if let Err(error) = self.peer.set_remote(SdpType::Answer, sdp, now) {
            return self.tell(Told::Failed(error.to_string()));
        }
        for track in &mut self.tracks {
            let media = self.peer.transceiver(track.transceiver).and_then(|transceiver| transceiver.media());
            let mut codecs = media.into_iter().flat_map(|media| &media.send_codecs);
            let same = codecs.find(|send| PayloadFormat::from_name(&send.codec.name) == Some(track.format));
            track.payload_type = same.map(|send| send.payload_type);
        }
        if self.owes_offer {
            self.offer(now);
        }
    }

    /// Takes a packet: media is counted, and the rest is the connection's.
    pub(super) fn receive(&mut self, packet: &mut [u8], source: SocketAddr, tools: &mut Tools) {
        let local = self.socket.local_addr();
        let received = Received { local, remote: source, protocol: Protocol::Udp, bytes: packet };
        if let Handled::Rtp(rtp) = self.peer.handle_input(received, tools.now) {
            self.count(&rtp, &packet[rtp.payload.clone()], tools);
        }
    }

    fn count(&mut self, rtp: &ReceivedRtp, payload: &[u8], tools: &mut Tools) {
        let index = rtp.stream.0 as usize;
        if self.streams.len() <= index {
            self.streams.resize(index + 1, Stream::default());
        }
        let stream = &mut self.streams[index];
        let first = *stream.first.get_or_insert(rtp.seq);
        // What comes late of before counting began was not expected, either.
        if rtp.seq >= first {
            stream.highest = stream.highest.max(rtp.seq);
            stream.received += 1;
        }
        let Tools { counted, turn, shared, now, .. } = tools;
        counted.received += 1;
        counted.repaired += u64::from(rtp.is_repaired);
        counted.bytes += payload.len() as u64;
        turn.received += 1;
        turn.bytes += payload.len() as u64;
        if let Some(stamp) = Stamp::of(payload) {
            counted
                .latency
                .record(stamp.age(shared.clock.nanos(*now)).as_nanos().try_into().unwrap_or(u64::MAX));
            counted.misdelivered += u64::from(stamp.room != self.room);
        }
        if !self.has_received {
            self.has_received = true;
            self.tell(Told::FirstPacket);
        }
    }

    pub(super) fn begin_counting(&mut self) {
        for stream in &mut self.streams {
            if stream.first.is_some() {
                *stream = Stream { first: Some(ExtSeqNo(stream.highest.0 + 1)), received: 0, ..*stream };
            }
        }
    }

    /// Numbers that are missing since counting began, and how many streams something came of.
    pub(super) fn lost(&self) -> (u64, u64) {
        let begun = self.streams.iter().filter_map(|stream| {
            let expected = (stream.highest.0 + 1).saturating_sub(stream.first?.0);
            (expected > 0).then(|| expected.saturating_sub(stream.received))
        });
        begun.fold((0, 0), |(lost, streams), missing| (lost + missing, streams + 1))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let peer = self.peer.poll_timeout().map(|deadline| deadline.at);
        let media =
            self.tracks.iter().flat_map(|track| &track.encodings).map(|player| self.begin + player.due());
        media.filter(|_| self.is_connected).chain(peer).min()
    }

    /// Does what is due, sends what is to be sent, and hears what has happened.
    pub(super) fn settle(&mut self, tools: &mut Tools) {
        if self.peer.poll_timeout().is_some_and(|deadline| deadline.at <= tools.now) {
            self.peer.handle_timeout(tools.now);
        }
        if self.is_connected {
            self.play(tools);
        }
        loop {
            self.transmit(tools);
            let Some(event) = self.peer.poll_event() else { return };
            self.handle_event(&event, tools.now);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else happens needs nothing done")]
    fn handle_event(&mut self, event: &Event, now: Instant) {
        match *event {
            Event::ConnectionStateChange(PeerConnectionState::Connected) if !self.is_connected => {
                self.is_connected = true;
                self.begin = now + self.spread;
                self.tell(Told::Connected);
            }
            Event::ConnectionStateChange(PeerConnectionState::Failed | PeerConnectionState::Closed) => {
                self.is_connected = false;
                let failure = self.peer.trace().last_failure();
                let reason = failure.map_or("the connection has failed".to_owned(), |step| {
                    format!("{}: {}", step.step, step.detail)
                });
                self.tell(Told::Failed(reason));
            }
            Event::KeyFrameRequested { transceiver, encoding } => {
                let mut tracks = self.tracks.iter_mut().filter(|track| track.transceiver == transceiver);
                if let Some(player) = tracks.find_map(|track| track.encodings.get_mut(encoding)) {
                    player.request_key_frame();
                }
            }
            _ => {}
        }
    }

    /// Gives the connection the frames that are due.
    fn play(&mut self, tools: &mut Tools) {
        let Tools { counted, turn, shared, now, .. } = tools;
        let elapsed = now.saturating_duration_since(self.begin);
        let stamp = Stamp { room: self.room, publisher: self.publisher, at: shared.clock.nanos(*now) };
        for track in &mut self.tracks {
            let extensions = &self.extensions;
            for (index, player) in track.encodings.iter_mut().enumerate() {
                while player.due() <= elapsed && *now >= self.begin {
                    let is_wanted = self.is_sending && track.wanted >> index & 1 == 1;
                    let Some(payload_type) = track.payload_type.filter(|_| is_wanted) else {
                        player.skip();
                        continue;
                    };
                    player.play(stamp, |Piece { payload, marker, timestamp }| {
                        let packet = OutgoingRtp {
                            extensions,
                            ..OutgoingRtp::new(payload_type, marker, timestamp, payload)
                        };
                        let is_taken = self.peer.send_rtp(track.transceiver, index, &packet, *now).is_ok();
                        counted.sent += u64::from(is_taken);
                        counted.refused += u64::from(!is_taken);
                        turn.sent += u64::from(is_taken);
                    });
                }
            }
        }
    }

    fn transmit(&mut self, tools: &mut Tools) {
        tools.transmit(&mut self.peer, &self.socket);
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, tools: &mut Tools) {
        self.peer.close(tools.now);
        self.transmit(tools);
    }

    fn tell(&self, told: Told) {
        // Whoever does not listen any more has left.
        let _ = self.told.try_send(told);
    }
}

/// What is forwarded: Opus and VP8. Descriptions are short then.
fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::default();
    let keep = |codecs: &mut Vec<Codec>, format: PayloadFormat| {
        codecs.retain(|codec| PayloadFormat::from_name(&codec.name) == Some(format));
    };
    keep(&mut capabilities.audio, PayloadFormat::Opus);
    keep(&mut capabilities.video, PayloadFormat::Vp8);
    capabilities
}

/// Publishers do not all send at the same moment.
fn spread(index: usize) -> Duration {
    /// Coprime with the time of a frame at usual rates, in milliseconds.
    const STEP_MS: u64 = 7;
    const WITHIN_MS: u64 = 100;
    Duration::from_millis(index as u64 * STEP_MS % WITHIN_MS)
}

/// Where the times and numbers of an encoding begin (RFC 3550 §5.1: they should be random).
fn beginning() -> io::Result<(u32, u16)> {
    Ok((u32::from_be_bytes(random()?), u16::from_be_bytes(random()?)))
}

fn random<const LEN: usize>() -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("there are no random numbers"))?;
    Ok(bytes)
}
