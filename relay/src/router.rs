//! What one shard knows, and how it decides: everything but waiting for sockets.

mod allocate;
mod datagrams;
mod deliver;
mod streams;
mod tcp;
mod tenant;

use crate::Discovery;
use crate::binding::{BindingServers, Response};
use crate::clients::{Clients, ClientsParts};
use crate::counters::{RelayDrop, ShardCounters};
use crate::detours::{DetourLimits, Detours};
use crate::dtls::DtlsSessions;
use crate::ends::Ends;
use crate::handover::{Bundle, Exchange, HandedTrain, Handover};
use crate::listeners::Listeners;
use crate::plan::{PeerWay, Place, Plan};
use crate::seed::Seed;
use crate::seldom::Seldom;
use crate::tenant::{Hosting, HostingParts};
use moim_net::datagram::{DatagramKind, classify};
use moim_turn::channel_data::ChannelData;
use moim_turn::quota::Ledger;
use moim_turn::server::{Config, FromClient, Prefix, Received, Server, ToPeer};
use moim_turn::{
    AllocationId, ConnectionId, FiveTuple, Now, PerFamily, RealmId, RelayId, ShardId, Shards, Transport,
};
use moim_udp::{Poller, RecvBatch, SendBuffers, Socket, Train};
use moim_wire::Privacy;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub(crate) use tenant::Sent;

/// How many errors of one socket are taken in a turn. The rest comes with the next one.
const ERRORS_PER_TURN: usize = 16;

/// One shard, but for its thread.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) poller: Poller,
    pub(crate) listeners: Listeners,
    pub(crate) exchange: Exchange,
    pub(crate) clients: Clients,
    /// If there is a tenant.
    hosting: Option<Box<Hosting>>,
    config: Arc<Config>,
    shards: Shards,
    server: Server,
    binding: BindingServers,
    ends: Ends,
    detours: Detours,
    resting: tcp::Resting,
    ledger: Arc<Mutex<Ledger>>,
    privacy: Privacy,
    /// That addresses cannot be bound is said now and then: any client can cause it, by asking again and again.
    bind_warning: Seldom,
    plan: Plan,
    buffers: SendBuffers,
    counters: ShardCounters,
}

/// What a [`Router`] is made of.
#[derive(Debug)]
pub(crate) struct RouterParts {
    pub(crate) poller: Poller,
    pub(crate) listeners: Listeners,
    pub(crate) discovery: PerFamily<Option<Discovery>>,
    pub(crate) exchange: Exchange,
    pub(crate) clients: ClientsParts,
    pub(crate) hosting: Option<HostingParts>,
    pub(crate) ends: Ends,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) config: Arc<Config>,
    pub(crate) shards: Shards,
    pub(crate) seed: Seed,
    pub(crate) privacy: Privacy,
}

/// Packets of one length that came one way; the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    /// The packets, one after the other.
    pub(crate) bytes: &'a [u8],
    /// Where they lie.
    pub(crate) place: Place,
    /// How long each is.
    pub(crate) segment_len: usize,
    /// What their IP headers said.
    pub(crate) traffic_class: u8,
}

/// What is to be done with a connection after a message that came by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum After {
    /// Nothing.
    Done,
    /// It is one end of a connection with a peer from now on (RFC 6062 §5.4).
    Spliced(ConnectionId),
    /// It is for another shard, with the message, which is so long.
    Moves(ShardId, usize),
}

/// Where packets of a client come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromWhom {
    /// Between whom.
    pub(crate) five_tuple: FiveTuple,
    /// The realm of the listener.
    pub(crate) realm: RealmId,
    /// Whether another shard passed them on, so that this one is the end of their way.
    pub(crate) is_handed_over: bool,
}

impl<'a> Arrived<'a> {
    /// A train that lies in a slot, from its beginning on.
    pub(crate) fn new(slot: usize, train: Train<'a>) -> Self {
        Self {
            bytes: train.bytes,
            place: Place::new(slot, 0, train.bytes.len()),
            segment_len: train.segment_len,
            traffic_class: train.traffic_class,
        }
    }

    /// The packets and where each lies. An empty packet is one.
    fn packets(self) -> impl Iterator<Item = (&'a [u8], Place)> {
        let empty = self.bytes.is_empty().then_some((self.bytes, self.place));
        let chunks = self.bytes.chunks(self.segment_len.max(1)).scan(0, move |start, packet| {
            let range = *start..*start + packet.len();
            *start = range.end;
            Some((packet, self.place.part(range)))
        });
        empty.into_iter().chain(chunks)
    }
}

