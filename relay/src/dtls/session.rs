//! The DTLS sessions of a shard.

use super::DtlsIdentity;
use super::cookie::{Alert, COOKIE_LEN, ClientHello, Cookies, first_hello};
use super::provider::{contained, with_cookie};
use crate::keyed::{Key, Keyed};
use dimpl::{Dtls, Output};
use moim_turn::{FiveTuple, RealmId};
use moim_wire::Deadline;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most sessions of a shard.
const SESSIONS_MAX: usize = 1 << 16;
/// Most handshakes of a shard at a time.
const HANDSHAKES_MAX: usize = 1024;
/// Most sessions without an allocation, handshakes included, from one network: an IPv4 /24, an IPv6 /48.
const STRANGERS_PER_NETWORK_MAX: usize = 128;
/// How long a session without an allocation may send no message.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The same for a session whose client has turned to another shard, which may have made an allocation for it: allocations have
/// to be refreshed, by default every ten minutes at least.
const IDLE_ELSEWHERE_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest message that a record takes (RFC 6347 §4.1), in bytes.
const MESSAGE_LEN_MAX: usize = 1 << 14;
/// The number of the record that ends a handshake that failed: one that was not used before.
const LAST_RECORD: [u8; 6] = [0, 0, 0, 0, 1, 0];
/// A session wants to be woken no sooner than so long after it was.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Room for a record with everything around it.
const POLL_LEN: usize = MESSAGE_LEN_MAX + 1024;

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DtlsEnded {
    /// The client said so.
    ByClient,
    /// The handshake failed or took too long, or something came that must not.
    Failed,
    /// No allocation, and no message for some time.
    Idle,
    /// The client began anew from the same address.
    Replaced,
}

impl DtlsEnded {
    /// Every cause, in the order they are declared.
    pub const ALL: [Self; 4] = [Self::ByClient, Self::Failed, Self::Idle, Self::Replaced];

    /// A name for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByClient => "by_client",
            Self::Failed => "failed",
            Self::Idle => "idle",
            Self::Replaced => "replaced",
        }
    }
}

/// What happened to DTLS clients, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DtlsCounters {
    /// Clients asked for a cookie.
    pub challenged: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Handshakes completed.
    pub completed: u64,
    /// Clients not let in, since there were too many.
    pub refused: u64,
    /// Clients not let in, since they speak DTLS 1.0 only.
    pub outdated: u64,
    /// Datagrams that were of no session and began none.
    pub stray: u64,
    /// Messages to clients that could not be sent: too long, or before the handshake was done.
    pub unsent: u64,
    /// Sessions over, by cause as in [`DtlsEnded::ALL`].
    pub ended: [u64; DtlsEnded::ALL.len()],
}

/// A datagram for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DtlsTransmit {
    /// Whom to.
    pub(crate) five_tuple: FiveTuple,
    /// Where it lies in the output.
    pub(crate) range: Range<usize>,
    /// The client has shown that the address is its own. If not, it is for a budget to say whether to send.
    pub(crate) is_proven: bool,
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DtlsMessage {
    /// Whom from.
    pub(crate) five_tuple: FiveTuple,
    /// The realm of the listener.
    pub(crate) realm: RealmId,
    /// Where it lies in the output.
    pub(crate) range: Range<usize>,
}

/// What sessions want done, with the bytes it takes. Used again and again.
#[derive(Debug, Default)]
pub(crate) struct DtlsOutput {
    /// Where transmits and messages lie.
    pub(crate) bytes: Vec<u8>,
    /// What is to be sent.
    pub(crate) transmits: Vec<DtlsTransmit>,
    /// What has come.
    pub(crate) messages: Vec<DtlsMessage>,
    /// Sessions that are over; their allocations have lost their clients.
    pub(crate) ended: Vec<FiveTuple>,
}

impl DtlsOutput {
    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.transmits.is_empty() && self.messages.is_empty() && self.ended.is_empty()
    }

    /// Forgets what was done.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.transmits.clear();
        self.messages.clear();
        self.ended.clear();
    }

    fn transmit(&mut self, five_tuple: FiveTuple, datagram: &[u8], is_proven: bool) {
        let range = self.push(datagram);
        self.transmits.push(DtlsTransmit { five_tuple, range, is_proven });
    }

    fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// One client's session.
