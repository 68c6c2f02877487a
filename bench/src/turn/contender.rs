//! What is compared: moim, coturn and blind forwarders, each a process of its own.

use super::network::Network;
use crate::forwarder::{Batching, READY};
use crate::process::Meter;
use crate::udp::{MEASURING_BUFFER_LEN, Outgoing, Receiver, Sender, Socket};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const USERNAME: &str = "bench";
pub(crate) const PASSWORD: &str = "bench-password";
const REALM: &str = "moim";
/// Signs tokens that nobody uses here: without a key moim would not relay into the networks of this machine.
const KEY: &str = "nobody-joins-a-room-of-a-benchmark";
/// The relay ports of every server, as RFC 8656 §7.2 recommends them.
const RELAY_PORTS: (u16, u16) = (49_152, 65_535);
/// Longest a server may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// A bare Binding request.
const BINDING: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// Something that relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// How it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Moim {
        binary: PathBuf,
        shards: u16,
    },
    Coturn {
        binary: PathBuf,
        flags: Vec<String>,
    },
    /// With so many sockets on the side of the peers.
    Forwarder {
        batching: Batching,
        sockets: u16,
    },
}

impl Contender {
    /// Whether it speaks TURN.
    pub(crate) fn is_turn(&self) -> bool {
        !matches!(self.kind, Kind::Forwarder { .. })
    }

    /// Starts it on `cores`, as server number `index` of `network`, and waits until it relays.
    pub(crate) fn start(&self, network: &Network, index: u8, cores: &[usize]) -> Result<Running> {
        let address = network.server(index);
        let directory = tempfile::tempdir()?;
        let mut command = match &self.kind {
            Kind::Moim { binary, shards } => {
                let file = directory.path().join("moim.toml");
                fs::write(&file, moim_configuration(network, address, *shards))?;
                let mut command = network.server_command(binary);
                command.arg("--config").arg(file).arg("--data-dir").arg(directory.path());
                command.args(["--log-level", "error"]).stdout(Stdio::null());
                command
            }
            Kind::Coturn { binary, flags } => {
                let mut command = network.server_command(binary);
                command
                    .args(coturn_flags(network, address, directory.path()))
                    .args(flags)
                    .stdout(Stdio::null());
                command.stderr(Stdio::null());
                command
            }
            Kind::Forwarder { batching, sockets } => {
                let mut command = network.server_command(&std::env::current_exe()?);
                command.args(forwarder_flags(network, address, *batching, *sockets)).stdout(Stdio::piped());
                command
            }
        };
        let previous = crate::process::cores()?;
        crate::process::pin(cores)?;
        let child = command.stdin(Stdio::null()).spawn();
        crate::process::pin(&previous)?;
        let child = child.with_context(|| format!("cannot start {}", self.name))?;
        let meter = Meter::new(child.id(), cores, network.server_threads());
        let mut running = Running { contender: self.clone(), address, meter, child, _directory: directory };
        running.wait_until_it_relays().with_context(|| format!("{} does not start", self.name))?;
        Ok(running)
    }
}

/// A contender's process. It ends when this is dropped.
pub(crate) struct Running {
    pub(crate) contender: Contender,
    pub(crate) address: SocketAddrV4,
    pub(crate) meter: Meter,
    child: Child,
    _directory: TempDir,
}

impl Running {
    /// The address of a forwarder's first socket on the side of the peers.
    pub(crate) fn forwarder_relay(&self, socket: u16) -> SocketAddrV4 {
        SocketAddrV4::new(*self.address.ip(), RELAY_PORTS.0 + socket)
    }

    fn wait_until_it_relays(&mut self) -> Result<()> {
        if let Some(output) = self.child.stdout.take() {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            if line.trim() != READY {
                bail!("the forwarder said {line:?}");
            }
            return Ok(());
        }
        let begun = Instant::now();
        let socket = Socket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), false, MEASURING_BUFFER_LEN)?;
        let request =
            Outgoing { start: 0, len: BINDING.len(), segment_len: None, from: None, to: self.address };
        let (mut sender, mut receiver) = (Sender::new(), Receiver::new(2_048));
        loop {
            // Until it listens, the kernel may say so.
            let _ = sender.send(&socket, &BINDING, &[request]);
            socket.wait(Duration::from_millis(50))?;
            if receiver.receive(&socket)? > 0 {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at its start, with {status}");
            }
            if begun.elapsed() > START_MAX {
                bail!("it did not answer within {} s", START_MAX.as_secs());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All as it comes, but for what the traffic of a benchmark needs: its users, its peers, and no limit below it.
fn moim_configuration(network: &Network, address: SocketAddrV4, shards: u16) -> String {
    let (ip, port) = (address.ip(), address.port());
    let (first, last) = RELAY_PORTS;
    let peers = network.peers_prefix();
    format!(
        "[auth]\nkeys = {{ bench = \"{KEY}\" }}\n\n[listen]\naddresses = [\"{ip}\"]\nport = {port}\n\n\
         [turn]\nrelay = \"range\"\nrelay_ports = \"{first}-{last}\"\nrelay_addresses = [\"{ip}\"]\n\
         realm = \"{REALM}\"\nusers = {{ {USERNAME} = \"{PASSWORD}\" }}\nallow_peers = [\"{peers}\"]\n\
         shards = {shards}\n\n\
         [turn.limits]\nallocations_max = 100000\nallocations_per_user_max = 100000\n\
         \n[management]\naddress = \"\"\n"
    )
}

fn coturn_flags(network: &Network, address: SocketAddrV4, directory: &Path) -> Vec<String> {
    let (first, last) = RELAY_PORTS;
    let ip = address.ip();
    let database = directory.join("turndb");
    let database = database.display();
    let mut flags: Vec<String> =
        ["-n", "-m", "1", "--lt-cred-mech", "--no-tls", "--no-dtls", "--no-cli", "--simple-log"]
            .map(str::to_owned)
            .into();
    flags.extend([
        format!("--listening-ip={ip}"),
        format!("--listening-port={}", address.port()),
        format!("--relay-ip={ip}"),
        format!("--min-port={first}"),
        format!("--max-port={last}"),
        format!("--realm={REALM}"),
        format!("--user={USERNAME}:{PASSWORD}"),
        format!("--userdb={database}"),
        format!("--pidfile={}", directory.join("pid").display()),
        "--log-file=/dev/null".to_owned(),
    ]);
    if network.peer(0).ip().is_loopback() {
        flags.push("--allow-loopback-peers".to_owned());
    }
    flags
}

fn forwarder_flags(
    network: &Network,
    address: SocketAddrV4,
    batching: Batching,
    sockets: u16,
) -> Vec<String> {
    let list = |of: &dyn Fn(u32) -> SocketAddrV4| {
        (0..u32::from(sockets)).map(|index| of(index).to_string()).collect::<Vec<_>>().join(",")
    };
    let batching = match batching {
        Batching::Mmsg => "mmsg",
        Batching::Gso => "gso",
    };
    vec![
        "forwarder".to_owned(),
        format!("--batching={batching}"),
        format!("--listen={address}"),
        format!("--relay={}:{}", address.ip(), RELAY_PORTS.0),
        format!("--clients={}", list(&|index| network.client(index))),
        format!("--peers={}", list(&|index| network.peer(index))),
    ]
}
