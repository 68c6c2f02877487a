//! A room whose media the server forwards: the server is a script, and its end a connection of our own.

use super::super::Command;
use super::join;
use crate::connection::{Connection, ConnectionEvent, ConnectionOptions, IceServers};
use crate::media::{Codec, EncodedFrame, LocalTrack, RemoteTrack};
use crate::room::RoomEvent;
use crate::room::attempt::tests::settings;
use crate::signal::testing::{Link, PATIENCE, Server};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{SdpType, Transceiver, TransceiverId};
use moim_peer::{Event, PeerConnectionState};
use moim_signal::id::TrackId;
use moim_signal::message::{Topology, TrackDescription, TrackKind, TrackSource};
use moim_wire::MediaKind;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A server of which a test says what it says, and whose end does as it should.
struct Forwarding {
    link: Link,
    /// Numbers of the last messages, theirs and ours.
    received: u64,
    sent: u32,
    end: Option<(String, Connection)>,
    /// Kept, for there to be no other link.
    _server: Server,
}

/// Something that the client has done.
#[derive(Debug)]
enum Happened {
    Said(Value),
    Event(Event),
    Frame,
}

impl Forwarding {
    async fn say(&mut self, body: Value) {
        self.sent += 1;
        let ack = u32::try_from(self.received).unwrap();
        self.link.message(self.sent, ack, body).await;
    }

    /// What happens next that is a matter of the test: offers are answered, and candidates passed on.
    async fn next(&mut self) -> Happened {
        let patience = timeout(PATIENCE, async {
            loop {
                let end = self.end.as_mut().map(|(_, end)| end);
                let frame = tokio::select! {
                    frame = self.link.try_receive() => frame.expect("the client has not left"),
                    event = next_event(end) => match event {
                        ConnectionEvent::Peer(Event::IceCandidate(found)) => {
                            self.trickle(&found.candidate).await;
                            continue;
                        }
                        ConnectionEvent::Peer(event) => return Happened::Event(event),
                        ConnectionEvent::Frame(_) => return Happened::Frame,
                        ConnectionEvent::NetworkChanged => continue,
                    },
                };
                match frame["type"].as_str() {
                    Some("ping") => self.link.send(json!({ "type": "pong", "ack": self.received })).await,
                    Some("message") => {
                        self.received = frame["seq"].as_u64().unwrap();
                        match frame["body"]["type"].as_str() {
                            Some("offer") => self.answer(&frame["body"]).await,
                            Some("candidate") => self.add_candidate(&frame["body"]),
                            Some("endOfCandidates") => {}
                            _ => return Happened::Said(frame["body"].clone()),
                        }
                    }
                    _ => {}
                }
            }
        });
        patience.await.expect("something happens in time")
    }

    async fn said(&mut self, kind: &str) -> Value {
        loop {
            if let Happened::Said(body) = self.next().await
                && body["type"] == kind
            {
                return body;
            }
        }
    }

    async fn connected(&mut self) {
        let state = Event::ConnectionStateChange(PeerConnectionState::Connected);
        while !matches!(self.next().await, Happened::Event(event) if event == state) {}
    }

    async fn answer(&mut self, offer: &Value) {
        assert_eq!(offer["to"], "server");
        let id = offer["connection"].as_str().unwrap().to_owned();
        if self.end.as_ref().is_none_or(|(known, _)| *known != id) {
            let settings = settings();
            let options = ConnectionOptions {
                network: settings.network,
                certificate: settings.certificate,
                relay_only: false,
                drafts: false,
                servers: IceServers::default(),
            };
            self.end = Some((id.clone(), Connection::new(options).unwrap()));
        }
        let peer = self.end.as_mut().unwrap().1.peer_mut();
        peer.set_remote(SdpType::Offer, offer["sdp"].as_str().unwrap(), Instant::now()).unwrap();
        let all: Vec<_> = peer.transceivers().iter().map(Transceiver::id).collect();
        for transceiver in all {
            peer.set_direction(transceiver, Direction::SendRecv, Instant::now()).unwrap();
        }
        let sdp = peer.create_answer().unwrap();
        peer.set_local(SdpType::Answer, Instant::now()).unwrap();
        let answer =
            json!({ "type": "answer", "from": "server", "connection": id, "sdp": sdp, "tracks": [] });
        self.say(answer).await;
    }

    async fn trickle(&mut self, candidate: &str) {
        let (id, _) = self.end.as_ref().unwrap();
        if !candidate.is_empty() {
            let candidate = json!({ "candidate": candidate, "sdpMLineIndex": 0 });
            let message =
                json!({ "type": "candidate", "from": "server", "connection": id, "candidate": candidate });
            self.say(message).await;
        }
    }

    fn add_candidate(&mut self, message: &Value) {
        let candidate = message["candidate"]["candidate"].as_str().unwrap();
        let (_, end) = self.end.as_mut().unwrap();
        end.peer_mut().add_ice_candidate(candidate, Instant::now()).unwrap();
    }

    /// The first section of pictures by which the client receives.
    fn slot(&self) -> (TransceiverId, String) {
        let (_, end) = self.end.as_ref().unwrap();
        let sends = |it: &&Transceiver| {
            it.kind() == MediaKind::Video && it.current_direction() == Some(Direction::SendOnly)
        };
        let slot = end.peer().transceivers().iter().find(sends).unwrap();
        (slot.id(), slot.mid().unwrap().to_string())
    }
}

