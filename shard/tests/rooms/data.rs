//! Messages of the application between participants.

use crate::client::Shape;
use crate::world::{ALL, World};
use moim_shard::{DATA_LEN_MAX, DropReason};
use moim_signal::message::Permissions;
use std::time::Duration;

const RELIABLE: usize = 0;
const LOSSY: usize = 1;

fn message(to: &[&str], topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, u8::try_from(to.len()).unwrap()];
    for name in to.iter().copied().chain([topic]) {
        bytes.push(u8::try_from(name.len()).unwrap());
        bytes.extend(name.as_bytes());
    }
    bytes.extend(payload);
    bytes
}

fn meeting(count: usize) -> World {
    let mut world = World::meeting(count, Shape::default());
    world.run_until(|world| world.clients.iter().all(|client| client.peer.is_data_connected()));
    // A message can be sent once the other side's channels are there, too.
    world.run_for(Duration::from_millis(100));
    world
}

fn send(world: &mut World, from: usize, channel: usize, bytes: &[u8]) {
    let now = world.now;
    let client = &mut world.clients[from];
    client.peer.send_binary(client.channels[channel], bytes, now).unwrap();
    world.run_for(Duration::from_millis(200));
}

#[test]
fn messages_reach_all_or_some_and_say_from_whom() {
    let mut world = meeting(4);

    send(&mut world, 0, RELIABLE, &message(&[], "news", b"for all"));
    send(&mut world, 1, LOSSY, &message(&["p3", "p1", "p9", "p2", "p3"], "", b"for some"));

    let from = |name: &str, topic, payload: &[u8]| message(&[name], topic, payload);
    let (for_all, for_some) = (from("p1", "news", b"for all"), from("p2", "", b"for some"));
    let messages = |at: usize| &world.clients[at].messages[..];
    assert_eq!(messages(0), [(LOSSY, for_some.clone())]);
    assert_eq!(messages(1), [(RELIABLE, for_all.clone())]);
    assert_eq!(messages(2), [(RELIABLE, for_all.clone()), (LOSSY, for_some)]);
    assert_eq!(messages(3), [(RELIABLE, for_all)]);
    assert_eq!(world.shard.counters().snapshot().messages_out, 5);
}

#[test]
fn long_messages_arrive_whole_and_in_order() {
    let mut world = meeting(2);
    let long = |byte: u8| message(&[], "long", &vec![byte; DATA_LEN_MAX]);

    let now = world.now;
    for byte in 0..10 {
        let client = &mut world.clients[0];
        client.peer.send_binary(client.channels[RELIABLE], &long(byte), now).unwrap();
    }
    world.run_until(|world| world.clients[1].messages.len() == 10);

    for (byte, (_, arrived)) in (0..).zip(&world.clients[1].messages) {
        assert!(*arrived == message(&["p1"], "long", &vec![byte; DATA_LEN_MAX]));
    }
}

#[test]
fn who_may_not_sends_nothing() {
    let mut world = World::new();
    world.join(Shape::default(), Permissions { data: false, ..ALL });
    world.join(Shape::default(), ALL);
    world.run_until(|world| world.clients.iter().all(|client| client.peer.is_data_connected()));

    send(&mut world, 0, RELIABLE, &message(&[], "", b"hello"));
    send(&mut world, 1, RELIABLE, &message(&[], "", b"hello"));

    assert!(world.clients[1].messages.is_empty());
    assert_eq!(world.clients[0].messages.len(), 1, "they may listen");
    assert_eq!(world.shard.counters().snapshot().drops.of(DropReason::NotPermitted), 1);
}

#[test]
fn what_is_no_message_and_what_is_too_much_is_dropped() {
    let mut world = meeting(2);
    for bytes in [&b"hello"[..], &[2], &[1, 0, 0], &[2, 200, 1]] {
        send(&mut world, 0, RELIABLE, bytes);
    }
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.shard.counters().snapshot().drops.of(DropReason::DataMalformed), 4);

    let now = world.now;
    for _ in 0..120 {
        let client = &mut world.clients[0];
        client
            .peer
            .send_binary(client.channels[RELIABLE], &message(&[], "", &vec![0; DATA_LEN_MAX]), now)
            .unwrap();
    }
    world.run_for(Duration::from_secs(2));

    let arrived = world.clients[1].messages.len();
    assert!((15..30).contains(&arrived), "a few seconds' worth: {arrived}");
    assert!(world.shard.counters().snapshot().drops.of(DropReason::DataTooMuch) > 0);
    assert!(world.clients.iter().all(|client| client.ended.is_empty()));
}
