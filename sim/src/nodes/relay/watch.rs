use moim_stun::attribute::Attribute;
use moim_stun::{Class, Message};
use moim_turn::attribute::XorPeerAddress;
use moim_turn::{AllocationId, method};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long a permission lasts (RFC 8656 §9).
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// How long a channel lasts (RFC 8656 §12).
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Something was relayed between a client and a peer that it has not permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Whose allocation it went by.
    pub allocation: AllocationId,
    /// The peer.
    pub peer: IpAddr,
}

/// An account of permissions, kept from the messages alone: what the server is held against.
#[derive(Debug, Default)]
pub(super) struct Watch {
    permitted: BTreeMap<(AllocationId, IpAddr), Instant>,
    violations: Vec<Violation>,
}

impl Watch {
    /// A request was answered.
    pub(super) fn answered(
        &mut self,
        allocation: AllocationId,
        request: &[u8],
        response: &[u8],
        now: Instant,
    ) {
        let (Ok(request), Ok(response)) = (Message::parse(request), Message::parse(response)) else { return };
        if response.class() != Class::SuccessResponse {
            return;
        }
        let lifetime = match request.method() {
            method::CREATE_PERMISSION => PERMISSION_LIFETIME,
            method::CHANNEL_BIND => CHANNEL_LIFETIME,
            _ => return,
        };
        let peers = request.attributes().filter(|attribute| attribute.attribute_type == XorPeerAddress::TYPE);
        for peer in peers {
            if let Ok(XorPeerAddress(peer)) = peer.decode(request.transaction_id()) {
                let until = self.permitted.entry((allocation, peer.ip())).or_insert(now);
                *until = (*until).max(now + lifetime);
            }
        }
    }

    /// Data went to a peer or came from one.
    pub(super) fn relayed(&mut self, allocation: AllocationId, peer: IpAddr, now: Instant) {
        let is_permitted = self.permitted.get(&(allocation, peer)).is_some_and(|until| now < *until);
        if !is_permitted {
            self.violations.push(Violation { allocation, peer });
        }
    }

    pub(super) fn freed(&mut self, allocation: AllocationId) {
        self.permitted.retain(|(other, _), _| *other != allocation);
    }

    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }
}
