//! How plans are drawn. Each decision has a generator of its own, so that a new kind of decision leaves the others as they were.

use super::{Disturbance, Event, PEOPLE, Person, Place, Plan, Quality, RelayPlan, Site, Trickle};
use crate::network::{Dependence, FirewallConfig, Hairpinning, NatConfig, Pooling, PortAssignment};
use crate::nodes::RelayTransport;
use crate::random::{Chance, Random, Seed};
use ipnet::Ipv4Net;
use moim_turn::policy::RelayMode;
use std::net::Ipv4Addr;
use std::time::Duration;

/// When the first disturbance comes at the earliest: most calls are connected by then, some are in the middle of it.
const FIRST_DISTURBANCE: Duration = Duration::from_millis(200);
/// When the last one begins at the latest.
const LAST_DISTURBANCE: Duration = Duration::from_secs(60);
/// The most that happens in one world.
const DISTURBANCES_MAX: u64 = 4;

pub(super) fn draw(seed: Seed) -> Plan {
    let mut sites = Sites { seed, drawn: Vec::new(), quality: qualities(seed) };
    let places = sites.places();
    let spare = sites.spare();
    let people = people(seed, places, spare, &sites);
    let relay = relay(seed);
    let mut plan = Plan { seed, sites: sites.drawn, relay, people, disturbances: Vec::new() };
    plan.disturbances = disturbances(&plan);
    plan
}

/// Of which qualities a world is: about half of them have good links only, so that what has to work at once is seen to.
fn qualities(seed: Seed) -> Vec<Quality> {
    let mut random = seed.random("plan qualities", 0);
    match random.below(6) {
        0..=2 => vec![Quality::Cable, Quality::Dsl],
        3 => vec![Quality::Wifi, Quality::Dsl, Quality::Mobile],
        4 => Quality::ALL.to_vec(),
        _ => vec![Quality::BadWifi, Quality::Terrible, Quality::Mobile],
    }
}

struct Sites {
    seed: Seed,
    drawn: Vec<Site>,
    quality: Vec<Quality>,
}

impl Sites {
    /// Where the two people are.
    fn places(&mut self) -> [Place; PEOPLE] {
        let mut random = self.seed.random("plan places", 0);
        match random.below(10) {
            // At one site.
            0 => {
                let place = self.any(&mut random);
                [place, place]
            }
            // At two homes of one provider, behind one NAT of its own.
            1 => {
                let carrier = self.carrier(&mut random);
                [self.home(&mut random, carrier), self.home(&mut random, carrier)]
            }
            // One at a provider's, one behind it.
            2 => {
                let carrier = self.carrier(&mut random);
                [carrier, self.home(&mut random, carrier)]
            }
            _ => [self.any(&mut random), self.any(&mut random)],
        }
    }

    /// Where somebody may go to later.
    fn spare(&mut self) -> Place {
        let mut random = self.seed.random("plan spare place", 0);
        self.any(&mut random)
    }

    fn any(&mut self, random: &mut Random) -> Place {
        match random.below(12) {
            0 => Place::Internet,
            1..=6 => self.home(random, Place::Internet),
            7 => {
                let carrier = self.carrier(random);
                self.home(random, carrier)
            }
            8 | 9 => self.carrier(random),
            10 => self.office(random),
            _ => self.ipv6_only(random),
        }
    }

    fn home(&mut self, random: &mut Random, parent: Place) -> Place {
        let net = random.choose(&[
            "192.168.0.0/24",
            "192.168.1.0/24",
            "192.168.1.0/24",
            "10.0.0.0/24",
            "172.16.5.0/24",
        ]);
        let site = Site {
            ipv4: net.parse().ok(),
            ipv6: random.happens(Chance::percent(35)),
            ..self.site("home", parent, random)
        };
        self.add(site)
    }

    fn carrier(&mut self, random: &mut Random) -> Place {
        let net = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 16);
        let public_addresses = random.choose(&[1, 1, 4]);
        let ipv6 = random.happens(Chance::percent(30));
        let site = self.site("carrier", Place::Internet, random);
        self.add(Site { ipv4: Some(net), ipv6, public_addresses, ..site })
    }

    fn office(&mut self, random: &mut Random) -> Place {
        let net = Ipv4Net::new_assert(Ipv4Addr::new(10, 20, 0, 0), 16);
        let firewall = random.choose(&[
            FirewallConfig::web_only(),
            FirewallConfig { udp_out: false, ..FirewallConfig::default() },
            FirewallConfig { tcp_out: Some(vec![80, 443]), ..FirewallConfig::default() },
        ]);
        let ipv6 = random.happens(Chance::percent(20));
        let site = self.site("office", Place::Internet, random);
        self.add(Site { ipv4: Some(net), ipv6, firewall, ..site })
    }

    fn ipv6_only(&mut self, random: &mut Random) -> Place {
        let site = self.site("IPv6-only network", Place::Internet, random);
        self.add(Site { ipv4: None, ipv6: true, ..site })
    }

    fn site(&self, name: &'static str, parent: Place, random: &mut Random) -> Site {
        let inbound = random.choose(&[
            Some(Dependence::AddressAndPortDependent),
            Some(Dependence::EndpointIndependent),
            Some(Dependence::AddressDependent),
        ]);
        Site {
            name,
            parent,
            ipv4: None,
            ipv6: false,
            nat: nat(random),
            public_addresses: 1,
            firewall: FirewallConfig { inbound, ..FirewallConfig::default() },
            quality: random.choose(&self.quality),
        }
    }

    fn add(&mut self, site: Site) -> Place {
        self.drawn.push(site);
        Place::Site(self.drawn.len() - 1)
    }
}

