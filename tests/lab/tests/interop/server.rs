//! A server, a client and a peer, each on a host of a lab.

use crate::moim::Moim;
use moim_lab::{HostSpec, Lab, Topology};
use std::process::{Child, Command, Stdio};

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
