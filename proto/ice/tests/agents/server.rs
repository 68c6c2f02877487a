//! A STUN and TURN server without sockets: the real machines, and what they want sent.

use moim_stun::binding;
use moim_stun::{Message, Method};
use moim_turn::server::{FromClient, OUT_LEN_MAX, Prefix};
use moim_turn::testing::{self, Client, World};
use moim_turn::{FiveTuple, Transport};
use std::net::SocketAddr;
use std::time::Duration;

/// What the server sends: from where, to where, by what.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) five_tuple: FiveTuple,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct RelayServer {
    pub(crate) world: World,
    binding: binding::Server,
    /// Whether it answers.
    pub(crate) is_up: bool,
}

/// What the server wants sent.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) to_clients: Vec<Sent>,
    /// From a relayed address to a peer.
    pub(crate) to_peers: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl RelayServer {
    pub(crate) fn new() -> Self {
        Self { world: World::new(testing::config()), binding: binding::Server::new(), is_up: true }
    }

    pub(crate) fn address() -> SocketAddr {
        testing::SERVER.parse().unwrap()
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.world.pass(duration);
        self.world.events();
    }

    pub(crate) fn client_sends(&mut self, five_tuple: FiveTuple, bytes: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        if !self.is_up {
            return outcome;
        }
        let is_binding = Message::parse(bytes).is_ok_and(|message| message.method() == Method::BINDING);
        if is_binding && five_tuple.transport == Transport::Udp {
            let mut out = [0; binding::RESPONSE_LEN_MAX];
            if let binding::Handled::Respond(len) = self.binding.handle(bytes, five_tuple.client, &mut out) {
                outcome.to_clients.push(Sent { five_tuple, bytes: out[..len].to_vec() });
            }
            return outcome;
        }
        let client = Client {
            five_tuple,
            username: String::new(),
            key: moim_stun::IntegrityKey::short_term("unused"),
            nonce: String::new(),
        };
        let given = self.world.give(&client, bytes);
        match given.decision {
            FromClient::Respond(len) => {
                assert!(len <= OUT_LEN_MAX);
                outcome.to_clients.push(Sent { five_tuple, bytes: given.out[..len].to_vec() });
            }
            FromClient::ToPeer(to_peer) => {
                let data = bytes[to_peer.range].to_vec();
                if to_peer.is_own {
                    return self.peer_sends(to_peer.source, to_peer.peer, &data);
                }
                outcome.to_peers.push((to_peer.source, to_peer.peer, data));
            }
            FromClient::Dropped(_)
            | FromClient::Allocate(_)
            | FromClient::Connect { .. }
            | FromClient::Spliced { .. }
            | FromClient::Elsewhere(_) => {}
        }
        outcome
    }

    /// A datagram that comes to a relayed address.
    pub(crate) fn peer_sends(&mut self, peer: SocketAddr, relayed: SocketAddr, data: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(relay) = self.world.server.relay_at(relayed) else { return outcome };
        let mut prefix = Prefix::EMPTY;
        let now = self.world.now.at;
        if let Ok(to) = self.world.server.handle_peer(relay, peer, data.len(), now, &mut prefix) {
            let padding = &[0; 3][..usize::from(to.padding)];
            let bytes = [prefix.as_slice(), data, padding].concat();
            outcome.to_clients.push(Sent { five_tuple: to.five_tuple, bytes });
        }
        outcome
    }
}