fn nat(random: &mut Random) -> NatConfig {
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let mapping = random.choose(&[
        EndpointIndependent,
        EndpointIndependent,
        EndpointIndependent,
        AddressDependent,
        AddressAndPortDependent,
        AddressAndPortDependent,
    ]);
    let filtering = random.choose(&[
        EndpointIndependent,
        AddressDependent,
        AddressAndPortDependent,
        AddressAndPortDependent,
    ]);
    // Two NATs that let everything in, and show another port to whoever it comes from, answer each other from ever new ports: whether
    // that comes to an end is left to chance.
    let is_endless = mapping == AddressAndPortDependent && filtering == EndpointIndependent;
    let filtering = if is_endless { AddressDependent } else { filtering };
    let ports = random.choose(&[
        PortAssignment::Preserving,
        PortAssignment::Preserving,
        PortAssignment::Sequential(1),
        PortAssignment::Random,
    ]);
    // Where several mappings of one socket had several addresses, what is possible would be left to chance.
    let may_be_arbitrary = mapping == EndpointIndependent && random.happens(Chance::percent(30));
    NatConfig {
        mapping,
        filtering,
        ports,
        pooling: if may_be_arbitrary { Pooling::Arbitrary } else { Pooling::Paired },
        hairpinning: random.choose(&[
            Hairpinning::None,
            Hairpinning::ExternalSource,
            Hairpinning::InternalSource,
        ]),
        udp_lifetime: Duration::from_secs(random.choose(&[30, 60, 120, 300])),
        inbound_refreshes: random.happens(Chance::percent(50)),
        ..NatConfig::default()
    }
}

fn relay(seed: Seed) -> RelayPlan {
    use RelayTransport::{StunOnly, Tcp, Tls, Udp};
    let mut random = seed.random("plan relay", 0);
    let mode = random.choose(&[RelayMode::Internal, RelayMode::Range]);
    let transports = random.choose(&[
        vec![Udp, Tcp, Tls],
        vec![Udp, Tcp, Tls],
        vec![Udp, Tls],
        vec![Udp],
        vec![Tls],
        vec![StunOnly],
    ]);
    RelayPlan { mode, transports, ipv6: random.happens(Chance::percent(70)) }
}

fn people(seed: Seed, places: [Place; PEOPLE], spare: Place, sites: &Sites) -> [Person; PEOPLE] {
    let person = |index: usize, name: &'static str| {
        let mut random = seed.random("plan person", index as u64);
        let quality = random.choose(&sites.quality);
        let mut interfaces = vec![(places[index], quality)];
        if random.happens(Chance::percent(12)) && spare != places[index] {
            interfaces.push((spare, random.choose(&sites.quality)));
        }
        let trickle = match random.below(6) {
            0 => Trickle::None,
            1 => Trickle::Late(random.up_to(Duration::from_secs(3))),
            _ => Trickle::Full,
        };
        Person {
            name,
            interfaces,
            arrives: random.up_to(Duration::from_secs(3)),
            trickle,
            tcp: random.happens(Chance::percent(25)),
            relay_only: random.happens(Chance::percent(5)),
        }
    };
    [person(0, "anna"), person(1, "boris")]
}

fn disturbances(plan: &Plan) -> Vec<Disturbance> {
    let mut random = plan.seed.random("plan disturbances", 0);
    // A third of the worlds is left in peace.
    let count = random.below(DISTURBANCES_MAX + 3).saturating_sub(2);
    let mut all: Vec<_> = (0..count)
        .filter_map(|index| {
            let mut random = plan.seed.random("plan disturbance", index);
            let at = random.between(FIRST_DISTURBANCE, LAST_DISTURBANCE);
            Some(Disturbance { at, what: event(plan, &mut random)? })
        })
        .collect();
    all.sort_by_key(|disturbance| disturbance.at);
    all
}

fn event(plan: &Plan, random: &mut Random) -> Option<Event> {
    let person = random.index(PEOPLE);
    let interface = random.index(plan.people[person].interfaces.len());
    let site = (!plan.sites.is_empty()).then(|| random.index(plan.sites.len()));
    let lasts = random.between(Duration::from_millis(500), Duration::from_secs(45));
    Some(match random.below(12) {
        0 => Event::GatewayRestarts(site?),
        1 => Event::GatewayRenumbered(site?),
        2 => Event::SiteOutage(site?, lasts),
        3 => Event::InterfaceOutage { person, interface, lasts },
        4..=6 => {
            let places: Vec<_> =
                (0..plan.sites.len()).map(Place::Site).chain(std::iter::once(Place::Internet)).collect();
            Event::Move { person, interface, to: random.choose(&places) }
        }
        7 => Event::QualityChanges { person, to: plan.people[random.index(PEOPLE)].interfaces[0].1 },
        8 => Event::RelayRestarts,
        9 => Event::SignallingRestarts,
        10 => Event::Sleep(person, lasts),
        _ => {
            if random.happens(Chance::percent(50)) {
                Event::UdpBlocked(site?)
            } else {
                let hours = i64::try_from(random.below(96)).ok()? - 48;
                Event::CalendarJumps(person, hours * 3600)
            }
        }
    })
}
