use crate::SendDrop;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often what happened on a socket, since it was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Transmits handed to the network; a train counts once.
    pub sent: u64,
    /// Errors that a `recv` met and passed over: they were about a datagram sent earlier.
    pub recv_errors: u64,
    send_drops: [u64; SendDrop::ALL.len()],
}

impl Counters {
    /// Transmits that were not sent for this reason.
    pub fn send_drops(&self, reason: SendDrop) -> u64 {
        self.send_drops[reason as usize]
    }
}

/// The counters as they are kept. Each is a number of its own: reading them while they change tears nothing.
#[derive(Debug, Default)]
pub(crate) struct LiveCounters {
    sent: AtomicU64,
    recv_errors: AtomicU64,
    send_drops: [AtomicU64; SendDrop::ALL.len()],
}

impl LiveCounters {
    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_recv_error(&self) {
        self.recv_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_send_drop(&self, reason: SendDrop) {
        self.send_drops[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            sent: self.sent.load(Ordering::Relaxed),
            recv_errors: self.recv_errors.load(Ordering::Relaxed),
            send_drops: self.send_drops.each_ref().map(|counter| counter.load(Ordering::Relaxed)),
        }
    }
}
