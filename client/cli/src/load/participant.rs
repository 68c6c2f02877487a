//! One participant, from joining to leaving: what it says to the server, and what it has its connection do.

use super::worker::{ClientCommand, ClientSpec, Command, Told, Worker};
use moim_native::{Error, ServerUrl, SessionEvent, SignalError, SignalSender, SignalSession, Trust};
use moim_signal::id::{ParticipantId, PeerConnectionId, RoomName, TrackId};
use moim_signal::message::{
    ClientMessage, Forwarding, RoomDescription, ServerMessage, Topology, TrackDescription, TrackKind,
    TrackSource,
};
use rustls::ClientConfig;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

/// What a connection tells that may wait to be heard.
const TOLD_MAX: usize = 32;
/// How long leaving waits for the server.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(1);

/// What all participants have in common.
pub(super) struct Fleet {
    pub(super) server: ServerUrl,
    pub(super) token: Option<String>,
    pub(super) tls: Arc<ClientConfig>,
    /// What rooms are called, before their numbers.
    pub(super) prefix: String,
    pub(super) local: IpAddr,
    pub(super) workers: Vec<Worker>,
    /// How many may be joining at a time.
    pub(super) joining: Semaphore,
    pub(super) has_audio: bool,
    pub(super) has_video: bool,
    /// Whether publishers watch as well.
    pub(super) is_meeting: bool,
}

/// Who a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// Its number among all.
    pub(super) index: usize,
    pub(super) room: u32,
    /// Its number among the publishers of its room, if it is one.
    pub(super) publisher: Option<u32>,
}

/// What becomes of participants.
#[derive(Debug)]
pub(super) enum Happened {
    /// It is connected, so long after it began to join.
    Connected(Duration),
    /// The first packet of media came, so long after it began to join.
    FirstPacket(Duration),
    /// It could not join, or did not stay.
    Failed(String),
}

/// The participants, in the order in which they join: room by room, publishers first.
pub(super) fn seats(rooms: u32, publishers: u32, subscribers: u32) -> Vec<Seat> {
    let in_room = move |room| {
        let publishers = (0..publishers).map(Some);
        publishers.chain((0..subscribers).map(|_| None)).map(move |publisher| (room, publisher))
    };
    let all = (0..rooms).flat_map(in_room).enumerate();
    all.map(|(index, (room, publisher))| Seat { index, room, publisher }).collect()
}

impl Fleet {
    /// Prepares what participants join by.
    pub(super) fn tls(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
        Ok(Arc::new(trust.client_config()?))
    }

    fn worker(&self, seat: Seat) -> &Worker {
        &self.workers[seat.index % self.workers.len()]
    }
}

/// Joins when it is time, and stays until told otherwise.
pub(super) async fn take_part(
    fleet: Arc<Fleet>,
    seat: Seat,
    after: Duration,
    happened: mpsc::Sender<Happened>,
    mut stop: watch::Receiver<bool>,
) {
    let waits = async {
        tokio::time::sleep(after).await;
        fleet.joining.acquire().await
    };
    let permit = tokio::select! {
        permit = waits => permit.ok(),
        () = told_to_stop(&mut stop) => return,
    };
    let (told, heard) = mpsc::channel(TOLD_MAX);
    let session = SignalSession::open(&fleet.server, fleet.token.clone(), &fleet.tls);
    let mut participant = Participant {
        signal: session.sender(),
        seat,
        happened,
        told,
        connection: PeerConnectionId::new(format!("load-{}", seat.index)),
        begin: Instant::now(),
        fleet: &fleet,
    };
    let outcome = participant.stay(session, heard, stop, permit).await;
    fleet.worker(seat).tell(Command::Client(seat.index, ClientCommand::Remove)).await;
    if let Err(reason) = outcome {
        let _ = participant.happened.send(Happened::Failed(reason)).await;
    }
}

/// Waits until the run ends.
async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // Whoever could tell is gone: that is an end as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Participant<'a> {
    fleet: &'a Fleet,
    seat: Seat,
    signal: SignalSender,
    happened: mpsc::Sender<Happened>,
    told: mpsc::Sender<Told>,
    connection: PeerConnectionId,
    begin: Instant,
}

