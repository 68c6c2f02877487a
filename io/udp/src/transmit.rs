use quinn_udp::EcnCodepoint;
use std::net::{IpAddr, SocketAddr};

/// A datagram to be sent, or a train of them to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// Where to.
    pub destination: SocketAddr,
    /// From which of this host's addresses: for a reply, [`Received::local`](crate::Received::local) of the request.
    /// [`None`] leaves it to routing.
    pub source: Option<IpAddr>,
    /// The payload.
    pub contents: &'a [u8],
    /// The length of each datagram of a train, of which the last may be shorter. [`None`]: one datagram.
    pub segment_len: Option<usize>,
    /// The congestion mark to set.
    pub ecn: Option<Ecn>,
}

impl<'a> Transmit<'a> {
    /// One datagram without a congestion mark.
    pub fn new(destination: SocketAddr, source: Option<IpAddr>, contents: &'a [u8]) -> Self {
        Self { destination, source, contents, segment_len: None, ecn: None }
    }
}

/// A congestion mark in the IP header (RFC 3168 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecn {
    /// ECT(0): routers may mark instead of dropping.
    Ect0,
    /// ECT(1): the same, for low-latency congestion control (RFC 9331).
    Ect1,
    /// CE: a router met congestion.
    Ce,
}

impl From<EcnCodepoint> for Ecn {
    fn from(codepoint: EcnCodepoint) -> Self {
        match codepoint {
            EcnCodepoint::Ect0 => Self::Ect0,
            EcnCodepoint::Ect1 => Self::Ect1,
            EcnCodepoint::Ce => Self::Ce,
        }
    }
}

impl From<Ecn> for EcnCodepoint {
    fn from(ecn: Ecn) -> Self {
        match ecn {
            Ecn::Ect0 => Self::Ect0,
            Ecn::Ect1 => Self::Ect1,
            Ecn::Ce => Self::Ce,
        }
    }
}

/// What became of a [`Transmit`] that the socket took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It was handed to the network, which may still lose it.
    Yes,
    /// It went nowhere. The socket is as good as before.
    Dropped(SendDrop),
}

/// Why a datagram was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SendDrop {
    /// The destination is none: port 0, an address of many hosts or of none, or of the other IP version.
    BadDestination,
    /// The source is not an address of this host, or one of no use for this destination.
    BadSource,
    /// There is no route to the destination, or a router on the way said so.
    Unreachable,
    /// A firewall of this host forbids it.
    Forbidden,
    /// It is longer than the path takes in one piece, and datagrams are not fragmented.
    TooLong,
    /// The socket's send buffer is full, and the caller did not want to wait; or the kernel is out of memory.
    BufferFull,
    /// Another error.
    Other,
}

impl SendDrop {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 7] = [
        Self::BadDestination,
        Self::BadSource,
        Self::Unreachable,
        Self::Forbidden,
        Self::TooLong,
        Self::BufferFull,
        Self::Other,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadDestination => "bad_destination",
            Self::BadSource => "bad_source",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::TooLong => "too_long",
            Self::BufferFull => "buffer_full",
            Self::Other => "other",
        }
    }
}