#[derive(Debug)]
struct Session {
    dtls: Dtls,
    five_tuple: FiveTuple,
    realm: RealmId,
    /// Which of the client's handshakes it is of.
    random: [u8; 32],
    phase: Phase,
    /// When the client was last heard, or began.
    heard: Instant,
    /// How long it may be silent without an allocation.
    idle_max: Duration,
    /// What `dimpl` wants to be woken for.
    timer: Option<Instant>,
    /// When the deadlines have an entry for it.
    woken_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The handshake goes on; this cookie was shown.
    Handshake([u8; COOKIE_LEN]),
    /// There is no allocation.
    Stranger,
    /// There is one, which has an end of its own.
    Allocated,
}

/// The DTLS sessions of a shard.
pub(crate) struct DtlsSessions {
    identity: DtlsIdentity,
    cookies: Cookies,
    sessions: Keyed<Session>,
    keys: HashMap<FiveTuple, Key>,
    /// Sessions without an allocation, by network. As many entries as there are of those, at most.
    strangers: HashMap<IpAddr, usize>,
    handshakes: usize,
    deadlines: BTreeSet<(Instant, Key)>,
    scratch: Vec<u8>,
    poll: Box<[u8]>,
    counters: DtlsCounters,
}

impl std::fmt::Debug for DtlsSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsSessions")
            .field("sessions", &self.sessions.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl DtlsSessions {
    /// No sessions yet. `secret` comes from a cryptographic random source.
    pub(crate) fn new(identity: DtlsIdentity, secret: [u8; 32], now: Instant) -> Self {
        Self {
            identity,
            cookies: Cookies::new(secret, now),
            sessions: Keyed::default(),
            keys: HashMap::new(),
            strangers: HashMap::new(),
            handshakes: 0,
            deadlines: BTreeSet::new(),
            scratch: Vec::new(),
            poll: vec![0; POLL_LEN].into(),
            counters: DtlsCounters::default(),
        }
    }

    /// Shows another certificate from now on.
    pub(crate) fn set_identity(&mut self, identity: DtlsIdentity) {
        self.identity = identity;
    }

    /// Totals since the start.
    pub(crate) fn counters(&self) -> &DtlsCounters {
        &self.counters
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Takes in a datagram of a client.
    pub(crate) fn receive(
        &mut self,
        five_tuple: FiveTuple,
        realm: RealmId,
        datagram: &[u8],
        now: Instant,
        out: &mut DtlsOutput,
    ) {
        let key = self.keys.get(&five_tuple).copied();
        let is_known = |random: &[u8; 32]| {
            key.and_then(|key| self.sessions.get(key)).is_some_and(|session| session.random == *random)
        };
        // RFC 6347 §4.2.8: a client that lost its session begins anew, and has to show a cookie again. Until it has, the
        // session that is there goes on: anybody could have sent the ClientHello.
        if let Some(hello) = ClientHello::parse(datagram)
            && !is_known(&hello.random)
        {
            if !hello.is_current {
                self.counters.outdated += 1;
                out.transmit(five_tuple, &Alert::ProtocolVersion.record(hello.record_number), false);
                return;
            }
            let Some(cookie) = self.cookies.check(&hello, &five_tuple, now) else {
                self.counters.challenged += 1;
                out.transmit(five_tuple, &self.cookies.request(&hello, &five_tuple, now), false);
                return;
            };
            if let Some(key) = key {
                self.end(key, DtlsEnded::Replaced, out);
            }
            if let Some(key) = self.begin(five_tuple, realm, hello.random, cookie, now) {
                self.drive(key, now, out, |dtls| dtls.handle_packet(datagram));
            }
            return;
        }
        match key {
            Some(key) => self.drive(key, now, out, |dtls| dtls.handle_packet(datagram)),
            None => self.counters.stray += 1,
        }
    }

    /// Sends a message, given in parts, to a client.
    pub(crate) fn send(
        &mut self,
        five_tuple: &FiveTuple,
        parts: &[&[u8]],
        now: Instant,
        out: &mut DtlsOutput,
    ) {
        let mut message = std::mem::take(&mut self.scratch);
        message.clear();
        for part in parts {
            message.extend_from_slice(part);
        }
        let key = self.keys.get(five_tuple).copied();
        let is_open = |key| self.sessions.get(key).is_some_and(Session::is_open);
        match key {
            Some(key) if message.len() <= MESSAGE_LEN_MAX && is_open(key) => {
                self.drive(key, now, out, |dtls| dtls.send_application_data(&message).map(drop));
            }
            _ => self.counters.unsent += 1,
        }
        self.scratch = message;
    }

    /// Says whether a client has an allocation now.
    pub(crate) fn set_allocated(&mut self, five_tuple: &FiveTuple, is_allocated: bool, now: Instant) {
        let Some(&key) = self.keys.get(five_tuple) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let client = five_tuple.client.ip();
        match (session.phase, is_allocated) {
            (Phase::Stranger, true) => {
                session.phase = Phase::Allocated;
                self.forget_stranger(client);
            }
            (Phase::Allocated, false) => {
                session.phase = Phase::Stranger;
                session.heard = now;
                *self.strangers.entry(network(client)).or_default() += 1;
            }
            (Phase::Handshake(_), _) | (Phase::Stranger, false) | (Phase::Allocated, true) => {}
        }
        self.watch(key);
    }

    /// Whether there is a session of this client.
    pub(crate) fn has(&self, five_tuple: &FiveTuple) -> bool {
        self.keys.contains_key(five_tuple)
    }

    /// A client has turned to another shard with what it wants.
    pub(crate) fn set_elsewhere(&mut self, five_tuple: &FiveTuple) {
        let Some(&key) = self.keys.get(five_tuple) else { return };
        if let Some(session) = self.sessions.get_mut(key) {
            session.idle_max = IDLE_ELSEWHERE_MAX;
        }
        self.watch(key);
    }

    /// When to come back with [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.deadlines.first().map(|(at, _)| Deadline { at: *at, reason: "a DTLS session" })
    }

    /// Sends again what was not answered, and ends sessions whose time is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut DtlsOutput) {
        while let Some(&(at, key)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            let Some(session) = self.sessions.get_mut(key) else { continue };
            session.woken_at = None;
            if session.idle_at().is_some_and(|at| at <= now) {
                self.drive(key, now, out, Dtls::close);
                self.end(key, DtlsEnded::Idle, out);
            } else {
                self.drive(key, now, out, |_| Ok(()));
            }
        }
    }

    fn begin(
        &mut self,
        five_tuple: FiveTuple,
        realm: RealmId,
        random: [u8; 32],
        cookie: [u8; COOKIE_LEN],
        now: Instant,
    ) -> Option<Key> {
        let strangers = self.strangers.get(&network(five_tuple.client.ip())).copied().unwrap_or(0);
        if self.sessions.len() >= SESSIONS_MAX
            || self.handshakes >= HANDSHAKES_MAX
            || strangers >= STRANGERS_PER_NETWORK_MAX
        {
            self.counters.refused += 1;
            return None;
        }
        let DtlsIdentity { certificate, config } = self.identity.clone();
        let mut dtls = Dtls::new_12(Arc::clone(&config), certificate, now);
        // The session has to have seen the exchange that it was not there for; what it says in it was said already.
        let poll = &mut self.poll;
        let seen = contained(|| {
            with_cookie(Some(cookie), || {
                dtls.handle_timeout(now)?;
                dtls.handle_packet(&first_hello(&random))?;
                while !matches!(dtls.poll_output(poll), Output::Timeout(_) | Output::BufferTooSmall { .. }) {}
                Ok::<_, dimpl::Error>(())
            })
        });
        if !matches!(seen, Some(Ok(()))) {
            self.counters.refused += 1;
            return None;
        }
        self.counters.begun += 1;
        self.handshakes += 1;
        *self.strangers.entry(network(five_tuple.client.ip())).or_default() += 1;
        let phase = Phase::Handshake(cookie);
        let key = self.sessions.insert(Session {
            dtls,
            five_tuple,
            realm,
            random,
            phase,
            heard: now,
            idle_max: IDLE_MAX,
            timer: None,
            woken_at: None,
        });
        self.keys.insert(five_tuple, key);
        Some(key)
    }

    /// Does something with a session, and takes out what comes of it.
    fn drive(
        &mut self,
        key: Key,
        now: Instant,
        out: &mut DtlsOutput,
        input: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let cookie = match session.phase {
            Phase::Handshake(cookie) => Some(cookie),
            Phase::Stranger | Phase::Allocated => None,
        };
        let poll = &mut self.poll;
        let driven = contained(|| {
            let done = with_cookie(cookie, || {
                session.dtls.handle_timeout(now)?;
                input(&mut session.dtls)
            });
            (done, session.take_output(poll, now, out))
        });
        let Some((done, polled)) = driven else {
            self.end(key, DtlsEnded::Failed, out);
            return;
        };
        if polled == Polled::Connected && !session.is_open() {
            session.phase = Phase::Stranger;
            self.handshakes -= 1;
            self.counters.completed += 1;
        }
        match (done, polled) {
            (Err(_), _) => {
                if let Some(session) = self.sessions.get(key)
                    && !session.is_open()
                {
                    // Any number does that was not used: nothing follows.
                    out.transmit(session.five_tuple, &Alert::HandshakeFailure.record(LAST_RECORD), true);
                }
                self.end(key, DtlsEnded::Failed, out);
            }
            (Ok(()), Polled::Closed) => self.end(key, DtlsEnded::ByClient, out),
            (Ok(()), Polled::Nothing | Polled::Connected) => self.watch(key),
        }
    }

    fn end(&mut self, key: Key, ended: DtlsEnded, out: &mut DtlsOutput) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.keys.remove(&session.five_tuple);
        if let Some(at) = session.woken_at {
            self.deadlines.remove(&(at, key));
        }
        if matches!(session.phase, Phase::Handshake(_)) {
            self.handshakes -= 1;
        }
        if session.phase != Phase::Allocated {
            self.forget_stranger(session.five_tuple.client.ip());
        }
        self.counters.ended[ended as usize] += 1;
        out.ended.push(session.five_tuple);
    }

    fn forget_stranger(&mut self, client: IpAddr) {
        let network = network(client);
        if let Some(count) = self.strangers.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.strangers.remove(&network);
            }
        }
    }

    fn watch(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let at = session.timer.into_iter().chain(session.idle_at()).min();
        if session.woken_at == at {
            return;
        }
        let before = std::mem::replace(&mut session.woken_at, at);
        if let Some(before) = before {
            self.deadlines.remove(&(before, key));
        }
        if let Some(at) = at {
            self.deadlines.insert((at, key));
        }
    }
}

