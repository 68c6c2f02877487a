use super::renewal;
use crate::PerFamily;
use moim_wire::Deadline;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a client keeps about its allocation.
pub(super) struct Allocation {
    pub(super) relayed: PerFamily<Option<SocketAddr>>,
    pub(super) expires: Instant,
    /// When it is to be refreshed. [`None`]: that is under way.
    refresh_at: Option<Instant>,
    /// What the allocation follows with (RFC 8016).
    pub(super) ticket: Option<Vec<u8>>,
    /// Whether the server does not know yet where its client is.
    pub(super) is_moving: bool,
}

impl fmt::Debug for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allocation").field("relayed", &self.relayed).finish_non_exhaustive()
    }
}

impl Allocation {
    pub(super) fn new(
        relayed: PerFamily<Option<SocketAddr>>,
        ticket: Option<Vec<u8>>,
        lifetime: Duration,
        now: Instant,
    ) -> Self {
        let refresh_at = Some(now + renewal(lifetime));
        Self { relayed, expires: now + lifetime, refresh_at, ticket, is_moving: false }
    }

    /// It lives on.
    pub(super) fn refreshed(&mut self, lifetime: Duration, now: Instant) {
        self.expires = now + lifetime;
        self.refresh_at = Some(now + renewal(lifetime));
    }

    /// It is to be refreshed now, unless that is under way.
    pub(super) fn hasten_refresh(&mut self, now: Instant) {
        self.refresh_at = self.refresh_at.map(|at| at.min(now));
    }

    /// Whether it is to be refreshed now; it is the caller's to do so.
    pub(super) fn take_refresh(&mut self, now: Instant) -> bool {
        self.refresh_at.take_if(|at| *at <= now).is_some()
    }

    pub(super) fn due(&self) -> Option<Deadline> {
        let expiry = Deadline::new(self.expires, "the allocation expires");
        let refresh = self.refresh_at.filter(|_| !self.is_moving);
        let refresh = refresh.map(|at| Deadline::new(at, "the allocation is to be refreshed"));
        Deadline::soonest(refresh, Some(expiry))
    }
}
