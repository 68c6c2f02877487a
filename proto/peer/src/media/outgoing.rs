//! What media packets are given as, to be sent.

use super::store::PACKET_LEN_MAX;
use moim_rtp::ExtensionValues;
use moim_sdp::jsep::TransceiverId;
use moim_wire::{ExtSeqNo, NtpTime, PayloadType, RtpTimestamp, SeqNo};

/// Which of the payloads that lie elsewhere: what its [`Payloads`] knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadKey {
    /// The stream that it came by.
    pub stream: u32,
    /// Its number there.
    pub seq: ExtSeqNo,
}

/// A payload that lies elsewhere until its packet leaves, and may be gone by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedPayload {
    /// Which one.
    pub key: PayloadKey,
    /// How long it is when it is sent, in bytes.
    pub len: u16,
    /// What is different about it in this packet: whatever its [`Payloads`] understands by that.
    pub rewrite: u64,
}

/// The payload of a media packet to be sent.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// It is copied at once.
    Copied(&'a [u8]),
    /// It is fetched when the packet leaves, and again whenever that is sent again.
    Shared(SharedPayload),
}

impl Payload<'_> {
    /// How long it is, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Shared(shared) => usize::from(shared.len),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where payloads lie that many connections send.
pub trait Payloads {
    /// Writes a payload as it is to be sent to `out`, which has the [`SharedPayload::len`] that was given. False: it is not there any more. What
    /// is in `out` then does not matter.
    ///
    /// For the same reference it writes the same bytes each time, or none: a packet that is sent again is encrypted with what it was
    /// encrypted with before, which gives away both if they differ (RFC 7714 §14).
    fn write(&self, payload: &SharedPayload, out: &mut [u8]) -> bool;

    /// What the media clock of an encoding of a transceiver read at some moment of the [wall clock](crate::Config::wall): what sender reports go
    /// by (RFC 3550 §6.4.1), so that streams of one source are played together. [`None`]: they go by when packets were given.
    ///
    /// Who forwards says it, since when packets came by does not tell when they were made.
    fn clock(&self, _transceiver: TransceiverId, _encoding: usize) -> Option<(NtpTime, RtpTimestamp)> {
        None
    }
}

/// No payloads: who sends only what is copied has no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoPayloads;

impl Payloads for NoPayloads {
    fn write(&self, _payload: &SharedPayload, _out: &mut [u8]) -> bool {
        false
    }
}

/// A media packet to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRtp<'a> {
    /// The format, as negotiated.
    pub payload_type: PayloadType,
    /// The last packet of a picture, or the first after silence.
    pub marker: bool,
    /// The reading of the media clock.
    pub timestamp: RtpTimestamp,
    /// The place in the stream. [`None`]: after the one before. Who forwards says it, and says none twice.
    pub seq: Option<SeqNo>,
    /// The payload.
    pub payload: Payload<'a>,
    /// Header extensions. Those that name the stream or the transport's numbers are filled in here.
    pub extensions: &'a ExtensionValues,
    /// What the places of long extensions refer to: the packet they were read from.
    pub raw: &'a [u8],
}

/// Nothing but what the connection adds itself.
pub(super) const NO_EXTENSIONS: ExtensionValues = ExtensionValues {
    mid: None,
    rid: None,
    repaired_rid: None,
    transport_sequence: None,
    abs_send_time: None,
    audio_level: None,
    abs_capture_time: None,
    playout_delay: None,
    video_orientation: None,
    video_content_type: None,
    video_timing: None,
    transmission_offset: None,
    color_space: None,
    dependency_descriptor: None,
    layers_allocation: None,
};

impl<'a> OutgoingRtp<'a> {
    /// A packet after the one before, without header extensions of its own.
    pub fn new(payload_type: PayloadType, marker: bool, timestamp: RtpTimestamp, payload: &'a [u8]) -> Self {
        let payload = Payload::Copied(payload);
        Self { payload_type, marker, timestamp, seq: None, payload, extensions: &NO_EXTENSIONS, raw: &[] }
    }

    /// The same, with a payload that lies elsewhere.
    pub fn shared(
        payload_type: PayloadType,
        marker: bool,
        timestamp: RtpTimestamp,
        payload: SharedPayload,
    ) -> Self {
        Self { payload: Payload::Shared(payload), ..Self::new(payload_type, marker, timestamp, &[]) }
    }
}

/// Why a media packet is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such sender, or it has no such encoding.
    #[error("there is no such sender or encoding")]
    Unknown,
    /// DTLS is not connected (yet, or any more).
    #[error("the connection is not established")]
    NotConnected,
    /// The other side does not want this now: the direction says so, or the encoding was not accepted.
    #[error("the other side does not receive this now")]
    NotWanted,
    /// The payload type was not negotiated for sending.
    #[error("the payload type was not negotiated")]
    PayloadType,
    /// The packet would be longer than [`PACKET_LEN_MAX`].
    #[error("the packet is longer than {PACKET_LEN_MAX} bytes")]
    TooLong,
    /// The sequence number was used, or is too far behind to know.
    #[error("the sequence number was used already")]
    SeqUsed,
    /// So much waits to be sent that this is not.
    #[error("too many packets wait to be sent")]
    QueueFull,
}
