//! The shortest story that still goes wrong.

use super::plan::Plan;
use super::room::run;
use super::{Broken, Failure};

/// A story is lived through so many times at most.
const TRIES_MAX: usize = 400;

/// Leaves out what a failure does not need, by ever smaller pieces.
pub fn shrink(plan: &Plan, failure: &Failure) -> (Plan, Box<Failure>) {
    let mut best = plan.clone();
    best.steps.retain(|step| step.at <= failure.at);
    let mut shortest = Box::new(failure.clone());
    let mut tries = 0;
    let mut piece = best.steps.len().div_ceil(2);
    while piece > 0 && tries < TRIES_MAX {
        let mut from = 0;
        while from < best.steps.len() && tries < TRIES_MAX {
            let mut shorter = best.clone();
            shorter.steps.drain(from..(from + piece).min(best.steps.len()));
            tries += 1;
            match run(&shorter, |_, _| {}) {
                Err(failure) if is_same(&failure.broken, &shortest.broken) => {
                    (best, shortest) = (shorter, failure);
                }
                Ok(_) | Err(_) => from += piece,
            }
        }
        piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
    }
    (best, shortest)
}

fn is_same(one: &Broken, other: &Broken) -> bool {
    one.rule == other.rule
}
