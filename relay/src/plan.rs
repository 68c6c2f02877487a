//! What a turn is going to send: decisions about bytes that stay where they were received.

use crate::binding;
use moim_turn::server::{self, Prefix, ToClient};
use moim_turn::{FiveTuple, RelayId, Transport};
use moim_udp::RecvBatch;
use std::net::SocketAddr;

/// Where bytes lie: in which slot, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    slot: u32,
    start: u32,
    len: u32,
}

/// The slot of what the servers write themselves.
const OUT: u32 = u32::MAX;

/// Bytes that were received, in slots.
pub(crate) trait Slots {
    /// The bytes of a slot.
    fn slot(&self, slot: usize) -> &[u8];
}

impl Slots for RecvBatch {
    fn slot(&self, slot: usize) -> &[u8] {
        self.train(slot).bytes
    }
}

/// One slot: what was read from a stream, or handed over by another shard.
impl Slots for [u8] {
    fn slot(&self, _: usize) -> &[u8] {
        self
    }
}

/// The way of packets to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerWay {
    pub(crate) relay: RelayId,
    pub(crate) peer: SocketAddr,
    pub(crate) traffic_class: u8,
    pub(crate) dont_fragment: bool,
}

/// Packets that go one way to a peer, one after the other in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerRun {
    pub(crate) way: PeerWay,
    first: usize,
    count: usize,
}

/// A packet for a client: what is put before the data, the data, and what is put behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientPacket {
    pub(crate) prefix: Prefix,
    pub(crate) place: Place,
    pub(crate) padding: u8,
}

/// Packets for one client, one after the other in the plan.
#[derive(Clone, Debug)]
pub(crate) struct ClientRun {
    pub(crate) five_tuple: FiveTuple,
    pub(crate) traffic_class: u8,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// What a turn is going to send. It is used again and again, and grows to the size of the largest turn.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    to_peers: Vec<Place>,
    pub(crate) peer_runs: Vec<PeerRun>,
    pub(crate) to_clients: Vec<ClientPacket>,
    pub(crate) client_runs: Vec<ClientRun>,
    out: Vec<u8>,
    out_len: usize,
}

impl Place {
    /// `len` bytes from `start` on in `slot`.
    ///
    /// # Panics
    /// If a number is beyond 32 bits: slots are few, and as long as a bundle at most.
    pub(crate) fn new(slot: usize, start: usize, len: usize) -> Self {
        let narrow = |number: usize| u32::try_from(number).expect("slots are few, and short");
        Self { slot: narrow(slot), start: narrow(start), len: narrow(len) }
    }

    /// A part of it, counted from its beginning.
    pub(crate) fn part(self, range: std::ops::Range<usize>) -> Self {
        debug_assert!(range.end <= self.len(), "a part is within");
        Self::new(self.slot as usize, self.start as usize + range.start, range.len())
    }

    /// How many bytes.
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

impl ClientPacket {
    /// Whether the server itself has written it, rather than relayed it.
    pub(crate) fn is_response(&self) -> bool {
        self.place.slot == OUT && self.prefix.as_slice().is_empty()
    }
}

/// What the longest response takes, of whichever server, in bytes.
const OUT_LEN_MAX: usize = {
    let lengths = [server::OUT_LEN_MAX, binding::RESPONSE_LEN_MAX];
    if lengths[0] > lengths[1] { lengths[0] } else { lengths[1] }
};

impl Plan {
    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.to_peers.is_empty() && self.to_clients.is_empty()
    }

    /// Forgets what was sent.
    pub(crate) fn clear(&mut self) {
        self.to_peers.clear();
        self.peer_runs.clear();
        self.to_clients.clear();
        self.client_runs.clear();
        self.out_len = 0;
    }

    /// Room for a response.
    pub(crate) fn out(&mut self) -> &mut [u8] {
        let end = self.out_len + OUT_LEN_MAX;
        if self.out.len() < end {
            self.out.resize(end, 0);
        }
        &mut self.out[self.out_len..end]
    }

    /// Keeps bytes that do not stay where they are.
    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Place {
        let end = self.out_len + bytes.len();
        if self.out.len() < end {
            self.out.resize(end, 0);
        }
        self.out[self.out_len..end].copy_from_slice(bytes);
        let place = Place::new(OUT as usize, self.out_len, bytes.len());
        self.out_len = end;
        place
    }

    /// The first `len` bytes of [`out`](Self::out) go to a client.
    pub(crate) fn respond(&mut self, five_tuple: FiveTuple, len: usize) {
        let place = Place::new(OUT as usize, self.out_len, len);
        self.out_len += len;
        self.send_to_client(ToClient { five_tuple, padding: 0 }, Prefix::EMPTY, place, 0);
    }

