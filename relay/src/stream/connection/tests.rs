use super::super::testing::{BINDING, TlsClient, channel_data, tls_pair};
use super::*;
use proptest::prelude::*;
use std::io::Read as _;
use std::os::unix::net::UnixStream;

const MS: Duration = Duration::from_millis(1);

/// A client's end (blocking) and the server's.
fn pair() -> (UnixStream, UnixStream) {
    let (client, server) = UnixStream::pair().unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

fn plain() -> (UnixStream, Connection<UnixStream>, ReceiveBuffer, Instant) {
    let (client, server) = pair();
    let now = Instant::now();
    (client, Connection::new(server, None, Vec::new(), now), ReceiveBuffer::new(), now)
}

fn secure() -> (TlsClient<UnixStream>, Connection<UnixStream>, ReceiveBuffer, Instant) {
    let (client, server) = pair();
    let (client_tls, server_tls) = tls_pair();
    let now = Instant::now();
    let connection = Connection::new(server, Some(Box::new(server_tls)), Vec::new(), now);
    (TlsClient::new(client_tls, client), connection, ReceiveBuffer::new(), now)
}

/// Everything there is for now.
fn drain<S: io::Read + Write>(
    connection: &mut Connection<S>,
    buffer: &mut ReceiveBuffer,
    now: Instant,
) -> (Vec<Vec<u8>>, Option<StreamEnded>) {
    let mut all = Vec::new();
    loop {
        let received = connection.receive(buffer, now);
        let ended = received.ended;
        let before = all.len();
        all.extend(received.frames.map(<[u8]>::to_vec));
        if ended.is_some() || all.len() == before {
            return (all, ended);
        }
    }
}

/// Covers: RFC 8656 §12.5
#[test]
fn many_messages_come_with_one_read_and_lie_next_to_each_other() {
    let (mut client, mut connection, mut buffer, now) = plain();
    let messages: Vec<_> = (0..20).map(|len| channel_data(&vec![7; 1000 + len])).collect();
    client.write_all(&messages.concat()).unwrap();

    let received = connection.receive(&mut buffer, now);

    assert_eq!(received.ended, None);
    let frames: Vec<_> = received.frames.collect();
    assert_eq!(frames, messages);
    assert_eq!(frames[0].as_ptr_range().end, frames[1].as_ptr());
}

#[test]
fn what_was_read_before_comes_first() {
    let (mut client, server) = pair();
    let now = Instant::now();
    let read_ahead = [BINDING.as_slice(), &BINDING[..7]].concat();
    let mut connection = Connection::new(server, None, read_ahead, now);
    let mut buffer = ReceiveBuffer::new();

    assert_eq!(connection.resume(&mut buffer, now).frames.collect::<Vec<_>>(), [BINDING]);
    client.write_all(&BINDING[7..]).unwrap();
    assert_eq!(connection.receive(&mut buffer, now).frames.collect::<Vec<_>>(), [BINDING]);
}

#[test]
fn what_tls_has_decrypted_before_is_not_lost() {
    let (client, server) = pair();
    let (client_tls, mut server_tls) = tls_pair();
    let mut client = TlsClient::new(client_tls, client);
    client.write_all(BINDING).unwrap();
    let mut wire = [0; 1024];
    let len = (&server).read(&mut wire).unwrap();
    server_tls.read_tls(&mut &wire[..len]).unwrap();
    let now = Instant::now();
    let mut connection = Connection::new(server, Some(Box::new(server_tls)), Vec::new(), now);

    assert_eq!(connection.resume(&mut ReceiveBuffer::new(), now).frames.collect::<Vec<_>>(), [BINDING]);
}

#[test]
fn a_message_of_the_greatest_length_passes_under_tls_both_ways() {
    let (mut client, mut connection, mut buffer, now) = secure();
    connection.set_allocated(true, now);
    let message = channel_data(&vec![7; 65_535]);
    let sent = message.clone();
    let client = std::thread::spawn(move || {
        client.write_all(&sent).unwrap();
        let mut echoed = vec![0; sent.len()];
        client.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed, sent);
    });

    let received = loop {
        let received = connection.receive(&mut buffer, now);
        assert_eq!(received.ended, None);
        if let Some(frame) = received.frames.map(<[u8]>::to_vec).next() {
            break frame;
        }
        std::thread::yield_now();
    };
    assert_eq!(received, message);
    assert!(connection.queue_relayed(&[&received[..4], &received[4..]]));
    while connection.flush(now).unwrap() {
        std::thread::yield_now();
    }
    client.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn messages_survive_any_chunking_in_the_clear_and_under_tls(
        lens in prop::collection::vec(0..3000_usize, 1..12),
        chunks in prop::collection::vec(1..2000_usize, 1..20),
        is_secure: bool,
    ) {
        let messages: Vec<_> = lens.iter().map(|&len| channel_data(&vec![9; len])).collect();
        let stream = messages.concat();
        let (mut client, server) = pair();
        let now = Instant::now();
        let (mut tls_client, tls) = if is_secure {
            let (client_tls, server_tls) = tls_pair();
            (Some(client_tls), Some(Box::new(server_tls)))
        } else {
            (None, None)
        };
        let mut connection = Connection::new(server, tls, Vec::new(), now);
        let mut buffer = ReceiveBuffer::new();
        let mut wire = Vec::new();
        match &mut tls_client {
            Some(tls) => {
                tls.set_buffer_limit(None);
                tls.writer().write_all(&stream).unwrap();
                while tls.wants_write() {
                    tls.write_tls(&mut wire).unwrap();
                }
            }
            None => wire = stream,
        }
        let (mut rest, mut sizes, mut found) = (&wire[..], chunks.iter().cycle(), Vec::new());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = after;
            client.write_all(chunk).unwrap();
            let received = connection.receive(&mut buffer, now);
            prop_assert_eq!(received.ended, None);
            found.extend(received.frames.map(<[u8]>::to_vec));
        }
        prop_assert_eq!(found, messages);
    }
}

