use super::allocation::{Allocation, Relay, Usage};
use super::channel::Channels;
use super::decision::{AllocateError, AllocateRequest, PortWanted, Relayed, RelayedTransport, Wanted};
use super::permission::Permissions;
use super::request::{Asked, Envelope, Stop};
use super::{Event, FreeCause, FromClient, Redirect, Refusal, Request, Server};
use crate::attribute::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Lifetime, MobilityTicket, RequestedAddressFamily,
    RequestedTransport, XorRelayedAddress,
};
use crate::auth::Authenticated;
use crate::policy::RelayMode;
use crate::quota::{Lease, QuotaReached};
use crate::{AddressFamily, AllocationId, FiveTuple, PerFamily, RealmId, ReservationToken, method};
use moim_stun::attribute::{Attribute, UnknownAttributes, XorMappedAddress};
use moim_stun::{BuildError, TransactionId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the server remembers of an Allocate while the driver binds what it asks for.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) five_tuple: FiveTuple,
    pub(super) realm: RealmId,
    pub(super) user: Authenticated,
    transaction_id: TransactionId,
    fingerprint: bool,
    transport: RelayedTransport,
    lifetime: Duration,
    mobility: bool,
    /// The family that was asked for and that this server does not have at all.
    failed: Option<AddressErrorCode>,
}

/// What became of an Allocate after the driver did its part.
#[derive(Debug)]
#[must_use]
pub struct Allocated {
    /// The length of the response, which is at the beginning of `out`. [`None`]: there is none.
    pub response: Option<usize>,
    /// The allocation that was made. [`None`]: none was, and whatever was bound for it is to be closed.
    pub allocation: Option<AllocationId>,
    /// The lease, if no allocation was made that could keep it.
    pub lease: Option<Lease>,
}

/// Which relayed transport addresses an Allocate asks for.
struct Wish {
    families: PerFamily<bool>,
    /// One of two families that this server does not have at all.
    failed: Option<AddressErrorCode>,
    port: PortWish,
}

#[derive(Clone, Copy)]
enum PortWish {
    Any,
    Even,
    EvenWithNext,
    Reserved(ReservationToken),
}

impl Server {
    /// Allocate (RFC 8656 §7.2), up to where ports are needed.
    pub(super) fn allocate_request(&mut self, asked: &Asked<'_>, out: &mut [u8]) -> Result<FromClient, Stop> {
        if let Some(id) = asked.allocation {
            return self.allocated_before(id, asked, out);
        }
        let transport = self.requested_transport(asked)?;
        let wish = self.wish(asked, transport)?;
        let lifetime = self.lifetime(asked, asked.get::<Lifetime>()?);
        let mobility = self.wants_mobility(asked, transport)?;
        let config = &self.config;
        let redirects_always = config.alternates.when == Redirect::Always;
        if redirects_always || config.draining || self.table.len() >= config.limits.allocations_max {
            return Err(self.no_room(&asked.five_tuple).into());
        }
        let port = match wish.port {
            PortWish::Any => PortWanted::Any,
            PortWish::Even => PortWanted::Even,
            PortWish::EvenWithNext => {
                let token = self.new_token(asked.realm, asked.user.username());
                PortWanted::EvenWithNext(token.ok_or(Refusal::InsufficientCapacity)?)
            }
            PortWish::Reserved(token) => PortWanted::Reserved(token),
        };
        let wanted = |family| wish.families.of(family).then_some(Wanted { family, transport, port });
        let wanted = PerFamily { ipv4: wanted(AddressFamily::Ipv4), ipv6: wanted(AddressFamily::Ipv6) };
        let pending = Pending {
            five_tuple: asked.five_tuple,
            realm: asked.realm,
            user: asked.user.clone(),
            transaction_id: asked.message.transaction_id(),
            fingerprint: asked.fingerprint,
            transport,
            lifetime,
            mobility,
            failed: wish.failed,
        };
        Ok(FromClient::Allocate(Box::new(AllocateRequest { pending, wanted })))
    }

