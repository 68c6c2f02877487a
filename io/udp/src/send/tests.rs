use super::*;
use crate::{Interest, Poller, RecvBatch, SocketOptions};
use std::time::Duration;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

#[test]
fn a_packet_arrives_with_its_addresses_and_its_traffic_class() {
    for address in [V4, V6] {
        let server = socket(address);
        let client = socket(address);
        let to = Destination { traffic_class: 0xba, ..Destination::new(server.local_addr()) };

        let counters = send(&client, |queue| queue.push(to, &[b"he", b"", b"llo"]));

        let mut batch = RecvBatch::new();
        recv(&server, &mut batch);
        assert_eq!(batch.len(), 1);
        let train = batch.train(0);
        assert_eq!(train.bytes, b"hello");
        assert_eq!(train.source, client.local_addr());
        assert_eq!(train.local, Some(server.local_addr().ip()));
        assert_eq!(train.traffic_class, 0xba);
        assert_eq!((counters.packets, counters.messages), (1, 1));
    }
}

/// A connected client takes nothing but what comes from the address it sent to, as a NAT or firewall would.
#[test]
fn a_reply_of_a_wildcard_socket_leaves_from_the_address_the_request_came_to() {
    for (wildcard, asked) in [("0.0.0.0:0", "127.0.0.2"), ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1")] {
        let server = socket(wildcard);
        let asked = SocketAddr::new(asked.parse().unwrap(), server.local_addr().port());
        let client = std::net::UdpSocket::bind(if asked.is_ipv6() { V6 } else { V4 }).unwrap();
        client.set_read_timeout(Some(WITHIN_REASON)).unwrap();
        client.connect(asked).unwrap();
        client.send(b"who am I?").unwrap();

        let mut batch = RecvBatch::new();
        recv(&server, &mut batch);
        let request = batch.train(0);
        assert_eq!(request.local, Some(asked.ip()));
        let to = Destination { source: request.local, ..Destination::new(request.source) };
        send(&server, |queue| queue.push(to, &[b"you"]));

        let mut reply = [0; 16];
        let len = client.recv(&mut reply).unwrap();
        assert_eq!(&reply[..len], b"you");
    }
}

#[test]
fn one_port_has_a_socket_for_each_ip_version() {
    let (v4, v6) = on_one_port();
    let port = v6.local_addr().port();

    for (server, client) in [(v4, socket(V4)), (v6, socket(V6))] {
        let asked = SocketAddr::new(client.local_addr().ip(), port);
        send(&client, |queue| queue.push(Destination::new(asked), &[b"x"]));

        let mut batch = RecvBatch::new();
        recv(&server, &mut batch);
        assert_eq!(batch.train(0).source, client.local_addr());
    }
}

#[test]
fn several_sockets_share_a_port_when_asked_to() {
    let options = SocketOptions { reuse_port: true, ..SocketOptions::default() };
    let first = Socket::bind(V4.parse().unwrap(), &options).unwrap();

    assert!(Socket::bind(first.local_addr(), &options).is_ok());
    assert!(Socket::bind(first.local_addr(), &SocketOptions::default()).is_err());
}

#[test]
fn a_train_arrives_as_the_packets_it_was_made_of() {
    for address in [V4, V6] {
        let server = socket(address);
        let client = socket(address);
        let contents: Vec<u8> = (0..100_u8).flat_map(|number| [number; 1_000]).take(99_500).collect();
        let to = Destination::new(server.local_addr());

        let counters = send(&client, |queue| {
            for packet in contents.chunks(1_000) {
                let (head, tail) = packet.split_at(4);
                queue.push(to, &[head, tail]);
            }
        });

        let arrived = recv_packets(&server, 100);
        assert_eq!(arrived.concat(), contents);
        assert!(arrived[..99].iter().all(|payload| payload.len() == 1_000));
        assert_eq!(counters.packets, 100);
        assert!(counters.messages == 2 || counters.runs_refused > 0, "64 packets to a run: {counters:?}");
    }
}

