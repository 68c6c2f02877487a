//! A signalling server among clients that do whatever a string of bytes says: the fuzz target `signal_world`, and its replay.
//!
//! Unlike the clients of the other tests, these number, acknowledge and resume as they please. The driver around them is
//! as correct as the server's own: a link says `hello` once, and nothing is heard on it after its end.

use moim_signal::id::{ChatId, LinkId, ParticipantId, PeerConnectionId, RoomName, SessionSecret, TrackId};
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, ConnectionEndReason, ErrorCode, Forwarding, FrameError, Grants,
    Hello, PROTOCOL_VERSION, PathState, Permissions, Resume, ServerFrame, ServerMessage, Topology,
    TrackDescription, TrackKind, TrackSource, TrackWatch,
};
use moim_signal::{Config, Output, SignalServer};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Links open at a time.
const LINKS_MAX: usize = 12;
/// Deadlines within one action: each session has one, so that more than these are a clock that stands still.
const TURNS_MAX: usize = 1_000;

/// Lives through what `bytes` say, byte after byte, and then lets everybody go.
///
/// # Panics
/// If the server does what it must never do.
pub(crate) fn live(bytes: &[u8]) {
    let mut script = Script(bytes);
    let mut world = World::new();
    while let Some(action) = script.byte() {
        world.act(action, &mut script);
        world.check();
    }
    world.end();
}

/// What is left of the input.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `end`; 0 once the input is used up.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % end.max(1)
    }

    /// A number that is near `middle` for most bytes, and far away for some.
    fn near(&mut self, middle: u32) -> u32 {
        match self.byte().unwrap_or(128) {
            0 => 0,
            255 => u32::MAX,
            byte => middle.saturating_add(u32::from(byte)).saturating_sub(128),
        }
    }
}

struct World {
    server: SignalServer,
    config: Config,
    now: Instant,
    next_link: u64,
    links: BTreeMap<LinkId, Link>,
    /// Everything that a welcome offered, for links to come that resume it.
    offered: Vec<Resume>,
    /// Everybody who ever was in a room.
    participants: Vec<ParticipantId>,
    /// Who is there by what the media plane was told.
    entered: BTreeSet<ParticipantId>,
    drained: bool,
}

/// A link as its client sees it.
#[derive(Default)]
struct Link {
    /// The last number the client used.
    seq: u32,
    /// The greatest number the client used; after a resume, what the server says it has.
    seq_max: u32,
    /// The last message of the server.
    received: Option<u32>,
    /// Who is in the room, by what came over this link alone; [`None`] outside of rooms.
    others: Option<BTreeSet<ParticipantId>>,
    /// How media travels in the room, by what came over this link alone.
    topology: Option<Topology>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new() -> Self {
        // Small limits, so that short scripts reach them.
        let config = Config {
            forwarding: Some(Forwarding { audio_sections: 1, video_sections: 1 }),
            participants_per_room_max: 3,
            rooms_max: 2,
            sessions_max: 6,
            frame_rate_max: 5,
            frame_burst_max: 20,
            bad_frames_max: 3,
            outbox_messages_max: 12,
            outbox_bytes_max: 4 * 1024,
            ..Config::default()
        };
        Self {
            server: SignalServer::new(config.clone(), [7; 32]),
            config,
            now: Instant::now(),
            next_link: 0,
            links: BTreeMap::new(),
            offered: Vec::new(),
            participants: Vec::new(),
            entered: BTreeSet::new(),
            drained: false,
        }
    }

    fn act(&mut self, action: u8, script: &mut Script<'_>) {
        match action % 17 {
            0 => self.open_link(None, script),
            1 => self.resume(script),
            2 => self.lose_link(script),
            3..=9 => self.send_message(action, script),
            10 => self.send(script, |link, script| ClientFrame::Ack { ack: link.some_ack(script) }),
            11 => self.send(script, |link, script| ClientFrame::Ping { ack: link.some_ack(script) }),
            12 => self.send_bad_frame(script),
            13 => self.send(script, |_, _| ClientFrame::Hello(hello(None))),
            14 => self.report(script),
            15 => self.pass(Duration::from_millis(script.below(256) as u64 * 200)),
            _ => self.drain(script),
        }
    }

