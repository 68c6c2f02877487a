//! What a network looks like, as data.

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The router in the middle. Whatever is behind nothing is attached to it.
pub(crate) const INTERNET: &str = "internet";
/// Longest name: an interface `to-NAME` has at most 15 characters.
const NAME_LEN_MAX: usize = 12;
/// Most gateways and hosts of a topology; their networks are numbered by one octet.
const NODES_MAX: usize = 200;
/// Most addresses of a family that a host may have at a time.
const ADDRESSES_MAX: u8 = 8;

/// Hosts, and the gateways between them and the internet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Topology {
    /// Routers with NATs and firewalls, each after the one that it is behind.
    #[serde(default)]
    pub gateways: Vec<Gateway>,
    /// Where programs run.
    #[serde(default)]
    pub hosts: Vec<HostSpec>,
}

/// A router between a network of its own and the network that it is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    /// Letters, digits and hyphens; at most twelve.
    pub name: String,
    /// The gateway that it is behind; none: attached to the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// What it does to IPv4.
    #[serde(default)]
    pub nat: Nat,
    /// What it lets out. In comes only what belongs to something that went out, or what the NAT forwards.
    #[serde(default)]
    pub firewall: Firewall,
    /// The families of its own network.
    #[serde(default)]
    pub families: Families,
    /// What the link to the network that it is behind does to packets.
    #[serde(default)]
    pub link: Impairment,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostSpec {
    /// Letters, digits and hyphens; at most twelve. On the internet itself, all others know it as `NAME.test`.
    pub name: String,
    /// The gateway that it is behind; none: attached to the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// The families it has addresses of.
    #[serde(default)]
    pub families: Families,
    /// How many addresses of each family it has.
    #[serde(default = "one")]
    pub addresses: u8,
    /// What its link does to packets.
    #[serde(default)]
    pub link: Impairment,
}

/// What a gateway does to IPv4 packets (RFC 4787). IPv6 is never translated, only filtered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Nat {
    /// Nothing: the hosts have public addresses, behind a stateful firewall.
    #[default]
    None,
    /// Endpoint-independent mapping and filtering: whoever knows the mapped address gets in.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address and port-dependent filtering: most routers at home.
    PortRestricted,
    /// Address and port-dependent mapping and filtering, ports at random: company networks and mobile carriers.
    Symmetric,
}

/// How external ports depend on the destination (RFC 4787 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// One external port for all destinations.
    EndpointIndependent,
    /// Another one for each destination.
    AddressAndPortDependent,
}

/// Who may send to a mapped address (RFC 4787 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody.
    EndpointIndependent,
    /// Those addresses that were sent to.
    AddressDependent,
    /// Those addresses and ports that were sent to.
    AddressAndPortDependent,
}

/// What a gateway lets out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Firewall {
    /// Everything.
    #[default]
    Open,
    /// No UDP.
    UdpBlocked,
    /// TCP to port 443, and nothing else.
    OnlyTcp443,
}

/// The IP versions a node has addresses of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Families {
    /// Both.
    #[default]
    Dual,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// What a link does to packets, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Impairment {
    /// Packets lost at random, of a thousand.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub loss_per_mille: u16,
    /// The most it carries, in kilobits per second; more is queued, and then dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_kbps: Option<u32>,
    /// For how long packets may wait for a link that is busy, in milliseconds: 100 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<u16>,
}

impl Topology {
    /// No hosts and no gateways.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what `lab up` takes.
    pub fn from_json(text: &str) -> Result<Self> {
        let topology: Self = serde_json::from_str(text).context("this is no topology")?;
        topology.check()?;
        Ok(topology)
    }

    /// Adds a host on the internet.
    #[must_use]
    pub fn host(mut self, name: &str) -> Self {
        self.hosts.push(HostSpec::new(name));
        self
    }

    /// Adds a host behind a gateway.
    #[must_use]
    pub fn host_behind(mut self, name: &str, gateway: &str) -> Self {
        self.hosts.push(HostSpec { behind: Some(gateway.to_owned()), ..HostSpec::new(name) });
        self
    }

    /// Adds a host as described.
    #[must_use]
    pub fn with_host(mut self, host: HostSpec) -> Self {
        self.hosts.push(host);
        self
    }

    /// Adds a gateway on the internet.
    #[must_use]
    pub fn gateway(mut self, name: &str, nat: Nat) -> Self {
        self.gateways.push(Gateway::new(name, nat));
        self
    }

    /// Adds a gateway as described.
    #[must_use]
    pub fn with_gateway(mut self, gateway: Gateway) -> Self {
        self.gateways.push(gateway);
        self
    }

    /// Whether it can be made; otherwise why not.
    pub fn check(&self) -> Result<()> {
        let nodes = self.gateways.len() + self.hosts.len();
        ensure!(nodes <= NODES_MAX, "{nodes} hosts and gateways; at most {NODES_MAX} are possible");
        let mut seen = BTreeSet::from([INTERNET]);
        let mut routers = BTreeSet::new();
        for gateway in &self.gateways {
            check_name(&gateway.name, &mut seen)?;
            check_behind(&gateway.name, gateway.behind.as_deref(), &routers)?;
            if gateway.behind.is_some() && gateway.nat == Nat::None {
                bail!(
                    "{} is behind another gateway, so that its network has no public addresses: it needs a NAT",
                    gateway.name
                );
            }
            check_link(&gateway.name, gateway.link)?;
            routers.insert(gateway.name.as_str());
        }
        for host in &self.hosts {
            check_name(&host.name, &mut seen)?;
            check_behind(&host.name, host.behind.as_deref(), &routers)?;
            ensure!(
                (1..=ADDRESSES_MAX).contains(&host.addresses),
                "{} has {} addresses; 1 to {ADDRESSES_MAX} are possible",
                host.name,
                host.addresses
            );
            check_link(&host.name, host.link)?;
        }
        Ok(())
    }
}

