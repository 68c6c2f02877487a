use super::firewall::{Firewall, FirewallConfig};
use super::link::{Link, LinkConfig};
use super::nat::{Nat, NatConfig};
use super::{DropReason, SegmentId};
use crate::packet::Packet;
use crate::random::Seed;
use std::net::IpAddr;
use std::time::Instant;

/// The two directions of a cable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkPair<T> {
    /// Towards the Internet.
    pub up: T,
    /// From it.
    pub down: T,
}

impl<T: Clone> LinkPair<T> {
    /// The same both ways.
    pub fn both(link: T) -> Self {
        Self { up: link.clone(), down: link }
    }
}

impl LinkPair<Link> {
    /// From now on both ways are like this.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.up.set_config(config);
        self.down.set_config(config);
    }

    /// Lets nothing through, or everything again that it did before.
    pub fn set_up(&mut self, is_up: bool) {
        for link in [&mut self.up, &mut self.down] {
            link.set_config(LinkConfig { is_up, ..link.config() });
        }
    }
}

/// What a gateway is like.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The segment it leads to.
    pub parent: SegmentId,
    /// The cable to there.
    pub links: LinkPair<LinkConfig>,
    /// Whether and how IPv4 is translated. [`None`]: the segment's IPv4 addresses are known outside.
    pub nat: Option<NatConfig>,
    /// How many IPv4 addresses it has on its parent, for the NAT. One at least.
    pub public_addresses: usize,
    /// What is let through.
    pub firewall: FirewallConfig,
}

impl GatewayConfig {
    /// A gateway with a NAT, a firewall that lets in only what answers something, and a cable of 5 ms.
    pub fn with_nat(parent: SegmentId, nat: NatConfig) -> Self {
        Self {
            parent,
            links: LinkPair::both(LinkConfig::with_delay(std::time::Duration::from_millis(5))),
            nat: Some(nat),
            public_addresses: 1,
            firewall: FirewallConfig::default(),
        }
    }
}

/// What joins a segment to the one above.
#[derive(Debug)]
pub struct Gateway {
    parent: SegmentId,
    pub(super) links: LinkPair<Link>,
    nat: Option<Nat>,
    firewall: Firewall,
    outside: Vec<IpAddr>,
}

impl Gateway {
    pub(super) fn new(
        config: GatewayConfig,
        links: LinkPair<Link>,
        outside: Vec<IpAddr>,
        seed: Seed,
        index: u64,
    ) -> Self {
        let nat = config.nat.map(|nat| Nat::new(nat, outside.clone(), seed, index));
        Self { parent: config.parent, links, nat, firewall: Firewall::new(config.firewall), outside }
    }

    /// The segment it leads to.
    pub fn parent(&self) -> SegmentId {
        self.parent
    }

    /// Its IPv4 addresses on its parent.
    pub fn outside(&self) -> &[IpAddr] {
        &self.outside
    }

    /// The NAT.
    pub fn nat(&self) -> Option<&Nat> {
        self.nat.as_ref()
    }

    /// The firewall.
    pub fn firewall(&self) -> &Firewall {
        &self.firewall
    }

    /// The firewall, to be changed.
    pub fn firewall_mut(&mut self) -> &mut Firewall {
        &mut self.firewall
    }

    /// The cable to the parent, to be changed.
    pub fn links_mut(&mut self) -> &mut LinkPair<Link> {
        &mut self.links
    }

    /// It restarts: NAT and firewall have forgotten everybody.
    pub fn restart(&mut self) {
        self.firewall.restart();
        if let Some(nat) = &mut self.nat {
            nat.restart();
        }
    }

    pub(super) fn set_outside(&mut self, outside: Vec<IpAddr>) {
        self.outside.clone_from(&outside);
        if let Some(nat) = &mut self.nat {
            nat.set_public(outside);
        }
        self.firewall.restart();
    }

    /// Whether this is one of its addresses on its parent that stand for hosts behind it.
    pub(super) fn translates(&self, address: IpAddr) -> bool {
        self.nat.is_some() && self.outside.contains(&address)
    }

    /// Lets a packet out, translated, or does not.
    pub(super) fn outbound(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        self.firewall.outbound(packet, now)?;
        match &mut self.nat {
            Some(nat) if packet.source.is_ipv4() => nat.outbound(packet, now),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets a packet in, translated, or does not.
    pub(super) fn inbound(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        match &mut self.nat {
            Some(nat) if packet.destination.is_ipv4() => nat.inbound(packet, now),
            Some(_) | None => self.firewall.inbound(packet, now),
        }
    }

    /// Turns a packet round that comes from inside and is for an address of its own.
    pub(super) fn hairpin(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        self.firewall.outbound(packet, now)?;
        self.nat.as_mut().map_or(Err(DropReason::NoRoute), |nat| nat.hairpin(packet, now))
    }
}
