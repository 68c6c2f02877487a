//! Networks without wires: segments, the links and gateways between them, and packets on their way.
//!
//! A [`Network`] is a tree of **segments**. The root is the Internet; every other segment (a home, a company, a carrier's inner
//! network) hangs on its parent by a **gateway** with a link each way, and perhaps a firewall and a NAT. **Hosts** have
//! **interfaces** on segments, by links of their own. A packet goes up until the segment that has its destination, and then down: as
//! in real networks, where a private address means something else in each of them.
//!
//! Like the machines it is made for, it has no clock: packets go in by [`Network::send`], time by
//! [`Network::handle_timeout`], and what arrives comes out of [`Network::poll_delivery`]. Every packet that goes in is accounted for in
//! [`Counters`].

mod counters;
mod firewall;
mod forward;
mod gateway;
mod link;
mod nat;
mod segment;

use crate::packet::Packet;
use crate::random::Seed;
use segment::Segment;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub use counters::{Counters, DropReason};
pub use firewall::{Firewall, FirewallConfig};
pub use gateway::{Gateway, GatewayConfig, LinkPair};
pub use link::{CELL_LEN, Link, LinkConfig};
pub use nat::{Dependence, Hairpinning, Nat, NatConfig, Pooling, PortAssignment};
pub use segment::SegmentConfig;

/// A segment. The first is the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId(usize);

impl SegmentId {
    /// The root: what everything hangs on.
    pub const INTERNET: Self = Self(0);

    /// The segment of a plan's site: the Internet comes before them.
    pub(crate) fn of_site(index: usize) -> Self {
        Self(index + 1)
    }
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub usize);

/// A host's interface on a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceId(usize);

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// At whom.
    pub host: HostId,
    /// What.
    pub packet: Packet,
}

/// Everything between hosts.
#[derive(Debug)]
pub struct Network {
    seed: Seed,
    segments: Vec<Segment>,
    interfaces: Vec<Interface>,
    /// How many links have been made: each has randomness of its own.
    links: u64,
    /// Packets on links, by when they come out; then in the order they were sent.
    flying: BinaryHeap<Reverse<Flight>>,
    flights: u64,
    deliveries: VecDeque<Delivery>,
    counters: Counters,
    digest: u64,
}

/// Where a host meets a segment.
#[derive(Debug)]
struct Interface {
    host: HostId,
    segment: SegmentId,
    /// None while it is unplugged.
    addresses: Vec<IpAddr>,
    links: LinkPair<Link>,
}

/// A packet on a link.
#[derive(Debug)]
struct Flight {
    arrives: Instant,
    number: u64,
    to: Place,
    packet: Packet,
}

/// The end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Inside a segment.
    Segment(SegmentId),
    /// At the outside of a segment's gateway.
    Gateway(SegmentId),
    /// At a host.
    Interface(InterfaceId),
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.arrives, self.number).cmp(&(other.arrives, other.number))
    }
}

