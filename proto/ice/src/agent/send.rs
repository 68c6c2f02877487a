//! What is to be sent, and how it gets to a peer.

use super::{Agent, TRANSMITS_MAX};
use crate::candidate::Protocol;
use crate::event::{ConnectionId, DropReason, Transmit};
use crate::pair::Origin;
use std::net::SocketAddr;
use std::time::Instant;

/// What a check and its answer may take, with what a relay puts around them.
pub(super) const MESSAGE_LEN_MAX: usize = 1280;

/// A packet that waits to be sent.
#[derive(Debug)]
pub(super) struct Queued {
    local: SocketAddr,
    remote: SocketAddr,
    protocol: Protocol,
    pub(super) bytes: Box<[u8]>,
}

impl Queued {
    pub(super) fn transmit(&self) -> Transmit {
        let Self { local, remote, protocol, ref bytes } = *self;
        Transmit { local, remote, protocol, len: bytes.len() }
    }
}

impl Agent {
    pub(super) fn queue(&mut self, local: SocketAddr, remote: SocketAddr, protocol: Protocol, bytes: &[u8]) {
        if self.transmits.len() >= TRANSMITS_MAX {
            self.counters.drops.count(DropReason::TransmitQueueFull);
            return;
        }
        self.transmits.push_back(Queued { local, remote, protocol, bytes: bytes.into() });
    }

    /// Sends a message of the agent's own to a peer. `false`: there is no way.
    pub(super) fn send_to_peer(
        &mut self,
        origin: Origin,
        peer: SocketAddr,
        connection: Option<ConnectionId>,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        match origin {
            Origin::Udp(local) => self.queue(local, peer, Protocol::Udp, bytes),
            Origin::Tcp(..) => {
                let open = connection.and_then(|id| self.connection_by_id(id)).and_then(|it| it.local);
                let Some(local) = open else { return false };
                self.queue(local, peer, Protocol::Tcp, bytes);
            }
            Origin::Relay(id) => {
                let Some(relay) = self.relays.get_mut(&id) else { return false };
                let mut out = [0; MESSAGE_LEN_MAX];
                let Ok(len) = relay.client.send(peer, bytes, now, &mut out) else { return false };
                let Some((local, server, protocol)) = self.leg_of(id) else { return false };
                self.queue(local, server, protocol, &out[..len]);
            }
        }
        true
    }
}
