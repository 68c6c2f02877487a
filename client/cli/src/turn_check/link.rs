mod dtls;
mod stream;
mod udp;

use super::draft::{Draft, Reply};
use super::verdict::Verdict;
use clap::ValueEnum;
use moim_stun::{Method, TransactionId};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How client and server talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    Dtls,
}

impl Transport {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }

    /// Whether what is sent arrives, or the connection ends.
    pub(crate) const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }
}

/// The first wait for a response over UDP; it doubles with each further transmission. Short, since a check is run where a
/// round trip is short, or runs long.
const RTO: Duration = Duration::from_millis(200);
/// What comes without being asked for is kept up to so many messages.
const INBOX_MAX: usize = 1024;
/// So many fences are remembered, whose answers may come twice.
const FENCES_MAX: usize = 64;

/// Sends and receives whole messages.
trait Wire {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The next message. [`None`]: none came in time, or the connection ended.
    fn receive(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>>;
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Whether the other end closed.
    fn is_closed(&self) -> bool;
}

/// One 5-tuple with the server.
pub(crate) struct Link {
    wire: Box<dyn Wire>,
    transport: Transport,
    inbox: VecDeque<Vec<u8>>,
    /// The fences that were answered. One that was sent again, as its answer took long, is answered again.
    fences: VecDeque<TransactionId>,
    patience: Duration,
}

impl Link {
    /// `name` is the server's, for TLS; `patience` is how long an answer is waited for.
    pub(crate) fn connect(
        transport: Transport,
        server: SocketAddr,
        name: &str,
        patience: Duration,
    ) -> io::Result<Self> {
        let wire: Box<dyn Wire> = match transport {
            Transport::Udp => Box::new(udp::Udp::connect(server)?),
            Transport::Tcp => Box::new(stream::Stream::connect(server, patience)?),
            Transport::Tls => Box::new(stream::Stream::connect_tls(server, name, patience)?),
            Transport::Dtls => Box::new(dtls::Dtls::connect(server, patience)?),
        };
        let (inbox, fences) = (VecDeque::new(), VecDeque::new());
        Ok(Self { wire, transport, inbox, fences, patience })
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wire.local_addr()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.wire.is_closed()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.wire.send(bytes) {
            // An ICMP error for an earlier datagram is told at the next one, which is then sent again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.wire.send(bytes),
            sent => sent,
        }
    }

    /// The next message that was not a response waited for.
    pub(crate) fn receive(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>> {
        let end = Instant::now() + wait;
        let mut left = wait;
        loop {
            let next = match self.inbox.pop_front() {
                Some(message) => Some(message),
                None => self.wire.receive(left)?,
            };
            match next {
                Some(message) if self.is_of_fence(&message) => {
                    left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
                }
                next => return Ok(next),
            }
        }
    }

    /// Whether a message is another response to a fence that was answered.
    fn is_of_fence(&self, message: &[u8]) -> bool {
        let reply = Reply::new(message.to_vec());
        reply.is_some_and(|reply| self.fences.iter().any(|id| is_response_to(&reply, *id)))
    }

    /// Sends a request, again if need be, and waits for its response.
    pub(crate) fn ask(&mut self, request: &[u8], id: TransactionId) -> Result<Option<Reply>, Verdict> {
        let end = Instant::now() + self.patience;
        let mut rto = RTO;
        loop {
            self.send(request)?;
            let due = if self.transport.is_stream() { end } else { end.min(Instant::now() + rto) };
            rto *= 2;
            if let Some(reply) = self.await_reply(id, due)? {
                return Ok(Some(reply));
            }
            if Instant::now() >= end || self.wire.is_closed() {
                return Ok(None);
            }
        }
    }

    /// Sends a request and waits for its response, which has to come.
    pub(crate) fn exchange(&mut self, request: &[u8], id: TransactionId) -> Result<Reply, Verdict> {
        match self.ask(request, id)? {
            Some(reply) => Ok(reply),
            None if self.wire.is_closed() => Err(Verdict::fail("the server closed the connection")),
            None => Err(Verdict::fail(format_args!("no answer within {} ms", self.patience.as_millis()))),
        }
    }

    /// Sends something once that must not be answered, and returns what answers it. A Binding request behind it tells when the
    /// server is done with it, without waiting long for nothing.
    pub(crate) fn answer_to(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Verdict> {
        self.send(bytes)?;
        self.next_before_fence()
    }

    /// What comes before the response to a Binding request sent now, or shortly behind it.
    pub(crate) fn next_before_fence(&mut self) -> Result<Option<Vec<u8>>, Verdict> {
        let fence = Draft::request(Method::BINDING);
        self.ask(&fence.plain(), fence.id)?;
        if self.fences.len() == FENCES_MAX {
            self.fences.pop_front();
        }
        self.fences.push_back(fence.id);
        let wait = self.settling();
        Ok(self.receive(wait)?)
    }

    /// How long something that is under way may take, beyond a round trip.
    pub(crate) fn settling(&self) -> Duration {
        self.patience / 20
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    fn await_reply(&mut self, id: TransactionId, due: Instant) -> Result<Option<Reply>, Verdict> {
        loop {
            let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) else {
                return Ok(None);
            };
            let Some(bytes) = self.wire.receive(wait)? else {
                if self.wire.is_closed() {
                    return Ok(None);
                }
                continue;
            };
            match Reply::new(bytes.clone()) {
                Some(reply) if is_response_to(&reply, id) => return Ok(Some(reply)),
                _ if self.inbox.len() < INBOX_MAX => self.inbox.push_back(bytes),
                _ => {}
            }
        }
    }
}

fn is_response_to(reply: &Reply, id: TransactionId) -> bool {
    use moim_stun::Class::{ErrorResponse, SuccessResponse};
    let message = reply.message();
    message.transaction_id() == id && matches!(message.class(), SuccessResponse | ErrorResponse)
}
