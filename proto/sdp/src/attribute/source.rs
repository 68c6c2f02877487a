use crate::limit;
use crate::text::{self, Expected};
use moim_wire::{Mid, Ssrc};
use std::fmt;

/// Media sections that belong together (RFC 5888 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// In what way: `BUNDLE`, `LS`.
    pub semantics: String,
    /// The sections.
    pub mids: Vec<Mid>,
}

impl Group {
    /// Sections that share one transport (RFC 9143).
    pub const BUNDLE: &'static str = "BUNDLE";

    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`a=group:` with what the group is for, and mids";
        let mut words = text::words(value);
        let semantics = words.next().filter(|word| text::is_token(word)).ok_or(EXPECTED)?;
        let mids: Vec<_> = words.map(|mid| mid.parse().map_err(|_| EXPECTED)).collect::<Result<_, _>>()?;
        if mids.len() > limit::SECTIONS_MAX {
            return Err("a group of at most 256 mids");
        }
        Ok(Self { semantics: semantics.to_owned(), mids })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.mids.iter().try_for_each(|mid| write!(f, " {mid}"))
    }
}

/// The stream that a section's media belongs to (RFC 8830 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msid {
    /// The id of the stream; `-` if it belongs to none.
    pub stream: String,
    /// The id of the track within it.
    pub track: Option<String>,
}

impl Msid {
    pub(crate) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`a=msid:` with the id of a stream, and perhaps one of a track";
        let (stream, track) = text::word(value.trim_end());
        if stream.is_empty() || track.contains(' ') {
            return Err(EXPECTED);
        }
        let track = (!track.is_empty()).then(|| track.to_owned());
        Ok(Self { stream: stream.to_owned(), track })
    }

    /// The stream, unless it is none.
    pub fn stream(&self) -> Option<&str> {
        (self.stream != "-").then_some(self.stream.as_str())
    }
}

impl fmt::Display for Msid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.track {
            Some(track) => write!(f, "{} {track}", self.stream),
            None => f.write_str(&self.stream),
        }
    }
}

/// Something about one RTP stream (RFC 5576 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAttribute {
    /// The stream.
    pub ssrc: Ssrc,
    /// What it is about: `cname`, `msid`. Empty if nothing is said but that there is such a stream.
    pub name: String,
    /// What follows its colon.
    pub value: Option<String>,
}

impl SourceAttribute {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        let (ssrc, attribute) = text::word(value);
        let ssrc = Ssrc(text::number(ssrc, "`a=ssrc:` with a number of 32 bits")?);
        let (name, value) = match attribute.split_once(':') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (attribute, None),
        };
        Ok(Self { ssrc, name: name.to_owned(), value })
    }
}

impl fmt::Display for SourceAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ssrc.fmt(f)?;
        match &self.value {
            Some(value) => write!(f, " {}:{value}", self.name),
            None if self.name.is_empty() => Ok(()),
            None => write!(f, " {}", self.name),
        }
    }
}

/// RTP streams that belong together (RFC 5576 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup {
    /// In what way: `FID`, `SIM`.
    pub semantics: String,
    /// The streams, in order.
    pub ssrcs: Vec<Ssrc>,
}

impl SsrcGroup {
    /// A stream and its retransmissions (RFC 5888 §8.5, RFC 5576 §4.2).
    pub const FID: &'static str = "FID";

    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`a=ssrc-group:` with what the group is for, and numbers of 32 bits";
        let mut words = text::words(value);
        let semantics = words.next().ok_or(EXPECTED)?;
        let ssrcs = words.map(|word| text::number(word, EXPECTED).map(Ssrc)).collect::<Result<_, _>>()?;
        Ok(Self { semantics: semantics.to_owned(), ssrcs })
    }
}

impl fmt::Display for SsrcGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))
    }
}

/// The SCTP association of a section, as it was written before RFC 8841: `5000 webrtc-datachannel 1024`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpMap {
    /// The port of SCTP, which is also the section's format.
    pub port: u16,
    /// What is spoken over it.
    pub protocol: String,
    /// How many streams it has.
    pub streams: Option<u32>,
}

impl SctpMap {
    pub(super) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`a=sctpmap:` with a port, a protocol and perhaps a number of streams";
        let (port, rest) = text::word(value.trim_end());
        let (protocol, streams) = text::word(rest);
        if protocol.is_empty() {
            return Err(EXPECTED);
        }
        let streams = if streams.is_empty() { None } else { Some(text::number(streams, EXPECTED)?) };
        Ok(Self { port: text::number(port, EXPECTED)?, protocol: protocol.to_owned(), streams })
    }
}

impl fmt::Display for SctpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.port, self.protocol)?;
        match self.streams {
            Some(streams) => write!(f, " {streams}"),
            None => Ok(()),
        }
    }
}
