use super::{Echo, GatewayNode, Prober, RelayNode};
use crate::node::{Node, Output};
use crate::participant::Participant;
use crate::tcp::StreamEvent;
use moim_turn::Now;
use moim_wire::Deadline;
use std::net::SocketAddr;

/// Anything that runs on a host.
#[derive(Debug)]
pub enum Program {
    /// STUN and TURN servers.
    Relay(Box<RelayNode>),
    /// The signalling server.
    Gateway(Box<GatewayNode>),
    /// Somebody in a call.
    Participant(Box<Participant>),
    /// Somebody who finds out about NATs.
    Prober(Box<Prober>),
    /// Somebody who gives back what it is sent.
    Echo(Box<Echo>),
}

impl Program {
    /// The STUN and TURN servers that it is, if it is them.
    pub fn relay(&self) -> Option<&RelayNode> {
        if let Self::Relay(node) = self { Some(node) } else { None }
    }

    /// The signalling server that it is, if it is one.
    pub fn gateway(&self) -> Option<&GatewayNode> {
        if let Self::Gateway(node) = self { Some(node) } else { None }
    }

    /// The participant that it is, if it is one.
    pub fn participant(&self) -> Option<&Participant> {
        if let Self::Participant(node) = self { Some(node) } else { None }
    }

    /// The participant that it is, if it is one, to be told what to do.
    pub fn participant_mut(&mut self) -> Option<&mut Participant> {
        if let Self::Participant(node) = self { Some(node) } else { None }
    }

    /// The prober that it is, if it is one.
    pub fn prober(&self) -> Option<&Prober> {
        if let Self::Prober(node) = self { Some(node) } else { None }
    }

    /// The echo that it is, if it is one.
    pub fn echo(&self) -> Option<&Echo> {
        if let Self::Echo(node) = self { Some(node) } else { None }
    }

    /// The echo that it is, if it is one, to be told what to do.
    pub fn echo_mut(&mut self) -> Option<&mut Echo> {
        if let Self::Echo(node) = self { Some(node) } else { None }
    }

    fn node(&self) -> &dyn Node {
        match self {
            Self::Relay(node) => &**node,
            Self::Gateway(node) => &**node,
            Self::Participant(node) => &**node,
            Self::Prober(node) => &**node,
            Self::Echo(node) => &**node,
        }
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        match self {
            Self::Relay(node) => &mut **node,
            Self::Gateway(node) => &mut **node,
            Self::Participant(node) => &mut **node,
            Self::Prober(node) => &mut **node,
            Self::Echo(node) => &mut **node,
        }
    }
}

impl Node for Program {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        self.node_mut().handle_datagram(local, remote, bytes, now);
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.node_mut().handle_stream(event, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.node_mut().handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.node().poll_timeout()
    }

    fn poll_output(&mut self, now: Now) -> Option<Output> {
        self.node_mut().poll_output(now)
    }

    fn listens(&self, local: SocketAddr) -> bool {
        self.node().listens(local)
    }
}
