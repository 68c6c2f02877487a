use super::{Planned, demand, divide};
use crate::layers::LayerIndex;
use crate::levels::{Level, highest};
use crate::slot::Choice;
use proptest::prelude::*;

/// Levels of such rates in kbit/s, each worth one more than the one before.
fn levels(rates: &[u64]) -> Vec<Level> {
    let choice = |encoding| Choice { encoding, layers: LayerIndex::ALL };
    let worths = std::iter::successors(Some(10.0), |worth| Some(worth + 1.0));
    (0..)
        .zip(rates)
        .zip(worths)
        .map(|((encoding, kbps), worth)| Level {
            choice: choice(encoding),
            rate: kbps * 1_000,
            pixels: 1_000 << encoding,
            worth,
        })
        .collect()
}

fn plan(slot: u32, priority: u8, is_screen: bool, levels: &[Level]) -> Planned {
    Planned {
        slot,
        track: slot,
        priority,
        is_screen,
        now: None,
        pixels_max: u32::MAX,
        highest: highest(levels, u32::MAX).unwrap_or(0),
        given: None,
    }
}

/// What each slot is given, by its number.
fn given(mut plan: Vec<Planned>, levels: &[Vec<Level>], kbps: u64) -> Vec<Option<usize>> {
    divide(&mut plan, |track| &levels[track as usize], kbps * 1_000);
    plan.sort_by_key(|planned| planned.slot);
    plan.iter().map(|planned| planned.given).collect()
}

#[test]
fn everybody_is_seen_before_anybody_is_seen_better() {
    let levels = vec![levels(&[100, 500]); 3];
    let slots: Vec<_> = (0..3).map(|slot| plan(slot, 0, false, &levels[0])).collect();

    assert_eq!(given(slots.clone(), &levels, 400), [Some(0); 3]);
    assert_eq!(given(slots.clone(), &levels, 5_000), [Some(1); 3]);
    let one = given(slots, &levels, 800);
    assert_eq!(one.iter().filter(|given| **given == Some(1)).count(), 1);
}

#[test]
fn what_matters_more_goes_first_and_pauses_last() {
    let levels = vec![levels(&[100, 500]); 3];
    let slots =
        || vec![plan(0, 0, false, &levels[0]), plan(1, 7, false, &levels[0]), plan(2, 0, true, &levels[0])];

    assert_eq!(given(slots(), &levels, 120), [None, Some(0), None]);
    assert_eq!(given(slots(), &levels, 230), [None, Some(0), Some(0)], "the screen before the camera");
    assert_eq!(given(slots(), &levels, 800), [Some(0), Some(1), Some(0)]);
    assert_eq!(given(slots(), &levels, 1_300), [Some(0), Some(1), Some(1)]);
    assert_eq!(given(slots(), &levels, 60), [None, Some(0), None], "something rather than nothing");
    assert_eq!(given(slots(), &levels, 10), [None; 3]);
}

#[test]
fn among_equals_goes_up_who_gains_most_for_a_bit() {
    let levels = [levels(&[100, 900]), levels(&[100, 300, 600])];
    let slots = vec![plan(0, 0, false, &levels[0]), plan(1, 0, false, &levels[1])];
    assert_eq!(given(slots, &levels, 1_000), [Some(0), Some(2)]);
}

#[test]
fn what_is_had_is_kept_while_rates_move_a_little() {
    let levels = [levels(&[100, 500])];
    let with = |now| vec![Planned { now, ..plan(0, 0, false, &levels[0]) }];

    assert_eq!(given(with(Some(1)), &levels, 480), [Some(1)]);
    assert_eq!(given(with(Some(0)), &levels, 480), [Some(0)]);
    assert_eq!(given(with(Some(0)), &levels, 520), [Some(0)]);
    assert_eq!(given(with(Some(0)), &levels, 545), [Some(1)]);
}

#[test]
fn pictures_larger_than_displayed_are_not_paid_for() {
    let levels = [levels(&[100, 500, 1_500])];
    let small = Planned { pixels_max: 2_000, highest: 1, ..plan(0, 0, false, &levels[0]) };

    assert_eq!(given(vec![small], &levels, 10_000), [Some(1)]);
    assert_eq!(demand(&[small], |_| &levels[0]), 500_000);
}

proptest! {
    /// Nobody is given more than there is, but for the one who must have something.
    #[test]
    fn no_more_is_given_than_there_is(
        rates in prop::collection::vec(prop::collection::vec(1_u64..3_000, 0..8), 1..12),
        priorities in prop::collection::vec((any::<u8>(), any::<bool>(), prop::option::of(0_usize..8)), 12),
        kbps in 0_u64..20_000,
    ) {
        let levels: Vec<_> = rates
            .into_iter()
            .map(|mut rates| {
                rates.sort_unstable();
                levels(&rates)
            })
            .collect();
        let mut slots: Vec<_> = (0..)
            .zip(levels.iter().zip(priorities))
            .map(|(slot, (levels, (priority, is_screen, now)))| {
                Planned { now: now.filter(|now| *now < levels.len()), ..plan(slot, priority, is_screen, levels) }
            })
            .collect();
        divide(&mut slots, |track| &levels[track as usize], kbps * 1_000);
        let cost: u64 = slots
            .iter()
            .filter_map(|slot| Some(levels[slot.track as usize][slot.given?].rate))
            .sum();
        let first = slots.first().and_then(|slot| levels[slot.track as usize].first()).map_or(0, |level| level.rate);

        // What is had counts for 92 percent of what it costs.
        prop_assert!(cost * 92 / 100 <= kbps * 1_000 + first, "{cost} of {kbps}000");
        for slot in &slots {
            prop_assert!(slot.given.is_none_or(|given| given <= slot.highest));
        }
    }
}