impl Participant<'_> {
    async fn stay(
        &mut self,
        mut session: SignalSession,
        mut heard: mpsc::Receiver<Told>,
        mut stop: watch::Receiver<bool>,
        permit: Option<tokio::sync::SemaphorePermit<'_>>,
    ) -> Result<(), String> {
        let mut permit = permit;
        loop {
            tokio::select! {
                event = session.next() => match event {
                    Some(event) => self.handle_session(event).await?,
                    None => return Err("the session with the server is over".to_owned()),
                },
                Some(told) = heard.recv() => {
                    if self.handle_told(told).await? {
                        // Another one may join.
                        permit = None;
                    }
                }
                () = told_to_stop(&mut stop) => break,
            }
        }
        drop(permit);
        // If the server cannot be reached, it finds out by itself.
        let _ = timeout(LEAVE_TIME_MAX, self.signal.request(ClientMessage::Leave)).await;
        Ok(())
    }

    async fn handle_session(&mut self, event: SessionEvent) -> Result<(), String> {
        match event {
            SessionEvent::Begun(_) => {
                let room = RoomName::new(format!("{}-{}", self.fleet.prefix, self.seat.room));
                let name = format!("load {}", self.seat.index);
                // There are no connections to the others here: the server forwards.
                self.request(ClientMessage::Join { room, name, metadata: None, direct: false }).await
            }
            SessionEvent::Message(message) => self.handle_message(*message).await,
            SessionEvent::Ended(error) => Err(error.to_string()),
            SessionEvent::Interrupted(_) | SessionEvent::Resumed => Ok(()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what others do is of no interest here")]
    async fn handle_message(&mut self, message: ServerMessage) -> Result<(), String> {
        match message {
            ServerMessage::Joined { room, .. } => self.joined(room).await,
            ServerMessage::Answer { from, sdp, connection, .. }
                if from.is_server() && connection == self.connection =>
            {
                self.command(ClientCommand::Answer(sdp)).await;
                Ok(())
            }
            ServerMessage::SectionsWanted { audio, video, .. } if self.watches() => {
                self.command(ClientCommand::Receive { audio, video }).await;
                Ok(())
            }
            ServerMessage::EncodingsWanted { track, encodings, .. } => {
                let wanted =
                    encodings.iter().filter(|place| **place < 8).fold(0, |mask, place| mask | 1 << place);
                let track = track.as_str().to_owned();
                self.command(ClientCommand::Encodings { track, wanted }).await;
                Ok(())
            }
            ServerMessage::Topology { topology, .. } => {
                self.command(ClientCommand::Send(topology == Topology::Sfu)).await;
                Ok(())
            }
            ServerMessage::ConnectionEnded { message, .. } => Err(message),
            ServerMessage::Left { reason } => Err(format!("the server ended it ({reason:?})")),
            _ => Ok(()),
        }
    }

    async fn joined(&mut self, room: RoomDescription) -> Result<(), String> {
        let Some(forwarding) = room.forwarding else {
            return Err("the server does not forward media".to_owned());
        };
        if self.seat.publisher.is_some() {
            self.publish("a", TrackKind::Audio, TrackSource::Microphone, self.fleet.has_audio).await?;
            self.publish("v", TrackKind::Video, TrackSource::Camera, self.fleet.has_video).await?;
        }
        let sections =
            if self.watches() { forwarding } else { Forwarding { audio_sections: 0, video_sections: 0 } };
        let spec = ClientSpec {
            index: self.seat.index,
            room: self.seat.room,
            publisher: self.seat.publisher,
            sections,
            is_sending: room.topology == Topology::Sfu,
            local: self.fleet.local,
            told: self.told.clone(),
        };
        self.fleet.worker(self.seat).tell(Command::Add(Box::new(spec))).await;
        Ok(())
    }

    async fn publish(
        &self,
        id: &str,
        kind: TrackKind,
        source: TrackSource,
        is_wanted: bool,
    ) -> Result<(), String> {
        if !is_wanted {
            return Ok(());
        }
        let track = TrackDescription { id: TrackId::new(id), kind, source, muted: false };
        self.request(ClientMessage::Publish { track }).await
    }

    /// Returns whether it is connected.
    async fn handle_told(&mut self, told: Told) -> Result<bool, String> {
        match told {
            Told::Offer { sdp, tracks } => {
                let (to, connection) = (ParticipantId::new(ParticipantId::SERVER), self.connection.clone());
                self.request(ClientMessage::Offer { to, connection, sdp, tracks }).await?;
                Ok(false)
            }
            Told::Connected => {
                self.say(Happened::Connected(self.begin.elapsed())).await;
                Ok(true)
            }
            Told::FirstPacket => {
                self.say(Happened::FirstPacket(self.begin.elapsed())).await;
                Ok(false)
            }
            Told::Failed(reason) => Err(reason),
        }
    }

    fn watches(&self) -> bool {
        self.seat.publisher.is_none() || self.fleet.is_meeting
    }

    async fn request(&self, message: ClientMessage) -> Result<(), String> {
        match self.signal.request(message).await {
            // A session that the server has lost begins anew.
            Ok(()) | Err(SignalError::Lost) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn command(&self, command: ClientCommand) {
        self.fleet.worker(self.seat).tell(Command::Client(self.seat.index, command)).await;
    }

    async fn say(&self, happened: Happened) {
        // Whoever does not listen any more has seen enough.
        let _ = self.happened.send(happened).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Seat, seats};

    #[test]
    fn every_room_has_its_publishers_first() {
        let seats = seats(2, 1, 2);

        let seat = |index, room, publisher| Seat { index, room, publisher };
        let expected = [
            seat(0, 0, Some(0)),
            seat(1, 0, None),
            seat(2, 0, None),
            seat(3, 1, Some(0)),
            seat(4, 1, None),
            seat(5, 1, None),
        ];
        assert_eq!(seats, expected);
    }
}