    fn open_link(&mut self, resume: Option<Resume>, script: &mut Script<'_>) {
        if self.links.len() == LINKS_MAX {
            return;
        }
        let grants = grants(script);
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, Link::default());
        self.server.handle_hello(link, &hello(resume), grants, self.now);
        self.settle();
    }

    fn resume(&mut self, script: &mut Script<'_>) {
        let Some(offered) = self.offered.get(script.below(self.offered.len())) else { return };
        let mut resume = Resume { ack: script.near(8), ..offered.clone() };
        if script.below(16) == 1 {
            resume.secret = SessionSecret::new("guessed");
        }
        self.open_link(Some(resume), script);
    }

    /// The media plane says something to somebody, who may have left long ago, or to a room, which may never have been.
    fn report(&mut self, script: &mut Script<'_>) {
        let connection = PeerConnectionId::new(["c", "d"][script.below(2)]);
        let message = match script.below(6) {
            0 => ServerMessage::Speakers { dominant: None, speaking: vec![] },
            1 => ServerMessage::SectionsWanted { connection, audio: 2, video: 2 },
            2 => ServerMessage::EncodingsWanted { connection, track: TrackId::new("a"), encodings: vec![] },
            3 => ServerMessage::ConnectionEnded {
                connection,
                reason: ConnectionEndReason::Failed,
                message: String::new(),
            },
            _ => ServerMessage::Sections { connection, sections: vec![] },
        };
        let participant = (script.below(3) != 0).then(|| self.some_participant(script));
        let room = RoomName::new(["tea", "coffee", "nowhere"][script.below(3)]);
        self.server.handle_media_report(MediaReport { room, participant, message }, self.now);
        self.settle();
    }

    fn lose_link(&mut self, script: &mut Script<'_>) {
        let Some(link) = self.some_link(script) else { return };
        self.links.remove(&link);
        self.server.handle_link_closed(link, self.now);
        self.settle();
    }

    fn send_message(&mut self, action: u8, script: &mut Script<'_>) {
        let body = self.some_message(script);
        self.send(script, |link, script| {
            // Most are numbered as they should be: otherwise no session would live long.
            let seq =
                if action.is_multiple_of(4) { script.near(link.seq) } else { link.seq.saturating_add(1) };
            ClientFrame::Message { seq, ack: link.some_ack(script), body }
        });
    }

    fn send_bad_frame(&mut self, script: &mut Script<'_>) {
        let Some(link) = self.some_link(script) else { return };
        let client = self.links.get_mut(&link).expect("the link is open");
        let detail = "bad".to_owned();
        let error = match script.below(4) {
            0 => FrameError::Frame { code: ErrorCode::TooLarge, detail },
            1 => FrameError::Frame { code: ErrorCode::UnknownType, detail },
            _ => {
                let (seq, ack) = (client.seq.saturating_add(1), client.some_ack(script));
                client.used(seq);
                FrameError::Body { seq, ack, code: ErrorCode::Malformed, detail }
            }
        };
        self.server.handle_frame(link, Err(error), self.now);
        self.settle();
    }

    fn send(&mut self, script: &mut Script<'_>, frame: impl FnOnce(&Link, &mut Script<'_>) -> ClientFrame) {
        let Some(link) = self.some_link(script) else { return };
        let client = self.links.get_mut(&link).expect("the link is open");
        let frame = frame(client, script);
        if let ClientFrame::Message { seq, .. } = &frame {
            client.used(*seq);
        }
        self.server.handle_frame(link, Ok(frame), self.now);
        self.settle();
    }

    fn drain(&mut self, script: &mut Script<'_>) {
        if script.below(8) == 1 {
            self.drained = true;
            self.server.drain(Duration::from_secs(5), self.now);
            self.settle();
        }
    }

    /// Lets time pass, stopping at every deadline on the way.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..TURNS_MAX {
            let Some(deadline) = self.server.poll_timeout().filter(|deadline| deadline.at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(deadline.at);
            self.server.handle_timeout(self.now);
            self.settle();
        }
        panic!("time stands still: {:?}", self.server.poll_timeout());
    }

    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { link, frame } => self.receive(link, frame),
                Output::Close { link } => {
                    assert!(self.links.remove(&link).is_some(), "a link is closed that is not open");
                }
                Output::Media(command) => self.take_in(command),
                Output::Event(_) => {}
            }
        }
    }

    /// What the media plane is told is of those who have entered and not left.
    fn take_in(&mut self, MediaCommand { participant, action, .. }: MediaCommand) {
        match action {
            MediaAction::Enter { .. } => assert!(self.entered.insert(participant), "somebody enters twice"),
            MediaAction::Leave => {
                assert!(self.entered.remove(&participant), "somebody leaves who is not there");
            }
            MediaAction::Permit { .. }
            | MediaAction::Publish { .. }
            | MediaAction::Offer { .. }
            | MediaAction::Candidate { .. }
            | MediaAction::Watch { .. } => {
                assert!(self.entered.contains(&participant), "a command of somebody who is not there");
            }
        }
    }

    fn receive(&mut self, link: LinkId, frame: ServerFrame) {
        let client = self.links.get_mut(&link).expect("nothing is sent on a link that is not open");
        match frame {
            ServerFrame::Welcome { session, secret, ack, .. } => {
                assert_eq!(client.received, None, "a link is welcomed first, and once");
                client.seq = ack;
                client.seq_max = ack;
                self.offered.push(Resume { session, secret, ack: 0 });
            }
            ServerFrame::Message { seq, ack, body } => {
                assert!(client.received.is_none_or(|last| seq == last + 1), "messages have no gaps");
                client.received = Some(seq);
                client.check_ack(ack);
                self.participants.extend(client.note(&body));
            }
            ServerFrame::Ack { ack } | ServerFrame::Pong { ack } => client.check_ack(ack),
            ServerFrame::Rejected { .. } | ServerFrame::Close { .. } => {}
        }
    }

    /// What holds after every action.
    fn check(&self) {
        let (server, config) = (&self.server, &self.config);
        assert!(server.sessions_len() <= config.sessions_max);
        assert!(server.rooms_len() <= config.rooms_max);
        assert!(server.participants_len() <= server.rooms_len() * config.participants_per_room_max as usize);
        assert!(server.participants_len() <= server.sessions_len());
        assert_eq!(server.participants_len(), self.entered.len(), "the media plane knows who is there");
        // A session without a timer would stay for ever.
        assert!(server.sessions_len() == 0 || server.poll_timeout().is_some());
        assert!(!server.is_drained() || server.rooms_len() == 0);
    }

    /// Everybody goes, and nothing is left of them.
    fn end(mut self) {
        for link in std::mem::take(&mut self.links).into_keys() {
            self.server.handle_link_closed(link, self.now);
            while self.server.poll_output().is_some() {}
        }
        self.pass(self.config.resume_window + Duration::from_secs(1));
        assert_eq!(self.server.sessions_len(), 0);
        assert_eq!(self.server.rooms_len(), 0);
        assert_eq!(self.server.poll_timeout(), None);
        assert_eq!(self.server.is_drained(), self.drained);
    }

    fn some_link(&self, script: &mut Script<'_>) -> Option<LinkId> {
        self.links.keys().nth(script.below(self.links.len())).copied()
    }

    fn some_participant(&self, script: &mut Script<'_>) -> ParticipantId {
        let found = self.participants.get(script.below(self.participants.len()));
        found.cloned().unwrap_or_else(|| ParticipantId::new("nobody"))
    }

    fn some_message(&self, script: &mut Script<'_>) -> ClientMessage {
        let connection = PeerConnectionId::new("c");
        let text = "x".repeat(script.below(256) * 8);
        let track = TrackId::new(["a", "b", "c", ""][script.below(4)]);
        match script.below(22) {
            0..=3 => {
                let room = RoomName::new(["tea", "coffee", "water", "not a name"][script.below(4)]);
                ClientMessage::Join { room, name: text, metadata: None, direct: script.below(4) != 1 }
            }
            4 => ClientMessage::Leave,
            5 => ClientMessage::Offer {
                to: self.some_participant(script),
                connection,
                sdp: text,
                tracks: vec![],
            },
            6 => ClientMessage::EndOfCandidates {
                to: self.some_participant(script),
                connection,
                username_fragment: None,
            },
            7 => {
                let (kind, source) = (TrackKind::Video, TrackSource::Camera);
                ClientMessage::Publish { track: TrackDescription { id: track, kind, source, muted: false } }
            }
            8 => ClientMessage::Unpublish { track },
            9 => ClientMessage::Mute { track, muted: true },
            10 => ClientMessage::Update { name: None, metadata: Some(text) },
            11 => ClientMessage::Kick { participant: self.some_participant(script) },
            12 => ClientMessage::CloseRoom,
            13 => ClientMessage::RefreshIceServers,
            16 => {
                let topology = [Topology::Mesh, Topology::Sfu][script.below(2)];
                ClientMessage::Switched { topology }
            }
            17 => {
                let state = [PathState::Good, PathState::Poor, PathState::Absent][script.below(3)];
                ClientMessage::ReportPath { to: self.some_participant(script), state }
            }
            18 => {
                let watch = TrackWatch {
                    participant: self.some_participant(script),
                    track,
                    wanted: true,
                    paused: false,
                    width: None,
                    height: None,
                    priority: 0,
                };
                ClientMessage::Watch { watches: vec![watch; script.below(300)] }
            }
            19 => ClientMessage::SetPermissions {
                participant: self.some_participant(script),
                permissions: permissions(script.byte().unwrap_or(0)),
            },
            20 => ClientMessage::MuteTrack { participant: self.some_participant(script), track },
            21 => {
                let to = ParticipantId::new(ParticipantId::SERVER);
                ClientMessage::Offer { to, connection, sdp: text, tracks: vec![] }
            }
            14 => ClientMessage::Chat { id: ChatId::new("1"), to: Some(self.some_participant(script)), text },
            _ => ClientMessage::Chat { id: ChatId::new("2"), to: None, text },
        }
    }
}

