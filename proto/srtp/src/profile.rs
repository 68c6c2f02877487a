/// The most bytes that sealing adds to a packet, RTP or RTCP, under any profile: a tag of AEAD and the index of SRTCP.
pub const OVERHEAD_MAX: usize = 16 + 4;

/// A protection profile: what DTLS negotiates (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AES-128 in Galois/counter mode (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode (RFC 7714).
    AeadAes256Gcm,
    /// AES-128 in counter mode, with 80 bits of HMAC-SHA1 (RFC 3711).
    AesCm128HmacSha1_80,
    /// As [`Profile::AesCm128HmacSha1_80`], but with only 32 bits for RTP. RTCP keeps 80.
    AesCm128HmacSha1_32,
}

impl Profile {
    /// Every profile, the cheapest first: AEAD costs a fifth of counter mode with HMAC-SHA1.
    pub const PREFERENCE: [Self; 4] =
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// Its number in the DTLS extension `use_srtp` (RFC 5764 §4.1.2, RFC 7714 §14.2).
    pub const fn dtls_id(self) -> u16 {
        match self {
            Self::AesCm128HmacSha1_80 => 0x0001,
            Self::AesCm128HmacSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile that DTLS calls `id`, if it is one of these.
    pub fn from_dtls_id(id: u16) -> Option<Self> {
        Self::PREFERENCE.into_iter().find(|profile| profile.dtls_id() == id)
    }

    /// The name that W3C webrtc-stats wants as `srtpCipher`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Bytes of a master key, and of a session key for encryption.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of a master salt, and of a session salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }

    /// Bytes that DTLS has to export for both directions together (RFC 5764 §4.2).
    pub const fn exported_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }

    /// Bytes that sealing adds to an RTCP packet: the tag, and the index with its bit for encryption.
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16 + 4,
            // RFC 5764 §4.1.2: both profiles have 80 bits for RTCP.
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10 + 4,
        }
    }
}
