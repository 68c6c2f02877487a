/// Why keys cannot be used: the handshake yielded something else than the profile asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key, a salt, or both directions' together, have another length than the profile's.
    #[error("the profile needs {expected} bytes of keying material, not {actual}")]
    Length {
        /// What the profile needs, in bytes.
        expected: usize,
        /// What was given, in bytes.
        actual: usize,
    },
    /// The master key was made for another profile.
    #[error("the master key belongs to another profile")]
    Profile,
    /// The cryptographic library refused the key.
    #[error("the cryptographic library refused the key")]
    Refused,
}

/// Why a packet cannot be sealed: always the fault of who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Header and payload do not lie within the buffer, or the header is no RTP or RTCP header by its length.
    #[error("the lengths given do not fit the packet")]
    Length,
    /// The buffer has no room for the tag behind the packet.
    #[error("the buffer has no room for the tag")]
    NoRoom,
    /// The extended sequence number does not end in the sequence number of the packet, or lies before the stream's
    /// beginning.
    #[error("the extended sequence number is not that of the packet")]
    Index,
    /// The key has sealed as many packets as it may: 2^48 of RTP, 2^31 of RTCP (RFC 3711 §9.2).
    #[error("the key is used up")]
    KeyExhausted,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Refused,
}

/// Why a packet that arrived is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Reject {
    /// It is too short for its header and a tag, or longer than any packet.
    #[error("it has a length that no protected packet has")]
    Length,
    /// Its tag is wrong: damaged, forged, or sealed with another key or rollover counter.
    #[error("its tag is wrong")]
    Unauthentic,
    /// It was received before.
    #[error("it was received before")]
    Replayed,
    /// It is so far behind the newest packet that nobody remembers whether it was received before.
    #[error("it is too old to tell whether it was received before")]
    TooOld,
    /// It is RTCP that its sender did not encrypt.
    #[error("it is not encrypted")]
    Unencrypted,
}

impl Reject {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 5] =
        [Self::Length, Self::Unauthentic, Self::Replayed, Self::TooOld, Self::Unencrypted];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Unauthentic => "unauthentic",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::Unencrypted => "unencrypted",
        }
    }
}

/// How often packets were rejected, by reason. Kept by whoever owns the [`Opener`](crate::Opener).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejects([u64; Reject::ALL.len()]);

impl Rejects {
    /// Counts one more.
    pub fn count(&mut self, reason: Reject) {
        self.0[reason as usize] += 1;
    }

    /// How many were rejected for this reason.
    pub fn of(&self, reason: Reject) -> u64 {
        self.0[reason as usize]
    }

    /// How many were rejected for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
