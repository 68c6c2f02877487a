use super::*;
use crate::stream::testing::{TlsClient, tls_pair};
use proptest::prelude::*;
use std::io::Read as _;
use std::os::unix::net::UnixStream;

impl HalfClose for UnixStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// The far ends (blocking), and what is between them.
struct World {
    client: UnixStream,
    peer: UnixStream,
    splice: Splice<UnixStream>,
    buffer: ReceiveBuffer,
    now: Instant,
}

fn ends() -> (UnixStream, UnixStream) {
    let (far, near) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (far, near)
}

fn world(read_ahead: &[u8], outbox: &[u8], tls: Option<Tls>) -> World {
    let ((client, near_client), (peer, near_peer)) = (ends(), ends());
    let mut waiting = Backlog::default();
    waiting.push(outbox);
    let detached = Detached { io: near_client, tls, read_ahead: read_ahead.to_vec(), outbox: waiting };
    let splice = Splice::new(detached, near_peer);
    World { client, peer, splice, buffer: ReceiveBuffer::new(), now: Instant::now() }
}

impl World {
    fn pump(&mut self) -> Result<Interests, Over> {
        self.splice.pump(&mut self.buffer, self.now, |_, _| true)
    }
}

fn received(io: &mut UnixStream) -> Vec<u8> {
    io.set_nonblocking(true).unwrap();
    let mut all = Vec::new();
    // It ends with an error, since more may come.
    let _ = io.read_to_end(&mut all);
    io.set_nonblocking(false).unwrap();
    all
}

/// Covers: RFC 6062 §5.4
#[test]
fn what_was_read_and_what_was_to_be_sent_come_first() {
    let mut world = world(b"early ", b"response ", None);
    world.client.write_all(b"up").unwrap();
    world.peer.write_all(b"down").unwrap();

    world.pump().unwrap();

    assert_eq!(received(&mut world.peer), b"early up");
    assert_eq!(received(&mut world.client), b"response down");
}

/// Covers: RFC 6062 §5.5
#[test]
fn each_direction_ends_for_itself() {
    let mut world = world(b"", b"", None);
    world.client.write_all(b"request").unwrap();
    world.client.shutdown(Shutdown::Write).unwrap();
    while world.splice.up.flow != Flow::Ended {
        world.pump().unwrap();
    }
    let mut request = Vec::new();
    world.peer.read_to_end(&mut request).unwrap();
    assert_eq!(request, b"request");

    world.peer.write_all(b"response").unwrap();
    world.peer.shutdown(Shutdown::Write).unwrap();
    while world.pump().is_ok() {}
    let mut response = Vec::new();
    world.client.read_to_end(&mut response).unwrap();
    assert_eq!(response, b"response");
}

#[test]
fn an_end_that_does_not_read_stops_the_other_and_is_given_up() {
    let mut world = world(b"", b"", None);
    let chunk = vec![7; 64 * 1024];
    world.client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    loop {
        let more = crate::stream::testing::fill(&mut world.client, &chunk);
        let before = world.splice.up.backlog.len();
        let interests = world.pump().unwrap();
        sent += more;
        assert!(world.splice.up.backlog.len() <= QUEUE_LEN_MAX + 64 * 1024);
        if more == 0 && world.splice.up.backlog.len() == before {
            assert_eq!(interests.client, Some(Interest::ErrorsOnly), "nothing is read any more");
            assert_eq!(interests.peer, Some(Interest::ReadWrite));
            break;
        }
    }
    assert!(sent > QUEUE_LEN_MAX);

    let end = world.now + STALL_MAX;
    assert_eq!(world.splice.poll_timeout(world.now), Some(end));
    world.now = end;
    assert_eq!(world.pump(), Err(Over));
}

