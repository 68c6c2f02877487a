/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// Its source is no address of the host that sent it.
    NoInterface,
    /// The link lost it.
    Loss,
    /// The link is down.
    LinkDown,
    /// Too many bytes wait for the link.
    QueueFull,
    /// It is longer than the link takes.
    TooLong,
    /// There is no way to its destination.
    NoRoute,
    /// It passed too many networks.
    TooManyHops,
    /// A firewall does not let it through.
    Firewall,
    /// It came to a NAT from outside, to where nobody is.
    NoMapping,
    /// It came to a NAT from outside, from where the host behind it has not sent to.
    Filtered,
    /// The NAT can make no more mappings.
    NatExhausted,
    /// It is for the public address of its own NAT, which does not turn packets round.
    NoHairpinning,
    /// The host has no such address any more.
    NoSuchAddress,
    /// The host sleeps.
    Asleep,
}

impl DropReason {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 14] = [
        Self::NoInterface,
        Self::Loss,
        Self::LinkDown,
        Self::QueueFull,
        Self::TooLong,
        Self::NoRoute,
        Self::TooManyHops,
        Self::Firewall,
        Self::NoMapping,
        Self::Filtered,
        Self::NatExhausted,
        Self::NoHairpinning,
        Self::NoSuchAddress,
        Self::Asleep,
    ];

    /// A name for traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoInterface => "no_interface",
            Self::Loss => "loss",
            Self::LinkDown => "link_down",
            Self::QueueFull => "queue_full",
            Self::TooLong => "too_long",
            Self::NoRoute => "no_route",
            Self::TooManyHops => "too_many_hops",
            Self::Firewall => "firewall",
            Self::NoMapping => "no_mapping",
            Self::Filtered => "filtered",
            Self::NatExhausted => "nat_exhausted",
            Self::NoHairpinning => "no_hairpinning",
            Self::NoSuchAddress => "no_such_address",
            Self::Asleep => "asleep",
        }
    }
}

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that hosts sent.
    pub sent: u64,
    /// Copies that links made.
    pub copied: u64,
    /// Packets that arrived.
    pub delivered: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Packets that were dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Packets that were dropped.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Whether every packet is accounted for, so many of them still being under way.
    pub fn are_balanced(&self, in_flight: usize) -> bool {
        self.sent + self.copied == self.delivered + self.dropped_in_all() + in_flight as u64
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }
}
