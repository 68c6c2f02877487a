use super::super::testing::BINDING;
use super::*;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

struct Pair {
    client: TcpStream,
    adopted: StreamClient,
}

fn pair() -> Pair {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, address) = listener.accept().unwrap();
    let adopted = StreamClient {
        server: stream.local_addr().unwrap(),
        stream,
        tls: None,
        read_ahead: BINDING.to_vec(),
        client: address,
        realm: RealmId(0),
        places: Places::default(),
    };
    Pair { client, adopted }
}

fn ends(streams: &Streams, cause: StreamEnded) -> u64 {
    streams.counters().ended[cause as usize]
}

#[test]
fn a_client_is_found_and_answered() {
    let Pair { mut client, adopted } = pair();
    let (mut streams, mut buffer, now) = (Streams::default(), ReceiveBuffer::new(), Instant::now());
    let five_tuple = FiveTuple::new(Transport::Tcp, adopted.client, adopted.server);

    let key = streams.insert(adopted, now).unwrap();
    let messages: Vec<_> =
        streams.resume(key, &mut buffer, now).unwrap().frames.map(<[u8]>::to_vec).collect();
    assert_eq!(messages, [BINDING]);
    assert_eq!(streams.find(&five_tuple), Some(key));
    assert_eq!(streams.client(key), Some((five_tuple, RealmId(0))));
    streams.queue(key, BINDING);
    streams.queue_relayed(key, &[&[0x40, 0, 0, 1], b"x", &[0; 3]]);
    assert_eq!(streams.flush(now), []);

    let mut answer = [0; 28];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!\x40\x00\x00\x01x\x00\x00\x00");
}

#[test]
fn a_key_is_not_used_for_another_client() {
    let (mut streams, mut buffer, now) = (Streams::default(), ReceiveBuffer::new(), Instant::now());
    let key = streams.insert(pair().adopted, now).unwrap();
    assert!(streams.close(key, StreamEnded::Broken).is_some());
    assert_eq!(streams.poll_timeout(), None);

    let other = streams.insert(pair().adopted, now).unwrap();

    assert_ne!(other, key);
    assert!(streams.receive(key, &mut buffer, now).is_none());
    assert!(streams.close(key, StreamEnded::Broken).is_none());
    assert_eq!((streams.len(), ends(&streams, StreamEnded::Broken)), (1, 1));
}

#[test]
fn a_5_tuple_is_taken_once() {
    let (mut streams, now) = (Streams::default(), Instant::now());
    let Pair { adopted, client: _client } = pair();
    let twin = StreamClient {
        stream: adopted.stream.try_clone().unwrap(),
        places: Places::default(),
        tls: None,
        read_ahead: Vec::new(),
        ..adopted
    };
    streams.insert(adopted, now).unwrap();

    assert_eq!(streams.insert(twin, now), None);
    assert_eq!(streams.counters().refused, 1);
}

#[test]
fn silent_strangers_are_let_go_and_clients_with_an_allocation_are_not() {
    let (mut streams, mut buffer, now) = (Streams::default(), ReceiveBuffer::new(), Instant::now());
    let mut pairs = [pair(), pair(), pair()];
    let [silent, talking, allocated] = pairs
        .each_mut()
        .map(|pair| streams.insert(std::mem::replace(&mut pair.adopted, self::pair().adopted), now).unwrap());
    let (five_tuple, _) = streams.client(allocated).unwrap();
    streams.set_allocated(&five_tuple, true, now);
    let later = now + Duration::from_secs(20);
    pairs[1].client.write_all(BINDING).unwrap();
    while streams.receive(talking, &mut buffer, later).unwrap().frames.count() == 0 {}

    let end = now + Duration::from_secs(30);
    assert_eq!(streams.poll_timeout().unwrap().at, end);
    assert_eq!(streams.expired(end), Some((silent, StreamEnded::Idle)));
    streams.close(silent, StreamEnded::Idle);
    assert_eq!(streams.expired(end), None);
    assert_eq!(streams.poll_timeout().unwrap().at, later + Duration::from_secs(30));
    assert_eq!(streams.expired(later + Duration::from_secs(30)), Some((talking, StreamEnded::Idle)));
    streams.close(talking, StreamEnded::Idle);
    assert_eq!(streams.expired(end + Duration::from_secs(3600)), None);
    assert_eq!((streams.len(), ends(&streams, StreamEnded::Idle)), (1, 2));
}

#[test]
fn a_stranger_gives_one_place_back_with_its_allocation_and_the_other_at_its_end() {
    let (mut streams, now) = (Streams::default(), Instant::now());
    let (stranger, open) = (Arc::new(()), Arc::new(()));
    let Pair { mut adopted, client: _client } = pair();
    adopted.places = Places {
        until_closed: Some(Box::new(Arc::clone(&open))),
        until_allocated: Some(Box::new(Arc::clone(&stranger))),
    };
    let five_tuple = FiveTuple::new(Transport::Tcp, adopted.client, adopted.server);
    let key = streams.insert(adopted, now).unwrap();

    streams.set_allocated(&five_tuple, true, now);
    assert_eq!((Arc::strong_count(&stranger), Arc::strong_count(&open)), (1, 2));
    streams.close(key, StreamEnded::ByServer);
    assert_eq!(Arc::strong_count(&open), 1);
}

/// Whoever has proved nothing may have a connection given to another shard, and is a stranger there as well.
#[test]
fn a_connection_that_moves_takes_its_places_along() {
    let (mut streams, now) = (Streams::default(), Instant::now());
    let place = Arc::new(());
    let Pair { mut adopted, client: _client } = pair();
    adopted.places.until_allocated = Some(Box::new(Arc::clone(&place)));
    let key = streams.insert(adopted, now).unwrap();

    let (_, places) = streams.detach(key, &[]).unwrap();

    assert_eq!(Arc::strong_count(&place), 2);
    drop(places);
    assert_eq!(Arc::strong_count(&place), 1);
}

#[test]
fn a_slow_client_makes_the_poller_watch_and_disturbs_nobody() {
    let (mut streams, now) = (Streams::default(), Instant::now());
    let Pair { client: mut slow, adopted } = pair();
    let slow_key = streams.insert(adopted, now).unwrap();
    let Pair { client: mut quick, adopted } = pair();
    let quick_key = streams.insert(adopted, now).unwrap();
    let packet = [7; 1400];

    let mut told = None;
    while streams.counters().relayed_dropped < 10 {
        for _ in 0..32 {
            streams.queue_relayed(slow_key, &[&packet]);
        }
        told = told.or(streams.flush(now).pop());
    }
    assert_eq!(told, Some(Flushed::WantsWrite(slow_key, true)));
    streams.queue(quick_key, BINDING);
    assert_eq!(streams.flush(now), []);
    let mut answer = [0; 20];
    quick.read_exact(&mut answer).unwrap();

    told = None;
    let mut some = vec![0; 1 << 20];
    while told.is_none() {
        let _ = slow.read(&mut some).unwrap();
        streams.set_writable(slow_key);
        told = told.or(streams.flush(now).pop());
    }
    assert_eq!(told, Some(Flushed::WantsWrite(slow_key, false)));
}
