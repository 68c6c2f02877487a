use super::{DropReason, FromClient, Received, Refusal, Request, Server, usable};
use crate::attribute::{ChannelNumberAttribute, MobilityTicket};
use crate::auth::{Attempt, Authenticated};
use crate::{AllocationId, ConnectionId, FiveTuple, Now, RealmId, ReservationToken, ShardId};
use moim_stun::attribute::{AlternateServer, Attribute, UnknownAttributes};
use moim_stun::{
    AttributeType, BuildError, Class, Message, MessageBuilder, Method, ParseError, TransactionId,
};

/// A request, and who has proved to have sent it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) kind: Request,
    pub(super) message: Message<'a>,
    pub(super) five_tuple: FiveTuple,
    pub(super) realm: RealmId,
    pub(super) now: Now,
    pub(super) fingerprint: bool,
    pub(super) user: Authenticated,
    /// The allocation of the 5-tuple; or, if the request comes from another one and names an allocation, that.
    pub(super) allocation: Option<AllocationId>,
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The client is told so.
    Refuse(Refusal),
    /// The client is not told anything.
    Drop(DropReason),
    /// Another shard has what the request is about.
    Elsewhere(ShardId),
}

/// How a response is addressed and sealed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) method: Method,
    pub(super) transaction_id: TransactionId,
    pub(super) user: &'a Authenticated,
    pub(super) fingerprint: bool,
}

impl Envelope<'_> {
    /// Writes a success response with what `add` adds.
    pub(super) fn success(
        self,
        out: &mut [u8],
        add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Result<usize, BuildError> {
        self.respond(Class::SuccessResponse, out, add)
    }

    /// Writes an error response.
    pub(super) fn error(
        self,
        refusal: Refusal,
        out: &mut [u8],
        add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Result<usize, BuildError> {
        self.respond(Class::ErrorResponse, out, |response| {
            response.attribute(&refusal.attribute())?;
            add(response)
        })
    }

    fn respond(
        self,
        class: Class,
        out: &mut [u8],
        add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Result<usize, BuildError> {
        let mut response = MessageBuilder::new(out, class, self.method, self.transaction_id)?;
        add(&mut response)?;
        Ok(response.finish(self.user.seal(self.fingerprint))?.len())
    }
}

impl Asked<'_> {
    /// How the response is addressed and sealed.
    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope {
            method: self.kind.method(),
            transaction_id: self.message.transaction_id(),
            user: &self.user,
            fingerprint: self.fingerprint,
        }
    }

    /// An attribute of the request. A malformed one is refused by 400.
    pub(super) fn get<'a, A: Attribute<'a>>(&'a self) -> Result<Option<A>, Stop> {
        Ok(self.message.get()?)
    }

    /// Whether the request has such an attribute.
    pub(super) fn has(&self, attribute_type: AttributeType) -> bool {
        self.message.find(attribute_type).is_some()
    }
}

impl Server {
    /// Takes a request: who asks, then whether everything in it is understood, then what it asks (RFC 8656 §5).
    pub(super) fn request(
        &mut self,
        received: &Received<'_>,
        message: Message<'_>,
        fingerprint: bool,
        now: Now,
        out: &mut [u8],
    ) -> Result<FromClient, DropReason> {
        let kind = Request::of(message.method()).ok_or(DropReason::UnsupportedMethod)?;
        usable(received.five_tuple.client).ok_or(DropReason::UnusableSource)?;
        let allocation = match self.named_allocation(kind, &received.five_tuple, &message) {
            Named::Here(allocation) => allocation,
            Named::Elsewhere(shard) => return Ok(FromClient::Elsewhere(shard)),
        };
        let attempted = Attempted { received, message: &message, allocation, now };
        let user = match self.authenticate(kind, attempted, out) {
            Ok(user) => user,
            Err(answer) => return answer.map(FromClient::Respond),
        };
        let five_tuple = received.five_tuple;
        let asked =
            Asked { kind, message, five_tuple, realm: received.realm, now, fingerprint, user, allocation };
        self.answer(&asked, out)
    }

