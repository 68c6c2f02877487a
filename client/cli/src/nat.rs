//! `moim nat`: what kind of NAT a network is behind.

mod sockets;
mod words;

use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use clap::Args;
use moim_stun::discovery::{Client, ClientConfig, LifetimeSearch, Report, SocketId, Timing};
use sockets::Sockets;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Instant;

const PORT: u16 = 3478;

/// Whom to ask, and for what.
#[derive(Args, Debug)]
pub struct NatOptions {
    /// STUN servers: one that speaks RFC 5780 tells everything, two ordinary ones tell the mapping
    #[arg(value_name = "SERVER[:PORT]", required = true)]
    servers: Vec<String>,
    /// Look for how long a mapping lives that nothing is sent through, which takes minutes
    #[arg(long)]
    lifetime: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Asks over each family that the servers have. The exit code is 1 if nobody answered.
pub(crate) fn run(options: &NatOptions) -> anyhow::Result<ExitCode> {
    let servers = resolve(&options.servers)?;
    let mut reports = Vec::new();
    for is_ipv4 in [true, false] {
        let of_family: Vec<_> =
            servers.iter().copied().filter(|server| server.is_ipv4() == is_ipv4).collect();
        if !of_family.is_empty() {
            reports.extend(discover_nat(of_family, options.lifetime)?);
        }
    }
    if reports.is_empty() {
        bail!("this machine has no way to any of the servers");
    }
    let text = if options.json { words::json(&reports)? } else { words::plain(&reports) };
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    let is_reached = reports.iter().any(|report| report.mapped.is_some());
    Ok(if is_reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks servers of one family what kind of NAT this network is behind; if it `has_time`, for how long a mapping lives as well.
/// [`None`]: this machine does not have that family.
pub fn discover_nat(servers: Vec<SocketAddr>, has_time: bool) -> anyhow::Result<Option<Report>> {
    let Some(mut sockets) = Sockets::towards(servers[0]) else { return Ok(None) };
    let mut seed = [0; 32];
    rand::fill(&mut seed).ok().context("the operating system has no random numbers")?;
    let config = ClientConfig {
        local: sockets.local_addr(SocketId::Main)?,
        servers,
        timing: Timing::default(),
        lifetime: has_time.then(LifetimeSearch::default),
    };
    let mut client = Client::new(config, seed, Instant::now());
    loop {
        while let Some(transmit) = client.poll_transmit() {
            sockets.send(&transmit)?;
        }
        if let Some(report) = client.report() {
            return Ok(Some(report.clone()));
        }
        let now = Instant::now();
        let due = client.poll_timeout().map_or(now, |deadline| deadline.at);
        match sockets.receive(due.saturating_duration_since(now)) {
            Some(datagram) => {
                client.handle_datagram(&datagram.bytes, datagram.from, datagram.socket, Instant::now());
            }
            None => client.handle_timeout(Instant::now()),
        }
    }
}

/// The first address of each family of every server.
fn resolve(servers: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    let mut resolved = Vec::new();
    for server in servers {
        let named = server.to_socket_addrs().or_else(|_| (server.as_str(), PORT).to_socket_addrs());
        let addresses: Vec<_> = named.with_context(|| format!("{server} is not a server's name"))?.collect();
        for is_ipv4 in [true, false] {
            resolved.extend(addresses.iter().find(|address| address.is_ipv4() == is_ipv4));
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests;
