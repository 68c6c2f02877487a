//! Streams: bytes that arrive in order and once, or the news that they do not.
//!
//! This is what of TCP matters to what runs on top of it: a handshake that firewalls and NATs can follow, segments that are sent again
//! until they are acknowledged, a window, and an end. There is no congestion control, and what arrives out of order is sent again.

use crate::packet::{Flags, Packet, Payload, Segment};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The most bytes of a segment.
const SEGMENT_LEN_MAX: usize = 1200;
/// The most bytes under way at a time.
const WINDOW: u64 = 64 * 1024;
/// The most bytes that wait to be sent or acknowledged. A stream that is given more is broken off.
pub const BUFFER_LEN_MAX: usize = 4 * 1024 * 1024;
/// How long an acknowledgement is waited for at first; the wait doubles each time, up to [`RTO_MAX`].
const RTO: Duration = Duration::from_millis(400);
/// The longest wait for an acknowledgement.
const RTO_MAX: Duration = Duration::from_secs(8);
/// How often something is sent before the stream is given up: after about 40 s.
const ATTEMPTS_MAX: u32 = 9;
/// Streams of one host at a time. Beyond it, others are refused.
pub const STREAMS_MAX: usize = 1024;

/// A stream, by its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamKey {
    /// The end here.
    pub local: SocketAddr,
    /// The end there.
    pub remote: SocketAddr,
}

/// What a node wants of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamCommand {
    /// Open one.
    Connect(StreamKey),
    /// Send bytes.
    Send(StreamKey, Vec<u8>),
    /// Send bytes that may get lost, unless so many would wait then. What comes too late is worse than what does not come: behind a stream
    /// that is slower than what is said by it, the checks that are to find a better way would be minutes late in the end.
    SendWithin(StreamKey, Vec<u8>, usize),
    /// End it, once everything is sent.
    Close(StreamKey),
}

/// What happened to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// It is open: the one that was asked for, or one that somebody else opened.
    Opened(StreamKey),
    /// Bytes came.
    Received(StreamKey, Vec<u8>),
    /// It has ended, and nothing more comes of it.
    Closed(StreamKey, CloseReason),
}

impl StreamEvent {
    /// The stream that it happened to.
    pub fn stream(&self) -> StreamKey {
        match self {
            Self::Opened(key) | Self::Received(key, _) | Self::Closed(key, _) => *key,
        }
    }
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The other end has closed it.
    ByPeer,
    /// The other end knows of no such stream, or does not want it.
    Reset,
    /// Nothing was heard of the other end for too long.
    Timeout,
    /// More was to be sent than may wait.
    Overflow,
}

/// The streams of a host.
#[derive(Debug, Default)]
pub struct Streams {
    known: BTreeMap<StreamKey, Stream>,
    packets: VecDeque<Packet>,
    events: VecDeque<StreamEvent>,
}

/// One end of a stream.
#[derive(Debug)]
struct Stream {
    stage: Stage,
    /// What is not acknowledged; it begins with byte number `acknowledged`.
    buffer: VecDeque<u8>,
    acknowledged: u64,
    /// The next byte to be sent.
    next: u64,
    /// The next byte to be received.
    expected: u64,
    is_closing: bool,
    /// Whether the end has been told; it is told again only when nobody has answered.
    end_is_told: bool,
    rto: Duration,
    attempts: u32,
    /// When to send again.
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// Asked for by the other end, which has not yet shown that it hears.
    Accepting,
    Open,
}

