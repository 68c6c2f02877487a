//! From frames to packets.

use crate::media::{Codec, EncodedFrame};
use moim_peer::{OutgoingRtp, PeerConnection};
use moim_rtp::payload::{Packetizer, PayloadFormat};
use moim_sdp::jsep::{Transceiver, TransceiverId};
use moim_wire::{PayloadType, RtpTimestamp};
use std::collections::BTreeMap;
use std::time::Instant;

/// The longest payload: with headers, extensions, protection and what a relay adds it stays below 1,200 bytes, which every path carries.
const PAYLOAD_LEN_MAX: usize = 1_120;

/// The streams that are sent.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    /// By transceiver and encoding.
    streams: BTreeMap<(TransceiverId, usize), OutboundStream>,
}

#[derive(Debug)]
struct OutboundStream {
    codec: Codec,
    packetizer: Packetizer,
    /// Where the media clock of packets begins (RFC 3550 §5.1: it should be random).
    offset: RtpTimestamp,
    payload: Vec<u8>,
}

impl Outbound {
    /// Sends a frame by an encoding of a transceiver. Returns whether it is on its way.
    pub(super) fn send(
        &mut self,
        peer: &mut PeerConnection,
        (transceiver, encoding): (TransceiverId, usize),
        frame: &EncodedFrame,
        now: Instant,
    ) -> bool {
        let payload_type = peer.transceiver(transceiver).and_then(|it| payload_type(it, frame.codec));
        let Some(payload_type) = payload_type else { return false };
        let stream =
            self.streams.entry((transceiver, encoding)).or_insert_with(|| OutboundStream::new(frame.codec));
        if stream.codec != frame.codec {
            *stream = OutboundStream { offset: stream.offset, ..OutboundStream::new(frame.codec) };
        }
        let OutboundStream { packetizer, offset, payload, .. } = stream;
        // What packets carry of the clock are its lower 32 bits.
        let timestamp = offset.advanced((frame.timestamp & 0xFFFF_FFFF) as u32);
        let is_audio = frame.codec.is_audio();
        let mut is_sent = true;
        let packetized = packetizer.packetize(&frame.data, PAYLOAD_LEN_MAX, |fragment| {
            payload.clear();
            for piece in fragment.pieces() {
                payload.extend_from_slice(piece);
            }
            // RFC 7587 §4.2: the marker of Opus is for the first packet after silence, of which there is none here.
            let marker = fragment.is_last() && !is_audio;
            let packet = OutgoingRtp::new(payload_type, marker, timestamp, payload);
            is_sent &= peer.send_rtp(transceiver, encoding, &packet, now).is_ok();
        });
        if let Err(error) = packetized {
            tracing::debug!(%error, "a frame cannot be put into packets");
            return false;
        }
        is_sent
    }
}

impl OutboundStream {
    fn new(codec: Codec) -> Self {
        let [first_picture_id, ..] = crate::room::random_bytes::<2>().map(u16::from);
        let offset = RtpTimestamp(u32::from_be_bytes(crate::room::random_bytes()));
        Self {
            codec,
            packetizer: Packetizer::new(format_of(codec), first_picture_id),
            offset,
            payload: Vec::new(),
        }
    }
}

/// How packets name a codec, if that was negotiated and media is to be sent at all.
fn payload_type(transceiver: &Transceiver, codec: Codec) -> Option<PayloadType> {
    let media = transceiver.media()?;
    let format = format_of(codec);
    let negotiated = media.send_codecs.iter();
    let mut same = negotiated.filter(|send| PayloadFormat::from_name(&send.codec.name) == Some(format));
    same.next().map(|send| send.payload_type)
}

fn format_of(codec: Codec) -> PayloadFormat {
    match codec {
        Codec::Vp8 => PayloadFormat::Vp8,
        Codec::Vp9 => PayloadFormat::Vp9,
        Codec::Av1 => PayloadFormat::Av1,
        Codec::H264 => PayloadFormat::H264,
        Codec::Opus => PayloadFormat::Opus,
    }
}
