/// What a track is encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 6386.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1: temporal units in the low-overhead format.
    Av1,
    /// H.264: NAL units, each behind its length in four bytes (AVCC).
    H264,
    /// RFC 6716.
    Opus,
}

impl Codec {
    const ALL: [Self; 5] = [Self::Vp8, Self::Vp9, Self::Av1, Self::H264, Self::Opus];

    /// Whether it encodes sound.
    pub fn is_audio(self) -> bool {
        self == Self::Opus
    }

    /// The four characters of IVF. None for what IVF has no word for.
    pub fn fourcc(self) -> Option<[u8; 4]> {
        match self {
            Self::Vp8 => Some(*b"VP80"),
            Self::Vp9 => Some(*b"VP90"),
            Self::Av1 => Some(*b"AV01"),
            Self::H264 | Self::Opus => None,
        }
    }

    /// The codec with these four characters.
    pub fn from_fourcc(fourcc: [u8; 4]) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.fourcc() == Some(fourcc))
    }

    /// The codec id of Matroska and WebM.
    pub fn matroska_id(self) -> &'static str {
        match self {
            Self::Vp8 => "V_VP8",
            Self::Vp9 => "V_VP9",
            Self::Av1 => "V_AV1",
            Self::H264 => "V_MPEG4/ISO/AVC",
            Self::Opus => "A_OPUS",
        }
    }

    /// The codec with this codec id.
    pub fn from_matroska_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.matroska_id() == id)
    }
}
