/// A header extension that moim knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExtensionKind {
    /// Which media section a packet belongs to (RFC 8843 §15.2).
    Mid,
    /// Which encoding of a simulcast a packet belongs to (RFC 8852 §3.1).
    Rid,
    /// Which encoding a packet repairs, by RTX (RFC 8852 §3.2).
    RepairedRid,
    /// A number over all streams of a transport, for congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequenceNumber,
    /// The same, with which a sender can ask for feedback (version 02 of it).
    TransportSequenceNumberV2,
    /// When the packet was sent, modulo 64 s.
    AbsSendTime,
    /// How loud the sound in the packet is (RFC 6464).
    AudioLevel,
    /// When what the packet carries was captured.
    AbsCaptureTime,
    /// How long the receiver may wait before it plays.
    PlayoutDelay,
    /// How a picture is turned (3GPP TS 26.114 §7.4.5).
    VideoOrientation,
    /// Whether pictures are of a camera or of a screen.
    VideoContentType,
    /// When a picture passed which step on the sender's side.
    VideoTiming,
    /// The colours of a picture.
    ColorSpace,
    /// What a frame is and what it needs (AV1 RTP specification, appendix A).
    DependencyDescriptor,
    /// Which layers a sender sends, and at which rate.
    VideoLayersAllocation,
    /// How long the packet lay between its timestamp and its sending (RFC 5450).
    TransmissionTimeOffset,
}

impl ExtensionKind {
    /// Every kind, in the order they are declared.
    pub const ALL: [Self; 16] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::TransportSequenceNumber,
        Self::TransportSequenceNumberV2,
        Self::AbsSendTime,
        Self::AudioLevel,
        Self::AbsCaptureTime,
        Self::PlayoutDelay,
        Self::VideoOrientation,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::DependencyDescriptor,
        Self::VideoLayersAllocation,
        Self::TransmissionTimeOffset,
    ];

    /// What session descriptions call it (RFC 8285 §5).
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportSequenceNumber => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::TransportSequenceNumberV2 => {
                "http://www.webrtc.org/experiments/rtp-hdrext/transport-wide-cc-02"
            }
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
            Self::TransmissionTimeOffset => "urn:ietf:params:rtp-hdrext:toffset",
        }
    }

    /// The kind that session descriptions call `uri`.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}
