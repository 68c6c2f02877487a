//! Rooms: who is there, what they publish, and the connections to them.

mod attempt;
mod chat;
mod control;
mod negotiation;
mod path;
mod peer;
mod state;
mod task;
mod topology;

pub use peer::PeerStats;
pub use state::RoomState;

use crate::connection::NetworkOptions;
use crate::error::{Error, SignalError};
use crate::media::{LocalTrack, RemoteTrack};
use crate::signal::{SignalSender, SignalSession, TRANSPORTS};
use crate::tls::Trust;
use crate::url::RoomUrl;
use aws_lc_rs::rand;
use moim_peer::PeerConnectionState;
use moim_signal::id::{ChatId, ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{
    ClientMessage, LeaveReason, ParticipantDescription, Topology, TopologyReason, TrackDescription,
    TrackKind, TrackSource, TrackWatch,
};
use moim_wire::Bitrate;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use task::{Command, Task, TaskOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Events that may wait for the application. Beyond, the room waits, and in the end the server.
const EVENTS_MAX: usize = 256;
/// Commands that may wait for the room.
const COMMANDS_MAX: usize = 64;
/// The most to send to each of the others, unless said otherwise.
const BITRATE_MAX_USUAL: Bitrate = Bitrate::from_kbps(2_500);
/// How long leaving waits for the server.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(1);

/// What to join, and how.
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// The room, with a token if the server wants one.
    pub url: RoomUrl,
    /// What the others see. A token's own name takes precedence.
    pub name: String,
    /// Text for the application's own use.
    pub metadata: Option<String>,
    /// Whose certificates to take.
    pub trust: Trust,
    /// Whether to connect from loopback addresses too: to others on this machine.
    pub has_loopback: bool,
    /// Whether the others must not learn this machine's addresses: everything goes through relays.
    pub relay_only: bool,
    /// Whether drafts are used that save round trips, with those who use them too: see [`ConnectionOptions`](crate::ConnectionOptions).
    pub drafts: bool,
    /// The most to send to each of the others: 50 kbit/s or more.
    pub bitrate_max: Bitrate,
}

impl JoinOptions {
    /// Of a room, under a name, and everything else as usual.
    pub fn new(url: RoomUrl, name: impl Into<String>) -> Self {
        Self {
            url,
            name: name.into(),
            metadata: None,
            trust: Trust::System,
            has_loopback: false,
            relay_only: false,
            drafts: false,
            bitrate_max: BITRATE_MAX_USUAL,
        }
    }
}

/// What connections are made with.
#[derive(Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) network: NetworkOptions,
    pub(crate) certificate: moim_peer::Certificate,
    pub(crate) relay_only: bool,
    pub(crate) drafts: bool,
    pub(crate) bitrate_max: Bitrate,
}

/// What happens in a room.
#[derive(Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Somebody is there: whoever was before, and whoever comes.
    ParticipantJoined(ParticipantDescription),
    /// Somebody's name, metadata, permissions, tracks or link changed. It may be oneself.
    ParticipantUpdated(ParticipantDescription),
    /// Somebody is gone.
    ParticipantLeft(ParticipantId, LeaveReason),
    /// Somebody publishes a track. Its frames come as soon as there is a connection.
    TrackPublished(RemoteTrack),
    /// A track is gone.
    TrackUnpublished(ParticipantId, TrackId),
    /// The connection to somebody is so far; or to the server's end, whose id is [`ParticipantId::SERVER`].
    ConnectionState(ParticipantId, PeerConnectionState),
    /// Media travels in another way from now on, or in the same for another reason. What comes goes on meanwhile.
    Topology(Topology, TopologyReason),
    /// Everybody's media travels so now.
    TopologySettled(Topology),
    /// Who speaks, where the server forwards media.
    Speakers {
        /// Who has the floor.
        dominant: Option<ParticipantId>,
        /// Everybody who speaks just now.
        speaking: Vec<ParticipantId>,
    },
    /// A line of chat.
    Chat(ChatLine),
    /// The server cannot be reached. Media goes on meanwhile.
    Reconnecting(String),
    /// It can be reached again.
    Reconnected,
    /// The server is about to go away, within this time.
    Draining(Duration),
    /// The room is over. Nothing follows.
    Disconnected(SignalError),
}

/// A track of somebody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TrackKey {
    pub(crate) participant: ParticipantId,
    pub(crate) track: TrackId,
}

/// A line of chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Who wrote it.
    pub from: ParticipantId,
    /// What they are called.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Whether it is for this participant alone.
    pub is_private: bool,
}

/// A room that is joined. Dropping it leaves it; [`Room::leave`] does so, and waits until the server knows.
#[derive(Debug)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<RoomEvent>,
    state: watch::Receiver<RoomState>,
    signal: SignalSender,
}

