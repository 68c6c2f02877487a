//! Metrics, control and reload, by the management socket and by the program that asks it.

use crate::command_line::moim;
use crate::support::{Kind, PATIENCE, TestServer, within};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

pub(crate) const ON_LOOPBACK: &str = "management.address = '127.0.0.1:0'\n";
const TOKEN: &str = "fedcba9876543210fedcba9876543210";

/// An answer: its status and its body.
pub(crate) async fn ask(server: &TestServer, request: &str, headers: &str) -> (u16, String) {
    let address = server.management.unwrap();
    ask_as(address, request, &format!("Host: {address}\r\n{headers}")).await
}

async fn ask_as(address: SocketAddr, request: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    within(stream.write_all(head.as_bytes())).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What metrics say, by their names and labels.
pub(crate) type Samples = BTreeMap<String, u64>;

/// The metrics, once they are as they should be; fails if they never are.
pub(crate) async fn metrics_once(server: &TestServer, are_right: impl Fn(&Samples) -> bool) -> Samples {
    let began = Instant::now();
    loop {
        let (status, text) = ask(server, "GET /metrics", "").await;
        assert_eq!(status, 200, "{text}");
        let samples = samples(&text);
        if are_right(&samples) {
            return samples;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Samples by name and labels; fails on what is no OpenMetrics text.
fn samples(text: &str) -> Samples {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut declared = Vec::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(declaration) = line.strip_prefix("# TYPE ") {
            declared.push(declaration.split(' ').next().unwrap().to_owned());
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let is_declared =
                declared.last().is_some_and(|last| family.strip_suffix("_total").unwrap_or(family) == last);
            assert!(is_declared, "{line} is of no family");
            assert!(
                samples.insert(name.to_owned(), value.parse().unwrap()).is_none(),
                "{line} is there twice"
            );
        }
    }
    samples
}

/// What the program says to a question about this server.
pub(crate) async fn program(server: &TestServer, arguments: &'static [&'static str]) -> Output {
    let (config, address) = (server.config_file(), server.management.unwrap().to_string());
    let ask = move || {
        let home = tempfile::tempdir().unwrap();
        let target = ["--config", config.to_str().unwrap(), "--management", &address];
        moim(&home, &[arguments, &target].concat(), &[]).output().unwrap()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test]
async fn metrics_tell_what_was_counted() {
    let server = TestServer::with(ON_LOOPBACK);
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;

    let of_messages = "moim_signal_messages_total{direction=\"out\"}";
    let samples = metrics_once(&server, |samples| samples[of_messages] >= 1).await;

    assert_eq!(samples["moim_signal_participants"], 1);
    assert_eq!(samples["moim_signal_rooms"], 1);
    assert_eq!(samples["moim_signal_joins_total"], 1);
    assert_eq!(samples["moim_panics_total"], 0);
    assert!(samples["moim_connections_total"] >= 1);
}

#[tokio::test]
async fn management_is_nowhere_unless_it_was_asked_for() {
    let server = TestServer::start();

    assert_eq!(server.management, None);
    assert_ne!(
        server.http().await.get("/metrics", &[]).await.headers["content-type"],
        "application/openmetrics-text"
    );
    assert_ne!(
        server.http().await.get("/api/turn/allocations", &[]).await.headers["content-type"],
        "application/json"
    );
}

#[tokio::test]
async fn pages_may_not_manage() {
    let server = TestServer::with(ON_LOOPBACK);
    let address = server.management.unwrap();

    let of_a_page = ask(&server, "POST /api/reload", "Origin: https://evil.example\r\n").await.0;
    let of_the_same_site = ask(&server, "GET /metrics", "Sec-Fetch-Site: same-origin\r\n").await.0;
    let by_another_name = ask_as(address, "GET /metrics", "Host: evil.example:9410\r\n").await.0;

    assert_eq!([of_a_page, of_the_same_site, by_another_name], [403; 3]);
    assert_eq!(ask_as(address, "GET /metrics", "Host: localhost\r\n").await.0, 200);
}

#[tokio::test]
async fn a_token_is_wanted_where_there_is_one() {
    let server = TestServer::with(&format!("{ON_LOOPBACK}management.token = '{TOKEN}'\n"));

    for headers in ["", "Authorization: Bearer wrong\r\n", "Authorization: Bearer \r\n"] {
        for request in ["GET /metrics", "GET /api/turn/allocations", "POST /api/reload"] {
            assert_eq!(ask(&server, request, headers).await.0, 401, "{request}");
        }
    }
    assert_eq!(ask(&server, "GET /healthz", "").await, (200, "alive\n".to_owned()));
    assert_eq!(ask(&server, "GET /metrics", &format!("Authorization: Bearer {TOKEN}\r\n")).await.0, 200);
    assert!(program(&server, &["turn", "list"]).await.status.success());
}

#[tokio::test]
async fn what_may_change_is_reloaded_and_nobody_is_dropped() {
    let server = TestServer::with(ON_LOOPBACK);
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    server.write_config(&format!(
        "{ON_LOOPBACK}ice.credential_lifetime = '2h'\nturn.users = {{ ben = 'a password' }}\n\
         turn.shared_secrets = ['a secret of some length']\n"
    ));

    let (status, body) = ask(&server, "POST /api/reload", "").await;

    assert_eq!(status, 200, "{body}");
    let reloaded: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        reloaded["changed"],
        json!(["ice.credential_lifetime", "turn.shared_secrets", "turn.users.ben"])
    );
    anna.send(json!({ "type": "refreshIceServers" })).await;
    assert_eq!(anna.expect("iceServers").await["iceServers"][1]["lifetimeMs"], 7_200_000);
    // A secret that changes is told by the name of its option alone.
    server.write_config(&format!(
        "{ON_LOOPBACK}ice.credential_lifetime = '2h'\nturn.users = {{ ben = 'another password' }}\n\
         turn.shared_secrets = ['a secret of some length']\n"
    ));
    let told = program(&server, &["reload"]).await;
    assert_eq!(String::from_utf8_lossy(&told.stdout), "Reloaded: turn.users\n");
}

#[tokio::test]
async fn keys_can_be_reloaded() {
    let config = |secret| format!("{ON_LOOPBACK}auth.keys = {{ main = '{secret}' }}\n");
    let server = TestServer::with(&config("0123456789abcdef0123456789abcdef"));
    server.write_config(&config(TOKEN));

    assert_eq!(ask(&server, "POST /api/reload", "").await.0, 200);

    let claims = moim_server::Claims {
        iss: "main".to_owned(),
        sub: None,
        exp: u64::from(u32::MAX),
        nbf: None,
        name: None,
        room: "tea".to_owned(),
        publish: true,
        subscribe: true,
        data: true,
        admin: false,
    };
    let token = moim_server::sign(&claims, &moim_server::config::Secret::new(TOKEN)).unwrap();
    let hello = json!({ "type": "hello", "version": 1, "token": token });
    crate::support::Client::open(&server, Kind::WebSocket, hello).await.join("tea", "Anna").await;
}

#[tokio::test]
async fn what_cannot_change_is_refused_and_nothing_is_changed() {
    let server = TestServer::with(ON_LOOPBACK);
    server.write_config(&format!(
        "{ON_LOOPBACK}limits.tracks_max = 3\nturn.relay = 'range'\nice.credential_lifetime = '2h'\n\
         auth.keys = {{ main = '{TOKEN}' }}\n"
    ));

    let (status, body) = ask(&server, "POST /api/reload", "").await;

    assert_eq!(status, 409, "{body}");
    for part in ["limits.tracks_max", "turn.relay", "auth.keys (from none to some", "Restart moim"] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    assert!(!body.contains("credential_lifetime") && !body.contains(TOKEN), "{body}");
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    anna.send(json!({ "type": "refreshIceServers" })).await;
    assert_eq!(anna.expect("iceServers").await["iceServers"][1]["lifetimeMs"], 21_600_000);
}

#[tokio::test]
async fn a_configuration_that_is_wrong_is_not_taken_up() {
    let server = TestServer::with(ON_LOOPBACK);
    server.write_config("turn.relay_ports = 'many'\n");

    let (status, body) = ask(&server, "POST /api/reload", "").await;

    assert_eq!(status, 422);
    assert!(body.contains("nothing was changed") && body.contains("turn.relay_ports"), "{body}");
    let told = program(&server, &["reload"]).await;
    assert!(!told.status.success());
}

#[tokio::test]
async fn the_program_says_what_to_do_when_there_is_nobody_to_ask() {
    let server = TestServer::start();
    let config = server.config_file();
    let home = tempfile::tempdir().unwrap();
    let list = ["turn", "list", "--config", config.to_str().unwrap()];

    let unset = moim(&home, &list, &[]).output().unwrap();
    let gone = moim(&home, &[&list[..], &["--management", "127.0.0.1:1"]].concat(), &[]).output().unwrap();

    assert!(String::from_utf8_lossy(&unset.stderr).contains("set management.address"));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("is moim running?"));
}
