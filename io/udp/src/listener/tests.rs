use super::*;
use crate::Ecn;
use std::future::Future;
use std::time::Duration;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

#[tokio::test]
async fn a_datagram_arrives_with_its_addresses_and_its_mark() {
    for address in [V4, V6] {
        let server = listener(address);
        let client = listener(address);
        let request = Transmit { ecn: Some(Ecn::Ect0), ..Transmit::new(server.local_addr(), None, b"hello") };

        assert_eq!(client.send(&request).await, Sent::Yes);

        let mut batch = Batch::new();
        within_reason(server.recv(&mut batch)).await.unwrap();
        let received: Vec<_> = batch.iter().collect();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].payload, b"hello");
        assert_eq!(received[0].source, client.local_addr());
        assert_eq!(received[0].local, Some(server.local_addr()));
        assert_eq!(received[0].ecn, Some(Ecn::Ect0));
        assert_eq!(client.counters().sent, 1);
    }
}

/// A connected client takes nothing but what comes from the address it sent to, as a NAT or firewall would.
#[tokio::test]
async fn a_reply_of_a_wildcard_socket_leaves_from_the_address_the_request_came_to() {
    for (wildcard, asked) in [("0.0.0.0:0", "127.0.0.2"), ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1")] {
        let server = listener(wildcard);
        let asked = SocketAddr::new(asked.parse().unwrap(), server.local_addr().port());
        let any_port = if asked.is_ipv6() { V6 } else { V4 };
        let client = UdpSocket::bind(any_port).await.unwrap();
        client.connect(asked).await.unwrap();
        client.send(b"who am I?").await.unwrap();

        let mut batch = Batch::new();
        within_reason(server.recv(&mut batch)).await.unwrap();
        let request = batch.iter().next().unwrap();
        assert_eq!(request.local, Some(asked));
        let source = request.local.map(|local| local.ip());
        assert_eq!(server.try_send(&Transmit::new(request.source, source, b"you")), Sent::Yes);

        let mut reply = [0; 16];
        let len = within_reason(client.recv(&mut reply)).await.unwrap();
        assert_eq!(&reply[..len], b"you");
    }
}

#[tokio::test]
async fn one_port_has_a_socket_for_each_ip_version() {
    let (v4, v6) = on_one_port();
    let port = v6.local_addr().port();

    for (server, client) in [(v4, listener(V4)), (v6, listener(V6))] {
        let asked = SocketAddr::new(client.local_addr().ip(), port);
        assert_eq!(client.try_send(&Transmit::new(asked, None, b"x")), Sent::Yes);

        let mut batch = Batch::new();
        within_reason(server.recv(&mut batch)).await.unwrap();
        let sources: Vec<_> = batch.iter().map(|datagram| datagram.source).collect();
        assert_eq!(sources, [client.local_addr()]);
    }
}

#[tokio::test]
async fn a_train_arrives_as_the_datagrams_it_was_made_of() {
    for address in [V4, V6] {
        let server = listener(address);
        let client = listener(address);
        let contents: Vec<u8> = (0..100_u8).flat_map(|number| [number; 1_000]).take(99_500).collect();
        let train =
            Transmit { segment_len: Some(1_000), ..Transmit::new(server.local_addr(), None, &contents) };

        assert_eq!(client.send(&train).await, Sent::Yes);

        let mut arrived = Vec::new();
        let mut batch = Batch::new();
        while arrived.len() < 100 {
            within_reason(server.recv(&mut batch)).await.unwrap();
            arrived.extend(batch.iter().map(|datagram| datagram.payload.to_vec()));
        }
        assert_eq!(arrived.len(), 100);
        assert_eq!(arrived.concat(), contents);
        assert!(arrived[..99].iter().all(|payload| payload.len() == 1_000));
    }
}

#[tokio::test]
async fn an_empty_datagram_is_sent_and_received() {
    let server = listener(V4);
    let client = listener(V4);

    assert_eq!(client.send(&Transmit::new(server.local_addr(), None, b"")).await, Sent::Yes);

    let mut batch = Batch::new();
    within_reason(server.recv(&mut batch)).await.unwrap();
    assert_eq!(batch.iter().map(|datagram| datagram.payload.len()).collect::<Vec<_>>(), [0]);
}

