//! A machine of a lab.

use crate::layout::{Layout, Node};
use crate::registry::RunId;
use anyhow::{Context as _, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsStr;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;

/// A host or a gateway of a lab, as it is at present.
#[derive(Clone, Debug)]
pub struct Host {
    namespace: String,
    ipv4: Vec<Ipv4Addr>,
    ipv6: Vec<Ipv6Addr>,
}

impl Host {
    pub(crate) fn new(run: &RunId, layout: &Layout, node: Node<'_>) -> Result<Self> {
        let uplink = layout.uplink(node)?;
        Ok(Self {
            namespace: run.namespace(node.name()),
            ipv4: uplink.ipv4.map(|attachment| attachment.addresses).unwrap_or_default(),
            ipv6: uplink.ipv6.map(|attachment| attachment.addresses).unwrap_or_default(),
        })
    }

    /// The name of its network namespace, as `ip netns` knows it.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its IPv4 addresses.
    pub fn ipv4(&self) -> &[Ipv4Addr] {
        &self.ipv4
    }

    /// Its IPv6 addresses.
    pub fn ipv6(&self) -> &[Ipv6Addr] {
        &self.ipv6
    }

    /// All its addresses, IPv4 first.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let ipv4 = self.ipv4.iter().copied().map(IpAddr::V4);
        ipv4.chain(self.ipv6.iter().copied().map(IpAddr::V6)).collect()
    }

    /// A command that will run on it, knowing the names of hosts on the internet.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Does something in a thread that is on this host: sockets made there stay there, wherever they are used.
    pub fn enter<T: Send>(&self, action: impl FnOnce() -> T + Send) -> Result<T> {
        enter(&self.namespace, action)
    }
}

/// Does something in a thread of a namespace.
pub(crate) fn enter<T: Send>(namespace: &str, action: impl FnOnce() -> T + Send) -> Result<T> {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).with_context(|| format!("there is no namespace {namespace}"))?;
    let entered = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("cannot enter the namespace {namespace}"))?;
            Ok(action())
        });
        thread.join()
    });
    entered.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
