//! The task that owns the signalling machine: commands from links in, frames to links out, time in between.

use super::close;
use super::ice::IceServers;
use super::queue::{FrameReceiver, FrameSender, QueueLimits, queue};
use super::sessions::SessionsByAddress;
use crate::media::MediaPlane;
use crate::strangers::{Known, Stranger};
use crate::webhooks::Webhooks;
use moim_signal::id::LinkId;
use moim_signal::message::{ClientFrame, CloseCode, FrameError, Grants, Hello, ServerFrame, Topology};
use moim_signal::{Config, Counters, Event, Output, SignalServer};
use moim_wire::Redacted;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// Commands that wait for the hub. Whoever sends one more waits too, which is what slows a flood down.
const COMMANDS_MAX: usize = 1024;
/// Commands handled before the clock is looked at again.
const BATCH_MAX: usize = 64;
/// Room in a link's queue beyond the messages that a resumed session may be sent at once: for frames that are none.
const LINK_QUEUE_SPARE: usize = 64;
/// How long such a frame may be, in bytes.
const LINK_QUEUE_SPARE_FRAME_LEN: usize = 1024;

enum Command {
    Open { link: LinkId, hello: Hello, grants: Result<Grants, CloseCode>, open: OpenLink },
    Frame { link: LinkId, frame: Result<ClientFrame, FrameError> },
    Closed { link: LinkId, client_is_gone: bool },
    Drain { grace: Duration },
    Count { reply: oneshot::Sender<Census> },
    Ask { work: Work },
}

/// What an operator asks of the machine.
type Work = Box<dyn FnOnce(&mut SignalServer, Instant) + Send>;

/// How signalling stands.
#[derive(Clone, Debug)]
pub(crate) struct Census {
    pub(crate) counters: Counters,
    pub(crate) sessions: u64,
    pub(crate) rooms: u64,
    /// Of these, those whose media the server forwards.
    pub(crate) rooms_forwarded: u64,
    pub(crate) participants: u64,
}

/// What the hub holds of a link.
#[derive(Debug)]
struct OpenLink {
    frames: FrameSender,
    client: LinkClient,
    /// Set once the link has a session.
    known: Option<Known>,
}

/// Whose link it is.
#[derive(Clone, Debug)]
pub(crate) struct LinkClient {
    pub(crate) stranger: Arc<Stranger>,
    /// Whether it reached the server by a name, rather than by an address.
    pub(crate) is_by_name: bool,
}

/// The hub has ended: the server is shutting down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubEnded;

/// Where links reach the hub.
#[derive(Clone, Debug)]
pub(crate) struct HubHandle {
    commands: mpsc::Sender<Command>,
    next_link: Arc<AtomicU64>,
    queue_limits: QueueLimits,
}

impl HubHandle {
    /// Begins a link by its `hello`. Its connection is no stranger's while the link has a session.
    pub(crate) async fn open(
        &self,
        hello: Hello,
        grants: Result<Grants, CloseCode>,
        client: LinkClient,
    ) -> Result<Link, HubEnded> {
        let id = LinkId(self.next_link.fetch_add(1, Ordering::Relaxed));
        let (frames, queue) = queue(self.queue_limits);
        let link = Link { id, hub: self.clone(), client_is_gone: false, queue };
        let open = OpenLink { frames, client, known: None };
        self.send(Command::Open { link: id, hello, grants, open }).await?;
        Ok(link)
    }

    /// Hands in a frame that came in on a link.
    pub(crate) async fn frame(
        &self,
        link: LinkId,
        frame: Result<ClientFrame, FrameError>,
    ) -> Result<(), HubEnded> {
        self.send(Command::Frame { link, frame }).await
    }

    /// Begins to shut down.
    pub(crate) async fn drain(&self, grace: Duration) -> Result<(), HubEnded> {
        self.send(Command::Drain { grace }).await
    }

    /// Counts what there is.
    pub(crate) async fn census(&self) -> Result<Census, HubEnded> {
        let (reply, census) = oneshot::channel();
        self.send(Command::Count { reply }).await?;
        census.await.map_err(|_| HubEnded)
    }

    /// Lets an operator look at the machine, or do something with it. What it takes everybody waits for.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SignalServer, Instant) -> T + Send + 'static,
    ) -> Result<T, HubEnded> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |machine, now| {
            // Whoever asked may have gone.
            let _ = reply.send(work(machine, now));
        });
        self.send(Command::Ask { work }).await?;
        answer.await.map_err(|_| HubEnded)
    }

    async fn send(&self, command: Command) -> Result<(), HubEnded> {
        self.commands.send(command).await.map_err(|_| HubEnded)
    }
}

