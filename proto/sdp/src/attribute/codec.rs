use crate::text::{self, Expected};
use moim_wire::PayloadType;
use std::fmt;

/// What a payload type stands for (RFC 8866 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtpmap {
    /// The number in packets.
    pub payload_type: PayloadType,
    /// The name of the encoding: `opus`, `VP8`. Its case has no meaning.
    pub name: String,
    /// Ticks per second of its timestamps.
    pub clock_rate: u32,
    /// What follows the clock rate: the number of channels of sound.
    pub parameters: Option<String>,
}

impl Rtpmap {
    /// `None`: it is about a format that is no payload type, as in sections that are not RTP.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, Expected> {
        const EXPECTED: Expected = "`a=rtpmap:` with a payload type, an encoding name and a clock rate";
        let (format, rest) = text::word(value);
        if !text::is_number(format) {
            return if text::is_token(format) { Ok(None) } else { Err(EXPECTED) };
        }
        let payload_type = payload_type(format)?;
        let mut parts = rest.trim_end().splitn(3, '/');
        let (Some(name), Some(clock_rate), parameters) = (parts.next(), parts.next(), parts.next()) else {
            return Err(EXPECTED);
        };
        if !text::is_token(name) {
            return Err(EXPECTED);
        }
        let clock_rate = text::number(clock_rate, EXPECTED)?;
        Ok(Some(Self {
            payload_type,
            name: name.to_owned(),
            clock_rate,
            parameters: parameters.map(str::to_owned),
        }))
    }

    /// How many channels: one, if it is not said.
    pub fn channels(&self) -> u8 {
        self.parameters.as_deref().and_then(|text| text.parse().ok()).unwrap_or(1)
    }
}

impl fmt::Display for Rtpmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.name, self.clock_rate)?;
        match &self.parameters {
            Some(parameters) => write!(f, "/{parameters}"),
            None => Ok(()),
        }
    }
}

/// Parameters of a payload type (RFC 8866 §6.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmtp {
    /// The number in packets.
    pub payload_type: PayloadType,
    /// The parameters.
    pub parameters: FormatParameters,
}

impl Fmtp {
    /// `None`: it is about a format that is no payload type.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, Expected> {
        let (format, rest) = text::word(value);
        if format.is_empty() {
            return Err("`a=fmtp:` with a format and its parameters");
        }
        if !text::is_number(format) {
            return Ok(None);
        }
        Ok(Some(Self { payload_type: payload_type(format)?, parameters: FormatParameters::parse(rest) }))
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.payload_type, self.parameters)
    }
}

/// Parameters between semicolons, in order: `minptime=10;useinbandfec=1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatParameters(Vec<(String, Option<String>)>);

impl FormatParameters {
    /// Reads parameters. Whatever it is, it is kept: what has no equals sign is a name without a value (`0-15`).
    pub fn parse(text: &str) -> Self {
        let parameters = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        Self(
            parameters
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (part.to_owned(), None),
                })
                .collect(),
        )
    }

    /// The value of a parameter. The case of its name has no meaning.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }

    /// Gives a parameter a value, where it stands or at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = Some(value.to_owned()),
            None => self.0.push((name.to_owned(), Some(value.to_owned()))),
        }
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Display for FormatParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            match value {
                Some(value) => write!(f, "{separator}{name}={value}")?,
                None => write!(f, "{separator}{name}")?,
            }
        }
        Ok(())
    }
}

/// A kind of feedback, of one payload type or of all (RFC 4585 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpFb {
    /// The payload type; `None` for all of the section (`*`).
    pub payload_type: Option<PayloadType>,
    /// The feedback.
    pub feedback: RtcpFeedback,
}

impl RtcpFb {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        let (format, rest) = text::word(value);
        let payload_type = if format == "*" { None } else { Some(payload_type(format)?) };
        let feedback =
            RtcpFeedback::parse(rest).ok_or("`a=rtcp-fb:` with a payload type or `*`, and a kind")?;
        Ok(Self { payload_type, feedback })
    }
}

impl fmt::Display for RtcpFb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload_type {
            Some(payload_type) => write!(f, "{payload_type} {}", self.feedback),
            None => write!(f, "* {}", self.feedback),
        }
    }
}

/// A kind of feedback: `nack`, `nack pli`, `ccm fir`, `transport-cc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RtcpFeedback {
    /// The first word.
    pub kind: String,
    /// The words after it.
    pub parameter: Option<String>,
}

impl RtcpFeedback {
    /// Reads `nack pli`; `None` if there is no word.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, parameter) = text::word(text.trim_end());
        let parameter = (!parameter.is_empty()).then(|| parameter.to_owned());
        (!kind.is_empty()).then(|| Self { kind: kind.to_owned(), parameter })
    }
}

impl fmt::Display for RtcpFeedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parameter {
            Some(parameter) => write!(f, "{} {parameter}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

fn payload_type(text: &str) -> Result<PayloadType, Expected> {
    const EXPECTED: Expected = "a payload type from 0 to 127";
    PayloadType::new(text::number(text, EXPECTED)?).ok_or(EXPECTED)
}