/// What polling a session brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polled {
    Nothing,
    Connected,
    Closed,
}

impl Session {
    fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
    }

    /// When it ends if nothing is heard. Handshakes have an end of `dimpl`'s.
    fn idle_at(&self) -> Option<Instant> {
        (self.phase == Phase::Stranger).then(|| self.heard + self.idle_max)
    }

    fn take_output(&mut self, poll: &mut [u8], now: Instant, out: &mut DtlsOutput) -> Polled {
        let mut polled = Polled::Nothing;
        let five_tuple = self.five_tuple;
        loop {
            match self.dtls.poll_output(poll) {
                Output::Packet(datagram) => {
                    out.transmit(five_tuple, datagram, true);
                }
                Output::ApplicationData(message) => {
                    self.heard = now;
                    let range = out.push(message);
                    out.messages.push(DtlsMessage { five_tuple, realm: self.realm, range });
                }
                Output::Timeout(at) => {
                    // Far off means never. What is due already was done: nothing is done twice at one moment.
                    self.timer =
                        (at < now + Duration::from_secs(24 * 3600)).then_some(at.max(now + PAUSE_MIN));
                    return polled;
                }
                Output::Connected => polled = Polled::Connected,
                Output::CloseNotify => polled = Polled::Closed,
                // There is room for the longest record, so that what does not fit is none that may be.
                Output::BufferTooSmall { .. } => return Polled::Closed,
                // Certificates and keys of others, which are not asked for.
                Output::PeerCert(_) | Output::KeyingMaterial(..) | _ => {}
            }
        }
    }
}

/// What limits count as one: whoever has one address has those next to it too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)).into(),
    }
}

#[cfg(test)]
mod tests;
