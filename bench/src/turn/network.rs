//! Where the measured traffic runs: addresses of this machine alone.
//!
//! Clients and peers are told apart by address, not by port: one socket that speaks for all addresses then plays thousands of
//! clients, and the batches of its system calls go across them.

use crate::process;
use crate::udp::{join_packets, unshare_network};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The port of every server.
const SERVER_PORT: u16 = 3478;
/// The port of all clients.
const CLIENT_PORT: u16 = 40_000;
/// The port of all peers.
const PEER_PORT: u16 = 40_001;
/// Most servers at a time.
const SERVERS_MAX: u8 = 16;
/// The virtual cards. Their names also tell the kernel's threads apart, which all networks see.
const SERVER_CARD: &str = "bench-server";
const GENERATOR_CARD: &str = "bench-load";
/// The generator's address between the cards.
const GENERATOR: &str = "10.96.0.2";
/// 10.64.0.0/12 and 10.80.0.0/12.
const CLIENTS_AND_PEERS: &str = "10.64.0.0/11";
/// How many /24 prefixes clients are spread over (and peers): servers limit what one prefix may cause.
const PREFIXES: u32 = 1 << 12;
/// Addresses used of each prefix.
const HOSTS: u32 = 250;

/// The network between the generator and the servers.
pub(crate) struct Network {
    servers: Ipv4Addr,
    clients: Ipv4Addr,
    peers: Ipv4Addr,
    server_side: Option<ServerSide>,
}

/// A network that only the servers are in, at the other end of a pair of virtual cards.
struct ServerSide {
    /// A process that does nothing but be there: the network is called by it.
    resident: Child,
    /// What receives for the servers, in the kernel.
    threads: Vec<u32>,
}

impl Drop for ServerSide {
    fn drop(&mut self) {
        // It may have been ended from outside; then there is nothing to do.
        let _ = self.resident.kill();
        let _ = self.resident.wait();
    }
}

impl Network {
    /// The loopback interface; of a network of our own if we may make one.
    pub(crate) fn loopback() -> Result<Self> {
        if rustix::process::geteuid().is_root() {
            unshare_network().context("cannot make a network of our own")?;
            ip(&["link", "set", "lo", "up"])?;
        }
        Ok(Self {
            servers: Ipv4Addr::new(127, 0, 1, 0),
            clients: Ipv4Addr::new(127, 16, 0, 0),
            peers: Ipv4Addr::new(127, 32, 0, 0),
            server_side: None,
        })
    }

    /// Two networks with a pair of virtual cards between them. What a card receives is handled on a kernel thread that is pinned
    /// to the core of its side, so that each side pays for all that it receives.
    pub(crate) fn veth(server_core: usize, generator_core: usize) -> Result<Self> {
        unshare_network().context("cannot make networks of our own; are you root?")?;
        let resident = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn()?;
        let mut server_side = ServerSide { resident, threads: Vec::new() };
        ip(&["link", "add", SERVER_CARD, "type", "veth", "peer", "name", GENERATOR_CARD])?;
        for card in [SERVER_CARD, GENERATOR_CARD] {
            join_packets(card).with_context(|| format!("cannot set up {card}"))?;
        }
        let servers = Ipv4Addr::new(10, 96, 0, 0);
        for index in 0..SERVERS_MAX {
            ip(&["address", "add", &format!("{}/24", nth_server(servers, index)), "dev", SERVER_CARD])?;
        }
        for card in ["lo", SERVER_CARD] {
            ip(&["link", "set", card, "up"])?;
        }
        server_side.threads = receive_on_thread(SERVER_CARD, server_core)?;

        // The generator's side: another network, that this thread lives in from now on.
        unshare_network()?;
        let ours = std::process::id().to_string();
        let resident_id = server_side.resident.id().to_string();
        run(inside(&resident_id, "ip").args(["link", "set", GENERATOR_CARD, "netns", &ours]))?;
        ip(&["address", "add", &format!("{GENERATOR}/24"), "dev", GENERATOR_CARD])?;
        for card in ["lo", GENERATOR_CARD] {
            ip(&["link", "set", card, "up"])?;
        }
        receive_on_thread(GENERATOR_CARD, generator_core)?;
        // All clients and peers are here.
        ip(&["route", "add", "local", CLIENTS_AND_PEERS, "dev", "lo"])?;
        let route = ["route", "add", CLIENTS_AND_PEERS, "via", GENERATOR, "dev", SERVER_CARD];
        run(inside(&resident_id, "ip").args(route))?;
        Ok(Self {
            servers,
            clients: Ipv4Addr::new(10, 64, 0, 0),
            peers: Ipv4Addr::new(10, 80, 0, 0),
            server_side: Some(server_side),
        })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        if self.server_side.is_some() { "veth" } else { "loopback" }
    }

