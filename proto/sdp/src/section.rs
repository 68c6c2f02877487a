use crate::attribute::{
    Attribute, Extmap, FormatParameters, Msid, RidLine, RtcpFeedback, Rtpmap, Simulcast, SourceAttribute,
    SsrcGroup,
};
use crate::attributes::{Attributes, pick};
use crate::candidate::Candidate;
use crate::limit;
use crate::line::{Connection, Line};
use crate::text::{self, Expected};
use moim_wire::{MediaKind, Mid, PayloadType};
use std::fmt;

/// A media section: an `m=` line and what follows it (RFC 8866 §5.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSection {
    /// What it carries.
    pub kind: SectionKind,
    /// Its port: 0 if it is rejected, 9 as long as there is none. ICE goes by candidates instead.
    pub port: u16,
    /// How many ports, where that is said. WebRTC has no use for it.
    pub port_count: Option<u16>,
    /// `UDP/TLS/RTP/SAVPF`, `UDP/DTLS/SCTP` or another.
    pub protocol: String,
    /// Its formats, the preferred one first: payload types in sections of RTP.
    pub formats: Vec<String>,
    /// The lines between `m=` and the first attribute, in order.
    pub lines: Vec<Line>,
    /// Its attributes.
    pub attributes: Attributes,
}

/// What a media section carries (RFC 8866 §8.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data, over SCTP.
    Application,
    /// Anything else.
    Other(String),
}

impl MediaSection {
    /// What follows `m=`.
    pub(crate) fn parse(value: &str) -> Result<Self, Expected> {
        const EXPECTED: Expected = "`m=` with a kind of media, a port, a protocol and formats";
        let mut words = text::words(value);
        let mut next = || words.next().ok_or(EXPECTED);
        let kind = SectionKind::parse(next()?).ok_or(EXPECTED)?;
        let port = next()?;
        let (port, port_count) = match port.split_once('/') {
            Some((port, count)) => (port, Some(text::number(count, EXPECTED)?)),
            None => (port, None),
        };
        let port = text::number(port, EXPECTED)?;
        let protocol = next()?.to_owned();
        let formats: Vec<_> = words.map(str::to_owned).collect();
        if formats.is_empty() {
            return Err(EXPECTED);
        }
        if formats.len() > limit::FORMATS_MAX {
            return Err("at most 128 formats");
        }
        Ok(Self {
            kind,
            port,
            port_count,
            protocol,
            formats,
            lines: Vec::new(),
            attributes: Attributes::new(),
        })
    }

    /// What is written after `m=`.
    pub(crate) fn head(&self) -> impl fmt::Display {
        let count = self.port_count.map(|count| format!("/{count}")).unwrap_or_default();
        let Self { kind, port, protocol, formats, .. } = self;
        format!("{kind} {port}{count} {protocol} {}", formats.join(" "))
    }

    /// Whether it has an attribute equal to this one.
    pub fn has(&self, attribute: &Attribute) -> bool {
        self.attributes.contains(attribute)
    }