    /// Ends an Allocate: the driver has bound what [`AllocateRequest::wanted`] says, or could not. The response is written into
    /// `out`, which has at least [`OUT_LEN_MAX`](super::OUT_LEN_MAX) bytes.
    pub fn allocate(
        &mut self,
        request: AllocateRequest,
        outcome: Result<Relayed, AllocateError>,
        now: Instant,
        out: &mut [u8],
    ) -> Allocated {
        let AllocateRequest { pending, wanted } = request;
        let Relayed { addresses, lease } = match outcome {
            Ok(relayed) => relayed,
            Err(error) => {
                let refusal = self.refusal_of(error, &pending.five_tuple);
                return self.not_allocated(&pending, refusal, None, out);
            }
        };
        let expires = now + pending.lifetime;
        let relay =
            |family| wanted.of(family).and(*addresses.of(family)).map(|address| Relay { address, expires });
        let relays = PerFamily { ipv4: relay(AddressFamily::Ipv4), ipv6: relay(AddressFamily::Ipv6) };
        let Some((family, _)) = relays.iter().next() else {
            return self.not_allocated(&pending, Refusal::InsufficientCapacity, lease, out);
        };
        let missing = wanted.iter().find(|(family, _)| relays.of(*family).is_none());
        let port = wanted.iter().next().map(|(_, wanted)| wanted.port);
        let allocation = pending.allocation(relays, missing.map(|(family, _)| family), port, lease, now);
        let id = match self.table.insert(allocation) {
            Ok(id) => id,
            Err(refused) => {
                return self.not_allocated(&pending, Refusal::InsufficientCapacity, refused.lease, out);
            }
        };
        match port {
            Some(PortWanted::EvenWithNext(token)) => self.reserve(token, family, &pending, now),
            Some(PortWanted::Reserved(token)) => self.redeem(token),
            Some(PortWanted::Any | PortWanted::Even) | None => {}
        }
        self.schedule(id, FreeCause::Expired, now);
        self.counters.allocated += 1;
        self.counters.count_success(Request::Allocate);
        self.tell_allocated(id);
        let response = self.write_allocated(id, pending.envelope(), &pending.five_tuple, now, out);
        Allocated { response: self.fits(response), allocation: Some(id), lease: None }
    }

    /// Whether the 5-tuple's allocation was made by this very request, which came again because the response was lost
    /// (RFC 8656 §7.2): then the response is the same, with the lifetime that is left.
    fn allocated_before(
        &mut self,
        id: AllocationId,
        asked: &Asked<'_>,
        out: &mut [u8],
    ) -> Result<FromClient, Stop> {
        let made_by = self.table.get(id).map(|allocation| allocation.transaction_id);
        if made_by != Some(asked.message.transaction_id()) {
            return Err(Refusal::AllocationMismatch.into());
        }
        let len = self.write_allocated(id, asked.envelope(), &asked.five_tuple, asked.now.at, out)?;
        Ok(FromClient::Respond(len))
    }

    /// RFC 8656 §7.2: REQUESTED-TRANSPORT has to be there (400) and of a kind there is (442); RFC 6062 §5.1: TCP only for
    /// clients that come by TCP or TLS (400).
    fn requested_transport(&self, asked: &Asked<'_>) -> Result<RelayedTransport, Stop> {
        match asked.get()?.ok_or(Refusal::BadRequest)? {
            RequestedTransport::UDP => Ok(RelayedTransport::Udp),
            RequestedTransport::TCP
                if !self.config.tcp_allocations || self.config.relay != RelayMode::Range =>
            {
                Err(Refusal::UnsupportedTransportProtocol.into())
            }
            RequestedTransport::TCP if !asked.five_tuple.transport.is_stream() => {
                Err(Refusal::BadRequest.into())
            }
            RequestedTransport::TCP => Ok(RelayedTransport::Tcp),
            RequestedTransport(_) => Err(Refusal::UnsupportedTransportProtocol.into()),
        }
    }