impl Router {
    /// A router without clients.
    pub(crate) fn new(parts: RouterParts, now: Instant) -> Self {
        let RouterParts { poller, listeners, discovery, exchange, clients, hosting, ends, .. } = parts;
        let RouterParts { ledger, config, shards, seed, privacy, .. } = parts;
        Self {
            poller,
            listeners,
            exchange,
            clients: Clients::new(clients, now),
            hosting: hosting.map(|parts| Box::new(Hosting::new(parts, shards, now))),
            server: Server::new(Arc::clone(&config), shards, seed.0, now),
            config,
            shards,
            binding: BindingServers::new(&discovery),
            ends,
            detours: Detours::new(DetourLimits::CLIENTS, now),
            resting: tcp::Resting::default(),
            privacy,
            bind_warning: Seldom::default(),
            ledger,
            plan: Plan::default(),
            buffers: SendBuffers::new(),
            counters: ShardCounters::default(),
        }
    }

    /// The TURN server.
    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// Goes by another configuration from now on.
    pub(crate) fn set_config(&mut self, config: Arc<Config>) {
        self.config = Arc::clone(&config);
        self.server.set_config(config);
    }

    /// The configuration.
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What the socket of a relayed transport address has to do with.
    pub(crate) fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Plans what a train from clients, or for the tenant, asks for.
    pub(crate) fn plan_from_listener(&mut self, place: u8, slot: usize, batch: &mut RecvBatch, now: Now) {
        let Some(listener) = self.listeners.get(place) else { return };
        let train = batch.train(slot);
        let Some(five_tuple) = listener.five_tuple(&train) else {
            self.counters.count_dropped(RelayDrop::UnusableAddress);
            return;
        };
        let from = FromWhom { five_tuple, realm: listener.realm, is_handed_over: false };
        let arrived = Arrived::new(slot, train);
        if self.hosting.is_none() {
            self.plan_from_client(from, arrived, now);
        } else {
            self.count_received(&arrived);
            self.plan_shared(from, slot, batch.train_mut(slot), now);
        }
    }

    /// Plans where packets of a client go. Those of a train have one way in common, which is looked up once.
    pub(crate) fn plan_from_client(&mut self, from: FromWhom, arrived: Arrived<'_>, now: Now) {
        self.count_received(&arrived);
        self.plan_packets(from, arrived, now);
    }

    fn plan_packets(&mut self, from: FromWhom, arrived: Arrived<'_>, now: Now) {
        let mut allocation = self.server.find(&from.five_tuple);
        for (packet, place) in arrived.packets() {
            if allocation.is_none() && self.pass_on(&from, packet, arrived.traffic_class, now.at) {
                continue;
            }
            match (allocation, kind(packet)) {
                (Some(id), DatagramKind::TurnChannel) => {
                    self.channel_data(id, packet, place, arrived.traffic_class, now.at);
                }
                (_, DatagramKind::Stun | DatagramKind::TurnChannel) => {
                    // What is for connections does not come by UDP.
                    let (After::Done | After::Moves(..) | After::Spliced(_)) =
                        self.message(&from, packet, place, arrived.traffic_class, now);
                    // It may have made or ended the allocation.
                    allocation = self.server.find(&from.five_tuple);
                }
                (_, DatagramKind::Dtls) if !from.is_handed_over => self.plan_dtls(&from, packet, now),
                _ => self.counters.count_dropped(RelayDrop::UnknownProtocol),
            }
        }
    }

    /// Plans where packets of a peer go.
    pub(crate) fn plan_from_peer(&mut self, relay: RelayId, slot: usize, train: Train<'_>, now: Instant) {
        let arrived = Arrived::new(slot, train);
        self.count_received(&arrived);
        for (_, place) in arrived.packets() {
            self.plan_to_client(relay, train.source, place, arrived.traffic_class, now);
        }
    }

