//! From packets to frames.

use super::ConnectionEvent;
use crate::media::Codec;
use moim_peer::{PeerConnection, ReceiveStreamId, ReceivedRtp};
use moim_rtp::jitter_buffer::{Config, Incoming, JitterBuffer, Output};
use moim_rtp::payload::PayloadFormat;
use moim_sdp::jsep::{Transceiver, TransceiverId};
use moim_wire::{Deadline, Mid, PayloadType, RtpTimestamp};
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// Streams of frames that are put together at once. Of more, the one that was silent longest is forgotten.
const STREAMS_MAX: usize = 32;

/// A frame as the other side sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// By which transceiver.
    pub transceiver: TransceiverId,
    /// In which media section.
    pub mid: Option<Mid>,
    /// What it is encoded with.
    pub codec: Codec,
    /// The frame.
    pub data: Vec<u8>,
    /// Its time by the clock of its codec, from wherever the sender began.
    pub timestamp: RtpTimestamp,
    /// Whether it can be decoded without others.
    pub is_key_frame: bool,
    /// When the last of its packets came.
    pub arrived: Instant,
}

/// The streams that are received.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    streams: BTreeMap<ReceiveStreamId, InboundStream>,
}

#[derive(Debug)]
struct InboundStream {
    transceiver: TransceiverId,
    payload_type: PayloadType,
    codec: Codec,
    buffer: JitterBuffer,
    last: Instant,
}

impl Inbound {
    /// Takes a packet; its payload is in `input`.
    pub(super) fn insert(&mut self, peer: &PeerConnection, rtp: &ReceivedRtp, input: &[u8], now: Instant) {
        let payload_type = rtp.header.payload_type;
        let is_known =
            self.streams.get(&rtp.stream).is_some_and(|stream| stream.payload_type == payload_type);
        if !is_known && !self.begin(peer, rtp, now) {
            return;
        }
        let Some(stream) = self.streams.get_mut(&rtp.stream) else { return };
        stream.last = now;
        let incoming = Incoming {
            seq: rtp.header.seq,
            timestamp: rtp.header.timestamp,
            marker: rtp.header.marker,
            payload: &input[rtp.payload.clone()],
            is_retransmission: rtp.is_repaired,
            playout_delay: None,
        };
        if let Err(reason) = stream.buffer.insert(incoming, now) {
            tracing::trace!(reason = reason.as_str(), "a packet was not taken");
        }
    }

    /// Gives out frames that are whole.
    pub(super) fn poll(
        &mut self,
        peer: &mut PeerConnection,
        events: &mut VecDeque<ConnectionEvent>,
        now: Instant,
    ) {
        for (id, stream) in &mut self.streams {
            while let Some(output) = stream.buffer.poll(now) {
                match output {
                    Output::Frame(frame) => events.push_back(ConnectionEvent::Frame(ReceivedFrame {
                        transceiver: stream.transceiver,
                        mid: peer.transceiver(stream.transceiver).and_then(Transceiver::mid),
                        codec: stream.codec,
                        data: frame.data,
                        timestamp: frame.timestamp,
                        is_key_frame: frame.is_key_frame,
                        arrived: frame.arrived,
                    })),
                    Output::Lost { packets } => tracing::trace!(packets, "packets were lost for good"),
                    // A stream that the connection has forgotten will not begin again under this id.
                    Output::KeyFrameNeeded => {
                        let _ = peer.request_key_frame(*id, now);
                    }
                }
            }
        }
    }

    /// When [`Self::poll`] may have something next.
    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        let deadlines = self.streams.values().map(|stream| stream.buffer.poll_timeout());
        deadlines.fold(None, Deadline::soonest)
    }

    /// Asks for key frames of what comes by a transceiver.
    pub(super) fn request_key_frame(
        &self,
        peer: &mut PeerConnection,
        transceiver: TransceiverId,
        now: Instant,
    ) {
        for (id, _) in self.streams.iter().filter(|(_, stream)| stream.transceiver == transceiver) {
            let _ = peer.request_key_frame(*id, now);
        }
    }

    /// A stream begins, or goes on with another codec. Returns whether that is one that is known here.
    fn begin(&mut self, peer: &PeerConnection, rtp: &ReceivedRtp, now: Instant) -> bool {
        let payload_type = rtp.header.payload_type;
        let Some(format) = format(peer, rtp.transceiver, payload_type) else { return false };
        let Some(codec) = codec_of(format) else { return false };
        if self.streams.len() >= STREAMS_MAX && !self.streams.contains_key(&rtp.stream) {
            let silent = self.streams.iter().min_by_key(|(_, stream)| stream.last).map(|(id, _)| *id);
            if let Some(silent) = silent {
                self.streams.remove(&silent);
            }
        }
        let buffer = JitterBuffer::new(Config::recording(format), now);
        let transceiver = rtp.transceiver;
        self.streams
            .insert(rtp.stream, InboundStream { transceiver, payload_type, codec, buffer, last: now });
        true
    }
}

fn format(
    peer: &PeerConnection,
    transceiver: TransceiverId,
    payload_type: PayloadType,
) -> Option<PayloadFormat> {
    let media = peer.transceiver(transceiver)?.media()?;
    let received = media.receive_codecs.iter().find(|codec| codec.payload_type == payload_type)?;
    PayloadFormat::from_name(&received.codec.name)
}

fn codec_of(format: PayloadFormat) -> Option<Codec> {
    match format {
        PayloadFormat::Opus => Some(Codec::Opus),
        PayloadFormat::Vp8 => Some(Codec::Vp8),
        PayloadFormat::Vp9 => Some(Codec::Vp9),
        PayloadFormat::H264 => Some(Codec::H264),
        PayloadFormat::Av1 => Some(Codec::Av1),
        PayloadFormat::H265 => None,
    }
}
