//! Two connections in memory, a clock turned by hand, and a network between them that can lose, delay, double and damage.

use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::sdp::jsep::{SdpType, TransceiverId, TransceiverInit};
use moim_peer::{
    Certificate, Config, DataChannelEvent, DataChannelId, DataMessage, Event, Handled, OutgoingRtp,
    PayloadKey, Payloads, PeerConnection, PeerConnectionState, Received, ReceivedRtp, SharedPayload,
    TRANSMIT_LEN_MAX, Transmit,
};
use moim_wire::{Deadline, ExtSeqNo, MediaKind, NtpTime, PayloadType, RtpTimestamp};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A packet that came by, with a copy of its payload.
pub(crate) type Media = (ReceivedRtp, Vec<u8>);

/// One end.
pub(crate) struct End {
    pub(crate) connection: PeerConnection,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<Event>,
    pub(crate) media: Vec<Media>,
    pub(crate) dropped: usize,
    pub(crate) sent: usize,
}

/// What the network does to packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) delay: Duration,
    /// Out of a thousand.
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    /// So many more milliseconds at most, each packet for itself.
    pub(crate) jitter_ms: u64,
    /// Out of a thousand: a byte is changed.
    pub(crate) damage: u64,
}

pub(crate) struct World {
    pub(crate) ends: [End; 2],
    pub(crate) now: Instant,
    pub(crate) link: Link,
    /// Whether packets go at all.
    pub(crate) is_cut: bool,
    /// Where shared payloads lie, of both ends.
    pub(crate) shelf: Shelf,
    flying: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    number: u64,
    random: u64,
}

pub(crate) fn certificate() -> Certificate {
    Certificate::generate(Duration::from_secs(1_800_000_000)).unwrap()
}

pub(crate) fn config() -> Config {
    let mut config = Config::new(certificate(), NtpTime::from_unix(Duration::from_secs(1_800_000_000)));
    config.replayable = true;
    config
}

/// Payloads that packets refer to. A rewrite is what is added to each byte.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) HashMap<PayloadKey, Vec<u8>>);

impl Shelf {
    /// Puts a payload there, and hands out what refers to it.
    pub(crate) fn put(&mut self, stream: u32, seq: u64, rewrite: u64, payload: Vec<u8>) -> SharedPayload {
        let (key, len) = (PayloadKey { stream, seq: ExtSeqNo(seq) }, u16::try_from(payload.len()).unwrap());
        self.0.insert(key, payload);
        SharedPayload { key, len, rewrite }
    }
}

impl Payloads for Shelf {
    fn write(&self, payload: &SharedPayload, out: &mut [u8]) -> bool {
        let Some(bytes) = self.0.get(&payload.key) else { return false };
        for (out, byte) in out.iter_mut().zip(bytes) {
            *out = byte.wrapping_add(u8::try_from(payload.rewrite).unwrap());
        }
        true
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(config(), config())
    }

    #[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
    pub(crate) fn with(one: Config, other: Config) -> Self {
        let now = Instant::now();
        let mut number = 0;
        let ends = [one, other].map(|config| {
            number += 1;
            let address = SocketAddr::from(([10, 0, 0, number], 5000));
            let mut connection = PeerConnection::new(config, [number; 32], now).unwrap();
            connection.add_local_address(LocalAddress::udp(address), now).unwrap();
            End { connection, address, events: Vec::new(), media: Vec::new(), dropped: 0, sent: 0 }
        });
        let link = Link { delay: Duration::from_millis(10), ..Link::default() };
        Self {
            ends,
            now,
            link,
            is_cut: false,
            shelf: Shelf::default(),
            flying: BTreeMap::new(),
            number: 0,
            random: 0x1234_5678_9ABC_DEF1,
        }
    }

    /// One side offers, the other answers.
    pub(crate) fn negotiate(&mut self, offerer: usize) {
        self.negotiate_with_pause(offerer, Duration::ZERO);
    }

    /// The same, and the answer takes its time.
    pub(crate) fn negotiate_with_pause(&mut self, offerer: usize, pause: Duration) {
        self.negotiate_through(offerer, pause, |_, description| description);
    }