#[test]
fn neighbours_of_one_destination_and_length_become_a_run() {
    let [one, other] = ["192.0.2.1:9".parse().unwrap(), "192.0.2.2:9".parse().unwrap()].map(Destination::new);
    let long = [0; 1_300];
    let cases = [
        ("equal", vec![(one, 5), (one, 5), (one, 5)], vec![3]),
        ("the last is shorter, and ends it", vec![(one, 5), (one, 4), (one, 4), (one, 4)], vec![2, 2]),
        ("longer ones begin another", vec![(one, 4), (one, 5), (one, 5)], vec![1, 2]),
        ("by destination", vec![(one, 5), (other, 5), (one, 5)], vec![1, 1, 1]),
        ("empty packets stay alone", vec![(one, 5), (one, 0), (one, 0), (one, 5)], vec![1, 1, 1, 1]),
        ("as long as the kernel takes", vec![(one, 1_300); 51], vec![50, 1]),
    ];
    for (what, packets, expected) in cases {
        let mut buffers = SendBuffers::new();
        let mut queue = buffers.queue();

        for (to, len) in packets {
            queue.push(to, &[&long[..len]]);
        }

        let runs: Vec<_> = buffers.messages.iter().map(|message| message.segments).collect();
        assert_eq!(runs, expected, "{what}");
    }
}

#[test]
fn a_run_has_no_more_packets_than_the_kernel_takes() {
    let to = Destination::new("192.0.2.1:9".parse().unwrap());
    let mut buffers = SendBuffers::new();
    let mut queue = buffers.queue();

    for _ in 0..=RUN_SEGMENTS_MAX {
        queue.push(to, &[b"x"]);
    }

    assert_eq!(buffers.messages.iter().map(|message| message.segments).collect::<Vec<_>>(), [64, 1]);
}

#[test]
fn packets_that_lie_together_become_the_runs_they_would_have_become_one_by_one() {
    let [one, other] = ["192.0.2.1:9".parse().unwrap(), "192.0.2.2:9".parse().unwrap()].map(Destination::new);
    let long = vec![0; 130_000];
    let cases = [
        ("one run", vec![(one, 15, 5)]),
        ("the last is shorter, and ends it", vec![(one, 14, 5), (one, 8, 4)]),
        ("runs of one length join", vec![(one, 10, 5), (one, 12, 5), (one, 5, 5)]),
        ("shorter ones end a run", vec![(one, 10, 5), (one, 12, 4)]),
        ("longer ones begin another", vec![(one, 12, 4), (one, 10, 5)]),
        ("a single one, said to be longer", vec![(one, 3, 5), (one, 3, 3), (one, 2, 3)]),
        ("by destination", vec![(one, 10, 5), (other, 10, 5), (one, 10, 5)]),
        ("as many as the kernel takes", vec![(one, 30, 1), (one, 100, 1)]),
        ("as long as the kernel takes", vec![(one, 1_300 * 20, 1_300), (one, 1_300 * 80, 1_300)]),
        ("longer than the kernel takes", vec![(one, 130_000, 65_508)]),
        ("nothing", vec![(one, 0, 5), (one, 5, 5)]),
    ];
    for (what, runs) in cases {
        let (mut together, mut apart) = (SendBuffers::new(), SendBuffers::new());
        let mut queue = together.queue();
        for (to, len, segment_len) in &runs {
            queue.push_run(*to, &long[..*len], *segment_len);
        }
        let mut queue = apart.queue();
        for (to, len, segment_len) in &runs {
            for packet in long[..*len].chunks(*segment_len) {
                queue.push(*to, &[packet]);
            }
        }

        let messages = |buffers: &SendBuffers| -> Vec<_> {
            buffers.messages.iter().map(|one| (one.to, one.len, one.segment_len, one.segments)).collect()
        };
        assert_eq!(messages(&together), messages(&apart), "{what}");
        assert!(together.parts.len() < apart.parts.len() || apart.parts.len() <= 4, "{what}");
    }
}

/// The loopback device takes 65,536 bytes in one piece, and refuses a run of packets that it would have to fragment.
#[test]
fn a_run_that_is_refused_goes_out_packet_by_packet() {
    let server = socket(V4);
    let client = socket(V4);
    client.offload_rest().set(2);
    let to = Destination::new(server.local_addr());

    for round in 0..3 {
        let counters = send(&client, |queue| {
            queue.push(to, &[b"a", b"aaa"]);
            queue.push_run(to, b"bbbbcc", 4);
        });

        assert_eq!(recv_packets(&server, 3), [&b"aaaa"[..], b"bbbb", b"cc"]);
        assert_eq!(counters.packets, 3);
        let is_resting = round < 2;
        assert_eq!(counters.messages, if is_resting { 3 } else { 1 }, "round {round}");
    }
}

