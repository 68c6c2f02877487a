use super::purpose::Purpose;
use super::session::Sealing;
use crate::Transport;
use moim_stun::TransactionId;
use std::time::{Duration, Instant};

/// How long an answer takes at first guess, unless configured otherwise (RFC 8489 §6.2.1).
pub const RTO_DEFAULT: Duration = Duration::from_millis(500);
/// How often a request is sent over UDP before it is given up: Rc of RFC 8489 §6.2.1.
pub const REQUESTS_MAX: u32 = 7;
/// How long the last one is waited for, in times of the first: Rm of RFC 8489 §6.2.1.
const LAST_WAIT_RTOS: u32 = 16;
/// How long an answer is waited for on a stream: Ti of RFC 8489 §6.2.2.
const STREAM_TIMEOUT: Duration = Duration::from_millis(39_500);

/// How often, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    rto: Duration,
    is_reliable: bool,
}

impl Timing {
    pub(super) fn new(transport: Transport, rto: Duration) -> Self {
        Self { rto, is_reliable: transport.is_stream() }
    }

    /// How long to wait after a request was sent for the `sent`th time.
    fn wait(self, sent: u32) -> Duration {
        if self.is_reliable {
            STREAM_TIMEOUT
        } else if sent >= REQUESTS_MAX {
            self.rto * LAST_WAIT_RTOS
        } else {
            self.rto * (1 << (sent - 1))
        }
    }

    fn requests_max(self) -> u32 {
        if self.is_reliable { 1 } else { REQUESTS_MAX }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) purpose: Purpose,
    message: Vec<u8>,
    timing: Timing,
    /// How the request was sealed. [`None`]: it was not.
    pub(super) sealing: Option<Sealing>,
    /// How often it has been challenged before.
    pub(super) challenges: u8,
    sent: u32,
    to_transmit: bool,
    /// When it is sent again, or given up.
    pub(super) due: Instant,
}

impl Transaction {
    pub(super) fn new(
        id: TransactionId,
        purpose: Purpose,
        message: Vec<u8>,
        timing: Timing,
        now: Instant,
    ) -> Self {
        let due = now + timing.wait(1);
        let (sealing, challenges) = (None, 0);
        Self { id, purpose, message, timing, sealing, challenges, sent: 1, to_transmit: true, due }
    }

    /// With how the request was sealed, and how often it was challenged before.
    pub(super) fn sealed(self, sealing: Option<Sealing>, challenges: u8) -> Self {
        Self { sealing, challenges, ..self }
    }

    pub(super) fn wants_transmit(&self) -> bool {
        self.to_transmit
    }

    pub(super) fn take_transmit(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.to_transmit).then(|| self.message.clone())
    }

    /// Sends again if that is due. `false`: it has been sent often enough.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.due > now {
            return true;
        }
        if self.sent >= self.timing.requests_max() {
            return false;
        }
        self.sent += 1;
        self.to_transmit = true;
        self.due = now + self.timing.wait(self.sent);
        true
    }
}
