//! A plan is lived through, and looked at all the time.

mod acting;
mod looking;

use super::archive::{Archive, Sent};
use super::plan::{Plan, What};
use super::publisher::Publisher;
use super::receiver::fetch;
use super::stream::{extension_map, is_video};
use super::subscriber::{Copy, Subscriber};
use super::tellings::{self, Tellings};
use super::{Broken, Failure, must};
use moim_rtp::{ExtensionMap, Header};
use moim_sfu::{Config, Event, Forward, Forwarder, LayersWanted, MediaPacket, SlotId, SubscriberId, TrackId};
use moim_wire::MediaKind;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often the forwarder may want to be called at one moment.
const TURNS_MAX: u32 = 20;
/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A publisher hears what is asked of it after so long.
const ANSWER: Duration = Duration::from_millis(60);
/// How often publishers tell their clocks.
const REPORT: Duration = Duration::from_millis(700);

/// What came about in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Packets that came to the server.
    pub received: u64,
    /// Packets that left it.
    pub forwarded: u64,
    /// Times at which a slot went over to something else.
    pub switches: u64,
    /// Events.
    pub events: u64,
    /// Key frames that were asked for.
    pub key_frames_wanted: u64,
    /// Bytes of packets that are kept, at most.
    pub memory_max: usize,
    /// For each subscriber, the same whenever it gets the same.
    pub digests: Vec<u64>,
}

/// Lives through a plan; where subscribers must be of no concern to each other, once more with one of them on another network. `look` is called
/// now and then, with the time that has passed.
pub fn run(plan: &Plan, look: impl FnMut(Duration, &Outcome)) -> Result<Outcome, Box<Failure>> {
    let outcome = live(plan, look)?;
    if plan.is_independent {
        let mut other = plan.clone();
        other.steps.retain(|step| !matches!(step.what, What::Target(0, _)));
        let again = live(&other, |_, _| {})?;
        let others = |outcome: &Outcome| outcome.digests.get(1..).map(<[u64]>::to_vec);
        if others(&outcome) != others(&again) {
            let why = format!("{:x?} and {:x?}", outcome.digests, again.digests);
            let rule = "one subscriber's network is of no concern to others";
            return Err(Box::new(failure(plan, plan.length, Broken { rule, why })));
        }
    }
    Ok(outcome)
}

fn live(plan: &Plan, mut look: impl FnMut(Duration, &Outcome)) -> Result<Outcome, Box<Failure>> {
    let mut room = Room::new(plan);
    room.live(&mut look).map_err(|broken| Box::new(failure(plan, room.elapsed(), broken)))?;
    Ok(room.outcome())
}

fn failure(plan: &Plan, at: Duration, broken: Broken) -> Failure {
    let mut until = plan.clone();
    until.steps.retain(|step| step.at <= at);
    Failure { seed: plan.seed, at, broken, plan: until.to_string() }
}

/// Something that comes.
#[derive(Clone, Debug)]
enum Happening {
    Step(usize),
    Picture { publisher: usize, life: u32 },
    Report { publisher: usize, life: u32 },
    Arrival(Rc<Sent>),
    KeyFrameWanted { track: TrackId, encoding: usize },
    LayersWanted { track: TrackId, layers: LayersWanted },
    Look,
}

/// A room with everybody in it.
struct Room {
    plan: Plan,
    forwarder: Forwarder,
    origin: Instant,
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Happening>,
    planned: u64,
    publishers: BTreeMap<usize, Publisher>,
    /// How often each has published.
    lives: Vec<u32>,
    subscribers: BTreeMap<usize, Subscriber>,
    archive: Archive,
    tellings: Tellings,
    /// How many packets have come.
    order: u64,
    map: ExtensionMap,
    forwards: Vec<Forward>,
    /// Which encodings slots were sent by the last packet that came.
    fresh: Vec<(SlotId, u8)>,
    outcome: Outcome,
}

