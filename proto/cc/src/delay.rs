//! What the times at which packets arrive say about the queue before the bottleneck.

mod alone;
mod capacity;
mod cross;
mod groups;
mod queue;
mod rate;
mod trendline;

#[cfg(any(test, feature = "testing"))]
pub(crate) use capacity::LinkCapacity;
pub(crate) use cross::CrossTraffic;
pub(crate) use groups::Groups;
pub(crate) use queue::QueueDelay;
pub(crate) use rate::{Measured, RateControl};
pub(crate) use trendline::Trendline;

/// How the path is used, as far as the growth of delay tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Delay neither grows nor shrinks.
    #[default]
    Normal,
    /// Delay grows: more is sent than goes through.
    Overusing,
    /// Delay shrinks: a queue is draining.
    Underusing,
}
