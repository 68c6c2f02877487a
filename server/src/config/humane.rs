//! Quantities as people write them: `"30s"`, `"1h 30m"`, `"4Mbit/s"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A duration in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HumaneDuration(pub(crate) Duration);

impl<'de> Deserialize<'de> for HumaneDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            serde::de::Error::custom(format!("{text:?} is not a duration such as \"30s\" or \"5m\": {error}"))
        })
    }
}

impl Serialize for HumaneDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

/// A rate in the configuration, in bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HumaneRate(pub(crate) u64);

impl HumaneRate {
    /// The units, the greatest first; decimal, as network rates are.
    const UNITS: [(&str, u64); 4] =
        [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

    fn parse(text: &str) -> Option<Self> {
        let per_second = text.trim().strip_suffix("/s").unwrap_or(text).trim();
        let digits = per_second.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = per_second.split_at(digits);
        let (_, bits) = Self::UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
        number.parse::<u64>().ok()?.checked_mul(bits).map(Self)
    }
}

impl fmt::Display for HumaneRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bits) = Self::UNITS
            .into_iter()
            .find(|(_, bits)| self.0 != 0 && self.0.is_multiple_of(*bits))
            .unwrap_or(("bit", 1));
        write!(f, "{}{name}/s", self.0 / bits)
    }
}

impl<'de> Deserialize<'de> for HumaneRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is not a rate such as \"500kbit/s\" or \"4Mbit/s\""))
        })
    }
}

impl Serialize for HumaneRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, bits) in [("4Mbit/s", 4_000_000), ("500 kbit/s", 500_000), ("1gbit", 1_000_000_000)] {
            assert_eq!(HumaneRate::parse(text), Some(HumaneRate(bits)), "{text}");
        }
        for text in ["", "4", "4MB/s", "Mbit/s", "-1bit/s", "1.5Mbit/s", "99999999999999Gbit/s"] {
            assert_eq!(HumaneRate::parse(text), None, "{text}");
        }
        for rate in [0, 1, 1_500, 64_000, 4_000_000, u64::MAX].map(HumaneRate) {
            assert_eq!(HumaneRate::parse(&rate.to_string()), Some(rate));
        }
    }
}
