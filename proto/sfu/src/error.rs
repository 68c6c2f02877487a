/// Why a command had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The track is gone, or never was.
    #[error("there is no such track")]
    NoSuchTrack,
    /// The subscriber is gone, or never was.
    #[error("there is no such subscriber")]
    NoSuchSubscriber,
    /// The slot is gone, or never was.
    #[error("there is no such slot")]
    NoSuchSlot,
    /// There are as many as there may be: tracks, subscribers, slots, or watched tracks of a subscriber.
    #[error("the limit of {what} is {limit}")]
    LimitReached {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The caller's fault.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
}
