//! What all connections of a worker use, one after the other.

use super::{Counted, Progress, Shared};
use moim_peer::{PeerConnection, TRANSMIT_LEN_MAX};
use moim_udp::{Destination, SendBuffers, Socket};
use moim_wire::NtpTime;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

/// Bytes of packets that leave together.
const OUTGOING_MAX: usize = 64 * 1_024;

/// What all connections of a worker use.
pub(super) struct Tools {
    pub(super) shared: Shared,
    pub(super) now: Instant,
    /// What was counted since that was begun, and in this turn.
    pub(super) counted: Counted,
    pub(super) turn: Turn,
    buffers: SendBuffers,
    /// Packets that leave together, one after the other, and where each is.
    outgoing: Vec<u8>,
    ranges: Vec<(Range<usize>, SocketAddr)>,
    wall: NtpTime,
    wall_at: Instant,
}

/// What was counted in a turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) bytes: u64,
}

impl Tools {
    pub(super) fn new(shared: Shared) -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = Instant::now();
        Self {
            shared,
            now,
            counted: Counted::default(),
            turn: Turn::default(),
            buffers: SendBuffers::new(),
            outgoing: vec![0; OUTGOING_MAX + TRANSMIT_LEN_MAX],
            ranges: Vec::new(),
            wall: NtpTime::from_unix(wall),
            wall_at: now,
        }
    }

    /// The wall clock at this moment.
    pub(super) fn wall(&self) -> NtpTime {
        let since = self.now.saturating_duration_since(self.wall_at);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime(self.wall.0.wrapping_add((since.as_secs() << 32) | fraction))
    }

    /// Sends what a connection has to send: packets of one length that follow each other leave as one.
    pub(super) fn transmit(&mut self, peer: &mut PeerConnection, socket: &Socket) {
        loop {
            self.ranges.clear();
            let mut end = 0;
            while end < OUTGOING_MAX {
                let place = &mut self.outgoing[end..end + TRANSMIT_LEN_MAX];
                let Some(transmit) = peer.poll_transmit(place, self.now) else { break };
                self.ranges.push((end..end + transmit.len, transmit.remote));
                end += transmit.len;
            }
            if self.ranges.is_empty() {
                return;
            }
            let before = self.buffers.counters().packets;
            let mut queue = self.buffers.queue();
            for (range, remote) in &self.ranges {
                queue.push(Destination::new(*remote), &[&self.outgoing[range.clone()]]);
            }
            queue.flush(socket);
            let sent = self.buffers.counters().packets - before;
            self.counted.not_sent += (self.ranges.len() as u64).saturating_sub(sent);
        }
    }

    /// Adds what was counted in this turn to what can be seen.
    pub(super) fn show_progress(&mut self) {
        let Progress { received, sent, bytes } = &*self.shared.progress;
        let turn = std::mem::take(&mut self.turn);
        received.fetch_add(turn.received, Ordering::Relaxed);
        sent.fetch_add(turn.sent, Ordering::Relaxed);
        bytes.fetch_add(turn.bytes, Ordering::Relaxed);
    }
}
