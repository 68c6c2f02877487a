//! Publishers, a forwarder and subscribers, with a clock turned by hand.

use crate::dice::Dice;
use crate::source::{Source, SourcePacket, extension_map};
use crate::viewer::Viewer;
use moim_rtp::payload::PayloadFormat;
use moim_rtp::{Header, RtpPacket};
use moim_sfu::{
    Config, DropReason, EncodingSpec, Event, Forwarder, GroupId, MediaPacket, OwnerId, PacketRef, SlotId,
    Source as Kind, SubscriberId, SubscriberSpec, TrackId, TrackSpec,
};
use moim_wire::NtpTime;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Between two pictures.
pub(crate) const PICTURE: Duration = Duration::from_millis(33);

/// A track that is published.
pub(crate) struct Publisher {
    pub(crate) track: TrackId,
    pub(crate) sources: Vec<Source>,
    /// Encodings of which a key frame was asked for.
    key_wanted: BTreeSet<usize>,
    pub(crate) is_silent: bool,
    sends_reports: bool,
}

/// What happens to packets between publishers and the forwarder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Network {
    pub(crate) loss_percent: u64,
    /// A packet may be overtaken by so many.
    pub(crate) overtaken_by: u64,
}

pub(crate) struct World {
    pub(crate) forwarder: Forwarder,
    pub(crate) now: Instant,
    started: Instant,
    pub(crate) dice: Dice,
    pub(crate) network: Network,
    pub(crate) publishers: Vec<Publisher>,
    pub(crate) viewers: BTreeMap<SlotId, Viewer>,
    pub(crate) events: Vec<Event>,
    /// What came to the forwarder.
    pub(crate) arrived: BTreeMap<(TrackId, usize), BTreeSet<u64>>,
    under_way: VecDeque<(u64, TrackId, SourcePacket)>,
    sent: u64,
    /// What was forwarded, as it lay.
    pub(crate) references: Vec<PacketRef>,
    /// What may still be referred to.
    kept: BTreeMap<(TrackId, usize, u64), SourcePacket>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        let now = Instant::now();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            forwarder: Forwarder::new(Config::default(), bytes, now),
            now,
            started: now,
            dice: Dice::new(seed),
            network,
            publishers: Vec::new(),
            viewers: BTreeMap::new(),
            events: Vec::new(),
            arrived: BTreeMap::new(),
            under_way: VecDeque::new(),
            sent: 0,
            references: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    /// A camera in so many encodings, of 1, 2, 3… packets a frame. Says which publisher it is.
    pub(crate) fn publish(&mut self, format: PayloadFormat, encodings: usize, owner: u64) -> usize {
        let spec = TrackSpec {
            owner: OwnerId(owner),
            group: GroupId(1),
            source: Kind::Camera,
            format,
            encodings: (0..encodings)
                .map(|encoding| EncodingSpec {
                    size: Some((320 << encoding, 180 << encoding)),
                    ..EncodingSpec::default()
                })
                .collect(),
        };
        let track = self.forwarder.add_track(&spec, self.now).expect("room");
        let sources = (0..encodings).map(|at| Source::new(format, at, 1 + 2 * at)).collect();
        self.publishers.push(Publisher {
            track,
            sources,
            key_wanted: (0..encodings).collect(),
            is_silent: false,
            sends_reports: owner.is_multiple_of(2),
        });
        for encoding in 0..encodings {
            self.arrived.insert((track, encoding), BTreeSet::new());
        }
        self.publishers.len() - 1
    }

    pub(crate) fn subscriber(&mut self, video_slots: u16) -> SubscriberId {
        let spec = SubscriberSpec { audio_slots: 0, video_slots };
        self.forwarder.add_subscriber(spec, self.now).expect("room")
    }