#[test]
fn relayed_packets_for_a_client_that_does_not_read_are_dropped_and_answers_are_kept() {
    for is_secure in [false, true] {
        let (mut plain_client, mut tls_client, mut connection, now);
        if is_secure {
            (tls_client, connection, _, now) = secure();
            plain_client = None;
        } else {
            let (client, other, _, at) = plain();
            (plain_client, connection, now) = (Some(client), other, at);
            tls_client = secure().0;
        }
        let packet = [7; 1200];
        let mut queued = 0;
        while connection.queue_relayed(&[&[0x40, 0, 4, 0xb0], &packet]) {
            queued += 1;
            connection.flush(now).unwrap();
        }
        assert!(connection.outbox.len() <= RELAYED_QUEUE_LEN_MAX);

        connection.queue(BINDING).unwrap();
        let mut total = vec![0; queued * 1204 + BINDING.len()];
        let reader = std::thread::spawn(move || {
            match &mut plain_client {
                Some(client) => client.read_exact(&mut total).unwrap(),
                None => tls_client.read_exact(&mut total).unwrap(),
            }
            assert!(total.ends_with(BINDING));
        });
        while connection.flush(now).unwrap() {
            std::thread::yield_now();
        }
        reader.join().unwrap();
    }
}

#[test]
fn a_client_that_reads_no_answers_is_let_go() {
    let (_client, mut connection, _, now) = plain();
    let answers = std::iter::repeat_with(|| {
        connection.queue(BINDING)?;
        connection.flush(now).map(drop)
    });

    assert_eq!(answers.take(1 << 20).find_map(Result::err), Some(StreamEnded::Stalled));
    assert!(connection.outbox.len() <= QUEUE_LEN_MAX);
}

#[test]
fn a_client_may_stall_for_some_time_only() {
    let (mut client, mut connection, _, now) = plain();
    connection.set_allocated(true, now);
    assert_eq!(connection.deadline(), None);
    while connection.queue_relayed(&[&[0; 4096]]) {
        connection.flush(now).unwrap();
    }
    assert_eq!(connection.deadline(), Some((now + STALL_MAX, StreamEnded::Stalled)));

    assert!(connection.flush(now + MS).unwrap());
    assert_eq!(connection.deadline(), Some((now + STALL_MAX, StreamEnded::Stalled)), "nothing was read");
    let mut some = vec![0; 256 * 1024];
    let _ = client.read(&mut some).unwrap();
    connection.flush(now + MS).unwrap();
    assert!(connection.deadline().is_none_or(|(at, _)| at > now + STALL_MAX));
}

