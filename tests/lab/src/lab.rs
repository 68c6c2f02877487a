//! A network that exists.

use crate::address::{PREFIX_V4, PREFIX_V6};
use crate::change::Change;
use crate::description::Description;
use crate::host::{self, Host};
use crate::layout::{Layout, Node};
use crate::link;
use crate::names;
use crate::registry::{self, Registration, RunId};
use crate::rules;
use crate::system;
use crate::topology::{Families, Gateway, INTERNET, Nat, Topology};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;

/// Makes addresses usable at once, and keeps the kernel from finding some by itself.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/all/accept_ra", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
];
/// Makes a namespace a router.
const FORWARDING: &[(&str, &str)] = &[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];
const WITHOUT_IPV6: &[(&str, &str)] =
    &[("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1")];

/// A network of namespaces. It is taken down when the `Lab` that made it is dropped.
#[derive(Debug)]
pub struct Lab {
    run: RunId,
    layout: Layout,
    /// What holds the lab; none if another process does.
    _registration: Option<Registration>,
}

impl Lab {
    /// Makes a network. Fails with the reason where that is impossible: see [`crate::lacking`].
    pub fn up(topology: Topology) -> Result<Self> {
        if let Some(reason) = system::lacking() {
            bail!("no lab can be made: {reason}");
        }
        let layout = Layout::new(topology)?;
        // From here on, whatever fails takes down what there is by then.
        let registration = Registration::begin()?;
        let lab = Self { run: registration.run.clone(), layout, _registration: Some(registration) };
        lab.make_namespaces()?;
        for node in lab.layout.nodes() {
            if let Node::Gateway(gateway) = node {
                lab.make_router(gateway)?;
            }
            link::lay(&lab.run, &lab.layout, node)?;
        }
        lab.lay_routes()?;
        registry::save(&lab.run, &lab.layout)?;
        Ok(lab)
    }

    /// A lab that another process holds.
    pub fn of_run(run: RunId) -> Result<Self> {
        let layout = registry::load(&run)?;
        Ok(Self { run, layout, _registration: None })
    }

    /// The name by which other processes find it.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// One of its hosts or gateways, as it is at present.
    pub fn host(&self, name: &str) -> Result<Host> {
        Host::new(&self.run, &self.layout, self.layout.node(name)?)
    }

    /// A host or gateway and those that it is behind, in the order in which its packets pass them.
    pub fn way_out(&self, name: &str) -> Result<Vec<String>> {
        let mut way = vec![name.to_owned()];
        let mut node = self.layout.node(name)?;
        while node.parent() != INTERNET {
            way.push(node.parent().to_owned());
            node = self.layout.node(node.parent())?;
        }
        Ok(way)
    }

    /// All that is in it.
    pub fn describe(&self) -> Result<Description> {
        let describe = |node: Node<'_>| Ok((node.name().to_owned(), self.host(node.name())?.into()));
        let nodes = self.layout.nodes().map(describe).collect::<Result<_>>()?;
        Ok(Description { run: self.run.clone(), nodes })
    }