    /// Plans what another shard handed over, which lies in slot 0.
    pub(crate) fn plan_bundle(&mut self, bundle: &mut Bundle, now: Now) {
        self.clients.forget_homes(|five_tuple| self.server.find(five_tuple).is_none());
        let maker = bundle.maker();
        for train in &bundle.trains {
            let HandedTrain { segment_len, traffic_class, .. } = *train;
            let bytes = &mut bundle.bytes[train.start..][..train.len];
            if self.take_for_tenant(maker, train, bytes, now.at) {
                continue;
            }
            let place = Place::new(0, train.start, train.len);
            let arrived = Arrived { bytes, place, segment_len, traffic_class };
            match train.handover {
                Handover::Relayed { from, to } => match self.server.relay_at(to) {
                    Some(relay) => {
                        for (_, place) in arrived.packets() {
                            self.plan_to_client(relay, from, place, traffic_class, now.at);
                        }
                    }
                    None => self.counters.count_dropped(RelayDrop::NoRelayedAddress),
                },
                Handover::ToClient { five_tuple } => {
                    for (packet, _) in arrived.packets() {
                        self.clients.encrypt(&five_tuple, &[packet], now.at);
                    }
                }
                Handover::ClientGone { five_tuple } => {
                    self.clients.forget_home(&five_tuple);
                    self.server.client_gone(&five_tuple, now.at);
                }
                Handover::FromClient { five_tuple, realm } => {
                    self.clients.note_home(five_tuple, maker);
                    self.plan_from_client(FromWhom { five_tuple, realm, is_handed_over: true }, arrived, now);
                }
                // Those have been taken.
                Handover::ForTenant { .. } | Handover::Detour { .. } | Handover::Parcel { .. } => {}
            }
        }
    }

    /// Tells clients what the network says about packets sent to their peers (RFC 8656 §11.5).
    pub(crate) fn plan_errors(&mut self, relay: RelayId, now: Instant) {
        for _ in 0..ERRORS_PER_TURN {
            let Some(error) = self.ends.socket(relay).and_then(Socket::take_error) else { return };
            let icmp = allocate::icmp(&error);
            let reply = self.server.handle_icmp(relay, error.peer, icmp, now, self.plan.out());
            if let Some(reply) = reply {
                self.plan.respond(reply.five_tuple, reply.len);
            }
        }
    }

