//! What has to come about in a world: the reference that agents are held against.
//!
//! It knows no ICE. In a copy of the world whose links are good, each of the two sends a word from every address of its own to every address
//! that it has heard of, again and again, and answers what it hears: whatever can be punched by any means of that kind is punched by
//! this. Who can reach the relay, and how, is tried out in the same way; what follows from that for relayed paths is said by a few rules.

mod puncher;

use crate::layout::{Layout, Role};
use crate::network::SegmentId;
use crate::nodes::RelayTransport;
use crate::plan::{Event, PEOPLE, Plan};
use moim_turn::policy::RelayMode;
use puncher::Puncher;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// For how long the two try. A round takes a tenth of a second, and nothing needs more than a few.
const TIME: Duration = Duration::from_secs(3);

/// How two people can be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// By the addresses of hosts.
    pub by_host: bool,
    /// By what NATs make of them.
    pub by_punching: bool,
    /// By a stream.
    pub by_stream: bool,
    /// By the relay.
    pub by_relay: bool,
    /// What each can do about the relay.
    pub relays: [RelayReach; PEOPLE],
    /// Whether each can reach the signalling server.
    pub can_signal: [bool; PEOPLE],
}

/// How somebody can reach the relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayReach {
    /// Whether an allocation can be had in any of the ways that are told.
    pub can_allocate: bool,
    /// Whether datagrams get to its IPv4 and IPv6 address, and back.
    pub datagrams: [bool; 2],
}

impl Verdict {
    /// What can come about at the end of a plan, when everything in it has happened.
    pub fn at_end(plan: &Plan) -> Self {
        let mut layout = Layout::new(plan, true, |role, world| match role {
            Role::Relay => Puncher::mirror(&[3478], &[3478, 443], world.now()),
            Role::Gateway => Puncher::mirror(&[], &[443], world.now()),
            Role::Person(index) => Puncher::person(index, plan.people[index].tcp, world.now()),
        });
        for disturbance in &plan.disturbances {
            outlast(&mut layout, &disturbance.what);
        }
        let relays = layout.relay_addresses();
        let gateways = layout.gateway_addresses();
        for (host, _) in &layout.people {
            let addresses = layout.world.network().addresses(*host);
            layout.world.with(*host, |puncher, _| puncher.begin(addresses, &relays, &gateways));
        }
        let end = layout.world.now() + TIME;
        // Whatever one learns about itself, the other one is told at once.
        while layout.world.step(end).unwrap_or(false) {
            let known = layout.people.each_ref().map(|(host, _)| layout.world.node(*host).told());
            for (index, (host, _)) in layout.people.iter().enumerate() {
                let of_other = &known[1 - index];
                if layout.world.node(*host).is_news(of_other) {
                    layout.world.with(*host, |puncher, _| puncher.learn(of_other));
                }
            }
        }
        Self::judge(plan, &layout)
    }

    fn judge(plan: &Plan, layout: &Layout<Puncher>) -> Self {
        let people = layout.people.each_ref().map(|(host, _)| layout.world.node(*host));
        let hosts = people.map(Puncher::hosts);
        let works: Vec<(SocketAddr, bool)> = (0..PEOPLE)
            .flat_map(|index| {
                let of_other = &hosts[1 - index];
                people[index].works().map(|(_, remote)| (*remote, of_other.contains(&remote.ip())))
            })
            .collect();
        let relays = people.map(|puncher| RelayReach {
            can_allocate: plan.relay.transports.iter().any(|transport| match transport {
                RelayTransport::StunOnly => false,
                RelayTransport::Udp => puncher.is_mirrored(false) || puncher.is_mirrored(true),
                RelayTransport::Tcp => puncher.has_connected_to_relay(3478),
                RelayTransport::Tls => puncher.has_connected_to_relay(443),
            }),
            datagrams: [false, true].map(|is_ipv6| puncher.is_mirrored(is_ipv6)),
        });
        let is_direct_allowed = plan.people.iter().all(|person| !person.relay_only);
        let is_ideal_stream = plan.people.iter().all(|person| person.tcp)
            && people.iter().any(|puncher| puncher.has_connected_to_peer());
        Self {
            by_host: is_direct_allowed && works.iter().any(|(_, is_host)| *is_host),
            by_punching: is_direct_allowed && works.iter().any(|(_, is_host)| !is_host),
            by_stream: is_direct_allowed && is_ideal_stream,
            by_relay: by_relay(plan, &relays),
            relays,
            can_signal: people.map(Puncher::has_reached_gateway),
        }
    }

    /// Whether there is any way.
    pub fn is_possible(&self) -> bool {
        self.can_signal == [true; PEOPLE]
            && (self.by_host || self.by_punching || self.by_stream || self.by_relay)
    }

    /// Whether there is a way without the relay, by datagrams.
    pub fn is_direct(&self) -> bool {
        self.by_host || self.by_punching
    }
}

/// Two allocations on the same relay reach each other in any case, in memory. One allocation is enough where the relay has sockets for peers,
/// and the other one's datagrams get there.
fn by_relay(plan: &Plan, relays: &[RelayReach; PEOPLE]) -> bool {
    let all = relays.iter().all(|reach| reach.can_allocate);
    let from_outside = |index: usize| {
        let other = 1 - index;
        plan.relay.mode == RelayMode::Range
            && relays[index].can_allocate
            && !plan.people[other].relay_only
            && relays[other].datagrams.contains(&true)
    };
    all || from_outside(0) || from_outside(1)
}

/// Does to the network what an event leaves behind.
///
/// One after the other, and not by a plan that has them from the beginning: who comes when decides who gets which address, and with
/// the same private address in two homes a host is not reached in one of them, where with another it is.
fn outlast(layout: &mut Layout<Puncher>, event: &Event) {
    match *event {
        Event::Move { person, interface, to } => {
            let interface = layout.people[person].1[interface];
            layout.world.network_mut().reattach(interface, to.segment());
        }
        Event::GatewayRenumbered(site) => {
            layout.world.network_mut().renumber_gateway(SegmentId::of_site(site));
        }
        Event::UdpBlocked(site) => {
            if let Some(gateway) = layout.world.network_mut().gateway_mut(SegmentId::of_site(site)) {
                gateway.firewall_mut().block_udp();
            }
        }
        Event::GatewayRestarts(_)
        | Event::SiteOutage(..)
        | Event::InterfaceOutage { .. }
        | Event::QualityChanges { .. }
        | Event::RelayRestarts
        | Event::SignallingRestarts
        | Event::Sleep(..)
        | Event::CalendarJumps(..) => {}
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = [
            (self.by_host, "by host"),
            (self.by_punching, "by punching"),
            (self.by_stream, "by stream"),
            (self.by_relay, "by relay"),
        ];
        let ways: Vec<_> = ways.into_iter().filter(|(is_so, _)| *is_so).map(|(_, way)| way).collect();
        if ways.is_empty() {
            f.write_str("impossible")?;
        } else {
            f.write_str(&ways.join(", "))?;
        }
        if self.can_signal != [true; PEOPLE] {
            write!(f, "; signalling reached: {:?}", self.can_signal)?;
        }
        Ok(())
    }
}
