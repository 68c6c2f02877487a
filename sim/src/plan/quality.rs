use crate::network::LinkConfig;
use crate::random::Chance;
use std::time::Duration;

/// How good a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// What a reference model has: everything arrives, soon.
    Ideal,
    /// A cable in a house.
    Cable,
    /// Over a telephone line.
    Dsl,
    /// Good radio.
    Wifi,
    /// A mobile network.
    Mobile,
    /// Radio through two walls.
    BadWifi,
    /// A satellite far away.
    Satellite,
    /// A train in the mountains.
    Terrible,
}

impl Quality {
    /// All but the ideal one.
    pub const ALL: [Self; 7] =
        [Self::Cable, Self::Dsl, Self::Wifi, Self::Mobile, Self::BadWifi, Self::Satellite, Self::Terrible];

    /// Whether packets are neither lost nor long under way.
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Ideal | Self::Cable | Self::Dsl)
    }

    pub(super) fn link(self, is_up: bool) -> LinkConfig {
        let millis = Duration::from_millis;
        let base = LinkConfig::default();
        match self {
            Self::Ideal => LinkConfig::with_delay(millis(1)),
            Self::Cable => {
                LinkConfig { delay: millis(2), jitter: millis(1), rate: Some(1_000_000_000), ..base }
            }
            Self::Dsl => {
                let rate = if is_up { 10_000_000 } else { 50_000_000 };
                LinkConfig { delay: millis(12), jitter: millis(2), rate: Some(rate), ..base }
            }
            Self::Wifi => LinkConfig {
                delay: millis(3),
                jitter: millis(8),
                loss: Chance::per_million(2_000),
                rate: Some(40_000_000),
                ..base
            },
            Self::Mobile => LinkConfig {
                delay: millis(35),
                jitter: millis(25),
                loss: Chance::per_million(5_000),
                reorder: Chance::per_million(5_000),
                rate: Some(if is_up { 5_000_000 } else { 20_000_000 }),
                ..base
            },
            Self::BadWifi => LinkConfig {
                delay: millis(5),
                jitter: millis(40),
                loss: Chance::percent(4),
                reorder: Chance::percent(1),
                duplicate: Chance::percent(1),
                rate: Some(6_000_000),
                ..base
            },
            Self::Satellite => LinkConfig {
                delay: millis(270),
                jitter: millis(10),
                loss: Chance::per_million(3_000),
                rate: Some(3_000_000),
                ..base
            },
            Self::Terrible => LinkConfig {
                delay: millis(90),
                jitter: millis(80),
                loss: Chance::percent(10),
                reorder: Chance::percent(3),
                duplicate: Chance::percent(2),
                rate: Some(1_000_000),
                queue_bytes_max: 64 * 1024,
                ..base
            },
        }
    }
}
