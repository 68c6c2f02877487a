use super::backoff::backoff;
use super::link::{Incoming, Link, Transport};
use super::outbox::{Done, Outbox};
use crate::error::SignalError;
use crate::stream::{BoxedStream, connect_https};
use crate::url::ServerUrl;
use aws_lc_rs::rand;
use futures_util::future::BoxFuture;
use moim_signal::id::{SessionId, SessionSecret};
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, Hello, PROTOCOL_VERSION, Resume, ServerFrame, ServerMessage,
    SignalLimits,
};
use rustls::ClientConfig;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

/// How this software introduces itself to the server.
const CLIENT: &str = concat!("moim-native/", env!("CARGO_PKG_VERSION"));
/// How long a link may take from its opening to its `welcome`.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a `pong` may take, unless heartbeats follow each other faster.
const PONG_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a `pong` may take when there is reason to believe that the link is dead.
const CHECK_TIME_MAX: Duration = Duration::from_secs(2);
/// How long messages wait for something to carry their acknowledgement.
const ACK_DELAY: Duration = Duration::from_millis(200);
/// How many messages are acknowledged at once, without waiting.
const ACK_COUNT_MAX: u32 = 32;
/// How long to go on trying to reach the server again.
const RECONNECT_TIME_MAX: Duration = Duration::from_secs(600);
/// While reconnecting, every so many attempts the other kind of link is tried.
const ALTERNATE_EVERY: u32 = 3;
/// Requests that may wait for the session's task.
const REQUESTS_MAX: usize = 64;
/// Events that may wait for whoever holds the session: more than a server keeps for a client that does not read. Beyond, the session
/// ends. Waiting instead would keep acknowledgements from those who wait for them before they listen.
pub(super) const EVENTS_MAX: usize = 1_024;

/// What a session needs.
pub(crate) struct SessionOptions {
    /// The server, as the `Host` header names it.
    pub(crate) authority: String,
    /// The token, if any.
    pub(crate) token: Option<String>,
    /// Opens a stream to the server.
    pub(crate) connect: Connect,
    /// The kinds of link to try, in this order.
    pub(crate) transports: &'static [Transport],
}

/// Every kind of link, the better first.
pub(crate) const TRANSPORTS: &[Transport] = &[Transport::WebSocket, Transport::Events];

/// Opens a stream to the server, as often as it is asked to.
pub(crate) type Connect = Box<dyn Fn() -> BoxFuture<'static, io::Result<BoxedStream>> + Send + Sync>;

/// What a session reports.
#[derive(Debug)]
pub enum SessionEvent {
    /// A session began that the server does not know from before: join.
    Begun(SignalLimits),
    /// The link is lost, and the session tries to get another.
    Interrupted(String),
    /// The session goes on over another link; nothing was missed.
    Resumed,
    /// A message, once and in order.
    Message(Box<ServerMessage>),
    /// It is over and nothing will bring it back.
    Ended(SignalError),
}

/// A session with a server, held by a task of its own. Dropping this ends it, and leaves the room.
///
/// It is what [`Room`](crate::Room) is made on, for programs that have connections of their own kind.
#[derive(Debug)]
pub struct SignalSession {
    requests: mpsc::Sender<Request>,
    checks: Arc<Notify>,
    events: mpsc::Receiver<SessionEvent>,
}

#[derive(Debug)]
struct Request {
    body: ClientMessage,
    done: Option<Done>,
}

/// Sends messages of a session.
#[derive(Clone, Debug)]
pub struct SignalSender(mpsc::WeakSender<Request>);

impl SignalSession {
    /// Begins a session with a server, whose certificate is checked by `tls`. Whether it succeeds is its first event.
    pub fn open(server: &ServerUrl, token: Option<String>, tls: &Arc<ClientConfig>) -> Self {
        Self::to(server, token, Arc::clone(tls), TRANSPORTS)
    }

