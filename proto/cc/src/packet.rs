use moim_wire::Bitrate;
use std::num::NonZeroU16;
use std::time::Duration;

/// What a packet is for, in the order in which a [`Pacer`](crate::Pacer) sends what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PacketKind {
    /// Sound: small, steady, and of no use when late.
    Audio,
    /// A packet that was lost before (RFC 4588): others already wait for it.
    Retransmission,
    /// Pictures.
    Video,
    /// Nothing: sent only to fill a probe or to keep a rate.
    Padding,
}

impl PacketKind {
    /// All of them, first things first.
    pub const ALL: [Self; 4] = [Self::Audio, Self::Retransmission, Self::Video, Self::Padding];

    /// Whether it counts as what the application wanted to send.
    pub fn is_media(self) -> bool {
        matches!(self, Self::Audio | Self::Video)
    }
}

/// A packet that was given to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// Its number among all packets of the transport, as reports will name it. It grows with every packet and never wraps.
    pub seq: u64,
    /// Bytes of it, with RTP header and SRTP tag; without IP and UDP headers, or always with them.
    pub size: u32,
    /// What it is for.
    pub kind: PacketKind,
    /// The probe it was part of, as the [`Pacer`](crate::Pacer) said.
    pub probe: Option<ProbeId>,
}

/// Names one probe of a [`SendSideController`](crate::SendSideController). They are reused after 65,535 others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProbeId(pub(crate) NonZeroU16);

impl ProbeId {
    pub(crate) const FIRST: Self = Self(NonZeroU16::MIN);

    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU16::MIN))
    }
}

/// Packets to send at a rate that is above the target, to see whether it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeCluster {
    /// To be put on each packet that is part of it: [`SentPacket::probe`].
    pub id: ProbeId,
    /// The rate to send at.
    pub rate: Bitrate,
    /// It ends when it has lasted this long, carried this much and was this many packets.
    pub min_duration: Duration,
    /// See `min_duration`.
    pub min_bytes: u64,
    /// See `min_duration`.
    pub min_packets: u32,
}