    /// The rules of RFC 8656 §7.2 about which attributes go together, and of RFC 6062 §5.1.
    fn wish(&self, asked: &Asked<'_>, transport: RelayedTransport) -> Result<Wish, Stop> {
        if self.config.relay == RelayMode::Off {
            return Err(Refusal::Forbidden.into());
        }
        let even_port = asked.get::<EvenPort>()?;
        let token = asked.get::<ReservationToken>()?;
        let requested = asked.get::<RequestedAddressFamily>()?;
        let additional = asked.get::<AdditionalAddressFamily>()?;
        let dont_fragment = asked.has(crate::attribute::DontFragment::TYPE);
        let is_udp = transport == RelayedTransport::Udp;
        if !is_udp && (dont_fragment || even_port.is_some() || token.is_some()) {
            return Err(Refusal::BadRequest.into());
        }
        if let Some(token) = token {
            if even_port.is_some() || requested.is_some() || additional.is_some() {
                return Err(Refusal::BadRequest.into());
            }
            return self.reserved(asked, token);
        }
        let reserve = even_port.is_some_and(|even_port| even_port.reserve);
        if additional.is_some() && (requested.is_some() || reserve) {
            return Err(Refusal::BadRequest.into());
        }
        let port = match even_port {
            None => PortWish::Any,
            Some(EvenPort { reserve: false }) => PortWish::Even,
            Some(EvenPort { reserve: true }) => PortWish::EvenWithNext,
        };
        let supported = self.config.families;
        let Some(additional) = additional else {
            let family = match requested {
                None => AddressFamily::Ipv4,
                Some(requested) => requested.family().ok_or(Refusal::AddressFamilyNotSupported)?,
            };
            if !*supported.of(family) {
                return Err(Refusal::AddressFamilyNotSupported.into());
            }
            let mut families = PerFamily { ipv4: false, ipv6: false };
            *families.of_mut(family) = true;
            return Ok(Wish { families, failed: None, port });
        };
        if additional.family() != Some(AddressFamily::Ipv6) {
            return Err(Refusal::BadRequest.into());
        }
        let unsupported =
            |family| AddressErrorCode { family, code: Refusal::AddressFamilyNotSupported.code() };
        let failed = match (supported.ipv4, supported.ipv6) {
            (true, true) => None,
            (true, false) => Some(unsupported(AddressFamily::Ipv6)),
            (false, true) => Some(unsupported(AddressFamily::Ipv4)),
            (false, false) => return Err(Refusal::AddressFamilyNotSupported.into()),
        };
        Ok(Wish { families: supported, failed, port })
    }

    /// The wish for an address that was reserved: 508 if there is none by this token, for this user.
    fn reserved(&self, asked: &Asked<'_>, token: ReservationToken) -> Result<Wish, Stop> {
        let shard = self.shards.of_reservation(token);
        if shard != self.shards.own() {
            return Err(Stop::Elsewhere(shard));
        }
        let reservation = self
            .reservation(token, asked.realm, asked.user.username(), asked.now.at)
            .ok_or(Refusal::InsufficientCapacity)?;
        let mut families = PerFamily { ipv4: false, ipv6: false };
        *families.of_mut(reservation.family) = true;
        Ok(Wish { families, failed: None, port: PortWish::Reserved(token) })
    }

    /// How long an allocation is to live (RFC 8656 §7.2): what is asked for, within what is configured; and no longer than an access
    /// token is good for (RFC 7635 §4.2).
    pub(super) fn lifetime(&self, asked: &Asked<'_>, requested: Option<Lifetime>) -> Duration {
        let (min, max) = (self.config.lifetime_default, self.config.lifetime_max);
        let lifetime = requested.map_or(min, Lifetime::duration).min(max).max(min);
        match asked.user.credential().lifetime_max(asked.now.wall) {
            // At least a second: nothing that is made has expired already.
            Some(token) => lifetime.min(token).max(Duration::from_secs(1)),
            None => lifetime,
        }
    }

