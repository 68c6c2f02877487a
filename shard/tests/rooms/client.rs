//! A client: the far end of a connection to the server, and what signalling would do for it.

use crate::camera::{Camera, Mark, level, read_h264, read_mark, read_picture, sound};
use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{EncodingInit, SdpType, SenderInit, TransceiverId, TransceiverInit};
use moim_peer::{
    Config, DataChannelEvent, DataChannelId, DataChannelInit, DataMessage, Event, Handled, OutgoingRtp,
    PeerConnection, PeerConnectionState, Received, Reliability, TRANSMIT_LEN_MAX,
};
use moim_rtp::ExtensionValues;
use moim_signal::id::{ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{
    ConnectionEndReason, MidTrack, SectionContent, ServerMessage, TrackDescription, TrackKind, TrackSource,
};
use moim_wire::{MediaKind, NtpTime, PayloadType, RtpTimestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

/// What a client sends, and by how many sections it receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Encodings of its camera. 0: it has none.
    pub(crate) encodings: u8,
    /// Whether the first one is as much as a large picture.
    pub(crate) is_heavy: bool,
    pub(crate) audio_sections: usize,
    pub(crate) video_sections: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { encodings: 1, is_heavy: false, audio_sections: 3, video_sections: 3 }
    }
}

/// What came by a section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) mark: Mark,
    pub(crate) seq: u64,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) is_picture: bool,
    /// As far as its format has any.
    pub(crate) picture_id: Option<u16>,
}

pub(crate) struct Client {
    pub(crate) number: u8,
    pub(crate) id: ParticipantId,
    pub(crate) address: SocketAddr,
    pub(crate) connection_id: PeerConnectionId,
    pub(crate) peer: PeerConnection,
    shape: Shape,
    microphone: TransceiverId,
    camera: Option<TransceiverId>,
    /// The reliable one, and the lossy one.
    pub(crate) channels: [DataChannelId; 2],
    /// Messages that came, and by which of the two.
    pub(crate) messages: Vec<(usize, Vec<u8>)>,
    cameras: Vec<Camera>,
    key_wanted: BTreeSet<usize>,
    /// Which encodings the server wants.
    pub(crate) wanted: Vec<u8>,
    sounds: u32,
    pub(crate) is_sending: bool,
    pub(crate) is_speaking: bool,
    /// What sections show, as it was told, by their mids.
    pub(crate) sections: BTreeMap<String, SectionContent>,
    /// How many sections it was asked for.
    pub(crate) sections_wanted: Option<(u16, u16)>,
    pub(crate) arrived: BTreeMap<String, Vec<Arrived>>,
    pub(crate) ended: Vec<(PeerConnectionId, ConnectionEndReason, String)>,
    pub(crate) told: Vec<ServerMessage>,
    pub(crate) is_gone: bool,
    /// What has arrived is not all that came by this connection.
    has_forgotten: bool,
    /// What the media clocks of streams read, by the server's wall clock: as the latest sender reports told.
    clocks: BTreeMap<TransceiverId, (NtpTime, RtpTimestamp)>,
}

impl Client {
    /// A client whose socket is bound to an address.
    pub(crate) fn new(number: u8, address: SocketAddr, shape: Shape, config: Config, now: Instant) -> Self {
        let id = ParticipantId::new(format!("p{number}"));
        let (peer, microphone, camera, channels) = connection(number, 1, shape, (address, config), now);
        Self {
            number,
            id,
            address,
            connection_id: PeerConnectionId::new("c1"),
            peer,
            shape,
            microphone,
            camera,
            channels,
            messages: Vec::new(),
            cameras: cameras(number, shape),
            key_wanted: BTreeSet::new(),
            wanted: (0..shape.encodings).collect(),
            sounds: 0,
            is_sending: true,
            is_speaking: false,
            sections: BTreeMap::new(),
            sections_wanted: None,
            arrived: BTreeMap::new(),
            ended: Vec::new(),
            told: Vec::new(),
            is_gone: false,
            has_forgotten: false,
            clocks: BTreeMap::new(),
        }
    }

    /// Begins afresh, from another port, with another connection.
    pub(crate) fn replace(&mut self, config: Config, now: Instant) {
        let attempt = self.address.port() - 4998;
        self.address.set_port(self.address.port() + 1);
        self.connection_id = PeerConnectionId::new(format!("c{attempt}"));
        let seed = u8::try_from(attempt).unwrap();
        (self.peer, self.microphone, self.camera, self.channels) =
            connection(self.number, seed, self.shape, (self.address, config), now);
        self.sections.clear();
        self.arrived.clear();
        self.has_forgotten = false;
    }

