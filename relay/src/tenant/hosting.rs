//! A shard's tenant, and what the shard keeps for it: which packets it is asked about, which other shard's they are, what it sends.

use super::outbox::Packets;
use super::{Claim, Datagrams, Guest, Outbox, ParcelHeader, Parcels, TenantCounters};
use crate::detours::{DetourLimits, Detours};
use crate::handover::{Bundle, Exchange, Handover};
use crate::ufrag::shard_of_check;
use moim_net::datagram::{DatagramKind, classify};
use moim_turn::{FiveTuple, ShardId, Shards};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many 5-tuples are remembered whose connections other shards have: most of a shard's, since the kernel does not know of shards.
const DETOURS_MAX: usize = 65_536;

/// How many are remembered that are relayed addresses of this process.
const RELAYED_MAX: usize = 16_384;

/// For how long, when nothing comes: consent is asked for every few seconds, and lost after 30 (RFC 7675 §5.1).
const IDLE_MAX: Duration = Duration::from_secs(120);

/// What a shard has for its tenant.
pub(crate) struct Hosting {
    guest: Box<dyn Guest>,
    /// Apart from the relay's, so that neither takes the other's room.
    pub(crate) exchange: Exchange,
    shards: Shards,
    /// Apart from the relay's as well: with one socket, a browser is one shard's client of TURN and has its connection on another.
    detours: Detours,
    /// 5-tuples of the connections here whose remote address is a relayed address of this process, by the shard that relays.
    pub(crate) relayed: Detours,
    pub(crate) packets: Packets,
    /// By which listener each run of the packets leaves, and from which of its addresses, while they are sent.
    pub(crate) routes: Vec<Option<(u8, Option<IpAddr>)>>,
    counters: TenantCounters,
    /// Packets for connections that there are none of.
    refused: u64,
}

/// What a [`Hosting`] is made of.
pub(crate) struct HostingParts {
    pub(crate) guest: Box<dyn Guest>,
    pub(crate) exchange: Exchange,
}

/// Who is asked about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The relay alone.
    Relay,
    /// The tenant whose 5-tuple it is, if it is one's.
    FiveTuple,
    /// The tenant of this shard alone: it is a connectivity check.
    Check(ShardId),
}

/// What a tenant is asked about packets that another shard has passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether their 5-tuple is its own.
    FiveTuple,
    /// Whether they are authentic checks.
    Check,
}

impl Owner {
    /// Goes by the beginning, or by the user name, of a packet.
    pub(crate) fn of(packet: &[u8], shards: Shards) -> Self {
        match classify(packet) {
            DatagramKind::Rtp | DatagramKind::Rtcp | DatagramKind::Dtls => Self::FiveTuple,
            DatagramKind::Stun => Self::of_stun(packet, shards),
            DatagramKind::TurnChannel | DatagramKind::Zrtp | DatagramKind::Unknown => Self::Relay,
        }
    }

    fn of_stun(message: &[u8], shards: Shards) -> Self {
        // RFC 8489 §5: two bits of the type are the class, the others the method.
        match message {
            [0x00, 0x01, ..] => match shard_of_check(message).filter(|shard| shard.0 < shards.count()) {
                Some(shard) => Self::Check(shard),
                None => Self::Relay,
            },
            // Binding indications, and both kinds of responses. The relay asks nobody.
            [0x00, 0x11, ..] | [0x01, 0x01 | 0x11, ..] => Self::FiveTuple,
            _ => Self::Relay,
        }
    }

    /// Who is asked about the first packets of a train, and how many bytes they are.
    pub(crate) fn of_first(train: &[u8], segment_len: usize, shards: Shards) -> (Self, usize) {
        let segment_len = segment_len.max(1);
        let mut owners = train.chunks(segment_len).map(|packet| Self::of(packet, shards));
        let Some(first) = owners.next() else { return (Self::Relay, 0) };
        let count = 1 + owners.take_while(|owner| *owner == first).count();
        (first, (count * segment_len).min(train.len()))
    }

    fn asked(self) -> Option<(Asked, Option<ShardId>)> {
        match self {
            Self::Relay => None,
            Self::FiveTuple => Some((Asked::FiveTuple, None)),
            Self::Check(shard) => Some((Asked::Check, Some(shard))),
        }
    }
}