    /// Begins a session with a server, by one of these kinds of link. Whether it succeeds is its first event.
    pub(crate) fn to(
        server: &ServerUrl,
        token: Option<String>,
        tls: Arc<ClientConfig>,
        transports: &'static [Transport],
    ) -> Self {
        let (authority, server) = (server.authority(), server.clone());
        let connect: Connect = Box::new(move || {
            let (server, tls) = (server.clone(), Arc::clone(&tls));
            Box::pin(async move { connect_https(&server, &tls).await })
        });
        Self::begin(SessionOptions { authority, token, connect, transports })
    }

    /// Begins a session. Whether it succeeds is its first event.
    pub(crate) fn begin(options: SessionOptions) -> Self {
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let (outgoing, events) = mpsc::channel(EVENTS_MAX);
        let checks = Arc::<Notify>::default();
        let task = Task {
            options,
            requests: inbox,
            checks: Arc::clone(&checks),
            events: outgoing,
            outbox: Outbox::default(),
            identity: None,
            received: 0,
            acknowledged: 0,
            transport: 0,
        };
        tokio::spawn(task.run());
        Self { requests, checks, events }
    }

    /// What happened next. [`None`] once it is over.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        self.events.recv().await
    }

    /// Finds out soon whether the link still works, or tries again at once to get one, as when this machine's network has changed.
    pub(crate) fn check(&self) {
        self.checks.notify_one();
    }

    /// For others to send messages by. It does not keep the session from ending.
    pub fn sender(&self) -> SignalSender {
        SignalSender(self.requests.downgrade())
    }
}

impl SignalSender {
    /// Sends a message, and waits for what becomes of it.
    pub async fn request(&self, body: ClientMessage) -> Result<(), SignalError> {
        let (done, answer) = oneshot::channel();
        let requests = self.0.upgrade().ok_or(SignalError::Over)?;
        requests.send(Request { body, done: Some(done) }).await.map_err(|_| SignalError::Over)?;
        drop(requests);
        answer.await.map_err(|_| SignalError::Over)?
    }

    /// Waits for a place for a message of which nobody waits to hear. [`None`]: the session is over.
    pub(crate) async fn reserve(&self) -> Option<Place> {
        self.0.upgrade()?.reserve_owned().await.ok().map(Place)
    }
}

/// A place for one message.
#[derive(Debug)]
pub(crate) struct Place(mpsc::OwnedPermit<Request>);

impl Place {
    /// Sends the message.
    pub(crate) fn send(self, body: ClientMessage) {
        self.0.send(Request { body, done: None });
    }
}

/// What `resume` must show.
struct Identity {
    session: SessionId,
    secret: SessionSecret,
}

/// Why a link is no longer used.
enum LinkEnd {
    /// It was lost; the reason in words.
    Lost(String),
    /// The server refuses to go on.
    Refused(SignalError),
    /// Nobody holds the session any more.
    Dropped,
    /// Whoever holds it does not listen.
    Unheard,
}

struct Task {
    options: SessionOptions,
    requests: mpsc::Receiver<Request>,
    checks: Arc<Notify>,
    events: mpsc::Sender<SessionEvent>,
    outbox: Outbox,
    /// Of the session at hand, once there is one.
    identity: Option<Identity>,
    /// The last server message received, and the last one acknowledged.
    received: u32,
    acknowledged: u32,
    /// Which kind of link worked last.
    transport: usize,
}

/// A link that was welcomed.
struct Welcomed {
    link: Link,
    heartbeat: Duration,
}