/// A link, as its task holds it. Dropping it, for whatever reason, tells the hub that the link is gone.
#[derive(Debug)]
pub(crate) struct Link {
    id: LinkId,
    hub: HubHandle,
    /// Whether the client said that it will not come back.
    client_is_gone: bool,
    queue: FrameReceiver,
}

impl Link {
    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    /// The next frame for the client; `None` when the link is to be closed. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Box<ServerFrame>> {
        self.queue.recv().await
    }

    /// The client said that it will not come back: its session is not to wait for it.
    pub(crate) fn note_client_gone(&mut self) {
        self.client_is_gone = true;
    }

    /// Hands in a frame that came in on this link.
    pub(crate) async fn handle(&self, frame: Result<ClientFrame, FrameError>) -> Result<(), HubEnded> {
        self.hub.frame(self.id, frame).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let command = Command::Closed { link: self.id, client_is_gone: self.client_is_gone };
        if let Err(mpsc::error::TrySendError::Full(command)) = self.hub.commands.try_send(command)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let commands = self.hub.commands.clone();
            // If the hub ends meanwhile, there is nobody left to tell.
            runtime.spawn(async move { drop(commands.send(command).await) });
        }
    }
}

/// What an operator can set about the hub, besides what the machine is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubLimits {
    /// How long what was sent to a client may wait to be read, once its link is to be closed.
    pub(crate) unread_max: Duration,
    /// Sessions that one address may have, those waiting to be resumed included.
    pub(crate) sessions_per_address_max: u32,
}

/// What the hub works with, besides the machine.
#[derive(Debug)]
pub(crate) struct HubParts {
    /// What participants are told of.
    pub(crate) ice: IceServers,
    /// What forwards media, if anything does.
    pub(crate) media: Option<MediaPlane>,
    /// Who else is told of what happens, if anybody is.
    pub(crate) webhooks: Option<Webhooks>,
}

/// The signalling machine with its links.
#[derive(Debug)]
pub(crate) struct Hub {
    machine: SignalServer,
    parts: HubParts,
    sessions: SessionsByAddress,
    links: HashMap<LinkId, OpenLink>,
    commands: mpsc::Receiver<Command>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A hello may hold a token.
        f.write_str("Command")
    }
}

impl Hub {
    pub(crate) fn new(
        config: Config,
        seed: [u8; 32],
        limits: HubLimits,
        parts: HubParts,
    ) -> (Self, HubHandle) {
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let handle = HubHandle {
            commands: sender,
            next_link: Arc::default(),
            queue_limits: QueueLimits {
                frames_max: config.outbox_messages_max + LINK_QUEUE_SPARE,
                // Messages in the queue are in the outbox too, if the client acknowledges only what it has read.
                bytes_max: config.outbox_bytes_max + LINK_QUEUE_SPARE * LINK_QUEUE_SPARE_FRAME_LEN,
                patience: limits.unread_max,
            },
        };
        let hub = Self {
            machine: SignalServer::new(config, seed),
            parts,
            sessions: SessionsByAddress::new(limits.sessions_per_address_max),
            links: HashMap::new(),
            commands,
        };
        (hub, handle)
    }

