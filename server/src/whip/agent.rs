//! A participant whose client speaks WHIP or WHEP: its signalling session, kept for it here.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "such a client knows a few messages and codes; all others, whatever they will be, mean the same to it"
)]

use crate::gateway::hub::{Link, LinkClient};
use crate::shared::Shared;
use axum::http::StatusCode;
use moim_signal::id::{ParticipantId, PeerConnectionId, RoomName};
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, ConnectionEndReason, ErrorCode, Grants, Hello, IceCandidate,
    IceServer, MidTrack, PROTOCOL_VERSION, RoomDescription, ServerFrame, ServerMessage, TrackDescription,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the server's own parts may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Messages of the server that are acknowledged together. It keeps those that are not.
const ACKNOWLEDGED_AFTER: u32 = 32;

/// Why a request is refused: a status, and a sentence for whoever debugs the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn gone() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is going away. Try again in a moment.")
    }

    fn late() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server has too much to do. Try again in a moment.")
    }
}

/// Who joins, and as what.
#[derive(Debug)]
pub(super) struct Entrance {
    pub(super) room: RoomName,
    pub(super) name: String,
    pub(super) client: LinkClient,
    pub(super) grants: Result<Grants, CloseCode>,
    /// What the client is, for statistics.
    pub(super) software: &'static str,
}

/// What a request asks for by its session description.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) connection: PeerConnectionId,
    pub(super) sdp: String,
    pub(super) tracks: Vec<MidTrack>,
}

/// A signalling session without anybody behind it. It ends, and its participant leaves, when it is dropped.
#[derive(Debug)]
pub(super) struct Agent {
    link: Link,
    /// The number of the last message that was sent.
    sent: u32,
    /// That of the last one that came.
    received: u32,
    acknowledged: u32,
    heartbeat: Duration,
    next_ping: Instant,
}

/// What became of a participant of a room.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) room: RoomDescription,
    pub(super) ice_servers: Vec<IceServer>,
}

impl Agent {
    /// Begins a session and joins a room.
    pub(super) async fn enter(shared: &Shared, entrance: Entrance) -> Result<(Self, Entered), Refusal> {
        let Entrance { room, name, client, grants, software } = entrance;
        let hello = Hello {
            version: PROTOCOL_VERSION,
            client: Some(software.to_owned()),
            // Its grants have been read.
            token: None,
            resume: None,
        };
        let mut link = shared.hub.open(hello, grants, client).await.map_err(|_| Refusal::gone())?;
        // There is no other link that it could go on by.
        link.note_client_gone();
        let heartbeat = welcome(&mut link).await?;
        let next_ping = Instant::now() + heartbeat;
        let mut agent = Self { link, sent: 0, received: 0, acknowledged: 0, heartbeat, next_ping };
        agent.send(ClientMessage::Join { room, name, metadata: None, direct: false }).await?;
        let entered = agent
            .expect(|message| match message {
                ServerMessage::Joined { room, ice_servers, .. } => Some(Ok(Entered { room, ice_servers })),
                _ => None,
            })
            .await?;
        Ok((agent, entered))
    }

    /// Makes tracks known to the room.
    pub(super) async fn publish(&mut self, tracks: Vec<TrackDescription>) -> Result<(), Refusal> {
        for track in tracks {
            self.send(ClientMessage::Publish { track }).await?;
            self.expect(|message| match message {
                ServerMessage::ParticipantUpdated { .. } => Some(Ok(())),
                _ => None,
            })
            .await?;
        }
        Ok(())
    }

    /// Offers a connection to the server, or a change of it. Returns the answer.
    pub(super) async fn offer(&mut self, offer: Offer) -> Result<String, Refusal> {
        let Offer { connection, sdp, tracks } = offer;
        let to = ParticipantId::new(ParticipantId::SERVER);
        self.send(ClientMessage::Offer { to, connection, sdp, tracks }).await?;
        self.expect(|message| match message {
            ServerMessage::Answer { from, sdp, .. } if from.is_server() => Some(Ok(sdp)),
            ServerMessage::ConnectionEnded { reason, message, .. } => {
                Some(Err(Refusal::new(status_of_end(reason), message)))
            }
            _ => None,
        })
        .await
    }

    /// Passes a candidate on.
    pub(super) async fn candidate(
        &mut self,
        connection: PeerConnectionId,
        candidate: IceCandidate,
    ) -> Result<(), Refusal> {
        let to = ParticipantId::new(ParticipantId::SERVER);
        self.send(ClientMessage::Candidate { to, connection, candidate }).await
    }

