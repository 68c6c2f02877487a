//! What RFC 8656 says a server knows, written down as simply as can be: the reference the server is compared with.

use super::driver::{RELAY_IPV4, RELAY_IPV6};
use moim_turn::{AddressFamily, FiveTuple, PerFamily};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) const LIFETIME_DEFAULT: u32 = 600;
pub(crate) const LIFETIME_MAX: u32 = 3600;
pub(crate) const ALLOCATIONS_MAX: usize = 4;
pub(crate) const ALLOCATIONS_PER_USER_MAX: usize = 2;
pub(crate) const PERMISSIONS_MAX: usize = 3;
pub(crate) const CHANNELS_MAX: usize = 2;
pub(crate) const CHANNEL_NUMBER_MAX: u16 = 0x4fff;
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Which relayed transport addresses an Allocate asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    Ipv4,
    Ipv6,
    Both,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) allocations: BTreeMap<FiveTuple, ModelAllocation>,
}

pub(crate) struct ModelAllocation {
    pub(crate) user: usize,
    pub(crate) relayed: PerFamily<Option<SocketAddr>>,
    pub(crate) expires: Instant,
    permissions: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, (SocketAddr, Instant)>,
}

impl Model {
    /// Time has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.allocations.retain(|_, allocation| allocation.expires > now);
    }

    /// The code an Allocate is refused by. [`None`]: it is not.
    pub(crate) fn allocate_error(&self, client: FiveTuple, user: usize) -> Option<u16> {
        let of_user = self.allocations.values().filter(|allocation| allocation.user == user).count();
        if self.allocations.contains_key(&client) {
            Some(437)
        } else if self.allocations.len() >= ALLOCATIONS_MAX {
            Some(508)
        } else if of_user >= ALLOCATIONS_PER_USER_MAX {
            Some(486)
        } else {
            None
        }
    }

    pub(crate) fn allocated(
        &mut self,
        client: FiveTuple,
        user: usize,
        relayed: PerFamily<Option<SocketAddr>>,
        lifetime: Option<u32>,
        now: Instant,
    ) {
        let expires = now + granted(lifetime);
        let (permissions, channels) = (BTreeMap::new(), BTreeMap::new());
        let allocation = ModelAllocation { user, relayed, expires, permissions, channels };
        assert!(self.allocations.insert(client, allocation).is_none());
    }

    /// The code a request about an allocation is refused by, whatever it wants.
    pub(crate) fn owner_error(&self, client: FiveTuple, user: usize) -> Option<u16> {
        match self.allocations.get(&client) {
            None => Some(437),
            Some(allocation) if allocation.user != user => Some(441),
            Some(_) => None,
        }
    }

    pub(crate) fn refreshed(&mut self, client: FiveTuple, lifetime: Option<u32>, now: Instant) {
        if lifetime == Some(0) {
            self.allocations.remove(&client);
        } else if let Some(allocation) = self.allocations.get_mut(&client) {
            allocation.expires = now + granted(lifetime);
        }
    }

    pub(crate) fn moved(&mut self, from: FiveTuple, to: FiveTuple) {
        if let Some(allocation) = self.allocations.remove(&from) {
            self.allocations.insert(to, allocation);
        }
    }

    /// CreatePermission: the code it is refused by, or nothing, and then it is done.
    pub(crate) fn create_permission(
        &mut self,
        client: FiveTuple,
        peers: &[IpAddr],
        now: Instant,
    ) -> Option<u16> {
        let allocation = self.allocations.get_mut(&client)?;
        if peers.is_empty() {
            return Some(400);
        }
        // One after the other: the first that is wrong decides.
        for (index, peer) in peers.iter().enumerate() {
            let known_before = peers[..index].contains(peer);
            let distinct =
                peers[..index].iter().enumerate().filter(|(i, it)| !peers[..*i].contains(it)).count();
            if !known_before && distinct >= PERMISSIONS_MAX {
                return Some(508);
            }
            if let Some(code) = allocation.peer_error(*peer) {
                return Some(code);
            }
        }
        allocation.install(peers, now)
    }

    /// ChannelBind: the code it is refused by, or nothing, and then it is done.
    pub(crate) fn channel_bind(
        &mut self,
        client: FiveTuple,
        number: u16,
        peer: SocketAddr,
        now: Instant,
    ) -> Option<u16> {
        let allocation = self.allocations.get_mut(&client)?;
        if !(0x4000..=CHANNEL_NUMBER_MAX).contains(&number) {
            return Some(400);
        }
        if let Some(code) = allocation.peer_error(peer.ip()) {
            return Some(code);
        }
        allocation.channels.retain(|_, (_, expires)| *expires > now);
        let is_number_taken = allocation.channels.get(&number).is_some_and(|(other, _)| *other != peer);
        let is_peer_taken =
            allocation.channels.iter().any(|(other, (its, _))| *its == peer && *other != number);
        if is_number_taken || is_peer_taken {
            return Some(400);
        }
        if !allocation.channels.contains_key(&number) && allocation.channels.len() >= CHANNELS_MAX {
            return Some(508);
        }
        if let Some(code) = allocation.install(&[peer.ip()], now) {
            return Some(code);
        }
        allocation.channels.insert(number, (peer, now + CHANNEL_LIFETIME));
        None
    }

    /// Whether data of a client may go to a peer, by a Send indication; and from where.
    pub(crate) fn may_send(&self, client: FiveTuple, peer: SocketAddr, now: Instant) -> Option<SocketAddr> {
        let allocation = self.allocations.get(&client)?;
        allocation.permits(peer.ip(), now).then_some(())?;
        *allocation.relayed.of(AddressFamily::of(peer.ip()))
    }

    /// Where ChannelData of a client go to, and from where.
    pub(crate) fn channel(
        &self,
        client: FiveTuple,
        number: u16,
        now: Instant,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let allocation = self.allocations.get(&client)?;
        let (peer, expires) = allocation.channels.get(&number)?;
        let from = (*allocation.relayed.of(AddressFamily::of(peer.ip())))?;
        (*expires > now).then_some((from, *peer))
    }

    /// Which client gets data that come to a relayed address from a peer, and by which channel.
    pub(crate) fn receiver(
        &self,
        relayed: SocketAddr,
        peer: SocketAddr,
        now: Instant,
    ) -> Option<(FiveTuple, Option<u16>)> {
        let of_relay =
            |allocation: &&ModelAllocation| allocation.relayed.iter().any(|(_, address)| *address == relayed);
        let (client, allocation) = self.allocations.iter().find(|(_, allocation)| of_relay(allocation))?;
        allocation.permits(peer.ip(), now).then_some(())?;
        let bound = |(_, (its, expires)): &(&u16, &(SocketAddr, Instant))| *its == peer && *expires > now;
        Some((*client, allocation.channels.iter().find(bound).map(|(number, _)| *number)))
    }
}

