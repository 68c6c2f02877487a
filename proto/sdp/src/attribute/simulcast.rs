use super::FormatParameters;
use crate::limit;
use crate::text::{self, Expected};
use moim_wire::Rid;
use std::fmt;

/// An encoding that has a name (RFC 8851 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RidLine {
    /// Its name.
    pub rid: Rid,
    /// Which way it goes, as the one who says so sees it.
    pub direction: RidDirection,
    /// Payload types and limits of it: `pt=96;max-width=1280`.
    pub restrictions: FormatParameters,
}

impl RidLine {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected =
            "`a=rid:` with a rid of 1 to 16 letters, digits, `-` or `_`, and `send` or `recv`";
        let (rid, rest) = text::word(value);
        let (direction, restrictions) = text::word(rest);
        let rid = rid.parse().map_err(|_| EXPECTED)?;
        let direction = RidDirection::parse(direction).ok_or(EXPECTED)?;
        Ok(Self { rid, direction, restrictions: FormatParameters::parse(restrictions) })
    }
}

impl fmt::Display for RidLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rid, self.direction)?;
        if self.restrictions.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.restrictions)
    }
}

/// Which way an encoding goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// From the one who says so.
    Send,
    /// To the one who says so.
    Recv,
}

impl RidDirection {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    /// The same, as the other side sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Send => Self::Recv,
            Self::Recv => Self::Send,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Send, Self::Recv].into_iter().find(|direction| direction.as_str() == text)
    }
}

impl fmt::Display for RidDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The encodings of a simulcast, in order of preference (RFC 8853 §5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulcast {
    /// Those that the one who says so sends; empty if none.
    pub send: Vec<RidAlternatives>,
    /// Those that the one who says so receives; empty if none.
    pub receive: Vec<RidAlternatives>,
}

/// One encoding of a simulcast: the first of these that is possible.
pub type RidAlternatives = Vec<RidChoice>;

/// An encoding of a simulcast, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RidChoice {
    /// Its name.
    pub rid: Rid,
    /// Whether it begins paused (`~`).
    pub paused: bool,
}

impl Simulcast {
    /// The encodings that go that way.
    pub fn encodings(&self, direction: RidDirection) -> &[RidAlternatives] {
        match direction {
            RidDirection::Send => &self.send,
            RidDirection::Recv => &self.receive,
        }
    }

    /// `None`: it is of a draft before RFC 8853 and says something else.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, Expected> {
        const EXPECTED: Expected = "`a=simulcast:` with `send` or `recv` and rids, once each";
        let mut simulcast = Self::default();
        let mut words = text::words(value);
        while let Some(direction) = words.next() {
            let direction = RidDirection::parse(direction).ok_or(EXPECTED)?;
            let list = words.next().ok_or(EXPECTED)?;
            if list.contains('=') {
                return Ok(None);
            }
            let encodings = parse_list(list).ok_or(EXPECTED)?;
            let into = match direction {
                RidDirection::Send => &mut simulcast.send,
                RidDirection::Recv => &mut simulcast.receive,
            };
            if !into.is_empty() {
                return Err(EXPECTED);
            }
            *into = encodings;
        }
        let choices = simulcast.send.iter().chain(&simulcast.receive).map(Vec::len).sum::<usize>();
        match choices {
            0 => Err(EXPECTED),
            1..=limit::SIMULCAST_CHOICES_MAX => Ok(Some(simulcast)),
            _ => Err("a simulcast of at most 64 encodings"),
        }
    }
}

fn parse_list(text: &str) -> Option<Vec<RidAlternatives>> {
    text.split(';').map(|encoding| encoding.split(',').map(parse_choice).collect()).collect()
}

fn parse_choice(text: &str) -> Option<RidChoice> {
    let (rid, paused) = match text.strip_prefix('~') {
        Some(rid) => (rid, true),
        None => (text, false),
    };
    Some(RidChoice { rid: rid.parse().ok()?, paused })
}

impl fmt::Display for Simulcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for direction in [RidDirection::Send, RidDirection::Recv] {
            let encodings = self.encodings(direction);
            if encodings.is_empty() {
                continue;
            }
            write!(f, "{between}{direction} ")?;
            between = " ";
            for (index, alternatives) in encodings.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ";" })?;
                for (index, choice) in alternatives.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    write!(f, "{}{}", if choice.paused { "~" } else { "" }, choice.rid)?;
                }
            }
        }
        Ok(())
    }
}
