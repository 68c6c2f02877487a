//! How far a server can be reached: each step of a connection to it, timed, with the reason of a failure.

mod certificate;
mod http;
mod relay;
mod rooms;
mod stun;

use crate::connection::IceServers;
use crate::tls::{Trust, TrustError};
use crate::url::{RoomUrl, ServerUrl};
use moim_signal::message::IceServer as Announced;
use rustls::ClientConfig;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// How long a step may take.
const STEP_TIME_MAX: Duration = Duration::from_secs(10);

/// What is tried, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepName {
    /// The addresses of the host's name.
    Dns,
    /// A TCP connection.
    Tcp,
    /// A TLS connection, and whether the certificate is one to trust.
    Tls,
    /// A request for the app's page.
    Http,
    /// A WebSocket, and `hello` and `welcome` on it.
    WebSocket,
    /// Entering a room, which gives the addresses of STUN and TURN servers.
    Join,
    /// A STUN Binding over UDP.
    StunUdp,
    /// A TURN allocation over UDP.
    TurnUdp,
    /// The same over TCP.
    TurnTcp,
    /// The same over TLS.
    TurnTls,
}

impl StepName {
    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Join => "join",
            Self::StunUdp => "stun-udp",
            Self::TurnUdp => "turn-udp",
            Self::TurnTcp => "turn-tcp",
            Self::TurnTls => "turn-tls",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It works.
    Passed,
    /// It does not.
    Failed,
    /// It was not tried: something before it failed, or the server does not offer it.
    Skipped,
}

impl StepOutcome {
    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A step, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was tried.
    pub name: StepName,
    /// What became of it.
    pub outcome: StepOutcome,
    /// How long it took.
    pub time: Duration,
    /// What was found, or the reason of a failure, in words.
    pub detail: String,
}

/// Tries every step, and tells of each as it is done. `room` is entered only if its address carries a token, which opens no other; otherwise
/// a room of a random name is, where nobody is disturbed.
pub async fn probe(
    server: &ServerUrl,
    room: Option<&RoomUrl>,
    trust: &Trust,
    mut tell: impl FnMut(&Step),
) -> Result<Vec<Step>, TrustError> {
    let mut probe =
        Probe { server, tls: Arc::new(trust.client_config()?), steps: Vec::new(), tell: &mut tell };
    if let Some(addresses) = probe.step(StepName::Dns, find(server)).await
        && let Some(address) = probe.step(StepName::Tcp, connect(addresses)).await
    {
        probe.over(address, room).await;
    }
    Ok(probe.finish())
}

struct Probe<'a> {
    server: &'a ServerUrl,
    tls: Arc<ClientConfig>,
    steps: Vec<Step>,
    tell: &'a mut dyn FnMut(&Step),
}

/// What a step found: in words, and for the steps that follow.
type Found<T> = Result<(String, T), String>;

impl Probe<'_> {
    /// Everything that an address of the server is needed for.
    async fn over(&mut self, address: SocketAddr, room: Option<&RoomUrl>) {
        let (server, tls) = (self.server, Arc::clone(&self.tls));
        let stream = self.step(StepName::Tls, certificate::handshake(server, address, &tls)).await;
        let announced = match stream {
            Some(stream) => {
                self.step(StepName::Http, http::request(server, stream)).await;
                self.signalling(room).await
            }
            None => None,
        };
        let servers = IceServers::resolve(announced.as_deref().unwrap_or_default(), &server.uri_host()).await;
        // A moim server answers STUN at its own port, whether it says so or not.
        let stun = stun::server_of(&servers).unwrap_or(address);
        self.step(StepName::StunUdp, stun::bind(stun)).await;
        for name in [StepName::TurnUdp, StepName::TurnTcp, StepName::TurnTls] {
            match relay::server_of(&servers, name) {
                Some(relay) => drop(self.step(name, relay::allocate(relay, Arc::clone(&tls))).await),
                None if announced.is_some() => self.skip(name, "the server announces no such relay"),
                None => self.skip(name, "nobody may use a relay who has not entered a room"),
            }
        }
    }

    /// A link to the server, and what it says to whoever enters a room.
    async fn signalling(&mut self, room: Option<&RoomUrl>) -> Option<Vec<Announced>> {
        let session =
            self.step(StepName::WebSocket, rooms::begin(self.server, room, Arc::clone(&self.tls))).await?;
        self.step(StepName::Join, rooms::enter(session, room)).await
    }

    async fn step<T>(&mut self, name: StepName, work: impl Future<Output = Found<T>>) -> Option<T> {
        let begin = Instant::now();
        let found = timeout(STEP_TIME_MAX, work).await;
        let found =
            found.unwrap_or_else(|_| Err(format!("nothing came of it within {} s", STEP_TIME_MAX.as_secs())));
        let time = begin.elapsed();
        let (outcome, detail, found) = match found {
            Ok((detail, found)) => (StepOutcome::Passed, detail, Some(found)),
            Err(reason) => (StepOutcome::Failed, reason, None),
        };
        self.note(Step { name, outcome, time, detail });
        found
    }

    fn skip(&mut self, name: StepName, reason: &str) {
        let (outcome, detail) = (StepOutcome::Skipped, reason.to_owned());
        self.note(Step { name, outcome, time: Duration::ZERO, detail });
    }

    fn note(&mut self, step: Step) {
        (self.tell)(&step);
        self.steps.push(step);
    }

    /// What was not tried is told, too.
    fn finish(mut self) -> Vec<Step> {
        for name in ALL {
            if !self.steps.iter().any(|step| step.name == name) {
                self.skip(name, "a step before it failed");
            }
        }
        self.steps
    }
}

const ALL: [StepName; 10] = [
    StepName::Dns,
    StepName::Tcp,
    StepName::Tls,
    StepName::Http,
    StepName::WebSocket,
    StepName::Join,
    StepName::StunUdp,
    StepName::TurnUdp,
    StepName::TurnTcp,
    StepName::TurnTls,
];

async fn find(server: &ServerUrl) -> Found<Vec<SocketAddr>> {
    if let Some(address) = server.address() {
        return Ok((format!("{address} is an address"), vec![SocketAddr::new(address, server.port())]));
    }
    let found = lookup_host((server.host(), server.port())).await.map_err(|error| error.to_string())?;
    let found: Vec<_> = found.collect();
    let words: Vec<_> = found.iter().map(|address| address.ip().to_string()).collect();
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok((words.join(", "), found)) }
}

async fn connect(addresses: Vec<SocketAddr>) -> Found<SocketAddr> {
    let mut reasons = Vec::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok((address.to_string(), address)),
            Err(error) => reasons.push(format!("{address}: {error}")),
        }
    }
    Err(reasons.join("; "))
}

#[cfg(test)]
mod tests;
