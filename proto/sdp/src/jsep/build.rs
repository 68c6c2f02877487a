//! Descriptions as we write them: attributes in the order that browsers have made usual.

use super::codec_match::SectionCodec;
use super::layout::Bundle;
use super::media;
use super::simulcast::Encodings;
use super::transceiver::SenderInit;
use super::transport::TransportParameters;
use crate::attribute::{Fmtp, Group, Msid, RtcpFb, Rtpmap, SctpMap, SourceAttribute, SsrcGroup};
use crate::{
    Attribute, Attributes, Candidate, CandidateKind, CandidateProtocol, Connection, Direction, Extmap,
    FormatParameters, Line, MediaSection, Origin, SectionKind, SessionDescription, Setup,
};
use moim_wire::{MediaKind, Mid};

/// The port of sections whose candidates are not known yet (RFC 8840 §4.1.1).
const PORT_UNKNOWN: u16 = 9;
/// How media is sent (RFC 8834 §4.1): over DTLS-SRTP with timely feedback.
const PROTOCOL_MEDIA: &str = "UDP/TLS/RTP/SAVPF";
const PROTOCOL_DATA: &str = "UDP/DTLS/SCTP";
const FORMAT_DATA: &str = "webrtc-datachannel";

/// A section of media.
pub(super) struct MediaPlan<'a> {
    pub(super) kind: MediaKind,
    /// `None` in the answer to a section that has none.
    pub(super) mid: Option<Mid>,
    pub(super) protocol: Option<&'a str>,
    pub(super) direction: Direction,
    pub(super) codecs: Vec<SectionCodec>,
    pub(super) extensions: Vec<Extmap>,
    pub(super) rtcp_rsize: bool,
    pub(super) encodings: Encodings,
    pub(super) sender: &'a SenderInit,
}

/// How a section of data is spelt.
pub(super) enum DataSpelling<'a> {
    /// As RFC 8841 has it, over a protocol that an offer may have chosen.
    Port(&'a str),
    /// As the drafts before it had it.
    Map(&'a str),
}

impl Default for DataSpelling<'_> {
    fn default() -> Self {
        Self::Port(PROTOCOL_DATA)
    }
}

/// The transport, as sections repeat it.
pub(super) struct TransportLines<'a> {
    parameters: &'a TransportParameters,
    setup: Setup,
}

impl<'a> TransportLines<'a> {
    pub(super) fn new(parameters: &'a TransportParameters, setup: Setup) -> Self {
        Self { parameters, setup }
    }

    /// The INIT chunk of this side's SCTP.
    pub(super) fn sctp_init(&self) -> Option<&'a str> {
        self.parameters.sctp_init.as_deref()
    }

    /// Writes them to a section. Candidates follow once it is clear which section stands for all.
    fn write(&self, section: &mut MediaSection) {
        let parameters = self.parameters;
        let (port, connection) = default_destination(&parameters.candidates);
        section.port = port;
        section.lines.push(Line::Connection(connection));
        let attributes = &mut section.attributes;
        attributes.push(Attribute::IceUfrag(parameters.ice_ufrag.clone()));
        attributes.push(Attribute::IcePwd(parameters.ice_pwd.clone()));
        if !parameters.ice_options.is_empty() {
            attributes.push(Attribute::IceOptions(parameters.ice_options.clone()));
        }
        attributes.extend(parameters.fingerprints.iter().cloned().map(Attribute::Fingerprint));
        attributes.push(Attribute::Setup(self.setup));
    }
}

/// Puts candidates into a description of ours in place of those that it has: into the section that stands for all, and as the
/// place where media would go without ICE into all that share its transport.
pub(super) fn put_candidates(
    description: &mut SessionDescription,
    candidates: &[Candidate],
    is_complete: bool,
) {
    let (port, connection) = default_destination(candidates);
    let tagged = Bundle::of(description).tagged();
    let sections = description.media.iter_mut().enumerate();
    for (index, section) in sections.filter(|(_, section)| !section.is_rejected()) {
        section.port = port;
        section.lines = vec![Line::Connection(connection.clone())];
        let is_about_candidates =
            |attribute: &Attribute| matches!(attribute, Attribute::Candidate(_) | Attribute::EndOfCandidates);
        let kept: Vec<_> =
            section.attributes.iter().filter(|other| !is_about_candidates(other)).cloned().collect();
        section.attributes = Attributes::new();
        if tagged == Some(index) {
            section.attributes.extend(candidate_lines(candidates, is_complete));
        }
        section.attributes.extend(kept);
    }
}

