//! A server on a host of a lab.

use moim_lab::{Host, HostSpec, Lab, Topology};
use moim_server::{Config, Overrides, Server, Shutdown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

/// The port of STUN and TURN, and of all else: moim needs no second one for TLS.
pub(crate) const PORT: &str = "3478";
pub(crate) const USER: &str = "anna";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const SECRET: &str = "a secret that back ends share with the relay";

/// A server, a client and a peer on the internet.
///
/// What runs in the lab comes first, as it is to end first.
pub(crate) struct World {
    _server: Moim,
    _peer: Running,
    lab: Lab,
}

/// A program that ends with the test.
struct Running(Child);

/// A server in this process, on another host.
pub(crate) struct Moim {
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl World {
    /// A relay that relays to everywhere, and a peer that returns what it gets.
    pub(crate) fn new() -> Self {
        Self::with(&format!("relay = \"range\"\nshared_secrets = [\"{SECRET}\"]"))
    }

    /// A relay of TCP (RFC 6062). The clients' peers are each other, of whichever of its threads they are.
    pub(crate) fn of_tcp() -> Self {
        Self::with("relay = \"range\"\ntcp_allocations = true\nshards = 2")
    }

    /// A relay that relays between its own clients alone.
    pub(crate) fn internal() -> Self {
        Self::with("relay = \"internal\"")
    }

    fn with(turn: &str) -> Self {
        let toml = format!("[turn]\n{turn}\nusers = {{ {USER} = \"{PASSWORD}\" }}\n");
        let topology = Topology::new().with_host(HostSpec { addresses: 2, ..HostSpec::new("server") });
        let lab = Lab::up(topology.host("client").host("peer")).unwrap_or_else(|error| panic!("{error:#}"));
        let server = Moim::start(lab.host("server").unwrap(), &toml);
        let peer = lab.host("peer").unwrap();
        let mut command = peer.command("turnutils_peer");
        for address in peer.addresses() {
            command.args(["-L", &address.to_string()]);
        }
        let peer = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        Self { _server: server, _peer: peer, lab }
    }

    /// A command on the client's host.
    pub(crate) fn client(&self, program: &str) -> Command {
        self.lab.host("client").unwrap().command(program)
    }

    /// The first addresses of a host: IPv4, and IPv6.
    pub(crate) fn addresses(&self, host: &str) -> [String; 2] {
        let host = self.lab.host(host).unwrap();
        [host.ipv4()[0].to_string(), host.ipv6()[0].to_string()]
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; why, the test will tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Moim {
    pub(crate) fn start(host: Host, toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, toml).unwrap();
        let shutdown = Shutdown::new();
        let (bound, is_bound) = mpsc::channel();
        let stop = shutdown.clone();
        let data_dir = folder.path().to_owned();
        // Threads are where the thread was that started them, and so are their sockets.
        let thread = thread::spawn(move || {
            host.enter(|| run(&file, data_dir, stop, || bound.send(()).unwrap())).unwrap();
        });
        is_bound.recv().expect("the server is up");
        Self { shutdown, thread: Some(thread), _folder: folder }
    }
}

impl Drop for Moim {
    fn drop(&mut self) {
        self.shutdown.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.transpose().expect("the server ends without a panic");
        }
    }
}

fn run(file: &Path, data_dir: PathBuf, shutdown: Shutdown, ready: impl FnOnce()) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let overrides =
            Overrides { port: Some(PORT.parse().unwrap()), data_dir: Some(data_dir), ..Overrides::default() };
        let server = Server::bind(Config::load(Some(file), overrides).unwrap()).unwrap();
        ready();
        server.run(shutdown).await.unwrap();
    });
}
