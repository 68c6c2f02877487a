use super::request::{Asked, Stop};
use super::ticket::{SEALED_LEN, Ticket};
use super::{DropReason, Event, FreeCause, FromClient, Refusal, Server};
use crate::attribute::{Lifetime, MobilityTicket, RequestedAddressFamily};
use crate::{AddressFamily, AllocationId, RelayId};
use std::sync::Arc;
use std::time::Instant;

impl Server {
    /// Refresh (RFC 8656 §8.2): the allocation lives on, or ends; and may follow its client to another address (RFC 8016 §3.2).
    pub(super) fn refresh(&mut self, asked: &Asked<'_>, out: &mut [u8]) -> Result<FromClient, Stop> {
        let id = asked.allocation.ok_or(Refusal::AllocationMismatch)?;
        let ticket = self.ticket_of(id, asked)?;
        let family = self.family_of(id, asked)?;
        let requested = asked.get::<Lifetime>()?;
        let now = asked.now.at;
        if requested == Some(Lifetime(0)) {
            let len = asked.envelope().success(out, |response| response.attribute(&Lifetime(0)))?;
            self.end(id, family, now);
            return Ok(FromClient::Respond(len));
        }
        let lifetime = self.lifetime(asked, requested);
        if let Some(ticket) = ticket {
            self.follow(id, ticket, asked)?;
        }
        let allocation = self.table.get_mut(id).ok_or(Stop::Drop(DropReason::NoAllocation))?;
        // An access token may have been renewed (RFC 7635 §4.2).
        allocation.credential = Arc::clone(asked.user.credential());
        for relay in allocation.relays_of_mut(family) {
            relay.expires = now + lifetime;
        }
        self.schedule(id, FreeCause::Expired, now);
        let ticket = ticket.and_then(|_| self.ticket(id));
        let len = asked.envelope().success(out, |response| {
            response.attribute(&Lifetime::rounded(lifetime))?;
            ticket.iter().try_for_each(|ticket| response.attribute(&MobilityTicket(ticket)))
        })?;
        Ok(FromClient::Respond(len))
    }

    /// The address family that a Refresh is about, if it is about one only: 443 if the allocation has no address of it.
    fn family_of(&self, id: AllocationId, asked: &Asked<'_>) -> Result<Option<AddressFamily>, Stop> {
        let Some(requested) = asked.get::<RequestedAddressFamily>()? else { return Ok(None) };
        let allocation = self.table.get(id).ok_or(Stop::Drop(DropReason::NoAllocation))?;
        let family = requested.family().filter(|family| allocation.relay(*family, asked.now.at).is_some());
        Ok(Some(family.ok_or(Refusal::PeerAddressFamilyMismatch)?))
    }

    /// The mobility ticket of a Refresh, which has to be one of this allocation (RFC 8016 §3.2): 405 if there are none, 400 if it
    /// cannot be read, or is another's or an old one.
    ///
    /// The ticket before the latest one counts too: the client may have moved again, or asked again, before the latest one
    /// reached it.
    fn ticket_of(&self, id: AllocationId, asked: &Asked<'_>) -> Result<Option<Ticket>, Stop> {
        let Some(MobilityTicket(sealed)) = asked.get()? else { return Ok(None) };
        if !self.config.mobility {
            return Err(Refusal::MobilityForbidden.into());
        }
        let ticket = self.ticket_key.open(sealed).ok_or(Refusal::BadRequest)?;
        let latest = self.table.get(id).and_then(|allocation| allocation.tickets);
        let latest = latest.ok_or(Refusal::BadRequest)?;
        let is_current = ticket.sequence == latest || ticket.sequence.wrapping_add(1) == latest;
        if ticket.allocation == id && ticket.shard == self.shards.own() && is_current {
            Ok(Some(ticket))
        } else {
            Err(Refusal::BadRequest.into())
        }
    }

    /// Lets an allocation follow its client to the 5-tuple that the request comes from. Once the latest ticket is used, the next
    /// one is the latest.
    ///
    /// The nonce of the request was made for this very address, so that the client receives there: nothing speaks for
    /// sending data to the old one any longer, as RFC 8016 §3.2.2 has it for servers that cannot be sure.
    fn follow(&mut self, id: AllocationId, ticket: Ticket, asked: &Asked<'_>) -> Result<(), Stop> {
        let allocation = self.table.get_mut(id).ok_or(Stop::Drop(DropReason::NoAllocation))?;
        // A request that comes again, because its answer was lost, must not make the ticket that was lost an old one.
        if allocation.tickets == Some(ticket.sequence) {
            allocation.tickets = Some(ticket.sequence.wrapping_add(1));
        }
        if allocation.five_tuple == asked.five_tuple {
            return Ok(());
        }
        if let Some(from) = self.table.rename(id, asked.five_tuple) {
            self.events.push_back(Event::Moved { id, from, to: asked.five_tuple });
        }
        Ok(())
    }

    /// The latest ticket of an allocation that has tickets, sealed anew.
    pub(super) fn ticket(&mut self, id: AllocationId) -> Option<[u8; SEALED_LEN]> {
        let sequence = self.table.get(id)?.tickets?;
        let ticket = Ticket { shard: self.shards.own(), allocation: id, sequence };
        Some(self.ticket_key.seal(ticket, &mut self.random))
    }

    /// Ends an allocation because its client wants it, or what it has of one family.
    fn end(&mut self, id: AllocationId, family: Option<AddressFamily>, now: Instant) {
        match family {
            Some(family) => {
                let is_last =
                    self.table.get(id).is_none_or(|allocation| allocation.relays.iter().count() == 1);
                if is_last {
                    self.free(id, FreeCause::Refreshed, now);
                } else {
                    self.free_relay(id, family);
                    self.schedule(id, FreeCause::Refreshed, now);
                }
            }
            None => {
                self.free(id, FreeCause::Refreshed, now);
            }
        }
    }

    /// Frees one of two relayed addresses.
    pub(super) fn free_relay(&mut self, id: AllocationId, family: AddressFamily) {
        let relayed = self.table.get(id).and_then(|allocation| *allocation.relays.of(family));
        let Some(relayed) = relayed else { return };
        self.table.forget_relayed(relayed.address);
        if let Some(allocation) = self.table.get_mut(id) {
            *allocation.relays.of_mut(family) = None;
        }
        let relay = RelayId { allocation: id, family };
        self.events.push_back(Event::RelayFreed { relay, address: relayed.address });
    }
}
