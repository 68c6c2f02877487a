//! Commands that ask the running server, by its management socket.

use super::table::{Table, bytes, duration};
use super::{Source, print};
use anyhow::{Context as _, bail};
use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{Method, Request, StatusCode};
use clap::{Args, Subcommand};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use moim_server::Overrides;
use moim_server::config::ManagementConfig;
use moim_server::management::view::{Allocation, Allocations, Failure, Reloaded, Stats};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest answer that is read: some 100,000 allocations.
const ANSWER_LEN_MAX: usize = 64 * 1024 * 1024;
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Subcommand)]
pub(super) enum TurnCommand {
    /// List allocations, with what they relay
    List {
        /// Print what the server says, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// End an allocation
    Kick {
        /// Its id, as `moim turn list` shows it
        id: String,
        #[command(flatten)]
        target: Target,
    },
    /// Show what the relay has counted
    Stats {
        /// Print what the server says, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
}

/// Which server to ask: the one of the configuration.
#[derive(Args)]
pub(super) struct Target {
    /// The server's configuration file; also by the environment variable MOIM_CONFIG
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its management socket, if not that of the configuration
    #[arg(long, value_name = "ADDRESS:PORT")]
    management: Option<SocketAddr>,
}

pub(super) fn turn(command: TurnCommand) -> anyhow::Result<()> {
    match command {
        TurnCommand::List { json, target } => {
            let answer: Allocations = target.ask(&Method::GET, "/api/turn/allocations")?;
            if json { print_json(&answer) } else { print(&list(&answer.allocations)) }
        }
        TurnCommand::Kick { id, target } => {
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            {
                bail!("{id:?} is not the id of an allocation; `moim turn list` shows them");
            }
            target.ask::<serde_json::Value>(&Method::DELETE, &format!("/api/turn/allocations/{id}"))?;
            print(&format!("The allocation {id} has ended.\n"))
        }
        TurnCommand::Stats { json, target } => {
            let answer: Stats = target.ask(&Method::GET, "/api/turn/stats")?;
            if json { print_json(&answer) } else { print(&stats(&answer)) }
        }
    }
}

pub(super) fn reload(target: Target) -> anyhow::Result<()> {
    let Reloaded { changed, warnings } = target.ask(&Method::POST, "/api/reload")?;
    let mut text = if changed.is_empty() {
        "Reloaded; no option has changed. The certificate was read again.\n".to_owned()
    } else {
        format!("Reloaded: {}\n", changed.join(", "))
    };
    for warning in warnings {
        text.push_str("Warning: ");
        text.push_str(&warning);
        text.push('\n');
    }
    print(&text)
}

fn list(allocations: &[Allocation]) -> String {
    if allocations.is_empty() {
        return "There are no allocations.\n".to_owned();
    }
    let mut table = Table::new([
        "ID",
        "USER",
        "REALM",
        "VIA",
        "CLIENT",
        "RELAYED",
        "AGE",
        "EXPIRES",
        "TO PEERS",
        "TO CLIENT",
        "PERMISSIONS",
        "CHANNELS",
    ]);
    for one in allocations {
        let relayed: Vec<_> = one.relayed.iter().map(ToString::to_string).collect();
        table.row([
            one.id.clone(),
            one.username.escape_debug().to_string(),
            one.realm.escape_debug().to_string(),
            one.transport.clone(),
            one.client.to_string(),
            relayed.join(" "),
            duration(one.age_secs),
            duration(one.expires_secs),
            bytes(one.to_peers.bytes),
            bytes(one.to_client.bytes),
            one.permissions.to_string(),
            one.channels.to_string(),
        ]);
    }
    table.text()
}

fn stats(stats: &Stats) -> String {
    let mut table = Table::new(["COUNTED", "TOTAL"]);
    for (name, value) in &stats.totals {
        table.row([name.clone(), value.to_string()]);
    }
    format!("{} allocations\n\n{}", stats.allocations, table.text())
}

pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value).context("cannot write JSON")? + "\n"))
}

impl Target {
    /// Asks the server; what it refuses is an error in its own words.
    pub(super) fn ask<T: DeserializeOwned>(self, method: &Method, path: &str) -> anyhow::Result<T> {
        self.ask_with(method, path, String::new())
    }

    /// The same, with something to say.
    pub(super) fn ask_with<T: DeserializeOwned>(
        self,
        method: &Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<T> {
        let config = Source { config: self.config, overrides: Overrides::default() }.load()?;
        let configured = config.management;
        let Some(address) = self.management.or(configured.as_ref().map(|management| management.address))
        else {
            bail!(
                "the configuration has no management socket to ask: set management.address = \"127.0.0.1:9410\" and restart \
                 the server, or say by --config which configuration it runs with"
            );
        };
        let token = configured.and_then(|management| management.token);
        let management = ManagementConfig { address, token };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start to work")?;
        let (status, body) = runtime
            .block_on(async { timeout(PATIENCE, exchange(&management, method, path, body)).await })
            .with_context(|| format!("the server at {address} does not answer"))??;
        if !status.is_success() {
            let said = serde_json::from_slice::<Failure>(&body).map(|failure| failure.error);
            bail!(
                said.unwrap_or_else(|_| format!("{status}: {}", String::from_utf8_lossy(&body).trim_end()))
            );
        }
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body)
            .with_context(|| format!("the server at {address} answers what this version does not understand"))
    }
}

async fn exchange(
    management: &ManagementConfig,
    method: &Method,
    path: &str,
    body: String,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let address = management.address;
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!("nothing can be reached at {address} (management.address); is moim running?")
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    if let Some(token) = &management.token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.as_str()));
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_LEN_MAX).collect().await;
    Ok((status, body.map_err(|error| anyhow::anyhow!(error))?.to_bytes()))
}