impl Link {
    fn some_ack(&self, script: &mut Script<'_>) -> u32 {
        let received = self.received.unwrap_or(0);
        if script.below(4) == 1 { script.near(received) } else { received }
    }

    fn used(&mut self, seq: u32) {
        self.seq = seq;
        self.seq_max = self.seq_max.max(seq);
    }

    fn check_ack(&self, ack: u32) {
        assert!(ack <= self.seq_max, "{ack} is acknowledged, and {} was the last one sent", self.seq_max);
    }

    /// Keeps account of who is in the room; whoever is new there is returned. What others say can come only from them.
    fn note(&mut self, message: &ServerMessage) -> Vec<ParticipantId> {
        match message {
            ServerMessage::Joined { room, participant, participants, .. } => {
                self.topology = Some(room.topology);
                let all: Vec<_> =
                    participants.iter().chain([participant]).map(|one| one.id.clone()).collect();
                self.others = Some(all.iter().cloned().collect());
                return all;
            }
            ServerMessage::Left { .. } => (self.others, self.topology) = (None, None),
            ServerMessage::Topology { topology, .. } => self.topology = Some(*topology),
            ServerMessage::TopologySettled { topology } => {
                // A link that resumed a session in a room has not seen what it began with.
                assert!(self.topology.is_none_or(|told| told == *topology), "another one has settled");
            }
            ServerMessage::ParticipantJoined { participant } => {
                if let Some(others) = &mut self.others {
                    assert!(others.insert(participant.id.clone()), "somebody joined twice");
                }
                return vec![participant.id.clone()];
            }
            ServerMessage::ParticipantUpdated { participant } => self.check_member(&participant.id),
            ServerMessage::ParticipantLeft { participant, .. } => {
                self.check_member(participant);
                self.others.as_mut().map(|others| others.remove(participant));
            }
            ServerMessage::Offer { from, .. }
            | ServerMessage::Answer { from, .. }
            | ServerMessage::Candidate { from, .. }
            | ServerMessage::EndOfCandidates { from, .. }
            | ServerMessage::Chat { from, .. } => self.check_member(from),
            ServerMessage::Error { .. }
            | ServerMessage::IceServers { .. }
            | ServerMessage::Sections { .. }
            | ServerMessage::SectionsWanted { .. }
            | ServerMessage::EncodingsWanted { .. }
            | ServerMessage::ConnectionEnded { .. }
            | ServerMessage::Speakers { .. }
            | ServerMessage::Draining { .. } => {}
        }
        Vec::new()
    }

    /// A link that resumed a session in a room has not seen who is there.
    fn check_member(&self, participant: &ParticipantId) {
        assert!(
            self.others.as_ref().is_none_or(|others| others.contains(participant)),
            "a voice from elsewhere"
        );
    }
}

fn hello(resume: Option<Resume>) -> Hello {
    Hello { version: PROTOCOL_VERSION, client: None, token: None, resume }
}

fn grants(script: &mut Script<'_>) -> Result<Grants, CloseCode> {
    let byte = script.byte().unwrap_or(0);
    if byte == 0xff {
        return Err(CloseCode::TokenInvalid);
    }
    let bit = |number: u8| byte & (1 << number) != 0;
    Ok(Grants {
        room: bit(4).then(|| RoomName::new("tea")),
        identity: bit(5).then(|| "anna".to_owned()),
        name: bit(6).then(|| "Anna".to_owned()),
        permissions: permissions(byte),
    })
}

fn permissions(byte: u8) -> Permissions {
    let bit = |number: u8| byte & (1 << number) != 0;
    Permissions { publish: !bit(0), subscribe: !bit(1), data: !bit(2), admin: bit(3) }
}