    /// All that it publishes.
    pub(crate) fn tracks(&self) -> Vec<TrackDescription> {
        let microphone = TrackDescription {
            id: TrackId::new("mic"),
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            muted: false,
        };
        let camera = self.camera.map(|_| TrackDescription {
            id: TrackId::new("cam"),
            kind: TrackKind::Video,
            source: TrackSource::Camera,
            muted: false,
        });
        std::iter::once(microphone).chain(camera).collect()
    }

    /// An offer, and which of its sections carry which tracks.
    pub(crate) fn offer(&mut self, now: Instant) -> (String, Vec<MidTrack>) {
        self.peer.create_offer().unwrap();
        self.peer.set_local(SdpType::Offer, now).unwrap();
        let sdp = self.peer.local_description().unwrap();
        let mid = |id| self.peer.transceiver(id).unwrap().mid().unwrap().to_string();
        let of = |id, track| MidTrack { mid: mid(id), track: TrackId::new(track) };
        let camera = self.camera.map(|camera| of(camera, "cam"));
        (sdp, std::iter::once(of(self.microphone, "mic")).chain(camera).collect())
    }

    /// Adds sections that receive, until there are as many as were asked for.
    pub(crate) fn add_sections(&mut self, now: Instant) {
        let (audio, video) = self.sections_wanted.unwrap();
        for (kind, wanted) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            let receives = |direction: Direction| direction == Direction::RecvOnly;
            let present = self.peer.transceivers().iter();
            let present = present.filter(|it| it.kind() == kind && receives(it.direction())).count();
            for _ in present..usize::from(wanted) {
                let init = TransceiverInit { direction: Direction::RecvOnly, ..Default::default() };
                self.peer.add_transceiver(kind, init, now).unwrap();
            }
        }
    }

    /// The server has told it something.
    pub(crate) fn hear(&mut self, message: ServerMessage, now: Instant) {
        self.told.push(message.clone());
        match message {
            ServerMessage::Answer { connection, sdp, .. } if connection == self.connection_id => {
                self.peer.set_remote(SdpType::Answer, &sdp, now).unwrap();
            }
            ServerMessage::Sections { connection, sections } if connection == self.connection_id => {
                self.sections.extend(sections.into_iter().map(|section| (section.mid.clone(), section)));
            }
            ServerMessage::SectionsWanted { audio, video, .. } => self.sections_wanted = Some((audio, video)),
            ServerMessage::EncodingsWanted { track, encodings, .. } if track.as_str() == "cam" => {
                self.wanted = encodings;
            }
            ServerMessage::ConnectionEnded { connection, reason, message } => {
                self.ended.push((connection, reason, message));
            }
            _ => {}
        }
    }

    /// Sends a picture of each encoding that is wanted, and a bit of sound, if it sends.
    pub(crate) fn capture(&mut self, now: Instant) {
        if !self.is_sending || self.peer.connection_state() != PeerConnectionState::Connected {
            return;
        }
        self.sounds += 1;
        let extensions =
            ExtensionValues { audio_level: Some(level(self.is_speaking)), ..ExtensionValues::default() };
        let payload = sound(self.number, self.sounds);
        let payload_type = self.payload_type(self.microphone);
        let timestamp = RtpTimestamp(self.sounds * 1_584);
        let packet = OutgoingRtp {
            extensions: &extensions,
            ..OutgoingRtp::new(payload_type, false, timestamp, &payload)
        };
        self.peer.send_rtp(self.microphone, 0, &packet, now).unwrap();
        let Some(camera) = self.camera else { return };
        let payload_type = self.payload_type(camera);
        let codec = self.codec(camera).to_owned();
        for (place, source) in self.cameras.iter_mut().enumerate() {
            let is_wanted = self.wanted.iter().any(|wanted| usize::from(*wanted) == place);
            if !is_wanted {
                self.key_wanted.insert(place);
                source.skip();
                continue;
            }
            let is_key = self.key_wanted.remove(&place) || self.sounds == 1;
            let (timestamp, payloads) = source.picture(is_key, &codec);
            for (at, payload) in payloads.iter().enumerate() {
                let is_last = at + 1 == payloads.len();
                let packet = OutgoingRtp::new(payload_type, is_last, timestamp, payload);
                self.peer.send_rtp(camera, place, &packet, now).unwrap();
            }
        }
    }

    /// In which codec it sends.
    fn codec(&self, id: TransceiverId) -> &str {
        &self.peer.transceiver(id).unwrap().media().unwrap().send_codecs[0].codec.name
    }

    fn payload_type(&self, id: TransceiverId) -> PayloadType {
        self.peer.transceiver(id).unwrap().media().unwrap().send_codecs[0].payload_type
    }

    /// What it wants sent: the bytes, and where to.
    pub(crate) fn transmits(&mut self, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut packets = Vec::new();
        let mut buffer = [0; TRANSMIT_LEN_MAX];
        while let Some(transmit) = self.peer.poll_transmit(&mut buffer, now) {
            packets.push((transmit.remote, buffer[..transmit.len].to_vec()));
        }
        while let Some(event) = self.peer.poll_event() {
            if let Event::KeyFrameRequested { transceiver, encoding } = event
                && Some(transceiver) == self.camera
            {
                self.key_wanted.insert(encoding);
            } else if let Event::DataChannel(DataChannelEvent::Message(id, DataMessage::Binary(bytes))) =
                event
            {
                let channel = self.channels.iter().position(|channel| *channel == id).unwrap();
                self.messages.push((channel, bytes));
            } else if let Event::SenderReport { transceiver, ntp, timestamp, .. } = event {
                self.clocks.insert(transceiver, (ntp, timestamp));
            }
        }
        packets
    }

    /// A packet has come.
    pub(crate) fn receive(&mut self, from: SocketAddr, packet: &mut [u8], now: Instant) {
        let received =
            Received { local: self.address, remote: from, protocol: Protocol::Udp, bytes: &mut *packet };
        let Handled::Rtp(rtp) = self.peer.handle_input(received, now) else { return };
        let transceiver = self.peer.transceiver(rtp.transceiver).unwrap();
        let payload = &packet[rtp.payload.clone()];
        let (mark, picture_id) = match transceiver.kind() {
            MediaKind::Audio => (read_mark(payload), None),
            MediaKind::Video => {
                let codecs = &transceiver.media().unwrap().receive_codecs;
                let codec = codecs.iter().find(|codec| codec.payload_type == rtp.header.payload_type);
                match codec.unwrap().codec.name.as_str() {
                    "H264" => (read_h264(payload), None),
                    _ => read_picture(payload),
                }
            }
        };
        let is_picture = transceiver.kind() == MediaKind::Video;
        let (seq, timestamp) = (rtp.seq.0, rtp.header.timestamp);
        let arrived = Arrived { mark, seq, timestamp, is_picture, picture_id };
        self.arrived.entry(transceiver.mid().unwrap().to_string()).or_default().push(arrived);
    }

    /// Of whose camera pictures came so far, with which encodings; none is missing between those that came, and their numbers go on.
    pub(crate) fn pictures(&self) -> BTreeSet<(u8, u8)> {
        let mut seen = BTreeSet::new();
        for arrived in self.arrived.values().filter(|arrived| arrived[0].is_picture) {
            let mut sorted = arrived.clone();
            sorted.sort_by_key(|packet| packet.seq);
            for pair in sorted.windows(2) {
                let [one, next] = [&pair[0], &pair[1]];
                assert_eq!(next.seq, one.seq + 1, "nothing is lost here, and nothing is left out");
                let ids = one.picture_id.zip(next.picture_id);
                let is_same = (one.mark.client, one.mark.encoding) == (next.mark.client, next.mark.encoding);
                if is_same && one.mark.picture == next.mark.picture {
                    assert_eq!(next.mark.part, one.mark.part + 1);
                    assert!(ids.is_none_or(|(one, next)| next == one));
                    assert_eq!(one.timestamp, next.timestamp);
                } else {
                    assert_eq!(one.mark.part + 1, one.mark.parts, "pictures are whole");
                    assert_eq!(next.mark.part, 0, "pictures are whole");
                    assert!(ids.is_none_or(|(one, next)| next == (one + 1) & 0x7FFF));
                    assert!(next.mark.is_key || is_same && next.mark.picture == one.mark.picture + 1);
                }
            }
            assert!(sorted[0].mark.is_key || self.has_forgotten);
            seen.extend(sorted.iter().map(|packet| (packet.mark.client, packet.mark.encoding)));
        }
        seen
    }

    /// Whose sound came so far.
    pub(crate) fn voices(&self) -> BTreeSet<u8> {
        let of_sound = self.arrived.values().flatten().filter(|packet| !packet.is_picture);
        of_sound.map(|packet| packet.mark.client).collect()
    }

    /// Forgets what has come.
    pub(crate) fn forget(&mut self) {
        self.arrived.clear();
        self.has_forgotten = true;
    }

    /// The newest picture of somebody's that came, and of which encoding.
    pub(crate) fn newest(&self, client: u8) -> Option<Mark> {
        let of_client = self.arrived.values().flatten().filter(|packet| packet.is_picture);
        of_client.map(|packet| packet.mark).filter(|mark| mark.client == client).max_by_key(|it| it.picture)
    }

    /// The picture of somebody's that came last.
    pub(crate) fn latest(&self, client: u8) -> Option<Mark> {
        let of_client = self.arrived.values().filter_map(|arrived| arrived.last());
        let mut pictures = of_client.filter(|packet| packet.is_picture);
        pictures.find(|packet| packet.mark.client == client).map(|packet| packet.mark)
    }

    /// When the newest picture, and the sound that was made with it, were made: in seconds, by the sender reports. Whether it is the picture's.
    pub(crate) fn moments(&self) -> BTreeMap<bool, f64> {
        let mut moments = BTreeMap::new();
        for (transceiver, (ntp, timestamp)) in &self.clocks {
            let transceiver = self.peer.transceiver(*transceiver).unwrap();
            let mid = transceiver.mid().unwrap().to_string();
            let Some(newest) = self.arrived.get(&mid).and_then(|arrived| arrived.last()) else { continue };
            let is_picture = newest.is_picture;
            let rate = if is_picture { 90_000.0 } else { 48_000.0 };
            let [seconds, fraction] = [ntp.0 >> 32, ntp.0 & u64::from(u32::MAX)]
                .map(|part| f64::from(u32::try_from(part).unwrap()));
            let told = seconds + fraction / 4_294_967_296.0;
            let at = told + f64::from(newest.timestamp.distance_from(*timestamp)) / rate;
            // Both of the first capture.
            let first = if is_picture { Camera::first(newest.mark.client, newest.mark.encoding) } else { 0 };
            let number = newest.mark.picture - first;
            moments.insert(is_picture, at - f64::from(number) * 0.033);
        }
        moments
    }

    /// What shows a track of somebody's.
    pub(crate) fn section_of(&self, participant: &str, track: &str) -> Option<&SectionContent> {
        self.sections.values().find(|section| {
            let source = section.source.as_ref();
            source.is_some_and(|it| it.participant.as_str() == participant && it.track.as_str() == track)
        })
    }
}

