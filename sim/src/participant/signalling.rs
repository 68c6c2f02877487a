//! A client of the signalling server, as `docs/protocol.md` has it: it numbers and acknowledges, reconnects and resumes.

use crate::nodes::Lines;
use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_signal::id::RoomName;
use moim_signal::message::{
    ClientFrame, ClientMessage, Hello, PROTOCOL_VERSION, Resume, ServerFrame, ServerMessage,
};
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The wait before connecting again; it doubles each time, up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(500);
/// The longest wait before connecting again.
const RETRY_MAX: Duration = Duration::from_secs(8);
/// The first port that is connected from. Each attempt has one of its own.
const FIRST_PORT: u16 = 20_000;

/// A client of the signalling server.
#[derive(Debug)]
pub struct Signalling {
    /// Where the server is, by any of its addresses.
    servers: Vec<IpAddr>,
    port: u16,
    room: RoomName,
    name: String,
    /// The addresses of the host.
    locals: Vec<IpAddr>,
    link: Link,
    attempts: u32,
    next_port: u16,
    resume: Option<Resume>,
    heartbeat: Duration,
    sent: u32,
    received: u32,
    unacknowledged: Vec<(u32, ClientMessage)>,
    commands: VecDeque<StreamCommand>,
    messages: VecDeque<ServerMessage>,
    clock: Instant,
    connections: u32,
}

/// How the server is reached just now.
#[derive(Debug)]
enum Link {
    /// Not: the next attempt is then.
    Down { retry: Instant },
    /// The stream is being opened.
    Opening(StreamKey),
    /// It is open.
    Up { stream: StreamKey, lines: Lines, ping: Instant, heard: Instant, is_welcome: bool },
    /// It has been left for good.
    Over,
}

impl Signalling {
    /// A client that connects at once, and joins a room.
    pub fn new(servers: &[SocketAddr], room: &str, name: &str, now: Instant) -> Self {
        Self {
            port: servers.first().map_or(0, SocketAddr::port),
            servers: servers.iter().map(SocketAddr::ip).collect(),
            room: RoomName::new(room),
            name: name.to_owned(),
            locals: Vec::new(),
            link: Link::Down { retry: now },
            attempts: 0,
            next_port: FIRST_PORT,
            resume: None,
            heartbeat: Duration::from_secs(10),
            sent: 0,
            received: 0,
            unacknowledged: Vec::new(),
            commands: VecDeque::new(),
            messages: VecDeque::new(),
            clock: now,
            connections: 0,
        }
    }

    /// The host has these addresses now. A link from another one is lost.
    pub fn set_addresses(&mut self, locals: Vec<IpAddr>, now: Instant) {
        self.clock = now;
        self.locals = locals;
        let lost = self.stream().is_some_and(|stream| !self.locals.contains(&stream.local.ip()));
        if lost {
            self.attempts = 0;
            self.link = Link::Down { retry: now };
        }
    }

    /// Sends a message: at once, or when the server is reached again.
    pub fn send(&mut self, message: ClientMessage, now: Instant) {
        self.clock = now;
        self.sent += 1;
        self.unacknowledged.push((self.sent, message.clone()));
        let frame = ClientFrame::Message { seq: self.sent, ack: self.received, body: message };
        self.send_frame(&frame);
    }

    /// Leaves for good.
    pub fn leave(&mut self, now: Instant) {
        self.send(ClientMessage::Leave, now);
        if let Some(stream) = self.stream() {
            self.commands.push_back(StreamCommand::Close(stream));
        }
        self.unacknowledged.clear();
        self.link = Link::Over;
    }

    /// Whether a stream is the client's.
    pub fn has(&self, stream: StreamKey) -> bool {
        self.servers.contains(&stream.remote.ip()) && stream.remote.port() == self.port && {
            (FIRST_PORT..self.next_port).contains(&stream.local.port())
        }
    }

    /// How often it has connected.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// How many messages wait for the server to acknowledge them.
    pub fn unacknowledged_len(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Something happened to a stream of the client's.
    pub fn handle_stream(&mut self, event: StreamEvent, now: Instant) {
        self.clock = now;
        match event {
            StreamEvent::Opened(stream) => self.opened(stream, now),
            StreamEvent::Received(stream, bytes) => {
                let Link::Up { stream: current, lines, heard, .. } = &mut self.link else { return };
                if *current != stream {
                    return;
                }
                *heard = now;
                for line in lines.receive(&bytes) {
                    if let Ok(frame) = serde_json::from_str(&line) {
                        self.received(frame);
                    }
                }
            }
            StreamEvent::Closed(stream, _) => {
                if self.stream() == Some(stream) {
                    self.lost(now);
                }
            }
        }
    }

    /// Connects again, or says that it is still there, or notices that the server is not.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        match &mut self.link {
            Link::Down { retry } if *retry <= now => self.connect(now),
            Link::Up { stream, heard, .. } if *heard + self.heartbeat * 3 <= now => {
                self.commands.push_back(StreamCommand::Close(*stream));
                self.lost(now);
            }
            Link::Up { ping, .. } if *ping <= now => {
                *ping = now + self.heartbeat;
                let frame = ClientFrame::Ping { ack: self.received };
                self.send_frame(&frame);
            }
            Link::Down { .. } | Link::Up { .. } | Link::Opening(_) | Link::Over => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.commands.is_empty() || !self.messages.is_empty() {
            return Some(Deadline::new(self.clock, "signalling: something waits"));
        }
        match &self.link {
            Link::Down { .. } if self.locals.is_empty() => None,
            Link::Down { retry } => Some(Deadline::new(*retry, "signalling: connect")),
            Link::Up { ping, heard, .. } => {
                Some(Deadline::new((*ping).min(*heard + self.heartbeat * 3), "signalling: heartbeat"))
            }
            Link::Opening(_) | Link::Over => None,
        }
    }

