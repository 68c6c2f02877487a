//! moim's peer connection.

use super::{PAYLOAD_LEN, Pair, allocation};
use anyhow::{Context, Result, ensure};
use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::sdp::jsep::{SdpType, TransceiverId, TransceiverInit};
use moim_peer::{
    Certificate, Config, DataChannelInit, Event, Handled, OutgoingRtp, PeerConnection, PeerConnectionState,
    Received, TRANSMIT_LEN_MAX,
};
use moim_wire::{Bitrate, MediaKind, NtpTime, PayloadType, RtpTimestamp};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A packet on its way: room that is used again and again.
struct Slot {
    bytes: Box<[u8; TRANSMIT_LEN_MAX]>,
    len: usize,
}

/// What is on its way in one direction.
#[derive(Default)]
struct Wire {
    slots: Vec<Slot>,
    used: usize,
}

impl Wire {
    fn take_from(&mut self, connection: &mut PeerConnection, now: Instant) {
        loop {
            if self.used == self.slots.len() {
                self.slots.push(Slot { bytes: Box::new([0; TRANSMIT_LEN_MAX]), len: 0 });
            }
            let slot = &mut self.slots[self.used];
            let Some(transmit) = connection.poll_transmit(&mut slot.bytes[..], now) else { return };
            slot.len = transmit.len;
            self.used += 1;
        }
    }

    fn give_to(
        &mut self,
        connection: &mut PeerConnection,
        [from, to]: [SocketAddr; 2],
        now: Instant,
    ) -> usize {
        let mut media = 0;
        for slot in &mut self.slots[..self.used] {
            let bytes = &mut slot.bytes[..slot.len];
            let received = Received { local: to, remote: from, protocol: Protocol::Udp, bytes };
            media += usize::from(matches!(connection.handle_input(received, now), Handled::Rtp(_)));
        }
        self.used = 0;
        media
    }
}

pub(super) struct MoimPair {
    ends: [PeerConnection; 2],
    start: Instant,
    there: Wire,
    back: Wire,
    streams: Vec<(TransceiverId, PayloadType)>,
    turn: usize,
    timestamp: u32,
}

fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 5000)))
}

fn connection(
    certificate: &Certificate,
    estimates: bool,
    number: u8,
    now: Instant,
) -> Result<PeerConnection> {
    let mut config = Config::new(certificate.clone(), NtpTime::from_unix(Duration::from_secs(1_800_000_000)));
    config.congestion = estimates.then(|| moim_peer::cc::Config {
        start: Bitrate::from_kbps(400_000),
        min: Bitrate::from_kbps(300_000),
        max: Bitrate::from_kbps(1_000_000),
        ..moim_peer::cc::Config::default()
    });
    if !estimates {
        config.capabilities.video.iter_mut().for_each(|codec| {
            codec.feedback.retain(|feedback| feedback.kind != "transport-cc");
        });
    }
    let mut connection = PeerConnection::new(config, [number; 32], now)?;
    connection.add_local_address(LocalAddress::udp(addresses()[usize::from(number)]), now)?;
    Ok(connection)
}

/// Two ends that know each other, and a moment.
fn introduced(
    certificates: &[Certificate; 2],
    estimates: bool,
    prepare: impl FnOnce(&mut PeerConnection, Instant) -> Result<()>,
) -> Result<MoimPair> {
    let start = Instant::now();
    let mut ends = [
        connection(&certificates[0], estimates, 0, start)?,
        connection(&certificates[1], estimates, 1, start)?,
    ];
    prepare(&mut ends[0], start)?;
    let offer = ends[0].create_offer()?;
    ends[0].set_local(SdpType::Offer, start)?;
    ends[1].set_remote(SdpType::Offer, &offer, start)?;
    let answer = ends[1].create_answer()?;
    ends[1].set_local(SdpType::Answer, start)?;
    ends[0].set_remote(SdpType::Answer, &answer, start)?;
    let (there, back) = (Wire::default(), Wire::default());
    let mut pair = MoimPair { ends, start, there, back, streams: Vec::new(), turn: 0, timestamp: 0 };
    pair.run_until_connected()?;
    Ok(pair)
}

