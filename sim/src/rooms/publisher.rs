//! A publisher: encoders, and what is between them and the server.

use super::archive::{Archive, Sent, StreamKey};
use super::plan::{PublisherPlan, Reports};
use super::stream::{Stream, is_video};
use crate::random::{Chance, Random, Seed};
use moim_rtp::extension::AudioLevel;
use moim_sfu::{EncodingSpec, GroupId, LayersWanted, OwnerId, TrackId, TrackSpec};
use moim_wire::{NtpTime, RtpTimestamp};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is sent again comes so much later.
const RECOVERY: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(300));
/// Whoever begins to speak goes on for up to so many packets, and so does the pause behind it.
const SPEECH_PACKETS: u64 = 120;

/// A track while it is published.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) plan: PublisherPlan,
    pub(super) track: TrackId,
    pub(super) life: u32,
    pub(super) streams: Vec<Stream>,
    pub(super) is_muted: bool,
    is_silent: bool,
    /// The encodings that its network carries.
    carried: u8,
    /// The encodings that it believes to be watched.
    wanted: u8,
    key_wanted: u8,
    pictures: u32,
    seed: Seed,
    random: Random,
    /// Whether somebody speaks, and for how many packets more.
    speech: (bool, u64),
    /// When it last began to behave in another way.
    pub(super) changed_at: Instant,
}

impl Publisher {
    pub(super) fn new(
        (index, life): (usize, u32),
        plan: PublisherPlan,
        track: TrackId,
        seed: Seed,
        now: Instant,
    ) -> Self {
        let number = u64::from(life) * 100 + u64::try_from(index).unwrap_or(0);
        let random = seed.random("publisher", number);
        let mut publisher = Self {
            track,
            life,
            streams: Vec::new(),
            is_muted: false,
            is_silent: false,
            carried: u8::MAX,
            wanted: u8::MAX,
            key_wanted: 0,
            pictures: 0,
            seed,
            random,
            speech: (false, 0),
            changed_at: now,
            plan,
        };
        for encoding in 0..publisher.plan.encodings {
            let key = StreamKey { publisher: index, life, encoding, generation: 0 };
            let stream = publisher.stream(key);
            publisher.streams.push(stream);
        }
        publisher
    }

    /// What the forwarder is told of it.
    pub(super) fn spec(plan: &PublisherPlan) -> TrackSpec {
        let size = |encoding: usize| is_video(plan.codec).then_some((320 << encoding, 180 << encoding));
        TrackSpec {
            owner: OwnerId(plan.owner),
            group: GroupId(plan.group),
            source: plan.source,
            format: plan.codec.format,
            encodings: (0..plan.encodings)
                .map(|encoding| EncodingSpec { size: size(encoding), ..EncodingSpec::default() })
                .collect(),
        }
    }

    fn stream(&self, key: StreamKey) -> Stream {
        let place = [key.publisher, key.encoding].map(|place| u64::try_from(place).unwrap_or(0));
        let number =
            (u64::from(key.life) << 32) + (u64::from(key.generation) << 16) + place[0] * 100 + place[1];
        Stream::new(key, self.plan.codec, self.seed.random("stream", number))
    }

    /// A stream begins anew. If nobody is told, its numbers must show it.
    pub(super) fn restart(&mut self, encoding: usize, is_told: bool, now: Instant) {
        let Some(key) = self.streams.get(encoding).map(|stream| stream.key) else { return };
        let mut stream = self.stream(StreamKey { generation: key.generation + 1, ..key });
        if let Some(before) = self.streams.get(encoding)
            && !is_told
        {
            stream.jump_from(before);
        }
        self.streams[encoding] = stream;
        self.changed_at = now;
    }

    pub(super) fn set_muted(&mut self, is_muted: bool, now: Instant) {
        (self.is_muted, self.changed_at) = (is_muted, now);
    }

    pub(super) fn set_silent(&mut self, is_silent: bool, now: Instant) {
        (self.is_silent, self.changed_at) = (is_silent, now);
    }

    pub(super) fn hold_back(&mut self, carried: u8, now: Instant) {
        (self.carried, self.changed_at) = (carried, now);
    }

    pub(super) fn set_spatial(&mut self, spatial: u8) {
        for stream in &mut self.streams {
            stream.set_spatial(spatial);
        }
    }

