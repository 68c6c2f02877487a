//! What travels through a world.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The most networks a packet passes before it is dropped: none of the worlds is that deep, so it goes round in circles.
pub const HOPS_MAX: u8 = 16;

/// A packet on its way.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// Where it comes from, as it stands in the packet just now.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// What it carries.
    pub payload: Payload,
    /// How many networks it has passed.
    pub hops: u8,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// A UDP datagram.
    Udp(Vec<u8>),
    /// A segment of a byte stream.
    Tcp(Segment),
}

/// A segment of a [stream](crate::tcp).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it does.
    pub flags: Flags,
    /// The number of its first byte.
    pub sequence: u64,
    /// The number of the byte that its sender waits for.
    pub acknowledged: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a segment does, besides carrying bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flags {
    /// Asks for a connection.
    Syn,
    /// Grants it.
    SynAck,
    /// Goes on with it.
    Ack,
    /// Says that no bytes follow; the sequence number is that of the end.
    Fin,
    /// Says that there is no such connection.
    Reset,
}

/// What carries bytes between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

impl Packet {
    /// A datagram.
    pub fn udp(source: SocketAddr, destination: SocketAddr, bytes: Vec<u8>) -> Self {
        Self { source, destination, payload: Payload::Udp(bytes), hops: 0 }
    }

    /// A segment of a stream.
    pub fn tcp(source: SocketAddr, destination: SocketAddr, segment: Segment) -> Self {
        Self { source, destination, payload: Payload::Tcp(segment), hops: 0 }
    }

    /// What carries it.
    pub fn protocol(&self) -> Protocol {
        match self.payload {
            Payload::Udp(_) => Protocol::Udp,
            Payload::Tcp(_) => Protocol::Tcp,
        }
    }

    /// How long it is on a link, in bytes: IP and UDP or TCP headers included.
    pub fn wire_len(&self) -> usize {
        let ip = if self.source.is_ipv4() { 20 } else { 40 };
        ip + match &self.payload {
            Payload::Udp(bytes) => 8 + bytes.len(),
            Payload::Tcp(segment) => 20 + segment.bytes.len(),
        }
    }

    /// The source's and destination's IP addresses.
    pub fn ips(&self) -> (IpAddr, IpAddr) {
        (self.source.ip(), self.destination.ip())
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, payload, .. } = self;
        match payload {
            Payload::Udp(bytes) => write!(f, "udp {source} > {destination} {} bytes", bytes.len()),
            Payload::Tcp(Segment { flags, sequence, acknowledged, bytes }) => {
                let len = bytes.len();
                write!(f, "tcp {source} > {destination} {flags:?} {sequence}+{len} ack {acknowledged}")
            }
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(bytes) => write!(f, "Udp({} bytes)", bytes.len()),
            Self::Tcp(segment) => write!(f, "Tcp({:?}, {} bytes)", segment.flags, segment.bytes.len()),
        }
    }
}
