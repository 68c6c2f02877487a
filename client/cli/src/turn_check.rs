//! `moim turn-check`: what a TURN server does about each rule of its standards, and about those who abuse it.

mod check;
mod checks;
mod credential;
mod draft;
mod link;
mod peer;
mod report;
mod subject;
mod turn;
mod verdict;

use crate::consent;
use anyhow::{Context as _, bail};
use check::{Check, Finding};
use clap::Args;
use credential::Credential;
use ipnet::IpNet;
use link::Transport;
use report::Heading;
use std::cell::OnceCell;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;
use subject::Subject;
use verdict::Status;

const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;
/// Secrets that should not be read off the list of processes come in by these.
const PASSWORD_VARIABLE: &str = "MOIM_TURN_PASSWORD";
const SECRET_VARIABLE: &str = "MOIM_TURN_SECRET";

/// What to check, and how.
#[derive(Args)]
pub struct TurnCheckOptions {
    /// The server: a name or an address, with a port unless it is 3478
    #[arg(value_name = "HOST[:PORT]", required_unless_present = "list")]
    server: Option<String>,
    /// How to talk to it
    #[arg(long, value_enum, default_value = "udp")]
    transport: Transport,
    /// Its port for TLS and DTLS; 5349 if the other is 3478, and otherwise the same
    #[arg(long, value_name = "PORT")]
    tls_port: Option<u16>,
    /// A user of the server
    #[arg(long)]
    user: Option<String>,
    /// The user's password; also by the environment variable MOIM_TURN_PASSWORD
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// Another user, to see that they cannot touch what is the first one's
    #[arg(long, requires = "second_password")]
    second_user: Option<String>,
    /// The other user's password
    #[arg(long, requires = "second_user")]
    second_password: Option<String>,
    /// The shared secret that expiring users are made from, as coturn's static-auth-secret; also by MOIM_TURN_SECRET
    #[arg(long, conflicts_with = "user")]
    secret: Option<String>,
    /// The realm that the server should name
    #[arg(long)]
    realm: Option<String>,
    /// The address of this machine that peers are opened at; default: the one that packets to the server leave from
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
    /// Peers that the server allows on purpose, although they are not global (repeatable)
    #[arg(long, value_name = "NETWORK")]
    allowed_peers: Vec<IpNet>,
    /// Only checks whose id begins like this (repeatable)
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// How long to wait for an answer, in milliseconds
    #[arg(long, value_name = "MS", default_value = "2000", value_parser = clap::value_parser!(u64).range(50..=60_000))]
    patience: u64,
    /// Flood the server too: only one on this machine, or in a network named by --i-own
    #[arg(long)]
    flood: bool,
    /// A private network that is yours, and all that is in it (repeatable)
    #[arg(long, value_name = "NETWORK")]
    i_own: Vec<IpNet>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print a Markdown table
    #[arg(long)]
    markdown: bool,
    /// Print what there is to check, and check nothing
    #[arg(long)]
    list: bool,
}

impl fmt::Debug for TurnCheckOptions {
    /// Without passwords and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCheckOptions").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Checks the server. The exit code is 1 if any check failed.
pub(crate) fn run(options: &TurnCheckOptions) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let chosen: Vec<&Check> = checks::all().filter(|check| check.is_among(&options.only)).collect();
    if chosen.is_empty() {
        bail!("no check has an id that begins like that; --list lists them");
    }
    if options.list {
        for Check { id, rule, reference, kind, .. } in chosen {
            writeln!(out, "{id:<38} {:<11} {rule} ({reference})", kind.as_str())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let subject = options.subject()?;
    let mut findings = Vec::new();
    for check in chosen {
        let finding = check.find(&subject);
        if !options.json && !options.markdown {
            write!(out, "{}", report::line(&finding)).and_then(|()| out.flush())?;
        }
        findings.push(finding);
    }
    let server = subject.server.to_string();
    let heading = Heading { server: &server, transport: subject.transport.as_str() };
    write!(out, "{}", options.report(&heading, &findings)?)?;
    let has_failed = report::count(&findings, Status::Fail) > 0;
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl TurnCheckOptions {
    fn report(&self, heading: &Heading<'_>, findings: &[Finding]) -> anyhow::Result<String> {
        Ok(if self.json {
            report::json(heading, findings)?
        } else if self.markdown {
            report::markdown(heading, findings)
        } else {
            format!("\n{}\n", report::summary(findings))
        })
    }

    fn subject(&self) -> anyhow::Result<Subject> {
        let server = self.server.as_deref().context("no server is named")?;
        let (name, port) = split(server)?;
        let server = resolve(&name, port)?;
        let tls_port = self.tls_port.unwrap_or(if port == PORT { TLS_PORT } else { port });
        let local = crate::source_towards(server).with_context(|| format!("{server} cannot be reached"))?;
        if self.flood {
            consent::may_flood(server.ip(), &self.i_own).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        }
        let (credential, second, secret) = self.credentials()?;
        Ok(Subject {
            name,
            server,
            tls: SocketAddr::new(server.ip(), tls_port),
            transport: self.transport,
            credential,
            second,
            secret,
            realm: self.realm.clone(),
            peer_ip: self.peer.unwrap_or(local),
            allowed: self.allowed_peers.clone(),
            patience: Duration::from_millis(self.patience),
            may_flood: self.flood,
            outside_peer: OnceCell::new(),
        })
    }

    /// The two users, and the secret they are made from if there is one.
    fn credentials(&self) -> anyhow::Result<(Option<Credential>, Option<Credential>, Option<String>)> {
        let secret = self.secret.clone().or_else(|| std::env::var(SECRET_VARIABLE).ok());
        if let (Some(secret), None) = (&secret, &self.user) {
            let user = |name| Some(Credential::from_secret(secret, name));
            return Ok((user("turn-check"), user("turn-check-2"), Some(secret.clone())));
        }
        let Some(user) = &self.user else { return Ok((None, None, None)) };
        let password = self.password.clone().or_else(|| std::env::var(PASSWORD_VARIABLE).ok());
        let Some(password) = password else {
            bail!("--user needs --password, or the environment variable {PASSWORD_VARIABLE}");
        };
        let second = self.second_user.as_deref().zip(self.second_password.as_deref());
        let second = second.map(|(user, password)| Credential::new(user, password));
        Ok((Some(Credential::new(user, &password)), second, None))
    }
}

/// A host and its port; an IPv6 address is in brackets if a port follows.
fn split(server: &str) -> anyhow::Result<(String, u16)> {
    if let Ok(address) = server.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return Ok((bare.to_owned(), PORT));
    }
    match server.rsplit_once(':') {
        Some((name, port)) => {
            let port = port.parse().with_context(|| format!("{port:?} is not a port"))?;
            Ok((name.to_owned(), port))
        }
        None => Ok((server.to_owned(), PORT)),
    }
}

fn resolve(name: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let mut addresses =
        (name, port).to_socket_addrs().with_context(|| format!("{name} is not a host's name"))?;
    addresses.next().with_context(|| format!("{name} has no address"))
}

#[cfg(test)]
mod tests;