    /// The same, and descriptions are changed on their way.
    pub(crate) fn negotiate_through(
        &mut self,
        offerer: usize,
        pause: Duration,
        change: impl Fn(SdpType, String) -> String,
    ) {
        let now = self.now;
        let answerer = 1 - offerer;
        let offer = self.ends[offerer].connection.create_offer().unwrap();
        self.ends[offerer].connection.set_local(SdpType::Offer, now).unwrap();
        let offer = change(SdpType::Offer, offer);
        self.ends[answerer].connection.set_remote(SdpType::Offer, &offer, now).unwrap();
        let answer = self.ends[answerer].connection.create_answer().unwrap();
        self.ends[answerer].connection.set_local(SdpType::Answer, now).unwrap();
        let answer = change(SdpType::Answer, answer);
        self.run_for(pause);
        self.ends[offerer].connection.set_remote(SdpType::Answer, &answer, self.now).unwrap();
        self.run_for(Duration::ZERO);
    }

    /// Two ends with audio, video and data both ways, connected.
    pub(crate) fn connected(&mut self) {
        self.add_media(0);
        self.negotiate(0);
        self.run_until_connected();
    }

    pub(crate) fn add_media(&mut self, offerer: usize) {
        for end in &mut self.ends {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                let init = TransceiverInit { matches_offers: true, ..TransceiverInit::default() };
                end.connection.add_transceiver(kind, init, self.now).unwrap();
            }
        }
        let init = moim_peer::DataChannelInit { label: "data".to_owned(), ..Default::default() };
        self.ends[offerer].connection.create_data_channel(init, self.now).unwrap();
    }

    pub(crate) fn run_until_connected(&mut self) {
        self.run_until(Duration::from_secs(30), Self::is_connected);
        for end in &self.ends {
            let steps: Vec<_> = end.connection.trace().steps().collect();
            assert_eq!(end.connection.connection_state(), PeerConnectionState::Connected, "{steps:#?}");
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.ends.iter().all(|end| end.connection.connection_state() == PeerConnectionState::Connected)
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(time, |world| world.now > end);
        self.now = self.now.max(end);
    }

    /// Runs until something is so, or so much time has passed.
    pub(crate) fn run_until(&mut self, time: Duration, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + time;
        let mut idle = 0;
        loop {
            let before = self.number;
            self.settle();
            if is_so(self) {
                return;
            }
            let next = self.next_moment();
            let Some(next) = next.filter(|next| *next <= end) else { return };
            idle = if next <= self.now && before == self.number { idle + 1 } else { 0 };
            assert!(
                idle < 1000,
                "time stands still: {:?}",
                self.ends.each_ref().map(|end| end.connection.poll_timeout())
            );
            self.now = self.now.max(next);
            self.deliver();
            for end in &mut self.ends {
                if end.connection.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
                    end.connection.handle_timeout(self.now);
                }
            }
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        let flying = self.flying.keys().next().map(|(at, _)| Deadline::new(*at, "network"));
        let ends = self
            .ends
            .iter()
            .fold(flying, |soonest, end| Deadline::soonest(soonest, end.connection.poll_timeout()));
        ends.map(|deadline| deadline.at)
    }

    /// Takes out what there is to be sent and told.
    pub(crate) fn settle(&mut self) {
        for index in 0..2 {
            let mut buffer = [0; TRANSMIT_LEN_MAX];
            while let Some(transmit) =
                self.ends[index].connection.poll_transmit_from(&self.shelf, &mut buffer, self.now)
            {
                self.ends[index].sent += 1;
                self.send(index, &transmit, &buffer[..transmit.len]);
            }
            while let Some(event) = self.ends[index].connection.poll_event() {
                self.on_event(index, event);
            }
        }
    }

    fn on_event(&mut self, index: usize, event: Event) {
        if let Event::IceCandidate(candidate) = &event {
            let other = &mut self.ends[1 - index].connection;
            other.add_ice_candidate(&candidate.candidate, self.now).unwrap();
        }
        self.ends[index].events.push(event);
    }

    fn send(&mut self, from: usize, transmit: &Transmit, packet: &[u8]) {
        let to = 1 - from;
        let is_lost = self.chance(self.link.loss);
        if self.is_cut || is_lost || transmit.remote != self.ends[to].address {
            self.number += 1;
            return;
        }
        let copies = if self.chance(self.link.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = self.next_random() % (self.link.jitter_ms + 1);
            let at = self.now + self.link.delay + Duration::from_millis(jitter);
            let mut packet = packet.to_vec();
            if self.chance(self.link.damage) {
                let place = self.below(packet.len());
                packet[place] ^= 1 << self.below(8);
            }
            self.number += 1;
            self.flying.insert((at, self.number), (to, transmit.local, packet));
        }
    }

    pub(crate) fn deliver(&mut self) {
        while let Some(entry) = self.flying.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let (to, from, mut packet) = entry.remove();
            self.arrive(to, from, &mut packet);
        }
    }

    /// A packet arrives, whoever has sent it.
    pub(crate) fn arrive(&mut self, to: usize, from: SocketAddr, packet: &mut [u8]) {
        let end = &mut self.ends[to];
        let received = Received { local: end.address, remote: from, protocol: Protocol::Udp, bytes: packet };
        match end.connection.handle_input(received, self.now) {
            Handled::Rtp(rtp) => {
                let payload = packet[rtp.payload.clone()].to_vec();
                end.media.push((rtp, payload));
            }
            Handled::Dropped(_) => end.dropped += 1,
            Handled::Taken | Handled::NotForMe => {}
        }
    }

    /// Changes a byte of the packet that arrives next.
    pub(crate) fn damage_next(&mut self, place: usize) {
        if let Some(mut entry) = self.flying.first_entry() {
            let packet = &mut entry.get_mut().2;
            let place = (place * 7) % packet.len().max(1);
            if let Some(byte) = packet.get_mut(place) {
                *byte = byte.wrapping_add(1);
            }
        }
    }

    /// Has the packet that arrives next arrive twice.
    pub(crate) fn double_next(&mut self) {
        if let Some(((at, _), flying)) = self.flying.first_key_value() {
            let (at, flying) = (*at, flying.clone());
            self.number += 1;
            self.flying.insert((at, self.number), flying);
        }
    }

    /// An end says something, if it can.
    pub(crate) fn say(&mut self, end: usize) {
        let now = self.now;
        let connection = &mut self.ends[end].connection;
        let channel = connection.data_channels().next().map(|(id, _)| id);
        if let Some(id) = channel {
            // It may not be open yet, or any more.
            let _ = connection.send_text(id, "said", now);
        }
        let packet = OutgoingRtp::new(PayloadType::new(96).unwrap(), true, RtpTimestamp(0), &[7; 200]);
        let _ = connection.send_rtp(TransceiverId(1), 0, &packet, now);
        self.settle();
    }

    fn chance(&mut self, of_thousand: u64) -> bool {
        of_thousand > 0 && self.next_random() % 1000 < of_thousand
    }

    /// A number of chance below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next_random() % limit as u64).unwrap()
    }

    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }

    /// Sends so many packets of a transceiver, one every `pause`.
    pub(crate) fn stream(&mut self, from: usize, id: TransceiverId, count: u32, pause: Duration, len: usize) {
        for number in 0..count {
            let payload_type = self.payload_type(from, id);
            let mut payload = vec![0; len.max(4)];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            let timestamp = RtpTimestamp(number.wrapping_mul(960));
            let packet = OutgoingRtp::new(payload_type, true, timestamp, &payload);
            self.ends[from].connection.send_rtp(id, 0, &packet, self.now).unwrap();
            self.run_for(pause);
        }
    }

    pub(crate) fn payload_type(&self, from: usize, id: TransceiverId) -> PayloadType {
        let media = self.ends[from].connection.transceiver(id).unwrap().media().unwrap();
        media.send_codecs[0].payload_type
    }

    /// Which of so many packets of a transceiver an end has not got.
    pub(crate) fn missing(&self, end: usize, id: TransceiverId, count: u32) -> Vec<u32> {
        let of_it = self.ends[end].media.iter().filter(|(rtp, _)| rtp.transceiver == id);
        let number = |payload: &[u8]| u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]]);
        let numbers: Vec<_> = of_it.map(|(_, payload)| number(payload)).collect();
        (0..count).filter(|number| !numbers.contains(number)).collect()
    }

    pub(crate) fn messages(&self, end: usize) -> Vec<DataMessage> {
        let message = |event: &Event| match event {
            Event::DataChannel(DataChannelEvent::Message(_, message)) => Some(message.clone()),
            _ => None,
        };
        self.ends[end].events.iter().filter_map(message).collect()
    }

    /// The channel of an end that was opened first.
    pub(crate) fn channel(&self, end: usize) -> DataChannelId {
        self.ends[end].connection.data_channels().next().expect("there is a channel").0
    }
}
