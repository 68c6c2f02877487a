//! What a media section was negotiated to be, as the way of packets needs it: tables, not lists.

use moim_rtp::{ExtensionKind, ExtensionMap};
use moim_wire::{MediaKind, Mid, PayloadType, Rid, Ssrc};

/// Most encodings of a sender: those of a simulcast.
pub(crate) const ENCODINGS_MAX: usize = 8;
/// As many payload types as seven bits have.
const PAYLOAD_TYPES: usize = 128;

/// How congestion is told about on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CongestionFeedback {
    /// Not at all.
    #[default]
    None,
    /// By numbers of the transport (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    Twcc,
    /// By stream (RFC 8888).
    Ccfb,
}

impl CongestionFeedback {
    pub(crate) fn is_some(self) -> bool {
        self != Self::None
    }
}

/// A codec of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) clock_rate: u32,
    /// Lost packets are asked for (RFC 4585 §6.2.1).
    pub(crate) has_nack: bool,
    /// Pictures are asked for (RFC 4585 §6.3.1).
    pub(crate) has_pli: bool,
    /// The same, by RFC 5104 §4.3.1.
    pub(crate) has_fir: bool,
    /// The payload type of its retransmissions (RFC 4588).
    pub(crate) rtx: Option<PayloadType>,
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatEntry {
    Media(Format),
    /// Retransmissions of the payload type that is named.
    Rtx(PayloadType),
}

/// What payload types stand for in one direction of a section.
#[derive(Clone, Debug)]
pub(crate) struct Formats {
    /// For each payload type, one above the place of what it stands for. 0: for nothing.
    places: [u8; PAYLOAD_TYPES],
    entries: Vec<FormatEntry>,
}

impl Default for Formats {
    fn default() -> Self {
        Self { places: [0; PAYLOAD_TYPES], entries: Vec::new() }
    }
}

impl Formats {
    pub(crate) fn insert(&mut self, payload_type: PayloadType, format: Format) {
        self.set(payload_type, FormatEntry::Media(format));
        if let Some(rtx) = format.rtx {
            self.set(rtx, FormatEntry::Rtx(payload_type));
        }
    }

    pub(crate) fn get(&self, payload_type: PayloadType) -> Option<FormatEntry> {
        let place = self.places[usize::from(payload_type.get())].checked_sub(1)?;
        self.entries.get(usize::from(place)).copied()
    }

    pub(crate) fn media(&self, payload_type: PayloadType) -> Option<Format> {
        match self.get(payload_type)? {
            FormatEntry::Media(format) => Some(format),
            FormatEntry::Rtx(_) => None,
        }
    }

    /// What a payload type stood for before counts no more. There are at most 128 of them, and each is set once in a description.
    fn set(&mut self, payload_type: PayloadType, entry: FormatEntry) {
        let place = &mut self.places[usize::from(payload_type.get())];
        if let Some(before) = place.checked_sub(1) {
            self.entries[usize::from(before)] = entry;
        } else if let Ok(next) = u8::try_from(self.entries.len() + 1) {
            self.entries.push(entry);
            *place = next;
        }
    }
}

/// One encoding to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncodingSpec {
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx: Option<Ssrc>,
    pub(crate) rid: Option<Rid>,
    /// Whether the other side wants it.
    pub(crate) is_accepted: bool,
}

/// A media section as it was negotiated.
#[derive(Clone, Debug)]
pub(crate) struct SectionSpec {
    pub(crate) kind: MediaKind,
    pub(crate) mid: Mid,
    pub(crate) extensions: ExtensionMap,
    pub(crate) sends: bool,
    pub(crate) receives: bool,
    pub(crate) send_formats: Formats,
    pub(crate) receive_formats: Formats,
    pub(crate) encodings: Vec<EncodingSpec>,
    /// What the other side says it sends, with what it retransmits by.
    pub(crate) remote_streams: Vec<(Ssrc, Option<Ssrc>)>,
    pub(crate) is_reduced_size: bool,
    pub(crate) feedback: CongestionFeedback,
}

impl SectionSpec {
    pub(crate) fn has_transport_sequence(&self) -> bool {
        [ExtensionKind::TransportSequenceNumber, ExtensionKind::TransportSequenceNumberV2]
            .into_iter()
            .any(|kind| self.extensions.id(kind).is_some())
    }
}
