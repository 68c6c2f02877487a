//! What comes from the server.

use super::allocation::Allocation;
use super::config::MissingIntegrity;
use super::event::{Allocated, Event, Failure, Handled, IgnoreReason};
use super::purpose::Purpose;
use super::session::Challenged;
use super::transaction::Transaction;
use super::{Client, State};
use crate::attribute::{
    AddressErrorCode, Data, Icmp, Lifetime, MobilityTicket, XorPeerAddress, XorRelayedAddress,
};
use crate::channel_data::ChannelData;
use crate::{AddressFamily, ConnectionId, PerFamily, ReservationToken, method};
use moim_stun::attribute::{AlternateServer, Attribute, ErrorCode, XorMappedAddress};
use moim_stun::{Class, FingerprintCheck, IntegrityCheck, Message, ParseError};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// 437: there is no such allocation (RFC 8656 §19).
const ALLOCATION_MISMATCH: u16 = 437;
/// 405: the server does without mobility (RFC 8016 §3.1).
const MOBILITY_FORBIDDEN: u16 = 405;
/// How often in a row a request is challenged before it is given up: for the first nonce, for one that is stale, and for one that
/// went stale meanwhile.
const CHALLENGES_MAX: u8 = 4;
/// What is made of lifetimes beyond these: a server cannot have the client refresh without end, nor never.
const LIFETIME_MIN: Duration = Duration::from_secs(1);
const LIFETIME_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A longer mobility ticket is none: it would not fit into a request.
const TICKET_LEN_MAX: usize = 512;

impl Client {
    /// Takes a message that came from the server: a datagram, or one framed from a stream.
    ///
    /// That it came from the server's address is the driver's to check.
    pub fn handle_input(&mut self, message: &[u8], now: Instant) -> Handled {
        self.clock = now;
        let handled = if ChannelData::is_one(message) {
            self.channel_data(message)
        } else {
            self.message(message, now)
        };
        handled.unwrap_or_else(Handled::Ignored)
    }

    fn channel_data(&self, message: &[u8]) -> Result<Handled, IgnoreReason> {
        let ChannelData { number, range } = ChannelData::parse(message).ok_or(IgnoreReason::Malformed)?;
        let allocation = self.allocation().map(|_| ());
        let peer = allocation.and_then(|()| self.peers.peer_of(number)).ok_or(IgnoreReason::UnknownPeer)?;
        Ok(Handled::Data { peer, range })
    }

    fn message(&mut self, bytes: &[u8], now: Instant) -> Result<Handled, IgnoreReason> {
        let message = Message::parse(bytes)?;
        if message.check_fingerprint() == FingerprintCheck::Invalid {
            return Err(IgnoreReason::NotAuthentic);
        }
        match message.class() {
            Class::Indication if message.method() == method::DATA => self.data_indication(&message),
            Class::Indication if message.method() == method::CONNECTION_ATTEMPT => {
                self.connection_attempt(&message)
            }
            Class::Request | Class::Indication => Err(IgnoreReason::Unexpected),
            Class::SuccessResponse | Class::ErrorResponse => self.response(&message, now),
        }
    }

    /// RFC 8656 §11.4, §11.6.
    fn data_indication(&mut self, message: &Message<'_>) -> Result<Handled, IgnoreReason> {
        let XorPeerAddress(peer) = message.get()?.ok_or(IgnoreReason::Malformed)?;
        if self.allocation().is_none() || !self.peers.knows(peer.ip()) {
            return Err(IgnoreReason::UnknownPeer);
        }
        if let Some(data) = message.find(Data::TYPE) {
            return Ok(Handled::Data { peer, range: data.value_range() });
        }
        let icmp = message.get::<Icmp>()?.ok_or(IgnoreReason::Malformed)?;
        self.tell(Event::Unreachable { peer, icmp });
        Ok(Handled::Taken)
    }

    /// RFC 6062 §4.4.
    fn connection_attempt(&mut self, message: &Message<'_>) -> Result<Handled, IgnoreReason> {
        let XorPeerAddress(peer) = message.get()?.ok_or(IgnoreReason::Malformed)?;
        let connection: ConnectionId = message.get()?.ok_or(IgnoreReason::Malformed)?;
        if self.allocation().is_none() || !self.peers.knows(peer.ip()) {
            return Err(IgnoreReason::UnknownPeer);
        }
        self.tell(Event::PeerConnected { peer, connection });
        Ok(Handled::Taken)
    }

