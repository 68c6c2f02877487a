//! The way of a packet from segment to segment.

use super::link::Arrivals;
use super::{Delivery, DropReason, Flight, InterfaceId, Network, Place, SegmentId};
use crate::packet::{HOPS_MAX, Packet};
use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Instant;

impl Network {
    /// A packet came out of a link.
    pub(super) fn arrive(&mut self, place: Place, mut packet: Packet, now: Instant) {
        packet.hops += 1;
        if packet.hops > HOPS_MAX {
            self.counters.count_drop(DropReason::TooManyHops);
            return;
        }
        match place {
            Place::Segment(segment) => self.forward(segment, packet, now),
            Place::Gateway(segment) => self.enter(segment, packet, now),
            Place::Interface(interface) => self.deliver(interface, packet),
        }
    }

    /// Puts a packet on the link, or links, that a sending says.
    pub(super) fn take_off(&mut self, arrivals: Result<Arrivals, DropReason>, to: Place, packet: Packet) {
        match arrivals {
            Ok(Arrivals { first, copy }) => {
                if let Some(copy) = copy {
                    self.counters.copied += 1;
                    self.fly(to, copy, packet.clone());
                }
                self.fly(to, first, packet);
            }
            Err(reason) => self.counters.count_drop(reason),
        }
    }

    pub(super) fn fly(&mut self, to: Place, arrives: Instant, packet: Packet) {
        let number = self.flights;
        self.flights += 1;
        self.flying.push(Reverse(Flight { arrives, number, to, packet }));
    }

    /// In a segment: to a host of it, down into another one, or up.
    fn forward(&mut self, at: SegmentId, packet: Packet, now: Instant) {
        let destination = packet.destination.ip();
        if let Some(interface) = self.segments[at.0].interfaces.get(&destination).copied() {
            self.hand_down(interface, packet, now);
        } else if let Some(child) = self.child_towards(at, destination) {
            self.down(child, packet, now);
        } else if self.segments[at.0].contains(destination) {
            self.counters.count_drop(DropReason::NoRoute);
        } else {
            self.up(at, packet, now);
        }
    }

    fn hand_down(&mut self, interface: InterfaceId, packet: Packet, now: Instant) {
        let arrivals = self.interfaces[interface.0].links.down.send(packet.wire_len(), now);
        self.take_off(arrivals, Place::Interface(interface), packet);
    }

    fn down(&mut self, child: SegmentId, packet: Packet, now: Instant) {
        let Some(gateway) = &mut self.segments[child.0].gateway else { return };
        let arrivals = gateway.links.down.send(packet.wire_len(), now);
        self.take_off(arrivals, Place::Gateway(child), packet);
    }

    fn up(&mut self, from: SegmentId, mut packet: Packet, now: Instant) {
        let Some(gateway) = &mut self.segments[from.0].gateway else {
            self.counters.count_drop(DropReason::NoRoute);
            return;
        };
        if gateway.translates(packet.destination.ip()) {
            match gateway.hairpin(&mut packet, now) {
                Ok(()) => self.forward(from, packet, now),
                Err(reason) => self.counters.count_drop(reason),
            }
            return;
        }
        if let Err(reason) = gateway.outbound(&mut packet, now) {
            self.counters.count_drop(reason);
            return;
        }
        let parent = gateway.parent();
        let arrivals = gateway.links.up.send(packet.wire_len(), now);
        self.take_off(arrivals, Place::Segment(parent), packet);
    }

    /// At a gateway, from outside.
    fn enter(&mut self, segment: SegmentId, mut packet: Packet, now: Instant) {
        let Some(gateway) = &mut self.segments[segment.0].gateway else { return };
        match gateway.inbound(&mut packet, now) {
            Ok(()) => self.forward(segment, packet, now),
            Err(reason) => self.counters.count_drop(reason),
        }
    }

    fn deliver(&mut self, interface: InterfaceId, packet: Packet) {
        let host = self.interfaces[interface.0].host;
        if self.is_own(host, packet.destination) {
            self.counters.delivered += 1;
            self.deliveries.push_back(Delivery { host, packet });
        } else {
            self.counters.count_drop(DropReason::NoSuchAddress);
        }
    }

    /// The segment right below through which an address is reached. A translated segment is reached by its gateway's addresses only.
    fn child_towards(&self, at: SegmentId, address: IpAddr) -> Option<SegmentId> {
        let children = &self.segments[at.0].children;
        children.iter().copied().find(|child| self.leads_to(*child, address))
    }

    fn leads_to(&self, segment: SegmentId, address: IpAddr) -> bool {
        let here = &self.segments[segment.0];
        let Some(gateway) = &here.gateway else { return false };
        if address.is_ipv4() && gateway.nat().is_some() {
            return gateway.translates(address);
        }
        here.contains(address) || here.children.iter().any(|child| self.leads_to(*child, address))
    }
}
