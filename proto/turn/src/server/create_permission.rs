use super::request::{Asked, Stop};
use super::{DropReason, Event, FromClient, Refusal, Server};
use crate::attribute::XorPeerAddress;
use crate::policy::PeerKind;
use crate::{AddressFamily, AllocationId};
use moim_stun::attribute::Attribute;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// For how long a peer is let through (RFC 8656 §9).
pub(super) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// A peer that is to be let through, and whether it is one of this server's own relayed addresses.
pub(super) type Peer = (IpAddr, bool);

impl Server {
    /// CreatePermission (RFC 8656 §10.2): all the peers it names, or none.
    pub(super) fn create_permission(
        &mut self,
        asked: &Asked<'_>,
        out: &mut [u8],
    ) -> Result<FromClient, Stop> {
        let id = asked.allocation.ok_or(Refusal::AllocationMismatch)?;
        let peers = self.peers_of(asked, id)?;
        self.install_permissions(id, &peers, asked.now.at)?;
        Ok(FromClient::Respond(asked.envelope().success(out, |_| Ok(()))?))
    }

    /// The peers that a request names, each once.
    fn peers_of(&mut self, asked: &Asked<'_>, id: AllocationId) -> Result<Vec<Peer>, Stop> {
        let mut peers: Vec<Peer> = Vec::new();
        let named = asked.message.attributes().filter(|raw| raw.attribute_type == XorPeerAddress::TYPE);
        for raw in named {
            let XorPeerAddress(peer) = raw.decode(asked.message.transaction_id())?;
            if peers.iter().any(|(known, _)| *known == peer.ip()) {
                continue;
            }
            if peers.len() >= self.config.limits.permissions_max {
                return Err(Refusal::InsufficientCapacity.into());
            }
            peers.push((peer.ip(), self.check_peer(id, peer.ip(), asked.now.at)?));
        }
        if peers.is_empty() { Err(Refusal::BadRequest.into()) } else { Ok(peers) }
    }

    /// Whether an allocation may have to do with a peer: 443 if it has no address of its family, 403 if the policy says so. The
    /// answer says whether the peer is one of this server's own relayed addresses.
    pub(super) fn check_peer(&mut self, id: AllocationId, peer: IpAddr, now: Instant) -> Result<bool, Stop> {
        let allocation = self.table.get(id).ok_or(Refusal::AllocationMismatch)?;
        if allocation.relay(AddressFamily::of(peer), now).is_none() {
            return Err(Refusal::PeerAddressFamilyMismatch.into());
        }
        match self.config.peers.check(self.config.relay, peer) {
            Ok(kind) => Ok(kind == PeerKind::OwnRelayed),
            Err(reason) => {
                self.tell(Event::PeerDenied { id, peer, reason });
                Err(Refusal::Forbidden.into())
            }
        }
    }

    /// Lets peers through for another five minutes.
    pub(super) fn install_permissions(
        &mut self,
        id: AllocationId,
        peers: &[Peer],
        now: Instant,
    ) -> Result<(), Stop> {
        let permissions_max = self.config.limits.permissions_max;
        let allocation = self.table.get_mut(id).ok_or(Stop::Drop(DropReason::NoAllocation))?;
        if !allocation.permissions.admits(peers, permissions_max, now) {
            return Err(Refusal::InsufficientCapacity.into());
        }
        for (peer, is_own) in peers {
            allocation.permissions.install(*peer, *is_own, now + PERMISSION_LIFETIME);
        }
        Ok(())
    }
}