    fn answer(&mut self, asked: &Asked<'_>, out: &mut [u8]) -> Result<FromClient, DropReason> {
        let unknown = unknown_attributes(&asked.message, self.config.dont_fragment);
        let carried_out = match asked.kind {
            _ if !unknown.is_empty() => Err(Stop::Refuse(Refusal::UnknownAttribute)),
            Request::Allocate => self.allocate_request(asked, out),
            Request::Refresh => self.refresh(asked, out),
            Request::CreatePermission => self.create_permission(asked, out),
            Request::ChannelBind => self.channel_bind(asked, out),
            Request::Connect => self.connect(asked),
            Request::ConnectionBind => self.connection_bind(asked, out),
        };
        match carried_out {
            Ok(decision) => {
                if matches!(decision, FromClient::Respond(_) | FromClient::Spliced { .. }) {
                    self.counters.count_success(asked.kind);
                }
                Ok(decision)
            }
            Err(Stop::Refuse(refusal)) => {
                self.counters.count_refused(asked.kind, refusal);
                Ok(FromClient::Respond(self.refuse(
                    asked.envelope(),
                    asked.five_tuple,
                    refusal,
                    &unknown,
                    out,
                )?))
            }
            Err(Stop::Drop(reason)) => Err(reason),
            Err(Stop::Elsewhere(shard)) => Ok(FromClient::Elsewhere(shard)),
        }
    }

    /// Writes the response to a request that is not carried out, from a client who has proved who it is.
    pub(super) fn refuse(
        &self,
        envelope: Envelope<'_>,
        client: FiveTuple,
        refusal: Refusal,
        unknown: &UnknownAttributes,
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        envelope.error(refusal, out, |response| {
            if refusal == Refusal::UnknownAttribute {
                response.attribute(unknown)?;
            }
            if refusal == Refusal::TryAlternate
                && let Some(alternate) = self.config.alternates.of(client.transport, client.server)
            {
                response.attribute(&AlternateServer(alternate))?;
            }
            Ok(())
        })
    }

    /// The allocation that a request is about, from whatever 5-tuple it comes.
    ///
    /// What another shard has is passed on before the sender is known, since only that shard knows with what it is checked. It
    /// takes a ticket that was sealed here, or a connection of TCP; nothing is stored for it.
    fn named_allocation(&self, kind: Request, five_tuple: &FiveTuple, message: &Message<'_>) -> Named {
        if let Some(id) = self.find(five_tuple) {
            return Named::Here(Some(id));
        }
        match kind {
            Request::Refresh => {
                let ticket = message.get::<MobilityTicket<'_>>().ok().flatten();
                match ticket.and_then(|ticket| self.ticket_key.open(ticket.0)) {
                    Some(ticket) if ticket.shard != self.shards.own() => Named::Elsewhere(ticket.shard),
                    Some(ticket) => Named::Here(self.table.get(ticket.allocation).map(|_| ticket.allocation)),
                    None => Named::Here(None),
                }
            }
            Request::ConnectionBind => match message.get::<ConnectionId>() {
                // Whoever sends datagrams may be anybody, and would have a detour remembered for anybody.
                Ok(Some(_)) if !five_tuple.transport.is_stream() => Named::Here(None),
                Ok(Some(id)) if is_signed(message) && self.shards.of_connection(id) != self.shards.own() => {
                    Named::Elsewhere(self.shards.of_connection(id))
                }
                Ok(Some(id)) => Named::Here(self.connections.get(id).map(|connection| connection.allocation)),
                Ok(None) | Err(_) => Named::Here(None),
            },
            Request::Allocate | Request::CreatePermission | Request::ChannelBind | Request::Connect => {
                Named::Here(None)
            }
        }
    }