    /// Runs until the machine is drained, or nobody is left to send commands.
    pub(crate) async fn run(mut self) -> Counters {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let deadline = self.machine.poll_timeout();
            let due = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let news = async {
                match &mut self.parts.media {
                    Some(media) => media.news().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Time first: a flood of commands must not keep links from timing out.
                biased;
                () = due => self.machine.handle_timeout(Instant::now()),
                received = self.commands.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        break;
                    }
                    let now = Instant::now();
                    for command in batch.drain(..) {
                        self.handle(command, now);
                    }
                }
                report = news => {
                    if let Some(report) = report {
                        self.machine.handle_media_report(report, Instant::now());
                    }
                }
            }
            self.deliver();
            self.attend_media();
            if self.machine.is_drained() {
                break;
            }
        }
        self.machine.counters().clone()
    }

    /// Takes in what shards have reported, and tells them what they had no room for: a flood of commands must not keep them waiting.
    fn attend_media(&mut self) {
        for _ in 0..BATCH_MAX {
            let Some(media) = &mut self.parts.media else { return };
            media.retry();
            let Some(report) = media.waiting_report() else { return };
            self.machine.handle_media_report(report, Instant::now());
            self.deliver();
        }
    }

    fn handle(&mut self, command: Command, now: Instant) {
        match command {
            Command::Open { link, hello, grants, open } => {
                let is_full = self.sessions.is_full(open.client.stranger.address());
                let grants =
                    grants.and_then(|grants| if is_full { Err(CloseCode::ServerFull) } else { Ok(grants) });
                self.links.insert(link, open);
                self.machine.handle_hello(link, &hello, grants, now);
                // The session is counted before the next one may begin, and while its link is here to tell the address.
                self.deliver();
            }
            Command::Frame { link, frame } => self.machine.handle_frame(link, frame, now),
            Command::Closed { link, client_is_gone } => {
                // A link that the machine closed is not known any more.
                if self.links.remove(&link).is_some() {
                    if client_is_gone {
                        self.machine.handle_client_gone(link, now);
                    } else {
                        self.machine.handle_link_closed(link, now);
                    }
                }
            }
            Command::Drain { grace } => self.machine.drain(grace, now),
            Command::Ask { work } => work(&mut self.machine, now),
            Command::Count { reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(Census {
                    counters: self.machine.counters().clone(),
                    sessions: self.machine.sessions_len() as u64,
                    rooms: self.machine.rooms_len() as u64,
                    rooms_forwarded: self
                        .machine
                        .rooms()
                        .filter(|room| room.topology == Topology::Sfu)
                        .count() as u64,
                    participants: self.machine.participants_len() as u64,
                });
            }
        }
    }

    /// Carries out what the machine wants done.
    fn deliver(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send { link, frame } => self.send(link, frame),
                Output::Close { link } => {
                    // The link's task sends what is queued, finds the end of the queue, and closes.
                    self.links.remove(&link);
                }
                Output::Media(command) => {
                    if let Some(refusal) = self.parts.media.as_mut().and_then(|media| media.tell(command)) {
                        self.machine.handle_media_report(refusal, Instant::now());
                    }
                }
                Output::Event(event) => {
                    log(&event);
                    if let Some(webhooks) = &self.parts.webhooks {
                        webhooks.note(&event);
                    }
                    if let Event::SessionEnded { session } = event {
                        self.sessions.end(&session);
                    }
                }
            }
        }
    }

    fn send(&mut self, link: LinkId, mut frame: ServerFrame) {
        let Some(open) = self.links.get_mut(&link) else { return };
        if let ServerFrame::Message { body, .. } = &mut frame
            && let Some((participant, servers)) = body.ice_servers_mut()
        {
            *servers = self.parts.ice.mint(participant, open.client.is_by_name, SystemTime::now());
        }
        if let ServerFrame::Welcome { session, resumed, .. } = &frame {
            open.known = Some(open.client.stranger.known());
            if !resumed {
                self.sessions.begin(session.clone(), open.client.stranger.address());
            }
        }
        if open.frames.send(frame).is_err() {
            // Full: the client does not read. Gone: its task has ended, and its `Closed` is on the way. Either way the
            // session may be resumed over another link, and what waits here is sent again there.
            if let Some(open) = self.links.remove(&link) {
                open.frames.give_up(close(CloseCode::SlowConsumer, "You do not read what is sent to you."));
            }
            self.machine.handle_link_closed(link, Instant::now());
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::RoomOpened { room } => tracing::info!(room = %Redacted(room), "a room opened"),
        Event::RoomClosed { room } => tracing::info!(room = %Redacted(room), "a room closed"),
        Event::Joined { room, participant, .. } => {
            tracing::info!(room = %Redacted(room), %participant, "a participant joined");
        }
        Event::Left { room, participant, reason, .. } => {
            tracing::info!(room = %Redacted(room), %participant, ?reason, "a participant left");
        }
        Event::TopologyChanged { room, topology, reason } => {
            tracing::info!(room = %Redacted(room), ?topology, ?reason, "a room has another topology");
        }
        Event::Interrupted { session } => tracing::debug!(%session, "a session lost its link"),
        Event::Resumed { session, replayed } => tracing::debug!(%session, replayed, "a session was resumed"),
        Event::SessionEnded { session } => tracing::debug!(%session, "a session ended"),
        Event::LinkClosed { link, code } => tracing::debug!(link = link.0, ?code, "a link was closed"),
    }
}

#[cfg(test)]
mod tests;
