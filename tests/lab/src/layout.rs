//! A topology with everything that follows from it: who is connected to whom, and by which addresses. Computes only.

use crate::address::{LanKind, NUMBER_MAX, Network, Pair, ROUTER};
use crate::topology::{Families, Gateway, HostSpec, INTERNET, Impairment, Topology};
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A topology and the numbers that its nodes have in their networks. Numbers are handed out in order and never again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) topology: Topology,
    /// The numbers of each node in the network it is attached to.
    numbers: BTreeMap<String, Vec<u8>>,
    /// The last number given in each network.
    last: BTreeMap<String, u8>,
}

/// A gateway or a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    Gateway(&'a Gateway),
    Host(&'a HostSpec),
}

/// How a node is attached: the addresses of the families that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uplink {
    pub(crate) ipv4: Option<Attachment<Ipv4Addr>>,
    pub(crate) ipv6: Option<Attachment<Ipv6Addr>>,
}

/// The addresses of a node in a network, and its router's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment<A> {
    pub(crate) addresses: Vec<A>,
    pub(crate) router: A,
}

/// A route to the network of a gateway, in the namespace of a node that is nearer to the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The router that has it: a gateway or the internet.
    pub(crate) at: String,
    /// What it leads to.
    pub(crate) prefix: String,
    /// By which address.
    pub(crate) via: String,
}

impl<'a> Node<'a> {
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Gateway(gateway) => &gateway.name,
            Self::Host(host) => &host.name,
        }
    }

    /// The router it is attached to.
    pub(crate) fn parent(self) -> &'a str {
        let behind = match self {
            Self::Gateway(gateway) => gateway.behind.as_deref(),
            Self::Host(host) => host.behind.as_deref(),
        };
        behind.unwrap_or(INTERNET)
    }

    pub(crate) fn families(self) -> Families {
        match self {
            Self::Gateway(gateway) => gateway.families,
            Self::Host(host) => host.families,
        }
    }

    pub(crate) fn link(self) -> Impairment {
        match self {
            Self::Gateway(gateway) => gateway.link,
            Self::Host(host) => host.link,
        }
    }

    fn addresses(self) -> u8 {
        match self {
            Self::Gateway(_) => 1,
            Self::Host(host) => host.addresses,
        }
    }

    /// Its interface towards the router.
    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Gateway(_) => "wan",
            Self::Host(_) => "eth0",
        }
    }

    /// The router's interface towards it.
    pub(crate) fn router_interface(self) -> String {
        format!("to-{}", self.name())
    }
}

impl Layout {
    /// Numbers the nodes of a topology.
    pub(crate) fn new(topology: Topology) -> Result<Self> {
        topology.check()?;
        let mut layout = Self { topology, numbers: BTreeMap::new(), last: BTreeMap::new() };
        let names: Vec<String> = layout.nodes().map(|node| node.name().to_owned()).collect();
        for name in names {
            layout.number_anew(&name)?;
            let uplink = layout.uplink(layout.node(&name)?)?;
            ensure!(
                uplink.ipv4.is_some() || uplink.ipv6.is_some(),
                "{name} has no family of addresses in common with the network that it is attached to"
            );
        }
        Ok(layout)
    }

    /// Gives a node numbers that no node had before in the network it is attached to.
    pub(crate) fn number_anew(&mut self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        let network =
            if node.parent() == INTERNET { format!("{INTERNET}/{name}") } else { node.parent().to_owned() };
        let count = node.addresses();
        let last = self.last.get(&network).copied().unwrap_or(ROUTER);
        ensure!(last <= NUMBER_MAX - count, "there are no more addresses in the network of {network}");
        self.numbers.insert(name.to_owned(), (last + 1..=last + count).collect());
        self.last.insert(network, last + count);
        Ok(())
    }