    /// Data goes to a peer.
    pub(crate) fn send_to_peer(&mut self, way: PeerWay, place: Place) {
        let first = self.to_peers.len();
        self.to_peers.push(place);
        match self.peer_runs.last_mut() {
            Some(run) if run.way == way => run.count += 1,
            _ => self.peer_runs.push(PeerRun { way, first, count: 1 }),
        }
    }

    /// Where the packets of a run lie.
    pub(crate) fn places(&self, run: &PeerRun) -> &[Place] {
        &self.to_peers[run.first..][..run.count]
    }

    /// Data goes to a client.
    pub(crate) fn send_to_client(&mut self, to: ToClient, prefix: Prefix, place: Place, traffic_class: u8) {
        let first = self.to_clients.len();
        self.to_clients.push(ClientPacket { prefix, place, padding: to.padding });
        match self.client_runs.last_mut() {
            Some(run) if run.five_tuple == to.five_tuple && run.traffic_class == traffic_class => {
                run.count += 1;
            }
            _ => {
                self.client_runs.push(ClientRun {
                    five_tuple: to.five_tuple,
                    traffic_class,
                    first,
                    count: 1,
                });
            }
        }
    }

    /// Puts neighbours together that go the same way, so that they leave as runs. Each way keeps its order.
    pub(crate) fn sort(&mut self) {
        // Most turns are in order. Positions are those of arrival, so that sorting in place is stable.
        if !self.peer_runs.is_sorted_by_key(|run| run.way.relay) {
            self.peer_runs.sort_unstable_by_key(|run| (run.way.relay, run.way.peer, run.first));
        }
        if !self.client_runs.is_sorted_by_key(ClientRun::way) {
            self.client_runs.sort_unstable_by_key(|run| (run.way(), run.first));
        }
    }

    /// What lies at a place.
    pub(crate) fn bytes<'a>(&'a self, place: Place, slots: &'a (impl Slots + ?Sized)) -> &'a [u8] {
        let slot = if place.slot == OUT { &self.out } else { slots.slot(place.slot as usize) };
        &slot[place.start as usize..][..place.len()]
    }
}

impl ClientRun {
    /// Which socket it leaves by, and where it goes.
    fn way(&self) -> (Transport, SocketAddr, SocketAddr) {
        (self.five_tuple.transport, self.five_tuple.server, self.five_tuple.client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::{AddressFamily, AllocationId};

    #[test]
    fn what_goes_the_same_way_comes_together_and_keeps_its_order() {
        let mut plan = Plan::default();
        for (start, number) in [2, 1, 2, 2, 1, 3].into_iter().enumerate() {
            plan.send_to_peer(peer_way(number), Place::new(0, start, 1));
            let to = ToClient { five_tuple: five_tuple(number), padding: 0 };
            plan.send_to_client(to, Prefix::EMPTY, Place::new(0, start, 1), 0);
        }

        plan.sort();

        let received: &[u8] = b"012345";
        let to_peers: Vec<_> = plan
            .peer_runs
            .iter()
            .flat_map(|run| {
                plan.places(run).iter().map(|place| (run.way.peer.port(), plan.bytes(*place, received)))
            })
            .collect();
        let expected: [(u16, &[u8]); 6] = [(1, b"1"), (1, b"4"), (2, b"0"), (2, b"2"), (2, b"3"), (3, b"5")];
        assert_eq!(to_peers, expected);
        let to_clients: Vec<_> = plan
            .client_runs
            .iter()
            .flat_map(|run| {
                let packets = &plan.to_clients[run.first..][..run.count];
                packets
                    .iter()
                    .map(|packet| (run.five_tuple.client.port(), plan.bytes(packet.place, received)))
            })
            .collect();
        assert_eq!(to_clients, expected);
        plan.clear();
        assert!(plan.is_empty());
    }

    #[test]
    fn responses_lie_in_the_plan_itself() {
        let mut plan = Plan::default();
        plan.out()[..3].copy_from_slice(b"one");
        plan.respond(five_tuple(1), 3);
        plan.out()[..3].copy_from_slice(b"two");
        plan.respond(five_tuple(1), 3);

        let received: &[u8] = b"";
        let bytes: Vec<_> = plan.to_clients.iter().map(|packet| plan.bytes(packet.place, received)).collect();
        assert_eq!(bytes, [b"one", b"two"]);
        assert!(plan.to_clients.iter().all(ClientPacket::is_response));
        assert_eq!(plan.client_runs.len(), 1);
    }

    fn peer_way(number: u16) -> PeerWay {
        let allocation = AllocationId::from_bits(number.into());
        PeerWay {
            relay: RelayId { allocation, family: AddressFamily::Ipv4 },
            peer: SocketAddr::from(([192, 0, 2, 1], number)),
            traffic_class: 0,
            dont_fragment: false,
        }
    }

    fn five_tuple(number: u16) -> FiveTuple {
        let client = SocketAddr::from(([192, 0, 2, 9], number));
        FiveTuple::new(Transport::Udp, client, "192.0.2.2:3478".parse().unwrap())
    }
}