#[test]
fn an_empty_packet_is_sent_and_received() {
    let server = socket(V4);
    let client = socket(V4);

    send(&client, |queue| queue.push(Destination::new(server.local_addr()), &[]));

    assert_eq!(recv_packets(&server, 1), [b""]);
}

/// Nobody listens on the port: the kernel gets an ICMP error back, and reports it at the next call, whatever it is.
#[test]
fn a_peer_that_is_gone_does_not_break_the_socket_and_is_told_about() {
    for address in [V4, V6] {
        let server = socket(address);
        let options = SocketOptions { recv_errors: true, ..SocketOptions::default() };
        let client = Socket::bind(address.parse().unwrap(), &options).unwrap();
        let gone = socket(address).local_addr();

        for _ in 0..10 {
            let counters = send(&client, |queue| {
                queue.push(Destination::new(gone), &[b"anybody there?"]);
                queue.push(Destination::new(server.local_addr()), &[b"here"]);
            });
            assert_eq!(counters.packets, 2, "what one meets is no matter of the other's");
        }

        assert_eq!(recv_packets(&server, 10).len(), 10);
        let error = client.take_error().unwrap();
        let port_unreachable = if gone.is_ipv6() { (1, 4) } else { (3, 3) };
        assert_eq!(error.peer, gone);
        assert_eq!((error.icmp_type, error.icmp_code), port_unreachable);
        assert_eq!(error.mtu, None);
        while client.take_error().is_some() {}
        assert!(RecvBatch::new().recv(&client).unwrap().is_empty());
    }
}

#[test]
fn what_must_not_be_fragmented_and_is_too_long_is_dropped_and_told_about() {
    for (address, too_long) in [(V4, (3, 4)), (V6, (2, 0))] {
        let options = SocketOptions { recv_errors: true, ..SocketOptions::default() };
        let client = Socket::bind(address.parse().unwrap(), &options).unwrap();
        let server = socket(address);
        let contents = vec![0; 65_530];
        client.set_dont_fragment(true).unwrap();

        let counters = send(&client, |queue| queue.push(Destination::new(server.local_addr()), &[&contents]));

        assert_eq!(counters.drops(SendDrop::TooLong), 1);
        if let Some(error) = client.take_error() {
            assert_eq!((error.icmp_type, error.icmp_code), too_long);
            assert!(error.mtu.is_some());
        }
        client.set_dont_fragment(false).unwrap();
        send(&client, |queue| queue.push(Destination::new(server.local_addr()), &[b"fits"]));
        assert_eq!(recv_packets(&server, 1), [b"fits"]);
    }
}

/// A forged source is all it takes to make a server send to these, so nothing else may suffer from it.
#[test]
fn what_cannot_be_sent_is_dropped_with_a_reason_and_disturbs_nothing_else() {
    let server = socket(V4);
    let client = socket(V4);
    let peer = Destination::new(server.local_addr());
    let too_long = vec![0; 65_530];
    let small: &[u8] = b"x";
    let from = |source: &str| Destination { source: Some(source.parse().unwrap()), ..peer };
    let to = |address: &str| Destination::new(address.parse().unwrap());
    let cases = [
        (to("127.0.0.1:0"), small, SendDrop::BadDestination),
        (to("[::1]:9"), small, SendDrop::BadDestination),
        (to("255.255.255.255:9"), small, SendDrop::BadDestination),
        (to("224.0.0.1:9"), small, SendDrop::BadDestination),
        (from("::1"), small, SendDrop::BadSource),
        (from("224.0.0.1"), small, SendDrop::BadSource),
        (peer, &too_long, SendDrop::TooLong),
    ];
    for (to, contents, reason) in cases {
        let counters = send(&client, |queue| {
            for _ in 0..2 {
                queue.push(peer, &[b"before"]);
            }
            queue.push(to, &[contents]);
            for _ in 0..2 {
                queue.push(peer, &[b"after"]);
            }
        });

        assert_eq!(counters.drops(reason), 1, "{to:?}");
        assert_eq!(counters.packets, 4);
        assert_eq!((counters.runs_refused, client.offload_rest().get()), (0, 0));
        assert_eq!(recv_packets(&server, 4).len(), 4);
    }
    // Which error a source of another host is depends on the kernel.
    let counters = send(&client, |queue| queue.push(from("203.0.113.77"), &[b"x"]));
    assert_eq!(counters.packets, 0);
}