impl Hosting {
    /// A tenant that nothing has happened to yet.
    pub(crate) fn new(parts: HostingParts, shards: Shards, now: Instant) -> Self {
        let HostingParts { guest, exchange } = parts;
        let limits = |len_max| DetourLimits { len_max, idle_max: IDLE_MAX };
        Self {
            guest,
            exchange,
            shards,
            detours: Detours::new(limits(DETOURS_MAX), now),
            relayed: Detours::new(limits(RELAYED_MAX), now),
            packets: Packets::default(),
            routes: Vec::new(),
            counters: TenantCounters::default(),
            refused: 0,
        }
    }

    /// Asks the tenants about packets that came from the network, all of one owner's. `false`: they are nobody's.
    pub(crate) fn offer(&mut self, owner: Owner, datagrams: Datagrams<'_>, now: Instant) -> bool {
        let Some((asked, shard)) = owner.asked() else { return false };
        // What a check has said counts, whatever this shard's tenant may still have.
        let shard = shard.or_else(|| self.detours.shard_of(&datagrams.five_tuple, now));
        if let Some(shard) = shard.filter(|shard| *shard != self.shards.own()) {
            let Datagrams { five_tuple, bytes, segment_len, traffic_class } = datagrams;
            let handover = Handover::ForTenant { five_tuple, asked, is_relayed: false };
            self.pass_on(shard, handover, (bytes, segment_len), traffic_class);
            return true;
        }
        let five_tuple = datagrams.five_tuple;
        match (self.ask(asked, datagrams, now), asked) {
            (Claim::Taken, Asked::FiveTuple) => true,
            (Claim::NotMine, Asked::FiveTuple) => false,
            (Claim::Taken, Asked::Check) => {
                self.detours.forget(&five_tuple);
                self.relayed.forget(&five_tuple);
                true
            }
            (Claim::NotMine, Asked::Check) => {
                // Nobody else answers a check.
                self.refused += 1;
                true
            }
        }
    }

    /// Passes on a packet from a relayed address of this process, which need not cross the kernel. `false`: it is for no tenant.
    pub(crate) fn offer_relayed(
        &mut self,
        five_tuple: FiveTuple,
        packet: &[u8],
        traffic_class: u8,
        now: Instant,
    ) -> bool {
        let Some((asked, shard)) = Owner::of(packet, self.shards).asked() else { return false };
        let shard = shard.or_else(|| self.detours.shard_of(&five_tuple, now));
        // By the exchange even if it is this shard's: the relay's bytes are not the tenant's to change.
        let shard = shard.unwrap_or(self.shards.own());
        let handover = Handover::ForTenant { five_tuple, asked, is_relayed: true };
        self.pass_on(shard, handover, (packet, packet.len()), traffic_class);
        true
    }

    /// Asks the tenant about packets that another shard has passed on, and lets that one know whether it goes on doing so.
    pub(crate) fn take_passed_on(
        &mut self,
        maker: ShardId,
        (asked, is_relayed): (Asked, bool),
        datagrams: Datagrams<'_>,
        now: Instant,
    ) {
        let five_tuple = datagrams.five_tuple;
        let claim = self.ask(asked, datagrams, now);
        self.refused += u64::from(claim == Claim::NotMine);
        let is_wanted = match (claim, asked) {
            (Claim::Taken, Asked::Check) => true,
            (Claim::NotMine, Asked::FiveTuple) => false,
            (Claim::Taken, Asked::FiveTuple) | (Claim::NotMine, Asked::Check) => return,
        };
        if is_wanted && is_relayed {
            self.relayed.remember(five_tuple, maker, now);
        } else if is_wanted {
            self.relayed.forget(&five_tuple);
        }
        if maker != self.shards.own() {
            self.exchange.hand_over(maker, Handover::Detour { five_tuple, is_wanted }, &[], 0);
        } else if is_wanted {
            // If it is not, another shard may have said meanwhile that it has it.
            self.detours.forget(&five_tuple);
        }
    }

    /// The tenant of shard `home` has, or has not, what comes from somewhere.
    pub(crate) fn set_detour(&mut self, five_tuple: FiveTuple, home: ShardId, is_wanted: bool, now: Instant) {
        if is_wanted {
            self.counters.detours_refused += u64::from(!self.detours.remember(five_tuple, home, now));
        } else if self.detours.shard_of(&five_tuple, now) == Some(home) {
            self.detours.forget(&five_tuple);
        }
    }

