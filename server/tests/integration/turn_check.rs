//! The relay under `moim turn-check`, as an operator would run it.

use crate::command_line::moim;
use crate::support::TestServer;
use serde_json::Value;

const USERS: &str = "[turn.users]\nuser = 'pass'\nsecond = 'word'\n";
/// A server whose relay reaches its own network gives no credentials to strangers.
const KEYS: &str = "[auth.keys]\nkey = '0123456789abcdef0123456789abcdef'\n";
/// Where the peers of the checks are, which stand for peers anywhere.
const LOOPBACK: &str = "127.0.0.0/8";

#[tokio::test]
async fn a_relay_to_anywhere_passes_the_checks() {
    let config = format!(
        "[turn]\nrelay = 'range'\nrealm = 'realm'\nrelay_addresses = ['127.0.0.1']\nallow_peers = ['{LOOPBACK}']\n\
         tcp_allocations = true\n{USERS}{KEYS}"
    );
    let report = check(&TestServer::with(&config), &["--allowed-peers", LOOPBACK]).await;

    assert_eq!(failures(&report), Vec::<String>::new());
    for id in [
        "credentials/right",
        "algorithms/sha256",
        "algorithms/bid-down",
        "reservation/next-port",
        "data/send",
        "data/data",
        "data/channel-out",
        "data/channel-in",
        "relay-to-relay/channels",
        "unreachable/disturbs-nobody",
        "mobility/move",
        "transports/udp",
    ] {
        assert_eq!(status(&report, id), "pass", "{id}: {}", seen(&report, id));
    }
}

#[tokio::test]
async fn a_relay_between_its_own_clients_passes_the_checks_and_reaches_nobody_else() {
    let config =
        format!("[turn]\nrelay = 'internal'\nrealm = 'realm'\nrelay_addresses = ['127.0.0.1']\n{USERS}");
    let report = check(&TestServer::with(&config), &[]).await;

    assert_eq!(failures(&report), Vec::<String>::new());
    assert_eq!(
        status(&report, "relay-to-relay/channels"),
        "pass",
        "{}",
        seen(&report, "relay-to-relay/channels")
    );
    assert_eq!(status(&report, "data/send"), "skipped", "there are no peers outside");
}

async fn check(server: &TestServer, more: &[&str]) -> Value {
    let server = server.address.to_string();
    let mut arguments = vec!["turn-check", &server, "--user", "user", "--password", "pass"];
    arguments.extend(["--second-user", "second", "--second-password", "word", "--realm", "realm", "--json"]);
    // Peers have another address than the relay, which takes what goes to its own for what its clients send each other.
    arguments.extend(["--peer", "127.0.0.2"]);
    // On a busy machine, answers take their time.
    arguments.extend(["--patience", "6000"]);
    arguments.extend(more);
    let mut command = moim(&tempfile::tempdir().unwrap(), &arguments, &[]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

fn status<'a>(report: &'a Value, id: &str) -> &'a str {
    finding(report, id)["status"].as_str().unwrap()
}

fn seen<'a>(report: &'a Value, id: &str) -> &'a str {
    finding(report, id)["seen"].as_str().unwrap()
}

fn failures(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let failed = checks.filter(|check| check["status"] == "fail");
    failed.map(|check| format!("{}: {}", check["id"], check["seen"])).collect()
}