    /// Does what is due, and what has happened asks for.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.server.handle_timeout(now.at);
        self.detours.handle_timeout(now.at);
        self.expire_streams(now.at);
        self.expire_tcp(now.at);
        self.resume_accepting(now.at);
        self.expire_dtls(now);
        self.expire_tenant(now.at);
        // Responses to requests that have become overdue, and what DTLS had to say.
        self.deliver(&[][..], now.at);
        self.flush_streams(now.at);
        self.exchange.send();
    }

    /// Does what has happened asks for. It comes before anybody is told of it, so that whoever gives something back can have
    /// it again.
    pub(crate) fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.server.poll_event() {
            self.handle_event(event, now);
        }
    }

    /// When to come back.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.server.poll_timeout().map(|deadline| deadline.at);
        let hosting = self.hosting.as_ref().and_then(|hosting| hosting.poll_timeout());
        let others =
            [self.detours.poll_timeout(), self.resting.poll_timeout(), self.clients.poll_timeout(), hosting];
        deadline.into_iter().chain(others.into_iter().flatten()).min()
    }

    /// How often what happened.
    pub(crate) fn counters(&self) -> ShardCounters {
        let mut counters = self.counters.clone();
        counters.turn = self.server.counters().clone();
        counters.binding = self.binding.counters();
        counters.sent = *self.buffers.counters();
        counters.allocations = self.server.allocation_count();
        counters.dropped[RelayDrop::ShardBusy as usize] += self.exchange.dropped();
        if let Some(hosting) = &self.hosting {
            counters.tenant = hosting.counters();
            counters.dropped[RelayDrop::NoConnection as usize] += hosting.refused();
            counters.dropped[RelayDrop::TenantBusy as usize] += hosting.exchange.dropped();
        }
        let clients = &self.clients;
        counters.streams = *clients.streams.counters();
        counters.stream_clients = clients.streams.len();
        counters.dtls = clients.dtls.as_ref().map(DtlsSessions::counters).copied().unwrap_or_default();
        counters.dtls_sessions = clients.dtls.as_ref().map_or(0, DtlsSessions::len);
        counters.tcp_connections = clients.tcp.len();
        counters
    }

    /// A packet of a client whose allocation another shard holds is that shard's. Whether it is.
    fn pass_on(&mut self, from: &FromWhom, packet: &[u8], traffic_class: u8, now: Instant) -> bool {
        if from.is_handed_over {
            return false;
        }
        let Some(shard) = self.detours.shard_of(&from.five_tuple, now) else { return false };
        let handover = Handover::FromClient { five_tuple: from.five_tuple, realm: from.realm };
        self.exchange.hand_over(shard, handover, packet, traffic_class);
        true
    }

    fn channel_data(&mut self, id: AllocationId, packet: &[u8], place: Place, class: u8, now: Instant) {
        // What is dropped has been counted.
        if let Ok(to) = self.server.channel_data(id, packet, now) {
            self.plan_to_peer(to, packet, place, class, now);
        }
    }

    /// A STUN message, or one that nobody is known to have sent.
    fn message(&mut self, from: &FromWhom, packet: &[u8], place: Place, class: u8, now: Now) -> After {
        let FromWhom { five_tuple, realm, .. } = *from;
        if is_binding(packet) {
            self.binding(five_tuple, packet, now.at);
            return After::Done;
        }
        let received = Received { five_tuple, realm, bytes: packet };
        match self.server.handle_client(received, now, self.plan.out()) {
            FromClient::Dropped(_) => {}
            FromClient::Respond(len) => self.plan.respond(five_tuple, len),
            FromClient::ToPeer(to) => self.plan_to_peer(to, packet, place, class, now.at),
            FromClient::Allocate(request) => self.allocate(*request, now),
            FromClient::Elsewhere(_) if from.is_handed_over => {
                self.counters.count_dropped(RelayDrop::Misdirected);
            }
            FromClient::Elsewhere(shard) if five_tuple.transport != Transport::Udp => {
                return After::Moves(shard, packet.len());
            }
            FromClient::Elsewhere(shard) => {
                self.detours.remember(five_tuple, shard, now.at);
                let handover = Handover::FromClient { five_tuple, realm };
                self.exchange.hand_over(shard, handover, packet, class);
            }
            FromClient::Connect { connection, relay, peer, is_own: false } => {
                self.connect_peer(connection, relay, peer, now.at);
            }
            FromClient::Connect { connection, relay, peer, is_own: true } => {
                self.connect_own(connection, relay, peer, now.at);
            }
            FromClient::Spliced { connection, response } => {
                self.plan.respond(five_tuple, response);
                return After::Spliced(connection);
            }
        }
        After::Done
    }

    /// RFC 8489 §12: tells clients their address, those who have proved nothing within the budget of their network.
    fn binding(&mut self, five_tuple: FiveTuple, packet: &[u8], now: Instant) {
        let Some(response) = self.binding.handle(packet, five_tuple, self.plan.out()) else { return };
        let Response { five_tuple: way, len } = response;
        // Who is on a connection, or has an allocation, has shown that the address is theirs; not so another port of it, behind
        // which may be somebody else.
        let is_back = way.client == five_tuple.client;
        let is_proven = five_tuple.transport != Transport::Udp || self.server.find(&five_tuple).is_some();
        if !(is_back && is_proven || self.server.budget().spend(way.client.ip(), len, now)) {
            self.counters.count_dropped(RelayDrop::OverBudget);
            return;
        }
        self.counters.discovery.from_elsewhere += u64::from(way.server != five_tuple.server);
        self.counters.discovery.to_other_port += u64::from(!is_back);
        self.plan.respond(way, len);
    }

    fn plan_to_peer(&mut self, to: ToPeer, packet: &[u8], place: Place, traffic_class: u8, now: Instant) {
        if !to.is_own {
            let place = place.part(to.range);
            let ToPeer { relay, peer, dont_fragment, .. } = to;
            let way = PeerWay { relay, peer, traffic_class, dont_fragment };
            self.plan.send_to_peer(way, place);
            return;
        }
        if self.hosting.is_some()
            && self.pass_to_tenant((to.source, to.peer), &packet[to.range.clone()], traffic_class, now)
        {
            return;
        }
        let shard = self.shards.of_port(to.peer.port());
        if shard != self.shards.own() {
            let handover = Handover::Relayed { from: to.source, to: to.peer };
            self.exchange.hand_over(shard, handover, &packet[to.range], traffic_class);
        } else if let Some(relay) = self.server.relay_at(to.peer) {
            self.plan_to_client(relay, to.source, place.part(to.range), traffic_class, now);
        } else {
            self.counters.count_dropped(RelayDrop::NoRelayedAddress);
        }
    }

    fn plan_to_client(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        place: Place,
        traffic_class: u8,
        now: Instant,
    ) {
        let mut prefix = Prefix::EMPTY;
        // What is dropped has been counted.
        if let Ok(to) = self.server.handle_peer(relay, peer, place.len(), now, &mut prefix) {
            self.plan.send_to_client(to, prefix, place, traffic_class);
        }
    }

    fn count_received(&mut self, arrived: &Arrived<'_>) {
        self.counters.trains_received += 1;
        let packets = arrived.bytes.len().div_ceil(arrived.segment_len.max(1)).max(1);
        self.counters.packets_received += packets as u64;
    }
}

