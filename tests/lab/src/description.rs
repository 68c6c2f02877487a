//! What there is in a lab, for whoever runs programs in it.

use crate::host::Host;
use crate::registry::RunId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What `lab up` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// Names the lab for `lab exec` and `lab change`.
    pub run: RunId,
    /// All hosts and gateways, by name.
    pub nodes: BTreeMap<String, NodeDescription>,
}

/// A host or a gateway.
#[derive(Clone, Debug, Serialize)]
pub struct NodeDescription {
    /// Its network namespace, as `ip netns` knows it.
    pub namespace: String,
    /// Its IPv4 addresses; a gateway's are those towards the internet.
    pub ipv4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
}

impl From<Host> for NodeDescription {
    fn from(host: Host) -> Self {
        Self {
            namespace: host.namespace().to_owned(),
            ipv4: host.ipv4().to_vec(),
            ipv6: host.ipv6().to_vec(),
        }
    }
}
