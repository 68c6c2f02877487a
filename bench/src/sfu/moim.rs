//! The forwarder and the server's ends of connections, put together as a media shard has them.

use super::ours::{Link, certificate, received, sections_of};
use super::{PAYLOAD_LEN, PICTURE_PACKETS, Parts, Server};
use anyhow::{Context, Result, ensure};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::TransceiverId;
use moim_peer::{
    Handled, OutgoingRtp, PayloadKey, Payloads, PeerConnection, ReceivedRtp, SharedPayload, TRANSMIT_LEN_MAX,
};
use moim_rtp::payload::{PayloadFormat, vp8};
use moim_sfu::{
    Config, EncodingId, EncodingSpec, Forward, Forwarder, GroupId, MediaPacket, OwnerId, PacketRef,
    PayloadRewrite, RAW_LEN_MAX, Source, SubscriberId, SubscriberSpec, TrackId, TrackSpec, Watch,
};
use moim_wire::{PayloadType, RtpTimestamp};
use std::time::{Duration, Instant};

/// A room in memory.
pub(super) struct Room {
    start: Instant,
    forwarder: Forwarder,
    cameras: Vec<Camera>,
    subscribers: Vec<Subscriber>,
    forwards: Vec<Forward>,
    pictures: u16,
}

struct Camera {
    link: Link,
    section: (TransceiverId, PayloadType),
    track: TrackId,
    /// The packets of a picture, on their way to the server.
    packets: Vec<(Box<[u8; TRANSMIT_LEN_MAX]>, usize)>,
    received: Vec<(usize, ReceivedRtp)>,
}

struct Subscriber {
    id: SubscriberId,
    peer: PeerConnection,
    sections: Vec<(TransceiverId, PayloadType)>,
}

/// Where payloads lie.
struct Shelf<'a>(&'a Forwarder);

impl Payloads for Shelf<'_> {
    fn write(&self, payload: &SharedPayload, out: &mut [u8]) -> bool {
        let encoding = EncodingId::from_bits(payload.rewrite & !LOWER | u64::from(payload.key.stream));
        let packet = encoding.map(|encoding| PacketRef { encoding, seq: payload.key.seq });
        let Some(stored) = packet.and_then(|packet| self.0.payload(packet)) else { return false };
        out.copy_from_slice(stored.payload);
        let picture_id = u16::try_from(payload.rewrite & LOWER).ok();
        vp8::rewrite(out, vp8::Rewrite { picture_id, ..vp8::Rewrite::default() }).is_ok()
    }
}

const LOWER: u64 = u32::MAX as u64;

/// These pictures have a number, and nothing else to be changed.
fn pack(packet: PacketRef, rewrite: PayloadRewrite, len: u16) -> SharedPayload {
    let bits = packet.encoding.to_bits();
    let stream = u32::try_from(bits & LOWER).unwrap_or_default();
    let picture_id = match rewrite {
        PayloadRewrite::Vp8(rewrite) => rewrite.picture_id.unwrap_or_default(),
        PayloadRewrite::Vp9(_) | PayloadRewrite::None => 0,
    };
    let key = PayloadKey { stream, seq: packet.seq };
    SharedPayload { key, len, rewrite: bits & !LOWER | u64::from(picture_id) }
}

impl Camera {
    /// A picture leaves the client.
    fn send(&mut self, picture: u16, now: Instant) -> Result<()> {
        let (id, payload_type) = self.section;
        let client = &mut self.link.client;
        client.handle_timeout(now);
        while client.poll_event().is_some() {}
        for part in 0..PICTURE_PACKETS {
            let mut payload = [7; PAYLOAD_LEN];
            let [high, low] = (picture | 0x8000).to_be_bytes();
            // The first picture of all needs no other.
            let tag = u8::from(picture > 1);
            payload[..5].copy_from_slice(&[if part == 0 { 0x90 } else { 0x80 }, 0x80, high, low, tag]);
            let timestamp = RtpTimestamp(u32::from(picture) * 4_230);
            let is_last = part + 1 == PICTURE_PACKETS;
            client.send_rtp(id, 0, &OutgoingRtp::new(payload_type, is_last, timestamp, &payload), now)?;
        }
        let mut used = 0;
        loop {
            if used == self.packets.len() {
                self.packets.push((Box::new([0; TRANSMIT_LEN_MAX]), 0));
            }
            let (bytes, len) = &mut self.packets[used];
            let Some(transmit) = client.poll_transmit(&mut bytes[..], now) else { break };
            *len = transmit.len;
            used += 1;
        }
        for (_, len) in &mut self.packets[used..] {
            *len = 0;
        }
        Ok(())
    }

    /// It comes to the server. Says how many packets of media that were.
    fn receive(&mut self, now: Instant) -> usize {
        self.received.clear();
        for (index, (bytes, len)) in self.packets.iter_mut().enumerate().filter(|(_, (_, len))| *len > 0) {
            if let Handled::Rtp(rtp) = self.link.server.handle_input(received(true, &mut bytes[..*len]), now)
            {
                self.received.push((index, rtp));
            }
        }
        self.received.len()
    }
}

