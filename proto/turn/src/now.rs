use std::time::{Instant, SystemTime};

/// The time, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock, by which everything in the server lasts and expires.
    pub at: Instant,
    /// The calendar, which matters only for credentials that say when they expire.
    pub wall: SystemTime,
}