    /// Whether a mobility ticket is wanted (RFC 8016 §3.1): 405 if there are none, 400 if the attribute is not empty.
    fn wants_mobility(&self, asked: &Asked<'_>, transport: RelayedTransport) -> Result<bool, Stop> {
        match asked.get::<MobilityTicket<'_>>()? {
            None => Ok(false),
            Some(_) if !self.config.mobility => Err(Refusal::MobilityForbidden.into()),
            Some(MobilityTicket([])) => Ok(transport == RelayedTransport::Udp),
            Some(_) => Err(Refusal::BadRequest.into()),
        }
    }

    /// 300 where there is another server, else 508.
    fn no_room(&self, client: &FiveTuple) -> Refusal {
        match self.config.alternates.of(client.transport, client.server) {
            Some(_) => Refusal::TryAlternate,
            None => Refusal::InsufficientCapacity,
        }
    }

    fn refusal_of(&self, error: AllocateError, client: &FiveTuple) -> Refusal {
        match error {
            AllocateError::Quota(QuotaReached::User | QuotaReached::Address) => {
                Refusal::AllocationQuotaReached
            }
            AllocateError::Quota(QuotaReached::Total) | AllocateError::NoCapacity => self.no_room(client),
        }
    }

    fn not_allocated(
        &mut self,
        pending: &Pending,
        refusal: Refusal,
        lease: Option<Lease>,
        out: &mut [u8],
    ) -> Allocated {
        self.counters.count_refused(Request::Allocate, refusal);
        let response =
            self.refuse(pending.envelope(), pending.five_tuple, refusal, &UnknownAttributes::EMPTY, out);
        Allocated { response: self.fits(response), allocation: None, lease }
    }

    /// Counts a response that does not fit.
    fn fits(&mut self, response: Result<usize, BuildError>) -> Option<usize> {
        response.inspect_err(|error| self.counters.count_dropped((*error).into())).ok()
    }

    fn tell_allocated(&mut self, id: AllocationId) {
        let Some(allocation) = self.table.get(id) else { return };
        let event = Event::Allocated {
            id,
            five_tuple: allocation.five_tuple,
            username: allocation.credential.username().into(),
            realm: allocation.realm,
            transport: allocation.transport,
            relayed: allocation.relayed(),
        };
        self.tell(event);
    }

    /// Writes the success response to an Allocate (RFC 8656 §7.2).
    fn write_allocated(
        &mut self,
        id: AllocationId,
        envelope: Envelope<'_>,
        client: &FiveTuple,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        let ticket = self.ticket(id);
        let Some(allocation) = self.table.get(id) else { return Ok(0) };
        envelope.success(out, |response| {
            for (_, relay) in allocation.relays.iter() {
                response.attribute(&XorRelayedAddress(relay.address))?;
            }
            let left = allocation.timer.saturating_duration_since(now);
            response.attribute(&Lifetime::rounded(left))?;
            if let Some(token) = &allocation.reservation {
                response.attribute(token)?;
            }
            if let Some(failed) = &allocation.failed {
                response.attribute(failed)?;
            }
            response.attribute(&XorMappedAddress(client.client))?;
            if let Some(ticket) = &ticket {
                response.attribute(&MobilityTicket(ticket))?;
            }
            Ok(())
        })
    }
}

impl Pending {
    /// The allocation with what was bound for it, of which the address of one family may be `missing`.
    fn allocation(
        &self,
        relays: PerFamily<Option<Relay>>,
        missing: Option<AddressFamily>,
        port: Option<PortWanted>,
        lease: Option<Lease>,
        now: Instant,
    ) -> Box<Allocation> {
        let code = Refusal::InsufficientCapacity.code();
        let failed = missing.map(|family| AddressErrorCode { family, code });
        let reservation = match port {
            Some(PortWanted::EvenWithNext(token)) => Some(token),
            Some(PortWanted::Any | PortWanted::Even | PortWanted::Reserved(_)) | None => None,
        };
        Box::new(Allocation {
            five_tuple: self.five_tuple,
            transport: self.transport,
            relays,
            permissions: Permissions::default(),
            channels: Channels::default(),
            usage: Usage::default(),
            lease,
            realm: self.realm,
            credential: Arc::clone(self.user.credential()),
            created: now,
            timer: now,
            transaction_id: self.transaction_id,
            reservation,
            failed: self.failed.or(failed),
            tickets: self.mobility.then_some(0),
            connections: Vec::new(),
        })
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            method: method::ALLOCATE,
            transaction_id: self.transaction_id,
            user: &self.user,
            fingerprint: self.fingerprint,
        }
    }
}