    /// The address of a server.
    pub(crate) fn server(&self, index: u8) -> SocketAddrV4 {
        SocketAddrV4::new(nth_server(self.servers, index), SERVER_PORT)
    }

    /// The address of a client. Clients that follow each other have different prefixes.
    pub(crate) fn client(&self, index: u32) -> SocketAddrV4 {
        SocketAddrV4::new(spread(self.clients, index), CLIENT_PORT)
    }

    /// The address of a peer.
    pub(crate) fn peer(&self, index: u32) -> SocketAddrV4 {
        SocketAddrV4::new(spread(self.peers, index), PEER_PORT)
    }

    /// The prefix of all peers, for a server that must be told whom it may relay to.
    pub(crate) fn peers_prefix(&self) -> String {
        format!("{}/12", self.peers)
    }

    /// A program to be started where the servers are.
    pub(crate) fn server_command(&self, program: &Path) -> Command {
        match &self.server_side {
            None => Command::new(program),
            Some(side) => inside(&side.resident.id().to_string(), program),
        }
    }

    /// Threads of the kernel that work for servers alone.
    pub(crate) fn server_threads(&self) -> &[u32] {
        self.server_side.as_ref().map_or(&[], |side| &side.threads)
    }
}

fn nth_server(base: Ipv4Addr, index: u8) -> Ipv4Addr {
    assert!(index < SERVERS_MAX, "there are addresses for {SERVERS_MAX} servers");
    let [a, b, c, _] = base.octets();
    Ipv4Addr::new(a, b, c, 10 + index)
}

/// A command in the network of the process `id`. It becomes the program itself, with its process id.
fn inside(id: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", id, "--net"]).arg(program);
    command
}

/// Has what `card`, which is up, receives handled by threads of the kernel on `core`, and returns their ids.
fn receive_on_thread(card: &str, core: usize) -> Result<Vec<u32>> {
    // What /sys shows belongs to the network of whoever mounted it.
    let script = format!("mount -t sysfs none /sys && echo 1 > /sys/class/net/{card}/threaded");
    run(Command::new("unshare").args(["--mount", "sh", "-c", &script]))?;
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.starts_with(&format!("napi/{card}-")) {
            process::pin_thread(id, &[core])?;
            threads.push(id);
        }
    }
    if threads.is_empty() {
        bail!("the kernel made no thread to receive for {card}");
    }
    Ok(threads)
}

fn spread(base: Ipv4Addr, index: u32) -> Ipv4Addr {
    let host = 1 + index / PREFIXES;
    assert!(host <= HOSTS, "there are addresses for {} clients", PREFIXES * HOSTS);
    Ipv4Addr::from(u32::from(base) + ((index % PREFIXES) << 8) + host)
}

fn ip(args: &[&str]) -> Result<()> {
    run(Command::new("ip").args(args))
}

fn run(command: &mut Command) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot run {command:?} (Debian: iproute2, util-linux)"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::spread;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    #[test]
    fn neighbours_have_different_prefixes_and_nobody_has_the_same_address() {
        let base = Ipv4Addr::new(127, 16, 0, 0);
        assert_eq!(spread(base, 0), Ipv4Addr::new(127, 16, 0, 1));
        assert_eq!(spread(base, 1), Ipv4Addr::new(127, 16, 1, 1));
        assert_eq!(spread(base, 4096), Ipv4Addr::new(127, 16, 0, 2));
        let addresses: BTreeSet<_> = (0..30_000).map(|index| spread(base, index)).collect();
        assert_eq!(addresses.len(), 30_000);
    }
}