    /// What is to be done about streams.
    pub fn poll_command(&mut self) -> Option<StreamCommand> {
        self.commands.pop_front()
    }

    /// What the server said.
    pub fn poll_message(&mut self) -> Option<ServerMessage> {
        self.messages.pop_front()
    }

    fn stream(&self) -> Option<StreamKey> {
        match &self.link {
            Link::Opening(stream) | Link::Up { stream, .. } => Some(*stream),
            Link::Down { .. } | Link::Over => None,
        }
    }

    fn connect(&mut self, now: Instant) {
        // The families take turns, where both ends have both.
        let wants_ipv6 = self.attempts % 2 == 1;
        let way = [wants_ipv6, !wants_ipv6].into_iter().find_map(|is_ipv6| {
            let of_family = |ips: &[IpAddr]| ips.iter().copied().find(|ip| ip.is_ipv6() == is_ipv6);
            Some((of_family(&self.locals)?, of_family(&self.servers)?))
        });
        let Some((local, server)) = way else {
            self.link = Link::Down { retry: now + RETRY_MAX };
            return;
        };
        self.attempts += 1;
        let stream = StreamKey {
            local: SocketAddr::new(local, self.next_port),
            remote: SocketAddr::new(server, self.port),
        };
        self.next_port += 1;
        self.commands.push_back(StreamCommand::Connect(stream));
        self.link = Link::Opening(stream);
    }

    fn opened(&mut self, stream: StreamKey, now: Instant) {
        if !matches!(self.link, Link::Opening(current) if current == stream) {
            return;
        }
        self.connections += 1;
        self.link = Link::Up {
            stream,
            lines: Lines::default(),
            ping: now + self.heartbeat,
            heard: now,
            is_welcome: false,
        };
        let resume = self.resume.clone().map(|resume| Resume { ack: self.received, ..resume });
        let hello = Hello { version: PROTOCOL_VERSION, client: Some("sim".into()), token: None, resume };
        self.send_frame(&ClientFrame::Hello(hello));
    }

    fn lost(&mut self, now: Instant) {
        let wait = (RETRY * 2_u32.saturating_pow(self.attempts.saturating_sub(1))).min(RETRY_MAX);
        self.link = Link::Down { retry: now + wait };
    }

    fn received(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Welcome { session, secret, resumed, ack, heartbeat_ms, .. } => {
                self.attempts = 0;
                if let Link::Up { is_welcome, .. } = &mut self.link {
                    *is_welcome = true;
                }
                self.heartbeat = Duration::from_millis(heartbeat_ms.into());
                self.resume = Some(Resume { session, secret, ack: 0 });
                if resumed {
                    self.acknowledged(ack);
                    for (seq, body) in self.unacknowledged.clone() {
                        self.send_frame(&ClientFrame::Message { seq, ack: self.received, body });
                    }
                } else {
                    self.begin();
                }
            }
            ServerFrame::Message { seq, ack, body } => {
                self.acknowledged(ack);
                if seq == self.received + 1 {
                    self.received = seq;
                    self.messages.push_back(body);
                    self.send_frame(&ClientFrame::Ack { ack: seq });
                }
            }
            ServerFrame::Ack { ack } | ServerFrame::Pong { ack } => self.acknowledged(ack),
            ServerFrame::Rejected { .. } | ServerFrame::Close { .. } => {}
        }
    }

    /// A new session: nothing of an old one counts any more, and the room is to be joined.
    fn begin(&mut self) {
        (self.sent, self.received) = (0, 0);
        self.unacknowledged.clear();
        let join = ClientMessage::Join {
            room: self.room.clone(),
            name: self.name.clone(),
            metadata: None,
            direct: true,
        };
        self.send(join, self.clock);
    }

    fn acknowledged(&mut self, ack: u32) {
        self.unacknowledged.retain(|(seq, _)| *seq > ack);
    }

    fn send_frame(&mut self, frame: &ClientFrame) {
        let Link::Up { stream, is_welcome, .. } = &self.link else { return };
        // Until `hello` is answered, it is not known in which session anything else would be.
        if !is_welcome && !matches!(frame, ClientFrame::Hello(_)) {
            return;
        }
        let mut line = serde_json::to_vec(frame).expect("frames are made of texts and numbers");
        line.push(b'\n');
        self.commands.push_back(StreamCommand::Send(*stream, line));
    }
}
