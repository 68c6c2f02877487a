//! The tenant's part of a turn.

use super::{Arrived, FromWhom, Router};
use crate::LISTENERS_MAX;
use crate::counters::RelayDrop;
use crate::handover::{Bundle, HandedTrain, Handover};
use crate::plan::Place;
use crate::tenant::{Datagrams, Hosting, Owner, Way};
use moim_turn::{FiveTuple, Now, ShardId, Transport};
use moim_udp::{Destination, TrainMut};
use std::net::SocketAddr;
use std::time::Instant;

/// What a tenant's part of a turn has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Whether there was anything to send.
    pub(crate) is_any: bool,
    /// Whether there was more than a turn takes.
    pub(crate) is_exhausted: bool,
}

impl Router {
    /// Asks the tenant about its share of a train, and plans what the rest asks for.
    pub(super) fn plan_shared(&mut self, from: FromWhom, slot: usize, train: TrainMut<'_>, now: Now) {
        let TrainMut { bytes, segment_len, traffic_class, .. } = train;
        let mut start = 0;
        loop {
            let (owner, len) = Owner::of_first(&bytes[start..], segment_len, self.shards);
            let run = &mut bytes[start..start + len];
            let is_taken = self.hosting.as_mut().is_some_and(|hosting| {
                let five_tuple = from.five_tuple;
                hosting.offer(owner, Datagrams { five_tuple, bytes: run, segment_len, traffic_class }, now.at)
            });
            if !is_taken {
                let bytes = &bytes[start..start + len];
                let place = Place::new(slot, start, len);
                self.plan_packets(from, Arrived { bytes, place, segment_len, traffic_class }, now);
            }
            start += len;
            if start >= bytes.len() {
                return;
            }
        }
    }

    /// A client of TURN sends to an address that is listened on, by a relayed address that is this process's, too. Whether it is for a
    /// tenant.
    pub(super) fn pass_to_tenant(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        packet: &[u8],
        traffic_class: u8,
        now: Instant,
    ) -> bool {
        let Some(hosting) = &mut self.hosting else { return false };
        let server = self.ends.as_bound(to);
        if self.listeners.find(server).is_none() {
            return false;
        }
        let five_tuple = FiveTuple::new(Transport::Udp, from, server);
        hosting.offer_relayed(five_tuple, packet, traffic_class, now)
    }

    /// Gives the tenant what is its of a bundle. Whether it was.
    pub(super) fn take_for_tenant(
        &mut self,
        maker: ShardId,
        train: &HandedTrain,
        bytes: &mut [u8],
        now: Instant,
    ) -> bool {
        let Some(hosting) = &mut self.hosting else { return false };
        let HandedTrain { handover, segment_len, traffic_class, .. } = *train;
        match handover {
            Handover::ForTenant { five_tuple, asked, is_relayed } => {
                let datagrams = Datagrams { five_tuple, bytes, segment_len, traffic_class };
                hosting.take_passed_on(maker, (asked, is_relayed), datagrams, now);
            }
            Handover::Detour { five_tuple, is_wanted } => {
                hosting.set_detour(five_tuple, maker, is_wanted, now);
            }
            Handover::Parcel { header } => hosting.take_parcels((maker, header), bytes, segment_len, now),
            Handover::Relayed { .. }
            | Handover::FromClient { .. }
            | Handover::ToClient { .. }
            | Handover::ClientGone { .. } => return false,
        }
        true
    }

    /// Lets the tenant do what is due.
    pub(super) fn expire_tenant(&mut self, now: Instant) {
        if let Some(hosting) = &mut self.hosting {
            hosting.handle_timeout(now);
        }
    }

    /// Takes what other shards have sent to the tenant, or about it.
    pub(crate) fn receive_for_tenant(&self) -> Option<Bundle> {
        self.hosting.as_ref()?.receive()
    }

    /// Gives a bundle back that was sent to the tenant.
    pub(crate) fn give_back_for_tenant(&mut self, bundle: Bundle) {
        if let Some(hosting) = &mut self.hosting {
            hosting.exchange.give_back(bundle);
        }
    }

    /// Gives the tenant what other threads have for it. Whether there was anything.
    pub(crate) fn take_tenant_messages(&mut self, count_max: usize, now: Instant) -> bool {
        self.hosting.as_mut().is_some_and(|hosting| hosting.take_messages(count_max, now) > 0)
    }

    /// Sends what the tenant has for addresses and for other shards.
    #[inline]
    pub(crate) fn send_for_tenant(&mut self, now: Instant) -> Sent {
        if self.hosting.is_some() { self.send_what_it_has(now) } else { Sent::default() }
    }

    fn send_what_it_has(&mut self, now: Instant) -> Sent {
        let Some(hosting) = &mut self.hosting else { return Sent::default() };
        // Before the answers: whoever has got one may send at once, and what comes has to find its way.
        hosting.exchange.send();
        let is_any = !hosting.packets.is_empty();
        if is_any {
            self.deliver_for_tenant(now);
        }
        let is_exhausted = self.hosting.as_mut().is_some_and(|hosting| hosting.packets.clear());
        Sent { is_any, is_exhausted }
    }

    fn deliver_for_tenant(&mut self, now: Instant) {
        let Self { hosting, listeners, ends, buffers, counters, .. } = self;
        let Some(Hosting { packets, relayed, exchange, routes, .. }) = hosting.as_deref_mut() else { return };
        // One bit for each listener.
        const { assert!(LISTENERS_MAX <= u64::BITS as usize, "there is a bit for each") };
        let mut used = 0_u64;
        routes.clear();
        for run in packets.runs() {
            let FiveTuple { client, server, .. } = run.way.five_tuple;
            let is_relayed = ends.is_advertised(client.ip());
            let relayed_by = is_relayed.then(|| relayed.shard_of(&run.way.five_tuple, now)).flatten();
            let route = if relayed_by.is_some() { None } else { listeners.find(server) };
            match (relayed_by, route) {
                (Some(shard), _) => {
                    let handover = Handover::Relayed { from: ends.as_advertised(server), to: client };
                    let (bytes, class) = (packets.bytes(run), run.way.traffic_class);
                    exchange.hand_over_train(shard, handover, (bytes, run.segment_len), class);
                }
                (None, Some((place, _))) => used |= 1 << place,
                (None, None) => counters.dropped[RelayDrop::NoClient as usize] += run.packets() as u64,
            }
            routes.push(route);
        }
        exchange.send();
        for (place, listener) in listeners.iter().filter(|(place, _)| (used >> place) & 1 == 1) {
            let mut queue = buffers.queue();
            for (run, route) in packets.runs().iter().zip(routes.iter()) {
                if let Some((_, source)) = route.filter(|(at, _)| *at == place) {
                    let Way { five_tuple, traffic_class } = run.way;
                    let to = Destination { address: five_tuple.client, source, traffic_class };
                    queue.push_run(to, packets.bytes(run), run.segment_len);
                }
            }
            queue.flush(&listener.socket);
        }
    }
}
