//! Finding candidates: of the machine's own addresses, and of STUN servers.

use super::local::{Base, Found};
use super::{Agent, SERVERS_MAX};
use crate::candidate::canonical;
use crate::candidate::{CandidateKind, CandidateProtocol, Protocol, TcpType, may_reach};
use crate::config::{IceServer, TransportPolicy};
use crate::event::{ConnectionState, Error, Event, GatheringState};
use crate::pair::Origin;
use moim_stun::attribute::{ErrorCode, MappedAddress, XorMappedAddress};
use moim_stun::{Class, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_wire::{Deadline, is_one_host};
use rand_chacha::rand_core::RngCore;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Questions to STUN servers that may be under way: every address asks every server.
pub(super) const LOOKUPS_MAX: usize = 128;
/// RFC 8489 §6.2.1.
const REQUESTS_MAX: u32 = 7;
const LAST_WAIT_RTOS: u32 = 16;
/// For how long reflexive addresses are kept alive while no pair is nominated.
const KEEP_REFLEXIVE_FOR: Duration = Duration::from_secs(180);
/// `icecandidateerror` of WebRTC: the server was not reached.
pub(super) const NOT_REACHED: u16 = 701;

/// A question to a STUN server: which address does it see this one at?
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) local: SocketAddr,
    server: SocketAddr,
    id: TransactionId,
    began: Instant,
    state: LookupState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupState {
    /// It is to be asked as soon as it is its turn.
    Waiting,
    /// It was asked so often, and is asked again, or given up, at this time.
    Asked { sent: u32, due: Instant },
    /// It has been answered, and is asked once more at this time so that NATs keep the address.
    Answered { again: Instant },
}