#[test]
fn errors_of_the_kernel_are_told_apart() {
    let of = |errno| reason(&io::Error::from_raw_os_error(errno));
    assert_eq!(of(libc::EAGAIN), SendDrop::BufferFull);
    assert_eq!(of(libc::ENOBUFS), SendDrop::BufferFull);
    assert_eq!(of(libc::ENETUNREACH), SendDrop::Unreachable);
    assert_eq!(of(libc::EHOSTUNREACH), SendDrop::Unreachable);
    assert_eq!(of(libc::EPERM), SendDrop::Forbidden);
    assert_eq!(of(libc::EIO), SendDrop::Other);
}

#[test]
fn a_train_can_be_changed_where_it_lies() {
    let server = socket(V4);
    send(&server, |queue| queue.push(Destination::new(server.local_addr()), &[b"question"]));
    let mut batch = RecvBatch::new();
    recv(&server, &mut batch);

    let train = batch.train_mut(0);
    assert_eq!((train.source, train.segment_len), (server.local_addr(), 8));
    train.bytes.copy_from_slice(b"answered");

    assert_eq!(batch.train(0).bytes, b"answered");
}

#[test]
fn a_batch_takes_from_several_sockets_until_it_is_full() {
    let client = socket(V4);
    let servers = [socket(V4), socket(V4)];
    for server in &servers {
        for number in 0..20_u8 {
            // Packets of one length would arrive as one train.
            let contents = vec![number; usize::from(number) + 1];
            send(&client, |queue| queue.push(Destination::new(server.local_addr()), &[&contents]));
        }
    }

    let mut batch = RecvBatch::new();
    assert_eq!(batch.recv(&servers[0]).unwrap(), 0..20);
    assert_eq!(batch.recv(&servers[1]).unwrap(), 20..32);
    assert_eq!(batch.free(), 0);
    assert!(batch.recv(&servers[1]).unwrap().is_empty());
    batch.clear();
    assert_eq!(batch.recv(&servers[1]).unwrap(), 0..8);
    assert_eq!(batch.train(0).bytes, [12; 13]);
}

#[test]
fn this_kernel_can_be_probed() {
    let capabilities = crate::probe().unwrap();

    assert_eq!(capabilities, crate::probe().unwrap());
}

/// Somebody else may have the port in the other IP version, but hardly many times over.
fn on_one_port() -> (Socket, Socket) {
    let options = SocketOptions::default();
    (0..16)
        .find_map(|_| {
            let v6 = socket("[::]:0");
            let port = v6.local_addr().port();
            let v4 = Socket::bind(SocketAddr::from(([0, 0, 0, 0], port)), &options).ok()?;
            Some((v4, v6))
        })
        .expect("a port is free in both IP versions")
}

fn socket(address: &str) -> Socket {
    Socket::bind(address.parse().unwrap(), &SocketOptions::default()).unwrap()
}

/// Sends one batch, and tells what became of it.
fn send<'a>(socket: &Socket, fill: impl FnOnce(&mut SendQueue<'_, 'a>)) -> SendCounters {
    let mut buffers = SendBuffers::new();
    let mut queue = buffers.queue();
    fill(&mut queue);
    queue.flush(socket);
    assert!(queue.is_empty());
    *buffers.counters()
}

/// Loopback delivers at once; the limit only keeps a broken test from hanging.
const WITHIN_REASON: Duration = Duration::from_secs(30);

fn recv(socket: &Socket, batch: &mut RecvBatch) {
    let mut poller = Poller::new().unwrap();
    poller.add(socket, 0, Interest::Read).unwrap();
    batch.clear();
    poller.wait(Some(WITHIN_REASON)).unwrap();
    assert!(!poller.is_empty(), "a packet arrives");
    batch.recv(socket).unwrap();
}

fn recv_packets(socket: &Socket, count: usize) -> Vec<Vec<u8>> {
    let mut batch = RecvBatch::new();
    let mut packets = Vec::new();
    while packets.len() < count {
        recv(socket, &mut batch);
        for slot in 0..batch.len() {
            packets.extend(batch.train(slot).segments().map(<[u8]>::to_vec));
        }
    }
    packets
}
