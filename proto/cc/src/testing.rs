//! A world of one bottleneck in virtual time, for tests and benchmarks: what comes out hangs on the seed alone.
//!
//! [`World`] puts flows that follow a [`SendSideController`](crate::SendSideController), TCP-like flows and a steady
//! load on one [`Link`], and keeps a [`Trace`] of each.

mod dice;
mod encoder;
mod flow;
mod gcc;
mod link;
mod reno;
mod trace;
mod world;

pub use dice::Dice;
pub use encoder::{Encoder, FRAMES_PER_SECOND};
pub use flow::{Control, FlowConfig};
pub use link::{Delivered, Jitter, Link, LinkConfig, Steps};
pub use trace::{BIN, Bin, Trace};
pub use world::{World, WorldConfig};

use std::collections::VecDeque;

/// Takes the first of a queue, if it is due.
pub(crate) fn pop_if<T>(queue: &mut VecDeque<T>, is_due: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(is_due) { queue.pop_front() } else { None }
}
