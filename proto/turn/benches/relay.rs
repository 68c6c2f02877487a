//! What the server adds to each packet, and what an allocation costs. `cargo bench -p moim-turn`.

use divan::{Bencher, black_box};
use moim_turn::attribute::Data;
use moim_turn::server::{Prefix, ToClient, ToPeer};
use moim_turn::testing::{Client, World, peer_address};
use moim_turn::{AddressFamily, AllocationId, RelayId};
use std::net::SocketAddr;

/// How many allocations there are. One fits into the nearest cache, 10,000 do not.
const ALLOCATIONS: [u16; 3] = [1, 1_000, 10_000];
/// So many that every allocation has had its turn before it has it again: a first touch measures the page tables.
const SAMPLE_SIZE: u32 = 10_000;
const PEER: &str = "192.0.2.1:5000";
const PAYLOAD_LEN: usize = 1_000;

/// How far apart those lie that come one after the other: coprime to the numbers of allocations, so that each has its turn.
const STEP: u32 = 7_919;

fn main() {
    divan::main();
}

/// A packet from a client: look the 5-tuple up, then the channel.
#[divan::bench(args = ALLOCATIONS, sample_size = SAMPLE_SIZE)]
fn channel_data(bencher: Bencher<'_, '_>, allocations: u16) {
    let (mut world, clients) = world(allocations, true);
    let message = [&[0x40, 0, 3, 0xe8][..], &[0; PAYLOAD_LEN]].concat();
    // As the kernel would have just written it: whence it is taken here must not be what is measured.
    let mut five_tuple = clients[0].five_tuple;
    let mut index = 0;
    bencher.bench_local(move || -> Option<ToPeer> {
        index = (index + STEP) % u32::from(allocations);
        five_tuple.client.set_port(u16::try_from(index + 1).unwrap_or(1));
        let allocation = world.server.find(black_box(&five_tuple))?;
        world.server.channel_data(allocation, black_box(&message), world.now.at).ok()
    });
}

/// A packet of a train, whose 5-tuple has been looked up already.
#[divan::bench(args = ALLOCATIONS, sample_size = SAMPLE_SIZE)]
fn channel_data_of_a_train(bencher: Bencher<'_, '_>, allocations: u16) {
    let (mut world, clients) = world(allocations, true);
    let message = [&[0x40, 0, 3, 0xe8][..], &[0; PAYLOAD_LEN]].concat();
    let ids = ids(&world, &clients);
    let mut next = in_turn(&ids);
    bencher.bench_local(move || -> Option<ToPeer> {
        world.server.channel_data(*black_box(next()), black_box(&message), world.now.at).ok()
    });
}

/// A packet from a peer, for a channel.
#[divan::bench(args = ALLOCATIONS, sample_size = SAMPLE_SIZE)]
fn peer_to_channel(bencher: Bencher<'_, '_>, allocations: u16) {
    from_peer(bencher, allocations, true);
}

/// A packet from a peer, for a Data indication.
#[divan::bench(args = ALLOCATIONS, sample_size = SAMPLE_SIZE)]
fn peer_to_indication(bencher: Bencher<'_, '_>, allocations: u16) {
    from_peer(bencher, allocations, false);
}

fn from_peer(bencher: Bencher<'_, '_>, allocations: u16, with_channels: bool) {
    let (mut world, clients) = world(allocations, with_channels);
    let ids = ids(&world, &clients);
    let mut next = in_turn(&ids);
    let peer: SocketAddr = PEER.parse().expect("the address is valid");
    let mut prefix = Prefix::EMPTY;
    bencher.bench_local(move || -> Option<ToClient> {
        let relay = RelayId { allocation: *black_box(next()), family: AddressFamily::Ipv4 };
        world.server.handle_peer(relay, black_box(peer), PAYLOAD_LEN, world.now.at, &mut prefix).ok()
    });
}

/// A Send indication, from bytes to the decision.
#[divan::bench(args = ALLOCATIONS, sample_size = SAMPLE_SIZE)]
fn send_indication(bencher: Bencher<'_, '_>, allocations: u16) {
    let (mut world, clients) = world(allocations, false);
    let message = world.send_indication(|builder| {
        builder.attribute(&peer_address(PEER)).expect("there is room");
        builder.attribute(&Data(&[0; PAYLOAD_LEN])).expect("there is room");
    });
    let mut out = [0; moim_turn::server::OUT_LEN_MAX];
    let mut next = in_turn(&clients);
    bencher.bench_local(move || -> bool {
        let five_tuple = black_box(next()).five_tuple;
        let received =
            moim_turn::server::Received { five_tuple, realm: moim_turn::RealmId(0), bytes: &message };
        let decision = world.server.handle_client(received, world.now, &mut out);
        matches!(decision, moim_turn::server::FromClient::ToPeer(_))
    });
}

/// An Allocate without a credential and the challenge to it, one with a credential and the allocation made.
#[divan::bench]
fn allocation(bencher: Bencher<'_, '_>) {
    let (world, _) = world(1, false);
    let world = std::cell::RefCell::new(world);
    let mut port = 0_u16;
    bencher
        .with_inputs(|| {
            port = port.wrapping_add(1).max(1);
            let mut world = world.borrow_mut();
            for view in world.server.allocations(world.now.at).map(|view| view.id).collect::<Vec<_>>() {
                let now = world.now.at;
                world.server.kick(view, now);
            }
            world.events();
            let client = world.client(&format!("203.0.113.9:{port}"));
            let request = world.signed(&client, moim_turn::method::ALLOCATE, |builder| {
                builder.attribute(&moim_turn::attribute::RequestedTransport::UDP).expect("there is room");
            });
            let stranger =
                world.request(moim_turn::method::ALLOCATE, moim_stun::Seal::default(), |builder| {
                    builder.attribute(&moim_turn::attribute::RequestedTransport::UDP).expect("there is room");
                });
            (client, stranger, request)
        })
        .bench_local_values(|(client, stranger, request)| {
            let mut world = world.borrow_mut();
            let _ = world.give(&client, &stranger);
            world.give(&client, &request)
        });
}

/// Allocations with a permission or a channel for one peer each.
fn world(allocations: u16, with_channels: bool) -> (World, Vec<Client>) {
    let mut world = World::default();
    let clients: Vec<_> = (1..=allocations)
        .map(|port| {
            let client = world.client(&format!("203.0.113.7:{port}"));
            world.allocate(&client);
            if with_channels {
                world.bind_channel(&client, 0x4000, PEER);
            } else {
                world.permit(&client, &[PEER]);
            }
            client
        })
        .collect();
    world.events();
    (world, clients)
}

fn ids(world: &World, clients: &[Client]) -> Vec<AllocationId> {
    clients.iter().filter_map(|client| world.server.find(&client.five_tuple)).collect()
}

/// One after the other in an order that a cache cannot foresee.
fn in_turn<'a, T>(all: &'a [T]) -> impl FnMut() -> &'a T {
    let mut index = 0;
    move || {
        index = (index + STEP as usize) % all.len();
        &all[index]
    }
}
