//! Sends what was planned.

use super::Router;
use crate::clients::Clients;
use crate::counters::RelayDrop;
use crate::handover::{Exchange, Handover};
use crate::plan::{ClientRun, PeerRun, Plan, Slots};
use moim_turn::Transport;
use moim_udp::{Destination, SendBuffers, SendQueue, Socket};
use std::time::Instant;

/// What is put behind data to bring it to the length it must have.
const PADDING: [u8; 3] = [0; 3];

impl Router {
    /// Sends what was planned about packets that lie in `slots`, in runs of those that go the same way.
    pub(crate) fn deliver(&mut self, slots: &(impl Slots + ?Sized), now: Instant) {
        self.handle_events(now);
        if !self.plan.is_empty() {
            self.plan.sort();
            self.deliver_to_peers(slots);
            self.deliver_to_clients(slots, now);
        }
        self.plan.clear();
        self.send_dtls(now);
    }

    fn deliver_to_peers(&mut self, slots: &(impl Slots + ?Sized)) {
        let Self { plan, ends, buffers, .. } = self;
        for runs in plan.peer_runs.chunk_by(|one, next| one.way.relay == next.way.relay) {
            // The allocation may have ended within the turn.
            let Some(socket) = ends.socket(runs[0].way.relay) else { continue };
            for runs in runs.chunk_by(|one, next| one.way.dont_fragment == next.way.dont_fragment) {
                if runs[0].way.dont_fragment {
                    deliver_whole(socket, plan, runs, slots, buffers);
                } else {
                    deliver_from(socket, plan, runs, slots, buffers);
                }
            }
        }
    }

    fn deliver_to_clients(&mut self, slots: &(impl Slots + ?Sized), now: Instant) {
        let Self { plan, listeners, buffers, counters, clients, exchange, .. } = self;
        let is_same_way = |one: &ClientRun, next: &ClientRun| {
            one.five_tuple.transport == next.five_tuple.transport
                && one.five_tuple.server == next.five_tuple.server
        };
        for runs in plan.client_runs.chunk_by(is_same_way) {
            let five_tuple = &runs[0].five_tuple;
            let socket = match five_tuple.transport {
                Transport::Udp => listeners.of(five_tuple.server),
                Transport::Tcp | Transport::Tls | Transport::Dtls => {
                    let missed = runs
                        .iter()
                        .map(|run| clients.queue_run((plan, run), slots, exchange, now))
                        .sum::<usize>();
                    counters.dropped[RelayDrop::NoClient as usize] += missed as u64;
                    continue;
                }
            };
            let Some((socket, source)) = socket else {
                for run in runs {
                    counters.dropped[RelayDrop::NoClient as usize] += run.count as u64;
                }
                continue;
            };
            let mut queue = buffers.queue();
            for run in runs {
                let address = run.five_tuple.client;
                push_run(
                    &mut queue,
                    Destination { address, source, traffic_class: run.traffic_class },
                    plan,
                    run,
                    slots,
                );
            }
            queue.flush(socket);
        }
    }
}

impl Clients {
    /// Queues or encrypts a run for a client that does not send plain UDP; how many packets found no client.
    fn queue_run(
        &mut self,
        (plan, run): (&Plan, &ClientRun),
        slots: &(impl Slots + ?Sized),
        exchange: &mut Exchange,
        now: Instant,
    ) -> usize {
        let five_tuple = run.five_tuple;
        let is_stream = run.five_tuple.transport.is_stream();
        let stream = self.streams.find(&run.five_tuple).filter(|_| is_stream);
        let mut missed = 0;
        for packet in &plan.to_clients[run.first..][..run.count] {
            let data = plan.bytes(packet.place, slots);
            let parts = [packet.prefix.as_slice(), data, &PADDING[..usize::from(packet.padding)]];
            match stream {
                Some(key) if packet.is_response() => self.streams.queue(key, data),
                Some(key) => self.streams.queue_relayed(key, &parts),
                None if is_stream => missed += 1,
                None => match self.home(&five_tuple).filter(|_| !self.has_session(&five_tuple)) {
                    None => self.encrypt(&five_tuple, &parts, now),
                    Some(home) => {
                        let handover = Handover::ToClient { five_tuple };
                        exchange.hand_over(home, handover, &parts.concat(), run.traffic_class);
                    }
                },
            }
        }
        missed
    }
}

/// Header, data, padding: three parts of a packet that never lie together.
fn push_run<'a>(
    queue: &mut SendQueue<'_, 'a>,
    to: Destination,
    plan: &'a Plan,
    run: &ClientRun,
    slots: &'a (impl Slots + ?Sized),
) {
    for packet in &plan.to_clients[run.first..][..run.count] {
        let data = plan.bytes(packet.place, slots);
        queue.push(to, &[packet.prefix.as_slice(), data, &PADDING[..usize::from(packet.padding)]]);
    }
}

fn deliver_from(
    socket: &Socket,
    plan: &Plan,
    runs: &[PeerRun],
    slots: &(impl Slots + ?Sized),
    buffers: &mut SendBuffers,
) {
    let mut queue = buffers.queue();
    for run in runs {
        let to = Destination { traffic_class: run.way.traffic_class, ..Destination::new(run.way.peer) };
        for place in plan.places(run) {
            queue.push(to, &[plan.bytes(*place, slots)]);
        }
    }
    queue.flush(socket);
}

/// RFC 8656 §14: with DONT-FRAGMENT, the packet must arrive in one piece or not at all. It is an option of the socket, not of
/// a packet; clients that discover the path's MTU by it are rare.
fn deliver_whole(
    socket: &Socket,
    plan: &Plan,
    runs: &[PeerRun],
    slots: &(impl Slots + ?Sized),
    buffers: &mut SendBuffers,
) {
    if let Err(error) = socket.set_dont_fragment(true) {
        tracing::debug!(%error, "packets cannot be kept from being fragmented");
        return;
    }
    deliver_from(socket, plan, runs, slots, buffers);
    if let Err(error) = socket.set_dont_fragment(false) {
        tracing::debug!(%error, "packets are kept from being fragmented for good");
    }
}