/// RFC 7983 knows the channels of RFC 8656; clients of RFC 5766 have more.
fn kind(packet: &[u8]) -> DatagramKind {
    if ChannelData::is_one(packet) { DatagramKind::TurnChannel } else { classify(packet) }
}

/// Whether a STUN message is of the Binding method (RFC 8489 §5: the class is two of the bits of the type).
fn is_binding(message: &[u8]) -> bool {
    const METHOD_MASK: u16 = 0x3eef;
    const BINDING: u16 = 0x0001;
    message.first_chunk().is_some_and(|head| u16::from_be_bytes(*head) & METHOD_MASK == BINDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::exchanges;
    use crate::mailbox::Bell;
    use crate::relayed_tcp::RelayedTcp;
    use crate::seed::Seed;
    use crate::{Listen, listeners};
    use moim_turn::auth::{Algorithms, Realm};
    use moim_turn::quota::Limits;
    use moim_turn::server::ServerSecrets;
    use std::time::SystemTime;

    #[test]
    fn the_shard_with_the_allocation_hears_of_the_end_of_a_dtls_session_elsewhere() {
        let [mut here, mut there] = routers();
        let now = Now { at: Instant::now(), wall: SystemTime::now() };
        let client = "192.0.2.9:4000".parse().unwrap();
        let five_tuple = FiveTuple::new(Transport::Dtls, client, "192.0.2.1:3478".parse().unwrap());
        here.detours.remember(five_tuple, ShardId(1), now.at);
        there.clients.note_home(five_tuple, ShardId(0));

        here.clients.dtls_out.ended.push(five_tuple);
        here.handle_timeout(now);

        assert_eq!(here.detours.shard_of(&five_tuple, now.at), None);
        let mut bundle = there.exchange.receive().unwrap();
        assert_eq!(bundle.trains[0].handover, Handover::ClientGone { five_tuple });
        there.plan_bundle(&mut bundle, now);
        assert_eq!(there.clients.home(&five_tuple), None);
    }

    fn routers() -> [Router; 2] {
        let now = Instant::now();
        let bells = [(); 2].map(|()| Arc::new(Bell::new().unwrap()));
        let mut exchanges = exchanges(&bells).into_iter();
        let none: [Listen; 0] = [];
        let mut listeners = listeners::bind(&none, 2).unwrap().into_iter();
        let realm = Realm::new("moim", Algorithms::default()).unwrap();
        let config = Arc::new(Config::new(vec![Arc::new(realm)], ServerSecrets::new([1; 32], [2; 32])));
        let relayed_tcp = RelayedTcp::default();
        [0, 1].map(|own| {
            let shards = Shards::new(2, ShardId(own)).unwrap();
            let parts = RouterParts {
                poller: Poller::new().unwrap(),
                listeners: listeners.next().unwrap(),
                exchange: exchanges.next().unwrap(),
                clients: ClientsParts { dtls: None, posts: Vec::new(), secret: Seed([3; 32]) },
                hosting: None,
                discovery: PerFamily::default(),
                ends: Ends::new(
                    PerFamily::default(),
                    &(50_000..=50_099),
                    shards,
                    [4; 32],
                    relayed_tcp.clone(),
                ),
                ledger: Arc::new(Mutex::new(Ledger::new(Limits::default(), now))),
                config: Arc::clone(&config),
                shards,
                seed: Seed([5; 32]),
                privacy: Privacy::default(),
            };
            Router::new(parts, now)
        })
    }
}