    /// Gives the tenant what that of another shard has sent.
    pub(crate) fn take_parcels(
        &mut self,
        (from, header): (ShardId, ParcelHeader),
        bytes: &mut [u8],
        segment_len: usize,
        now: Instant,
    ) {
        let parcels = Parcels { from, header, bytes, segment_len };
        self.counters.parcels += parcels.packets() as u64;
        self.guest.handle_parcels(parcels, &mut Outbox::new(&mut self.packets, &mut self.exchange), now);
    }

    /// Gives the tenant what other threads have for it; how many messages that were.
    pub(crate) fn take_messages(&mut self, count_max: usize, now: Instant) -> usize {
        let mut out = Outbox::new(&mut self.packets, &mut self.exchange);
        let taken = (0..count_max).take_while(|_| self.guest.take_message(&mut out, now)).count();
        self.counters.messages += taken as u64;
        taken
    }

    /// Takes what another shard sent.
    pub(crate) fn receive(&self) -> Option<Bundle> {
        self.exchange.receive()
    }

    /// Lets the tenant do what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.detours.handle_timeout(now);
        self.relayed.handle_timeout(now);
        self.guest.handle_timeout(&mut Outbox::new(&mut self.packets, &mut self.exchange), now);
    }

    /// When to come back.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let guest = self.guest.poll_timeout().map(|deadline| deadline.at);
        [guest, self.detours.poll_timeout(), self.relayed.poll_timeout()].into_iter().flatten().min()
    }

    /// What the tenant did.
    pub(crate) fn counters(&self) -> TenantCounters {
        self.counters
    }

    /// Packets for connections that there are none of.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    fn ask(&mut self, asked: Asked, datagrams: Datagrams<'_>, now: Instant) -> Claim {
        let packets = datagrams.packets();
        let mut out = Outbox::new(&mut self.packets, &mut self.exchange);
        let claim = match asked {
            Asked::FiveTuple => self.guest.handle_datagrams(datagrams, &mut out, now),
            Asked::Check => self.guest.handle_checks(datagrams, &mut out, now),
        };
        if claim == Claim::Taken {
            self.counters.packets_taken += packets as u64;
            self.counters.trains_taken += 1;
        }
        claim
    }

    fn pass_on(&mut self, shard: ShardId, handover: Handover, train: (&[u8], usize), traffic_class: u8) {
        let packets = self.exchange.hand_over_train(shard, handover, train, traffic_class);
        self.counters.passed_on += packets as u64;
    }
}

impl fmt::Debug for HostingParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostingParts").finish_non_exhaustive()
    }
}