impl Task {
    async fn run(mut self) {
        let mut attempt = 0;
        let mut lost_at = None;
        loop {
            let end = match self.open(attempt).await {
                Ok(welcomed) => {
                    (attempt, lost_at) = (0, None);
                    self.drive(welcomed).await
                }
                Err(end) => end,
            };
            let reason = match end {
                LinkEnd::Lost(reason) => reason,
                end @ (LinkEnd::Refused(_) | LinkEnd::Dropped | LinkEnd::Unheard) => {
                    return self.over(end).await;
                }
            };
            let server = self.options.authority.clone();
            let unreachable = SignalError::Unreachable { server, reason: reason.clone() };
            if self.identity.is_none() {
                return self.end(unreachable).await;
            }
            if lost_at.is_none()
                && let Err(end) = self.tell(SessionEvent::Interrupted(reason))
            {
                return self.over(end).await;
            }
            let now = Instant::now();
            if now.duration_since(*lost_at.get_or_insert(now)) > RECONNECT_TIME_MAX {
                return self.end(unreachable).await;
            }
            let wait = backoff(attempt, random_byte());
            attempt += 1;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.checks.notified() => attempt = 0,
                () = self.events.closed() => return,
            }
        }
    }

    /// Opens a link and says `hello` on it: for the first time by each kind of link until one works, and later by the one that did, or
    /// now and then by another.
    async fn open(&mut self, attempt: u32) -> Result<Welcomed, LinkEnd> {
        let count = self.options.transports.len();
        let is_first = self.identity.is_none();
        let turn = usize::from(!is_first && attempt % ALTERNATE_EVERY == ALTERNATE_EVERY - 1);
        let mut reasons = Vec::new();
        for offset in turn..if is_first { count } else { turn + 1 } {
            let index = (self.transport + offset) % count;
            match self.open_by(self.options.transports[index]).await {
                Err(LinkEnd::Lost(reason)) if !reasons.contains(&reason) => reasons.push(reason),
                Err(LinkEnd::Lost(_)) => {}
                opened => {
                    self.transport = index;
                    return opened;
                }
            }
        }
        Err(LinkEnd::Lost(reasons.join("; then, without a WebSocket: ")))
    }

    async fn open_by(&mut self, transport: Transport) -> Result<Welcomed, LinkEnd> {
        let hello = ClientFrame::Hello(Hello {
            version: PROTOCOL_VERSION,
            client: Some(CLIENT.to_owned()),
            token: self.options.token.clone(),
            resume: self.identity.as_ref().map(|identity| Resume {
                session: identity.session.clone(),
                secret: identity.secret.clone(),
                ack: self.received,
            }),
        });
        let SessionOptions { authority, connect, .. } = &self.options;
        let opening = async {
            let mut link = Link::open(transport, authority, connect, &hello).await?;
            loop {
                // Whatever comes before the welcome belongs to nothing.
                if let Incoming::Frame(frame) = link.receive().await?
                    && matches!(*frame, ServerFrame::Welcome { .. } | ServerFrame::Close { .. })
                {
                    return Ok((link, *frame));
                }
            }
        };
        let opened: Result<_, String> = tokio::select! {
            opened = timeout(WELCOME_TIME_MAX, opening) => {
                opened.unwrap_or_else(|_| Err(format!("no answer within {} s", WELCOME_TIME_MAX.as_secs())))
            }
            () = self.events.closed() => return Err(LinkEnd::Dropped),
        };
        let (mut link, frame) = opened.map_err(LinkEnd::Lost)?;
        let heartbeat = self.welcome(&mut link, frame).await?;
        Ok(Welcomed { link, heartbeat })
    }

    async fn welcome(&mut self, link: &mut Link, frame: ServerFrame) -> Result<Duration, LinkEnd> {
        let ServerFrame::Welcome { session, secret, resumed, ack, heartbeat_ms, limits, .. } = frame else {
            return Err(refusal(frame));
        };
        self.identity = Some(Identity { session, secret });
        let event = if resumed {
            self.outbox.acknowledge(ack);
            let again: Vec<_> = self.outbox.unacknowledged().map(|(seq, body)| (seq, body.clone())).collect();
            for (seq, body) in again {
                self.send(link, |ack| ClientFrame::Message { seq, ack, body })
                    .await
                    .map_err(LinkEnd::Lost)?;
            }
            SessionEvent::Resumed
        } else {
            (self.received, self.acknowledged) = (0, 0);
            self.outbox.reset(&SignalError::Lost);
            SessionEvent::Begun(limits)
        };
        self.tell(event)?;
        Ok(Duration::from_millis(u64::from(heartbeat_ms.max(1))))
    }

    /// Uses a link until it ends.
    async fn drive(&mut self, welcomed: Welcomed) -> LinkEnd {
        let Welcomed { mut link, heartbeat } = welcomed;
        let Err(end) = self.exchange(&mut link, heartbeat).await;
        match end {
            LinkEnd::Dropped | LinkEnd::Unheard => {
                if link.has_no_goodbye() {
                    self.leave(&mut link).await;
                }
                link.close(true).await;
            }
            // It may be the network that is gone: nothing that is sent now may matter.
            LinkEnd::Lost(_) => drop(link),
            LinkEnd::Refused(_) => link.close(false).await,
        }
        end
    }

    /// Frames both ways, until there is a reason to end.
    async fn exchange(&mut self, link: &mut Link, heartbeat: Duration) -> Result<Infallible, LinkEnd> {
        let mut pings = pings(heartbeat);
        let mut pong_due: Option<Instant> = None;
        let mut ack_due: Option<Instant> = None;
        loop {
            tokio::select! {
                incoming = link.receive() => {
                    if self.handle(incoming.map_err(LinkEnd::Lost)?)? {
                        pong_due = None;
                    }
                    if self.received.wrapping_sub(self.acknowledged) >= ACK_COUNT_MAX {
                        self.send(link, |ack| ClientFrame::Ack { ack }).await.map_err(LinkEnd::Lost)?;
                    }
                }
                request = self.requests.recv() => {
                    let Some(Request { body, done }) = request else { return Err(LinkEnd::Dropped) };
                    if let Some(seq) = self.outbox.add(body.clone(), done) {
                        self.send(link, |ack| ClientFrame::Message { seq, ack, body }).await.map_err(LinkEnd::Lost)?;
                    }
                }
                _ = pings.tick() => {
                    self.send(link, |ack| ClientFrame::Ping { ack }).await.map_err(LinkEnd::Lost)?;
                    pong_due.get_or_insert_with(|| Instant::now() + PONG_TIME_MAX.min(heartbeat));
                }
                () = self.checks.notified() => {
                    self.send(link, |ack| ClientFrame::Ping { ack }).await.map_err(LinkEnd::Lost)?;
                    let due = Instant::now() + CHECK_TIME_MAX;
                    pong_due = Some(pong_due.map_or(due, |other| other.min(due)));
                }
                () = until(ack_due) => {
                    self.send(link, |ack| ClientFrame::Ack { ack }).await.map_err(LinkEnd::Lost)?;
                }
                () = until(pong_due) => {
                    return Err(LinkEnd::Lost("the server did not answer a ping".to_owned()));
                }
            }
            if self.received == self.acknowledged {
                ack_due = None;
            } else {
                ack_due.get_or_insert_with(|| Instant::now() + ACK_DELAY);
            }
        }
    }

    /// Returns whether this was the answer to a ping.
    fn handle(&mut self, incoming: Incoming) -> Result<bool, LinkEnd> {
        match incoming {
            Incoming::Message { seq, ack, body } => self.handle_message(seq, ack, body).map(|()| false),
            Incoming::Frame(frame) => match *frame {
                ServerFrame::Pong { ack } => {
                    self.outbox.acknowledge(ack);
                    Ok(true)
                }
                ServerFrame::Ack { ack } => {
                    self.outbox.acknowledge(ack);
                    Ok(false)
                }
                ServerFrame::Rejected { code, message } => {
                    tracing::warn!(?code, message, "the server could not read a frame");
                    Ok(false)
                }
                close @ ServerFrame::Close { .. } => Err(refusal(close)),
                // Neither has a meaning here.
                ServerFrame::Welcome { .. } | ServerFrame::Message { .. } => Ok(false),
            },
        }
    }

    fn handle_message(
        &mut self,
        seq: u32,
        ack: u32,
        body: Option<Box<ServerMessage>>,
    ) -> Result<(), LinkEnd> {
        if seq > self.received + 1 {
            // Something is missing; the server still has it and sends it again on a new link.
            return Err(LinkEnd::Lost(format!("message {seq} came after {}", self.received)));
        }
        let is_new = seq == self.received + 1;
        if is_new && let Some(ServerMessage::Error { request, code, message }) = body.as_deref() {
            // Before the acknowledgement, which would take what is refused here for done.
            let error = SignalError::Refused { code: *code, message: message.clone() };
            self.outbox.refuse(*request, error);
        }
        self.outbox.acknowledge(ack);
        if !is_new {
            return Ok(());
        }
        self.received = seq;
        body.map_or(Ok(()), |body| self.tell(SessionEvent::Message(body)))
    }

    /// Says on a link that has no goodbye that the session is over.
    async fn leave(&mut self, link: &mut Link) {
        if let Some(seq) = self.outbox.add(ClientMessage::Leave, None) {
            let leave = self.send(link, |ack| ClientFrame::Message { seq, ack, body: ClientMessage::Leave });
            // If the server cannot be reached, it finds out by itself. Nobody waits for this.
            let _ = leave.await;
        }
    }

    /// Sends a frame, which acknowledges what was received.
    async fn send(&mut self, link: &mut Link, frame: impl FnOnce(u32) -> ClientFrame) -> Result<(), String> {
        self.acknowledged = self.received;
        link.send(&frame(self.received), &self.options.connect).await
    }

    /// Tells whoever holds the session. An error: nobody does, or does not listen.
    fn tell(&self, event: SessionEvent) -> Result<(), LinkEnd> {
        self.events.try_send(event).map_err(|refused| match refused {
            TrySendError::Full(_) => LinkEnd::Unheard,
            TrySendError::Closed(_) => LinkEnd::Dropped,
        })
    }

    /// There will be no other link.
    async fn over(self, end: LinkEnd) {
        match end {
            LinkEnd::Refused(error) => self.end(error).await,
            LinkEnd::Unheard => self.end(SignalError::Unheard(EVENTS_MAX)).await,
            // Nobody is there to be told.
            LinkEnd::Dropped | LinkEnd::Lost(_) => {}
        }
    }

    async fn end(self, error: SignalError) {
        let Self { requests, events, mut outbox, .. } = self;
        outbox.reset(&error);
        // Whoever asks from now on is told so at once, and not when what happened before was heard.
        drop(requests);
        // Nobody may be there any more to hear of it.
        let _ = events.send(SessionEvent::Ended(error)).await;
    }
}

/// What the server's last frame says.
fn refusal(frame: ServerFrame) -> LinkEnd {
    match frame {
        ServerFrame::Close { retry: true, message, .. } => LinkEnd::Lost(message),
        ServerFrame::Close { code, message, .. } => LinkEnd::Refused(SignalError::Closed { code, message }),
        ServerFrame::Welcome { .. }
        | ServerFrame::Message { .. }
        | ServerFrame::Ack { .. }
        | ServerFrame::Pong { .. }
        | ServerFrame::Rejected { .. } => LinkEnd::Refused(SignalError::Closed {
            code: CloseCode::ProtocolError,
            message: "the server does not follow the protocol".to_owned(),
        }),
    }
}

fn pings(heartbeat: Duration) -> Interval {
    let mut pings = interval_at(Instant::now() + heartbeat, heartbeat);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

/// Waits until `due`, or for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness, all clients wait equally long, which is no harm.
    let _ = rand::fill(&mut byte);
    byte[0]
}