impl Agent {
    /// A server that candidates come from: those of addresses told before are looked for too.
    pub fn add_server(&mut self, server: IceServer, now: Instant) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let address = canonical(server.address());
        if !is_one_host(address.ip()) || address.port() == 0 {
            return Err(Error::UnusableAddress);
        }
        if self.servers.len() >= SERVERS_MAX {
            return Err(Error::LimitReached);
        }
        if self.gathering != GatheringState::New {
            self.note_gathering_again();
            self.ask_server_for_all(&server, now);
        }
        self.servers.push(server);
        self.advance(now);
        Ok(())
    }

    /// Begins to gather, with all addresses and servers told so far; those told later join in.
    pub fn gather(&mut self, now: Instant) {
        if self.is_closed() || self.gathering != GatheringState::New {
            return;
        }
        self.gathering = GatheringState::Gathering;
        self.tell(Event::GatheringState(GatheringState::Gathering));
        for base in self.addresses.clone() {
            self.add_host(base);
        }
        self.ask_servers(now);
        self.advance(now);
    }

    /// Asks all servers what was not asked yet.
    pub(super) fn ask_servers(&mut self, now: Instant) {
        for server in self.servers.clone() {
            self.ask_server_for_all(&server, now);
        }
    }

    /// What servers have seen may no longer be so.
    pub(super) fn forget_reflexive(&mut self) {
        self.lookups.clear();
        for local in self.locals.values_mut() {
            local.is_told &= local.candidate.kind != CandidateKind::ServerReflexive;
        }
        self.forget_unused_locals();
    }

    /// An address was added while gathering, or after it.
    pub(super) fn gather_from(&mut self, base: Base, now: Instant) {
        self.note_gathering_again();
        self.add_host(base);
        if base.protocol == CandidateProtocol::Udp {
            for server in self.servers.clone() {
                self.ask_server_from(&server, base, now);
            }
        }
    }

    fn add_host(&mut self, base: Base) {
        self.add_local(&Found {
            kind: CandidateKind::Host,
            protocol: base.protocol,
            address: match base.protocol {
                // RFC 6544 §4.5: nobody is to connect there.
                CandidateProtocol::Tcp(TcpType::Active) => SocketAddr::new(base.address.ip(), 9),
                CandidateProtocol::Udp | CandidateProtocol::Tcp(_) => base.address,
            },
            related: None,
            origin: base.origin(),
            local_preference: base.local_preference,
            server: None,
            base: base.address.ip(),
        });
    }

    pub(super) fn ask_server_for_all(&mut self, server: &IceServer, now: Instant) {
        if self.config.lite {
            return;
        }
        if let IceServer::Turn { transport, .. } = server
            && transport.protocol() != Protocol::Udp
        {
            self.add_relay(server, None, now);
            return;
        }
        for base in self.addresses.clone() {
            if base.protocol == CandidateProtocol::Udp {
                self.ask_server_from(server, base, now);
            }
        }
    }

    fn ask_server_from(&mut self, server: &IceServer, base: Base, now: Instant) {
        let address = canonical(server.address());
        if self.config.lite || !may_reach(base.address.ip(), address.ip()) {
            return;
        }
        match server {
            IceServer::Stun { .. } => self.add_lookup(base.address, address, now),
            IceServer::Turn { transport, .. } => {
                if transport.protocol() == Protocol::Udp {
                    self.add_relay(server, Some(base), now);
                }
            }
        }
    }

    fn add_lookup(&mut self, local: SocketAddr, server: SocketAddr, now: Instant) {
        // RFC 8828 §5.2: with relayed candidates only, a reflexive one is of no use.
        let is_known = |lookup: &Lookup| lookup.local == local && lookup.server == server;
        if self.config.policy == TransportPolicy::Relay
            || self.lookups.len() >= LOOKUPS_MAX
            || self.lookups.iter().any(is_known)
        {
            return;
        }
        let id = self.transaction_id();
        self.lookups.push(Lookup { local, server, id, began: now, state: LookupState::Waiting });
    }

    pub(super) fn transaction_id(&mut self) -> TransactionId {
        let mut id = TransactionId([0; 12]);
        self.random.fill_bytes(&mut id.0);
        id
    }

    pub(super) fn has_lookup_to_start(&self) -> bool {
        self.lookups.iter().any(|lookup| lookup.state == LookupState::Waiting)
    }

    /// Asks the next server that is to be asked. `false`: there is none.
    pub(super) fn start_lookup(&mut self, now: Instant) -> bool {
        let rto = self.config.timing.rto;
        let Some(lookup) = self.lookups.iter_mut().find(|it| it.state == LookupState::Waiting) else {
            return false;
        };
        lookup.state = LookupState::Asked { sent: 1, due: now + rto };
        lookup.began = now;
        let (local, server, id) = (lookup.local, lookup.server, lookup.id);
        self.ask(local, server, id);
        true
    }

    fn ask(&mut self, local: SocketAddr, server: SocketAddr, id: TransactionId) {
        let mut buffer = [0; 32];
        let request = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id)
            .and_then(|request| request.finish(Seal { fingerprint: true, ..Seal::default() }));
        if let Ok(request) = request {
            self.queue(local, server, Protocol::Udp, request);
        }
    }

    /// Asks again what was not answered, and gives up what was asked often enough.
    pub(super) fn expire_lookups(&mut self, now: Instant) {
        let rto = self.config.timing.rto;
        let is_over = matches!(self.state, ConnectionState::Completed);
        let mut to_ask = Vec::new();
        let mut given_up = Vec::new();
        self.lookups.retain_mut(|lookup| match lookup.state {
            LookupState::Asked { sent, due } if due <= now => {
                if sent >= REQUESTS_MAX {
                    given_up.push(lookup.server);
                    return false;
                }
                let wait = if sent + 1 >= REQUESTS_MAX { rto * LAST_WAIT_RTOS } else { rto * (1 << sent) };
                lookup.state = LookupState::Asked { sent: sent + 1, due: now + wait };
                to_ask.push((lookup.local, lookup.server, lookup.id));
                true
            }
            LookupState::Answered { again } if again <= now => {
                if is_over || now >= lookup.began + KEEP_REFLEXIVE_FOR {
                    return false;
                }
                lookup.state = LookupState::Answered { again: now + self.config.timing.keepalive_interval };
                to_ask.push((lookup.local, lookup.server, lookup.id));
                true
            }
            LookupState::Waiting | LookupState::Asked { .. } | LookupState::Answered { .. } => true,
        });
        for (local, server, id) in to_ask {
            self.ask(local, server, id);
        }
        for server in given_up {
            let reason = "the STUN server did not answer";
            self.tell(Event::LocalCandidateError { server, code: NOT_REACHED, reason });
        }
    }

    pub(super) fn lookups_due(&self) -> Option<Deadline> {
        let due = self.lookups.iter().filter_map(|lookup| match lookup.state {
            LookupState::Waiting => None,
            LookupState::Asked { due, .. } => Some(Deadline::new(due, "a STUN server's answer is overdue")),
            LookupState::Answered { again } => {
                Some(Deadline::new(again, "a reflexive address is to be kept alive"))
            }
        });
        due.min_by_key(|deadline| deadline.at)
    }

    /// Whether a response answers a question to a STUN server.
    pub(super) fn lookup_answered(
        &mut self,
        origin: Origin,
        from: SocketAddr,
        message: &Message<'_>,
        now: Instant,
    ) -> bool {
        let Origin::Udp(local) = origin else { return false };
        let is_it = |lookup: &&mut Lookup| {
            lookup.id == message.transaction_id() && lookup.local == local && lookup.server == from
        };
        let Some(lookup) = self.lookups.iter_mut().find(is_it) else { return false };
        let was_asked = matches!(lookup.state, LookupState::Asked { .. });
        if !was_asked {
            return true;
        }
        lookup.state = LookupState::Answered { again: now + self.config.timing.keepalive_interval };
        let server = lookup.server;
        if message.class() == Class::ErrorResponse {
            let code = message.get::<ErrorCode<'_>>().ok().flatten().map_or(400, |error| error.code());
            self.lookups.retain(|lookup| lookup.id != message.transaction_id());
            let reason = "the STUN server answered with an error";
            self.tell(Event::LocalCandidateError { server, code, reason });
            return true;
        }
        let mapped = message.get::<XorMappedAddress>().ok().flatten().map(|mapped| mapped.0);
        let mapped = mapped.or_else(|| message.get::<MappedAddress>().ok().flatten().map(|mapped| mapped.0));
        if let Some(mapped) = mapped {
            self.add_reflexive(local, canonical(mapped), server);
        }
        true
    }

    /// What a server sees of an address. Behind no NAT that is the address itself, and nothing new.
    pub(super) fn add_reflexive(&mut self, local: SocketAddr, mapped: SocketAddr, server: SocketAddr) {
        if mapped == local || !is_one_host(mapped.ip()) || mapped.port() == 0 {
            return;
        }
        let is_it = |base: &&Base| base.address == local && base.protocol == CandidateProtocol::Udp;
        let Some(base) = self.addresses.iter().find(is_it).copied() else { return };
        self.add_local(&Found {
            kind: CandidateKind::ServerReflexive,
            protocol: CandidateProtocol::Udp,
            address: mapped,
            related: Some(local),
            origin: Origin::Udp(local),
            local_preference: base.local_preference,
            server: Some((server.ip(), Protocol::Udp)),
            base: local.ip(),
        });
    }

    pub(super) fn note_gathering_again(&mut self) {
        if self.gathering == GatheringState::Complete {
            self.gathering = GatheringState::Gathering;
            self.tell(Event::GatheringState(GatheringState::Gathering));
        }
    }

    /// Notes that all that was asked has answered, or not.
    pub(super) fn note_gathering(&mut self) {
        let is_asking = |lookup: &Lookup| !matches!(lookup.state, LookupState::Answered { .. });
        if self.gathering != GatheringState::Gathering
            || self.lookups.iter().any(is_asking)
            || self.relays.values().any(super::relay::Relay::is_beginning)
        {
            return;
        }
        self.gathering = GatheringState::Complete;
        self.tell(Event::GatheringState(GatheringState::Complete));
    }
}