impl Room {
    fn new(plan: &Plan) -> Self {
        // An arbitrary origin: nothing depends on more than what has passed since then.
        let now = Instant::now();
        let config = Config {
            audio_slots_max: plan.slots_max.0,
            video_slots_max: plan.slots_max.1,
            ..Config::default()
        };
        let mut room = Self {
            forwarder: Forwarder::new(config, plan.seed.bytes("forwarder", 0), now),
            origin: now,
            now,
            agenda: BTreeMap::new(),
            planned: 0,
            publishers: BTreeMap::new(),
            lives: vec![0; plan.publishers.len()],
            subscribers: BTreeMap::new(),
            archive: Archive::default(),
            tellings: Tellings::default(),
            order: 0,
            map: extension_map(),
            forwards: Vec::new(),
            fresh: Vec::new(),
            outcome: Outcome { digests: vec![0; plan.subscribers], ..Outcome::default() },
            plan: plan.clone(),
        };
        for (index, step) in plan.steps.iter().enumerate() {
            room.plan_at(now + step.at, Happening::Step(index));
        }
        room.plan_at(now + LOOK, Happening::Look);
        room
    }

    fn live(&mut self, look: &mut impl FnMut(Duration, &Outcome)) -> Result<(), Broken> {
        let end = self.origin + self.plan.length;
        loop {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let due = self.forwarder.poll_timeout().map(|deadline| deadline.at);
            let Some(at) = next.into_iter().chain(due).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if next.is_some_and(|next| due.is_none_or(|due| next <= due)) {
                let Some((_, happening)) = self.agenda.pop_first() else { break };
                if matches!(happening, Happening::Look) {
                    look(self.elapsed(), &self.outcome);
                }
                self.happen(happening)?;
            } else {
                self.forwarder.handle_timeout(self.now);
            }
            self.attend()?;
        }
        self.end()
    }

    fn outcome(self) -> Outcome {
        let stats = self.forwarder.stats();
        let (events, key_frames_wanted) = (self.tellings.events, self.tellings.key_frames_wanted);
        Outcome {
            received: stats.packets_received,
            forwarded: stats.packets_forwarded,
            events,
            key_frames_wanted,
            ..self.outcome
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    fn plan_at(&mut self, at: Instant, happening: Happening) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), happening);
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Broken> {
        let now = self.now;
        match happening {
            Happening::Step(index) => {
                let step = self.plan.steps[index].what;
                self.act(step)
            }
            Happening::Picture { publisher, life } => {
                self.send_picture(publisher, life);
                Ok(())
            }
            Happening::Report { publisher, life } => {
                self.report(publisher, life);
                Ok(())
            }
            Happening::Arrival(sent) => self.arrive(&sent),
            Happening::KeyFrameWanted { track, encoding } => {
                if let Some(publisher) = self.publisher_of_mut(track) {
                    publisher.key_frame_wanted(encoding);
                }
                Ok(())
            }
            Happening::LayersWanted { track, layers } => {
                if let Some(publisher) = self.publisher_of_mut(track) {
                    publisher.layers_wanted(layers);
                }
                Ok(())
            }
            Happening::Look => {
                self.plan_at(now + LOOK, Happening::Look);
                self.look()
            }
        }
    }

    /// Events are polled, and time is let pass as long as it is asked for at this moment.
    fn attend(&mut self) -> Result<(), Broken> {
        for turn in 0..TURNS_MAX {
            self.poll_events()?;
            if turn == 0 {
                self.check_fresh()?;
                self.fresh.clear();
            }
            let deadline = self.forwarder.poll_timeout();
            let Some(deadline) = deadline.filter(|deadline| deadline.at <= self.now) else {
                return self.check_told();
            };
            must(deadline.reason != "events", "events come to an end", || format!("{deadline:?}"))?;
            self.forwarder.handle_timeout(self.now);
        }
        must(false, "time is asked for now and then", || format!("{:?}", self.forwarder.poll_timeout()))
    }

