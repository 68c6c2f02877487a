//! The attributes that negotiation goes by, each as a type, and all others as text.

mod codec;
mod extension;
mod identity;
mod simulcast;
mod source;

pub use codec::{Fmtp, FormatParameters, RtcpFb, RtcpFeedback, Rtpmap};
pub use extension::Extmap;
pub(crate) use identity::is_ufrag;
pub use identity::{Fingerprint, HashAlgorithm, IcePassword, Setup};
pub use simulcast::{RidAlternatives, RidChoice, RidDirection, RidLine, Simulcast};
pub use source::{Group, Msid, SctpMap, SourceAttribute, SsrcGroup};

use crate::candidate::{Candidate, CandidateError};
use crate::direction::Direction;
use crate::text::{self, Expected};
use moim_wire::Mid;
use std::fmt;

/// What follows `a=`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// `bundle-only`: the section has no transport unless it is bundled (RFC 9143 §6).
    BundleOnly,
    /// `candidate` (RFC 8839 §5.1).
    Candidate(Box<Candidate>),
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive` (RFC 8866 §6.7).
    Direction(Direction),
    /// `end-of-candidates` (RFC 8840 §8.2).
    EndOfCandidates,
    /// `extmap` (RFC 8285 §5).
    Extmap(Extmap),
    /// `extmap-allow-mixed` (RFC 8285 §6).
    ExtmapAllowMixed,
    /// `fingerprint` (RFC 8122 §5).
    Fingerprint(Fingerprint),
    /// `fmtp` of a payload type (RFC 8866 §6.15).
    Fmtp(Fmtp),
    /// `group` (RFC 5888 §5).
    Group(Group),
    /// `ice-lite` (RFC 8839 §5.3).
    IceLite,
    /// `ice-options` (RFC 8839 §5.6).
    IceOptions(Vec<String>),
    /// `ice-pwd` (RFC 8839 §5.4).
    IcePwd(IcePassword),
    /// `ice-ufrag` (RFC 8839 §5.4).
    IceUfrag(String),
    /// `max-message-size`, in bytes; 0 for any (RFC 8841 §6).
    MaxMessageSize(u64),
    /// `mid` (RFC 5888 §4).
    Mid(Mid),
    /// `msid` (RFC 8830 §2).
    Msid(Msid),
    /// `rid` (RFC 8851 §4).
    Rid(RidLine),
    /// `rtcp-fb` (RFC 4585 §4.2).
    RtcpFb(RtcpFb),
    /// `rtcp-mux` (RFC 5761 §5.1.1).
    RtcpMux,
    /// `rtcp-mux-only` (RFC 8858 §3).
    RtcpMuxOnly,
    /// `rtcp-rsize` (RFC 5506 §5).
    RtcpRsize,
    /// `rtpmap` (RFC 8866 §6.6).
    Rtpmap(Rtpmap),
    /// `sctp-init`: an INIT chunk of SCTP in base64 (draft-hancke-tsvwg-snap). It is not looked into.
    SctpInit(String),
    /// `sctpmap`, of the drafts before RFC 8841.
    SctpMap(SctpMap),
    /// `sctp-port` (RFC 8841 §5).
    SctpPort(u16),
    /// `setup` (RFC 4145 §4).
    Setup(Setup),
    /// `simulcast` (RFC 8853 §5.1).
    Simulcast(Simulcast),
    /// `ssrc` (RFC 5576 §4.1).
    Ssrc(SourceAttribute),
    /// `ssrc-group` (RFC 5576 §4.2).
    SsrcGroup(SsrcGroup),
    /// Any other.
    Unknown {
        /// What comes before the colon.
        name: String,
        /// What comes after it, if there is one.
        value: Option<String>,
    },
}

impl Attribute {
    /// Reads what follows `a=`.
    pub(crate) fn parse(text: &str) -> Result<Self, Expected> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let typed = match value {
            None => Self::flag(name),
            Some(value) => Self::with_value(name, value)?,
        };
        match typed {
            Some(attribute) => Ok(attribute),
            None if name.is_empty() => Err("`a=` with the name of an attribute"),
            None => Ok(Self::Unknown { name: name.to_owned(), value: value.map(str::to_owned) }),
        }
    }

    fn flag(name: &str) -> Option<Self> {
        Some(match name {
            "bundle-only" => Self::BundleOnly,
            "end-of-candidates" => Self::EndOfCandidates,
            "extmap-allow-mixed" => Self::ExtmapAllowMixed,
            "ice-lite" => Self::IceLite,
            "rtcp-mux" => Self::RtcpMux,
            "rtcp-mux-only" => Self::RtcpMuxOnly,
            "rtcp-rsize" => Self::RtcpRsize,
            _ => Self::Direction(Direction::from_name(name)?),
        })
    }

    fn with_value(name: &str, value: &str) -> Result<Option<Self>, Expected> {
        Ok(Some(match name {
            "candidate" => match Candidate::parse(value) {
                Ok(candidate) => Self::Candidate(Box::new(candidate)),
                // RFC 8839 §5.1: candidates of a transport or type one does not know are ignored, and no error.
                Err(CandidateError::Unsupported) => return Ok(None),
                Err(CandidateError::Malformed(expected)) => return Err(expected),
            },
            "extmap" => Self::Extmap(Extmap::parse(value)?),
            "fingerprint" => Self::Fingerprint(Fingerprint::parse(value)?),
            "fmtp" => match Fmtp::parse(value)? {
                Some(fmtp) => Self::Fmtp(fmtp),
                None => return Ok(None),
            },
            "group" => Self::Group(Group::parse(value)?),
            "ice-options" => Self::IceOptions(ice_options(value)),
            "ice-pwd" => Self::IcePwd(IcePassword::parse(value)?),
            "ice-ufrag" => Self::IceUfrag(identity::parse_ufrag(value)?),
            "max-message-size" => {
                Self::MaxMessageSize(text::number(value, "`a=max-message-size:` with a number")?)
            }
            "mid" => Self::Mid(
                value.trim_end().parse().map_err(|_| "`a=mid:` with 1 to 16 characters of a token")?,
            ),
            "msid" => Self::Msid(Msid::parse(value)?),
            "rid" => Self::Rid(RidLine::parse(value)?),
            "rtcp-fb" => Self::RtcpFb(RtcpFb::parse(value)?),
            "rtpmap" => match Rtpmap::parse(value)? {
                Some(rtpmap) => Self::Rtpmap(rtpmap),
                None => return Ok(None),
            },
            "sctp-init" => Self::SctpInit(value.trim_end().to_owned()),
            "sctpmap" => Self::SctpMap(SctpMap::parse(value)?),
            "sctp-port" => Self::SctpPort(text::number(value, "`a=sctp-port:` with a number up to 65535")?),
            "setup" => Self::Setup(Setup::parse(value)?),
            "simulcast" => match Simulcast::parse(value)? {
                Some(simulcast) => Self::Simulcast(simulcast),
                None => return Ok(None),
            },
            "ssrc" => Self::Ssrc(SourceAttribute::parse(value)?),
            "ssrc-group" => Self::SsrcGroup(SsrcGroup::parse(value)?),
            _ => return Ok(None),
        }))
    }
}

/// Words between spaces. Some put commas.
fn ice_options(value: &str) -> Vec<String> {
    value.split([' ', ',']).filter(|option| !option.is_empty()).map(str::to_owned).collect()
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BundleOnly => f.write_str("bundle-only"),
            Self::Candidate(candidate) => candidate.fmt(f),
            Self::Direction(direction) => direction.fmt(f),
            Self::EndOfCandidates => f.write_str("end-of-candidates"),
            Self::Extmap(extmap) => write!(f, "extmap:{extmap}"),
            Self::ExtmapAllowMixed => f.write_str("extmap-allow-mixed"),
            Self::Fingerprint(fingerprint) => write!(f, "fingerprint:{fingerprint}"),
            Self::Fmtp(fmtp) => write!(f, "fmtp:{fmtp}"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::IceLite => f.write_str("ice-lite"),
            Self::IceOptions(options) => write!(f, "ice-options:{}", options.join(" ")),
            Self::IcePwd(password) => write!(f, "ice-pwd:{}", password.as_str()),
            Self::IceUfrag(ufrag) => write!(f, "ice-ufrag:{ufrag}"),
            Self::MaxMessageSize(size) => write!(f, "max-message-size:{size}"),
            Self::Mid(mid) => write!(f, "mid:{mid}"),
            Self::Msid(msid) => write!(f, "msid:{msid}"),
            Self::Rid(rid) => write!(f, "rid:{rid}"),
            Self::RtcpFb(feedback) => write!(f, "rtcp-fb:{feedback}"),
            Self::RtcpMux => f.write_str("rtcp-mux"),
            Self::RtcpMuxOnly => f.write_str("rtcp-mux-only"),
            Self::RtcpRsize => f.write_str("rtcp-rsize"),
            Self::Rtpmap(rtpmap) => write!(f, "rtpmap:{rtpmap}"),
            Self::SctpInit(init) => write!(f, "sctp-init:{init}"),
            Self::SctpMap(map) => write!(f, "sctpmap:{map}"),
            Self::SctpPort(port) => write!(f, "sctp-port:{port}"),
            Self::Setup(setup) => write!(f, "setup:{setup}"),
            Self::Simulcast(simulcast) => write!(f, "simulcast:{simulcast}"),
            Self::Ssrc(source) => write!(f, "ssrc:{source}"),
            Self::SsrcGroup(group) => write!(f, "ssrc-group:{group}"),
            Self::Unknown { name, value: None } => f.write_str(name),
            Self::Unknown { name, value: Some(value) } => write!(f, "{name}:{value}"),
        }
    }
}