/// Nobody listens on the port: the kernel gets an ICMP error back, and may report it at any later call.
#[tokio::test]
async fn a_peer_that_is_gone_does_not_break_the_socket() {
    for address in [V4, V6] {
        let server = listener(address);
        let client = listener(address);
        let gone = listener(address).local_addr();

        for _ in 0..10 {
            let _ = server.send(&Transmit::new(gone, None, b"anybody there?")).await;
        }

        assert_eq!(client.send(&Transmit::new(server.local_addr(), None, b"here")).await, Sent::Yes);
        let mut batch = Batch::new();
        within_reason(server.recv(&mut batch)).await.unwrap();
        assert_eq!(batch.iter().next().unwrap().payload, b"here");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_dropped_with_a_reason_and_counted() {
    let server = listener(V4);
    let peer = listener(V4).local_addr();
    let too_long = vec![0; 65_530];
    let cases = [
        (Transmit::new("127.0.0.1:0".parse().unwrap(), None, b"x"), SendDrop::BadDestination),
        (Transmit::new("[::1]:9".parse().unwrap(), None, b"x"), SendDrop::BadDestination),
        (Transmit::new("255.255.255.255:9".parse().unwrap(), None, b"x"), SendDrop::BadDestination),
        (Transmit::new("224.0.0.1:9".parse().unwrap(), None, b"x"), SendDrop::BadDestination),
        (Transmit::new(peer, Some("::1".parse().unwrap()), b"x"), SendDrop::BadSource),
        (Transmit::new(peer, Some("224.0.0.1".parse().unwrap()), b"x"), SendDrop::BadSource),
        (Transmit::new(peer, None, &too_long), SendDrop::TooLong),
    ];
    for (transmit, reason) in cases {
        let before = server.counters().send_drops(reason);

        assert_eq!(server.try_send(&transmit), Sent::Dropped(reason), "{transmit:?}");
        assert_eq!(server.send(&transmit).await, Sent::Dropped(reason));
        assert_eq!(server.counters().send_drops(reason), before + 2);
    }

    // Which error a source of another host is depends on the kernel.
    let of_another_host = Some("203.0.113.77".parse().unwrap());
    assert!(matches!(server.try_send(&Transmit::new(peer, of_another_host, b"x")), Sent::Dropped(_)));
    assert_eq!(server.counters().sent, 0);
    assert_eq!(server.try_send(&Transmit::new(peer, None, b"still alive")), Sent::Yes);
}

/// After an error that says so, `quinn-udp` takes segmentation offload for not working; trains have to go on.
#[tokio::test]
async fn a_train_goes_out_without_segmentation_offload_as_well() {
    let contents = [7; 10];
    let transmit = Transmit { segment_len: Some(4), ..Transmit::new(V4.parse().unwrap(), None, &contents) };

    let lens = |segments_max| -> Vec<_> {
        trains(&transmit, segments_max).map(|train| train.contents.len()).collect()
    };

    assert_eq!(lens(1), [4, 4, 2]);
    assert_eq!(lens(2), [8, 2]);
    assert_eq!(lens(64), [10]);
}

#[tokio::test]
async fn a_full_buffer_is_a_drop_for_those_who_do_not_wait() {
    assert_eq!(reason(&io::ErrorKind::WouldBlock.into()), SendDrop::BufferFull);
    assert_eq!(reason(&io::Error::from_raw_os_error(libc::ENOBUFS)), SendDrop::BufferFull);
    assert_eq!(reason(&io::Error::from_raw_os_error(libc::ENETUNREACH)), SendDrop::Unreachable);
    assert_eq!(reason(&io::Error::from_raw_os_error(libc::EHOSTUNREACH)), SendDrop::Unreachable);
    assert_eq!(reason(&io::Error::from_raw_os_error(libc::EPERM)), SendDrop::Forbidden);
    assert_eq!(reason(&io::Error::from_raw_os_error(libc::EIO)), SendDrop::Other);
}

/// Somebody else may have the port in the other IP version, but hardly many times over.
fn on_one_port() -> (Listener, Listener) {
    (0..16)
        .find_map(|_| {
            let v6 = listener("[::]:0");
            let port = v6.local_addr().port();
            let v4 = Listener::bind(SocketAddr::from(([0, 0, 0, 0], port))).ok()?;
            Some((v4, v6))
        })
        .expect("a port is free in both IP versions")
}

fn listener(address: &str) -> Listener {
    Listener::bind(address.parse().unwrap()).unwrap()
}

/// Loopback delivers at once; the limit only keeps a broken test from hanging.
async fn within_reason<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("a datagram arrives")
}