    /// Every publisher sends a picture, and time goes on to the next.
    pub(crate) fn step(&mut self) {
        for at in 0..self.publishers.len() {
            self.send_pictures(at);
        }
        let last_of_all = self.sent.saturating_sub(self.network.overtaken_by);
        self.deliver(last_of_all);
        self.now += PICTURE;
        while self.forwarder.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
            self.poll_events();
            self.forwarder.handle_timeout(self.now);
        }
    }

    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Everything that is under way comes.
    pub(crate) fn settle(&mut self) {
        self.deliver(u64::MAX);
        self.poll_events();
    }

    pub(crate) fn check(&self) {
        for viewer in self.viewers.values() {
            viewer.check(&self.arrived);
            if self.network.loss_percent == 0 {
                viewer.check_frames();
                if self.network.overtaken_by == 0 {
                    viewer.check_numbers();
                }
            }
        }
    }

    /// Of all events, the last that `pick` picks.
    pub(crate) fn last_event<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.events.iter().rev().find_map(pick)
    }

    pub(crate) fn poll_events(&mut self) {
        while let Some(event) = self.forwarder.poll_event() {
            if let Event::KeyFrameWanted { track, encoding } = event
                && let Some(publisher) = self.publishers.iter_mut().find(|publisher| publisher.track == track)
            {
                publisher.key_wanted.insert(encoding);
            }
            self.events.push(event);
        }
    }

    fn send_pictures(&mut self, at: usize) {
        let publisher = &mut self.publishers[at];
        if publisher.is_silent {
            return;
        }
        let mut packets = Vec::new();
        for source in &mut publisher.sources {
            let is_key = publisher.key_wanted.remove(&source.encoding);
            packets.extend(source.picture(is_key));
            if publisher.sends_reports {
                let ntp = NtpTime::from_unix(self.now - self.started);
                self.forwarder.on_sender_report(publisher.track, source.encoding, ntp, source.timestamp());
            }
        }
        let track = publisher.track;
        for packet in packets {
            self.sent += 1;
            if self.dice.percent(self.network.loss_percent) {
                continue;
            }
            let rank = self.sent + self.dice.below(self.network.overtaken_by + 1);
            let place = self.under_way.partition_point(|(other, ..)| *other <= rank);
            self.under_way.insert(place, (rank, track, packet));
        }
    }

    fn deliver(&mut self, up_to: u64) {
        while self.under_way.front().is_some_and(|(rank, ..)| *rank <= up_to) {
            let Some((_, track, packet)) = self.under_way.pop_front() else { break };
            self.receive(track, &packet);
        }
    }

    fn receive(&mut self, track: TrackId, packet: &SourcePacket) {
        let map = extension_map();
        let header = Header::parse(&packet.bytes).unwrap();
        let read = RtpPacket::parse(&packet.bytes).unwrap();
        let media = MediaPacket {
            track,
            encoding: packet.encoding,
            header: &header,
            seq: packet.seq,
            extensions: &map.read(header.extensions(&packet.bytes)),
            packet: &packet.bytes,
            payload: read.payload(),
        };
        let mut forwards = Vec::new();
        let result = self.forwarder.receive(&media, self.now, &mut |forward| forwards.push(forward));
        match result {
            // It is known to have come, and comes into question once the structure by which it is read has come, too.
            Ok(()) | Err(DropReason::Malformed) => {}
            Err(_) => return assert!(forwards.is_empty()),
        }
        self.arrived.get_mut(&(track, packet.encoding)).unwrap().insert(packet.seq.0);
        self.kept.insert((track, packet.encoding, packet.seq.0), packet.clone());
        for forward in forwards {
            // As a rule it is the one that has come. Behind the beginning of a stream, others are.
            let number = forward.copy.packet.map_or(0, |packet| packet.seq.0);
            let of = (track, packet.encoding, number);
            let sent = self.kept.get(&of).unwrap_or(packet);
            self.references.extend(forward.copy.packet);
            let viewer = self.viewers.entry(forward.slot).or_default();
            viewer.take(&self.forwarder, &forward, (track, sent));
        }
        self.kept.remove(&(track, packet.encoding, packet.seq.0 - 2_000));
    }
}
