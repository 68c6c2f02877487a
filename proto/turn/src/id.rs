use crate::AddressFamily;
use std::fmt;

/// An allocation. Ids of freed allocations are never those of others: the place is used again with the next generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllocationId {
    index: u32,
    generation: u32,
}

impl AllocationId {
    /// How many places a server has: 31 bits, so that [`RelayId::to_bits`] has one for the family.
    pub const INDEX_MAX: u32 = (1 << 31) - 1;

    /// The id of place `index`, used for the `generation`th time.
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        debug_assert!(index <= Self::INDEX_MAX, "the table has no more places");
        Self { index, generation }
    }

    pub(crate) fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) fn generation(self) -> u32 {
        self.generation
    }

    /// The id as one number, for tables of the driver's and for operators.
    pub const fn to_bits(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }

    /// The id that has been made a number by [`to_bits`](Self::to_bits). Any number makes an id; most are of no allocation.
    #[expect(clippy::cast_possible_truncation, reason = "the bits that do not fit are masked or shifted out")]
    pub const fn from_bits(bits: u64) -> Self {
        let index = (bits & Self::INDEX_MAX as u64) as u32;
        Self { index, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Display for AllocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.index, self.generation)
    }
}

impl fmt::Debug for AllocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A relayed transport address of an allocation, which has one or one of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId {
    /// Whose.
    pub allocation: AllocationId,
    /// Which of its addresses.
    pub family: AddressFamily,
}

impl RelayId {
    const FAMILY: u64 = 1 << 31;

    /// The id as one number, such as a poller hands back.
    pub const fn to_bits(self) -> u64 {
        let family = match self.family {
            AddressFamily::Ipv4 => 0,
            AddressFamily::Ipv6 => Self::FAMILY,
        };
        self.allocation.to_bits() | family
    }

    /// The id that has been made a number by [`to_bits`](Self::to_bits).
    pub const fn from_bits(bits: u64) -> Self {
        let family = if bits & Self::FAMILY == 0 { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
        Self { allocation: AllocationId::from_bits(bits), family }
    }
}

/// A TCP connection between a relayed transport address and a peer, by the number that CONNECTION-ID carries (RFC 6062 §6.2.1).
///
/// Numbers are random, and tell the shard: see [`Shards::of_connection`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a client redeems a reserved relayed transport address with (RFC 8656 §18.10), and the driver's name for the reservation.
///
/// Tokens are random, and tell the shard: see [`Shards::of_reservation`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationToken(pub [u8; 8]);

impl fmt::Debug for ReservationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever has the token takes the address.
        f.write_str("ReservationToken([redacted])")
    }
}

/// Which realm of the configuration a listener belongs to; 0 is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealmId(pub u16);

/// One of the servers that share the work, each on a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// How many shards there are, and which one this is.
///
/// Ports, tokens and connection numbers tell by arithmetic which shard they belong to, so that a message that reaches another
/// one is passed on without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards {
    count: u16,
    own: ShardId,
}

impl Shards {
    /// One shard, which does everything.
    pub const ONE: Self = Self { count: 1, own: ShardId(0) };

    /// Shard `own` of `count`. [`None`]: there is no such shard.
    pub const fn new(count: u16, own: ShardId) -> Option<Self> {
        if own.0 < count { Some(Self { count, own }) } else { None }
    }

    /// How many there are, at least 1.
    pub const fn count(self) -> u16 {
        self.count
    }

    /// Which one this is.
    pub const fn own(self) -> ShardId {
        self.own
    }

    /// The shard that relays from this port: an even port and the next one belong together (RFC 8656 §7.2, EVEN-PORT).
    pub const fn of_port(self, port: u16) -> ShardId {
        ShardId((port / 2) % self.count)
    }

    /// The shard that keeps this reservation.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is less than `count`, which is a u16")]
    pub const fn of_reservation(self, token: ReservationToken) -> ShardId {
        let number = u64::from_be_bytes(token.0);
        ShardId((number % self.count as u64) as u16)
    }

    /// The shard that holds this connection.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is less than `count`, which is a u16")]
    pub const fn of_connection(self, connection: ConnectionId) -> ShardId {
        ShardId((connection.0 % self.count as u32) as u16)
    }

    /// The number nearest to `random` that [`of_reservation`](Self::of_reservation) finds this shard by.
    pub(crate) fn own_reservation(self, random: u64) -> ReservationToken {
        let count = u64::from(self.count);
        // Rounded down first, so that nothing overflows.
        let number = (random / count).min(u64::MAX / count - 1) * count + u64::from(self.own.0);
        ReservationToken(number.to_be_bytes())
    }

    /// The number nearest to `random` that [`of_connection`](Self::of_connection) finds this shard by.
    pub(crate) fn own_connection(self, random: u32) -> ConnectionId {
        let count = u32::from(self.count);
        ConnectionId((random / count).min(u32::MAX / count - 1) * count + u32::from(self.own.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_being_numbers() {
        for (index, generation) in [(0, 0), (1, 2), (AllocationId::INDEX_MAX, u32::MAX)] {
            let allocation = AllocationId::new(index, generation);
            assert_eq!(AllocationId::from_bits(allocation.to_bits()), allocation);
            for family in AddressFamily::ALL {
                let relay = RelayId { allocation, family };
                assert_eq!(RelayId::from_bits(relay.to_bits()), relay);
            }
        }
        assert_eq!(AllocationId::from_bits(u64::MAX).index(), AllocationId::INDEX_MAX as usize);
    }

    #[test]
    fn an_even_port_and_the_next_belong_to_one_shard() {
        let shards = Shards::new(3, ShardId(1)).unwrap();

        for port in (0..=u16::MAX).step_by(2) {
            assert_eq!(shards.of_port(port), shards.of_port(port + 1));
        }
        assert_eq!(Shards::new(3, ShardId(3)), None);
    }

    #[test]
    fn tokens_and_connections_tell_their_shard() {
        for count in [1, 2, 3, 7, u16::MAX] {
            for own in [0, count / 2, count - 1] {
                let shards = Shards::new(count, ShardId(own)).unwrap();
                for random in [0, 1, 12_345, u64::from(u32::MAX), u64::MAX] {
                    let token = shards.own_reservation(random);
                    assert_eq!(shards.of_reservation(token), shards.own());
                    let connection = shards.own_connection(u32::try_from(random >> 32).unwrap());
                    assert_eq!(shards.of_connection(connection), shards.own());
                }
            }
        }
    }
}
