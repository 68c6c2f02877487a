//! What two descriptions of a media section agree on. It follows from their texts alone.

use super::capability::Codec;
use super::change::{NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, RemoteStream};
use super::codec_match::{self, SectionCodec};
use super::simulcast;
use super::transceiver::SenderSsrc;
use crate::{Attribute, Direction, Extmap, MediaSection, Msid, RtcpFeedback, SessionDescription, SsrcGroup};
use moim_wire::{MediaKind, Mid, PayloadType, Rid, Ssrc};

/// One side's description of a section.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) description: &'a SessionDescription,
    pub(super) section: &'a MediaSection,
}

/// What is agreed, given our description and theirs, one of which is the answer to the other.
pub(super) fn negotiate(
    kind: MediaKind,
    mid: Mid,
    local: Side<'_>,
    remote: Side<'_>,
    we_answer: bool,
) -> NegotiatedMedia {
    let pairs = common_codecs(kind, local.section, remote.section, we_answer);
    let (send_rids, receive_rids) = rids(local.section, remote.section);
    let direction = local.description.direction(local.section);
    NegotiatedMedia {
        kind,
        mid,
        direction: direction.intersection(remote.description.direction(remote.section).reversed()),
        send_codecs: pairs.iter().map(|(ours, theirs)| negotiated(theirs, ours)).collect(),
        receive_codecs: pairs.iter().map(|(ours, theirs)| negotiated(ours, theirs)).collect(),
        extensions: common_extensions(local.section, remote.section, we_answer),
        allow_mixed: [local, remote]
            .iter()
            .all(|side| side.description.allows_mixed_extensions(side.section)),
        rtcp_rsize: [local, remote].iter().all(|side| side.section.has(&Attribute::RtcpRsize)),
        remote_ssrcs: streams(remote.section),
        send_rids,
        receive_rids,
        local_ssrcs: streams(local.section)
            .into_iter()
            .map(|stream| SenderSsrc { ssrc: stream.ssrc, rtx: stream.rtx })
            .collect(),
    }
}

/// The codecs of both, ours and theirs, in the order of the answer (RFC 9429 §5.3.1, RFC 3264 §6.1).
fn common_codecs(
    kind: MediaKind,
    local: &MediaSection,
    remote: &MediaSection,
    we_answer: bool,
) -> Vec<(SectionCodec, SectionCodec)> {
    let ours = codec_match::section_codecs(kind, local);
    let theirs = codec_match::section_codecs(kind, remote);
    let partner = |codec: &SectionCodec, among: &[SectionCodec]| {
        let is_same = |other: &&SectionCodec| codec_match::matches(&other.codec, &codec.codec);
        // Of several that match, the one with the same number is meant.
        let with_number = |other: &&SectionCodec| other.codec.payload_type == codec.codec.payload_type;
        let same_number = among.iter().filter(is_same).find(with_number);
        same_number.or_else(|| among.iter().find(is_same)).cloned()
    };
    if we_answer {
        ours.into_iter().filter_map(|own| partner(&own, &theirs).map(|their| (own, their))).collect()
    } else {
        theirs.into_iter().filter_map(|their| partner(&their, &ours).map(|own| (own, their))).collect()
    }
}

/// A codec as its receiver describes it, with what the other side knows of its feedback.
fn negotiated(receiver: &SectionCodec, other: &SectionCodec) -> NegotiatedCodec {
    let rtx_payload_type = receiver.rtx.filter(|_| other.rtx.is_some());
    let feedback = common_feedback(&receiver.codec.feedback, &other.codec.feedback);
    NegotiatedCodec {
        payload_type: receiver.codec.payload_type,
        rtx_payload_type,
        codec: Codec { feedback, rtx: rtx_payload_type.is_some(), ..receiver.codec.clone() },
    }
}

/// The kinds of feedback that are in both.
pub(super) fn common_feedback(one: &[RtcpFeedback], other: &[RtcpFeedback]) -> Vec<RtcpFeedback> {
    one.iter().filter(|feedback| other.contains(feedback)).cloned().collect()
}

