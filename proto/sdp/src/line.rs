use crate::text::{self, Expected};
use std::fmt;

/// A line that is neither `v=`, `o=`, `s=`, `m=` nor `a=`, at the place where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// `c=` (RFC 8866 §5.7).
    Connection(Connection),
    /// `b=` (RFC 8866 §5.8).
    Bandwidth(Bandwidth),
    /// Any other: `i=`, `t=` and so on, and letters that nobody has defined.
    Other {
        /// The letter before the equals sign, of ASCII.
        letter: char,
        /// What comes after it.
        value: String,
    },
}

impl Line {
    /// `t=0 0`: the session is not bounded in time.
    pub(crate) fn permanent() -> Self {
        Self::Other { letter: 't', value: "0 0".to_owned() }
    }

    pub(crate) fn parse(letter: char, value: &str) -> Result<Self, Expected> {
        Ok(match letter {
            'c' => Self::Connection(Connection::parse(value)?),
            'b' => Self::Bandwidth(Bandwidth::parse(value)?),
            _ => Self::Other { letter, value: value.to_owned() },
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(connection) => write!(f, "c={connection}"),
            Self::Bandwidth(bandwidth) => write!(f, "b={bandwidth}"),
            Self::Other { letter, value } => write!(f, "{letter}={value}"),
        }
    }
}

/// Where media would go without ICE (RFC 8866 §5.7). All of it is kept as text: with ICE nobody goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `IN`.
    pub network_type: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// An address or a name, perhaps with a time to live.
    pub address: String,
}

impl Connection {
    /// The address of that family that is nobody's: there is no candidate yet (RFC 8840 §4.1.1).
    pub fn unspecified() -> Self {
        Self::internet("IP4", "0.0.0.0".to_owned())
    }

    pub(crate) fn internet(address_type: &str, address: String) -> Self {
        Self { network_type: "IN".to_owned(), address_type: address_type.to_owned(), address }
    }

    fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`c=` with a network type, an address type and an address";
        let mut words = value.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(network_type), Some(address_type), Some(address), None)
                if !network_type.is_empty() && !address_type.is_empty() && !address.is_empty() =>
            {
                Ok(Self {
                    network_type: network_type.to_owned(),
                    address_type: address_type.to_owned(),
                    address: address.to_owned(),
                })
            }
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.network_type, self.address_type, self.address)
    }
}

/// How much of the network may be used (RFC 8866 §5.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// `TIAS` (bits per second), `AS` (kilobits per second) or another.
    pub kind: String,
    /// The number, in the unit that the kind has.
    pub value: String,
}

impl Bandwidth {
    fn parse(value: &str) -> Result<Self, Expected> {
        match value.split_once(':') {
            Some((kind, value)) if text::is_token(kind) && text::is_number(value) => {
                Ok(Self { kind: kind.to_owned(), value: value.to_owned() })
            }
            _ => Err("`b=` with a kind, a colon and a number"),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}
