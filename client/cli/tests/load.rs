//! `moim load` against the real server, over loopback sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use clap::Parser;
use moim_cli::Command;
use moim_server::{Config, Overrides, Server, Shutdown};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;

#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// Runs `moim load` against a server of this configuration. Returns how it ended, and its report.
fn load(toml: &str, arguments: &str) -> (ExitCode, Value) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let shutdown = Shutdown::new();
    let server = runtime.block_on(async { serve(toml, folder.path(), &shutdown) });
    let (ca, json) = (folder.path().join("self-signed.pem"), folder.path().join("report.json"));
    let [ca, json] = [&ca, &json].map(|path| path.to_str().unwrap());
    let fixed = format!("moim load https://{server} --ca {ca} --json {json} --settle 500ms --duration 2s");
    let words = fixed.split(' ').chain(arguments.split_whitespace());

    let ended = moim_cli::run(&Program::try_parse_from(words).unwrap().command).unwrap();

    shutdown.stop();
    runtime.shutdown_background();
    (ended, serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap())
}

fn serve(toml: &str, folder: &Path, shutdown: &Shutdown) -> std::net::SocketAddr {
    let file = folder.join("moim.toml");
    std::fs::write(&file, toml).unwrap();
    let overrides = Overrides {
        port: Some(0),
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        data_dir: Some(folder.to_owned()),
        ..Overrides::default()
    };
    let server = Server::bind(Config::load(Some(&file), overrides).unwrap()).unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run(shutdown.clone()));
    address
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {report}"))
}

#[test]
fn what_is_published_in_a_room_reaches_those_who_watch_there_and_nobody_else() {
    let plan = "--rooms 2 --publishers 2 --subscribers 1 --audio --simulcast --size 640x360 --bitrate 200k \
                --threads 2";

    let (ended, report) = load("", plan);

    assert_eq!(ended, ExitCode::SUCCESS);
    assert_eq!(number(&report, "/joins/connected"), 6, "{report}");
    assert_eq!(number(&report, "/joins/received"), 2, "something has come to both who watch: {report}");
    assert_eq!(number(&report, "/packets/misdelivered"), 0);
}

#[test]
fn a_server_that_does_not_forward_has_nobody_joined() {
    let never = "[media]\nenabled = false\n";

    let (ended, report) = load(never, "--publishers 1 --subscribers 0 --video none --audio");

    assert_eq!(ended, ExitCode::from(3));
    assert_eq!(report["joins"]["failed"], serde_json::json!({ "the server does not forward media": 1 }));
}
