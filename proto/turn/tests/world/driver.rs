//! A driver without sockets: it binds numbers for ports, keeps account of them, and collects what is to be sent.

use moim_turn::quota::{Lease, Ledger};
use moim_turn::server::{
    AllocateError, AllocateRequest, Event, FromClient, OUT_LEN_MAX, PortWanted, Prefix, Received, Relayed,
    Server, ToPeer,
};
use moim_turn::{AddressFamily, FiveTuple, Now, PerFamily, RealmId, RelayId, ReservationToken};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) const RELAY_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
pub(crate) const RELAY_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1));
const PORT_MIN: u16 = 50_000;

/// A datagram on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToOutside {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
}

/// A server, the sockets it thinks it has, and what it wants sent.
pub(crate) struct Driver {
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    /// What is bound, and for which relay; [`None`] for what is kept by a reservation.
    bound: BTreeMap<SocketAddr, Option<RelayId>>,
    reserved: BTreeMap<ReservationToken, SocketAddr>,
    next_port: u16,
    pub(crate) to_clients: Vec<(FiveTuple, Vec<u8>)>,
    pub(crate) to_peers: Vec<ToOutside>,
}

impl Driver {
    pub(crate) fn new(server: Server, ledger: Ledger) -> Self {
        Self {
            server,
            ledger,
            bound: BTreeMap::new(),
            reserved: BTreeMap::new(),
            next_port: PORT_MIN,
            to_clients: Vec::new(),
            to_peers: Vec::new(),
        }
    }

    /// A message from a client.
    pub(crate) fn client_sends(&mut self, five_tuple: FiveTuple, bytes: &[u8], now: Now) {
        let mut out = [0; OUT_LEN_MAX];
        let received = Received { five_tuple, realm: RealmId(0), bytes };
        match self.server.handle_client(received, now, &mut out) {
            FromClient::Dropped(_) => {}
            FromClient::Respond(len) => self.to_clients.push((five_tuple, out[..len].to_vec())),
            FromClient::ToPeer(to_peer) => self.route(&to_peer, bytes, now),
            FromClient::Allocate(request) => self.allocate(*request, now, &mut out),
            FromClient::Connect { connection, .. } => {
                // Every peer takes every connection.
                let reply = self.server.connected(connection, Ok(()), now.at, &mut out);
                self.to_clients.extend(reply.map(|reply| (reply.five_tuple, out[..reply.len].to_vec())));
            }
            FromClient::Spliced { response, .. } => {
                self.to_clients.push((five_tuple, out[..response].to_vec()));
            }
            FromClient::Elsewhere(shard) => panic!("{shard:?} is the only one"),
        }
        self.turn(now);
    }

    /// A datagram that came to a relayed transport address.
    pub(crate) fn peer_sends(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &[u8], now: Now) {
        let Some(relay) = self.bound.get(&relayed).copied().flatten() else { return };
        assert_eq!(self.server.relay_at(relayed), Some(relay));
        let mut prefix = Prefix::EMPTY;
        let routed = self.server.handle_peer(relay, peer, data.len(), now.at, &mut prefix);
        if let Ok(to_client) = routed {
            let padding = &[0; 3][..usize::from(to_client.padding)];
            let bytes = [prefix.as_slice(), data, padding].concat();
            self.to_clients.push((to_client.five_tuple, bytes));
        }
    }

    /// Time has passed.
    pub(crate) fn turn(&mut self, now: Now) {
        for _ in 0..1_000 {
            self.server.handle_timeout(now.at);
            while let Some(event) = self.server.poll_event() {
                self.act(event);
            }
            if self.server.poll_timeout().is_none_or(|deadline| deadline.at > now.at) {
                return;
            }
        }
        panic!("the clock of the server stands still");
    }

    /// Everything that is bound for an allocation.
    pub(crate) fn relayed(&self) -> BTreeSet<SocketAddr> {
        self.bound.iter().filter(|(_, relay)| relay.is_some()).map(|(address, _)| *address).collect()
    }

    /// How many addresses are bound, reserved ones included.
    pub(crate) fn bound(&self) -> usize {
        self.bound.len()
    }