async fn next_event(end: Option<&mut Connection>) -> ConnectionEvent {
    match end {
        Some(end) => end.next().await,
        None => std::future::pending().await,
    }
}

fn participant(id: &str, tracks: &Value) -> Value {
    let permissions = json!({ "publish": true, "subscribe": true, "data": true, "admin": false });
    json!({ "id": id, "name": id, "permissions": permissions, "tracks": tracks, "link": "connected" })
}

fn frame(is_key_frame: bool) -> EncodedFrame {
    // The first bits of a frame of VP8, and a size (RFC 6386 §9.1).
    let data: &[u8] = if is_key_frame {
        &[0x10, 0, 0, 0x9D, 0x01, 0x2A, 16, 0, 16, 0, 1, 2, 3]
    } else {
        &[0x11, 0, 0, 1, 2, 3]
    };
    EncodedFrame { codec: Codec::Vp8, data: data.into(), timestamp: 3_000, is_key_frame }
}

/// A room that is joined while media goes directly.
async fn joined(topology: &str) -> (Forwarding, mpsc::Sender<Command>, mpsc::Receiver<RoomEvent>) {
    let (mut server, session) = Server::with_client();
    let (joined, (commands, events)) = join(session);
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    let mut this = Forwarding { link, received: 0, sent: 0, end: None, _server: server };
    this.said("join").await;
    let forwarding = json!({ "audioSections": 1, "videoSections": 2 });
    let room = json!({ "name": "tea", "topology": topology, "topologyReason": "few", "forwarding": forwarding,
        "participantsMax": 100 });
    let body = json!({ "type": "joined", "room": room, "participant": participant("p_1", &json!([])),
        "participants": [], "iceServers": [] });
    this.say(body).await;
    assert!(joined.await.unwrap().is_ok());
    (this, commands, events)
}

async fn published(events: &mut mpsc::Receiver<RoomEvent>) -> RemoteTrack {
    loop {
        if let RoomEvent::TrackPublished(track) = timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
            return track;
        }
    }
}

/// Covers: docs/protocol.md "Topologies"
#[tokio::test]
async fn what_the_server_forwards_comes_and_the_server_is_told_that_all_has_come() {
    let (mut server, _commands, mut events) = joined("mesh").await;
    server.connected().await;
    let camera = json!([{ "id": "cam", "kind": "video", "source": "camera", "muted": false }]);
    server.say(json!({ "type": "participantJoined", "participant": participant("p_2", &camera) })).await;
    server.say(json!({ "type": "topology", "topology": "sfu", "reason": "pathAbsent" })).await;
    let (slot, mid) = server.slot();
    let source = json!({ "participant": "p_2", "track": "cam" });
    let section = json!({ "mid": mid, "source": source, "reason": "waitingForKeyFrame" });
    let (id, _) = server.end.as_ref().unwrap();
    server.say(json!({ "type": "sections", "connection": id, "sections": [section] })).await;
    let mut track = published(&mut events).await;

    // Frames are sent until one has come: the client hears of the section by another way than frames come.
    let ticks = &mut tokio::time::interval(std::time::Duration::from_millis(20));
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let (_, end) = server.end.as_mut().unwrap();
                end.send_frame(slot, &frame(true));
            }
            happened = server.next() => {
                if let Happened::Said(body) = happened {
                    assert_eq!(body, json!({ "type": "switched", "topology": "sfu" }));
                    break;
                }
            }
        }
    }

    let frame = timeout(PATIENCE, track.next_frame()).await.unwrap().unwrap();
    assert!(frame.is_key_frame && frame.codec == Codec::Vp8);
    server.say(json!({ "type": "topologySettled", "topology": "sfu" })).await;
    loop {
        if let RoomEvent::TopologySettled(topology) = timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
        {
            assert_eq!(topology, Topology::Sfu);
            break;
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_to_the_server_before_it_is_to_forward_it() {
    let (mut server, commands, _events) = joined("mesh").await;
    let (id, kind, source) = (TrackId::new("cam"), TrackKind::Video, TrackSource::Camera);
    let camera = LocalTrack::new(TrackDescription { id, kind, source, muted: false }, 1);
    commands.send(Command::Publish(camera.clone())).await.unwrap();
    server.connected().await;
    assert_eq!(camera.send(&frame(true)), 0);

    server.say(json!({ "type": "topology", "topology": "sfu", "reason": "many" })).await;

    let ticks = &mut tokio::time::interval(std::time::Duration::from_millis(20));
    let mut has_switched = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                camera.send(&frame(true));
            }
            happened = server.next() => match happened {
                // Nobody is there whose media could come.
                Happened::Said(body) => has_switched |= body["type"] == "switched",
                Happened::Frame => break,
                Happened::Event(_) => {}
            },
        }
    }
    assert!(has_switched);

    let (connection, _) = server.end.as_ref().unwrap();
    let body =
        json!({ "type": "encodingsWanted", "connection": connection, "track": "cam", "encodings": [] });
    server.say(body).await;
    while camera.is_wanted() {
        timeout(PATIENCE, camera.feedback_changed()).await.unwrap();
    }
    assert_eq!(camera.send(&frame(true)), 0, "nobody watches");
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_made_anew() {
    let (mut server, _commands, _events) = joined("sfu").await;
    server.connected().await;
    let (before, _) = server.end.take().unwrap();

    let reason =
        json!({ "type": "connectionEnded", "connection": before, "reason": "failed", "message": "x" });
    server.say(reason).await;

    server.connected().await;
    assert_ne!(server.end.as_ref().unwrap().0, before);
}