impl MoimPair {
    fn run_until_connected(&mut self) -> Result<()> {
        let [one, other] = addresses();
        for millisecond in 0..2_000 {
            let now = self.start + Duration::from_millis(millisecond);
            for index in [0, 1] {
                self.ends[index].handle_timeout(now);
                while let Some(event) = self.ends[index].poll_event() {
                    if let Event::IceCandidate(candidate) = event {
                        self.ends[1 - index].add_ice_candidate(&candidate.candidate, now)?;
                    }
                }
            }
            self.there.take_from(&mut self.ends[0], now);
            self.there.give_to(&mut self.ends[1], [one, other], now);
            self.back.take_from(&mut self.ends[1], now);
            self.back.give_to(&mut self.ends[0], [other, one], now);
            let is_connected =
                |end: &PeerConnection| end.connection_state() == PeerConnectionState::Connected;
            if self.ends.iter().all(is_connected) {
                return Ok(());
            }
        }
        let steps: Vec<_> = self.ends[0].trace().steps().collect();
        anyhow::bail!("not connected: {steps:#?}")
    }
}

impl Pair for MoimPair {
    fn connect(streams: usize, estimates: bool) -> Result<Self> {
        let certificates = [certificate()?, certificate()?];
        let mut pair = introduced(&certificates, estimates, |connection, now| {
            for _ in 0..streams {
                connection.add_transceiver(MediaKind::Video, TransceiverInit::default(), now)?;
            }
            Ok(())
        })?;
        for transceiver in pair.ends[0].transceivers() {
            let codec = transceiver.media().and_then(|media| media.send_codecs.first());
            pair.streams.push((transceiver.id(), codec.context("no codec")?.payload_type));
        }
        ensure!(pair.streams.len() == streams);
        Ok(pair)
    }

    fn send(&mut self, packets: usize, now: Duration) -> usize {
        let now = self.start + now;
        let sender = &mut self.ends[0];
        let [one, other] = addresses();
        self.back.give_to(sender, [other, one], now);
        if sender.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            sender.handle_timeout(now);
            while sender.poll_event().is_some() {}
        }
        for _ in 0..packets {
            let (id, payload_type) = self.streams[self.turn % self.streams.len()];
            self.turn += 1;
            self.timestamp = self.timestamp.wrapping_add(9);
            let packet =
                OutgoingRtp::new(payload_type, true, RtpTimestamp(self.timestamp), &[7; PAYLOAD_LEN]);
            sender.send_rtp(id, 0, &packet, now).expect("there is room");
        }
        self.there.take_from(sender, now);
        self.there.used
    }

    fn receive(&mut self, now: Duration) -> usize {
        let now = self.start + now;
        let receiver = &mut self.ends[1];
        let media = self.there.give_to(receiver, addresses(), now);
        if receiver.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            receiver.handle_timeout(now);
            while receiver.poll_event().is_some() {}
        }
        self.back.take_from(receiver, now);
        media
    }
}

fn certificate() -> Result<Certificate> {
    Ok(Certificate::generate(Duration::from_secs(1_800_000_000))?)
}

fn with_everything(connection: &mut PeerConnection, now: Instant) -> Result<()> {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        connection.add_transceiver(kind, TransceiverInit::default(), now)?;
    }
    connection.create_data_channel(DataChannelInit::default(), now)?;
    Ok(())
}

/// How many connections come about in a second.
pub(super) fn handshakes(count: usize) -> Result<f64> {
    let certificates = [certificate()?, certificate()?];
    let begin = Instant::now();
    for _ in 0..count {
        introduced(&certificates, true, with_everything)?;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

/// What a connection takes, in KiB.
pub(super) fn memory() -> Result<f64> {
    const PAIRS: usize = 20;
    let certificates = [certificate()?, certificate()?];
    let mut pairs = Vec::with_capacity(PAIRS);
    let before = allocation::live_bytes();
    for _ in 0..PAIRS {
        let mut pair = introduced(&certificates, true, with_everything)?;
        for millisecond in 0..2_000 {
            let now = pair.start + Duration::from_millis(2_000 + millisecond);
            let [one, other] = addresses();
            for end in &mut pair.ends {
                end.handle_timeout(now);
                while end.poll_event().is_some() {}
            }
            pair.there.take_from(&mut pair.ends[0], now);
            pair.there.give_to(&mut pair.ends[1], [one, other], now);
            pair.back.take_from(&mut pair.ends[1], now);
            pair.back.give_to(&mut pair.ends[0], [other, one], now);
        }
        // The wire is not the connection's.
        (pair.there, pair.back) = (Wire::default(), Wire::default());
        pairs.push(pair);
    }
    let bytes = allocation::live_bytes() - before;
    let inside = size_of::<PeerConnection>() as f64;
    Ok((bytes as f64 / (2 * PAIRS) as f64 + inside) / 1024.0)
}