    fn poll_events(&mut self) -> Result<(), Broken> {
        let slots: usize = self.subscribers.values().map(|subscriber| subscriber.slots.len()).sum();
        let events_max = 3 * slots + 2 * self.subscribers.len() + 8 * self.publishers.len() + 8;
        let mut count = 0;
        while let Some(event) = self.forwarder.poll_event() {
            count += 1;
            must(count <= events_max, "there are no more events than things", || format!("{event:?}"))?;
            self.tellings.events += 1;
            self.take_event(event)?;
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is told of voices is looked at with what is told of tracks"
    )]
    fn take_event(&mut self, event: Event) -> Result<(), Broken> {
        let now = self.now;
        match event {
            Event::SlotShows { slot, .. } | Event::LayerReason { slot, .. } => {
                let Some(index) = self.index_of(slot.subscriber) else {
                    return must(false, "events are of subscribers that there are", || format!("{event:?}"));
                };
                let Some(subscriber) = self.subscribers.get_mut(&index) else { return Ok(()) };
                return tellings::slot_event(subscriber, event, now);
            }
            Event::SlotsWanted { subscriber, audio, video } => {
                return self.slots_wanted(subscriber, (audio, video));
            }
            Event::Demand { subscriber, .. } => {
                let is_there = self.index_of(subscriber).is_some();
                return must(is_there, "events are of subscribers that there are", || format!("{event:?}"));
            }
            Event::KeyFrameWanted { track, encoding } => {
                self.plan_at(now + ANSWER, Happening::KeyFrameWanted { track, encoding });
            }
            Event::LayersWanted { track, layers } => {
                self.plan_at(now + ANSWER, Happening::LayersWanted { track, layers });
            }
            _ => {}
        }
        let is_shown = |track| {
            let slots = self.subscribers.values().flat_map(|subscriber| &subscriber.slots);
            slots.into_iter().any(|slot| slot.told.track == Some(track))
        };
        let publishers = &self.publishers;
        let encodings_of = |track| {
            let publisher = publishers.values().find(|publisher| publisher.track == track)?;
            Some(publisher.streams.len())
        };
        self.tellings.track_event(event, is_shown, encodings_of, now)
    }

    fn slots_wanted(&mut self, id: SubscriberId, (audio, video): (u16, u16)) -> Result<(), Broken> {
        let (slots_max, now) = (self.plan.slots_max, self.now);
        let index = self.index_of(id);
        let Some(subscriber) = index.and_then(|index| self.subscribers.get_mut(&index)) else {
            return must(false, "events are of subscribers that there are", || format!("{id:?}"));
        };
        let present = subscriber.slot_counts();
        let is_more = (audio > present.0 || video > present.1) && audio >= present.0 && video >= present.1;
        let is_within = audio <= slots_max.0.max(present.0) && video <= slots_max.1.max(present.1);
        must(is_more && is_within, "more slots are asked for, and not too many", || {
            format!("{:?} instead of {present:?}", (audio, video))
        })?;
        if subscriber.grows {
            let more = (audio - present.0, video - present.1);
            subscriber.add_slots(more, now);
            let spec = moim_sfu::SubscriberSpec { audio_slots: more.0, video_slots: more.1 };
            let added = self.forwarder.add_slots(id, spec, now);
            must(added.is_ok(), "slots can be added", || format!("{added:?}"))?;
        }
        Ok(())
    }

    /// A packet comes to the server.
    fn arrive(&mut self, sent: &Rc<Sent>) -> Result<(), Broken> {
        let key = sent.stream;
        let now = self.now;
        let Some(publisher) = self.publishers.get(&key.publisher) else { return Ok(()) };
        let is_current = publisher.streams.get(key.encoding).is_some_and(|stream| stream.key == key);
        if !is_current {
            return Ok(());
        }
        let (track, is_sound) = (publisher.track, !is_video(publisher.plan.codec));
        let is_muted = publisher.is_muted;
        let (header, payload) = parts_of(sent);
        let media = MediaPacket {
            track,
            encoding: key.encoding,
            header: &header,
            seq: sent.seq,
            extensions: &self.map.read(header.extensions(&sent.bytes)),
            packet: &sent.bytes,
            payload,
        };
        let mut forwards = std::mem::take(&mut self.forwards);
        forwards.clear();
        let result = self.forwarder.receive(&media, now, &mut |forward| forwards.push(forward));
        self.order += 1;
        let is_taken = matches!(result, Ok(()) | Err(moim_sfu::DropReason::Malformed));
        must(is_taken || forwards.is_empty(), "what is dropped is not forwarded", || format!("{result:?}"))?;
        must(!is_muted || forwards.is_empty(), "what is muted is not forwarded", || format!("{forwards:?}"))?;
        let is_newest = is_taken && !self.archive.is_late(sent);
        if is_taken {
            self.archive.came(sent, self.order);
        }
        if is_sound && is_newest {
            self.check_heard(track, &forwards)?;
        }
        for forward in &forwards {
            self.leave(forward, track)?;
        }
        self.forwards = forwards;
        Ok(())
    }

