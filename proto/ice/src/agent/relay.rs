//! Allocations on TURN servers, and what goes by them.

use super::gather::NOT_REACHED;
use super::local::{Base, Found};
use super::{Agent, RELAYS_MAX};
use crate::candidate::{CandidateKind, CandidateProtocol, Protocol, canonical};
use crate::config::{IceServer, TurnTransport};
use crate::event::{ConnectionId, Event, FailureReason, PathId};
use crate::pair::{Origin, RelayId};
use crate::route::{Prefix, Route};
use moim_stun::TransactionId;
use moim_turn::channel_data::ChannelNumber;
use moim_turn::client::{self, Allocated, Client, Failure};
use rand_chacha::rand_core::RngCore;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// How often a lost allocation is asked for again between two restarts: a server that gives and takes would be asked without end.
const RELAYS_REPLACED_MAX: u32 = 16;

/// An allocation, or the attempt at one.
pub(super) struct Relay {
    server: SocketAddr,
    transport: TurnTransport,
    leg: Leg,
    pub(super) client: Client,
    state: State,
    local_preference: u16,
    /// Peers that the server is to let through.
    wanted: BTreeSet<IpAddr>,
    /// Peers that a channel is bound to.
    channels: BTreeMap<SocketAddr, ChannelNumber>,
    /// What all Send indications are called: nothing answers them.
    indication: TransactionId,
}

