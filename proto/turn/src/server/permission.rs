use super::channel::grow_exactly;
use super::create_permission::Peer;
use crate::five_tuple::bits;
use std::net::IpAddr;
use std::time::Instant;

/// The peers that may send to an allocation, by IP address (RFC 8656 §9). Ports do not count.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    /// In the order of the addresses.
    entries: Vec<Permission>,
}

#[derive(Debug)]
struct Permission {
    peer: IpAddr,
    /// Whether the peer is a relayed address of this process.
    is_own: bool,
    expires: Instant,
}

impl Permissions {
    /// Whether a peer is let through.
    #[inline]
    pub(super) fn permits(&self, peer: IpAddr, now: Instant) -> bool {
        self.find(peer, now).is_some()
    }

    /// Whether a peer that is let through is a relayed address of this process. [`None`]: it is not let through.
    #[inline]
    pub(super) fn is_own(&self, peer: IpAddr, now: Instant) -> Option<bool> {
        self.find(peer, now).map(|permission| permission.is_own)
    }

    /// Whether all of `peers`, each named once, can be let through without there being more than `max`. Those expired are forgotten first.
    pub(super) fn admits(&mut self, peers: &[Peer], max: usize, now: Instant) -> bool {
        self.entries.retain(|permission| permission.expires > now);
        let new = peers.iter().filter(|(peer, _)| self.position(*peer).is_err()).count();
        self.entries.len() + new <= max
    }

    /// Lets a peer through, from now on until it `expires`.
    pub(super) fn install(&mut self, peer: IpAddr, is_own: bool, expires: Instant) {
        let permission = Permission { peer, is_own, expires };
        match self.position(peer) {
            Ok(index) => self.entries[index] = permission,
            Err(index) => {
                grow_exactly(&mut self.entries);
                self.entries.insert(index, permission);
            }
        }
    }

    /// Asks again about each peer whether it is a relayed address of this process; [`None`]: it is no longer let through.
    pub(super) fn review(&mut self, mut is_own: impl FnMut(IpAddr) -> Option<bool>) {
        self.entries.retain_mut(|permission| match is_own(permission.peer) {
            Some(own) => {
                permission.is_own = own;
                true
            }
            None => false,
        });
    }

    /// How many have not expired.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.entries.iter().filter(|permission| permission.expires > now).count()
    }

    #[inline]
    fn find(&self, peer: IpAddr, now: Instant) -> Option<&Permission> {
        let index = self.position(peer).ok()?;
        Some(&self.entries[index]).filter(|permission| permission.expires > now)
    }

    #[inline]
    fn position(&self, peer: IpAddr) -> Result<usize, usize> {
        let peer = bits(peer);
        self.entries.binary_search_by(|permission| bits(permission.peer).cmp(&peer))
    }
}
