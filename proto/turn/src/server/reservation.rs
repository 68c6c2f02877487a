use super::allocate::Pending;
use super::timer::Timer;
use super::{Limits, Server};
use crate::{AddressFamily, RealmId, ReservationToken};
use rand_chacha::rand_core::RngCore;
use std::time::{Duration, Instant};

/// How long an address is kept for a later Allocate (RFC 8656 §7.2 wants at least 30 s).
pub(super) const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);
/// How many addresses are kept for one user at a time, so that nobody holds them all.
const RESERVATIONS_PER_USER_MAX: usize = 8;

/// An address that is kept for a later Allocate, by the token it is asked for with (RFC 8656 §7.2).
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) family: AddressFamily,
    expires: Instant,
    realm: RealmId,
    username: Box<str>,
}

impl Server {
    /// A token that no address is kept by. [`None`]: there are as many as there may be.
    pub(super) fn new_token(&mut self, realm: RealmId, username: &str) -> Option<ReservationToken> {
        let Limits { reservations_max, .. } = self.config.limits;
        // There are few enough to be counted.
        let own = self.reservations.values().filter(|one| one.realm == realm && *one.username == *username);
        if self.reservations.len() >= reservations_max || own.count() >= RESERVATIONS_PER_USER_MAX {
            return None;
        }
        let token = self.shards.own_reservation(self.random.next_u64());
        (!self.reservations.contains_key(&token)).then_some(token)
    }

    /// The address kept by a token. It is for the user who had it kept, who alone has been told the token.
    pub(super) fn reservation(
        &self,
        token: ReservationToken,
        realm: RealmId,
        username: &str,
        now: Instant,
    ) -> Option<&Reservation> {
        self.reservations.get(&token).filter(|reservation| {
            reservation.expires > now && reservation.realm == realm && *reservation.username == *username
        })
    }

    /// Keeps an address.
    pub(super) fn reserve(
        &mut self,
        token: ReservationToken,
        family: AddressFamily,
        pending: &Pending,
        now: Instant,
    ) {
        let expires = now + RESERVATION_LIFETIME;
        let username = pending.user.username().into();
        self.reservations.insert(token, Reservation { family, expires, realm: pending.realm, username });
        self.timers.insert((expires, Timer::Reservation(token)));
    }

    /// The address has been taken.
    pub(super) fn redeem(&mut self, token: ReservationToken) {
        if let Some(reservation) = self.reservations.remove(&token) {
            self.timers.remove(&(reservation.expires, Timer::Reservation(token)));
        }
    }
}
