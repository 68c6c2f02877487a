//! Worlds made after a plan.

use crate::network::{HostId, InterfaceId, LinkPair, Network, SegmentId};
use crate::node::Node;
use crate::plan::{PEOPLE, Place, Plan, Quality};
use crate::world::World;
use std::net::IpAddr;

/// A world, and where in it everything is.
#[derive(Debug)]
pub struct Layout<N> {
    /// The world.
    pub world: World<N>,
    /// The host of the STUN and TURN server.
    pub relay: HostId,
    /// The host of the signalling server.
    pub gateway: HostId,
    /// The hosts of people, and their interfaces.
    pub people: [(HostId, Vec<InterfaceId>); PEOPLE],
}

/// What runs on a host of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The STUN and TURN server.
    Relay,
    /// The signalling server.
    Gateway,
    /// Somebody.
    Person(usize),
}

impl<N: Node> Layout<N> {
    /// The world of a plan. `make` makes what runs on each host, which has no address yet; with `is_ideal`, all links are good.
    pub fn new(plan: &Plan, is_ideal: bool, mut make: impl FnMut(Role, &World<N>) -> N) -> Self {
        let mut world = World::new(plan.seed);
        for site in &plan.sites {
            world.network_mut().add_segment(site.segment(is_ideal));
        }
        let mut add = |world: &mut World<N>, name: &str, role| {
            let node = make(role, world);
            world.add_host(name, node)
        };
        let relay = add(&mut world, "relay", Role::Relay);
        let gateway = add(&mut world, "gateway", Role::Gateway);
        let people = [0, 1].map(|index| add(&mut world, plan.people[index].name, Role::Person(index)));

        let network = world.network_mut();
        let server = LinkPair::both(Quality::Ideal.links().up);
        let relays = network.attach(relay, SegmentId::INTERNET, server);
        // A second address of each family is for questions about NATs.
        for is_ipv6 in [false, true] {
            network.add_address(relays, is_ipv6);
        }
        if !plan.relay.ipv6 {
            network.drop_family(relays, true);
        }
        network.attach(gateway, SegmentId::INTERNET, server);
        let people = [0, 1].map(|index| {
            let interfaces = plan.people[index].interfaces.iter();
            let interfaces = interfaces.map(|(place, quality)| {
                let quality = if is_ideal { Quality::Ideal } else { *quality };
                attach(network, people[index], *place, quality)
            });
            (people[index], interfaces.collect())
        });
        Self { world, relay, gateway, people }
    }

    /// Where the relay can be reached: by its first address of each family.
    pub fn relay_addresses(&self) -> Vec<IpAddr> {
        self.first_addresses(self.relay)
    }

    /// Where the signalling server can be reached.
    pub fn gateway_addresses(&self) -> Vec<IpAddr> {
        self.first_addresses(self.gateway)
    }

    fn first_addresses(&self, host: HostId) -> Vec<IpAddr> {
        let addresses = self.world.network().addresses(host);
        [false, true]
            .into_iter()
            .filter_map(|is_ipv6| addresses.iter().copied().find(|ip| ip.is_ipv6() == is_ipv6))
            .collect()
    }
}

fn attach(network: &mut Network, host: HostId, place: Place, quality: Quality) -> InterfaceId {
    network.attach(host, place.segment(), quality.links())
}