#[test]
fn a_client_without_an_allocation_has_to_say_something_now_and_then() {
    let (mut client, mut connection, mut buffer, now) = plain();
    assert_eq!(connection.deadline(), Some((now + IDLE_MAX, StreamEnded::Idle)));

    client.write_all(&BINDING[..10]).unwrap();
    drain(&mut connection, &mut buffer, now + MS);
    assert_eq!(connection.deadline(), Some((now + IDLE_MAX, StreamEnded::Idle)), "half a message is none");

    client.write_all(&BINDING[10..]).unwrap();
    drain(&mut connection, &mut buffer, now + MS);
    assert_eq!(connection.deadline(), Some((now + MS + IDLE_MAX, StreamEnded::Idle)));

    connection.set_allocated(true, now);
    assert_eq!(connection.deadline(), None);
    connection.set_allocated(false, now + MS);
    assert_eq!(connection.deadline(), Some((now + MS + IDLE_MAX, StreamEnded::Idle)));
}

#[test]
fn what_is_no_message_ends_the_connection_after_what_was_one() {
    let (mut client, mut connection, mut buffer, now) = plain();
    client.write_all(&[BINDING.as_slice(), b"GET / HTTP/1.1\r\n\r\n"].concat()).unwrap();

    assert_eq!(
        drain(&mut connection, &mut buffer, now),
        (vec![BINDING.to_vec()], Some(StreamEnded::Malformed))
    );
}

#[test]
fn a_stranger_may_not_send_long_messages() {
    let (mut client, mut connection, mut buffer, now) = plain();
    client.write_all(&[0x40, 0, 0xff, 0xff]).unwrap();

    assert_eq!(drain(&mut connection, &mut buffer, now), (vec![], Some(StreamEnded::Malformed)));
}

#[test]
fn the_end_of_a_connection_comes_after_its_last_message() {
    let (mut client, mut connection, mut buffer, now) = plain();
    client.write_all(BINDING).unwrap();
    drop(client);
    assert_eq!(
        drain(&mut connection, &mut buffer, now),
        (vec![BINDING.to_vec()], Some(StreamEnded::ByClient))
    );

    let (mut client, mut connection, mut buffer, now) = secure();
    client.write_all(BINDING).unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(
        drain(&mut connection, &mut buffer, now),
        (vec![BINDING.to_vec()], Some(StreamEnded::ByClient))
    );
}

#[test]
fn bytes_that_are_not_tls_end_a_connection_with_an_alert() {
    let (mut client, mut connection, mut buffer, now) = secure();
    client.sock.write_all(b"\x17\x03\x03\x00\x20________________________________").unwrap();

    assert_eq!(drain(&mut connection, &mut buffer, now), (vec![], Some(StreamEnded::Tls)));
    connection.close();

    assert_eq!(client.read(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::InvalidData, "bad_record_mac");
}

#[test]
fn closing_tells_a_tls_client() {
    let (mut client, mut connection, _, _) = secure();
    connection.queue(BINDING).unwrap();
    connection.close();

    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();

    assert_eq!(all, BINDING);
}

#[test]
fn a_detached_connection_takes_what_was_read_along() {
    let (mut client, mut connection, mut buffer, now) = plain();
    client.write_all(&[BINDING.as_slice(), BINDING, &BINDING[..5]].concat()).unwrap();
    let mut frames = connection.receive(&mut buffer, now).frames;
    frames.next().unwrap();

    let detached = connection.detach(frames.rest());

    assert_eq!(detached.read_ahead, [BINDING.as_slice(), &BINDING[..5]].concat());
}

/// Covers: RFC 8656 §12.5
#[test]
fn each_message_is_a_record_of_its_own_under_tls() {
    let (mut client, mut connection, _, now) = secure();
    let message = channel_data(b"hello");
    for _ in 0..3 {
        assert!(connection.queue_relayed(&[&message]));
    }
    connection.queue(BINDING).unwrap();
    connection.flush(now).unwrap();

    let mut wire = vec![0; 4096];
    let len = client.sock.read(&mut wire).unwrap();
    let (mut rest, mut messages) = (&wire[..len], Vec::new());
    while !rest.is_empty() {
        let (mut record, after) = rest.split_at(5 + usize::from(u16::from_be_bytes([rest[3], rest[4]])));
        rest = after;
        client.conn.read_tls(&mut record).unwrap();
        client.conn.process_new_packets().unwrap();
        let mut plain = [0; 1024];
        // Tickets come in records too.
        if let Ok(len) = client.conn.reader().read(&mut plain) {
            messages.push(plain[..len].to_vec());
        }
    }
    assert_eq!(messages, [&message[..], &message, &message, BINDING]);
}