    /// Keeps the session alive until something comes that its client has to know of: its connection, or its part in the room, has ended.
    /// May be given up and begun again at any time.
    pub(super) async fn ended(&mut self) {
        loop {
            match self.next().await {
                Ok(ServerMessage::ConnectionEnded { .. } | ServerMessage::Left { .. }) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The first message of which `wanted` makes something. What else comes on the way is of no use to such a client.
    async fn expect<T>(
        &mut self,
        mut wanted: impl FnMut(ServerMessage) -> Option<Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let asked = self.sent;
        let answer = async {
            loop {
                match self.next().await? {
                    ServerMessage::Error { request, code, message } if request == asked => {
                        return Err(Refusal::new(status_of_error(code), message));
                    }
                    ServerMessage::Left { .. } => {
                        return Err(Refusal::new(
                            StatusCode::CONFLICT,
                            "You have been removed from the room.",
                        ));
                    }
                    message => {
                        if let Some(result) = wanted(message) {
                            return result;
                        }
                    }
                }
            }
        };
        timeout(ANSWER_TIME_MAX, answer).await.unwrap_or_else(|_| Err(Refusal::late()))
    }

    async fn send(&mut self, body: ClientMessage) -> Result<(), Refusal> {
        self.sent += 1;
        self.acknowledged = self.received;
        self.hand_in(ClientFrame::Message { seq: self.sent, ack: self.received, body }).await
    }

    async fn hand_in(&self, frame: ClientFrame) -> Result<(), Refusal> {
        self.link.handle(Ok(frame)).await.map_err(|_| Refusal::gone())
    }

    /// The next message. Cancel-safe: what has come stays with the link until it is taken, and taking it waits for nothing.
    async fn next(&mut self) -> Result<ServerMessage, Refusal> {
        loop {
            if self.received - self.acknowledged >= ACKNOWLEDGED_AFTER {
                self.hand_in(ClientFrame::Ack { ack: self.received }).await?;
                self.acknowledged = self.received;
            }
            tokio::select! {
                frame = self.link.next() => match frame.map(|frame| *frame) {
                    Some(ServerFrame::Message { seq, body, .. }) => {
                        self.received = seq;
                        return Ok(body);
                    }
                    Some(ServerFrame::Close { .. }) | None => return Err(Refusal::gone()),
                    Some(
                        ServerFrame::Welcome { .. }
                        | ServerFrame::Ack { .. }
                        | ServerFrame::Pong { .. }
                        | ServerFrame::Rejected { .. },
                    ) => {}
                },
                () = sleep_until(self.next_ping) => {
                    self.next_ping = Instant::now() + self.heartbeat;
                    self.acknowledged = self.received;
                    self.hand_in(ClientFrame::Ping { ack: self.received }).await?;
                }
            }
        }
    }
}

/// Waits for the session to begin. Returns how often it is to show that it is alive.
async fn welcome(link: &mut Link) -> Result<Duration, Refusal> {
    let frame = timeout(ANSWER_TIME_MAX, link.next()).await.map_err(|_| Refusal::late())?;
    match frame.map(|frame| *frame) {
        Some(ServerFrame::Welcome { heartbeat_ms, .. }) => Ok(Duration::from_millis(heartbeat_ms.into())),
        Some(ServerFrame::Close { code, message, .. }) => Err(Refusal::new(status_of_close(code), message)),
        Some(_) | None => Err(Refusal::gone()),
    }
}

/// What is wrong with a token is the client's to mend; all else passes.
fn status_of_close(code: CloseCode) -> StatusCode {
    match code {
        CloseCode::TokenMissing | CloseCode::TokenInvalid | CloseCode::TokenExpired => {
            StatusCode::UNAUTHORIZED
        }
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn status_of_error(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::WrongRoom | ErrorCode::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorCode::RoomFull | ErrorCode::TooManyRooms | ErrorCode::Draining | ErrorCode::RateLimited => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorCode::UnknownParticipant => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn status_of_end(reason: ConnectionEndReason) -> StatusCode {
    match reason {
        ConnectionEndReason::BadOffer => StatusCode::BAD_REQUEST,
        ConnectionEndReason::ServerFull => StatusCode::SERVICE_UNAVAILABLE,
        ConnectionEndReason::Failed | ConnectionEndReason::Replaced => StatusCode::CONFLICT,
    }
}