fn candidate_lines(candidates: &[Candidate], is_complete: bool) -> impl Iterator<Item = Attribute> {
    let lines = candidates.iter().cloned().map(|candidate| Attribute::Candidate(Box::new(candidate)));
    lines.chain(is_complete.then_some(Attribute::EndOfCandidates))
}

/// Where somebody without ICE would send (RFC 8839 §4.2.1.2): to the candidate that most probably can be reached.
fn default_destination(candidates: &[Candidate]) -> (u16, Connection) {
    let reach = |kind: CandidateKind| match kind {
        CandidateKind::Relayed => 2,
        CandidateKind::ServerReflexive | CandidateKind::PeerReflexive => 1,
        CandidateKind::Host => 0,
    };
    let usable = candidates.iter().filter(|candidate| candidate.protocol == CandidateProtocol::Udp);
    let best = usable
        .filter_map(|candidate| Some((candidate, candidate.address.ip()?)))
        .max_by_key(|(candidate, ip)| (reach(candidate.kind), ip.is_ipv4(), candidate.priority));
    match best {
        Some((candidate, ip)) => {
            let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
            (candidate.port, Connection::internet(family, ip.to_string()))
        }
        None => (PORT_UNKNOWN, Connection::unspecified()),
    }
}

/// The part of a description above its sections (RFC 9429 §5.2.1).
pub(super) fn session(
    origin: Origin,
    bundle: Vec<Mid>,
    is_lite: bool,
    allow_mixed: bool,
) -> SessionDescription {
    let mut attributes = Attributes::new();
    if !bundle.is_empty() {
        attributes.push(Attribute::Group(Group { semantics: Group::BUNDLE.to_owned(), mids: bundle }));
    }
    if allow_mixed {
        attributes.push(Attribute::ExtmapAllowMixed);
    }
    if is_lite {
        attributes.push(Attribute::IceLite);
    }
    SessionDescription {
        origin,
        name: "-".to_owned(),
        lines: vec![Line::permanent()],
        attributes,
        media: Vec::new(),
    }
}

/// A section of media.
pub(super) fn media(plan: &MediaPlan<'_>, transport: &TransportLines<'_>) -> MediaSection {
    let formats = media::payload_types(&plan.codecs).map(|number| number.to_string()).collect();
    let mut section = bare(plan.kind.into(), plan.protocol.unwrap_or(PROTOCOL_MEDIA), formats);
    transport.write(&mut section);
    let attributes = &mut section.attributes;
    attributes.extend(plan.mid.map(Attribute::Mid));
    attributes.extend(plan.extensions.iter().cloned().map(Attribute::Extmap));
    attributes.push(Attribute::Direction(plan.direction));
    if plan.direction.sends() {
        attributes.extend(msids(plan.sender).map(Attribute::Msid));
    }
    attributes.push(Attribute::RtcpMux);
    if plan.rtcp_rsize {
        attributes.push(Attribute::RtcpRsize);
    }
    plan.codecs.iter().for_each(|codec| write_codec(codec, attributes));
    attributes.extend(plan.encodings.rids.iter().cloned().map(Attribute::Rid));
    attributes.extend(plan.encodings.simulcast.clone().map(Attribute::Simulcast));
    let is_simulcast = plan.encodings.simulcast.as_ref().is_some_and(|simulcast| !simulcast.send.is_empty());
    if plan.direction.sends() && !is_simulcast {
        write_sources(plan.sender, attributes);
    }
    section
}

/// RFC 8830 §3: a line for each stream, all with the same track.
pub(super) fn msids(sender: &SenderInit) -> impl Iterator<Item = Msid> {
    let track = (!sender.track.is_empty()).then(|| sender.track.clone());
    let of_no_stream = sender.streams.is_empty() && track.is_some();
    let streams = sender.streams.iter().map(String::as_str).chain(of_no_stream.then_some("-"));
    streams.map(move |stream| Msid { stream: stream.to_owned(), track: track.clone() })
}