impl ModelAllocation {
    fn permits(&self, peer: IpAddr, now: Instant) -> bool {
        self.permissions.get(&peer).is_some_and(|expires| *expires > now)
    }

    fn peer_error(&self, peer: IpAddr) -> Option<u16> {
        if self.relayed.of(AddressFamily::of(peer)).is_none() {
            Some(443)
        } else if is_forbidden(peer) {
            Some(403)
        } else {
            None
        }
    }

    fn install(&mut self, peers: &[IpAddr], now: Instant) -> Option<u16> {
        self.permissions.retain(|_, expires| *expires > now);
        let mut after = self.permissions.clone();
        after.extend(peers.iter().map(|peer| (*peer, now + PERMISSION_LIFETIME)));
        if after.len() > PERMISSIONS_MAX {
            return Some(508);
        }
        self.permissions = after;
        None
    }
}

/// Those of the peers of this world that lie where nobody may be relayed to.
fn is_forbidden(peer: IpAddr) -> bool {
    let allowed = ["192.0.2.", "2001:db8:1:"].iter().any(|prefix| peer.to_string().starts_with(prefix));
    !allowed && peer != RELAY_IPV4 && peer != RELAY_IPV6
}

fn granted(lifetime: Option<u32>) -> Duration {
    let seconds = lifetime.unwrap_or(LIFETIME_DEFAULT).clamp(LIFETIME_DEFAULT, LIFETIME_MAX);
    Duration::from_secs(seconds.into())
}