    fn route(&mut self, to_peer: &ToPeer, message: &[u8], now: Now) {
        let data = &message[to_peer.range.clone()];
        assert_eq!(
            self.bound.get(&to_peer.source),
            Some(&Some(to_peer.relay)),
            "it leaves from what is bound"
        );
        let is_own = [RELAY_IPV4, RELAY_IPV6].contains(&to_peer.peer.ip());
        assert_eq!(to_peer.is_own, is_own);
        if is_own {
            self.peer_sends(to_peer.peer, to_peer.source, data, now);
        } else {
            self.to_peers.push(ToOutside { from: to_peer.source, to: to_peer.peer, data: data.to_vec() });
        }
    }

    fn allocate(&mut self, request: AllocateRequest, now: Now, out: &mut [u8]) {
        let five_tuple = *request.five_tuple();
        let admitted = self.ledger.admit(request.realm(), request.user(), five_tuple.client.ip());
        let mut addresses = PerFamily { ipv4: None, ipv6: None };
        let outcome = match admitted {
            Err(reached) => Err(AllocateError::Quota(reached)),
            Ok(lease) => {
                for wanted in request.wanted() {
                    *addresses.of_mut(wanted.family) = self.bind(wanted.family, wanted.port);
                }
                self.bound_or_not(addresses, lease)
            }
        };
        let allocated = self.server.allocate(request, outcome, now.at, out);
        for (family, address) in addresses.iter() {
            match allocated.allocation {
                Some(allocation) => {
                    self.bound.insert(*address, Some(RelayId { allocation, family }));
                }
                None => {
                    self.bound.remove(address);
                }
            }
        }
        if let Some(lease) = allocated.lease {
            self.ledger.release(lease);
        }
        if let Some(len) = allocated.response {
            self.to_clients.push((five_tuple, out[..len].to_vec()));
        }
    }

    fn bound_or_not(
        &mut self,
        addresses: PerFamily<Option<SocketAddr>>,
        lease: Lease,
    ) -> Result<Relayed, AllocateError> {
        if addresses.iter().next().is_some() {
            return Ok(Relayed { addresses, lease: Some(lease) });
        }
        self.ledger.release(lease);
        Err(AllocateError::NoCapacity)
    }

    fn bind(&mut self, family: AddressFamily, port: PortWanted) -> Option<SocketAddr> {
        let ip = match family {
            AddressFamily::Ipv4 => RELAY_IPV4,
            AddressFamily::Ipv6 => RELAY_IPV6,
        };
        if let PortWanted::Reserved(token) = port {
            return self.reserved.remove(&token);
        }
        if port != PortWanted::Any {
            self.next_port = self.next_port.next_multiple_of(2);
        }
        let address = self.bind_next(ip);
        if let PortWanted::EvenWithNext(token) = port {
            let next = self.bind_next(ip);
            assert_eq!(self.reserved.insert(token, next), None, "a token is given once");
        }
        Some(address)
    }

    fn bind_next(&mut self, ip: IpAddr) -> SocketAddr {
        let address = SocketAddr::new(ip, self.next_port);
        self.next_port += 1;
        assert_eq!(self.bound.insert(address, None), None, "a port is bound once");
        address
    }

    fn act(&mut self, event: Event) {
        match event {
            Event::Freed(freed) => {
                for (_, address) in freed.relayed.iter() {
                    self.close(*address);
                }
                let lease = freed.lease.expect("every allocation had a lease");
                self.ledger.release(lease);
            }
            Event::RelayFreed { address, .. } => self.close(address),
            Event::ReservationExpired(token) => {
                let address = self.reserved.remove(&token).expect("what expires was there");
                self.close(address);
            }
            Event::Allocated { .. }
            | Event::Moved { .. }
            | Event::PeerDenied { .. }
            | Event::ConnectOverdue(_)
            | Event::ConnectionClosed(_) => {}
        }
    }

    fn close(&mut self, address: SocketAddr) {
        assert!(self.bound.remove(&address).is_some(), "{address} is closed twice");
    }
}