/// What messages to the server go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    Datagrams(SocketAddr),
    Connection(ConnectionId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The connection to the server is being opened, or the server has not answered yet.
    Beginning,
    Allocated,
    Ended,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("server", &self.server)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Relay {
    pub(super) fn is_beginning(&self) -> bool {
        self.state == State::Beginning
    }
}

impl Agent {
    /// Asks a TURN server for an allocation, from an address or by a connection that is to be opened.
    pub(super) fn add_relay(&mut self, server: &IceServer, base: Option<Base>, now: Instant) {
        let IceServer::Turn { address, transport, credential } = server else { return };
        let address = canonical(*address);
        let is_it = |relay: &Relay| {
            let is_from = base.is_none_or(|base| relay.leg == Leg::Datagrams(base.address));
            relay.server == address && relay.transport == *transport && is_from
        };
        if self.relays.len() >= RELAYS_MAX || self.relays.values().any(is_it) {
            return;
        }
        let id = RelayId(self.fresh_id());
        let leg = match base {
            Some(base) => Leg::Datagrams(base.address),
            None => match self.connect_relay(id, address, transport.protocol()) {
                Some(connection) => Leg::Connection(connection),
                None => return,
            },
        };
        let config = client::Config {
            families: self.config.relay_families,
            // When a NAT gives this side another address, the allocation follows (RFC 8016).
            mobility: true,
            // Peers' packets may come by the same port.
            fingerprint: true,
            ..client::Config::new(transport.transport(), credential.clone())
        };
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let mut client = Client::new(config, seed, now);
        if base.is_some() {
            // A client that was just made has no allocation yet.
            let _ = client.allocate(now);
        }
        let local_preference = relay_preference(*transport, base);
        let (wanted, channels) = (BTreeSet::new(), BTreeMap::new());
        let indication = self.transaction_id();
        let transport = *transport;
        let state = State::Beginning;
        let relay = Relay {
            server: address,
            transport,
            leg,
            client,
            state,
            local_preference,
            wanted,
            channels,
            indication,
        };
        self.relays.insert(id, relay);
    }

    /// From where to where messages to the server go.
    pub(super) fn leg_of(&self, id: RelayId) -> Option<(SocketAddr, SocketAddr, Protocol)> {
        let relay = self.relays.get(&id)?;
        let local = match relay.leg {
            Leg::Datagrams(local) => local,
            Leg::Connection(id) => self.connections.iter().find(|it| it.id == id)?.local?,
        };
        Some((local, relay.server, relay.transport.protocol()))
    }

    /// The allocation whose messages come to this address from there.
    pub(super) fn relay_at(&self, local: SocketAddr, server: SocketAddr) -> Option<RelayId> {
        let is_it = |relay: &Relay| relay.leg == Leg::Datagrams(local) && relay.server == server;
        self.relays.iter().find(|(_, relay)| is_it(relay)).map(|(id, _)| *id)
    }

    /// Lets a peer through all allocations: as soon as it is known, so that no check waits for it.
    pub(super) fn permit(&mut self, peer: IpAddr) {
        let now = self.clock;
        for relay in self.relays.values_mut() {
            // Whom there is no room or no address for is not let through, and its pairs have no route.
            if relay.state == State::Allocated && relay.client.create_permission(peer, now).is_ok() {
                relay.wanted.insert(peer);
            }
        }
    }

    pub(super) fn bind_channel(&mut self, id: RelayId, peer: SocketAddr, now: Instant) {
        if let Some(relay) = self.relays.get_mut(&id) {
            // Without a channel, data goes by indications.
            let _ = relay.client.bind_channel(peer, now);
        }
    }

    /// How packets to a peer go by a relay. [`None`]: the relay has not said yet that it lets the peer through.
    pub(super) fn relayed_route(&self, origin: Origin, peer: SocketAddr) -> Option<Route> {
        let Origin::Relay(id) = origin else { return None };
        let relay = self.relays.get(&id)?;
        let (local, remote, protocol) = self.leg_of(id)?;
        if relay.state != State::Allocated || !relay.client.permits(peer.ip(), self.clock) {
            return None;
        }
        let prefix = match relay.channels.get(&peer) {
            Some(number) => Prefix::channel(*number, protocol != Protocol::Udp),
            None => Prefix::indication(peer, relay.indication),
        };
        Some(Route { local, remote, protocol, prefix })
    }

    /// Sends what clients of TURN servers want sent, and learns what they tell.
    pub(super) fn follow_relays(&mut self, now: Instant) {
        let ids: Vec<RelayId> = self.relays.keys().copied().collect();
        for id in ids {
            while let Some(event) = self.relays.get_mut(&id).and_then(|relay| relay.client.poll_event()) {
                self.relay_told(id, event, now);
            }
            let leg = self.leg_of(id);
            while let Some(bytes) = self.relays.get_mut(&id).and_then(|relay| relay.client.poll_transmit()) {
                if let Some((local, server, protocol)) = leg {
                    self.queue(local, server, protocol, &bytes);
                }
            }
        }
        if self.is_closed() {
            self.drop_ended_relays();
        }
    }

    fn relay_told(&mut self, id: RelayId, event: client::Event, now: Instant) {
        match event {
            client::Event::Allocated(allocated) => self.relay_allocated(id, &allocated),
            client::Event::Failed(failure) => self.relay_failed(id, failure, now),
            client::Event::Released => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.state = State::Ended;
                }
            }
            client::Event::Permitted(peer) => {
                self.route_again(id, |it| it.ip() == peer);
            }
            client::Event::NotPermitted { peer, .. } => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.wanted.remove(&peer);
                }
                let reason = FailureReason::NotPermitted;
                self.fail_pairs(reason, |it| it.origin == Origin::Relay(id) && it.peer.ip() == peer, now);
            }
            client::Event::ChannelBound { peer, number } => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.channels.insert(peer, number);
                }
                self.route_again(id, |it| *it == peer);
            }
            client::Event::ChannelNotBound { peer, .. } => {
                if let Some(relay) = self.relays.get_mut(&id) {
                    relay.channels.remove(&peer);
                }
                self.route_again(id, |it| *it == peer);
            }
            client::Event::Unreachable { peer, .. } => {
                if let Some(path) = self.find_pair(Origin::Relay(id), peer)
                    && let Some(pair) = self.pair_mut(path)
                {
                    pair.is_unreachable = true;
                }
            }
            // What this agent never asks for: moving, and connections with peers.
            client::Event::Moved
            | client::Event::Connected { .. }
            | client::Event::NotConnected { .. }
            | client::Event::PeerConnected { .. }
            | client::Event::Bound(_)
            | _ => {}
        }
    }

    fn relay_allocated(&mut self, id: RelayId, allocated: &Allocated) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        relay.state = State::Allocated;
        let Relay { server, transport, leg, local_preference, .. } = *relay;
        let mapped = allocated.mapped.map(canonical);
        if let (Leg::Datagrams(local), Some(mapped)) = (leg, mapped) {
            self.add_reflexive(local, mapped, server);
        }
        let peers: Vec<IpAddr> = self.remotes.values().map(|remote| remote.address.ip()).collect();
        for peer in peers {
            self.permit(peer);
        }
        for (_, address) in allocated.relayed.iter() {
            let address = canonical(*address);
            self.add_local(&Found {
                kind: CandidateKind::Relayed,
                protocol: CandidateProtocol::Udp,
                address,
                related: mapped,
                origin: Origin::Relay(id),
                local_preference: local_preference.saturating_sub(u16::from(address.is_ipv4())),
                server: Some((server.ip(), transport.protocol())),
                base: address.ip(),
            });
        }
    }

    fn relay_failed(&mut self, id: RelayId, failure: Failure, now: Instant) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let was_allocated = relay.state == State::Allocated;
        relay.state = State::Ended;
        let (server, transport, leg) = (relay.server, relay.transport, relay.leg);
        self.fail_pairs(FailureReason::RelayLost, |pair| pair.origin == Origin::Relay(id), now);
        if let Leg::Connection(connection) = leg {
            self.disconnect(connection);
        }
        if !was_allocated {
            let (code, reason) = describe(failure);
            self.tell(Event::LocalCandidateError { server, code, reason });
        }
        self.drop_relay(id);
        // One that was lost may be had again. One that was refused is asked for again by a restart.
        if was_allocated && !self.is_closed() && self.relays_replaced < RELAYS_REPLACED_MAX {
            self.relays_replaced += 1;
            self.replace_relay(server, transport, now);
        }
    }

    /// What goes between this agent and the relay of a pair, if it has one.
    pub(crate) fn relay_transport(&self, of: Origin) -> Option<TurnTransport> {
        match of {
            Origin::Relay(id) => self.relays.get(&id).map(|relay| relay.transport),
            Origin::Udp(_) | Origin::Tcp(..) => None,
        }
    }

    /// Finds out whether servers still know the allocations.
    pub(super) fn check_relays(&mut self, now: Instant) {
        self.relays_replaced = 0;
        for relay in self.relays.values_mut() {
            if relay.state == State::Allocated {
                // It is asked for anew when it is known to be gone.
                let _ = relay.client.refresh(now);
            }
        }
    }

    /// The servers that an allocation was lost of are asked for another one.
    fn replace_relay(&mut self, server: SocketAddr, transport: TurnTransport, now: Instant) {
        let is_it = |it: &&IceServer| match it {
            IceServer::Turn { address, transport: by, .. } => {
                canonical(*address) == server && *by == transport
            }
            IceServer::Stun { .. } => false,
        };
        if let Some(server) = self.servers.iter().find(is_it).cloned() {
            self.note_gathering_again();
            self.ask_server_for_all(&server, now);
        }
    }

    fn drop_relay(&mut self, id: RelayId) {
        self.relays.remove(&id);
        for local in self.locals.values_mut().filter(|local| local.origin == Origin::Relay(id)) {
            local.is_told = false;
        }
        self.forget_unused_locals();
    }

    /// The connection to a server is open: the allocation can be asked for.
    pub(super) fn relay_connected(&mut self, id: RelayId, now: Instant) {
        if let Some(relay) = self.relays.get_mut(&id) {
            // It was not asked for before.
            let _ = relay.client.allocate(now);
        }
    }

    /// The connection to a server could not be opened, or is closed.
    pub(super) fn relay_disconnected(&mut self, id: RelayId, now: Instant) {
        self.relay_failed(id, Failure::Timeout, now);
    }

    /// An address is no longer there, and neither is what was allocated from it.
    pub(super) fn lose_relays_at(&mut self, address: SocketAddr, now: Instant) {
        let is_there = |relay: &Relay| relay.leg == Leg::Datagrams(address);
        let lost: Vec<RelayId> =
            self.relays.iter().filter(|(_, relay)| is_there(relay)).map(|(id, _)| *id).collect();
        for id in lost {
            self.fail_pairs(FailureReason::AddressRemoved, |pair| pair.origin == Origin::Relay(id), now);
            self.drop_relay(id);
        }
    }

    /// Gives back all allocations.
    pub(super) fn release_relays(&mut self, now: Instant) {
        for relay in self.relays.values_mut() {
            if relay.client.release(now).is_err() {
                relay.state = State::Ended;
            }
        }
    }

    /// Nothing is wanted any more of allocations that were given back, nor of the connections they went by.
    fn drop_ended_relays(&mut self) {
        let ended = self.relays.values().filter(|relay| relay.state == State::Ended);
        let connections: Vec<ConnectionId> = ended
            .filter_map(|relay| match relay.leg {
                Leg::Connection(connection) => Some(connection),
                Leg::Datagrams(_) => None,
            })
            .collect();
        self.relays.retain(|_, relay| relay.state != State::Ended);
        for connection in connections {
            self.disconnect(connection);
        }
    }

    /// Lets permissions and channels of peers lapse that are no longer known.
    pub(super) fn forget_permissions(&mut self) {
        let known: BTreeSet<SocketAddr> = self.remotes.values().map(|remote| remote.address).collect();
        let ips: BTreeSet<IpAddr> = known.iter().map(SocketAddr::ip).collect();
        for Relay { client, wanted, channels, .. } in self.relays.values_mut() {
            for peer in wanted.difference(&ips) {
                client.remove_permission(*peer);
            }
            wanted.retain(|peer| ips.contains(peer));
            channels.retain(|peer, _| {
                let is_known = known.contains(peer);
                if !is_known {
                    client.remove_channel(*peer);
                }
                is_known
            });
        }
    }

    fn route_again(&mut self, id: RelayId, of: impl Fn(&SocketAddr) -> bool) {
        let concerned: Vec<(PathId, SocketAddr)> = self
            .pairs
            .iter()
            .filter(|(_, pair)| pair.origin == Origin::Relay(id) && of(&pair.peer))
            .map(|(key, pair)| (PathId(key), pair.peer))
            .collect();
        for (path, peer) in concerned {
            let route = self.relayed_route(Origin::Relay(id), peer);
            if let Some(pair) = self.pair_mut(path) {
                pair.route = route;
            }
        }
    }
}

/// Relays by UDP come before those by TCP, and those before TLS; IPv6 before IPv4.
fn relay_preference(transport: TurnTransport, base: Option<Base>) -> u16 {
    let class: u16 = match transport {
        TurnTransport::Udp => 0xc000,
        TurnTransport::Tcp => 0x8000,
        TurnTransport::Tls => 0x4000,
    };
    let rank = base.map_or(0, |base| (u16::MAX - base.local_preference).min(0x1fff));
    (class | 0x3fff) - 2 * rank
}

fn describe(failure: Failure) -> (u16, &'static str) {
    match failure {
        Failure::Refused(code) => (code, "the TURN server refused the allocation"),
        Failure::Unauthenticated => (401, "the TURN server does not take the credential"),
        Failure::Redirected(_) => (300, "the TURN server wants another one asked"),
        Failure::Timeout => (NOT_REACHED, "the TURN server was not reached"),
        Failure::Unsupported => (NOT_REACHED, "the TURN server wants what this client cannot do"),
        Failure::Malformed | Failure::Unsendable | _ => {
            (NOT_REACHED, "the TURN server's answer cannot be used")
        }
    }
}