    pub(super) fn key_frame_wanted(&mut self, encoding: usize) {
        if self.plan.manners.answers_key_frames {
            self.key_wanted |= 1 << encoding;
        }
    }

    pub(super) fn layers_wanted(&mut self, layers: LayersWanted) {
        if self.plan.manners.follows_layers_wanted {
            self.wanted = layers.encodings;
            self.set_spatial(layers.spatial.saturating_add(1));
        }
    }

    /// Whether it sends something of an encoding now.
    pub(super) fn sends(&self, encoding: usize) -> bool {
        !self.is_muted && !self.is_silent && self.carried & self.wanted & 1 << encoding != 0
    }

    /// Whether it sends all that it has, as well as it can, so that whoever watches must get something.
    pub(super) fn is_generous(&self) -> bool {
        (0..self.streams.len()).all(|encoding| self.sends(encoding))
    }

    /// Its clock, which all of its streams go by.
    pub(super) fn clock(&self, elapsed: Duration) -> u32 {
        let rate = u128::from(self.plan.codec.format.clock_rate());
        u32::try_from((elapsed.as_micros() * rate / 1_000_000) & 0xFFFF_FFFF).unwrap_or(0)
    }

    /// What it sends now.
    pub(super) fn pictures(&mut self, elapsed: Duration, archive: &mut Archive) -> Vec<Rc<Sent>> {
        let clock = self.clock(elapsed);
        let manners = self.plan.manners;
        self.pictures += 1;
        if manners.key_every.is_some_and(|every| self.pictures.is_multiple_of(every)) {
            self.key_wanted = u8::MAX;
        }
        let skips = self.random.happens(manners.skips);
        let pads = self.random.happens(manners.pads);
        let mut sent = Vec::new();
        let level = self.level();
        for encoding in 0..self.streams.len() {
            if !self.sends(encoding) {
                continue;
            }
            let bit = 1 << encoding;
            let stream = &mut self.streams[encoding];
            if !is_video(self.plan.codec) {
                sent.push(stream.sound(clock, level, archive));
                continue;
            }
            if !skips {
                let wants_key = self.key_wanted & bit != 0;
                self.key_wanted &= !bit;
                sent.extend(stream.picture(clock, wants_key, archive));
            }
            if pads && stream.has_begun {
                sent.push(stream.padding(clock, archive));
            }
        }
        sent
    }

    /// When packets come that are sent now: not at all, once or twice.
    pub(super) fn arrivals(&mut self) -> Vec<Duration> {
        let way = self.plan.way;
        let mut time = way.delay + self.random.up_to(way.jitter);
        let is_lost = self.random.happens(way.loss);
        let is_recovered = self.random.happens(way.recovery);
        let late = self.random.between(RECOVERY.0, RECOVERY.1);
        let is_twice = self.random.happens(way.duplicates);
        let again = self.random.up_to(way.jitter + Duration::from_millis(30));
        if is_lost && !is_recovered {
            return Vec::new();
        }
        if is_lost {
            time += late;
        }
        if is_twice { vec![time, time + again] } else { vec![time] }
    }

    /// What it says of the clock of an encoding.
    pub(super) fn report(&mut self, encoding: usize, elapsed: Duration) -> Option<(NtpTime, RtpTimestamp)> {
        let stream = self.streams.get(encoding)?;
        match self.plan.manners.reports {
            Reports::None => None,
            Reports::True => {
                let ntp = NtpTime::from_unix(Duration::from_secs(1_800_000_000) + elapsed);
                Some((ntp, RtpTimestamp(stream.timestamp(self.clock(elapsed)))))
            }
            Reports::Wild => {
                let rtp = u32::try_from(self.random.below(1 << 32)).unwrap_or(0);
                Some((NtpTime(self.random.number()), RtpTimestamp(rtp)))
            }
        }
    }

    fn level(&mut self) -> AudioLevel {
        let (speaks, left) = self.speech;
        self.speech = if left > 0 {
            (speaks, left - 1)
        } else {
            (self.random.happens(Chance::percent(50)), self.random.below(SPEECH_PACKETS))
        };
        let quiet = u8::try_from(self.random.below(20)).unwrap_or(0);
        AudioLevel { voice: speaks, attenuation_db: if speaks { 15 + quiet } else { 100 + quiet } }
    }
}