    /// Finds out who asks. For an allocation there is, it has to be the user who made it (RFC 8656 §5). Who does not prove
    /// anything is challenged, as far as the budget goes.
    fn authenticate(
        &mut self,
        kind: Request,
        attempted: Attempted<'_>,
        out: &mut [u8],
    ) -> Result<Authenticated, Result<usize, DropReason>> {
        let Attempted { received, message, allocation, now } = attempted;
        let existing = allocation.and_then(|id| self.table.get(id));
        // An Allocate is for a new allocation, and its user any, unless it is the one that made this one come again.
        let existing = existing.filter(|allocation| {
            kind != Request::Allocate || allocation.transaction_id == message.transaction_id()
        });
        let realm = self.config.realm(existing.map_or(received.realm, |allocation| allocation.realm));
        let five_tuple = &received.five_tuple;
        let attempt = Attempt { realm, nonces: &self.nonces, request: message, five_tuple, now };
        let refusal = match attempt.authenticate(existing.map(|allocation| &allocation.credential)) {
            Ok(user) => return Ok(user),
            Err(refusal) => refusal,
        };
        let len = attempt.refuse(&refusal, out).map_err(|error| Err(error.into()))?;
        if !refusal.is_authenticated() && !self.budget.spend(five_tuple.client.ip(), len, now.at) {
            return Err(Err(DropReason::OverBudget));
        }
        self.counters.count_unauthenticated(kind, refusal.reason());
        Err(Ok(len))
    }
}

/// A request before anything is known about its sender.
#[derive(Clone, Copy)]
struct Attempted<'a> {
    received: &'a Received<'a>,
    message: &'a Message<'a>,
    allocation: Option<AllocationId>,
    now: Now,
}

/// Where an allocation is that a request names.
enum Named {
    Here(Option<AllocationId>),
    Elsewhere(ShardId),
}

/// Whether a request claims to be authentic. One that does not is asked to, by any shard.
fn is_signed(message: &Message<'_>) -> bool {
    message.find(AttributeType::MESSAGE_INTEGRITY).is_some()
        || message.find(AttributeType::MESSAGE_INTEGRITY_SHA256).is_some()
}

/// The attributes of a request that have to be understood and are not (RFC 8489 §6.3.1). DONT-FRAGMENT is not where it cannot be
/// done (RFC 8656 §7.2).
pub(super) fn unknown_attributes(message: &Message<'_>, dont_fragment: bool) -> UnknownAttributes {
    let mut unknown = UnknownAttributes::EMPTY;
    for attribute in message.attributes() {
        let attribute_type = attribute.attribute_type;
        let is_understood = UNDERSTOOD.contains(&attribute_type)
            || (dont_fragment && attribute_type == crate::attribute::DontFragment::TYPE);
        if attribute_type.is_comprehension_required() && !is_understood {
            unknown.insert(attribute_type);
        }
    }
    unknown
}

/// The comprehension-required attributes of RFC 8489, RFC 8656, RFC 6062 and RFC 7635, but for DONT-FRAGMENT.
const UNDERSTOOD: [AttributeType; 22] = [
    AttributeType::MAPPED_ADDRESS,
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::ERROR_CODE,
    AttributeType::UNKNOWN_ATTRIBUTES,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::USERHASH,
    AttributeType::XOR_MAPPED_ADDRESS,
    ChannelNumberAttribute::TYPE,
    crate::attribute::Lifetime::TYPE,
    crate::attribute::XorPeerAddress::TYPE,
    crate::attribute::Data::TYPE,
    crate::attribute::XorRelayedAddress::TYPE,
    crate::attribute::RequestedAddressFamily::TYPE,
    crate::attribute::EvenPort::TYPE,
    crate::attribute::RequestedTransport::TYPE,
    crate::attribute::AccessToken::TYPE,
    ReservationToken::TYPE,
    ConnectionId::TYPE,
];

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// RFC 8656 §7.2 and others: what a malformed attribute says cannot be carried out.
impl From<ParseError> for Stop {
    fn from(_: ParseError) -> Self {
        Self::Refuse(Refusal::BadRequest)
    }
}

impl From<BuildError> for Stop {
    fn from(error: BuildError) -> Self {
        Self::Drop(error.into())
    }
}

impl From<BuildError> for DropReason {
    fn from(error: BuildError) -> Self {
        debug_assert_eq!(error, BuildError::BufferTooSmall, "the attributes of a response have valid values");
        Self::BufferTooSmall
    }
}