/// RFC 8285 §6: the answer has the ids that are used.
fn common_extensions(
    local: &MediaSection,
    remote: &MediaSection,
    we_answer: bool,
) -> Vec<NegotiatedExtension> {
    let direction = |extmap: &Extmap| extmap.direction.unwrap_or_default();
    let mut common: Vec<NegotiatedExtension> = Vec::new();
    for own in local.extensions() {
        let Some(their) = remote.extensions().find(|their| their.uri == own.uri) else { continue };
        let id = if we_answer { own.id } else { their.id };
        let Ok(id) = u8::try_from(id) else { continue };
        let direction = direction(own).intersection(direction(their).reversed());
        let is_new = !common.iter().any(|other| other.id == id || other.uri == own.uri);
        if direction != Direction::Inactive && is_new {
            common.push(NegotiatedExtension { id, uri: own.uri.clone(), direction });
        }
    }
    common
}

/// The encodings that we send and those that we receive, in our order.
fn rids(local: &MediaSection, remote: &MediaSection) -> (Vec<Rid>, Vec<Rid>) {
    let (Some(own), Some(their)) = (local.simulcast(), remote.simulcast()) else { return Default::default() };
    let both = |ours: &[crate::RidAlternatives], theirs: &[crate::RidAlternatives]| -> Vec<Rid> {
        let theirs: Vec<Rid> = theirs.iter().flatten().map(|choice| choice.rid).collect();
        simulcast::first_choices(ours).filter(|rid| theirs.contains(rid)).collect()
    };
    (both(&own.send, &their.receive), both(&own.receive, &their.send))
}

/// The RTP streams that a section names, in order, without those that only repeat another.
fn streams(section: &MediaSection) -> Vec<RemoteStream> {
    let repeats: Vec<(Ssrc, Ssrc)> = section
        .source_groups()
        .filter(|group| group.semantics == SsrcGroup::FID)
        .filter_map(|group| Some((*group.ssrcs.first()?, *group.ssrcs.get(1)?)))
        .collect();
    let mut streams: Vec<RemoteStream> = Vec::new();
    for source in section.sources() {
        if repeats.iter().any(|(_, rtx)| *rtx == source.ssrc) {
            continue;
        }
        let index = streams.iter().position(|stream| stream.ssrc == source.ssrc).unwrap_or_else(|| {
            let rtx = repeats.iter().find(|(ssrc, _)| *ssrc == source.ssrc).map(|(_, rtx)| *rtx);
            streams.push(RemoteStream { ssrc: source.ssrc, rtx, cname: None, msid: None });
            streams.len() - 1
        });
        let stream = &mut streams[index];
        match (source.name.as_str(), &source.value) {
            ("cname", Some(cname)) => stream.cname = Some(cname.clone()),
            ("msid", Some(msid)) => stream.msid = Msid::parse(msid).ok(),
            _ => {}
        }
    }
    streams
}

/// The streams and the track that a section's media belongs to, as `msid` says, or else its RTP streams.
pub(super) fn msid(section: &MediaSection) -> (Vec<String>, Option<String>) {
    let mut msids: Vec<Msid> = section.msids().cloned().collect();
    if msids.is_empty() {
        msids.extend(streams(section).into_iter().filter_map(|stream| stream.msid));
    }
    let mut ids: Vec<String> = Vec::new();
    for stream in msids.iter().filter_map(Msid::stream) {
        if !ids.iter().any(|id| id == stream) {
            ids.push(stream.to_owned());
        }
    }
    (ids, msids.into_iter().find_map(|msid| msid.track))
}

/// Which of our codecs those of an offered section are: our place, and theirs, in the order of the offer.
pub(super) fn known_codecs(
    allowed: &[usize],
    capabilities: &[Codec],
    offered: &[SectionCodec],
) -> Vec<(usize, SectionCodec)> {
    let mut known: Vec<(usize, SectionCodec)> = Vec::new();
    for theirs in offered {
        let is_same = |index: &usize| codec_match::matches(&capabilities[*index], &theirs.codec);
        let index = allowed.iter().copied().find(is_same);
        // A codec that is offered under several numbers is taken under the first.
        if let Some(index) = index.filter(|index| !known.iter().any(|(other, _)| other == index)) {
            known.push((index, theirs.clone()));
        }
    }
    known
}

/// The payload types that are listed, with their retransmissions.
pub(super) fn payload_types(codecs: &[SectionCodec]) -> impl Iterator<Item = PayloadType> {
    codecs.iter().flat_map(|codec| std::iter::once(codec.codec.payload_type).chain(codec.rtx))
}
