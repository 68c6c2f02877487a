use super::exchange;
use super::world::World;
use moim_peer::ice::ConnectionState;
use moim_peer::{DropReason, DtlsState, PeerConnectionState};
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn damaged_packets_are_dropped_and_counted() {
    let mut world = World::new();
    world.connected();
    world.run_for(Duration::from_secs(1));
    world.link.damage = 100;

    exchange(&mut world);

    for end in &world.ends {
        assert!(end.dropped > 0);
        assert_eq!(end.connection.drops().total(), end.dropped as u64);
    }
}

#[test]
fn what_strangers_send_disturbs_nobody() {
    let mut world = World::new();
    world.add_media(0);
    world.negotiate(0);
    let stranger = SocketAddr::from(([203, 0, 113, 66], 6666));
    for _ in 0..200 {
        for to in [0, 1] {
            // From somewhere else, and as if from the other side.
            for from in [stranger, world.ends[1 - to].address] {
                let mut packet = random_packet(&mut world);
                world.arrive(to, from, &mut packet);
            }
        }
        world.run_for(Duration::from_millis(7));
    }
    world.run_until_connected();
    for _ in 0..2_000 {
        for to in [0, 1] {
            for from in [stranger, world.ends[1 - to].address] {
                let mut packet = random_packet(&mut world);
                world.arrive(to, from, &mut packet);
            }
        }
    }
    assert!(world.is_connected());
    exchange(&mut world);
}

/// Bytes of chance behind a first byte that is one of those that count.
fn random_packet(world: &mut World) -> Vec<u8> {
    const FIRST: [u8; 16] = [0, 1, 3, 20, 21, 22, 23, 25, 44, 63, 64, 128, 144, 160, 191, 255];
    let len = 1 + world.below(200);
    let mut packet: Vec<u8> = (0..len).map(|_| u8::try_from(world.below(256)).unwrap()).collect();
    packet[0] = FIRST[world.below(FIRST.len())];
    if packet[0] == 22 && packet.len() > 13 {
        // A record that looks like one.
        packet[1..5].copy_from_slice(&[254, 253, 0, 0]);
        let body = u16::try_from(packet.len() - 13).unwrap();
        packet[11..13].copy_from_slice(&body.to_be_bytes());
    }
    packet
}

#[test]
fn a_partner_with_an_rsa_certificate_is_told_of_in_the_trace() {
    let mut world = World::new();
    world.add_media(0);
    world.negotiate(0);
    let is_client_waiting = |world: &World| {
        let connection = &world.ends[0].connection;
        connection.dtls_state() == DtlsState::Connecting
            && connection.ice_connection_state() == ConnectionState::Connected
    };
    world.run_until(Duration::from_secs(5), is_client_waiting);
    assert!(is_client_waiting(&world));

    // A server that has no cipher for its certificate in common with the hello.
    let mut alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
    let server = world.ends[1].address;
    world.arrive(0, server, &mut alert);
    world.run_for(Duration::from_millis(1));

    let connection = &world.ends[0].connection;
    assert_eq!(connection.connection_state(), PeerConnectionState::Failed);
    let failure = connection.trace().last_failure().unwrap();
    assert_eq!(failure.step, "dtls.failed");
    assert!(failure.detail.contains("RSA") && failure.detail.contains("ECDSA"), "{}", failure.detail);
}

#[test]
fn nothing_is_received_any_more_once_a_connection_is_closed() {
    let mut world = World::new();
    world.connected();
    world.run_for(Duration::from_secs(1));
    world.say(1);
    world.ends[0].connection.close(world.now);
    world.ends[0].media.clear();

    // What was on its way arrives before the goodbyes are polled.
    world.now += Duration::from_millis(50);
    world.deliver();

    assert!(world.ends[0].media.is_empty());
    assert!(world.ends[0].connection.drops().of(DropReason::NoKeys) > 0);
}