    /// Whether it is rejected: its port is 0, and not because it waits to be bundled (RFC 9143 §6).
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.has(&Attribute::BundleOnly)
    }

    /// Its name.
    pub fn mid(&self) -> Option<Mid> {
        self.find(pick!(Attribute::Mid(mid) => *mid))
    }

    /// Where media would go without ICE.
    pub fn connection(&self) -> Option<&Connection> {
        self.lines.iter().find_map(|line| match line {
            Line::Connection(connection) => Some(connection),
            Line::Bandwidth(_) | Line::Other { .. } => None,
        })
    }

    /// Its formats that are payload types, the preferred one first.
    pub fn payload_types(&self) -> impl Iterator<Item = PayloadType> {
        self.formats.iter().filter_map(|format| format.parse().ok().and_then(PayloadType::new))
    }

    /// What a payload type stands for, if it is said.
    pub fn rtpmap(&self, payload_type: PayloadType) -> Option<&Rtpmap> {
        self.find(pick!(Attribute::Rtpmap(rtpmap) if rtpmap.payload_type == payload_type => rtpmap))
    }

    /// The parameters of a payload type.
    pub fn format_parameters(&self, payload_type: PayloadType) -> Option<&FormatParameters> {
        self.find(pick!(Attribute::Fmtp(fmtp) if fmtp.payload_type == payload_type => &fmtp.parameters))
    }

    /// The kinds of feedback that a payload type has, and those that all have.
    pub fn feedback(&self, payload_type: PayloadType) -> impl Iterator<Item = &RtcpFeedback> {
        self.attributes.iter().filter_map(pick!(Attribute::RtcpFb(line) if line.payload_type.is_none_or(|other| other == payload_type) => &line.feedback))
    }

    /// Its header extensions.
    pub fn extensions(&self) -> impl Iterator<Item = &Extmap> {
        self.attributes.iter().filter_map(pick!(Attribute::Extmap(extmap) => extmap))
    }

    /// The streams that its media belongs to.
    pub fn msids(&self) -> impl Iterator<Item = &Msid> {
        self.attributes.iter().filter_map(pick!(Attribute::Msid(msid) => msid))
    }

    /// The encodings it gives names to.
    pub fn rids(&self) -> impl Iterator<Item = &RidLine> {
        self.attributes.iter().filter_map(pick!(Attribute::Rid(rid) => rid))
    }

    /// Which of them go at the same time.
    pub fn simulcast(&self) -> Option<&Simulcast> {
        self.find(pick!(Attribute::Simulcast(simulcast) => simulcast))
    }

    /// What is said about single RTP streams.
    pub fn sources(&self) -> impl Iterator<Item = &SourceAttribute> {
        self.attributes.iter().filter_map(pick!(Attribute::Ssrc(source) => source))
    }

    /// The RTP streams that belong together.
    pub fn source_groups(&self) -> impl Iterator<Item = &SsrcGroup> {
        self.attributes.iter().filter_map(pick!(Attribute::SsrcGroup(group) => group))
    }

    /// The ways to reach the sender.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.attributes.iter().filter_map(pick!(Attribute::Candidate(candidate) => candidate.as_ref()))
    }

    /// Whether no more candidates will follow.
    pub fn has_end_of_candidates(&self) -> bool {
        self.has(&Attribute::EndOfCandidates)
    }

    /// The port of SCTP, as RFC 8841 writes it or the drafts before it did.
    pub fn sctp_port(&self) -> Option<u16> {
        self.find(pick!(Attribute::SctpPort(port) => *port,
            Attribute::SctpMap(map) => map.port))
    }

    /// The largest message the sender takes, in bytes; 0 for any.
    pub fn max_message_size(&self) -> Option<u64> {
        self.find(pick!(Attribute::MaxMessageSize(size) => *size))
    }

    /// The INIT chunk of the sender's SCTP, in base64 (draft-hancke-tsvwg-snap).
    pub fn sctp_init(&self) -> Option<&str> {
        self.find(pick!(Attribute::SctpInit(init) => init.as_str()))
    }

    fn find<'a, T>(&'a self, pick: impl Fn(&'a Attribute) -> Option<T>) -> Option<T> {
        self.attributes.iter().find_map(pick)
    }
}

impl SectionKind {
    /// Its word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }

    /// The kind of media, if it is one that tracks have.
    pub fn media(&self) -> Option<MediaKind> {
        match self {
            Self::Audio => Some(MediaKind::Audio),
            Self::Video => Some(MediaKind::Video),
            Self::Application | Self::Other(_) => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let known = [Self::Audio, Self::Video, Self::Application];
        match known.into_iter().find(|kind| kind.as_str() == text) {
            Some(kind) => Some(kind),
            None => text::is_token(text).then(|| Self::Other(text.to_owned())),
        }
    }
}

impl From<MediaKind> for SectionKind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
