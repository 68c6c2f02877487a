//! Sending more than the target for a moment, to see whether it arrives.

mod measurement;
mod planner;

pub(crate) use measurement::Measurements;
pub(crate) use planner::{Planner, Situation};
