//! In which formats media is forwarded.
//!
//! Opus, and VP8 before H.264: every browser knows them all, and VP8 needs no licence and no hardware, so that whoever can sends VP8. Who sends H.264 has nothing
//! else to send.

use moim_peer::sdp::jsep::{Capabilities, Codec, NegotiatedCodec};
use moim_rtp::payload::PayloadFormat;
use moim_sfu::ENCODINGS_MAX;
use moim_wire::{MediaKind, PayloadType};

/// Most formats of a kind.
const FORMATS_MAX: usize = 2;

/// The formats of a kind, the preferred one first.
fn formats_of(kind: MediaKind) -> &'static [PayloadFormat] {
    match kind {
        MediaKind::Audio => &[PayloadFormat::Opus],
        MediaKind::Video => &[PayloadFormat::Vp8, PayloadFormat::H264],
    }
}

/// What connections can do: the formats that are forwarded, and all header extensions that are known.
pub(crate) fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities { receive_encodings_max: ENCODINGS_MAX, ..Capabilities::default() };
    for codecs in [&mut capabilities.audio, &mut capabilities.video] {
        codecs.retain(|codec| format_of(codec).is_some());
        codecs.sort_by_key(|codec| format_of(codec).and_then(|format| place(codec.kind, format)));
    }
    capabilities
}

fn format_of(codec: &Codec) -> Option<PayloadFormat> {
    let mut formats = formats_of(codec.kind).iter();
    formats.find(|format| codec.name.eq_ignore_ascii_case(format.as_str())).copied()
}

fn place(kind: MediaKind, format: PayloadFormat) -> Option<usize> {
    formats_of(kind).iter().position(|known| *known == format)
}

/// By which payload types the formats of a section go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    by_place: [Option<PayloadType>; FORMATS_MAX],
}

impl PayloadTypes {
    /// What a section was negotiated to have.
    pub(crate) fn of(codecs: &[NegotiatedCodec]) -> Self {
        let mut payload_types = Self::default();
        for codec in codecs {
            let found = format_of(&codec.codec).and_then(|format| place(codec.codec.kind, format));
            if let Some(entry) = found.and_then(|place| payload_types.by_place.get_mut(place)) {
                entry.get_or_insert(codec.payload_type);
            }
        }
        payload_types
    }

    /// By which one a format goes.
    pub(crate) fn get(self, format: PayloadFormat) -> Option<PayloadType> {
        *self.by_place.get(place(format.kind(), format)?)?
    }

    /// The format that is preferred of those that there are.
    pub(crate) fn preferred(self, kind: MediaKind) -> Option<(PayloadFormat, PayloadType)> {
        let mut entries = formats_of(kind).iter().copied().zip(self.by_place);
        entries.find_map(|(format, payload_type)| Some((format, payload_type?)))
    }
}
