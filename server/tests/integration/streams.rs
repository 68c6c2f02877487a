//! STUN and TURN over TCP and TLS on the one port, and what proxies say of their clients.

use crate::stun::own_addresses;
use crate::support::{Kind, PATIENCE_WITH_STRANGERS, TestServer, within};
use moim_stun::attribute::XorMappedAddress;
use moim_stun::{Class, Message};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep};

const BINDING: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";

/// The next STUN message.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut message = vec![0; 20];
    within(stream.read_exact(&mut message)).await.unwrap();
    let len = usize::from(u16::from_be_bytes([message[2], message[3]]));
    message.resize(20 + len, 0);
    within(stream.read_exact(&mut message[20..])).await.unwrap();
    message
}

/// The address that the server tells of a Binding response.
fn mapped(response: &[u8]) -> SocketAddr {
    let message = Message::parse(response).unwrap();
    assert_eq!(message.class(), Class::SuccessResponse);
    message.get::<XorMappedAddress>().unwrap().unwrap().0
}

/// Asks for the client's address and is told this one.
async fn is_told(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), address: SocketAddr) {
    stream.write_all(BINDING).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(mapped(&message(stream).await), address);
}

/// Whether the server has closed the connection.
async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    matches!(within(stream.read(&mut [0; 64])).await, Ok(0) | Err(_))
}

/// Covers: RFC 8489 §6.2.2
#[tokio::test]
async fn a_binding_request_over_tcp_is_answered_however_it_is_cut() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let own = stream.local_addr().unwrap();

    for byte in BINDING {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(mapped(&message(&mut stream).await), own);
    stream.write_all(&BINDING.repeat(10)).await.unwrap();
    for _ in 0..10 {
        assert_eq!(mapped(&message(&mut stream).await), own);
    }

    assert_eq!(server.counters.stun_over_tcp.total(), 1);
}

/// Covers: RFC 8489 §6.2.3, RFC 7443 §2
#[tokio::test]
async fn a_binding_request_over_tls_is_answered_with_and_without_alpn() {
    let server = TestServer::start();
    for protocols in [&[][..], &["stun.turn"], &["stun.nat-discovery"], &["http/1.1", "stun.turn"]] {
        let mut stream = server.connect(protocols).await;
        let own = stream.get_ref().0.local_addr().unwrap();
        is_told(&mut stream, own).await;
        is_told(&mut stream, own).await;
    }

    assert_eq!(server.counters.stun_over_tls.total(), 4);
    assert_eq!(server.http().await.ask("GET", "/healthz", &[], "").await.status, 200, "as ever");
}

#[tokio::test]
async fn http_without_alpn_is_served() {
    let server = TestServer::start();
    let mut stream = server.connect(&[]).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.host());

    stream.write_all(request.as_bytes()).await.unwrap();

    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
}

#[tokio::test]
async fn a_connection_that_goes_on_with_something_else_is_closed() {
    let server = TestServer::start();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let own = plain.local_addr().unwrap();
    is_told(&mut plain, own).await;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(is_closed(&mut plain).await);

    let mut secure = server.connect(&["stun.turn"]).await;
    secure.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(is_closed(&mut secure).await);
}

/// Half-open connections, handshakes that stand still, clients that do not read: each costs a place for some time, and
/// nobody else anything.
#[tokio::test]
async fn slow_and_half_open_clients_disturb_nobody() {
    let server = TestServer::with(&format!("limits.request_timeout = '{PATIENCE_WITH_STRANGERS}'"));
    let mut anna = server.client(Kind::WebSocket).await;
    let mut ben = server.client(Kind::Events).await;
    anna.join("tea", "Anna").await;
    ben.join("tea", "Ben").await;
    let mut good = TcpStream::connect(server.address).await.unwrap();
    let own = good.local_addr().unwrap();
    is_told(&mut good, own).await;

    let beginnings: [&[u8]; 6] = [
        b"",
        b"\x00",
        &BINDING[..19],
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x00\x01\xff\xff\x21\x12\xa4\x42",
    ];
    let mut slow = Vec::new();
    for beginning in beginnings {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        slow.push(stream);
    }
    let mut handshakes = Vec::new();
    for _ in 0..4 {
        handshakes.push(server.connect(&[]).await);
    }
    // Asks and asks, and never reads.
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    let asking = tokio::spawn(async move {
        let many = BINDING.repeat(500);
        while deaf.write_all(&many).await.is_ok() {}
    });

    is_told(&mut good, own).await;
    anna.chat("still there?").await;
    assert_eq!(ben.hear().await, "still there?");
    within(asking).await.unwrap();
    for mut stream in handshakes {
        assert!(is_closed(&mut stream).await, "it never said anything");
    }
    is_told(&mut good, own).await;
    anna.chat("and now?").await;
    assert_eq!(ben.hear().await, "and now?");
    assert_eq!(server.counters.panics.total(), 0);
}