    /// Sound reaches everybody who is to hear it, whatever their network carries.
    fn check_heard(&self, track: TrackId, forwards: &[Forward]) -> Result<(), Broken> {
        for subscriber in self.subscribers.values() {
            for (index, slot) in (0..).zip(&subscriber.slots) {
                let is_paused = || self.watch_of(subscriber, track).is_none_or(|watch| watch.is_paused);
                if slot.told.track != Some(track) || is_paused() {
                    continue;
                }
                let id = SlotId { subscriber: subscriber.id, index };
                let is_heard = forwards.iter().any(|forward| forward.slot == id);
                must(is_heard, "sound reaches everybody", || format!("{id:?}, {:?}", subscriber.target))?;
            }
        }
        Ok(())
    }

    /// A packet is for a slot.
    fn leave(&mut self, forward: &Forward, track: TrackId) -> Result<(), Broken> {
        let (now, order) = (self.now, self.order);
        let said = || format!("{forward:?}");
        let index = self.index_of(forward.slot.subscriber);
        let Some(subscriber) = index.and_then(|index| self.subscribers.get(&index)) else {
            return must(false, "packets are for subscribers that there are", said);
        };
        let watch = self.watch_of(subscriber, track);
        must(watch.is_some(), "nobody gets what they do not watch", said)?;
        must(watch.is_some_and(|watch| !watch.is_paused), "nobody gets what is paused", said)?;
        let fetched = fetch(&self.forwarder, &forward.copy)?;
        let Some(subscriber) = index.and_then(|index| self.subscribers.get_mut(&index)) else {
            return Ok(());
        };
        let Some(slot) = subscriber.slots.get_mut(usize::from(forward.slot.index)) else {
            return must(false, "packets are for slots that there are", said);
        };
        must(slot.told.track == Some(track), "packets are of what a slot shows", said)?;
        let copy = &forward.copy;
        let Some(fetched) = fetched else {
            must(copy.packet.is_none(), "what has just come is there", said)?;
            subscriber.note(&[copy.seq.0]);
            let slot = &mut subscriber.slots[usize::from(forward.slot.index)];
            return slot.receiver.take_filler(forward);
        };
        let Some(sent) = self.archive.sent(fetched.id) else {
            return must(false, "payloads are as they were sent", said);
        };
        let (_, payload) = parts_of(sent);
        must(usize::from(forward.payload_len) == payload.len(), "lengths are as they are", said)?;
        slot.receiver.take(forward, (sent, &fetched), order, now)?;
        if is_of_video(slot.kind) {
            self.fresh.push((forward.slot, u8::try_from(sent.stream.encoding).unwrap_or(u8::MAX)));
        }
        self.outcome.switches += u64::from(forward.is_switch);
        subscriber.note(&[
            u64::from(forward.slot.index),
            copy.seq.0,
            u64::from(copy.timestamp.0),
            fetched.hash,
        ]);
        subscriber.queue(*copy, fetched, now);
        Ok(())
    }

    /// Something leaves late, or again: it is still the same, or it is not there any more.
    fn fetch_again(&self, what: &Copy) -> Result<(), Broken> {
        let fetched = fetch(&self.forwarder, &what.copy)?;
        let is_same = fetched.is_none_or(|fetched| fetched.hash == what.fetched.hash);
        must(is_same, "a payload is the same whenever it is fetched", || format!("{what:?}"))
    }

    fn watch_of(&self, subscriber: &Subscriber, track: TrackId) -> Option<moim_sfu::Watch> {
        let publisher = self.publishers.iter().find(|(_, publisher)| publisher.track == track)?;
        subscriber.watches.get(publisher.0).copied()
    }

    fn index_of(&self, id: SubscriberId) -> Option<usize> {
        self.subscribers.iter().find(|(_, subscriber)| subscriber.id == id).map(|(index, _)| *index)
    }

    fn publisher_of_mut(&mut self, track: TrackId) -> Option<&mut Publisher> {
        self.publishers.values_mut().find(|publisher| publisher.track == track)
    }
}

/// The header of a packet, and its payload.
fn parts_of(sent: &Sent) -> (Header, &[u8]) {
    let header = Header::parse(&sent.bytes).expect("it was written so");
    let payload = header.payload(&sent.bytes).expect("it was written so");
    (header, &sent.bytes[payload])
}

/// Of a kind.
fn is_of_video(kind: MediaKind) -> bool {
    kind == MediaKind::Video
}
