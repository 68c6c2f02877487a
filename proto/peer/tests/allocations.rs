//! The way of media packets allocates nothing, with one stream and with many.

#![expect(unsafe_code, reason = "an allocator that counts is one")]

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[expect(dead_code, reason = "other tests need more of it")]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the events it is about")]
#[path = "pair/world.rs"]
mod world;

use moim_peer::ice::Protocol;
use moim_peer::sdp::jsep::{Transceiver, TransceiverId, TransceiverInit};
use moim_peer::{Handled, OutgoingRtp, PayloadKey, Payloads, Received, SharedPayload, TRANSMIT_LEN_MAX};
use moim_wire::{Bitrate, ExtSeqNo, MediaKind, PayloadType, RtpTimestamp};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use world::{World, config};

thread_local! {
    /// What this thread has allocated so far: the test's own, without what its harness does meanwhile.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: everything is done by the system's allocator, whose contract is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // While a thread ends there is nothing left to count with.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The same for all.
struct OnePayload;

impl Payloads for OnePayload {
    fn write(&self, _payload: &SharedPayload, out: &mut [u8]) -> bool {
        out.fill(7);
        true
    }
}

/// Packets that go one way and reports that come back, in one buffer.
struct Exchange {
    world: World,
    streams: Vec<(TransceiverId, PayloadType)>,
    buffer: Box<[u8; TRANSMIT_LEN_MAX]>,
    received: usize,
    is_shared: bool,
}

impl Exchange {
    fn new(streams: usize, estimates: bool, is_shared: bool) -> Self {
        let [mut one, mut other] = [config(), config()];
        for config in [&mut one, &mut other] {
            config.congestion = estimates.then(|| moim_peer::cc::Config {
                start: Bitrate::from_kbps(100_000),
                min: Bitrate::from_kbps(100_000),
                max: Bitrate::from_kbps(200_000),
                ..moim_peer::cc::Config::default()
            });
        }
        let mut world = World::with(one, other);
        for _ in 0..streams {
            let init = TransceiverInit::default();
            world.ends[0].connection.add_transceiver(MediaKind::Video, init, world.now).expect("room");
        }
        world.negotiate(0);
        world.run_until_connected();
        let ids: Vec<_> = world.ends[0].connection.transceivers().iter().map(Transceiver::id).collect();
        let streams = ids.into_iter().map(|id| (id, world.payload_type(0, id))).collect();
        Self { world, streams, buffer: Box::new([0; TRANSMIT_LEN_MAX]), received: 0, is_shared }
    }

    /// A millisecond: each stream sends a packet.
    fn step(&mut self) {
        self.world.now += Duration::from_millis(1);
        let now = self.world.now;
        for (id, payload_type) in &self.streams {
            let packet = if self.is_shared {
                let key = PayloadKey { stream: 0, seq: ExtSeqNo(0) };
                let payload = SharedPayload { key, len: 1_000, rewrite: 0 };
                OutgoingRtp::shared(*payload_type, true, RtpTimestamp(0), payload)
            } else {
                OutgoingRtp::new(*payload_type, true, RtpTimestamp(0), &[7; 1_000])
            };
            self.world.ends[0].connection.send_rtp(*id, 0, &packet, now).expect("room");
        }
        for from in [0, 1] {
            let [one, other] = &mut self.world.ends;
            let (from, to) = if from == 0 { (one, other) } else { (other, one) };
            if from.connection.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                from.connection.handle_timeout(now);
            }
            while let Some(transmit) =
                from.connection.poll_transmit_from(&OnePayload, &mut self.buffer[..], now)
            {
                let received = Received {
                    local: to.address,
                    remote: from.address,
                    protocol: Protocol::Udp,
                    bytes: &mut self.buffer[..transmit.len],
                };
                let handled = to.connection.handle_input(received, now);
                self.received += usize::from(matches!(handled, Handled::Rtp(_)));
            }
            while from.connection.poll_event().is_some() {}
        }
    }
}

#[test]
fn packets_allocate_nothing() {
    for (estimates, is_shared) in [(false, false), (true, false), (false, true), (true, true)] {
        for streams in [1, 10] {
            let mut exchange = Exchange::new(streams, estimates, is_shared);
            for _ in 0..4_000 {
                exchange.step();
            }
            let (before, received) = (ALLOCATIONS.get(), exchange.received);
            // Checks of ICE allocate, once in some seconds; here is none.
            for _ in 0..500 {
                exchange.step();
            }
            let allocations = ALLOCATIONS.get() - before;

            assert_eq!(exchange.received - received, 500 * streams);
            assert!(
                allocations <= 20,
                "{allocations} allocations, {streams} streams, estimating: {estimates}, shared: {is_shared}"
            );
        }
    }
}
