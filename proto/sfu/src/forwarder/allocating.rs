//! What each slot of a subscriber gets.

use super::Forwarder;
use crate::allocate::{COST_OF_PRESENT_PERCENT, Planned, demand, divide};
use crate::event::Reason;
use crate::layers::LayerIndex;
use crate::levels::{Level, highest, pixels_for, position_of};
use crate::slot::{Choice, Slot};
use crate::subscriber::{Patience, Watch};
use crate::track::{Source, Track};
use moim_wire::{Bitrate, MediaKind};
use std::time::Instant;

/// What a voice costs of which nothing is known, in bits per second.
const VOICE: u64 = 48_000;

impl Forwarder {
    /// Divides what a subscriber's network carries among its slots.
    pub(super) fn allocate(&mut self, index: u32, now: Instant) {
        let mut plan = std::mem::take(&mut self.plan);
        plan.clear();
        let sound = self.allocate_sound(index, now);
        self.collect_plan(index, now, &mut plan);
        if let Some(subscriber) = self.subscribers.at(index) {
            let budget = subscriber.target.as_bps().saturating_sub(sound);
            let tracks = &self.tracks;
            let levels = |track: u32| tracks.at(track).map_or(&[][..], |track| &track.levels);
            divide(&mut plan, levels, budget);
            let demand = Bitrate::from_bps(demand(&plan, levels).saturating_add(sound));
            self.set_demand(index, demand);
            let given = self.carry_out(index, &plan, now);
            if let Some(subscriber) = self.subscribers.at_mut(index) {
                subscriber.given = sound.saturating_add(given * COST_OF_PRESENT_PERCENT / 100);
            }
        }
        self.plan = plan;
    }

    fn set_demand(&mut self, index: u32, demand: Bitrate) {
        if let Some(subscriber) = self.subscribers.at_mut(index)
            && subscriber.demand != demand
        {
            subscriber.demand = demand;
            self.note_subscriber(index);
        }
    }

    /// Sound goes first, and always. Says what it costs.
    fn allocate_sound(&mut self, index: u32, now: Instant) -> u64 {
        let mut total = 0;
        for at in 0..self.slot_count(index) {
            let Some(slot) = self.slot_at(index, at, MediaKind::Audio) else { continue };
            let Some((track, watch)) = self.shown_by(index, slot) else { continue };
            let encoding = track.encodings.first().and_then(|id| self.encodings.get(id.0));
            let measured = encoding.map_or(0, |encoding| encoding.rates.up_to(LayerIndex::ALL).as_bps());
            if watch.is_paused {
                self.give(slot, None, Reason::Paused, now);
            } else {
                total += if measured == 0 { VOICE } else { measured };
                let choice = Choice { encoding: 0, layers: LayerIndex::ALL };
                self.give(slot, Some((choice, 0)), Reason::Wanted, now);
            }
        }
        total
    }

    fn collect_plan(&mut self, index: u32, now: Instant, plan: &mut Vec<Planned>) {
        for at in 0..self.slot_count(index) {
            let Some(slot) = self.slot_at(index, at, MediaKind::Video) else { continue };
            let Some((track, watch)) = self.shown_by(index, slot) else { continue };
            if watch.is_paused {
                self.give(slot, None, Reason::Paused, now);
                continue;
            }
            let pixels_max = pixels_for(&track.levels, watch.size);
            let Some(highest) = highest(&track.levels, pixels_max) else {
                // Nothing comes. Whatever comes first is taken.
                let choice = self.slots.at(slot).and_then(|slot| slot.choice);
                let first = Choice { encoding: 0, layers: LayerIndex::ALL };
                self.give(slot, Some((choice.unwrap_or(first), u8::MAX)), Reason::NotSent, now);
                continue;
            };
            let choice = self.slots.at(slot).and_then(|slot| slot.choice);
            plan.push(Planned {
                slot,
                track: track.id.0.index,
                priority: watch.priority,
                is_screen: track.source == Source::Screen,
                now: choice.and_then(|choice| position_of(&track.levels, choice)),
                pixels_max,
                highest,
                given: None,
            });
        }
    }