impl Room {
    /// Joins a room. Whoever is in it already, and what they publish, is told by the first events.
    pub async fn join(options: JoinOptions) -> Result<Self, Error> {
        let tls = Arc::new(options.trust.client_config()?);
        let network =
            NetworkOptions { has_loopback: options.has_loopback, has_tcp: true, tls: Arc::clone(&tls) };
        let settings = ConnectionSettings {
            network,
            certificate: crate::connection::certificate()?,
            relay_only: options.relay_only,
            drafts: options.drafts,
            bitrate_max: options.bitrate_max.max(attempt::BITRATE_MIN),
        };
        let server = options.url.server.clone();
        let session = SignalSession::to(&server, options.url.token.clone(), tls, TRANSPORTS);
        let signal = session.sender();
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (outgoing, events) = mpsc::channel(EVENTS_MAX);
        let (ready, joined) = oneshot::channel();
        Task::spawn(TaskOptions {
            room: options.url.room,
            name: options.name,
            metadata: options.metadata,
            host: server.uri_host(),
            settings: Arc::new(settings),
            session,
            commands: inbox,
            events: outgoing,
            ready,
        });
        let state = joined.await.map_err(|_| Error::Left)??;
        Ok(Self { commands, events, state, signal })
    }

    /// What happens next. [`None`] after [`RoomEvent::Disconnected`].
    pub async fn next_event(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }

    /// The room as it is now.
    pub fn state(&self) -> RoomState {
        self.state.borrow().clone()
    }

    /// Publishes a track, to all who are there and who come. The server may refuse.
    pub async fn publish(&self, kind: TrackKind, source: TrackSource) -> Result<LocalTrack, Error> {
        self.publish_encodings(kind, source, 1).await
    }

    /// Publishes a track in several encodings, the lowest first: at most [`ENCODINGS_MAX`](crate::ENCODINGS_MAX). Where the server forwards, it chooses
    /// among them for everybody, and those that nobody watches need not be sent.
    pub async fn publish_encodings(
        &self,
        kind: TrackKind,
        source: TrackSource,
        encodings: usize,
    ) -> Result<LocalTrack, Error> {
        let id = TrackId::new(format!("{}-{}", word(source), random_hex::<4>()));
        let track = LocalTrack::new(TrackDescription { id, kind, source, muted: false }, encodings);
        self.command(Command::Publish(track.clone())).await?;
        let published =
            self.signal.request(ClientMessage::Publish { track: track.description().clone() }).await;
        match published {
            // After joining anew, everything published is announced again.
            Ok(()) | Err(SignalError::Lost) => Ok(track),
            Err(error) => {
                self.command(Command::Unpublish(track.id().clone())).await?;
                Err(error.into())
            }
        }
    }

    /// Ends a track.
    pub async fn unpublish(&self, track: &LocalTrack) -> Result<(), Error> {
        self.command(Command::Unpublish(track.id().clone())).await?;
        Ok(self.signal.request(ClientMessage::Unpublish { track: track.id().clone() }).await?)
    }

    /// Sends a line of chat to everybody, or to one: by data channel where there is one, and otherwise through the server.
    pub async fn chat(&self, text: &str, to: Option<&ParticipantId>) -> Result<(), Error> {
        let (answer, sent) = oneshot::channel();
        self.command(Command::Chat { text: text.to_owned(), to: to.cloned(), answer }).await?;
        let relayed = sent.await.map_err(|_| Error::Left)?;
        match relayed {
            None => Ok(()),
            Some(line) => {
                let (id, to, text) = (ChatId::new(line.id), line.to, line.text);
                Ok(self.signal.request(ClientMessage::Chat { id, to, text }).await?)
            }
        }
    }

    /// Says how tracks that the server forwards are wanted: in which size, for now or not at all. What is not named stays as it is; without a word,
    /// everything is wanted, in full size.
    pub async fn watch(&self, watches: Vec<TrackWatch>) -> Result<(), Error> {
        Ok(self.signal.request(ClientMessage::Watch { watches }).await?)
    }

    /// How the connection to a participant is, or to the server's end ([`ParticipantId::SERVER`]); [`None`] if there is none.
    pub async fn stats(&self, participant: &ParticipantId) -> Result<Option<PeerStats>, Error> {
        let (answer, stats) = oneshot::channel();
        self.command(Command::Stats(participant.clone(), answer)).await?;
        Ok(stats.await.unwrap_or_default())
    }

    /// Leaves the room, and waits for a moment until the server knows.
    pub async fn leave(self) {
        // If the server cannot be reached, it finds out by itself.
        let _ = timeout(LEAVE_TIME_MAX, self.signal.request(ClientMessage::Leave)).await;
        let closed = self.commands.clone();
        drop(self);
        let _ = timeout(LEAVE_TIME_MAX, closed.closed()).await;
    }

    async fn command(&self, command: Command) -> Result<(), Error> {
        self.commands.send(command).await.map_err(|_| Error::Left)
    }
}

fn word(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screenShare",
        TrackSource::ScreenShareAudio => "screenShareAudio",
        TrackSource::Other => "other",
    }
}

/// An id of 32 hexadecimal digits.
fn random_id() -> PeerConnectionId {
    PeerConnectionId::new(random_hex::<16>())
}

/// So many random bytes, in hexadecimal digits.
pub(crate) fn random_hex<const LEN: usize>() -> String {
    random_bytes::<LEN>().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many random bytes.
pub(crate) fn random_bytes<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    rand::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}