fn cameras(number: u8, shape: Shape) -> Vec<Camera> {
    if shape.is_heavy {
        return vec![Camera::heavy(number)];
    }
    (0..shape.encodings).map(|encoding| Camera::new(number, encoding)).collect()
}

fn connection(
    number: u8,
    attempt: u8,
    shape: Shape,
    (address, config): (SocketAddr, Config),
    now: Instant,
) -> (PeerConnection, TransceiverId, Option<TransceiverId>, [DataChannelId; 2]) {
    let mut seed = [number; 32];
    seed[0] = attempt;
    let mut peer = PeerConnection::new(config, seed, now).unwrap();
    peer.add_local_address(LocalAddress::udp(address), now).unwrap();
    let sends = TransceiverInit { direction: Direction::SendOnly, ..TransceiverInit::default() };
    let microphone = peer.add_transceiver(MediaKind::Audio, sends.clone(), now).unwrap();
    let rids = ["l", "m", "h"].into_iter().take(usize::from(shape.encodings));
    let encodings: Vec<_> = rids.map(|rid| EncodingInit { rid: Some(rid.parse().unwrap()) }).collect();
    let sender = SenderInit {
        encodings: if encodings.len() > 1 { encodings } else { Vec::new() },
        ..SenderInit::default()
    };
    let camera = (shape.encodings > 0)
        .then(|| peer.add_transceiver(MediaKind::Video, TransceiverInit { sender, ..sends }, now).unwrap());
    let sections = [(MediaKind::Audio, shape.audio_sections), (MediaKind::Video, shape.video_sections)];
    for (kind, count) in sections {
        for _ in 0..count {
            let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
            peer.add_transceiver(kind, init, now).unwrap();
        }
    }
    let mut channel = |negotiated, reliability| {
        let init = DataChannelInit { negotiated, reliability, ..DataChannelInit::default() };
        peer.create_data_channel(init, now).unwrap()
    };
    let channels = [
        channel(Some(moim_shard::RELIABLE), Reliability::Reliable),
        channel(Some(moim_shard::LOSSY), Reliability::MaxRetransmits(0)),
    ];
    (peer, microphone, camera, channels)
}