    /// Down at once, up when there is enough for a while. Says what it costs, in bits per second.
    fn carry_out(&mut self, index: u32, plan: &[Planned], now: Instant) -> u64 {
        let mut total: u64 = 0;
        for planned in plan {
            let Some(patience) = self.subscribers.at(index).map(|subscriber| subscriber.patience) else {
                break;
            };
            let Some(slot) = self.slots.at_mut(planned.slot) else { continue };
            let step = step(planned, slot, &patience, now);
            if let Some(subscriber) = self.subscribers.at_mut(index) {
                match step {
                    Step::Up => subscriber.patience.on_upgrade(now),
                    Step::Down => subscriber.patience.on_downgrade(now),
                    Step::Begin | Step::Stay => {}
                }
            }
            let given = if matches!(step, Step::Stay) { planned.now } else { planned.given };
            let is_paused = matches!(step, Step::Stay) && slot.choice.is_none();
            let levels = self.tracks.at(planned.track).map_or(&[][..], |track| &track.levels);
            let level = given.filter(|_| !is_paused).and_then(|given| levels.get(given));
            let is_best = given.is_some_and(|given| given >= planned.highest);
            let reason = if is_best { Reason::Wanted } else { Reason::Bandwidth };
            total = total.saturating_add(level.map_or(0, |level| level.rate));
            let choice = level.map(|level| (level.choice, smaller(levels, level)));
            self.give(planned.slot, choice, reason, now);
        }
        total
    }

    /// Lets a slot forward something else, or for another reason. With a choice goes which encodings are smaller.
    fn give(&mut self, index: u32, choice: Option<(Choice, u8)>, limit: Reason, now: Instant) {
        let Some(slot) = self.slots.at_mut(index) else { return };
        let (before, after) = (slot.choice, choice.map(|(choice, _)| choice));
        let is_other_reason = slot.limit != limit;
        slot.limit = limit;
        if before != after {
            slot.choose(after, choice.map_or(0, |(_, smaller)| smaller));
            let track = slot.track;
            if let Some(track) = track.and_then(|id| self.tracks.get_mut(id.0)) {
                before.inspect(|choice| track.wants.remove(*choice));
                after.inspect(|choice| track.wants.add(*choice));
                let index = track.id.0.index;
                self.note_track(index);
            }
            self.refresh_watcher(index);
            self.want_key_frame_of_slot(index, now);
        }
        if is_other_reason || before != after {
            self.note_slot(index);
        }
    }

    fn slot_count(&self, index: u32) -> usize {
        self.subscribers.at(index).map_or(0, |subscriber| subscriber.slots.len())
    }

    fn slot_at(&self, index: u32, at: usize, kind: MediaKind) -> Option<u32> {
        let slot = *self.subscribers.at(index)?.slots.get(at)?;
        (self.slots.at(slot)?.kind == kind).then_some(slot)
    }

    /// The track that a slot shows, and how the subscriber wants to have it.
    fn shown_by(&self, index: u32, slot: u32) -> Option<(&Track, Watch)> {
        let id = self.slots.at(slot)?.track?;
        let watching = self.subscribers.at(index)?.watching(id)?;
        Some((self.tracks.get(id.0)?, watching.watch))
    }
}

/// How a slot moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It gets something for the first time.
    Begin,
    Up,
    Down,
    Stay,
}

fn step(planned: &Planned, slot: &mut Slot, patience: &Patience, now: Instant) -> Step {
    // Nothing yet, or something that cannot be had any more.
    let is_new = planned.now.is_none() && (slot.choice.is_some() || slot.limit != Reason::Bandwidth);
    if is_new {
        return Step::Begin;
    }
    match planned.given.cmp(&planned.now) {
        std::cmp::Ordering::Less => {
            slot.more_since = None;
            Step::Down
        }
        std::cmp::Ordering::Equal => {
            slot.more_since = None;
            Step::Stay
        }
        // It was not the network that held it back: the subscriber wants more than before, or the publisher sends more.
        std::cmp::Ordering::Greater if slot.limit != Reason::Bandwidth => Step::Up,
        std::cmp::Ordering::Greater => {
            let since = *slot.more_since.get_or_insert(now);
            if now.saturating_duration_since(since) < patience.wait {
                return Step::Stay;
            }
            slot.more_since = None;
            Step::Up
        }
    }
}

/// The encodings of which there is a level below this one, as bits, but for its own.
fn smaller(levels: &[Level], level: &Level) -> u8 {
    let below = levels.iter().filter(|other| other.rate < level.rate);
    let bits = below.fold(0, |bits, other| bits | (1 << other.choice.encoding));
    bits & !(1 << level.choice.encoding)
}
