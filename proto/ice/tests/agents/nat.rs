//! Network address translators (RFC 4787).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// For which packets a mapping is used again (RFC 4787 §4.1), and whose packets come in by it (§5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// One mapping for all, and everybody comes in.
    FullCone,
    /// One mapping for all; in comes whose address was sent to.
    AddressRestricted,
    /// One mapping for all; in comes whose address and port were sent to.
    PortRestricted,
    /// A mapping for each destination; in comes that destination.
    Symmetric,
    /// Nothing but connections to the server, which are not modelled as datagrams.
    UdpBlocked,
}

#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) behaviour: Behaviour,
    pub(crate) public: IpAddr,
    mappings: BTreeMap<(SocketAddr, Option<SocketAddr>), SocketAddr>,
    inside: BTreeMap<SocketAddr, SocketAddr>,
    sent: Vec<(SocketAddr, SocketAddr)>,
    next_port: u16,
}

impl Nat {
    pub(crate) fn new(behaviour: Behaviour, public: IpAddr) -> Self {
        let (mappings, inside) = (BTreeMap::new(), BTreeMap::new());
        Self { behaviour, public, mappings, inside, sent: Vec::new(), next_port: 20_000 }
    }

    /// As what a packet leaves.
    pub(crate) fn outbound(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        let destination = (self.behaviour == Behaviour::Symmetric).then_some(to);
        let mapped = *self.mappings.entry((from, destination)).or_insert_with(|| {
            self.next_port += 1;
            SocketAddr::new(self.public, self.next_port)
        });
        self.inside.insert(mapped, from);
        if !self.sent.contains(&(mapped, to)) {
            self.sent.push((mapped, to));
        }
        mapped
    }

    /// Whom a packet is for. [`None`]: it does not come in.
    pub(crate) fn inbound(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let mut sent = self.sent.iter().filter(|(mapped, _)| *mapped == to).map(|(_, to)| *to);
        let comes_in = match self.behaviour {
            Behaviour::FullCone => sent.next().is_some(),
            Behaviour::AddressRestricted => sent.any(|to| to.ip() == from.ip()),
            Behaviour::PortRestricted | Behaviour::Symmetric => sent.any(|to| to == from),
            Behaviour::UdpBlocked => false,
        };
        comes_in.then(|| self.inside.get(&to).copied()).flatten()
    }

    /// Forgets all mappings: as after a restart of the NAT.
    pub(crate) fn forget(&mut self) {
        self.mappings.clear();
        self.inside.clear();
        self.sent.clear();
    }
}

/// Whether packets can go directly between hosts behind such NATs, or none (RFC 5128 §3.3).
pub(crate) fn can_meet(one: Option<Behaviour>, other: Option<Behaviour>) -> bool {
    use Behaviour::{PortRestricted, Symmetric, UdpBlocked};
    let either = |behaviour| one == Some(behaviour) || other == Some(behaviour);
    let is_strict = |it| matches!(it, Some(Symmetric | PortRestricted));
    let is_unforeseeable = either(Symmetric) && is_strict(one) && is_strict(other);
    !(either(UdpBlocked) || is_unforeseeable)
}
