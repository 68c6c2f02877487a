//! A server with clients that follow the protocol: they number, acknowledge, resume and pass over duplicates.

use moim_signal::id::{LinkId, ParticipantId, RoomName};
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, ErrorCode, Forwarding, FrameError, Grants, Hello, LeaveReason,
    PROTOCOL_VERSION, ParticipantDescription, Permissions, Resume, ServerFrame, ServerMessage, Topology,
    TopologyReason,
};
use moim_signal::{Config, Output, SignalServer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The server, its clients and the time.
pub(crate) struct World {
    pub(crate) server: SignalServer,
    pub(crate) now: Instant,
    pub(crate) clients: Vec<Client>,
    /// What the media plane was told, for the test to look at.
    pub(crate) media: Vec<MediaCommand>,
    next_link: u64,
    links: BTreeMap<LinkId, usize>,
}

/// One client. What it received is kept for the test to look at.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) link: Option<LinkId>,
    pub(crate) resume: Option<Resume>,
    /// Messages in order, each once.
    pub(crate) inbox: Vec<ServerMessage>,
    /// Everything that is not a message.
    pub(crate) frames: Vec<ServerFrame>,
    pub(crate) closed: Option<CloseCode>,
    seq: u32,
    ack: u32,
    unacknowledged: Vec<(u32, ClientMessage)>,
}

/// What a client was told of the topology of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Changed(Topology, TopologyReason),
    Settled(Topology),
}

/// A server that forwards media where it has to.
pub(crate) fn forwarding_config() -> Config {
    let forwarding = Some(Forwarding { audio_sections: 3, video_sections: 4 });
    Config { forwarding, participants_per_room_max: 100, ..Config::default() }
}

/// What an open server gives everybody.
pub(crate) fn open_grants() -> Grants {
    Grants {
        room: None,
        identity: None,
        name: None,
        permissions: Permissions { publish: true, subscribe: true, data: true, admin: false },
    }
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            server: SignalServer::new(config, [7; 32]),
            now: Instant::now(),
            clients: Vec::new(),
            media: Vec::new(),
            next_link: 0,
            links: BTreeMap::new(),
        }
    }

    /// A client with a session; its index.
    pub(crate) fn connect(&mut self) -> usize {
        self.connect_with(Ok(open_grants()))
    }

    pub(crate) fn connect_with(&mut self, grants: Result<Grants, CloseCode>) -> usize {
        self.clients.push(Client::default());
        let client = self.clients.len() - 1;
        self.open_link(client, grants);
        client
    }

    /// A client in `room`; its index.
    pub(crate) fn join(&mut self, room: &str, name: &str) -> usize {
        let client = self.connect();
        self.send(client, join(room, name));
        client
    }

    /// Opens a link for a client, resuming its session if it has one.
    pub(crate) fn open_link(&mut self, client: usize, grants: Result<Grants, CloseCode>) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, client);
        let known = &mut self.clients[client];
        known.link = Some(link);
        known.closed = None;
        let resume = known.resume.clone().map(|resume| Resume { ack: known.ack, ..resume });
        let hello = Hello { version: PROTOCOL_VERSION, client: None, token: None, resume };
        self.server.handle_hello(link, &hello, grants, self.now);
        self.settle();
    }

    /// The network loses a client's link; the server notices.
    pub(crate) fn drop_link(&mut self, client: usize) {
        if let Some(link) = self.clients[client].link.take() {
            self.links.remove(&link);
            self.server.handle_link_closed(link, self.now);
            self.settle();
        }
    }

    /// Sends a message in its turn. Without a link it waits to be resumed.
    pub(crate) fn send(&mut self, client: usize, message: ClientMessage) {
        let sender = &mut self.clients[client];
        sender.seq += 1;
        sender.unacknowledged.push((sender.seq, message.clone()));
        if let Some(link) = sender.link {
            let frame = ClientFrame::Message { seq: sender.seq, ack: sender.ack, body: message };
            self.server.handle_frame(link, Ok(frame), self.now);
            self.settle();
        }
    }

    /// Sends any frame, in its turn or not.
    pub(crate) fn send_frame(&mut self, client: usize, frame: Result<ClientFrame, FrameError>) {
        let sender = &mut self.clients[client];
        let link = sender.link.expect("the client has a link");
        if let Ok(ClientFrame::Message { seq, .. }) | Err(FrameError::Body { seq, .. }) = &frame {
            sender.seq = sender.seq.max(*seq);
        }
        self.server.handle_frame(link, frame, self.now);
        self.settle();
    }

    pub(crate) fn ping(&mut self, client: usize) {
        let ack = self.clients[client].ack;
        self.send_frame(client, Ok(ClientFrame::Ping { ack }));
    }

    pub(crate) fn acknowledge(&mut self, client: usize) {
        let ack = self.clients[client].ack;
        self.send_frame(client, Ok(ClientFrame::Ack { ack }));
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut turns = 0;
        while let Some(deadline) = self.server.poll_timeout().filter(|deadline| deadline.at <= end) {
            self.now = self.now.max(deadline.at);
            self.server.handle_timeout(self.now);
            self.settle();
            turns += 1;
            assert!(turns < 10_000, "time stands still because {}", deadline.reason);
        }
        self.now = end;
    }

    /// Delivers everything the server has to say.
    pub(crate) fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { link, frame } => self.deliver(link, frame),
                Output::Close { link } => {
                    if let Some(client) = self.links.remove(&link)
                        && self.clients[client].link == Some(link)
                    {
                        self.clients[client].link = None;
                    }
                }
                Output::Media(command) => self.media.push(command),
                Output::Event(_) => {}
            }
        }
    }

    fn deliver(&mut self, link: LinkId, frame: ServerFrame) {
        let Some(&client) = self.links.get(&link) else { return };
        let unsent = self.clients[client].receive(frame);
        for (seq, body) in unsent {
            let ack = self.clients[client].ack;
            self.server.handle_frame(link, Ok(ClientFrame::Message { seq, ack, body }), self.now);
        }
    }

    /// What the media plane was told since the last call: of whom, and what.
    pub(crate) fn take_media(&mut self) -> Vec<(ParticipantId, MediaAction)> {
        self.media.drain(..).map(|command| (command.participant, command.action)).collect()
    }

    /// The media plane reports something to a participant, or to all of a room.
    pub(crate) fn report(&mut self, room: &str, participant: Option<ParticipantId>, message: ServerMessage) {
        let report = MediaReport { room: RoomName::new(room), participant, message };
        self.server.handle_media_report(report, self.now);
        self.settle();
    }

    pub(crate) fn id(&self, client: usize) -> ParticipantId {
        self.clients[client].me().expect("the client has joined").id
    }
}

