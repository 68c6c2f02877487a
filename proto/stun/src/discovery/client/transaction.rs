use super::{SocketId, Timing, Transmit};
use crate::TransactionId;
use aws_lc_rs::hmac;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

/// A request that waits for its response.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    /// Where it is sent from.
    pub(super) socket: SocketId,
    /// Where the response comes to, if elsewhere.
    pub(super) response_socket: Option<SocketId>,
    pub(super) to: SocketAddr,
    /// When it is to be sent again, or given up.
    pub(super) due: Instant,
    bytes: Vec<u8>,
    sent: u32,
}

impl Transaction {
    pub(super) fn new(
        id: TransactionId,
        socket: SocketId,
        to: SocketAddr,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Self {
        Self { id, socket, response_socket: None, to, due: now, bytes, sent: 0 }
    }

    /// Whether its response is looked for on `socket`.
    pub(super) fn wants_response_on(&self, socket: SocketId) -> bool {
        self.response_socket.unwrap_or(self.socket) == socket
    }

    /// The next transmission of the request. [`None`]: it has been sent often enough.
    pub(super) fn repeat(&mut self, timing: Timing, now: Instant) -> Option<Transmit> {
        if self.sent >= timing.requests_max {
            return None;
        }
        self.due = now + timing.rto * 2_u32.saturating_pow(self.sent);
        self.sent += 1;
        Some(Transmit { socket: self.socket, to: self.to, bytes: self.bytes.clone() })
    }
}

/// Transaction ids that cannot be guessed by those who do not know the seed.
pub(super) struct TransactionIds {
    key: hmac::Key,
    count: u64,
}

impl TransactionIds {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), count: 0 }
    }

    pub(super) fn next(&mut self) -> TransactionId {
        self.count += 1;
        let tag = hmac::sign(&self.key, &self.count.to_be_bytes());
        let id = tag.as_ref().first_chunk().expect("the tag has 32 bytes");
        TransactionId(*id)
    }
}

impl fmt::Debug for TransactionIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionIds({} used)", self.count)
    }
}
