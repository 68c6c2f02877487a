//! What one world is made of, and what happens in it: drawn from a seed, and readable.

mod describe;
mod draw;
mod quality;

use crate::network::{
    FirewallConfig, GatewayConfig, LinkConfig, LinkPair, NatConfig, SegmentConfig, SegmentId,
};
use crate::nodes::RelayTransport;
use crate::random::Seed;
use ipnet::Ipv4Net;
use moim_turn::policy::RelayMode;
use std::time::Duration;

pub use quality::Quality;

/// How many people take part in a world.
pub const PEOPLE: usize = 2;

/// A world, before anything has happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it was drawn from, and what everything left to chance in it comes from.
    pub seed: Seed,
    /// The segments besides the Internet, parents first.
    pub sites: Vec<Site>,
    /// The STUN and TURN server.
    pub relay: RelayPlan,
    /// Who takes part.
    pub people: [Person; PEOPLE],
    /// What happens, in the order it happens.
    pub disturbances: Vec<Disturbance>,
}

/// A place that people are at: a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What it is, in a word or two.
    pub name: &'static str,
    /// What it hangs on.
    pub parent: Place,
    /// Its private addresses. [`None`]: it has IPv6 only.
    pub ipv4: Option<Ipv4Net>,
    /// Whether it has public IPv6 addresses.
    pub ipv6: bool,
    /// How IPv4 is translated.
    pub nat: NatConfig,
    /// How many public IPv4 addresses the NAT has.
    pub public_addresses: usize,
    /// What is let through.
    pub firewall: FirewallConfig,
    /// How good its way up is.
    pub quality: Quality,
}

/// Where somebody or something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On the Internet itself, with public addresses and nothing in between.
    Internet,
    /// At the site of this index.
    Site(usize),
}

/// The STUN and TURN server of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayPlan {
    /// Whom it relays to.
    pub mode: RelayMode,
    /// How people are told to reach it.
    pub transports: Vec<RelayTransport>,
    /// Whether it has IPv6 as well.
    pub ipv6: bool,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they are called.
    pub name: &'static str,
    /// Where their interfaces are plugged in, and how well.
    pub interfaces: Vec<(Place, Quality)>,
    /// When they come. Who comes later offers.
    pub arrives: Duration,
    /// When they tell candidates.
    pub trickle: Trickle,
    /// Whether they take and make connections, besides datagrams (RFC 6544).
    pub tcp: bool,
    /// Whether they use relayed candidates only.
    pub relay_only: bool,
}

/// When candidates are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trickle {
    /// Each when it is known (RFC 8838).
    Full,
    /// All together, when gathering is complete, in the description.
    None,
    /// Each so long after it is known.
    Late(Duration),
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// When, from the beginning of the world.
    pub at: Duration,
    /// What.
    pub what: Event,
}

/// What may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The gateway of a site restarts: its NAT and firewall forget everybody.
    GatewayRestarts(usize),
    /// The provider gives the gateway of a site another address.
    GatewayRenumbered(usize),
    /// Nothing passes the cable of a site for a while.
    SiteOutage(usize, Duration),
    /// Nothing passes the cable of an interface for a while.
    InterfaceOutage {
        /// Whose.
        person: usize,
        /// Which of theirs.
        interface: usize,
        /// For how long.
        lasts: Duration,
    },
    /// Somebody takes an interface elsewhere: from Wi-Fi to mobile, from one room to another.
    Move {
        /// Who.
        person: usize,
        /// Which interface.
        interface: usize,
        /// Where to.
        to: Place,
    },
    /// Links become better or worse.
    QualityChanges {
        /// Whose.
        person: usize,
        /// What they are like from now on.
        to: Quality,
    },
    /// The STUN and TURN server restarts: allocations are gone.
    RelayRestarts,
    /// The signalling server restarts: sessions and rooms are gone.
    SignallingRestarts,
    /// Somebody closes the lid for a while.
    Sleep(usize, Duration),
    /// Somebody sets their calendar, by so many seconds.
    CalendarJumps(usize, i64),
    /// The firewall of a site no longer lets datagrams out.
    UdpBlocked(usize),
}

impl Plan {
    /// The plan of this seed.
    pub fn random(seed: Seed) -> Self {
        draw::draw(seed)
    }

    /// When the last thing that happens is over.
    pub fn calm_after(&self) -> Duration {
        let ends = self.disturbances.iter().map(|Disturbance { at, what }| match what {
            Event::SiteOutage(_, lasts) | Event::InterfaceOutage { lasts, .. } | Event::Sleep(_, lasts) => {
                *at + *lasts
            }
            Event::GatewayRestarts(_)
            | Event::GatewayRenumbered(_)
            | Event::Move { .. }
            | Event::QualityChanges { .. }
            | Event::RelayRestarts
            | Event::SignallingRestarts
            | Event::CalendarJumps(..)
            | Event::UdpBlocked(_) => *at,
        });
        let arrivals = self.people.iter().map(|person| person.arrives);
        ends.chain(arrivals).max().unwrap_or_default()
    }

    /// Whether no link of it loses packets or takes long, so that everything has to go as it should at once.
    pub fn is_clean(&self) -> bool {
        let interfaces =
            self.people.iter().flat_map(|person| person.interfaces.iter().map(|(_, quality)| *quality));
        let changes = self.disturbances.iter().filter_map(|disturbance| {
            if let Event::QualityChanges { to, .. } = disturbance.what { Some(to) } else { None }
        });
        self.sites.iter().map(|site| site.quality).chain(interfaces).chain(changes).all(Quality::is_clean)
    }
}

impl Place {
    pub(crate) fn segment(self) -> SegmentId {
        match self {
            Self::Internet => SegmentId::INTERNET,
            Self::Site(index) => SegmentId::of_site(index),
        }
    }
}

impl Site {
    pub(crate) fn segment(&self, is_ideal: bool) -> SegmentConfig {
        let links = if is_ideal { Quality::Ideal } else { self.quality };
        SegmentConfig {
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            gateway: GatewayConfig {
                parent: self.parent.segment(),
                links: links.links(),
                nat: Some(self.nat.clone()),
                public_addresses: self.public_addresses,
                firewall: self.firewall.clone(),
            },
        }
    }
}

impl Quality {
    /// The links of this quality.
    pub fn links(self) -> LinkPair<LinkConfig> {
        LinkPair { up: self.link(true), down: self.link(false) }
    }
}
