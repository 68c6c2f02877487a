use crate::channel_data::ChannelNumber;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Up to so many peers are compared one by one.
const SCAN_MAX: usize = 8;

/// The channels of an allocation (RFC 8656 §12): found by number for what the client sends, and by peer for what comes back.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// In the order of the numbers.
    bindings: Vec<ChannelBinding>,
    /// Places in `bindings`, in the order of the peers. Empty as long as there are few, and it is quicker to look at all of them.
    by_peer: Vec<u16>,
}

#[derive(Debug)]
pub(super) struct ChannelBinding {
    pub(super) number: ChannelNumber,
    /// Whether the peer is a relayed address of this process.
    pub(super) is_own: bool,
    pub(super) peer: SocketAddr,
    expires: Instant,
}

/// Why a channel cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindError {
    /// The number is another peer's, or the peer has another number.
    Taken,
    /// There are too many.
    Full,
}

impl Channels {
    /// The binding of a number.
    #[inline]
    pub(super) fn by_number(&self, number: ChannelNumber, now: Instant) -> Option<&ChannelBinding> {
        let index = self.bindings.binary_search_by_key(&number, |binding| binding.number).ok()?;
        Some(&self.bindings[index]).filter(|binding| binding.expires > now)
    }

    /// The number that stands for a peer.
    #[inline]
    pub(super) fn number_of(&self, peer: SocketAddr, now: Instant) -> Option<ChannelNumber> {
        let binding = if self.bindings.len() <= SCAN_MAX {
            self.bindings.iter().find(|binding| binding.peer == peer)?
        } else {
            let place = |index: &u16| &self.bindings[usize::from(*index)];
            let index = self.by_peer.binary_search_by(|index| key(place(index).peer).cmp(&key(peer))).ok()?;
            place(&self.by_peer[index])
        };
        (binding.expires > now).then_some(binding.number)
    }

    /// Whether a number can be bound to a peer without there being more than `max`. Those expired are forgotten first.
    pub(super) fn check(
        &mut self,
        number: ChannelNumber,
        peer: SocketAddr,
        max: usize,
        now: Instant,
    ) -> Result<(), BindError> {
        self.retain(|binding| binding.expires > now);
        // RFC 8656 §12.2: neither may be bound to another; both together are a binding to be refreshed.
        match (self.by_number(number, now), self.number_of(peer, now)) {
            (None, None) if self.bindings.len() >= max => Err(BindError::Full),
            (None, None) => Ok(()),
            (Some(binding), Some(bound)) if binding.peer == peer && bound == number => Ok(()),
            _ => Err(BindError::Taken),
        }
    }

    /// Binds a number to a peer, or keeps it bound, until it `expires`. [`check`](Self::check) has said that it can be.
    pub(super) fn bind(&mut self, number: ChannelNumber, peer: SocketAddr, is_own: bool, expires: Instant) {
        match self.bindings.binary_search_by_key(&number, |binding| binding.number) {
            Ok(index) => self.bindings[index].expires = expires,
            Err(index) => {
                grow_exactly(&mut self.bindings);
                self.bindings.insert(index, ChannelBinding { number, is_own, peer, expires });
                self.index_peers();
            }
        }
    }

    /// Forgets those for which `keep` says so.
    pub(super) fn retain(&mut self, keep: impl FnMut(&ChannelBinding) -> bool) {
        let before = self.bindings.len();
        self.bindings.retain(keep);
        if self.bindings.len() != before {
            self.index_peers();
        }
    }

    /// Asks again about each peer whether it is a relayed address of this process; [`None`]: its channel is forgotten.
    pub(super) fn review(&mut self, mut is_own: impl FnMut(IpAddr) -> Option<bool>) {
        let before = self.bindings.len();
        self.bindings.retain_mut(|binding| match is_own(binding.peer.ip()) {
            Some(own) => {
                binding.is_own = own;
                true
            }
            None => false,
        });
        if self.bindings.len() != before {
            self.index_peers();
        }
    }

    /// How many have not expired.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.bindings.iter().filter(|binding| binding.expires > now).count()
    }

    /// Orders by peer anew. There are at most as many channels as numbers, which fit into 16 bits.
    fn index_peers(&mut self) {
        let bindings = &self.bindings;
        self.by_peer.clear();
        if bindings.len() <= SCAN_MAX {
            return;
        }
        self.by_peer.extend((0..=u16::MAX).take(bindings.len()));
        self.by_peer.sort_unstable_by_key(|index| key(bindings[usize::from(*index)].peer));
    }
}

/// Makes room for one more, and for as many as there are: most allocations have one of a thing, where a [`Vec`] would make
/// room for four.
pub(super) fn grow_exactly<T>(all: &mut Vec<T>) {
    if all.len() == all.capacity() {
        all.reserve_exact(all.len().max(1));
    }
}

/// What peers are ordered by.
fn key(peer: SocketAddr) -> (u128, u16) {
    (crate::five_tuple::bits(peer.ip()), peer.port())
}
