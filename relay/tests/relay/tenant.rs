//! A tenant on the relay's threads.

use crate::client::{Client, Incoming, attribute, channel_data, error_code};
use crate::{V4, V6, binding, config, start, within_reason};
use moim_relay::{
    Claim, Datagrams, OUTBOX_LEN_MAX, Outbox, Parcels, Relay, RelayAddress, RelayConfig, RelayDrop, Seat,
    Tenant, TenantCounters, Tenants, Way, ufrag_prefix,
};
use moim_stun::attribute::{Software, Username, XorMappedAddress};
use moim_stun::{Class, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::server::Config;
use moim_turn::{FiveTuple, ShardId, Shards, Transport};
use moim_wire::Deadline;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the echo's connections have behind the prefix of their shard.
const FRAGMENT: &str = "echo";

/// What begins like RTP.
const RTP: u8 = 0x80;

/// What begins like a DTLS handshake record.
const DTLS: u8 = 22;

/// A packet whose second byte is this goes back from every other shard.
const BY_OTHERS: u8 = 0x7f;

/// Answers checks, and sends back what comes from addresses that have sent one, with the number of its shard in the second byte.
struct Echo {
    shards: Shards,
    known: HashSet<FiveTuple>,
    /// What is to be sent.
    burst: Option<Burst>,
    /// When the burst begins.
    begins: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    way: Way,
    count: usize,
    len: usize,
}

enum Told {
    /// To send something, after a while.
    Burst(Burst, Duration),
    /// That a connection is no more.
    Forget(FiveTuple),
}

impl Echo {
    fn new(seat: Seat<'_>) -> Self {
        assert!(!seat.addresses.is_empty());
        Self { shards: seat.shards, known: HashSet::new(), burst: None, begins: None }
    }

    fn own(&self) -> u8 {
        u8::try_from(self.shards.own().0).unwrap()
    }

    fn answer(&self, check: &[u8], five_tuple: FiveTuple, out: &mut Outbox<'_>) -> Option<()> {
        let message = Message::parse(check).ok()?;
        let username = message.get::<Username<'_>>().ok()??;
        let own = format!("{}{FRAGMENT}:peer", ufrag_prefix(self.shards.own()));
        if username.0 != own {
            return None;
        }
        let room = out.room(128)?;
        let id = message.transaction_id();
        let mut builder = MessageBuilder::new(room, Class::SuccessResponse, Method::BINDING, id).ok()?;
        builder.attribute(&XorMappedAddress(five_tuple.client)).ok()?;
        builder.attribute(&Software(&self.own().to_string())).ok()?;
        let len = builder.finish(Seal::default()).ok()?.len();
        out.send(Way { five_tuple, traffic_class: 0 }, len);
        Some(())
    }

    fn send_run(way: Way, bytes: &[u8], segment_len: usize, out: &mut Outbox<'_>) {
        out.room(bytes.len()).expect("tests send little at a time")[..bytes.len()].copy_from_slice(bytes);
        out.send_run(way, bytes.len(), segment_len);
    }
}

impl Tenant for Echo {
    type Message = Told;

    fn handle_datagrams(&mut self, mut datagrams: Datagrams<'_>, out: &mut Outbox<'_>, _: Instant) -> Claim {
        let five_tuple = datagrams.five_tuple;
        if !self.known.contains(&five_tuple) {
            return Claim::NotMine;
        }
        let own = self.own();
        if datagrams.bytes[1] == BY_OTHERS {
            let (SocketAddr::V4(client), SocketAddr::V4(server)) = (five_tuple.client, five_tuple.server)
            else {
                panic!("tests do so over IPv4");
            };
            let mut header = [0; 16];
            header[..4].copy_from_slice(&client.ip().octets());
            header[4..6].copy_from_slice(&client.port().to_be_bytes());
            header[6..10].copy_from_slice(&server.ip().octets());
            header[10..12].copy_from_slice(&server.port().to_be_bytes());
            for other in (0..self.shards.count()).map(ShardId).filter(|other| *other != self.shards.own()) {
                for packet in datagrams.segments_mut() {
                    out.send_parcel(other, header, packet);
                }
            }
            return Claim::Taken;
        }
        datagrams.segments_mut().for_each(|packet| packet[1] = own);
        let way = Way { five_tuple, traffic_class: datagrams.traffic_class };
        Self::send_run(way, datagrams.bytes, datagrams.segment_len, out);
        Claim::Taken
    }

    fn handle_checks(&mut self, mut checks: Datagrams<'_>, out: &mut Outbox<'_>, _: Instant) -> Claim {
        let five_tuple = checks.five_tuple;
        if checks.segments_mut().filter(|check| self.answer(check, five_tuple, out).is_some()).count() == 0 {
            return Claim::NotMine;
        }
        self.known.insert(five_tuple);
        Claim::Taken
    }

    fn handle_parcels(&mut self, mut parcels: Parcels<'_>, out: &mut Outbox<'_>, _: Instant) {
        let address = |at: usize| {
            let [a, b, c, d, high, low] = *parcels.header[at..].first_chunk().unwrap();
            SocketAddr::from((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
        };
        let way =
            Way { five_tuple: FiveTuple::new(Transport::Udp, address(0), address(6)), traffic_class: 0 };
        assert_ne!(parcels.from, self.shards.own());
        let own = self.own();
        parcels.segments_mut().for_each(|packet| packet[1] = own);
        Self::send_run(way, parcels.bytes, parcels.segment_len, out);
    }

    fn handle_message(&mut self, message: Told, _: &mut Outbox<'_>, now: Instant) {
        match message {
            Told::Burst(burst, after) => (self.burst, self.begins) = (Some(burst), Some(now + after)),
            Told::Forget(five_tuple) => assert!(self.known.remove(&five_tuple)),
        }
    }

    fn handle_timeout(&mut self, out: &mut Outbox<'_>, now: Instant) {
        let Some(burst) = self.burst.as_mut().filter(|_| self.begins.is_some_and(|begins| begins <= now))
        else {
            return;
        };
        while burst.count > 0 {
            let Some(room) = out.room(burst.len) else { return };
            room.fill(u8::try_from(burst.count % 251).unwrap());
            out.send(burst.way, burst.len);
            burst.count -= 1;
        }
        (self.burst, self.begins) = (None, None);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.begins.map(|begins| Deadline::new(begins, "a burst begins, or goes on"))
    }
}

/// Wherever the kernel delivers what a client sends: of two shards, one is not where it belongs.
#[test]
fn a_check_finds_its_shard_and_what_follows_does_as_well() {
    for (listen, asked) in [(V4, "127.0.0.1"), ("0.0.0.0:0", "127.0.0.3"), (V6, "::1")] {
        let (relay, _) = hosting(config(&[listen], 2));
        let client = Client::new(SocketAddr::new(asked.parse().unwrap(), relay.local_addrs()[0].port()));

        for home in [0, 1, 0, 1, 1] {
            client.socket.send(&check(ShardId(home), FRAGMENT)).unwrap();
            let response = client.receive_bytes();
            let mapped = attribute::<XorMappedAddress>(&response).unwrap();
            assert_eq!(mapped.0, client.socket.local_addr().unwrap());
            assert_eq!(attribute::<Software<'_>>(&response).unwrap().0, home.to_string());
            for first in [DTLS, RTP] {
                client.socket.send(&[first, 0x60, 1, 2, 3]).unwrap();
                assert_eq!(client.receive_bytes(), [first, u8::try_from(home).unwrap(), 1, 2, 3]);
            }
        }

        // Everything came to one shard, and what was the other's was passed on.
        let total = |of: fn(&TenantCounters) -> u64| -> u64 {
            relay.counters().iter().map(|shard| of(&shard.tenant)).sum()
        };
        within_reason(|| total(|tenant| tenant.packets_taken) == 15);
        within_reason(|| [6, 9].contains(&total(|tenant| tenant.passed_on)));
    }
}

#[test]
fn a_train_is_handed_over_whole_and_leaves_as_a_run() {
    let (relay, _) = hosting(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);
    let packets: Vec<u8> = (0..40_u8).flat_map(|number| packet(RTP, number, 1_000)).collect();

    for home in [0, 1] {
        client.socket.send(&check(ShardId(home), FRAGMENT)).unwrap();
        client.receive_bytes();
        let before = sent(&relay);
        send_train(&client, &packets, 1_000);

        for number in 0..40 {
            let mut expected = packet(RTP, number, 1_000);
            expected[1] = u8::try_from(home).unwrap();
            assert_eq!(client.receive_bytes(), expected);
        }
        within_reason(|| sent(&relay).0 >= before.0 + 40);
        let (packets, messages) = sent(&relay);
        let capabilities = relay.capabilities();
        let is_refused = relay.counters().iter().any(|shard| shard.sent.runs_refused > 0);
        if capabilities.gro && capabilities.gso && !is_refused {
            assert!(messages - before.1 < packets - before.0, "a train is not taken apart");
        }
    }
}

/// Browsers have one socket for all three.
#[test]
fn one_address_is_a_connection_and_a_client_of_stun_and_turn() {
    let (relay, _) = hosting(config(&[V4], 2));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = crate::peer();
    client.bind_channel(0x4001, at);

    for home in [0, 1] {
        client.socket.send(&check(ShardId(home), FRAGMENT)).unwrap();
        let response = client.receive_bytes();
        assert_eq!(attribute::<Software<'_>>(&response).unwrap().0, home.to_string());

        client.socket.send(&binding()).unwrap();
        let response = client.receive_bytes();
        assert!(attribute::<XorMappedAddress>(&response).is_some());
        assert!(attribute::<Software<'_>>(&response).is_none(), "it is not the tenant's");

        // What goes to a peer is relayed, whatever it looks like.
        client.send_channel(0x4001, &[RTP, 0x60, 7]);
        assert_eq!(crate::receive(&peer), (vec![RTP, 0x60, 7], relayed));
        client.socket.send(&[RTP, 0x60, 7]).unwrap();
        assert_eq!(client.receive_bytes(), [RTP, u8::try_from(home).unwrap(), 7]);
        assert_eq!(error_code(&client.refresh(600)), None);
    }
}

/// Of one socket, different kinds of packets may come in one train, if the last is shorter.
#[test]
fn a_train_of_both_is_parted() {
    let (relay, _) = hosting(config(&[V4], 1));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = crate::peer();
    client.bind_channel(0x4001, at);
    client.socket.send(&check(ShardId(0), FRAGMENT)).unwrap();
    client.receive_bytes();
    let relayed_packet = channel_data(0x4001, &[9; 46]);
    let train = [&packet(RTP, 1, 50)[..], &relayed_packet, &relayed_packet, &packet(RTP, 2, 50), &binding()];

    send_train(&client, &train.concat(), 50);

    for _ in 0..2 {
        assert_eq!(crate::receive(&peer), (vec![9; 46], relayed));
    }
    let mut arrived: Vec<_> = (0..3).map(|_| client.receive_bytes()).collect();
    arrived.sort_by_key(|packet| (packet[0] != RTP, packet[2]));
    let echo = |number| {
        let mut packet = packet(RTP, number, 50);
        packet[1] = 0;
        packet
    };
    assert_eq!(arrived[..2], [echo(1), echo(2)]);
    assert!(attribute::<XorMappedAddress>(&arrived[2]).is_some());
}

#[test]
fn what_no_tenant_wants_is_counted() {
    let (relay, _) = hosting(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);
    let total = |reason| relay.counters().iter().map(|shard| shard.dropped(reason)).sum::<u64>();

    // One of them is handed over. A check of no shard that there is goes to the STUN server, which knows nothing of checks.
    for shard in [0, 1] {
        client.socket.send(&check(ShardId(shard), "nobody")).unwrap();
    }
    client.socket.send(&[RTP, 0x60]).unwrap();
    client.socket.send(&[DTLS, 0xfe]).unwrap();
    client.socket.send(&check(ShardId(2), FRAGMENT)).unwrap();

    assert!(attribute::<XorMappedAddress>(&client.receive_bytes()).is_some());
    within_reason(|| total(RelayDrop::NoConnection) == 2 && total(RelayDrop::UnknownProtocol) == 2);
}

/// Whatever strangers send, before and after a connection is there: it disturbs nobody.
#[test]
fn garbage_of_every_kind_harms_nobody() {
    let (relay, _) = hosting(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);
    let check = check(ShardId(1), FRAGMENT);

    let stranger = Client::new(relay.local_addrs()[0]);
    let single = (0..=255).map(|first| vec![first]).collect::<Vec<_>>();
    let headers = (0..=255).map(|first| vec![first, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]).collect();
    let cut_short = (0..check.len()).map(|len| check[..len].to_vec()).collect();
    let bent = (0..check.len()).map(|at| {
        let mut bent = check.clone();
        bent[at] ^= 0xff;
        bent
    });
    let mut count = 0;
    for garbage in [single, headers, cut_short, bent.collect()] {
        for packet in &garbage {
            stranger.socket.send(packet).unwrap();
        }
        // Sockets hold some hundreds of packets.
        count += u64::try_from(garbage.len()).unwrap();
        within_reason(|| relay.counters().iter().map(|shard| shard.packets_received).sum::<u64>() >= count);

        client.socket.send(&check).unwrap();
        assert_eq!(attribute::<Software<'_>>(&client.receive_bytes()).unwrap().0, "1");
        client.socket.send(&[RTP, 0x60, 5]).unwrap();
        assert_eq!(client.receive_bytes(), [RTP, 1, 5]);
        count += 2;
    }
    assert!(relay.is_whole());
}

#[test]
fn what_comes_for_a_connection_that_is_gone_is_not_passed_on_for_long() {
    let (relay, tenants) = hosting(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);
    let five_tuple = five_tuple(&relay, &client);
    for home in [0, 1] {
        client.socket.send(&check(ShardId(home), FRAGMENT)).unwrap();
        client.receive_bytes();
    }
    for home in [0, 1] {
        assert!(tenants.tell(ShardId(home), Told::Forget(five_tuple)).is_ok());
    }
    within_reason(|| relay.counters().iter().all(|shard| shard.tenant.messages == 1));

    // The shard that it comes to hears that it is nobody's, if it does not see that itself.
    let total = |reason| relay.counters().iter().map(|shard| shard.dropped(reason)).sum::<u64>();
    within_reason(|| {
        client.socket.send(&[RTP, 0x60]).unwrap();
        total(RelayDrop::UnknownProtocol) > 0
    });
    client.socket.send(&check(ShardId(1), FRAGMENT)).unwrap();
    assert_eq!(attribute::<Software<'_>>(&client.receive_bytes()).unwrap().0, "1");
}

#[test]
fn tenants_send_each_other_parcels_and_answer_from_every_shard() {
    let (relay, _) = hosting(config(&[V4], 3));
    let client = Client::new(relay.local_addrs()[0]);
    client.socket.send(&check(ShardId(1), FRAGMENT)).unwrap();
    client.receive_bytes();

    for number in 0..5 {
        client.socket.send(&[RTP, BY_OTHERS, number]).unwrap();
    }

    let mut arrived: Vec<_> = (0..10).map(|_| client.receive_bytes()).collect();
    // Each shard keeps the order.
    arrived.sort_by_key(|packet| packet[1]);
    let expected: Vec<_> =
        [0, 2].into_iter().flat_map(|by| (0..5).map(move |number| vec![RTP, by, number])).collect();
    assert_eq!(arrived, expected);
    within_reason(|| relay.counters().iter().map(|shard| shard.tenant.parcels).sum::<u64>() == 10);
}

/// What a client of TURN sends to the tenant, since nothing but the relay's port gets through to it, does not cross the kernel.
#[test]
fn a_relayed_address_reaches_the_tenant_within_the_process() {
    let cases = [
        (RelayMode::Internal, 1, "127.0.0.1"),
        (RelayMode::Internal, 2, "127.0.0.1"),
        (RelayMode::Range, 2, "127.0.0.1"),
        // Behind a 1:1 NAT, clients know both by another address than this host.
        (RelayMode::Internal, 2, "203.0.113.7"),
    ];
    for (mode, shards, advertised) in cases {
        let advertised = advertised.parse().unwrap();
        let mut config = config(&[V4], shards);
        config.relay_addresses.ipv4 = Some(RelayAddress { bind: Ipv4Addr::LOCALHOST.into(), advertised });
        let peers = PeerPolicy::new(PeerLists { relayed: vec![advertised], ..crate::lists() });
        config.turn = Arc::new(Config { relay: mode, peers, ..Config::clone(&config.turn) });
        // None of which the kernel picks for the listener.
        config.relay_ports = 61_000..=65_535;
        let (relay, _) = hosting(config);
        let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
        client.bind_channel(0x4001, SocketAddr::new(advertised, relay.local_addrs()[0].port()));

        for home in (0..shards).chain([0]) {
            client.send_channel(0x4001, &check(ShardId(home), FRAGMENT));
            let Incoming::Channel(0x4001, response) = client.receive() else { panic!("by the channel") };
            assert_eq!(attribute::<XorMappedAddress>(&response).unwrap().0, relayed, "{mode:?}");
            assert_eq!(attribute::<Software<'_>>(&response).unwrap().0, home.to_string());
            for number in 0..3 {
                client.send_channel(0x4001, &[RTP, 0x60, number]);
                let echo = vec![RTP, u8::try_from(home).unwrap(), number];
                assert_eq!(client.receive(), Incoming::Channel(0x4001, echo), "{mode:?}");
            }
        }
        assert_eq!(
            relay.counters().iter().map(|shard| shard.dropped(RelayDrop::NoRelayedAddress)).sum::<u64>(),
            0
        );
    }
}

#[test]
fn what_is_due_is_sent_without_anything_coming_in() {
    let (relay, tenants) = hosting(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);
    let way = Way { five_tuple: five_tuple(&relay, &client), traffic_class: 0 };

    for shard in [0, 1] {
        let burst = Burst { way, count: 3, len: 200 };
        assert!(tenants.tell(ShardId(shard), Told::Burst(burst, Duration::from_millis(20))).is_ok());
        for number in [3, 2, 1] {
            assert_eq!(client.receive_bytes(), [number; 200]);
        }
    }
    let nowhere = tenants.tell(ShardId(2), Told::Forget(way.five_tuple));
    assert!(nowhere.is_err(), "there is no such shard");
    assert_eq!(tenants.clone().shards(), 2);
}

/// A turn takes only so much of what a tenant sends, and the rest goes on at once; the relay has its turn between.
#[test]
fn who_sends_more_than_a_turn_takes_goes_on_in_the_next() {
    let (relay, tenants) = hosting(config(&[V4], 1));
    let server = relay.local_addrs()[0];
    let sink = Client::new(server);
    let way = Way { five_tuple: five_tuple(&relay, &sink), traffic_class: 0 };
    let count = 4 * OUTBOX_LEN_MAX / 1_200;

    let burst = Burst { way, count, len: 1_200 };
    assert!(tenants.tell(ShardId(0), Told::Burst(burst, Duration::ZERO)).is_ok());

    let total = u64::try_from(count).unwrap();
    within_reason(|| {
        let counters = relay.counters()[0].sent;
        counters.packets + counters.drops(moim_udp::SendDrop::BufferFull) >= total
    });
    let client = Client::new(server);
    client.socket.send(&binding()).unwrap();
    assert!(attribute::<XorMappedAddress>(&client.receive_bytes()).is_some());
}

/// The same packets mean what they mean on a relay without tenants.
#[test]
fn a_relay_without_tenants_answers_checks_as_binding_requests() {
    let relay = start(config(&[V4], 2));
    let client = Client::new(relay.local_addrs()[0]);

    client.socket.send(&check(ShardId(1), FRAGMENT)).unwrap();

    assert!(attribute::<XorMappedAddress>(&client.receive_bytes()).is_some());
}

/// Sends packets that lie one after the other in one piece, where the kernel can, so that they arrive as a train.
fn send_train(client: &Client, packets: &[u8], segment_len: u16) {
    if set_segment_len(client, segment_len).is_ok() && client.socket.send(packets).is_ok() {
        set_segment_len(client, 0).unwrap();
        return;
    }
    for packet in packets.chunks(segment_len.into()) {
        client.socket.send(packet).unwrap();
    }
}

#[expect(unsafe_code, reason = "the standard library knows no segmentation")]
fn set_segment_len(client: &Client, len: u16) -> std::io::Result<()> {
    let value = libc::c_int::from(len);
    let value_len = libc::socklen_t::try_from(size_of_val(&value)).unwrap();
    // SAFETY: the value is read, for the length that is named, before the call returns.
    let result = unsafe {
        let value = (&raw const value).cast();
        libc::setsockopt(client.socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, value, value_len)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn hosting(config: RelayConfig) -> (Relay, Tenants<Told>) {
    Relay::start_with_tenants(config, Echo::new).unwrap()
}

fn five_tuple(relay: &Relay, client: &Client) -> FiveTuple {
    FiveTuple::new(Transport::Udp, client.socket.local_addr().unwrap(), relay.local_addrs()[0])
}

/// Packets and messages that were sent, on all shards.
fn sent(relay: &Relay) -> (u64, u64) {
    let counters = relay.counters();
    let sent = || counters.iter().map(|shard| shard.sent);
    (sent().map(|sent| sent.packets).sum(), sent().map(|sent| sent.messages).sum())
}

fn packet(first: u8, number: u8, len: usize) -> Vec<u8> {
    let mut packet = vec![number; len];
    packet[0] = first;
    packet[1] = 0x60;
    packet
}

fn check(shard: ShardId, fragment: &str) -> Vec<u8> {
    let mut buffer = [0; 128];
    let id = TransactionId([3; 12]);
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    builder.attribute(&Username(&format!("{}{fragment}:peer", ufrag_prefix(shard)))).unwrap();
    builder.finish(Seal::default()).unwrap().to_vec()
}