impl Client {
    /// Takes one frame; what is to be sent again comes back.
    fn receive(&mut self, frame: ServerFrame) -> Vec<(u32, ClientMessage)> {
        let mut unsent = Vec::new();
        match &frame {
            ServerFrame::Welcome { session, secret, resumed, ack, .. } => {
                if *resumed {
                    self.acknowledged(*ack);
                    unsent.clone_from(&self.unacknowledged);
                } else {
                    *self = Self { link: self.link, ..Self::default() };
                }
                self.resume = Some(Resume { session: session.clone(), secret: secret.clone(), ack: 0 });
            }
            ServerFrame::Message { seq, ack, body } => {
                assert!(*seq <= self.ack + 1, "message {seq} skips some after {}", self.ack);
                self.acknowledged(*ack);
                if *seq == self.ack + 1 {
                    self.ack = *seq;
                    self.inbox.push(body.clone());
                }
                return unsent;
            }
            ServerFrame::Ack { ack } | ServerFrame::Pong { ack } => self.acknowledged(*ack),
            ServerFrame::Close { code, .. } => self.closed = Some(*code),
            ServerFrame::Rejected { .. } => {}
        }
        self.frames.push(frame);
        unsent
    }

    fn acknowledged(&mut self, ack: u32) {
        assert!(ack <= self.seq, "the server acknowledges what was never sent");
        self.unacknowledged.retain(|(seq, _)| *seq > ack);
    }

    /// Itself, as last described by the server.
    pub(crate) fn me(&self) -> Option<ParticipantDescription> {
        self.inbox.iter().rev().find_map(|message| match message {
            ServerMessage::Joined { participant, .. } => Some(participant.clone()),
            _ => None,
        })
    }

    /// The refusals so far.
    pub(crate) fn errors(&self) -> Vec<(u32, ErrorCode)> {
        let error = |message: &ServerMessage| match message {
            ServerMessage::Error { request, code, .. } => Some((*request, *code)),
            _ => None,
        };
        self.inbox.iter().filter_map(error).collect()
    }

    /// Who is in the room besides this client, by its own account: name → newest description.
    pub(crate) fn others(&self) -> BTreeMap<String, ParticipantDescription> {
        let mut others = BTreeMap::new();
        let mine = self.me().map(|me| me.id);
        for message in &self.inbox {
            match message {
                ServerMessage::Joined { participants, .. } => {
                    others = participants.iter().map(|other| (other.id.clone(), other.clone())).collect();
                }
                ServerMessage::Left { .. } => others.clear(),
                ServerMessage::ParticipantJoined { participant }
                | ServerMessage::ParticipantUpdated { participant } => {
                    others.insert(participant.id.clone(), participant.clone());
                }
                ServerMessage::ParticipantLeft { participant, .. } => {
                    others.remove(participant);
                }
                _ => {}
            }
        }
        others
            .into_values()
            .filter(|other| Some(&other.id) != mine.as_ref())
            .map(|o| (o.name.clone(), o))
            .collect()
    }

    /// What it was told of topologies, in order, what it found when it joined included.
    pub(crate) fn topologies(&self) -> Vec<Told> {
        let told = |message: &ServerMessage| match message {
            ServerMessage::Joined { room, .. } => Some(Told::Changed(room.topology, room.topology_reason)),
            ServerMessage::Topology { topology, reason } => Some(Told::Changed(*topology, *reason)),
            ServerMessage::TopologySettled { topology } => Some(Told::Settled(*topology)),
            _ => None,
        };
        self.inbox.iter().filter_map(told).collect()
    }

    /// Chat texts in the order received.
    pub(crate) fn chats(&self) -> Vec<&str> {
        self.inbox
            .iter()
            .filter_map(|message| match message {
                ServerMessage::Chat { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Why this client is out of the room, if it is.
    pub(crate) fn left(&self) -> Option<LeaveReason> {
        self.inbox.iter().rev().find_map(|message| match message {
            ServerMessage::Left { reason } => Some(Some(*reason)),
            ServerMessage::Joined { .. } => Some(None),
            _ => None,
        })?
    }
}

pub(crate) fn join(room: &str, name: &str) -> ClientMessage {
    ClientMessage::Join { room: RoomName::new(room), name: name.to_owned(), metadata: None, direct: true }
}

pub(crate) fn chat(id: &str, text: &str) -> ClientMessage {
    ClientMessage::Chat { id: moim_signal::id::ChatId::new(id), to: None, text: text.to_owned() }
}
