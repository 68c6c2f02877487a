//! What happened to the process, counted. What happened in rooms is counted by [`moim_signal::Counters`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One total, growing from the start of the process.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The total so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.total().fmt(f)
    }
}

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// TCP connections taken.
    pub connections: Counter,
    /// TCP connections closed because there were as many as the server takes.
    pub connections_over_limit: Counter,
    /// TCP connections closed because one address had too many without a session.
    pub strangers_over_limit: Counter,
    /// TCP connections that said nothing in time, or closed before they said what they are.
    pub connections_silent: Counter,
    /// Connections over TCP that speak STUN or TURN, handed over to the relay.
    pub stun_over_tcp: Counter,
    /// Connections over TLS that speak STUN or TURN, handed over to the relay.
    pub stun_over_tls: Counter,
    /// Connections closed because the proxy before the listener did not say whose they are, or because they came from
    /// elsewhere.
    pub proxies_refused: Counter,
    /// TCP connections that speak STUN or TURN, closed because the relay is too busy to take them.
    pub streams_refused: Counter,
    /// TCP connections that began with nothing that is spoken here.
    pub connections_unknown: Counter,
    /// TLS handshakes that failed.
    pub tls_failed: Counter,
    /// Requests over plain HTTP, sent on to HTTPS or refused.
    pub plain_http: Counter,
    /// Links and requests refused because of their origin.
    pub origins_refused: Counter,
    /// Tasks that panicked. Each is a defect.
    pub panics: Counter,
}