/// A listener on a port of its own, behind a proxy.
fn behind_proxy(proxies: &str) -> (TestServer, SocketAddr) {
    // Nothing tells the port of a further listener.
    let ([ip, _], port) = own_addresses();
    let server = TestServer::with(&format!(
        "limits = {{ request_timeout = '{PATIENCE_WITH_STRANGERS}', strangers_per_address_max = 8 }}\n\
         [[listeners]]\naddress = '{ip}:{port}'\nproxy_protocol = true\n{proxies}"
    ));
    (server, SocketAddr::from((ip, port)))
}

#[tokio::test]
async fn a_proxy_tells_whose_connection_it_is() {
    let (server, listener) = behind_proxy("");
    let header = b"PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n";
    let mut stream = TcpStream::connect(listener).await.unwrap();
    stream.write_all(header).await.unwrap();
    is_told(&mut stream, "203.0.113.7:51000".parse().unwrap()).await;

    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24".to_vec();
    v2.extend("2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
    v2.extend("2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    v2.extend([0xc7, 0x38, 0x01, 0xbb]);
    let mut stream = TcpStream::connect(listener).await.unwrap();
    // The first bytes of the client may come with the header.
    stream.write_all(&[&v2[..], BINDING].concat()).await.unwrap();
    assert_eq!(mapped(&message(&mut stream).await), "[2001:db8::7]:51000".parse().unwrap());

    // The proxy asks for itself.
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let own = stream.local_addr().unwrap();
    stream.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00").await.unwrap();
    is_told(&mut stream, own).await;
    assert_eq!(server.counters.proxies_refused.total(), 0);
}

#[tokio::test]
async fn limits_count_the_clients_of_a_proxy_and_not_the_proxy() {
    let (server, listener) = behind_proxy("");
    let connect = async |client: &str| {
        let mut stream = TcpStream::connect(listener).await.unwrap();
        let header = format!("PROXY TCP4 {client} 192.0.2.1 51000 443\r\n");
        stream.write_all(header.as_bytes()).await.unwrap();
        stream
    };
    let mut crowd = Vec::new();
    while server.counters.strangers_over_limit.total() == 0 {
        crowd.push(connect("203.0.113.7").await);
        sleep(Duration::from_millis(1)).await;
    }

    let mut other = connect("203.0.113.8").await;
    is_told(&mut other, "203.0.113.8:51000".parse().unwrap()).await;
    let mut direct = TcpStream::connect(server.address).await.unwrap();
    let own = direct.local_addr().unwrap();
    is_told(&mut direct, own).await;
}

#[tokio::test]
async fn without_a_valid_header_from_a_trusted_proxy_nothing_is_served() {
    let (server, listener) = behind_proxy("");
    for beginning in [&b"GET / HTTP/1.1\r\n\r\n"[..], BINDING, b"PROXY TCP4 nonsense\r\n", b"PROXY "] {
        let mut stream = TcpStream::connect(listener).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        assert!(is_closed(&mut stream).await, "{}", beginning.escape_ascii());
    }
    assert_eq!(server.counters.proxies_refused.total(), 4);

    let (server, listener) = behind_proxy("proxies = ['192.0.2.1']\n");
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let _ = stream.write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n").await;
    assert!(is_closed(&mut stream).await);
    assert_eq!(server.counters.proxies_refused.total(), 1);
    // Elsewhere, a header is nothing that is spoken.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n").await.unwrap();
    assert!(is_closed(&mut stream).await);
}