    /// All nodes, each after the gateway that it is behind.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let gateways = self.topology.gateways.iter().map(Node::Gateway);
        gateways.chain(self.topology.hosts.iter().map(Node::Host))
    }

    pub(crate) fn node(&self, name: &str) -> Result<Node<'_>> {
        self.nodes()
            .find(|node| node.name() == name)
            .with_context(|| format!("there is no {name} in this lab"))
    }

    pub(crate) fn gateway(&self, name: &str) -> Result<&Gateway> {
        let found = self.topology.gateways.iter().find(|gateway| gateway.name == name);
        found.with_context(|| format!("there is no gateway {name} in this lab"))
    }

    pub(crate) fn gateway_mut(&mut self, name: &str) -> Result<&mut Gateway> {
        let found = self.topology.gateways.iter_mut().find(|gateway| gateway.name == name);
        found.with_context(|| format!("there is no gateway {name} in this lab"))
    }

    pub(crate) fn host_mut(&mut self, name: &str) -> Result<&mut HostSpec> {
        let found = self.topology.hosts.iter_mut().find(|host| host.name == name);
        found.with_context(|| format!("there is no host {name} in this lab"))
    }

    /// The network of a gateway.
    pub(crate) fn lan(&self, gateway: &Gateway) -> Result<Network> {
        let is_carrier =
            self.topology.gateways.iter().any(|other| other.behind.as_deref() == Some(&gateway.name));
        let kind = match gateway.nat.mapping() {
            None => LanKind::Public,
            Some(_) if is_carrier => LanKind::Carrier,
            Some(_) => LanKind::Private,
        };
        Ok(Network::Lan(self.index(&gateway.name)?, kind))
    }

    /// The network that a node is attached to.
    pub(crate) fn network(&self, node: Node<'_>) -> Result<Network> {
        match node.parent() {
            INTERNET => Ok(Network::Link(self.index(node.name())?)),
            gateway => self.lan(self.gateway(gateway)?),
        }
    }

    /// How a node is attached.
    pub(crate) fn uplink(&self, node: Node<'_>) -> Result<Uplink> {
        let network = self.network(node)?;
        let parent = match node.parent() {
            INTERNET => Families::Dual,
            gateway => self.effective(Node::Gateway(self.gateway(gateway)?))?,
        };
        let own = node.families();
        let numbers = self.numbers.get(node.name()).context("every node has been numbered")?;
        let nodes: Vec<Pair> = numbers.iter().map(|number| network.node(*number)).collect();
        let router = network.router();
        Ok(Uplink {
            ipv4: (own.has_ipv4() && parent.has_ipv4()).then(|| Attachment {
                addresses: nodes.iter().map(|pair| pair.ipv4).collect(),
                router: router.ipv4,
            }),
            ipv6: (own.has_ipv6() && parent.has_ipv6()).then(|| Attachment {
                addresses: nodes.iter().map(|pair| pair.ipv6).collect(),
                router: router.ipv6,
            }),
        })
    }

    /// The families that a gateway can give to the nodes behind it.
    pub(crate) fn effective(&self, gateway: Node<'_>) -> Result<Families> {
        let uplink = self.uplink(gateway)?;
        Ok(match (uplink.ipv4, uplink.ipv6) {
            (Some(_), None) => Families::Ipv4,
            (None, Some(_)) => Families::Ipv6,
            _ => Families::Dual,
        })
    }

    /// The routes that lead to the networks with public addresses: all of IPv6, and IPv4 without a NAT.
    pub(crate) fn routes(&self) -> Result<Vec<Route>> {
        let mut routes = Vec::new();
        for gateway in &self.topology.gateways {
            let (ipv4, ipv6) = self.lan(gateway)?.prefixes();
            let mut next_hop = Node::Gateway(gateway);
            loop {
                let uplink = self.uplink(next_hop)?;
                let at = next_hop.parent();
                if let Some(attachment) = uplink.ipv4.filter(|_| gateway.nat.mapping().is_none()) {
                    let via = attachment.addresses[0].to_string();
                    routes.push(Route { at: at.to_owned(), prefix: ipv4.clone(), via });
                }
                if let Some(attachment) = uplink.ipv6 {
                    let via = attachment.addresses[0].to_string();
                    routes.push(Route { at: at.to_owned(), prefix: ipv6.clone(), via });
                }
                if at == INTERNET {
                    break;
                }
                next_hop = Node::Gateway(self.gateway(at)?);
            }
        }
        Ok(routes)
    }

    /// Its place among all nodes, from 1.
    fn index(&self, name: &str) -> Result<u8> {
        let position = self.nodes().position(|node| node.name() == name);
        let position = position.with_context(|| format!("there is no {name} in this lab"))?;
        u8::try_from(position + 1).context("a topology has at most 200 nodes")
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Route};
    use crate::topology::{Families, Gateway, HostSpec, Nat, Topology};

    fn two_nats() -> Layout {
        let inner =
            Gateway { behind: Some("carrier".to_owned()), ..Gateway::new("home", Nat::PortRestricted) };
        let topology = Topology::new()
            .gateway("carrier", Nat::Symmetric)
            .with_gateway(inner)
            .with_host(HostSpec { addresses: 2, ..HostSpec::new("server") })
            .host_behind("anna", "home");
        Layout::new(topology).unwrap()
    }

    fn ipv4_of(layout: &Layout, name: &str) -> Vec<String> {
        let uplink = layout.uplink(layout.node(name).unwrap()).unwrap();
        uplink.ipv4.unwrap().addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nodes_have_addresses_of_the_network_they_are_attached_to() {
        let layout = two_nats();
        assert_eq!(ipv4_of(&layout, "carrier"), ["11.0.1.2"]);
        assert_eq!(ipv4_of(&layout, "home"), ["100.64.1.2"]);
        assert_eq!(ipv4_of(&layout, "anna"), ["192.168.2.2"]);
        assert_eq!(ipv4_of(&layout, "server"), ["11.0.3.2", "11.0.3.3"]);
    }

    #[test]
    fn a_new_number_is_one_that_nobody_had() {
        let mut layout = two_nats();
        layout.number_anew("anna").unwrap();
        assert_eq!(ipv4_of(&layout, "anna"), ["192.168.2.3"]);
        layout.number_anew("server").unwrap();
        assert_eq!(ipv4_of(&layout, "server"), ["11.0.3.4", "11.0.3.5"]);
    }

    #[test]
    fn numbers_run_out() {
        let mut layout = two_nats();
        let renumbered = (0..300).find(|_| layout.number_anew("anna").is_err());
        assert_eq!(renumbered, Some(252));
    }

    #[test]
    fn ipv6_networks_are_reached_through_every_router_on_the_way() {
        let routes = two_nats().routes().unwrap();
        let route = |at: &str, prefix: &str, via: &str| Route {
            at: at.to_owned(),
            prefix: prefix.to_owned(),
            via: via.to_owned(),
        };
        let expected = [
            route("internet", "2a11:0:1:1::/64", "2a11:0:0:1::2"),
            route("carrier", "2a11:0:1:2::/64", "2a11:0:1:1::2"),
            route("internet", "2a11:0:1:2::/64", "2a11:0:0:1::2"),
        ];
        assert_eq!(routes, expected);
    }

    #[test]
    fn a_family_ends_where_a_router_lacks_it() {
        let gateway = Gateway { families: Families::Ipv6, ..Gateway::new("mobile", Nat::None) };
        let topology = Topology::new().with_gateway(gateway.clone()).host_behind("anna", "mobile");
        let layout = Layout::new(topology).unwrap();
        let uplink = layout.uplink(layout.node("anna").unwrap()).unwrap();
        assert!(uplink.ipv4.is_none() && uplink.ipv6.is_some());

        let stranded =
            HostSpec { behind: Some("mobile".to_owned()), families: Families::Ipv4, ..HostSpec::new("ben") };
        assert!(Layout::new(Topology::new().with_gateway(gateway).with_host(stranded)).is_err());
    }
}