impl Gateway {
    /// A dual-stack gateway on the internet that lets everything out.
    pub fn new(name: &str, nat: Nat) -> Self {
        Self {
            name: name.to_owned(),
            behind: None,
            nat,
            firewall: Firewall::default(),
            families: Families::default(),
            link: Impairment::default(),
        }
    }
}

impl HostSpec {
    /// A dual-stack host on the internet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            behind: None,
            families: Families::default(),
            addresses: one(),
            link: Impairment::default(),
        }
    }
}

impl Nat {
    /// How it maps, if it maps at all.
    pub fn mapping(self) -> Option<Mapping> {
        match self {
            Self::None => None,
            Self::FullCone | Self::AddressRestricted | Self::PortRestricted => {
                Some(Mapping::EndpointIndependent)
            }
            Self::Symmetric => Some(Mapping::AddressAndPortDependent),
        }
    }

    /// Whom it lets in.
    pub fn filtering(self) -> Filtering {
        match self {
            Self::FullCone => Filtering::EndpointIndependent,
            Self::AddressRestricted => Filtering::AddressDependent,
            Self::None | Self::PortRestricted | Self::Symmetric => Filtering::AddressAndPortDependent,
        }
    }
}

impl Families {
    /// Whether there is IPv4.
    pub fn has_ipv4(self) -> bool {
        self != Self::Ipv6
    }

    /// Whether there is IPv6.
    pub fn has_ipv6(self) -> bool {
        self != Self::Ipv4
    }
}

fn check_name<'a>(name: &'a str, seen: &mut BTreeSet<&'a str>) -> Result<()> {
    let is_spelt_well = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= NAME_LEN_MAX
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    ensure!(
        is_spelt_well,
        "{name:?} is no name: a lower-case letter, then letters, digits and hyphens, {NAME_LEN_MAX} in all"
    );
    ensure!(seen.insert(name), "two nodes are called {name}");
    Ok(())
}

fn check_behind(name: &str, behind: Option<&str>, routers: &BTreeSet<&str>) -> Result<()> {
    match behind {
        Some(gateway) if !routers.contains(gateway) => {
            bail!("{name} is behind {gateway}, which is no gateway that comes before it")
        }
        Some(_) | None => Ok(()),
    }
}

fn check_link(name: &str, link: Impairment) -> Result<()> {
    ensure!(link.loss_per_mille <= 1000, "{name} loses more than all of its packets");
    ensure!(link.rate_kbps != Some(0), "{name} has a link of no bandwidth at all");
    Ok(())
}

fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::{Gateway, HostSpec, Nat, Topology};

    fn complaint(topology: &Topology) -> String {
        topology.check().unwrap_err().to_string()
    }

    #[test]
    fn a_topology_is_read_from_json() {
        let text = r#"{
            "gateways": [{ "name": "home", "nat": "portRestricted", "link": { "lossPerMille": 10 } }],
            "hosts": [{ "name": "server", "addresses": 2 }, { "name": "anna", "behind": "home", "families": "ipv4" }]
        }"#;
        let topology = Topology::from_json(text).unwrap();
        assert_eq!(topology.gateways[0].link.loss_per_mille, 10);
        assert_eq!(topology.hosts[0].addresses, 2);
        assert_eq!(topology.hosts[1].behind.as_deref(), Some("home"));
        let again = serde_json::to_string(&topology).unwrap();
        assert_eq!(Topology::from_json(&again).unwrap(), topology);
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        assert!(Topology::from_json(r#"{ "hosts": [{ "name": "a", "behnid": "home" }] }"#).is_err());
    }

    #[test]
    fn names_are_short_and_tell_nodes_apart() {
        assert!(complaint(&Topology::new().host("Server")).contains("no name"));
        assert!(complaint(&Topology::new().host("a-name-too-long")).contains("no name"));
        assert!(complaint(&Topology::new().host("internet")).contains("two nodes"));
        assert!(complaint(&Topology::new().gateway("a", Nat::None).host("a")).contains("two nodes"));
    }

    #[test]
    fn nodes_are_behind_gateways_that_come_before_them() {
        assert!(complaint(&Topology::new().host_behind("anna", "home")).contains("no gateway"));
        let inner = Gateway { behind: Some("home".to_owned()), ..Gateway::new("room", Nat::None) };
        let topology = Topology::new().gateway("home", Nat::FullCone).with_gateway(inner);
        assert!(complaint(&topology).contains("needs a NAT"));
    }

    #[test]
    fn a_host_has_a_sensible_number_of_addresses() {
        let none = HostSpec { addresses: 0, ..HostSpec::new("anna") };
        assert!(complaint(&Topology::new().with_host(none)).contains("0 addresses"));
    }
}