#[test]
fn bandwidth_is_waited_for_and_nothing_is_lost() {
    let mut world = world(b"", b"", None);
    let sent: Vec<u8> = (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    world.client.write_all(&sent).unwrap();
    let mut got = Vec::new();
    let mut rounds = 0;
    while got.len() < sent.len() {
        let mut grants = 2;
        let metered = world.splice.pump(&mut world.buffer, world.now, |towards, len| {
            assert_eq!(towards, Towards::Peer);
            assert!(len <= METERED_LEN);
            grants -= 1;
            grants >= 0
        });
        metered.unwrap();
        if got.len() + 2 * METERED_LEN < sent.len() {
            assert_eq!(world.splice.poll_timeout(world.now), Some(world.now + METER_PAUSE));
        }
        got.extend(received(&mut world.peer));
        rounds += 1;
    }

    assert_eq!(got, sent);
    assert_eq!(rounds, sent.len().div_ceil(2 * METERED_LEN));
}

#[test]
fn a_client_under_tls_is_spliced_and_told_the_end() {
    let (client_tls, server_tls) = tls_pair();
    let mut world = world(b"", b"response ", Some(Tls::new(Box::new(server_tls))));
    let mut client = TlsClient::new(client_tls, world.client.try_clone().unwrap());
    client.write_all(b"up").unwrap();
    world.peer.write_all(b"down").unwrap();
    world.peer.shutdown(Shutdown::Write).unwrap();
    while world.splice.down.flow != Flow::Ended {
        world.pump().unwrap();
    }

    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"response down");
    assert_eq!(received(&mut world.peer), b"up");
    client.conn.send_close_notify();
    client.flush().unwrap();
    while world.pump().is_ok() {}
}

/// What the poller finds at the peer's end, having been told to look for what the splice wants there.
fn ready_at_peer(splice: &Splice<impl HalfClose + std::os::fd::AsFd>, interest: Option<Interest>) -> usize {
    let mut poller = moim_udp::Poller::new().unwrap();
    if let Some(interest) = interest {
        poller.add(&splice.peer, 1, interest).unwrap();
    }
    poller.wait(Some(Duration::ZERO)).unwrap();
    poller.len()
}

/// A poller that reported it would keep the thread busy for as long as the client likes.
#[test]
fn an_end_that_is_through_is_not_reported_while_the_other_does_not_read() {
    let mut world = world(b"", b"", None);
    world.client.shutdown(Shutdown::Write).unwrap();
    world.peer.set_nonblocking(true).unwrap();
    let chunk = vec![7; 64 * 1024];
    let mut interests = world.pump().unwrap();
    while interests.peer.is_some_and(|interest| interest != Interest::ErrorsOnly) {
        crate::stream::testing::fill(&mut world.peer, &chunk);
        interests = world.pump().unwrap();
    }
    assert!(!world.splice.down.wants_more() && world.splice.up.flow == Flow::Ended);

    world.peer.shutdown(Shutdown::Write).unwrap();

    assert_eq!(ready_at_peer(&world.splice, interests.peer), 0);
    assert!(!received(&mut world.client).is_empty());
    assert_eq!(world.pump().unwrap().peer, Some(Interest::Read), "what is left is read, and then the end");
}

/// An error is told once. A connection that is reset is over, whoever is told of it.
#[test]
fn a_connection_that_is_reset_ends_both() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = || {
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (far, near)
    };
    let ((_client, near_client), (peer, near_peer)) = (pair(), pair());
    let detached =
        Detached { io: near_client, tls: None, read_ahead: Vec::new(), outbox: Backlog::default() };
    let mut splice = Splice::new(detached, near_peer);
    let (mut buffer, now) = (ReceiveBuffer::new(), Instant::now());
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);

    assert_eq!(splice.pump(&mut buffer, now, |_, _| true), Err(Over));
}

#[test]
fn a_broken_end_ends_both() {
    let mut world = world(b"", b"", None);
    drop(world.peer);
    world.client.write_all(b"up").unwrap();
    let mut pump = || world.splice.pump(&mut world.buffer, world.now, |_, _| true);

    while pump().is_ok() {}

    assert_eq!(pump(), Err(Over));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn bytes_arrive_in_order_whatever_the_chunks(
        up in prop::collection::vec(1..40_000_usize, 1..8),
        grants in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let mut world = world(b"", b"", None);
        let mut grants = grants.into_iter().chain([true]).cycle();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        for (nth, len) in up.into_iter().enumerate() {
            let chunk: Vec<u8> = (0..len).map(|n| (n * 7 + nth).to_le_bytes()[0]).collect();
            world.client.write_all(&chunk).unwrap();
            sent.extend(chunk);
            world.splice.pump(&mut world.buffer, world.now, |_, _| grants.next().unwrap()).unwrap();
            got.extend(received(&mut world.peer));
        }
        while got.len() < sent.len() {
            world.pump().unwrap();
            got.extend(received(&mut world.peer));
        }
        prop_assert_eq!(got, sent);
    }
}
