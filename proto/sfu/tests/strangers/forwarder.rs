//! A forwarder whose publishers send anything and whose subscribers ask for anything.

use super::script::Script;
use moim_rtp::extension::{AudioLevel, RawRange};
use moim_rtp::payload::PayloadFormat;
use moim_rtp::{ExtensionValues, Header};
use moim_sfu::{
    Config, DropReason, EncodingSpec, Event, Forward, Forwarder, GroupId, MediaPacket, OwnerId, RAW_LEN_MAX,
    SlotId, Source, SubscriberId, SubscriberSpec, TrackId, TrackSpec, Watch,
};
use moim_wire::{Bitrate, ExtSeqNo, NtpTime, RtpTimestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// So many tracks and subscribers meet often enough.
const THINGS_MAX: usize = 6;

struct World {
    forwarder: Forwarder,
    now: Instant,
    tracks: Vec<(TrackId, usize)>,
    subscribers: Vec<SubscriberId>,
    seqs: BTreeMap<(TrackId, usize), (u64, u32)>,
    /// The numbers that each slot has used.
    used: BTreeMap<SlotId, BTreeSet<u64>>,
    forwarded: u64,
}

/// Lives through what the bytes say, and looks after each step whether what must hold holds. Says how many packets went out.
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
pub(crate) fn live(bytes: &[u8]) -> u64 {
    let now = Instant::now();
    let mut script = Script::new(bytes);
    let mut world = World {
        forwarder: Forwarder::new(Config::default(), [7; 32], now),
        now,
        tracks: Vec::new(),
        subscribers: Vec::new(),
        seqs: BTreeMap::new(),
        used: BTreeMap::new(),
        forwarded: 0,
    };
    while let Some(what) = script.byte() {
        world.step(what, &mut script);
        world.let_pass();
    }
    world.leave();
    world.forwarded
}

impl World {
    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        match what % 16 {
            0 => self.publish(script),
            1 if self.subscribers.len() < THINGS_MAX => {
                let spec = SubscriberSpec {
                    audio_slots: u16::from(script.below(3)),
                    video_slots: u16::from(script.below(3)),
                };
                let id = self.forwarder.add_subscriber(spec, self.now).expect("room for a few");
                self.subscribers.push(id);
            }
            2 | 3 => self.subscribe(script),
            4 => {
                let time = u64::from(script.number());
                self.now += Duration::from_millis(time / 16);
            }
            5 => {
                let target = Bitrate::from_kbps(u64::from(script.number()) / 8);
                self.with_subscriber(script, |forwarder, id, now| forwarder.set_target(id, target, now));
            }
            6 => {
                let slot = u16::from(script.below(6));
                self.with_subscriber(script, |forwarder, subscriber, now| {
                    forwarder.key_frame_requested(SlotId { subscriber, index: slot }, now)
                });
            }
            7 => self.change(script),
            _ => self.send(script),
        }
    }

    fn publish(&mut self, script: &mut Script<'_>) {
        if self.tracks.len() >= THINGS_MAX {
            return;
        }
        let format = PayloadFormat::ALL[usize::from(script.below(6))];
        let source = match (format, script.below(2)) {
            (PayloadFormat::Opus, 0) => Source::Microphone,
            (PayloadFormat::Opus, _) => Source::ScreenSound,
            (_, 0) => Source::Camera,
            (_, _) => Source::Screen,
        };
        let count = usize::from(script.below(5));
        let spec = TrackSpec {
            owner: OwnerId(u64::from(script.below(3))),
            group: GroupId(u64::from(script.below(2))),
            source,
            format,
            encodings: vec![EncodingSpec::default(); count],
        };
        let is_legal = (1..=3).contains(&count);
        let result = self.forwarder.add_track(&spec, self.now);
        assert_eq!(result.is_ok(), is_legal, "{result:?}");
        self.tracks.extend(result.map(|id| (id, count)));
    }

    fn subscribe(&mut self, script: &mut Script<'_>) {
        let Some((track, _)) = self.track(script) else { return };
        let how = script.below(255);
        let size = (how & 1 == 1).then(|| (u32::from(script.number()), u32::from(script.number())));
        let watch = Watch { size, priority: how >> 5, is_paused: how & 6 == 6 };
        self.with_subscriber(script, |forwarder, id, now| forwarder.subscribe(id, track, watch, now));
    }

    fn change(&mut self, script: &mut Script<'_>) {
        let (what, place) = (script.below(8), usize::from(script.below(6)));
        let (now, track) = (self.now, self.track(script));
        match (what, track) {
            (0, Some((track, _))) => {
                self.forwarder.remove_track(track, now).expect("it is there");
                self.tracks.retain(|(other, _)| *other != track);
                assert!(self.forwarder.remove_track(track, now).is_err());
            }
            (1, _) if place < self.subscribers.len() => {
                let id = self.subscribers.remove(place);
                self.forwarder.remove_subscriber(id, now).expect("it is there");
                self.used.retain(|slot, _| slot.subscriber != id);
            }
            (2, Some((track, _))) => {
                self.with_subscriber(script, |forwarder, id, now| forwarder.unsubscribe(id, track, now));
            }
            (3 | 4, Some((track, _))) => {
                self.forwarder.set_muted(track, what == 3, now).expect("it is there");
            }
            (5, Some((track, _))) => self.forwarder.restart(track, place, now),
            (6, Some((track, _))) => {
                let (ntp, rtp) = (u64::from(script.number()) << 30, u32::from(script.number()) << 8);
                self.forwarder.on_sender_report(track, place, NtpTime(ntp), RtpTimestamp(rtp));
            }
            (7, _) => {
                let more = SubscriberSpec { audio_slots: 1, video_slots: u16::from(script.below(3)) };
                self.with_subscriber(script, |forwarder, id, now| match forwarder.add_slots(id, more, now) {
                    Err(moim_sfu::Error::LimitReached { .. }) => Ok(()),
                    result => result,
                });
            }
            _ => {}
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let Some((track, count)) = self.track(script) else { return };
        let encoding = usize::from(script.below(4));
        let (last_seq, last_time) =
            self.seqs.get(&(track, encoding)).copied().unwrap_or((0x1_FFFA, u32::MAX - 9_000));
        let (step, how) = (script.below(32), script.below(255));
        let seq = match step {
            0..24 => last_seq + 1,
            24..28 => last_seq + u64::from(step),
            28..31 => last_seq.saturating_sub(u64::from(script.below(40))),
            _ => (1 << 16) | u64::from(script.number()),
        };
        let timestamp = last_time.wrapping_add(if how & 3 == 3 { 3_000 } else { 0 });
        if seq > last_seq {
            self.seqs.insert((track, encoding), (seq, timestamp));
        }
        let (mut payload, descriptor) = (script.bytes().to_vec(), script.bytes());
        if how & 0x40 != 0 {
            payload.resize(usize::from(how) * 8, 0x5A);
        }
        let mut packet = vec![0x80, if how & 4 == 0 { 96 } else { 0xE0 }];
        packet.extend_from_slice(&((seq & 0xFFFF) as u16).to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 1]);
        packet.extend_from_slice(descriptor);
        let header = Header::parse(&packet).expect("it has all fields");
        let level = AudioLevel { voice: true, attenuation_db: how };
        let extensions = ExtensionValues {
            audio_level: (how & 8 != 0).then_some(level),
            dependency_descriptor: RawRange::new(12, descriptor.len()).filter(|_| how & 16 != 0),
            color_space: RawRange::new(usize::from(how), 24).filter(|_| how & 32 != 0),
            ..ExtensionValues::default()
        };
        let media = MediaPacket {
            track,
            encoding,
            header: &header,
            seq: ExtSeqNo(seq),
            extensions: &extensions,
            packet: &packet,
            payload: &payload,
        };
        let mut forwards = Vec::new();
        let result = self.forwarder.receive(&media, self.now, &mut |forward| forwards.push(forward));
        if encoding >= count {
            assert_eq!(result, Err(DropReason::UnknownTrack));
        }
        self.forwarded += forwards.len() as u64;
        for forward in &forwards {
            self.look_at(forward);
        }
    }

    /// What is to be sent is there, can be written, and has a number of its own.
    fn look_at(&mut self, forward: &Forward) {
        let copy = &forward.copy;
        assert!(self.subscribers.contains(&forward.slot.subscriber));
        let is_new = self.used.entry(forward.slot).or_default().insert(copy.seq.0);
        assert!(is_new, "a number twice");
        let Some(packet) = copy.packet else {
            assert_eq!(forward.payload_len, 0);
            return;
        };
        let stored = self.forwarder.payload(packet).expect("it has just come");
        assert_eq!(stored.payload.len(), usize::from(forward.payload_len));
        let mut payload = stored.payload.to_vec();
        copy.payload.apply(&mut payload).expect("what can be read can be changed");
        assert_eq!(payload.len(), stored.payload.len());
        let mut scratch = [0; RAW_LEN_MAX];
        let (values, raw) = stored.extensions_for(copy.descriptor, &mut scratch);
        for range in [values.dependency_descriptor, values.color_space].into_iter().flatten() {
            assert!(range.of(raw).is_some(), "an extension's bytes are missing");
        }
    }

    /// Events are bounded by what there is, and time goes on.
    fn let_pass(&mut self) {
        let slots = self.used.len() + THINGS_MAX * 128;
        let limit = 2 * slots + 8 * (self.tracks.len() + self.subscribers.len()) + 64;
        let mut events = 0;
        while let Some(event) = self.forwarder.poll_event() {
            events += 1;
            assert!(events <= limit, "there is no end of events");
            if let Event::SlotShows { track: Some(track), .. } = event {
                assert!(
                    self.tracks.iter().any(|(other, _)| *other == track),
                    "a track that is gone is shown"
                );
            }
        }
        let mut turns = 0;
        while self.forwarder.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
            turns += 1;
            assert!(turns < 1_000, "time does not go on");
            self.forwarder.handle_timeout(self.now);
            while self.forwarder.poll_event().is_some() {}
        }
        assert_eq!(self.forwarder.stats().packets_forwarded, self.forwarded);
        assert_eq!(self.forwarder.stats().tracks, self.tracks.len());
    }

    /// Nothing is left once everybody is gone.
    fn leave(&mut self) {
        for (track, _) in std::mem::take(&mut self.tracks) {
            self.forwarder.remove_track(track, self.now).expect("it is there");
        }
        for id in std::mem::take(&mut self.subscribers) {
            self.forwarder.remove_subscriber(id, self.now).expect("it is there");
        }
        while self.forwarder.poll_event().is_some() {}
        self.now += Duration::from_secs(1);
        self.forwarder.handle_timeout(self.now);
        while self.forwarder.poll_event().is_some() {}
        assert_eq!(self.forwarder.poll_timeout(), None, "there is nothing to look after");
    }

    fn track(&self, script: &mut Script<'_>) -> Option<(TrackId, usize)> {
        let place = usize::from(script.below(6));
        self.tracks.get(place).or(self.tracks.first()).copied()
    }

    fn with_subscriber(
        &mut self,
        script: &mut Script<'_>,
        act: impl FnOnce(&mut Forwarder, SubscriberId, Instant) -> Result<(), moim_sfu::Error>,
    ) {
        let place = usize::from(script.below(6));
        let Some(id) = self.subscribers.get(place).or(self.subscribers.first()).copied() else { return };
        match act(&mut self.forwarder, id, self.now) {
            Ok(()) | Err(moim_sfu::Error::NoSuchSlot) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
