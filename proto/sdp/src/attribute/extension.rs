use crate::direction::Direction;
use crate::text::{self, Expected};
use std::fmt;

/// What an id of a header extension stands for (RFC 8285 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extmap {
    /// The id: 1 to 14 in one-byte headers, 1 to 255 in two-byte ones. Above them it only proposes.
    pub id: u16,
    /// Which way it may be used; `None` if it is not said, which means as the section's media goes.
    pub direction: Option<Direction>,
    /// What it means.
    pub uri: String,
    /// Attributes of the extension itself.
    pub parameters: Option<String>,
}

impl Extmap {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`a=extmap:` with an id from 1, perhaps a direction, and a URI";
        let (head, rest) = text::word(value);
        let (id, direction) = match head.split_once('/') {
            Some((id, direction)) => (id, Some(Direction::from_name(direction).ok_or(EXPECTED)?)),
            None => (head, None),
        };
        let id = text::number(id, EXPECTED)?;
        let (uri, parameters) = text::word(rest);
        if id == 0 || uri.is_empty() {
            return Err(EXPECTED);
        }
        let parameters = (!parameters.is_empty()).then(|| parameters.to_owned());
        Ok(Self { id, direction, uri: uri.to_owned(), parameters })
    }
}

impl fmt::Display for Extmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(f, "/{direction}")?;
        }
        write!(f, " {}", self.uri)?;
        match &self.parameters {
            Some(parameters) => write!(f, " {parameters}"),
            None => Ok(()),
        }
    }
}
