//! `turnutils_uclient` sends messages through the relay and counts what comes back.

use crate::moim::PORT;
use crate::server::{PASSWORD, SECRET, USER, World};

/// Messages of each client.
const MESSAGES: u32 = 20;
/// Clients at a time. With RTCP, which is on unless told otherwise, each makes a pair of allocations.
const CLIENTS: u32 = 2;
/// Runs until one of them offers a version of TLS that there is, for each of its connections.
const ATTEMPTS_MAX: u32 = 200;

/// The longest that a run may take, in seconds.
const PATIENCE_S: &str = "60";

/// The transports between client and server, as flags.
const UDP: &[&str] = &[];
const TCP: &[&str] = &["-t"];
const TLS: &[&str] = &["-t", "-S"];
const DTLS: &[&str] = &["-S"];
const TRANSPORTS: [&[&str]; 4] = [UDP, TCP, TLS, DTLS];

/// What was sent and what came back.
#[derive(Debug, PartialEq, Eq)]
struct Totals {
    sent: u32,
    received: u32,
}

/// Lets clients do their work through the server at an address, and expects all of it to succeed.
fn relays(world: &World, credentials: &[&str], flags: &[&str], server: &str) {
    let is_secure = flags.contains(&"-S");
    let clients = if is_secure { 1 } else { CLIENTS };
    let count = [MESSAGES.to_string(), clients.to_string()];
    for _ in 0..ATTEMPTS_MAX {
        let mut command = world.client("timeout");
        command.args([
            PATIENCE_S,
            "turnutils_uclient",
            "-p",
            PORT,
            "-n",
            &count[0],
            "-m",
            &count[1],
            "-z",
            "5",
        ]);
        command.args(credentials).args(flags);
        if is_secure {
            command.arg("-c");
        }
        let output = command.arg(server).output().unwrap();
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let Some(totals) = totals(&text) else {
            // Every other connection, by chance, it offers nothing but a version of TLS that RFC 8996 forbids.
            let is_refused = is_secure && text.contains("alert handshake failure");
            assert!(is_refused, "{flags:?} at {server} did not finish:\n{text}");
            continue;
        };
        assert!(output.status.success(), "{flags:?} at {server}:\n{text}");
        assert!(totals.sent >= MESSAGES * clients, "{flags:?} at {server}: {totals:?}");
        assert_eq!(totals.received, totals.sent, "{flags:?} at {server}:\n{text}");
        return;
    }
    panic!("{flags:?} at {server}: every handshake failed, {ATTEMPTS_MAX} times");
}

fn with_password(world: &World, flags: &[&str], server: &str) {
    relays(world, &["-u", USER, "-w", PASSWORD], flags, server);
}

/// The last line of totals, which has no count of sessions that still run.
fn totals(text: &str) -> Option<Totals> {
    let line = text.lines().rev().find(|line| line.contains(": tot_send_msgs="))?;
    let number = |name: &str| {
        let digits = line.split(name).nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    Some(Totals { sent: number("tot_send_msgs=")?, received: number("tot_recv_msgs=")? })
}

/// Covers: RFC 8656 §7, §9, §12
#[test]
fn channels_over_udp_and_tcp() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    for transport in [UDP, TCP] {
        with_password(&world, &[transport, &["-e", &peer]].concat(), &server);
    }
}

/// Covers: RFC 8656 §3.1
#[test]
fn channels_over_tls_and_dtls() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    for transport in [TLS, DTLS] {
        with_password(&world, &[transport, &["-e", &peer]].concat(), &server);
    }
}

/// Covers: RFC 8656 §11
#[test]
fn indications_over_every_transport() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    for transport in TRANSPORTS {
        with_password(&world, &[transport, &["-s", "-e", &peer]].concat(), &server);
    }
}

/// Covers: RFC 8656 §7.2
#[test]
fn ipv6_to_the_server_and_to_the_peer_in_all_combinations() {
    let world = World::new();
    let [peer_ipv4, peer_ipv6] = world.addresses("peer");
    for server in world.addresses("server") {
        with_password(&world, &["-X", "-e", &peer_ipv4], &server);
        with_password(&world, &["-x", "-e", &peer_ipv6], &server);
    }
    let [_, server] = world.addresses("server");
    with_password(&world, &[TLS, &["-X", "-e", &peer_ipv4]].concat(), &server);
}

#[test]
fn from_client_to_client() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    for transport in [UDP, TLS] {
        with_password(&world, &[transport, &["-y"]].concat(), &server);
    }
}

#[test]
fn from_client_to_client_where_nobody_else_can_be_reached() {
    let world = World::internal();
    let [server, _] = world.addresses("server");
    for transport in TRANSPORTS {
        with_password(&world, &[transport, &["-y"]].concat(), &server);
    }
}

/// `-P`, for peers that connect, is not among the flags: of its messages it gets one half back and counts the other as lost,
/// from coturn's own server as well (4.6.1: 20 of 40). That peers connect is tested in the crate `moim-relay`.
///
/// Covers: RFC 6062 §4.3, §4.4, §5.2
#[test]
fn tcp_is_relayed_to_peers_that_wait() {
    let world = World::of_tcp();
    let [server, _] = world.addresses("server");
    for flags in [&["-T"][..], &["-T", "-S"], &["-T", "-x"]] {
        with_password(&world, flags, &server);
    }
}

#[test]
fn credentials_that_expire() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    relays(&world, &["-u", USER, "-W", SECRET], &["-e", &peer], &server);
}

/// Covers: RFC 8656 §12.5
#[test]
fn messages_of_every_size() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    for (transport, len) in [(UDP, "11"), (TCP, "13"), (TCP, "1200"), (DTLS, "1200"), (UDP, "1400")] {
        with_password(&world, &[transport, &["-l", len, "-e", &peer]].concat(), &server);
    }
}

/// To forbid fragments, to pad on UDP, mobility, and more requests than are needed.
///
/// Covers: RFC 8016 §3
#[test]
fn options_that_clients_may_set() {
    let world = World::new();
    let [server, _] = world.addresses("server");
    let [peer, _] = world.addresses("peer");
    for option in ["-g", "-D", "-M", "-G"] {
        with_password(&world, &[option, "-e", &peer], &server);
    }
}
