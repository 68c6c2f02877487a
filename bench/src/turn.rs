//! What relaying costs: moim beside coturn and beside blind forwarders, in rounds that take turns, so that what the machine does
//! meanwhile happens to all of them. `bench/README.md` says what is measured, and how to read it.

#![expect(clippy::print_stdout, reason = "progress, and the tables, are the result")]

mod client;
mod contender;
mod figures;
mod footprint;
mod latency;
mod load;
mod network;
mod report;
mod strangers;
mod traffic;
mod video;

use crate::forwarder::Batching;
use crate::process;
use crate::udp::{MEASURING_BUFFER_LEN, Socket};
use anyhow::{Context, Result, bail};
use clap::Args;
use contender::{Contender, Kind};
use load::Generator;
use network::Network;
use report::{Figure, Report};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Allocations that traffic is spread over.
const LANES: u32 = 50;

#[derive(Args)]
pub(crate) struct Options {
    /// moim's binary, built in release
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The distribution's coturn
    #[arg(long, value_name = "FILE", default_value = "/usr/bin/turnserver")]
    turnserver: PathBuf,
    /// A newer coturn, run with what makes it fastest: --multiplex-peer --udp-gso
    #[arg(long, value_name = "FILE")]
    coturn: Option<PathBuf>,
    /// Only what is named (moim, coturn, mmsg, gso, …)
    #[arg(long, value_delimiter = ',')]
    contenders: Vec<String>,
    /// Only these figures: relay, capacity, client-to-client, video, shards, memory, flood, replies
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Of the figures relay, client-to-client and shards, only cases whose name holds this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    case: String,
    /// The essentials, in two minutes
    #[arg(long)]
    quick: bool,
    /// How often each case is measured; the tables show medians
    #[arg(long)]
    rounds: Option<u32>,
    /// For how long a case is measured each time, in milliseconds
    #[arg(long)]
    millis: Option<u64>,
    /// A pair of virtual cards between generator and servers in place of the loopback interface, each side paying for its own
    /// receive path
    #[arg(long)]
    veth: bool,
    /// Where to write all values as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures and reports.
pub(crate) fn measure(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut bench = Bench::new(options)?;
    let mut figures = Vec::new();
    for (name, figure) in figures::ALL {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
            continue;
        }
        println!("measuring {name} … ({} s so far)", begun.elapsed().as_secs());
        let figure = figure(&mut bench)?;
        figure.print();
        figures.push(figure);
    }
    if let Some(path) = &options.json {
        write_json(path, &bench, &figures)?;
    }
    println!(
        "\nmeasured in {} s; * = others took more than {:.0} % of the server's core in every round",
        begun.elapsed().as_secs(),
        report::FOREIGN_MAX * 100.0
    );
    Ok(())
}

/// All that measuring needs.
struct Bench {
    network: Network,
    contenders: Vec<Contender>,
    server_core: usize,
    generator_core: usize,
    rounds: u32,
    warm_up: Duration,
    time: Duration,
    is_quick: bool,
    case_filter: String,
    clients: Socket,
    peers: Socket,
    generator: Generator,
    /// The next client that no server has seen.
    next_client: Cell<u32>,
}

impl Bench {
    fn new(options: &Options) -> Result<Self> {
        raise_open_files_limit()?;
        let cores = process::cores()?;
        let &[server_core, generator_core, ..] = cores.as_slice() else {
            bail!("two cores are needed: one for the server, one for what loads it");
        };
        process::come_first();
        let network =
            if options.veth { Network::veth(server_core, generator_core)? } else { Network::loopback()? };
        process::pin(&[generator_core])?;
        let any = |port| SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        let clients = Socket::bind(any(network.client(0).port()), true, MEASURING_BUFFER_LEN)
            .context("cannot play clients")?;
        let peers = Socket::bind(any(network.peer(0).port()), true, MEASURING_BUFFER_LEN)
            .context("cannot play peers")?;
        let millis = options.millis.unwrap_or(if options.quick { 300 } else { 1_000 });
        Ok(Self {
            contenders: contenders(options)?,
            network,
            server_core,
            generator_core,
            rounds: options.rounds.unwrap_or(if options.quick { 1 } else { 5 }).max(1),
            warm_up: Duration::from_millis(millis / 3),
            time: Duration::from_millis(millis),
            is_quick: options.quick,
            case_filter: options.case.clone(),
            clients,
            peers,
            generator: Generator::new(),
            next_client: Cell::new(0),
        })
    }

    /// The first of so many clients that no server has seen.
    fn new_clients(&self, count: u32) -> u32 {
        let first = self.next_client.get();
        self.next_client.set(first + count);
        first
    }

    fn moim(&self) -> Option<&Contender> {
        self.contenders.iter().find(|contender| matches!(contender.kind, Kind::Moim { .. }))
    }
}

fn contenders(options: &Options) -> Result<Vec<Contender>> {
    let mut all = Vec::new();
    let mut add = |name: &str, kind| all.push(Contender { name: name.to_owned(), kind });
    if let Some(binary) = &options.server {
        add("moim", Kind::Moim { binary: binary.clone(), shards: 1 });
    }
    if options.turnserver.exists() {
        add("coturn", Kind::Coturn { binary: options.turnserver.clone(), flags: Vec::new() });
    } else {
        println!("{} is not there (Debian: coturn)", options.turnserver.display());
    }
    if let Some(binary) = &options.coturn {
        let flags = vec!["--multiplex-peer".to_owned(), "--udp-gso".to_owned()];
        add("new coturn", Kind::Coturn { binary: binary.clone(), flags });
    }
    add("mmsg", Kind::Forwarder { batching: Batching::Mmsg, sockets: 1 });
    add("gso", Kind::Forwarder { batching: Batching::Gso, sockets: 1 });
    if !options.quick {
        let sockets = u16::try_from(LANES)?;
        add("mmsg ×50", Kind::Forwarder { batching: Batching::Mmsg, sockets });
        add("gso ×50", Kind::Forwarder { batching: Batching::Gso, sockets });
    }
    if !options.contenders.is_empty() {
        all.retain(|contender| options.contenders.contains(&contender.name));
    }
    if all.is_empty() {
        bail!("there is nothing to measure");
    }
    Ok(all)
}

fn write_json(path: &PathBuf, bench: &Bench, figures: &[Figure]) -> Result<()> {
    let first_line = |file: &str| fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    let cpu = first_line("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let about = BTreeMap::from([
        ("kernel", first_line("/proc/sys/kernel/osrelease")),
        ("cpu", cpu.trim_start_matches([':', ' ', '\t']).to_owned()),
        ("network", bench.network.name().to_owned()),
        ("rounds", bench.rounds.to_string()),
        ("millis", bench.time.as_millis().to_string()),
    ]);
    let json = serde_json::to_string_pretty(&Report { about, figures })? + "\n";
    fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
}

/// Every allocation is an open file of its server.
fn raise_open_files_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("cannot raise the limit on open files")
}
