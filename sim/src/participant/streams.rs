//! Streams that agents ask for or take: with a TURN server, or with the other one.

use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_ice::{ConnectionId, Framing, Protocol, framing};
use moim_turn::channel_data;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The first port that is connected from. Each connection has one of its own.
const FIRST_PORT: u16 = 50_000;
/// The most bytes that wait to be sent on a stream. More are dropped, as the native client drops them.
const BACKLOG_LEN_MAX: usize = 256 * 1024;

/// Streams, and the beginnings of messages that have not come in full.
#[derive(Debug)]
pub(super) struct PeerStreams {
    known: BTreeMap<StreamKey, Known>,
    commands: Vec<StreamCommand>,
    next_port: u16,
}

#[derive(Debug)]
struct Known {
    /// Who has asked for it, by the port of its call, and what it is to be answered by. [`None`]: it is open.
    asked: Option<(u16, ConnectionId)>,
    protocol: Protocol,
    framing: Framing,
    buffer: Vec<u8>,
}

/// What came of something that happened to a stream.
#[derive(Debug)]
pub(super) enum StreamNews {
    Opened { call: u16, id: ConnectionId },
    Failed { call: u16, id: ConnectionId },
    Accepted,
    Message { protocol: Protocol, bytes: Vec<u8> },
    Closed,
}

/// A stream that an agent asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) call: u16,
    pub(super) id: ConnectionId,
    pub(super) local: IpAddr,
    pub(super) port: Option<u16>,
    pub(super) remote: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) framing: Framing,
}

impl Default for PeerStreams {
    fn default() -> Self {
        Self { known: BTreeMap::new(), commands: Vec::new(), next_port: FIRST_PORT }
    }
}

impl PeerStreams {
    pub(super) fn connect(&mut self, wanted: Wanted) {
        let Wanted { call, id, local, port, remote, protocol, framing } = wanted;
        let port = port.unwrap_or_else(|| {
            self.next_port += 1;
            self.next_port
        });
        let key = StreamKey { local: SocketAddr::new(local, port), remote };
        let known = Known { asked: Some((call, id)), protocol, framing, buffer: Vec::new() };
        self.known.insert(key, known);
        self.commands.push(StreamCommand::Connect(key));
    }

    pub(super) fn send(&mut self, local: SocketAddr, remote: SocketAddr, message: &[u8]) {
        let key = StreamKey { local, remote };
        let Some(known) = self.known.get(&key) else { return };
        let mut bytes = Vec::new();
        if known.framing == Framing::Rfc4571 {
            let Some(header) = framing::header(message.len()) else { return };
            bytes.extend(header);
        }
        bytes.extend(message);
        self.commands.push(StreamCommand::SendWithin(key, bytes, BACKLOG_LEN_MAX));
    }

    pub(super) fn close(&mut self, key: StreamKey) {
        self.known.remove(&key);
        self.commands.push(StreamCommand::Close(key));
    }

    /// Closes the stream with these ends; one that is not open yet is known by its other end only.
    pub(super) fn close_between(&mut self, call: u16, local: Option<SocketAddr>, remote: SocketAddr) {
        let is_it = |(key, known): &(&StreamKey, &Known)| {
            key.remote == remote
                && match (local, known.asked) {
                    (Some(local), _) => key.local == local,
                    (None, Some((asked_by, _))) => asked_by == call,
                    (None, None) => false,
                }
        };
        let found = self.known.iter().find(is_it).map(|(key, _)| *key);
        if let Some(key) = found {
            self.close(key);
        }
    }

    pub(super) fn handle(&mut self, event: StreamEvent) -> Vec<StreamNews> {
        match event {
            StreamEvent::Opened(key) => {
                if let Some(known) = self.known.get_mut(&key) {
                    return known
                        .asked
                        .take()
                        .map(|(call, id)| StreamNews::Opened { call, id })
                        .into_iter()
                        .collect();
                }
                let (protocol, framing) = (Protocol::Tcp, Framing::Rfc4571);
                self.known.insert(key, Known { asked: None, protocol, framing, buffer: Vec::new() });
                vec![StreamNews::Accepted]
            }
            StreamEvent::Received(key, bytes) => self.received(key, &bytes),
            StreamEvent::Closed(key, _) => match self.known.remove(&key) {
                Some(Known { asked: Some((call, id)), .. }) => vec![StreamNews::Failed { call, id }],
                Some(Known { asked: None, .. }) => vec![StreamNews::Closed],
                None => Vec::new(),
            },
        }
    }

    pub(super) fn take_commands(&mut self) -> impl Iterator<Item = StreamCommand> {
        std::mem::take(&mut self.commands).into_iter()
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn received(&mut self, key: StreamKey, bytes: &[u8]) -> Vec<StreamNews> {
        let Some(known) = self.known.get_mut(&key) else { return Vec::new() };
        known.buffer.extend_from_slice(bytes);
        let mut news = Vec::new();
        while let Some(message) = known.next_message() {
            news.push(StreamNews::Message { protocol: known.protocol, bytes: message });
        }
        news
    }
}

impl Known {
    fn next_message(&mut self) -> Option<Vec<u8>> {
        let (head, len) = match self.framing {
            Framing::Rfc4571 => (framing::HEADER_LEN, framing::framed_len(&self.buffer)?),
            Framing::Turn => (0, channel_data::framed_len(&self.buffer).ok().flatten()?),
        };
        if self.buffer.len() < head + len {
            return None;
        }
        let message = self.buffer.drain(..head + len).skip(head).collect();
        Some(message)
    }
}
