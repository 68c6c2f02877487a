use crate::data_channel::DataChannelEvent;
use crate::media::{ReceiveStreamId, ReceivedRtp};
use moim_ice::{Ask, GatheringState, Protocol};
use moim_sdp::Direction;
use moim_sdp::jsep::{SignalingState, TransceiverId};
use moim_wire::{Bitrate, MediaKind, Mid, NtpTime, Rid, RtpTimestamp};
use std::net::SocketAddr;

/// A packet that came, in the driver's buffer.
#[derive(Debug)]
pub struct Received<'a> {
    /// The address it came to.
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
    /// What it came by.
    pub protocol: Protocol,
    /// What it says: a datagram, or one message out of a stream. Media is decrypted where it lies.
    pub bytes: &'a mut [u8],
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "it is looked at and gone; a box would cost an allocation per packet"
)]
pub enum Handled {
    /// It was for the connection itself. What follows is polled.
    Taken,
    /// It is media, and lies in the driver's buffer.
    Rtp(ReceivedRtp),
    /// It is a connectivity check of another connection, going by its user name.
    NotForMe,
    /// It is of no use. It has been counted.
    Dropped(DropReason),
}

moim_wire::drop_reasons! {
    "Why a packet was dropped.";
    /// ICE had no use for it: its own counters say why.
    Ice => "ice",
    /// Its first byte is none of STUN, DTLS, RTP or TURN (RFC 7983 §7).
    UnknownProtocol => "unknown_protocol",
    /// DTLS is over, or waits for the other side's description and has kept what it may.
    Dtls => "dtls",
    /// There are no keys for media (yet, or any more).
    NoKeys => "no_keys",
    /// It is not RTP or RTCP, or ends too early.
    Malformed => "malformed",
    /// It is not what the other side has sent.
    NotAuthentic => "not_authentic",
    /// It came before, or is too old to know.
    Replayed => "replayed",
    /// It is of a stream of which nothing says whose it is.
    UnknownStream => "unknown_stream",
    /// Its payload type was not negotiated.
    PayloadType => "payload_type",
    /// By what was negotiated nothing is received there.
    NotWanted => "not_wanted",
    /// There are as many streams as there may be.
    TooManyStreams => "too_many_streams",
}

/// A packet that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From where.
    pub local: SocketAddr,
    /// To where.
    pub remote: SocketAddr,
    /// By what.
    pub protocol: Protocol,
    /// How long it is.
    pub len: usize,
}

/// How far the connection is as a whole, in the words of W3C's `RTCPeerConnectionState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerConnectionState {
    /// Nothing has begun.
    #[default]
    New,
    /// Paths are being tried, or keys agreed on.
    Connecting,
    /// Everything works.
    Connected,
    /// Nothing has come for a while.
    Disconnected,
    /// It did not come about, or broke for good. A restart of ICE may help.
    Failed,
    /// It was closed.
    Closed,
}

impl PeerConnectionState {
    /// W3C's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

/// A candidate for the other side to be told, in the words of W3C's `RTCIceCandidateInit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrickleCandidate {
    /// `candidate:…`, or nothing at all: there are no more.
    pub candidate: String,
    /// The media section it is of: the first one, which all are bundled with.
    pub mid: Option<Mid>,
    /// Its place among the sections.
    pub mline_index: u16,
    /// The user name fragment of its generation.
    pub ufrag: String,
}

/// What the other side sends, or stops to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Whose receiver it is.
    pub transceiver: TransceiverId,
    /// What it carries.
    pub kind: MediaKind,
    /// Its media section.
    pub mid: Option<Mid>,
    /// The streams it belongs to.
    pub streams: Vec<String>,
    /// The id of the track, as the other side calls it.
    pub track: Option<String>,
}

/// What happened, or is to be done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The other side is to be told of a candidate.
    IceCandidate(TrickleCandidate),
    /// Gathering candidates has begun, or is complete.
    GatheringStateChange(GatheringState),
    /// ICE is so far.
    IceConnectionStateChange(moim_ice::ConnectionState),
    /// The connection as a whole is so far.
    ConnectionStateChange(PeerConnectionState),
    /// The exchange of descriptions is so far.
    SignalingStateChange(SignalingState),
    /// The other side is to be offered something anew.
    NegotiationNeeded,
    /// The other side sends by this transceiver from now on: W3C's `ontrack`.
    Track(Track),
    /// It does so no longer.
    TrackEnded(TransceiverId),
    /// Which way the media of a transceiver goes has changed.
    DirectionChange(TransceiverId, Direction),
    /// Something with a data channel.
    DataChannel(DataChannelEvent),
    /// A key frame is wanted of what is sent.
    KeyFrameRequested {
        /// By whom it is sent.
        transceiver: TransceiverId,
        /// Which encoding of it.
        encoding: usize,
    },
    /// The other side has told what the media clock of a stream read at a moment of its wall clock (RFC 3550 §6.4.1).
    SenderReport {
        /// Whose stream it is.
        transceiver: TransceiverId,
        /// Which one.
        stream: ReceiveStreamId,
        /// The moment, by the other side's wall clock.
        ntp: NtpTime,
        /// The reading of the media clock.
        timestamp: RtpTimestamp,
    },
    /// As much may be sent from now on, all media together.
    TargetBitrate(Bitrate),
    /// The other side has ended a stream.
    Bye {
        /// Whose it was.
        transceiver: TransceiverId,
        /// Which one.
        stream: ReceiveStreamId,
        /// Which encoding that was.
        rid: Option<Rid>,
    },
    /// The driver is to do what ICE needs: answer by [`resolved`](crate::PeerConnection::resolved),
    /// [`connection_opened`](crate::PeerConnection::connection_opened) or
    /// [`connection_failed`](crate::PeerConnection::connection_failed).
    Ask(Ask),
}
