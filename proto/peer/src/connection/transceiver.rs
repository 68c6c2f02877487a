//! What this side sends, and how descriptions and packets call it.

use super::PeerConnection;
use crate::error::Error;
use crate::media::{CongestionFeedback, ENCODINGS_MAX, EncodingSpec, Format, Formats, SectionSpec};
use moim_rtp::{ExtensionKind, ExtensionMap};
use moim_sdp::Direction;
use moim_sdp::jsep::{
    Codec, NegotiatedCodec, NegotiatedMedia, SenderInit, SenderSsrc, TransceiverId, TransceiverInit,
};
use moim_wire::{MediaKind, Ssrc};
use rand_chacha::rand_core::RngCore;
use std::time::Instant;

/// What is kept of a transceiver beside what its negotiation knows.
#[derive(Clone, Debug)]
pub(super) struct OwnTransceiver {
    pub(super) encodings: Vec<EncodingSpec>,
    /// Whether the application was told of a track.
    pub(super) has_track: bool,
    pub(super) direction: Option<Direction>,
}

impl PeerConnection {
    /// Adds a transceiver, which the next offer will have a section for. Names of RTP streams, and of the track, that are left out are chosen here.
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
        now: Instant,
    ) -> Result<TransceiverId, Error> {
        self.check_open()?;
        let (sender, encodings) = self.complete_sender(kind, init.sender);
        let id = self.negotiator.add_transceiver(kind, TransceiverInit { sender, ..init })?;
        self.transceivers.insert(id, OwnTransceiver { encodings, has_track: false, direction: None });
        self.may_need_negotiation = true;
        self.pump(now);
        Ok(id)
    }

    /// Changes what a transceiver sends: of one that the other side's offer has made, before the answer is created.
    pub fn set_sender(&mut self, id: TransceiverId, sender: SenderInit, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        let kind = self.negotiator.transceiver(id).ok_or(Error::UnknownTransceiver(id))?.kind();
        let (sender, encodings) = self.complete_sender(kind, sender);
        self.negotiator.set_sender(id, sender)?;
        if let Some(own) = self.transceivers.get_mut(&id) {
            own.encodings = encodings;
        }
        self.may_need_negotiation = true;
        self.pump(now);
        Ok(())
    }

    /// Which codecs a transceiver may use, the preferred one first; none for all.
    pub fn set_codec_preferences(&mut self, id: TransceiverId, codecs: &[Codec]) -> Result<(), Error> {
        self.negotiator.set_codec_preferences(id, codecs)?;
        self.may_need_negotiation = true;
        Ok(())
    }

    /// Stops a transceiver for good.
    pub fn stop_transceiver(&mut self, id: TransceiverId, now: Instant) -> Result<(), Error> {
        self.negotiator.stop(id)?;
        self.may_need_negotiation = true;
        self.pump(now);
        Ok(())
    }

    /// A transceiver that the other side's offer has made gets what it may send by.
    pub(super) fn adopt_transceiver(&mut self, id: TransceiverId, kind: MediaKind) {
        if self.transceivers.contains_key(&id) {
            return;
        }
        let sender = self.negotiator.transceiver(id).map(|transceiver| transceiver.sender().clone());
        let (sender, encodings) = self.complete_sender(kind, sender.unwrap_or_default());
        self.transceivers.insert(id, OwnTransceiver { encodings, has_track: false, direction: None });
        // It is there, and what it sends is made here: there is nothing that could be refused.
        let _ = self.negotiator.set_sender(id, sender);
    }

    fn complete_sender(&mut self, kind: MediaKind, sender: SenderInit) -> (SenderInit, Vec<EncodingSpec>) {
        let mut sender = sender;
        let rids: Vec<_> = sender.encodings.iter().map(|encoding| encoding.rid).take(ENCODINGS_MAX).collect();
        let count = rids.len().max(1);
        let mut ssrcs = std::mem::take(&mut sender.ssrcs);
        while ssrcs.len() < count {
            let rtx = (kind == MediaKind::Video).then(|| self.unused_ssrc(&ssrcs));
            let ssrc = self.unused_ssrc(&ssrcs);
            ssrcs.push(SenderSsrc { ssrc, rtx });
        }
        ssrcs.truncate(count);
        let encodings = ssrcs.iter().enumerate().map(|(index, names)| EncodingSpec {
            ssrc: names.ssrc,
            rtx: names.rtx,
            rid: rids.get(index).copied().flatten(),
            is_accepted: false,
        });
        let encodings = encodings.collect();
        // With rids, packets say which stream they are of; browsers name no SSRCs then.
        if !rids.iter().any(Option::is_some) {
            sender.ssrcs = ssrcs;
        }
        if sender.cname.is_empty() {
            sender.cname.clone_from(&self.cname);
        }
        // RFC 8829 §5.2.1 wants one for each sender; without it, libwebrtc takes a stream and its repairs for two tracks.
        if sender.track.is_empty() {
            sender.track = format!("{:016x}{:016x}", self.random.next_u64(), self.random.next_u64());
        }
        (sender, encodings)
    }

    fn unused_ssrc(&mut self, taken: &[SenderSsrc]) -> Ssrc {
        loop {
            let ssrc = Ssrc(self.random.next_u32());
            let is_taken = taken.iter().any(|names| names.ssrc == ssrc || names.rtx == Some(ssrc));
            if ssrc.0 != 0 && !is_taken && !self.media.is_own(ssrc) {
                return ssrc;
            }
        }
    }
}

