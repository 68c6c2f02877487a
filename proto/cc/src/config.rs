use moim_wire::Bitrate;

/// Between which rates a [`SendSideController`](crate::SendSideController) moves, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The target until the first report. Default: 300 kbit/s.
    pub start: Bitrate,
    /// The target never falls below this. Default: 30 kbit/s.
    pub min: Bitrate,
    /// The target never rises above this, and no probe does. Default: 50 Mbit/s.
    pub max: Bitrate,
    /// Whether to send more than media needs, for moments, to see whether it would get through. Default: yes.
    pub probing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start: Bitrate::from_kbps(300),
            min: Bitrate::from_kbps(30),
            max: Bitrate::from_kbps(50_000),
            probing: true,
        }
    }
}

/// Rates that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a target between {min} and {max} is impossible: the least rate must be above zero, and no greater than the greatest"
)]
pub struct InvalidConfig {
    /// What was asked for as the least rate.
    pub min: Bitrate,
    /// What was asked for as the greatest rate.
    pub max: Bitrate,
}

impl Config {
    /// The same, with `start` moved between `min` and `max`.
    pub(crate) fn checked(self) -> Result<Self, InvalidConfig> {
        if self.min == Bitrate::ZERO || self.min > self.max {
            return Err(InvalidConfig { min: self.min, max: self.max });
        }
        Ok(Self { start: self.start.clamp(self.min, self.max), ..self })
    }
}