impl Network {
    /// An Internet with nobody on it.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            segments: vec![Segment::internet()],
            interfaces: Vec::new(),
            links: 0,
            flying: BinaryHeap::new(),
            flights: 0,
            deliveries: VecDeque::new(),
            counters: Counters::default(),
            digest: 0,
        }
    }

    /// A segment behind a gateway, which gets addresses of its own on the segment above.
    pub fn add_segment(&mut self, config: SegmentConfig) -> SegmentId {
        let id = SegmentId(self.segments.len());
        let parent = config.gateway.parent;
        let outside = (0..config.gateway.public_addresses.max(1))
            .filter_map(|_| self.segments[parent.0].take_address(false))
            .collect();
        let links = self.link_pair(config.gateway.links);
        self.segments.push(Segment::new(config, id, links, outside, self.seed));
        self.segments[parent.0].children.push(id);
        id
    }

    /// Plugs a host into a segment, by links up and down. The interface has an address of each family that the segment has.
    pub fn attach(&mut self, host: HostId, segment: SegmentId, links: LinkPair<LinkConfig>) -> InterfaceId {
        let id = InterfaceId(self.interfaces.len());
        let links = self.link_pair(links);
        self.interfaces.push(Interface { host, segment, addresses: Vec::new(), links });
        self.number(id);
        id
    }

    /// One more address of a family for an interface. [`None`]: the segment has none of that family.
    pub fn add_address(&mut self, interface: InterfaceId, is_ipv6: bool) -> Option<IpAddr> {
        let segment = self.interfaces[interface.0].segment;
        let address = self.segments[segment.0].take_address(is_ipv6)?;
        self.interfaces[interface.0].addresses.push(address);
        self.segments[segment.0].interfaces.insert(address, interface);
        Some(address)
    }

    /// Unplugs an interface: it has no address until it is attached anew. What is on its way to it is dropped.
    pub fn detach(&mut self, interface: InterfaceId) {
        let Interface { segment, addresses, .. } = &mut self.interfaces[interface.0];
        for address in addresses.drain(..) {
            self.segments[segment.0].interfaces.remove(&address);
        }
    }

    /// Plugs an interface into a segment, another one or the same, where it gets addresses that nobody has had.
    pub fn reattach(&mut self, interface: InterfaceId, segment: SegmentId) {
        self.detach(interface);
        self.interfaces[interface.0].segment = segment;
        self.number(interface);
    }

    /// Takes the addresses of one family from an interface.
    pub fn drop_family(&mut self, interface: InterfaceId, is_ipv6: bool) {
        let Interface { segment, addresses, .. } = &mut self.interfaces[interface.0];
        let segment = &mut self.segments[segment.0];
        addresses.retain(|address| {
            let stays = address.is_ipv6() != is_ipv6;
            if !stays {
                segment.interfaces.remove(address);
            }
            stays
        });
    }

    /// The addresses of a host: of all its interfaces, in the order they were made.
    pub fn addresses(&self, host: HostId) -> Vec<IpAddr> {
        let own = self.interfaces.iter().filter(|interface| interface.host == host);
        own.flat_map(|interface| interface.addresses.iter().copied()).collect()
    }

    /// The addresses of an interface.
    pub fn interface_addresses(&self, interface: InterfaceId) -> &[IpAddr] {
        &self.interfaces[interface.0].addresses
    }

    /// The segment that an interface is, or was last, plugged into.
    pub fn segment_of(&self, interface: InterfaceId) -> SegmentId {
        self.interfaces[interface.0].segment
    }

    /// The links of an interface, to be changed.
    pub fn interface_links(&mut self, interface: InterfaceId) -> &mut LinkPair<Link> {
        &mut self.interfaces[interface.0].links
    }

    /// The gateway of a segment. [`None`]: it is the Internet.
    pub fn gateway(&self, segment: SegmentId) -> Option<&Gateway> {
        self.segments[segment.0].gateway.as_ref()
    }

    /// The gateway of a segment, to be changed.
    pub fn gateway_mut(&mut self, segment: SegmentId) -> Option<&mut Gateway> {
        self.segments[segment.0].gateway.as_mut()
    }

    /// The provider gives a gateway other public addresses. Its mappings are gone.
    pub fn renumber_gateway(&mut self, segment: SegmentId) {
        let Some(gateway) = &self.segments[segment.0].gateway else { return };
        let (parent, count) = (gateway.parent(), gateway.outside().len());
        let outside = (0..count).filter_map(|_| self.segments[parent.0].take_address(false)).collect();
        if let Some(gateway) = &mut self.segments[segment.0].gateway {
            gateway.set_outside(outside);
        }
    }

    /// What became of packets so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A number that depends on every packet that came out of a link so far, and when: two runs of one world have the same.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many packets are on links.
    pub fn in_flight(&self) -> usize {
        self.flying.len() + self.deliveries.len()
    }

    /// A host sends a packet. Its source is an address of the host, or it goes nowhere.
    pub fn send(&mut self, host: HostId, packet: Packet, now: Instant) {
        self.counters.sent += 1;
        let source = packet.source.ip();
        let own = |interface: &Interface| interface.host == host && interface.addresses.contains(&source);
        let Some(index) = self.interfaces.iter().position(own) else {
            self.counters.count_drop(DropReason::NoInterface);
            return;
        };
        if self.is_own(host, packet.destination) {
            // Between two of a host's own addresses nothing can get lost.
            self.fly(Place::Interface(InterfaceId(index)), now, packet);
            return;
        }
        let interface = &mut self.interfaces[index];
        let to = Place::Segment(interface.segment);
        let arrivals = interface.links.up.send(packet.wire_len(), now);
        self.take_off(arrivals, to, packet);
    }

    /// When the next packet comes out of a link.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flying.peek().map(|Reverse(flight)| flight.arrives)
    }

    /// Lets packets come out of links whose time it is.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.poll_timeout().is_some_and(|at| at <= now) {
            let Some(Reverse(Flight { to, packet, number, arrives })) = self.flying.pop() else { return };
            self.note(number, &packet);
            // It goes on at the moment it arrived, even if whoever turns the clock is late.
            self.arrive(to, packet, arrives);
        }
    }

    /// What arrived at a host. [`None`]: nothing more.
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// What was delivered is lost after all, since the host does not take it.
    pub(crate) fn lost_at_host(&mut self, reason: DropReason) {
        self.counters.delivered -= 1;
        self.counters.count_drop(reason);
    }

    fn number(&mut self, interface: InterfaceId) {
        for is_ipv6 in [false, true] {
            self.add_address(interface, is_ipv6);
        }
    }

    fn link_pair(&mut self, configs: LinkPair<LinkConfig>) -> LinkPair<Link> {
        let mut next = |config| {
            self.links += 1;
            Link::new(config, self.seed, self.links)
        };
        LinkPair { up: next(configs.up), down: next(configs.down) }
    }

    fn is_own(&self, host: HostId, address: SocketAddr) -> bool {
        let mut interfaces = self.interfaces.iter();
        interfaces.any(|interface| interface.host == host && interface.addresses.contains(&address.ip()))
    }

    fn note(&mut self, number: u64, packet: &Packet) {
        let parts = [
            number,
            packet.wire_len().next_multiple_of(CELL_LEN) as u64,
            packet.source.port().into(),
            packet.destination.port().into(),
        ];
        for part in parts {
            self.digest = (self.digest.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}