/// What was negotiated, as the way of packets needs it.
pub(super) fn section_spec(media: &NegotiatedMedia, own: &[EncodingSpec]) -> SectionSpec {
    let mut extensions = ExtensionMap::new();
    for extension in &media.extensions {
        if let Some(kind) = ExtensionKind::from_uri(&extension.uri) {
            // Numbers that are given twice cannot be told apart; the first one counts.
            let _ = extensions.insert(extension.id, kind);
        }
    }
    extensions.set_allow_mixed(media.allow_mixed);
    SectionSpec {
        kind: media.kind,
        mid: media.mid,
        extensions,
        sends: media.direction.sends() && !media.send_codecs.is_empty(),
        receives: media.direction.receives(),
        send_formats: formats(&media.send_codecs),
        receive_formats: formats(&media.receive_codecs),
        encodings: accepted(media, own),
        remote_streams: media.remote_ssrcs.iter().map(|stream| (stream.ssrc, stream.rtx)).collect(),
        is_reduced_size: media.rtcp_rsize,
        feedback: congestion_feedback(media),
    }
}

/// Which encodings the other side takes: those it names, or the first one if it knows no simulcast.
fn accepted(media: &NegotiatedMedia, own: &[EncodingSpec]) -> Vec<EncodingSpec> {
    let is_simulcast = !media.send_rids.is_empty();
    let accepted = own.iter().enumerate().map(|(index, encoding)| {
        let is_accepted = match encoding.rid {
            Some(rid) if is_simulcast => media.send_rids.contains(&rid),
            _ => index == 0,
        };
        EncodingSpec { rid: encoding.rid.filter(|_| is_simulcast), is_accepted, ..*encoding }
    });
    accepted.collect()
}

fn formats(codecs: &[NegotiatedCodec]) -> Formats {
    let mut formats = Formats::default();
    for codec in codecs {
        let has = |kind: &str, parameter: Option<&str>| {
            let mut feedback = codec.codec.feedback.iter();
            feedback.any(|feedback| feedback.kind == kind && feedback.parameter.as_deref() == parameter)
        };
        let format = Format {
            clock_rate: codec.codec.clock_rate,
            has_nack: has("nack", None),
            has_pli: has("nack", Some("pli")),
            has_fir: has("ccm", Some("fir")),
            rtx: codec.rtx_payload_type,
        };
        formats.insert(codec.payload_type, format);
    }
    formats
}

/// RFC 8888 where both know it, which needs no number in packets. Feedback about numbers that packets do not carry is none: GStreamer
/// announces such, and never sends any.
fn congestion_feedback(media: &NegotiatedMedia) -> CongestionFeedback {
    let has = |kind: &str, parameter: Option<&str>| {
        let mut feedback = media.receive_codecs.iter().flat_map(|codec| &codec.codec.feedback);
        feedback.any(|feedback| feedback.kind == kind && feedback.parameter.as_deref() == parameter)
    };
    let is_numbered = media.extensions.iter().any(|extension| {
        let kind = ExtensionKind::from_uri(&extension.uri);
        matches!(
            kind,
            Some(ExtensionKind::TransportSequenceNumber | ExtensionKind::TransportSequenceNumberV2)
        )
    });
    if has("ack", Some("ccfb")) {
        CongestionFeedback::Ccfb
    } else if has("transport-cc", None) && is_numbered {
        CongestionFeedback::Twcc
    } else {
        CongestionFeedback::None
    }
}