impl fmt::Debug for Hosting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosting").field("counters", &self.counters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::exchanges;
    use crate::mailbox::Bell;
    use crate::ufrag::ufrag_prefix;
    use moim_stun::attribute::Username;
    use moim_stun::{Class, MessageBuilder, Method, Seal, TransactionId};
    use moim_turn::Transport;
    use moim_wire::Deadline;
    use std::sync::Arc;

    /// Has no connections.
    struct Nobody;

    impl Guest for Nobody {
        fn handle_datagrams(&mut self, _: Datagrams<'_>, _: &mut Outbox<'_>, _: Instant) -> Claim {
            Claim::NotMine
        }

        fn handle_checks(&mut self, _: Datagrams<'_>, _: &mut Outbox<'_>, _: Instant) -> Claim {
            Claim::NotMine
        }

        fn handle_parcels(&mut self, _: Parcels<'_>, _: &mut Outbox<'_>, _: Instant) {}

        fn take_message(&mut self, _: &mut Outbox<'_>, _: Instant) -> bool {
            false
        }

        fn handle_timeout(&mut self, _: &mut Outbox<'_>, _: Instant) {}

        fn poll_timeout(&self) -> Option<Deadline> {
            None
        }
    }

    /// What comes by a relayed address is passed on by way of the exchange, also within a shard: what another shard says meanwhile counts.
    #[test]
    fn what_another_shard_has_taken_meanwhile_stays_its() {
        let bells = [(); 3].map(|()| Arc::new(Bell::new().unwrap()));
        let exchange = exchanges(&bells).swap_remove(1);
        let now = Instant::now();
        let mut hosting = Hosting::new(HostingParts { guest: Box::new(Nobody), exchange }, SHARDS, now);
        let client = "192.0.2.1:50000".parse().unwrap();
        let five_tuple = FiveTuple::new(Transport::Udp, client, "192.0.2.1:3478".parse().unwrap());

        assert!(hosting.offer_relayed(five_tuple, &[0x80, 0x60], 0, now));
        hosting.exchange.send();
        let mut bundle = hosting.receive().unwrap();
        hosting.set_detour(five_tuple, ShardId(2), true, now);
        let (maker, handover) = (bundle.maker(), bundle.trains[0].handover);
        let Handover::ForTenant { asked, is_relayed, .. } = handover else { panic!("{handover:?}") };
        let datagrams = Datagrams { five_tuple, bytes: &mut bundle.bytes, segment_len: 2, traffic_class: 0 };
        hosting.take_passed_on(maker, (asked, is_relayed), datagrams, now);

        assert_eq!(hosting.detours.shard_of(&five_tuple, now), Some(ShardId(2)));
    }

    const SHARDS: Shards = match Shards::new(3, ShardId(1)) {
        Some(shards) => shards,
        None => Shards::ONE,
    };

    /// Covers: RFC 7983 §7
    #[test]
    fn who_is_asked_goes_by_the_protocol_and_by_the_user_name() {
        let check =
            |shard| stun(Class::Request, Method::BINDING, &format!("{}abc:peer", ufrag_prefix(shard)));
        let cases = [
            (vec![0x80, 0x60], Owner::FiveTuple),
            (vec![0x80, 200], Owner::FiveTuple),
            (vec![22, 0xfe], Owner::FiveTuple),
            (vec![0x40, 0], Owner::Relay),
            (vec![16, 0], Owner::Relay),
            (vec![], Owner::Relay),
            (vec![0], Owner::Relay),
            (vec![0, 1], Owner::Relay),
            (check(ShardId(0)), Owner::Check(ShardId(0))),
            (check(ShardId(1)), Owner::Check(ShardId(1))),
            (check(ShardId(3)), Owner::Relay),
            (stun(Class::Request, Method::BINDING, "1700000000:user"), Owner::Relay),
            (stun(Class::Request, Method::BINDING, ""), Owner::Relay),
            (stun(Class::Indication, Method::BINDING, ""), Owner::FiveTuple),
            (stun(Class::SuccessResponse, Method::BINDING, ""), Owner::FiveTuple),
            (stun(Class::ErrorResponse, Method::BINDING, ""), Owner::FiveTuple),
            (stun(Class::Request, moim_turn::method::ALLOCATE, ""), Owner::Relay),
            (stun(Class::Indication, moim_turn::method::SEND, ""), Owner::Relay),
        ];
        for (packet, owner) in cases {
            assert_eq!(Owner::of(&packet, SHARDS), owner, "{packet:?}");
        }
    }

    #[test]
    fn a_train_is_parted_where_the_owner_changes() {
        let rtp = [0x80, 0x60, 0, 0];
        let channel = [0x40, 0, 0, 0];
        let train = [&rtp[..], &rtp, &channel, &rtp, &channel[..2]].concat();

        let mut start = 0;
        let mut parts = Vec::new();
        while start < train.len() {
            let (owner, len) = Owner::of_first(&train[start..], 4, SHARDS);
            parts.push((owner, len));
            start += len;
        }

        let expected = [(Owner::FiveTuple, 8), (Owner::Relay, 4), (Owner::FiveTuple, 4), (Owner::Relay, 2)];
        assert_eq!(parts, expected);
        assert_eq!(Owner::of_first(&[], 0, SHARDS), (Owner::Relay, 0), "an empty packet");
    }

    fn stun(class: Class, method: Method, username: &str) -> Vec<u8> {
        let mut buffer = [0; 128];
        let mut builder = MessageBuilder::new(&mut buffer, class, method, TransactionId([1; 12])).unwrap();
        if !username.is_empty() {
            builder.attribute(&Username(username)).unwrap();
        }
        builder.finish(Seal::default()).unwrap().to_vec()
    }
}