impl Streams {
    /// Does what a node wants.
    pub fn command(&mut self, command: StreamCommand, now: Instant) {
        match command {
            StreamCommand::Connect(key) => {
                if self.known.contains_key(&key) || self.known.len() >= STREAMS_MAX {
                    self.events.push_back(StreamEvent::Closed(key, CloseReason::Reset));
                    return;
                }
                self.known.insert(key, Stream::new(Stage::Connecting, now));
                self.packets.push_back(control(key, Flags::Syn, 0, 0));
            }
            StreamCommand::Send(key, bytes) => {
                let Some(stream) = self.known.get_mut(&key).filter(|stream| !stream.is_closing) else {
                    return;
                };
                if stream.buffer.len() + bytes.len() > BUFFER_LEN_MAX {
                    self.end(key, CloseReason::Overflow);
                    return;
                }
                stream.buffer.extend(bytes);
                stream.send_more(key, now, &mut self.packets);
            }
            StreamCommand::SendWithin(key, bytes, waiting_max) => {
                let waiting = self.known.get(&key).map_or(0, |stream| stream.buffer.len());
                if waiting + bytes.len() <= waiting_max {
                    self.command(StreamCommand::Send(key, bytes), now);
                }
            }
            StreamCommand::Close(key) => {
                let Some(stream) = self.known.get_mut(&key) else { return };
                stream.is_closing = true;
                if stream.stage == Stage::Connecting {
                    self.known.remove(&key);
                } else {
                    stream.send_more(key, now, &mut self.packets);
                }
            }
        }
    }

    /// Takes a segment that came for this host. `listens`: whether somebody takes streams at the address it came to.
    pub fn handle_segment(&mut self, packet: Packet, listens: bool, now: Instant) {
        let key = StreamKey { local: packet.destination, remote: packet.source };
        let Payload::Tcp(segment) = packet.payload else { return };
        match segment.flags {
            Flags::Syn => self.asked(key, listens, now),
            Flags::Reset => self.end_quietly(key, CloseReason::Reset),
            Flags::SynAck | Flags::Ack | Flags::Fin => self.continued(key, &segment, now),
        }
    }

    /// The addresses of the host have changed: streams from others are broken off.
    pub fn retain_local(&mut self, is_own: impl Fn(SocketAddr) -> bool) {
        let lost: Vec<_> = self.known.keys().copied().filter(|key| !is_own(key.local)).collect();
        for key in lost {
            self.end_quietly(key, CloseReason::Timeout);
        }
    }

    /// Breaks off everything, as a restart of the host does. Nobody is told.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Which streams there are.
    pub fn keys(&self) -> impl Iterator<Item = &StreamKey> {
        self.known.keys()
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.known.values().filter_map(|stream| stream.due).min()
    }

    /// Sends again what was not acknowledged.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |(_, stream): &(&StreamKey, &Stream)| stream.due.is_some_and(|due| due <= now);
        let keys: Vec<_> = self.known.iter().filter(due).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(stream) = self.known.get_mut(&key) else { continue };
            if stream.attempts >= ATTEMPTS_MAX {
                self.end(key, CloseReason::Timeout);
                continue;
            }
            stream.attempts += 1;
            stream.rto = (stream.rto * 2).min(RTO_MAX);
            stream.due = Some(now + stream.rto);
            stream.next = stream.acknowledged;
            stream.end_is_told = false;
            match stream.stage {
                Stage::Connecting => self.packets.push_back(control(key, Flags::Syn, 0, 0)),
                Stage::Accepting => self.packets.push_back(control(key, Flags::SynAck, 0, stream.expected)),
                Stage::Open => {
                    stream.send_more(key, now, &mut self.packets);
                }
            }
        }
    }

    /// What the host is to send.
    pub fn poll_packet(&mut self) -> Option<Packet> {
        self.packets.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }

    fn asked(&mut self, key: StreamKey, listens: bool, now: Instant) {
        match self.known.get(&key).map(|stream| stream.stage) {
            // One that is known already, whose answer was lost; or both ends have asked at once (RFC 9293 §3.5), and each takes
            // the other's wish as the answer to its own.
            Some(Stage::Accepting | Stage::Open | Stage::Connecting) => {
                self.packets.push_back(control(key, Flags::SynAck, 0, 0));
            }
            None if listens && self.known.len() < STREAMS_MAX => {
                self.known.insert(key, Stream::new(Stage::Accepting, now));
                self.packets.push_back(control(key, Flags::SynAck, 0, 0));
            }
            None => self.packets.push_back(control(key, Flags::Reset, 0, 0)),
        }
    }

    fn continued(&mut self, key: StreamKey, segment: &Segment, now: Instant) {
        let Some(stream) = self.known.get_mut(&key) else {
            self.packets.push_back(control(key, Flags::Reset, 0, 0));
            return;
        };
        if stream.stage != Stage::Open {
            stream.stage = Stage::Open;
            stream.progress();
            self.events.push_back(StreamEvent::Opened(key));
        }
        stream.acknowledge(segment.acknowledged);
        let has_ended =
            stream.is_closing && stream.buffer.is_empty() && segment.acknowledged > stream.acknowledged;
        if has_ended {
            self.known.remove(&key);
            return;
        }
        let wants_ack = !segment.bytes.is_empty() || segment.flags != Flags::Ack;
        if segment.sequence == stream.expected && !segment.bytes.is_empty() {
            stream.expected += segment.bytes.len() as u64;
            self.events.push_back(StreamEvent::Received(key, segment.bytes.clone()));
        }
        let is_end = segment.flags == Flags::Fin && segment.sequence == stream.expected;
        if is_end {
            stream.expected += 1;
        }
        let sent = stream.send_more(key, now, &mut self.packets);
        if wants_ack && (sent == 0 || is_end) {
            self.packets.push_back(control(key, Flags::Ack, stream.next, stream.expected));
        }
        if is_end {
            self.end_quietly(key, CloseReason::ByPeer);
        }
    }

    /// Ends a stream and lets the other end know.
    fn end(&mut self, key: StreamKey, reason: CloseReason) {
        self.packets.push_back(control(key, Flags::Reset, 0, 0));
        self.end_quietly(key, reason);
    }

    fn end_quietly(&mut self, key: StreamKey, reason: CloseReason) {
        if self.known.remove(&key).is_some() {
            self.events.push_back(StreamEvent::Closed(key, reason));
        }
    }
}

