//! A small world: a relay on the Internet, and homes behind gateways.

use moim_sim::network::{
    FirewallConfig, GatewayConfig, HostId, InterfaceId, LinkConfig, LinkPair, NatConfig, SegmentConfig,
    SegmentId,
};
use moim_sim::nodes::{Echo, Prober, Program, RelayConfig, RelayNode};
use moim_sim::{Seed, World};
use moim_stun::discovery::{LifetimeSearch, Report};
use moim_turn::policy::RelayMode;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(crate) struct Town {
    pub(crate) world: World<Program>,
    pub(crate) relay: HostId,
    seed: Seed,
}

impl Town {
    pub(crate) fn new(seed: u64) -> Self {
        let seed = Seed(seed);
        let mut world = World::new(seed);
        let relay = world.add_host("relay", Program::Echo(Box::default()));
        let interface = world.network_mut().attach(relay, SegmentId::INTERNET, cable());
        for is_ipv6 in [false, true] {
            world.network_mut().add_address(interface, is_ipv6).unwrap();
        }
        let addresses = world.network().addresses(relay);
        let config = RelayConfig::new(&addresses, RelayMode::Range);
        let node = RelayNode::new(config, seed, 0, world.now());
        world.restart(relay, Program::Relay(Box::new(node)));
        Self { world, relay, seed }
    }

    /// A home with these addresses behind a gateway.
    pub(crate) fn home(&mut self, ipv4: &str, gateway: GatewayConfig) -> SegmentId {
        let config = SegmentConfig { ipv4: Some(ipv4.parse().unwrap()), ipv6: true, gateway };
        self.world.network_mut().add_segment(config)
    }

    pub(crate) fn home_with_nat(&mut self, nat: NatConfig) -> SegmentId {
        self.home("192.168.1.0/24", GatewayConfig::with_nat(SegmentId::INTERNET, nat))
    }

    pub(crate) fn behind_firewall(&mut self, firewall: FirewallConfig) -> SegmentId {
        let nat = NatConfig::default();
        self.home(
            "192.168.1.0/24",
            GatewayConfig { firewall, ..GatewayConfig::with_nat(SegmentId::INTERNET, nat) },
        )
    }

    /// Somebody on a segment, who gives back what comes to port 7.
    pub(crate) fn neighbour(&mut self, segment: SegmentId) -> (HostId, InterfaceId) {
        let host = self.world.add_host("neighbour", Program::Echo(Box::new(Echo::on(7))));
        let interface = self.world.network_mut().attach(host, segment, cable());
        (host, interface)
    }

    pub(crate) fn ipv4(&self, host: HostId) -> IpAddr {
        self.world.network().addresses(host).into_iter().find(IpAddr::is_ipv4).unwrap()
    }

    pub(crate) fn ipv6(&self, host: HostId) -> IpAddr {
        self.world.network().addresses(host).into_iter().find(IpAddr::is_ipv6).unwrap()
    }

    /// A datagram from one to another. Where it came from, as the other sees it, if it came.
    pub(crate) fn reaches(
        &mut self,
        from: (HostId, SocketAddr),
        to: (HostId, SocketAddr),
    ) -> Option<SocketAddr> {
        let before = self.echo(to.0).received().len();
        self.world.with(from.0, |program, _| program.echo_mut().unwrap().send(from.1, to.1, b"hello"));
        self.world.run_for(Duration::from_secs(1)).unwrap();
        self.echo(to.0).received().get(before).map(|received| received.remote)
    }

    pub(crate) fn echo(&self, host: HostId) -> &Echo {
        self.world.node(host).echo().unwrap()
    }

    /// What `moim_stun` finds out from a host on a segment.
    pub(crate) fn discover(
        &mut self,
        segment: SegmentId,
        is_ipv6: bool,
        lifetime: Option<LifetimeSearch>,
    ) -> Report {
        let host = self.world.add_host("prober", Program::Echo(Box::default()));
        self.world.network_mut().attach(host, segment, cable());
        let local = if is_ipv6 { self.ipv6(host) } else { self.ipv4(host) };
        let server = if is_ipv6 { self.ipv6(self.relay) } else { self.ipv4(self.relay) };
        let asked = vec![SocketAddr::new(server, 3478)];
        let prober = Prober::new(asked, local, lifetime, self.seed.bytes("prober", 0), self.world.now());
        self.world.restart(host, Program::Prober(Box::new(prober)));
        let is_done = |world: &World<Program>| {
            world.node(host).prober().is_some_and(|prober| prober.report().is_some())
        };
        assert!(self.world.run_until(Duration::from_secs(4 * 3600), is_done).unwrap());
        self.world.node(host).prober().unwrap().report().unwrap().clone()
    }

    pub(crate) fn assert_balanced(&self) {
        let network = self.world.network();
        assert!(network.counters().are_balanced(network.in_flight()), "{:?}", network.counters());
    }
}

pub(crate) fn cable() -> LinkPair<LinkConfig> {
    LinkPair::both(LinkConfig::with_delay(Duration::from_millis(2)))
}
