//! Which codecs of both sides are the same, and how sections list them.

use super::capability::Codec;
use super::h264;
use crate::{FormatParameters, MediaSection};
use moim_wire::{MediaKind, PayloadType};

/// A codec as a media section lists it. Its payload type is the section's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SectionCodec {
    pub(super) codec: Codec,
    /// The payload type of its retransmissions (RFC 4588 §8.1).
    pub(super) rtx: Option<PayloadType>,
}

/// Whether a stream that one of them describes is one that the other describes, too.
pub(super) fn matches(one: &Codec, other: &Codec) -> bool {
    one.kind == other.kind
        && one.name.eq_ignore_ascii_case(&other.name)
        && one.clock_rate == other.clock_rate
        && (one.kind == MediaKind::Video || one.channels.unwrap_or(1) == other.channels.unwrap_or(1))
        && parameters_match(&one.name, &one.parameters, &other.parameters)
}

fn parameters_match(name: &str, one: &FormatParameters, other: &FormatParameters) -> bool {
    let same = |parameter: &str, default: &str| {
        one.get(parameter).unwrap_or(default) == other.get(parameter).unwrap_or(default)
    };
    match name.to_ascii_uppercase().as_str() {
        // RFC 6184 §8.2.2: the profile and the packetization mode make the stream, the level only bounds it.
        "H264" => match (h264::ProfileLevel::of(one), h264::ProfileLevel::of(other)) {
            (Some(one_level), Some(other_level)) => {
                one_level.profile == other_level.profile
                    && h264::packetization_mode(one) == h264::packetization_mode(other)
            }
            _ => false,
        },
        // RFC 9628 §6: a decoder of one profile reads no other.
        "VP9" => same("profile-id", "0"),
        // AV1 RTP §7.2.1: as with VP9; level and tier bound what is sent.
        "AV1" => same("profile", "0"),
        // RFC 7798 §7.2.2.
        "H265" => same("profile-id", "1") && same("tier-flag", "0") && same("tx-mode", "SRST"),
        _ => true,
    }
}

/// The parameters that an answer gives a codec that was offered.
pub(super) fn answer_parameters(local: &Codec, offered: &Codec) -> FormatParameters {
    if local.name.eq_ignore_ascii_case("H264") {
        return h264::answer(&local.parameters, &offered.parameters);
    }
    local.parameters.clone()
}

/// The codecs of a section, the preferred one first: without RTX, which belongs to the codec it repeats.
pub(super) fn section_codecs(kind: MediaKind, section: &MediaSection) -> Vec<SectionCodec> {
    let formats: Vec<_> =
        section.payload_types().filter_map(|number| describe(kind, section, number)).collect();
    let is_rtx = |codec: &Codec| codec.name.eq_ignore_ascii_case("rtx");
    let rtx_of = |number: PayloadType| {
        let repeats = |codec: &&Codec| {
            is_rtx(codec)
                && codec.parameters.get("apt").and_then(|apt| apt.parse().ok()) == Some(number.get())
        };
        formats.iter().find(repeats).map(|codec| codec.payload_type)
    };
    formats
        .iter()
        .filter(|codec| !is_rtx(codec))
        .map(|codec| {
            let rtx = rtx_of(codec.payload_type);
            SectionCodec { codec: Codec { rtx: rtx.is_some(), ..codec.clone() }, rtx }
        })
        .collect()
}

/// What a section says about a payload type.
fn describe(kind: MediaKind, section: &MediaSection, payload_type: PayloadType) -> Option<Codec> {
    let (name, clock_rate, channels) = if let Some(map) = section.rtpmap(payload_type) {
        let channels = map.parameters.as_deref().and_then(|text| text.parse().ok());
        (map.name.clone(), map.clock_rate, channels)
    } else {
        let (name, clock_rate) = static_format(payload_type.get())?;
        (name.to_owned(), clock_rate, None)
    };
    Some(Codec {
        kind,
        name,
        clock_rate,
        channels,
        parameters: section.format_parameters(payload_type).cloned().unwrap_or_default(),
        feedback: section.feedback(payload_type).cloned().collect(),
        rtx: false,
        payload_type,
    })
}

/// The payload types that need no `rtpmap` (RFC 3551 §6), as far as WebRTC knows the codecs.
fn static_format(payload_type: u8) -> Option<(&'static str, u32)> {
    Some(match payload_type {
        0 => ("PCMU", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        13 => ("CN", 8_000),
        _ => return None,
    })
}
