use crate::node::{Datagram, Node, Output};
use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_turn::Now;
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Somebody who says what it is told to, keeps what it hears, and gives back what comes on one port.
#[derive(Debug, Default)]
pub struct Echo {
    /// What is given back comes to this port, of any address.
    port: Option<u16>,
    outputs: VecDeque<Output>,
    received: Vec<Received>,
    stream_events: Vec<StreamEvent>,
    clock: Option<Instant>,
}

/// A datagram that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where to.
    pub local: SocketAddr,
    /// Where from.
    pub remote: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

impl Echo {
    /// One that gives back what comes to this port, and takes streams there.
    pub fn on(port: u16) -> Self {
        Self { port: Some(port), ..Self::default() }
    }

    /// Sends a datagram.
    pub fn send(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        self.outputs.push_back(Output::Datagram(Datagram { local, remote, bytes: bytes.to_vec() }));
    }

    /// Does something about a stream.
    pub fn command(&mut self, command: StreamCommand) {
        self.outputs.push_back(Output::Stream(command));
    }

    /// The datagrams that came.
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// What happened to streams.
    pub fn stream_events(&self) -> &[StreamEvent] {
        &self.stream_events
    }

    /// Everything that came by a stream.
    pub fn stream_bytes(&self, stream: StreamKey) -> Vec<u8> {
        let bytes = self.stream_events.iter().filter_map(|event| match event {
            StreamEvent::Received(key, bytes) if *key == stream => Some(bytes.as_slice()),
            StreamEvent::Received(..) | StreamEvent::Opened(_) | StreamEvent::Closed(..) => None,
        });
        bytes.flatten().copied().collect()
    }
}

impl Node for Echo {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        self.clock = Some(now.at);
        if self.port == Some(local.port()) {
            self.send(local, remote, bytes);
        }
        self.received.push(Received { local, remote, bytes: bytes.to_vec() });
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.clock = Some(now.at);
        if let StreamEvent::Received(key, bytes) = &event
            && self.port == Some(key.local.port())
        {
            self.command(StreamCommand::Send(*key, bytes.clone()));
        }
        self.stream_events.push(event);
    }

    fn handle_timeout(&mut self, _now: Now) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        let at = self.clock.filter(|_| !self.outputs.is_empty())?;
        Some(Deadline::new(at, "something is to be sent"))
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn listens(&self, local: SocketAddr) -> bool {
        self.port == Some(local.port())
    }
}
