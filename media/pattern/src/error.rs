/// Why a pattern cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The picture has no such size.
    #[error(
        "a picture of {width} by {height} pixels is not possible: both are even, from {min_width} by {min_height} to {max}"
    )]
    Size {
        /// What was asked for.
        width: u16,
        /// What was asked for.
        height: u16,
        /// The least.
        min_width: u16,
        /// The least.
        min_height: u16,
        /// The most, either way.
        max: u16,
    },
    /// The frame rate is none.
    #[error("{0} frames a second are not possible: 1 to 120 are")]
    FrameRate(u32),
    /// The tone's pitch or channels are none.
    #[error("the tone is not possible: {0}")]
    Tone(&'static str),
}
