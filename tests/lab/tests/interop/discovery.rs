//! Clients of STUN find out what the lab made their NAT be: coturn's, and moim's own.

use crate::moim::{Moim, PORT};
use crate::server::World;
use moim_cli::discover_nat;
use moim_lab::{Filtering, Host, HostSpec, Lab, Mapping, Nat, Topology};
use moim_stun::discovery::{self, Finding, Report};
use std::net::{IpAddr, SocketAddr};
use std::thread;

/// The second port of the server.
const ALTERNATE_PORT: &str = "3479";

/// The gateways, by the names of which hosts are behind them.
const NATS: [(&str, Nat); 4] = [
    ("full", Nat::FullCone),
    ("address", Nat::AddressRestricted),
    ("port", Nat::PortRestricted),
    ("symmetric", Nat::Symmetric),
];

/// A server that has two addresses to answer from, and hosts that want to know where they are.
struct Discovered {
    _server: Moim,
    lab: Lab,
}

impl Discovered {
    /// A client on the internet, and one behind each NAT.
    fn new() -> Self {
        let topology = Topology::new().with_host(HostSpec { addresses: 2, ..HostSpec::new("server") });
        let topology = NATS.into_iter().fold(topology.host("client"), |topology, (name, nat)| {
            topology.gateway(name, nat).host_behind(&format!("in-{name}"), name)
        });
        let lab = Lab::up(topology).unwrap_or_else(|error| panic!("{error:#}"));
        let server = lab.host("server").unwrap();
        let pairs = [
            format!("'{}:{ALTERNATE_PORT}'", server.ipv4()[1]),
            format!("'[{}]:{PORT}/[{}]:{ALTERNATE_PORT}'", server.ipv6()[0], server.ipv6()[1]),
        ];
        let toml = format!(
            "[stun]\nalternate_addresses = [{}]\ndisclosure = \"always\"\n[turn]\nshards = 2\nrelay_addresses = [\"{}\"]\n",
            pairs.join(", "),
            server.ipv4()[0]
        );
        Self { _server: Moim::start(server, &toml), lab }
    }

    fn host(&self, name: &str) -> Host {
        self.lab.host(name).unwrap()
    }

    /// The first addresses of the server: IPv4, and IPv6.
    fn servers(&self) -> [IpAddr; 2] {
        let server = self.host("server");
        [server.ipv4()[0].into(), server.ipv6()[0].into()]
    }
}

/// What coturn's client prints.
fn turnutils(host: &Host, server: IpAddr) -> String {
    let mut command = host.command("timeout");
    command.args(["60", "turnutils_natdiscovery", "-m", "-f", "-p", PORT, &server.to_string()]);
    // It takes an address of its own that it did not choose for a NAT's.
    let own: IpAddr = if server.is_ipv4() { host.ipv4()[0].into() } else { host.ipv6()[0].into() };
    let output = command.args(["-L", &own.to_string()]).output().unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// What `moim nat` reports.
fn moim(host: &Host, server: IpAddr) -> Report {
    let server = SocketAddr::new(server, PORT.parse().unwrap());
    host.enter(|| discover_nat(vec![server], false)).unwrap().unwrap().unwrap()
}

#[test]
fn a_stun_client_learns_its_address() {
    let world = World::new();
    for (server, client) in world.addresses("server").into_iter().zip(world.addresses("client")) {
        let output = world.client("turnutils_stunclient").args(["-p", PORT, &server]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("UDP reflexive addr: {client}:")), "{text}");
    }
}

/// Covers: RFC 5780 §4.3, §4.4
#[test]
fn where_there_is_no_nat_all_say_so() {
    let world = Discovered::new();
    let client = world.host("client");
    for server in world.servers() {
        let text = turnutils(&client, server);
        assert!(text.contains("No NAT! (Endpoint Independent Mapping)"), "{text}");
        assert!(text.contains("NAT with Endpoint Independent Filtering!"), "{text}");

        let report = moim(&client, server);
        assert_eq!(report.mapping, Finding::Known(discovery::Mapping::None), "{report:?}");
        let filtering = Finding::Known(discovery::Filtering::EndpointIndependent);
        assert_eq!(report.filtering, filtering, "{report:?}");

        // It asks for each change in turn, and for a response to another port.
        let mut command = client.command("turnutils_stunclient");
        let output = command.args(["-f", "-p", PORT, &server.to_string()]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.matches("RFC 5780 response").count(), 3, "{text}");
    }
}

/// Covers: RFC 5780 §4.3, §4.4
#[test]
fn every_nat_is_told_for_what_it_is() {
    let world = Discovered::new();
    let [server, _] = world.servers();
    // Most of the time they wait for what a NAT does not let in.
    thread::scope(|scope| {
        for (name, nat) in NATS {
            let host = world.host(&format!("in-{name}"));
            scope.spawn(move || {
                tells_the_nat(&turnutils(&host, server), nat);
                let report = moim(&host, server);
                let mapping = match nat.mapping().unwrap() {
                    Mapping::EndpointIndependent => discovery::Mapping::EndpointIndependent,
                    Mapping::AddressAndPortDependent => discovery::Mapping::AddressAndPortDependent,
                };
                assert_eq!(report.mapping, Finding::Known(mapping), "{nat:?}: {report:?}");
                let filtering = match nat.filtering() {
                    Filtering::EndpointIndependent => discovery::Filtering::EndpointIndependent,
                    Filtering::AddressDependent => discovery::Filtering::AddressDependent,
                    Filtering::AddressAndPortDependent => discovery::Filtering::AddressAndPortDependent,
                };
                assert_eq!(report.filtering, Finding::Known(filtering), "{nat:?}: {report:?}");
            });
        }
    });
}

/// Expects of coturn's client that it knows the NAT.
fn tells_the_nat(text: &str, nat: Nat) {
    let mapping = match nat.mapping().unwrap() {
        Mapping::EndpointIndependent => "NAT with Endpoint Independent Mapping!",
        Mapping::AddressAndPortDependent => "NAT with Address and Port Dependent Mapping!",
    };
    let filtering = match nat.filtering() {
        Filtering::EndpointIndependent => "NAT with Endpoint Independent Filtering!",
        Filtering::AddressDependent => "NAT with Address Dependent Filtering!",
        Filtering::AddressAndPortDependent => "NAT with Address and Port Dependent Filtering!",
    };
    for line in [mapping, filtering] {
        assert!(text.contains(line), "{nat:?}: {line} is not in {text}");
    }
}
