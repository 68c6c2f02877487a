//! The names of descriptors in a shard's poller: what it is in the highest byte, which one in the others.

use crate::keyed::Key;
use crate::splice::End;
use moim_turn::RelayId;

/// What a descriptor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Something is in the mailboxes.
    Waker,
    /// A socket that clients send to, by its place.
    Listener(u8),
    /// The socket of a relayed transport address.
    Relay(RelayKey),
    /// A client on a stream.
    Stream(Key),
    /// An end of a relayed TCP connection.
    Tcp(Key, End),
}

/// A relayed transport address, with as much of its allocation's generation as there is room for: enough to tell an event
/// from one about a socket that was closed a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelayKey(u64);

const KIND_SHIFT: u32 = 56;
const KEY_MASK: u64 = (1 << KIND_SHIFT) - 1;

const WAKER: u8 = 0;
const LISTENER: u8 = 1;
const RELAY: u8 = 2;
const STREAM: u8 = 3;
const TCP_CLIENT: u8 = 4;
const TCP_PEER: u8 = 5;

impl Token {
    /// The token as a poller keeps it.
    pub(crate) fn to_bits(self) -> u64 {
        let (kind, key) = match self {
            Self::Waker => (WAKER, 0),
            Self::Listener(place) => (LISTENER, u64::from(place)),
            Self::Relay(RelayKey(key)) => (RELAY, key),
            Self::Stream(key) => (STREAM, key.to_bits()),
            Self::Tcp(key, End::Client) => (TCP_CLIENT, key.to_bits()),
            Self::Tcp(key, End::Peer) => (TCP_PEER, key.to_bits()),
        };
        (u64::from(kind) << KIND_SHIFT) | key
    }

    /// The token that was made a number by [`to_bits`](Self::to_bits).
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        let [kind, .., lowest] = bits.to_be_bytes();
        match kind {
            WAKER => Some(Self::Waker),
            LISTENER => Some(Self::Listener(lowest)),
            RELAY => Some(Self::Relay(RelayKey(bits & KEY_MASK))),
            STREAM => Some(Self::Stream(Key::from_bits(bits & KEY_MASK))),
            TCP_CLIENT => Some(Self::Tcp(Key::from_bits(bits & KEY_MASK), End::Client)),
            TCP_PEER => Some(Self::Tcp(Key::from_bits(bits & KEY_MASK), End::Peer)),
            _ => None,
        }
    }
}

impl RelayKey {
    /// Which place of the table it is in, and whether it is still the one that is meant, is for the table to say.
    pub(crate) fn id(self) -> RelayId {
        RelayId::from_bits(self.0)
    }
}

impl From<RelayId> for RelayKey {
    fn from(id: RelayId) -> Self {
        Self(id.to_bits() & KEY_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::{AddressFamily, AllocationId};

    #[test]
    fn tokens_survive_being_numbers() {
        for bits in [0, 77, u64::MAX] {
            for family in AddressFamily::ALL {
                let id = RelayId { allocation: AllocationId::from_bits(bits), family };
                let key = RelayKey::from(id);

                assert_eq!(Token::from_bits(Token::Relay(key).to_bits()), Some(Token::Relay(key)));
                assert_eq!(RelayKey::from(key.id()), key);
                assert_eq!(key.id().family, family);
            }
        }
        let keys = [0, 77, KEY_MASK].map(Key::from_bits);
        let streams = keys.map(Token::Stream);
        let tcp = keys.into_iter().flat_map(|key| [Token::Tcp(key, End::Client), Token::Tcp(key, End::Peer)]);
        let others = [Token::Waker, Token::Listener(0), Token::Listener(255)];
        for token in others.into_iter().chain(streams).chain(tcp) {
            assert_eq!(Token::from_bits(token.to_bits()), Some(token));
        }
        assert_eq!(Token::from_bits(u64::MAX), None);
    }
}
