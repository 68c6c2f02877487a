/// Why a packet was not sent.
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
    /// It is longer than the path takes in one piece, and must not be fragmented.
    TooLong,
    /// The socket's send buffer, or the device's queue, is full; or the kernel is out of memory.
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
