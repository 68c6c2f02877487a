//! Dividing what a subscriber's network carries among what it watches.

use crate::levels::{Level, lowest, next};

/// What a slot has costs this much less than measured, in percent, and what it has not this much more: so that rates that move a little change nothing.
pub(crate) const COST_OF_PRESENT_PERCENT: u64 = 92;
const COST_OF_MORE_PERCENT: u64 = 108;
/// Of what its lowest level costs, the most important video is given it with this much, in percent: estimates begin low, and a black picture is worse.
const FIRST_AT_PERCENT: u64 = 50;

/// A slot that is to be given something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// Its index.
    pub(crate) slot: u32,
    /// The index of its track.
    pub(crate) track: u32,
    pub(crate) priority: u8,
    /// Whether it shows a screen: of two of one priority, the screen goes first.
    pub(crate) is_screen: bool,
    /// The level that it has.
    pub(crate) now: Option<usize>,
    /// Larger pictures are of no use.
    pub(crate) pixels_max: u32,
    /// The highest that is of use.
    pub(crate) highest: usize,
    /// What it is given.
    pub(crate) given: Option<usize>,
}

/// Gives each slot a level, as far as `budget` goes, in bits per second. `levels` knows those of a track.
///
/// First every slot gets the lowest, in the order of importance. Then the more important ones go up before the less, and among equals whoever gains most for a
/// bit. Slots whose track has no levels stay without.
pub(crate) fn divide<'a>(plan: &mut [Planned], levels: impl Fn(u32) -> &'a [Level], budget: u64) {
    if give_everything(plan, &levels, budget) {
        return;
    }
    plan.sort_unstable_by_key(|planned| (planned.importance(), planned.slot));
    plan.reverse();
    let mut left = budget;
    for (index, planned) in plan.iter_mut().enumerate() {
        planned.given = None;
        let levels = levels(planned.track);
        let Some(first) = lowest(levels, planned.pixels_max) else { continue };
        let Some(cost) = planned.cost(levels, first) else { continue };
        let needed = if index == 0 { cost * FIRST_AT_PERCENT / 100 } else { cost };
        if left >= needed {
            planned.given = Some(first);
            left = left.saturating_sub(cost);
        }
    }
    for group in plan.chunk_by_mut(|one, other| one.importance() == other.importance()) {
        while let Some(step) = best_step(group, &levels, left) {
            group[step.index].given = Some(step.to);
            left -= step.cost;
        }
    }
}

/// Gives each slot its highest level, if there is enough for that: it is the same as step by step.
fn give_everything<'a>(plan: &mut [Planned], levels: &impl Fn(u32) -> &'a [Level], budget: u64) -> bool {
    let costs = plan.iter().filter_map(|planned| planned.cost(levels(planned.track), planned.highest));
    if costs.fold(0, u64::saturating_add) > budget {
        return false;
    }
    for planned in plan {
        planned.given = Some(planned.highest).filter(|highest| *highest < levels(planned.track).len());
    }
    true
}

/// What everything would cost at its highest, in bits per second.
pub(crate) fn demand<'a>(plan: &[Planned], levels: impl Fn(u32) -> &'a [Level]) -> u64 {
    let highest = plan.iter().filter_map(|planned| levels(planned.track).get(planned.highest));
    highest.map(|level| level.rate).fold(0, u64::saturating_add)
}

/// A slot goes up by a level.
struct BestStep {
    /// Which of the group.
    index: usize,
    to: usize,
    /// Beyond what it has, in bits per second.
    cost: u64,
    gain: f32,
}

/// Which slot gains most by its next level, of those that can be paid.
fn best_step<'a>(group: &[Planned], levels: &impl Fn(u32) -> &'a [Level], left: u64) -> Option<BestStep> {
    let steps = group.iter().enumerate().filter_map(|(index, planned)| {
        let (levels, from) = (levels(planned.track), planned.given?);
        let to = next(levels, from, planned.pixels_max)?;
        let cost = planned.cost(levels, to)?.saturating_sub(planned.cost(levels, from)?);
        let gain = (levels[to].worth - levels[from].worth) / per_bit(cost);
        (cost <= left).then_some(BestStep { index, to, cost, gain })
    });
    steps.max_by(|one, other| one.gain.total_cmp(&other.gain))
}

#[expect(clippy::cast_precision_loss, reason = "gains are compared, and differ by more")]
fn per_bit(cost: u64) -> f32 {
    cost.max(1) as f32
}

impl Planned {
    fn importance(&self) -> (u8, bool) {
        (self.priority, self.is_screen)
    }

    fn cost(&self, levels: &[Level], level: usize) -> Option<u64> {
        let is_had = self.now.is_some_and(|now| level <= now);
        let percent = if is_had { COST_OF_PRESENT_PERCENT } else { COST_OF_MORE_PERCENT };
        Some(levels.get(level)?.rate.saturating_mul(percent) / 100)
    }
}

#[cfg(test)]
mod tests;