    fn response(&mut self, message: &Message<'_>, now: Instant) -> Result<Handled, IgnoreReason> {
        let position = self.transactions.iter().position(|transaction| {
            transaction.id == message.transaction_id() && transaction.purpose.method() == message.method()
        });
        let position = position.ok_or(IgnoreReason::NotAsked)?;
        let error = match message.class() {
            Class::ErrorResponse => {
                Some(message.get::<ErrorCode<'_>>()?.ok_or(IgnoreReason::Malformed)?.code())
            }
            Class::SuccessResponse | Class::Request | Class::Indication => None,
        };
        self.check_integrity(&self.transactions[position], message, error)?;
        match error {
            None => {
                let transaction = self.transactions.swap_remove(position);
                self.succeeded(transaction.purpose, message, now);
            }
            Some(code @ (401 | 438)) => self.challenged(position, code, message, now)?,
            Some(code) => {
                let transaction = self.transactions.swap_remove(position);
                let failure = match code {
                    300 => Failure::Redirected(message.get::<AlternateServer>()?.map(|server| server.0)),
                    code => Failure::Refused(code),
                };
                self.failed(transaction.purpose, failure, now);
            }
        }
        self.refresh_what_is_due(now);
        Ok(Handled::Taken)
    }

    /// RFC 8489 §9.2.5: a response is sealed like its request, but for errors that a server cannot seal.
    fn check_integrity(
        &self,
        transaction: &Transaction,
        message: &Message<'_>,
        error: Option<u16>,
    ) -> Result<(), IgnoreReason> {
        let Some(sealing) = &transaction.sealing else { return Ok(()) };
        match sealing.check(message) {
            IntegrityCheck::Valid => Ok(()),
            IntegrityCheck::Absent if matches!(error, Some(300 | 400 | 401 | 438)) => Ok(()),
            IntegrityCheck::Absent
                if error.is_some() && self.config.missing_integrity == MissingIntegrity::AllowedInErrors =>
            {
                Ok(())
            }
            IntegrityCheck::Absent | IntegrityCheck::Invalid => Err(IgnoreReason::NotAuthentic),
        }
    }

    fn challenged(
        &mut self,
        position: usize,
        code: u16,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<(), IgnoreReason> {
        let wants_something_else = match self.session.take(message) {
            Ok(wants) => wants,
            Err(Challenged::Ignore(reason)) => return Err(reason),
            Err(Challenged::Fail(failure)) => {
                let transaction = self.transactions.swap_remove(position);
                self.failed(transaction.purpose, failure, now);
                return Ok(());
            }
        };
        let Transaction { purpose, sealing, challenges, .. } = self.transactions.swap_remove(position);
        // A credential that was refused is not tried again the same way (RFC 8489 §9.2.5).
        let was_refused = code == 401 && sealing.is_some() && !wants_something_else;
        if was_refused || challenges >= CHALLENGES_MAX {
            self.failed(purpose, Failure::Unauthenticated, now);
        } else {
            self.begin_again(purpose, challenges + 1, now);
        }
        Ok(())
    }

    fn succeeded(&mut self, purpose: Purpose, message: &Message<'_>, now: Instant) {
        match purpose {
            Purpose::Allocate { .. } => match self.allocated(message, now) {
                Ok(allocated) => self.events.push_back(Event::Allocated(Box::new(allocated))),
                Err(failure) => self.end(failure),
            },
            Purpose::Refresh => {
                let lifetime = lifetime(message);
                if let Some(allocation) = self.allocation_mut() {
                    allocation.refreshed(lifetime, now);
                }
            }
            Purpose::Move => self.moved(message, now),
            Purpose::Release => self.released(),
            Purpose::CreatePermission { peers } => {
                for peer in peers {
                    self.permitted(peer, now);
                }
            }
            Purpose::ChannelBind { number, peer } => {
                // RFC 8656 §12.2: it lets the peer through as well.
                self.permitted(peer.ip(), now);
                if self.peers.bound(number, now) {
                    self.events.push_back(Event::ChannelBound { peer, number });
                }
            }
            Purpose::Connect { peer } => match message.get::<ConnectionId>() {
                Ok(Some(connection)) => self.events.push_back(Event::Connected { peer, connection }),
                Ok(None) | Err(_) => {
                    self.events.push_back(Event::NotConnected { peer, failure: Failure::Malformed });
                }
            },
            Purpose::ConnectionBind { connection } => {
                self.state = State::Ended;
                self.events.push_back(Event::Bound(connection));
            }
        }
    }

    /// RFC 8656 §7.3.
    fn allocated(&mut self, message: &Message<'_>, now: Instant) -> Result<Allocated, Failure> {
        let malformed = |_: ParseError| Failure::Malformed;
        let mut relayed = PerFamily { ipv4: None, ipv6: None };
        for raw in message.attributes().filter(|raw| raw.attribute_type == XorRelayedAddress::TYPE) {
            let XorRelayedAddress(address) = raw.decode(message.transaction_id()).map_err(malformed)?;
            relayed.of_mut(AddressFamily::of(address.ip())).get_or_insert(address);
        }
        if relayed.iter().next().is_none() {
            return Err(Failure::Malformed);
        }
        let ticket = ticket(message).filter(|_| self.config.asks_for_mobility());
        let allocated = Allocated {
            relayed,
            mapped: message.get::<XorMappedAddress>().map_err(malformed)?.map(|mapped| mapped.0),
            lifetime: lifetime(message),
            reservation: message.get::<ReservationToken>().map_err(malformed)?,
            missing: message.get::<AddressErrorCode>().map_err(malformed)?,
            mobility: ticket.is_some(),
        };
        self.state = State::Allocated(Allocation::new(relayed, ticket, allocated.lifetime, now));
        Ok(allocated)
    }

    fn moved(&mut self, message: &Message<'_>, now: Instant) {
        let ticket = ticket(message);
        let lifetime = lifetime(message);
        if let Some(allocation) = self.allocation_mut() {
            allocation.refreshed(lifetime, now);
            allocation.is_moving = false;
            // A server that gives no new one goes on taking this one.
            if ticket.is_some() {
                allocation.ticket = ticket;
            }
            self.events.push_back(Event::Moved);
        }
    }

    fn released(&mut self) {
        self.forget_requests();
        self.state = State::Ended;
        self.events.push_back(Event::Released);
    }

    fn permitted(&mut self, peer: IpAddr, now: Instant) {
        if self.peers.permitted(peer, now) {
            self.events.push_back(Event::Permitted(peer));
        }
    }

    /// A request came to nothing.
    pub(super) fn failed(&mut self, purpose: Purpose, failure: Failure, now: Instant) {
        let is_about_allocation = matches!(
            purpose,
            Purpose::Refresh
                | Purpose::CreatePermission { .. }
                | Purpose::ChannelBind { .. }
                | Purpose::Connect { .. }
        );
        if is_about_allocation && failure == Failure::Refused(ALLOCATION_MISMATCH) {
            // A NAT may have given the client another address: with a ticket, the allocation follows.
            if self.move_allocation(now).is_err() {
                self.end(failure);
            }
            return;
        }
        match purpose {
            // RFC 8016 §3.1: a server that does without mobility may say so, and is asked without.
            Purpose::Allocate { mobility: true } if failure == Failure::Refused(MOBILITY_FORBIDDEN) => {
                self.begin(Purpose::Allocate { mobility: false }, now);
            }
            // There is time until the allocation expires, and nothing to lose.
            Purpose::Refresh if failure == Failure::Timeout => self.begin(Purpose::Refresh, now),
            Purpose::Allocate { .. } | Purpose::Refresh | Purpose::Move | Purpose::ConnectionBind { .. } => {
                self.end(failure);
            }
            Purpose::Release => self.released(),
            Purpose::CreatePermission { peers } => {
                if matches!(failure, Failure::Refused(_)) && self.peers.split(&peers, now) {
                    return;
                }
                for peer in peers {
                    if failure == Failure::Timeout && self.peers.renew_permission(peer, now) {
                        continue;
                    }
                    if self.peers.not_permitted(peer) {
                        self.events.push_back(Event::NotPermitted { peer, failure });
                    }
                }
            }
            Purpose::ChannelBind { number, .. }
                if failure == Failure::Timeout && self.peers.renew_channel(number, now) => {}
            Purpose::ChannelBind { number, peer } => {
                if self.peers.not_bound(number, now) {
                    self.events.push_back(Event::ChannelNotBound { peer, failure });
                }
            }
            Purpose::Connect { peer } => self.events.push_back(Event::NotConnected { peer, failure }),
        }
    }
}

/// RFC 8656 §7.3, §8.3: how long the allocation lives. A server that does not say means ten minutes (§3.2).
fn lifetime(message: &Message<'_>) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(600);
    message
        .get::<Lifetime>()
        .ok()
        .flatten()
        .map_or(DEFAULT, Lifetime::duration)
        .clamp(LIFETIME_MIN, LIFETIME_MAX)
}

fn ticket(message: &Message<'_>) -> Option<Vec<u8>> {
    let ticket = message.get::<MobilityTicket<'_>>().ok().flatten()?;
    (!ticket.0.is_empty() && ticket.0.len() <= TICKET_LEN_MAX).then(|| ticket.0.to_vec())
}

impl From<ParseError> for IgnoreReason {
    fn from(_: ParseError) -> Self {
        Self::Malformed
    }
}