    /// Makes something happen to it.
    pub fn change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Address { of } => self.change_address(&of)?,
            Change::Move { host, behind } => self.move_host(&host, behind)?,
            Change::Nat { gateway, nat } => self.change_nat(&gateway, nat)?,
            Change::Firewall { gateway, firewall } => {
                self.layout.gateway_mut(&gateway)?.firewall = firewall;
                self.load_rules(&gateway)?;
            }
            Change::Forget { gateway } => self.forget(&gateway)?,
            Change::Link { of, link } => {
                match self.layout.gateway_mut(&of) {
                    Ok(gateway) => gateway.link = link,
                    Err(_) => self.layout.host_mut(&of)?.link = link,
                }
                self.layout.topology.check()?;
                link::impair(&self.run, self.layout.node(&of)?)?;
            }
        }
        registry::save(&self.run, &self.layout)
    }

    fn change_address(&mut self, name: &str) -> Result<()> {
        self.layout.number_anew(name)?;
        link::readdress(&self.run, &self.layout, self.layout.node(name)?)?;
        // The networks behind a gateway are now reached by its new address.
        self.lay_routes()?;
        self.write_names()
    }

    fn move_host(&mut self, name: &str, behind: Option<String>) -> Result<()> {
        let mut changed = self.layout.clone();
        changed.host_mut(name)?.behind = behind;
        changed.topology.check()?;
        changed.number_anew(name)?;
        link::cut(&self.run, self.layout.node(name)?)?;
        self.layout = changed;
        link::lay(&self.run, &self.layout, self.layout.node(name)?)?;
        self.write_names()
    }

    fn change_nat(&mut self, name: &str, nat: Nat) -> Result<()> {
        let gateway = self.layout.gateway_mut(name)?;
        let keeps_addresses = gateway.nat.mapping().is_some() == nat.mapping().is_some();
        ensure!(keeps_addresses, "the hosts behind {name} would need other addresses; make another lab");
        gateway.nat = nat;
        self.load_rules(name)?;
        self.forget(name)
    }

    /// Flows first: one that is forgotten later would be remembered by the map again.
    fn forget(&self, gateway: &str) -> Result<()> {
        self.layout.gateway(gateway)?;
        let namespace = self.run.namespace(gateway);
        system::run("ip", &["netns", "exec", &namespace, "conntrack", "-F"])?;
        self.load_rules(gateway)
    }

    fn make_namespaces(&self) -> Result<()> {
        let names = || std::iter::once(INTERNET).chain(self.layout.nodes().map(Node::name));
        let lines: Vec<String> =
            names().map(|name| format!("netns add {}", self.run.namespace(name))).collect();
        system::ip_here(&lines)?;
        self.set(INTERNET, &[SETTINGS, FORWARDING].concat())?;
        let internet = self.run.namespace(INTERNET);
        // Private and unknown addresses lead nowhere, in silence, as on the real one.
        let blackholes = ["link set lo up", "route add blackhole default", "route add blackhole ::/0"];
        system::ip(&internet, &blackholes.map(str::to_owned))?;
        for node in self.layout.nodes() {
            let mut settings = SETTINGS.to_vec();
            match node {
                Node::Gateway(_) => settings.extend(FORWARDING),
                Node::Host(host) if host.families == Families::Ipv4 => settings.extend(WITHOUT_IPV6),
                Node::Host(_) => {}
            }
            self.set(node.name(), &settings)?;
            system::ip(&self.run.namespace(node.name()), &["link set lo up".to_owned()])?;
        }
        self.write_names()
    }

    /// Makes the network of a gateway, a switch within its namespace, and its rules.
    fn make_router(&self, gateway: &Gateway) -> Result<()> {
        let families = self.layout.effective(Node::Gateway(gateway))?;
        let router = self.layout.lan(gateway)?.router();
        let mut lines = vec!["link add lan type bridge".to_owned(), "link set lan up".to_owned()];
        if families.has_ipv4() {
            lines.push(format!("address add {}/{PREFIX_V4} dev lan", router.ipv4));
        }
        if families.has_ipv6() {
            lines.push(format!("address add {}/{PREFIX_V6} dev lan nodad", router.ipv6));
        }
        system::ip(&self.run.namespace(&gateway.name), &lines)?;
        self.load_rules(&gateway.name)
    }

    fn load_rules(&self, gateway: &str) -> Result<()> {
        system::nft(&self.run.namespace(gateway), &rules::gateway(self.layout.gateway(gateway)?))
    }

    fn lay_routes(&self) -> Result<()> {
        for route in self.layout.routes()? {
            let line = format!("route replace {} via {}", route.prefix, route.via);
            system::ip(&self.run.namespace(&route.at), &[line])?;
        }
        Ok(())
    }

    fn write_names(&self) -> Result<()> {
        self.layout.nodes().try_for_each(|node| names::write(&self.run.namespace(node.name()), &self.layout))
    }

    /// Writes settings of the kernel, which are those of whoever's network writes them.
    fn set(&self, node: &str, settings: &[(&str, &str)]) -> Result<()> {
        host::enter(&self.run.namespace(node), || {
            settings.iter().try_for_each(|(name, value)| {
                fs::write(format!("/proc/sys/net/{name}"), value)
                    .with_context(|| format!("cannot set {name}"))
            })
        })?
    }
}
