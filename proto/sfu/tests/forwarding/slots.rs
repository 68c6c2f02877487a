//! Which tracks are shown, where there are more than slots.

use moim_rtp::extension::AudioLevel;
use moim_rtp::payload::PayloadFormat;
use moim_rtp::{ExtensionValues, Header};
use moim_sfu::{
    Config, EncodingSpec, Event, Forwarder, GroupId, MediaPacket, OwnerId, SlotId, Source, SubscriberId,
    SubscriberSpec, TrackId, TrackSpec, Watch,
};
use moim_wire::ExtSeqNo;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A meeting in which everybody has a microphone and a camera.
struct Meeting {
    forwarder: Forwarder,
    now: Instant,
    people: Vec<(TrackId, TrackId)>,
    seq: u64,
    events: Vec<Event>,
}

impl Meeting {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn new(people: u64) -> Self {
        let now = Instant::now();
        let mut forwarder = Forwarder::new(Config::default(), [3; 32], now);
        let spec = |owner, source, format| TrackSpec {
            owner: OwnerId(owner),
            group: GroupId(1),
            source,
            format,
            encodings: vec![EncodingSpec::default()],
        };
        let people = (0..people)
            .map(|owner| {
                let microphone = spec(owner, Source::Microphone, PayloadFormat::Opus);
                let camera = spec(owner, Source::Camera, PayloadFormat::Vp8);
                let mut add = |spec| forwarder.add_track(spec, now).unwrap();
                (add(&microphone), add(&camera))
            })
            .collect();
        Self { forwarder, now, people, seq: 1 << 16, events: Vec::new() }
    }

    fn subscriber(&mut self, audio_slots: u16, video_slots: u16) -> SubscriberId {
        let id =
            self.forwarder.add_subscriber(SubscriberSpec { audio_slots, video_slots }, self.now).unwrap();
        for (microphone, camera) in self.people.clone() {
            for track in [microphone, camera] {
                self.forwarder.subscribe(id, track, Watch::default(), self.now).unwrap();
            }
        }
        id
    }

    /// Some speak for so long, as loud as that; the others are silent. Says how many packets each slot of sound was sent.
    fn speak(&mut self, speakers: &[(usize, u8)], time: Duration) -> usize {
        let mut forwarded = 0;
        let until = self.now + time;
        while self.now < until {
            self.seq += 1;
            for person in 0..self.people.len() {
                let loudness = speakers.iter().find(|(speaker, _)| *speaker == person);
                forwarded += self.sound(person, loudness.map_or(127, |(_, attenuation)| *attenuation));
            }
            self.now += Duration::from_millis(20);
            while self.forwarder.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
                self.events.extend(std::iter::from_fn(|| self.forwarder.poll_event()));
                self.forwarder.handle_timeout(self.now);
            }
        }
        self.events.extend(std::iter::from_fn(|| self.forwarder.poll_event()));
        forwarded
    }

    fn sound(&mut self, person: usize, attenuation_db: u8) -> usize {
        let mut packet = vec![0x80, 111];
        packet.extend_from_slice(&((self.seq & 0xFFFF) as u16).to_be_bytes());
        packet.extend_from_slice(&(((self.seq * 960) & 0xFFFF_FFFF) as u32).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 1, 0xFC, 1, 2, 3]);
        let header = Header::parse(&packet).unwrap();
        let level = AudioLevel { voice: attenuation_db < 60, attenuation_db };
        let media = MediaPacket {
            track: self.people[person].0,
            encoding: 0,
            header: &header,
            seq: ExtSeqNo(self.seq),
            extensions: &ExtensionValues { audio_level: Some(level), ..ExtensionValues::default() },
            packet: &packet,
            payload: &packet[12..],
        };
        let mut forwarded = 0;
        self.forwarder.receive(&media, self.now, &mut |_| forwarded += 1).unwrap();
        forwarded
    }

    /// Whose microphones, then whose cameras a subscriber is shown.
    fn shown(&self, subscriber: SubscriberId) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let tracks: Vec<_> =
            (0..128).filter_map(|index| self.forwarder.shown(SlotId { subscriber, index })).collect();
        let of = |pick: fn(&(TrackId, TrackId)) -> TrackId| {
            let people = self.people.iter().enumerate();
            people.filter(|(_, person)| tracks.contains(&pick(person))).map(|(index, _)| index).collect()
        };
        (of(|person| person.0), of(|person| person.1))
    }
}

#[test]
fn all_are_heard_and_seen_where_there_are_slots_enough() {
    let mut meeting = Meeting::new(3);
    let subscriber = meeting.subscriber(3, 3);
    let all = BTreeSet::from([0, 1, 2]);
    assert_eq!(meeting.shown(subscriber), (all.clone(), all.clone()));

    meeting.events.clear();
    assert_eq!(meeting.speak(&[(1, 25)], Duration::from_secs(3)), 3 * 150, "silence is sound, too");
    assert_eq!(meeting.shown(subscriber), (all.clone(), all));
}