fn write_codec(codec: &SectionCodec, attributes: &mut Attributes) {
    let SectionCodec { codec, rtx } = codec;
    let payload_type = codec.payload_type;
    attributes.push(Attribute::Rtpmap(Rtpmap {
        payload_type,
        name: codec.name.clone(),
        clock_rate: codec.clock_rate,
        parameters: codec.channels.map(|channels| channels.to_string()),
    }));
    for feedback in &codec.feedback {
        attributes
            .push(Attribute::RtcpFb(RtcpFb { payload_type: Some(payload_type), feedback: feedback.clone() }));
    }
    if !codec.parameters.is_empty() {
        attributes.push(Attribute::Fmtp(Fmtp { payload_type, parameters: codec.parameters.clone() }));
    }
    if let Some(rtx) = *rtx {
        attributes.push(Attribute::Rtpmap(Rtpmap {
            payload_type: rtx,
            name: "rtx".to_owned(),
            clock_rate: codec.clock_rate,
            parameters: None,
        }));
        let parameters = FormatParameters::parse(&format!("apt={payload_type}"));
        attributes.push(Attribute::Fmtp(Fmtp { payload_type: rtx, parameters }));
    }
}

/// The RTP streams, as browsers tell of them.
fn write_sources(sender: &SenderInit, attributes: &mut Attributes) {
    for stream in &sender.ssrcs {
        if let Some(rtx) = stream.rtx {
            let ssrcs = vec![stream.ssrc, rtx];
            attributes.push(Attribute::SsrcGroup(SsrcGroup { semantics: SsrcGroup::FID.to_owned(), ssrcs }));
        }
    }
    let all = sender.ssrcs.iter().flat_map(|stream| std::iter::once(stream.ssrc).chain(stream.rtx));
    for ssrc in all {
        let about = |name: &str, value: String| {
            Attribute::Ssrc(SourceAttribute { ssrc, name: name.to_owned(), value: Some(value) })
        };
        let cname = if sender.cname.is_empty() { "-" } else { &sender.cname };
        attributes.push(about("cname", cname.to_owned()));
        attributes.extend(msids(sender).take(1).map(|msid| about("msid", msid.to_string())));
    }
}

/// A section of data.
pub(super) struct DataPlan<'a> {
    /// `None` in the answer to a section that has none.
    pub(super) mid: Option<Mid>,
    pub(super) spelling: DataSpelling<'a>,
    pub(super) port: u16,
    pub(super) max_message_size: u64,
    /// The INIT chunk of SCTP.
    pub(super) init: Option<&'a str>,
}

/// A section of data.
pub(super) fn data(plan: &DataPlan<'_>, transport: &TransportLines<'_>) -> MediaSection {
    let DataPlan { mid, ref spelling, port, max_message_size, init } = *plan;
    let (protocol, format) = match spelling {
        DataSpelling::Port(protocol) => (*protocol, FORMAT_DATA.to_owned()),
        DataSpelling::Map(protocol) => (*protocol, port.to_string()),
    };
    let mut section = bare(SectionKind::Application, protocol, vec![format]);
    transport.write(&mut section);
    section.attributes.extend(mid.map(Attribute::Mid));
    section.attributes.push(match spelling {
        DataSpelling::Port(_) => Attribute::SctpPort(port),
        DataSpelling::Map(_) => {
            Attribute::SctpMap(SctpMap { port, protocol: FORMAT_DATA.to_owned(), streams: Some(1_024) })
        }
    });
    section.attributes.push(Attribute::MaxMessageSize(max_message_size));
    section.attributes.extend(init.map(|init| Attribute::SctpInit(init.to_owned())));
    section
}

/// A section that is not there: one that was rejected, is, or shall be (RFC 3264 §6, RFC 9429 §5.2.2).
pub(super) fn rejected(like: &MediaSection, mid: Option<Mid>) -> MediaSection {
    let mut section = bare(like.kind.clone(), &like.protocol, like.formats.clone());
    section.lines.push(Line::Connection(Connection::unspecified()));
    section.attributes.extend(mid.map(Attribute::Mid));
    if like.kind.media().is_some() {
        section.attributes.push(Attribute::Direction(Direction::Inactive));
    }
    section
}

fn bare(kind: SectionKind, protocol: &str, formats: Vec<String>) -> MediaSection {
    MediaSection {
        kind,
        port: 0,
        port_count: None,
        protocol: protocol.to_owned(),
        formats,
        lines: Vec::new(),
        attributes: Attributes::new(),
    }
}

/// A section of that kind that has nothing in it.
pub(super) fn placeholder(kind: SectionKind) -> MediaSection {
    let (protocol, format) = match kind {
        SectionKind::Application => (PROTOCOL_DATA, FORMAT_DATA),
        SectionKind::Audio | SectionKind::Video | SectionKind::Other(_) => (PROTOCOL_MEDIA, "0"),
    };
    bare(kind, protocol, vec![format.to_owned()])
}