impl Stream {
    fn new(stage: Stage, now: Instant) -> Self {
        Self {
            stage,
            buffer: VecDeque::new(),
            acknowledged: 0,
            next: 0,
            expected: 0,
            is_closing: false,
            end_is_told: false,
            rto: RTO,
            attempts: 0,
            due: Some(now + RTO),
        }
    }

    /// The other end has shown that it hears.
    fn progress(&mut self) {
        self.rto = RTO;
        self.attempts = 0;
        self.due = None;
    }

    fn acknowledge(&mut self, number: u64) {
        let end = self.acknowledged + self.buffer.len() as u64;
        let up_to = number.min(end);
        if up_to > self.acknowledged {
            let count = usize::try_from(up_to - self.acknowledged).unwrap_or(usize::MAX);
            self.buffer.drain(..count.min(self.buffer.len()));
            self.acknowledged = up_to;
            self.next = self.next.max(up_to);
            self.progress();
        }
    }

    /// Sends what the window allows. How many segments that are.
    fn send_more(&mut self, key: StreamKey, now: Instant, packets: &mut VecDeque<Packet>) -> usize {
        if self.stage != Stage::Open {
            return 0;
        }
        let mut count = 0;
        let end = self.acknowledged + self.buffer.len() as u64;
        while self.next < end.min(self.acknowledged + WINDOW) {
            let offset = usize::try_from(self.next - self.acknowledged).unwrap_or(usize::MAX);
            let bytes: Vec<u8> = self.buffer.iter().skip(offset).take(SEGMENT_LEN_MAX).copied().collect();
            let segment =
                Segment { flags: Flags::Ack, sequence: self.next, acknowledged: self.expected, bytes };
            self.next += segment.bytes.len() as u64;
            packets.push_back(Packet::tcp(key.local, key.remote, segment));
            count += 1;
        }
        if self.is_closing && self.next == end && !self.end_is_told {
            self.end_is_told = true;
            packets.push_back(control(key, Flags::Fin, end, self.expected));
            count += 1;
        }
        let waits = !self.buffer.is_empty() || self.is_closing;
        self.due = if waits { self.due.or(Some(now + self.rto)) } else { None };
        count
    }
}

fn control(key: StreamKey, flags: Flags, sequence: u64, acknowledged: u64) -> Packet {
    let segment = Segment { flags, sequence, acknowledged, bytes: Vec::new() };
    Packet::tcp(key.local, key.remote, segment)
}
