use crate::{Direction, FormatParameters, RtcpFeedback};
use moim_wire::{MediaKind, PayloadType};

/// What a connection can do: what its offers propose and its answers accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Codecs of sound, the preferred one first.
    pub audio: Vec<Codec>,
    /// Codecs of pictures, the preferred one first.
    pub video: Vec<Codec>,
    /// Header extensions of sound.
    pub audio_extensions: Vec<ExtensionCapability>,
    /// Header extensions of pictures.
    pub video_extensions: Vec<ExtensionCapability>,
    /// How many encodings of a simulcast are received, at most [`ENCODINGS_MAX`](crate::limit::ENCODINGS_MAX). With 0 or 1 no simulcast is accepted.
    pub receive_encodings_max: usize,
    /// Whether data channels are accepted when the other side offers them.
    pub data_channels: bool,
    /// The port of SCTP within DTLS.
    pub sctp_port: u16,
    /// The largest message that is taken, in bytes; 0 for any.
    pub max_message_size: u64,
}

/// A codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// What it carries.
    pub kind: MediaKind,
    /// Its encoding name: `opus`, `VP8`. Its case has no meaning.
    pub name: String,
    /// Ticks per second of its timestamps.
    pub clock_rate: u32,
    /// Channels of sound; `None` where that is not said.
    pub channels: Option<u8>,
    /// What its receiver can do or wants.
    pub parameters: FormatParameters,
    /// The feedback that its receiver gives.
    pub feedback: Vec<RtcpFeedback>,
    /// Whether it is retransmitted (RFC 4588).
    pub rtx: bool,
    /// The payload type. Of a capability it is the one to propose if it is free; RTX then takes the next.
    pub payload_type: PayloadType,
}

impl Codec {
    /// A codec of sound without parameters, as offered with `transport-cc`.
    ///
    /// # Panics
    /// If the payload type has more than seven bits.
    pub fn audio(name: &str, clock_rate: u32, channels: Option<u8>, payload_type: u8) -> Self {
        Self {
            kind: MediaKind::Audio,
            name: name.to_owned(),
            clock_rate,
            channels,
            parameters: FormatParameters::default(),
            feedback: feedback(&["transport-cc"]),
            rtx: false,
            payload_type: PayloadType::new(payload_type).expect("a payload type has seven bits"),
        }
    }

    /// A codec of pictures with the feedback that browsers give, and retransmission.
    ///
    /// # Panics
    /// If the payload type has more than seven bits.
    pub fn video(name: &str, payload_type: u8, parameters: &str) -> Self {
        Self {
            kind: MediaKind::Video,
            name: name.to_owned(),
            clock_rate: 90_000,
            channels: None,
            parameters: FormatParameters::parse(parameters),
            feedback: feedback(&["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]),
            rtx: true,
            payload_type: PayloadType::new(payload_type).expect("a payload type has seven bits"),
        }
    }

    /// The same codec with these parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &str) -> Self {
        self.parameters = FormatParameters::parse(parameters);
        self
    }
}

fn feedback(kinds: &[&str]) -> Vec<RtcpFeedback> {
    kinds.iter().filter_map(|kind| RtcpFeedback::parse(kind)).collect()
}

/// A header extension (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionCapability {
    /// What it means.
    pub uri: String,
    /// Which way it can be used.
    pub direction: Direction,
}

impl ExtensionCapability {
    /// An extension that is both written and read.
    pub fn both_ways(uri: &str) -> Self {
        Self { uri: uri.to_owned(), direction: Direction::SendRecv }
    }
}

/// What browsers have in common: Opus, G.722 and G.711; VP8, VP9, H.264 and AV1; the header extensions of both.
impl Default for Capabilities {
    fn default() -> Self {
        let audio = vec![
            Codec::audio("opus", 48_000, Some(2), 111).with_parameters("minptime=10;useinbandfec=1"),
            Codec::audio("G722", 8_000, None, 9),
            Codec::audio("PCMU", 8_000, None, 0),
            Codec::audio("PCMA", 8_000, None, 8),
        ];
        let h264 = |payload_type, profile_level_id| {
            let parameters =
                format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile_level_id}");
            Codec::video("H264", payload_type, &parameters)
        };
        let video = vec![
            Codec::video("VP8", 96, ""),
            Codec::video("VP9", 98, "profile-id=0"),
            h264(102, "42001f"),
            h264(108, "42e01f"),
            Codec::video("AV1", 45, "level-idx=5;profile=0;tier=0"),
        ];
        let of_all = [
            "urn:ietf:params:rtp-hdrext:sdes:mid",
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        ];
        let of_audio = ["urn:ietf:params:rtp-hdrext:ssrc-audio-level"];
        let of_video = [
            "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            "urn:3gpp:video-orientation",
            "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
            "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
        ];
        let extensions =
            |own: &[&str]| of_all.iter().chain(own).map(|uri| ExtensionCapability::both_ways(uri)).collect();
        Self {
            audio,
            video,
            audio_extensions: extensions(&of_audio),
            video_extensions: extensions(&of_video),
            receive_encodings_max: 3,
            data_channels: true,
            sctp_port: 5_000,
            max_message_size: 262_144,
        }
    }
}

impl Capabilities {
    /// The codecs of that kind, the preferred one first.
    pub fn codecs(&self, kind: MediaKind) -> &[Codec] {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }

    /// The header extensions of that kind.
    pub fn extensions(&self, kind: MediaKind) -> &[ExtensionCapability] {
        match kind {
            MediaKind::Audio => &self.audio_extensions,
            MediaKind::Video => &self.video_extensions,
        }
    }
}