impl Server for Room {
    fn connect(tracks: usize, subscribers: usize) -> Result<Self> {
        let start = Instant::now();
        let certificates = [certificate()?, certificate()?];
        let slots = u16::try_from(tracks)?;
        let config = Config { video_slots_max: slots, ..Config::default() };
        let mut forwarder = Forwarder::new(config, [9; 32], start);
        let cameras = (0..tracks).map(|owner| camera(&mut forwarder, &certificates, owner as u64, start));
        let cameras = cameras.collect::<Result<Vec<_>>>()?;
        let mut room = Self {
            start,
            cameras,
            subscribers: Vec::with_capacity(subscribers),
            forwards: Vec::new(),
            pictures: 0,
            forwarder,
        };
        for index in 0..subscribers {
            let seed = 1_000 + index as u64;
            let link = Link::new(&certificates, seed, (tracks, Direction::RecvOnly), start)?;
            let spec = SubscriberSpec { audio_slots: 0, video_slots: slots };
            let id = room.forwarder.add_subscriber(spec, start)?;
            let sections = sections_of(&link.server)?;
            ensure!(sections.len() == tracks, "all sections are answered");
            room.subscribers.push(Subscriber { id, peer: link.server, sections });
        }
        for camera in &room.cameras {
            for subscriber in &room.subscribers {
                room.forwarder.subscribe(subscriber.id, camera.track, Watch::default(), start)?;
            }
        }
        Ok(room)
    }

    fn picture(&mut self, at: Duration, parts: &mut Parts) -> Result<usize> {
        let now = self.start + at;
        self.pictures += 1;
        for camera in &mut self.cameras {
            camera.send(self.pictures, now)?;
            parts.receive.add(|| camera.receive(now));
        }
        let mut left = 0;
        for index in 0..self.cameras.len() {
            let mut forwards = std::mem::take(&mut self.forwards);
            forwards.clear();
            parts.route.add(|| self.route(index, &mut forwards, now));
            parts.queue.add(|| self.queue(&forwards, now));
            self.forwards = forwards;
        }
        parts.transmit.add(|| {
            left = self.transmit(now);
            left
        });
        parts.upkeep.add(|| {
            self.upkeep(now);
            left
        });
        Ok(left)
    }
}

impl Room {
    fn route(&mut self, index: usize, forwards: &mut Vec<Forward>, now: Instant) -> usize {
        let camera = &self.cameras[index];
        for (place, rtp) in &camera.received {
            let bytes = &camera.packets[*place].0;
            let packet = MediaPacket {
                track: camera.track,
                encoding: 0,
                header: &rtp.header,
                seq: rtp.seq,
                extensions: &rtp.extensions,
                packet: &bytes[rtp.packet_start..],
                payload: &bytes[rtp.payload.clone()],
            };
            let _dropped = self.forwarder.receive(&packet, now, &mut |forward| forwards.push(forward));
        }
        forwards.len()
    }

    fn queue(&mut self, forwards: &[Forward], now: Instant) -> usize {
        let mut scratch = [0; RAW_LEN_MAX];
        for forward in forwards {
            let Some(subscriber) = self.subscribers.get_mut(forward.slot.subscriber.index()) else {
                continue;
            };
            let Some((id, payload_type)) = subscriber.sections.get(usize::from(forward.slot.index)) else {
                continue;
            };
            let copy = &forward.copy;
            let stored = copy.packet.and_then(|packet| Some((packet, self.forwarder.payload(packet)?)));
            let Some((packet, stored)) = stored else { continue };
            let (extensions, raw) = stored.extensions_for(copy.descriptor, &mut scratch);
            let shared = pack(packet, copy.payload, forward.payload_len);
            let outgoing = OutgoingRtp {
                seq: Some(copy.seq.seq()),
                extensions: &extensions,
                raw,
                ..OutgoingRtp::shared(*payload_type, copy.marker, copy.timestamp, shared)
            };
            subscriber.peer.send_rtp(*id, 0, &outgoing, now).expect("there is room for a picture");
        }
        forwards.len()
    }

    fn transmit(&mut self, now: Instant) -> usize {
        let mut out = [0; TRANSMIT_LEN_MAX];
        let shelf = Shelf(&self.forwarder);
        let mut left = 0;
        for subscriber in &mut self.subscribers {
            while let Some(transmit) = subscriber.peer.poll_transmit_from(&shelf, &mut out, now) {
                // What is shorter is a report.
                left += usize::from(transmit.len > PAYLOAD_LEN);
            }
        }
        left
    }

    fn upkeep(&mut self, now: Instant) {
        self.forwarder.handle_timeout(now);
        while self.forwarder.poll_event().is_some() {}
        let servers = self.cameras.iter_mut().map(|camera| &mut camera.link.server);
        for peer in servers.chain(self.subscribers.iter_mut().map(|subscriber| &mut subscriber.peer)) {
            if peer.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                peer.handle_timeout(now);
                while peer.poll_event().is_some() {}
            }
        }
    }
}

fn camera(
    forwarder: &mut Forwarder,
    certificates: &[moim_peer::Certificate; 2],
    owner: u64,
    now: Instant,
) -> Result<Camera> {
    let spec = TrackSpec {
        owner: OwnerId(owner),
        group: GroupId(1),
        source: Source::Camera,
        format: PayloadFormat::Vp8,
        encodings: vec![EncodingSpec::default()],
    };
    let track = forwarder.add_track(&spec, now)?;
    let link = Link::new(certificates, owner, (1, Direction::SendOnly), now)?;
    let section = *sections_of(&link.client)?.first().context("a section was added")?;
    Ok(Camera { link, section, track, packets: Vec::new(), received: Vec::new() })
}