/// Covers: RFC 6464 §3
#[test]
fn who_speaks_is_heard_and_then_seen() {
    let mut meeting = Meeting::new(8);
    let subscriber = meeting.subscriber(2, 3);
    meeting.speak(&[], Duration::from_secs(1));
    for speaker in [5, 7, 2] {
        meeting.speak(&[(speaker, 25)], Duration::from_millis(200));
        assert!(meeting.shown(subscriber).0.contains(&speaker), "from the first word on");
        meeting.speak(&[(speaker, 25)], Duration::from_secs(4));
        assert_eq!(meeting.shown(subscriber).0.len(), 2);
    }

    assert_eq!(meeting.shown(subscriber).1, BTreeSet::from([2, 5, 7]), "the last who had the floor");
    let floor: Vec<_> = meeting
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Speakers { dominant, .. } => *dominant,
            _ => None,
        })
        .collect();
    assert_eq!(floor, [5, 7, 2].map(|person: usize| meeting.people[person].0));
}

#[test]
fn nobody_is_cut_off_by_somebody_hardly_louder() {
    let mut meeting = Meeting::new(5);
    let subscriber = meeting.subscriber(2, 1);
    meeting.speak(&[(3, 30), (4, 30)], Duration::from_secs(2));
    assert_eq!(meeting.shown(subscriber).0, BTreeSet::from([3, 4]));

    meeting.speak(&[(3, 30), (4, 30), (0, 27)], Duration::from_secs(4));
    assert_eq!(meeting.shown(subscriber).0, BTreeSet::from([3, 4]), "hardly louder");
    meeting.speak(&[(3, 45), (4, 30), (0, 20)], Duration::from_secs(4));
    assert_eq!(meeting.shown(subscriber).0, BTreeSet::from([0, 4]), "much louder");
}

#[test]
fn what_matters_more_goes_before_who_speaks() {
    let mut meeting = Meeting::new(5);
    let subscriber = meeting.subscriber(1, 2);
    let pinned = Watch { priority: 1, ..Watch::default() };
    meeting.forwarder.subscribe(subscriber, meeting.people[4].1, pinned, meeting.now).unwrap();
    for speaker in [1, 2, 3] {
        meeting.speak(&[(speaker, 25)], Duration::from_secs(4));
        assert_eq!(meeting.shown(subscriber).1, BTreeSet::from([speaker, 4]));
    }
}

#[test]
fn more_slots_are_asked_for_and_used() {
    let mut meeting = Meeting::new(4);
    let subscriber = meeting.subscriber(1, 1);
    meeting.speak(&[], Duration::from_millis(100));
    let wanted = Event::SlotsWanted { subscriber, audio: 4, video: 4 };
    assert!(meeting.events.contains(&wanted), "{:?}", meeting.events);

    let more = SubscriberSpec { audio_slots: 3, video_slots: 3 };
    meeting.forwarder.add_slots(subscriber, more, meeting.now).unwrap();
    let all = BTreeSet::from([0, 1, 2, 3]);
    assert_eq!(meeting.shown(subscriber), (all.clone(), all));
}

#[test]
fn who_leaves_is_shown_no_more() {
    let mut meeting = Meeting::new(3);
    let subscriber = meeting.subscriber(3, 3);
    meeting.speak(&[(0, 25)], Duration::from_secs(1));
    meeting.events.clear();
    let (microphone, camera) = meeting.people.remove(0);
    for track in [microphone, camera] {
        meeting.forwarder.remove_track(track, meeting.now).unwrap();
    }
    meeting.speak(&[], Duration::from_millis(100));

    let gone = |event: &&Event| matches!(event, Event::SlotShows { track: None, .. });
    assert_eq!(meeting.events.iter().filter(gone).count(), 2);
    assert!(meeting.events.contains(&Event::Speakers { group: GroupId(1), dominant: None }));
    assert_eq!(meeting.shown(subscriber).0.len(), 2);
}

#[test]
fn a_large_room_is_joined_in_time_that_does_not_hold_up_packets() {
    let mut meeting = Meeting::new(100);
    let subscriber = meeting.subscriber(3, 9);
    assert!(meeting.forwarder.poll_timeout().is_some_and(|deadline| deadline.at <= meeting.now), "at once");
    meeting.speak(&[(77, 25)], Duration::from_secs(2));

    let (heard, seen) = meeting.shown(subscriber);
    assert_eq!((heard.len(), seen.len()), (3, 9));
    assert!(heard.contains(&77) && seen.contains(&77));
}
