use super::connection::Progress;
use super::{Event, FreeCause, Server};
use crate::{AllocationId, ConnectionId, ReservationToken};
use moim_wire::Deadline;
use std::time::Instant;

/// How much is done at once when much is due, so that packets do not wait for it. The rest is due still, and done in the next turn.
const DUE_PER_TURN: usize = 256;

/// What something is due for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A relayed address that was not refreshed.
    Allocation(AllocationId),
    /// An address that was kept for a later Allocate.
    Reservation(ReservationToken),
    /// A connection with a peer that is not made, or that the client does not take.
    Connection(ConnectionId),
}

impl Timer {
    fn reason(self) -> &'static str {
        match self {
            Self::Allocation(_) => "an allocation expires",
            Self::Reservation(_) => "a reserved address expires",
            Self::Connection(_) => "a connection with a peer is overdue",
        }
    }
}

impl Server {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        for _ in 0..DUE_PER_TURN {
            let Some(&(at, timer)) = self.timers.first() else { return };
            if at > now {
                return;
            }
            self.timers.pop_first();
            match timer {
                Timer::Allocation(id) => self.relay_expired(id, now),
                Timer::Reservation(token) => {
                    self.reservations.remove(&token);
                    self.events.push_back(Event::ReservationExpired(token));
                }
                Timer::Connection(id) => self.connection_overdue(id),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. While events wait, it is a moment that has passed.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.events.is_empty() {
            return Some(Deadline::new(self.clock, "events wait"));
        }
        self.timers.first().map(|(at, timer)| Deadline::new(*at, timer.reason()))
    }

    /// Sets or changes when an allocation is due. Without any relayed address left, it is freed.
    pub(super) fn schedule(&mut self, id: AllocationId, cause: FreeCause, now: Instant) {
        let Some(allocation) = self.table.get_mut(id) else { return };
        self.timers.remove(&(allocation.timer, Timer::Allocation(id)));
        match allocation.next_expiry() {
            Some(at) => {
                allocation.timer = at;
                self.timers.insert((at, Timer::Allocation(id)));
            }
            None => {
                self.free(id, cause, now);
            }
        }
    }

    /// Frees the relayed addresses of an allocation that have expired, and the allocation with the last of them.
    fn relay_expired(&mut self, id: AllocationId, now: Instant) {
        let Some(allocation) = self.table.get(id) else { return };
        if allocation.relays.iter().all(|(_, relay)| relay.expires <= now) {
            self.free(id, FreeCause::Expired, now);
            return;
        }
        let expired: Vec<_> = allocation
            .relays
            .iter()
            .filter(|(_, relay)| relay.expires <= now)
            .map(|(family, _)| family)
            .collect();
        for family in expired {
            self.free_relay(id, family);
        }
        self.schedule(id, FreeCause::Expired, now);
    }

    /// Nobody took care of a connection in time (RFC 6062 §5.2, §5.3).
    fn connection_overdue(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        if let Progress::Connecting { .. } = connection.progress {
            self.events.push_back(Event::ConnectOverdue(id));
        } else {
            self.drop_connection(id);
            self.events.push_back(Event::ConnectionClosed(id));
        }
    }
}
