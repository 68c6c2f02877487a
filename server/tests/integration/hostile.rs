//! What strangers may send, while others go on undisturbed.

use crate::management::{ON_LOOPBACK, Samples, metrics_once};
use crate::support::{Client, Connection, Kind, Link, PATIENCE_WITH_STRANGERS, TestServer, within};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

/// A server that does not wait long for strangers.
fn impatient() -> TestServer {
    TestServer::with(&format!("limits.request_timeout = '{PATIENCE_WITH_STRANGERS}'"))
}

/// A call that has to go on whatever else happens.
struct Call {
    anna: Client,
    ben: Client,
}

impl Call {
    async fn begin(server: &TestServer) -> Self {
        let mut anna = server.client(Kind::WebSocket).await;
        let mut ben = server.client(Kind::Events).await;
        anna.join("tea", "Anna").await;
        ben.join("tea", "Ben").await;
        Self { anna, ben }
    }

    async fn goes_on(&mut self) {
        self.anna.chat("still there?").await;
        assert_eq!(self.ben.hear().await, "still there?");
        self.ben.chat("yes").await;
        assert_eq!(self.anna.hear().await, "yes");
    }
}

/// All frames until the end of a link.
async fn rest(link: &mut Link) -> Vec<Value> {
    let mut frames = Vec::new();
    while let Some(frame) = link.next().await {
        frames.push(frame);
    }
    frames
}

fn codes(frames: &[Value]) -> Vec<(&str, &str)> {
    frames
        .iter()
        .map(|frame| (frame["type"].as_str().unwrap(), frame["code"].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test]
async fn a_websocket_of_another_origin_is_refused() {
    let server = TestServer::with("http.allowed_origins = ['https://school.example']");
    let own = format!("https://{}", server.host());

    for origin in ["https://evil.example", "null", "https://127.0.0.1"] {
        let refused = Link::web_socket(&server, &[("origin", origin)]).await;
        assert_eq!(refused.err().unwrap(), 403, "{origin}");
    }
    for origin in [&own, "https://school.example"] {
        assert!(Link::web_socket(&server, &[("origin", origin)]).await.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_link() {
    for kind in [Kind::WebSocket, Kind::Events] {
        for len in [64 * 1024 + 1, 1024 * 1024] {
            let server = TestServer::start();
            let mut call = Call::begin(&server).await;
            let mut stranger = server.client(kind).await;

            stranger.link.try_send(Message::Text("x".repeat(len).into())).await;

            let frames = rest(&mut stranger.link).await;
            assert_eq!(
                codes(&frames),
                [("rejected", "tooLarge"), ("close", "protocolError")],
                "{kind:?} {len}"
            );
            call.goes_on().await;
        }
    }
}

#[tokio::test]
async fn a_frame_of_the_greatest_length_is_taken() {
    for kind in [Kind::WebSocket, Kind::Events] {
        let server = TestServer::start();
        let mut anna = server.client(kind).await;
        let mut ping = json!({ "type": "ping", "ack": 0, "passed over": "" });
        let padding = 64 * 1024 - ping.to_string().len();
        ping["passed over"] = "x".repeat(padding).into();

        anna.link.send(&ping).await;

        assert_eq!(anna.link.next().await.unwrap()["type"], "pong");
    }
}

#[tokio::test]
async fn a_link_has_to_begin_with_hello() {
    let server = TestServer::start();
    for first in
        [r#"{"type":"ping","ack":0}"#, r#"{"type":"message","seq":1,"ack":0,"body":{"type":"leave"}}"#]
    {
        let mut link = Link::web_socket(&server, &[]).await.unwrap();
        link.send_text(first.to_owned()).await;
        assert_eq!(codes(&rest(&mut link).await), [("close", "badHello")], "{first}");
    }
    for first in ["", "{", "[]", "\0", r#"{"type":"hello"}"#] {
        let mut link = Link::web_socket(&server, &[]).await.unwrap();
        link.send_text(first.to_owned()).await;
        assert_eq!(
            codes(&rest(&mut link).await),
            [("rejected", "malformed"), ("close", "badHello")],
            "{first:?}"
        );
    }
    let mut old = Link::open(&server, Kind::Events, &json!({ "type": "hello", "version": 7 })).await;
    assert_eq!(codes(&rest(&mut old).await), [("close", "unsupportedVersion")]);
}

#[tokio::test]
async fn a_link_that_says_nothing_is_closed() {
    let server = impatient();
    let mut link = Link::web_socket(&server, &[]).await.unwrap();

    assert_eq!(codes(&rest(&mut link).await), [("rejected", "malformed"), ("close", "badHello")]);
}

#[tokio::test]
async fn bad_frames_are_refused_one_by_one_and_too_many_end_the_link() {
    let server = TestServer::with("limits.bad_frames_max = 3");
    let mut call = Call::begin(&server).await;
    let mut stranger = server.client(Kind::WebSocket).await;

    for bad in [
        Message::Text("{".into()),
        Message::Text(r#"{"type":"dance"}"#.into()),
        Message::Binary(vec![0, 1, 2].into()),
        Message::Text("[[[[[[[[".into()),
    ] {
        stranger.link.try_send(bad).await;
    }

    assert_eq!(
        codes(&rest(&mut stranger.link).await),
        [
            ("rejected", "malformed"),
            ("rejected", "unknownType"),
            ("rejected", "malformed"),
            ("rejected", "malformed"),
            ("close", "protocolError")
        ]
    );
    call.goes_on().await;
}

#[tokio::test]
async fn a_flood_ends_the_link() {
    let server = TestServer::with("limits = { messages_per_second = 5, messages_burst = 10 }");
    let mut call = Call::begin(&server).await;
    let mut stranger = server.client(Kind::WebSocket).await;

    for _ in 0..2000 {
        stranger.link.try_send(Message::Text(r#"{"type":"ping","ack":0}"#.into())).await;
    }

    let frames = rest(&mut stranger.link).await;
    let last = frames.last().unwrap();
    assert_eq!((&last["type"], &last["code"]), (&json!("close"), &json!("flood")));
    call.goes_on().await;
}

#[tokio::test]
async fn posts_without_the_secret_reach_nobody() {
    let server = TestServer::start();
    let anna = server.client(Kind::Events).await;
    let ben = server.client(Kind::WebSocket).await;
    let mut connection = server.http().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let session = text(&anna.welcome["session"]);

    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        format!("Bearer {session}"),
        format!("Bearer {session}."),
        format!("Bearer {session}.{}", text(&ben.welcome["secret"])),
        // Ben's link is no event link.
        format!("Bearer {}.{}", text(&ben.welcome["session"]), text(&ben.welcome["secret"])),
    ] {
        let headers = [("authorization", authorization.as_str())];
        let answer =
            connection.ask("POST", "/signal/v1/frames", &headers, r#"{"type":"ping","ack":0}"#).await;
        assert_eq!(answer.status, 401, "{authorization}");
    }
}

#[tokio::test]
async fn a_form_of_another_page_is_no_hello() {
    let server = TestServer::start();
    let mut connection = server.http().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let headers = [("content-type", kind)];
        let hello = r#"{"type":"hello","version":1}"#;
        assert_eq!(connection.ask("POST", "/signal/v1/events", &headers, hello).await.status, 415);
    }
}

/// Bytes that look like much and are nothing.
fn garbage() -> Vec<Vec<u8>> {
    let mut all = vec![
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        [b"\x16\x03\x01\x00\x10".as_slice(), &[0xff; 16]].concat(),
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n".to_vec(),
        b"GET /\r\nHost: a HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        [b"GET /".as_slice(), &[b'a'; 64 * 1024]].concat(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa".to_vec(),
        b"SSH-2.0-OpenSSH\r\n".to_vec(),
        vec![0; 4096],
        vec![],
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for len in [1, 2, 7, 20, 100, 1500] {
        let bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        all.push(bytes.take(len).collect());
    }
    all
}

/// What begins like STUN is answered, and waited on for more; so it is the client that has to end.
async fn end_if_stun(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    if bytes.starts_with(&[0]) {
        let _ = stream.shutdown().await;
    }
}

#[tokio::test]
async fn garbage_over_tcp_is_closed_and_disturbs_nobody() {
    let server = impatient();
    let mut call = Call::begin(&server).await;

    // All at once: some are waited for, up to the limit.
    let mut streams = Vec::new();
    for bytes in garbage() {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The server may have seen enough before all of it is sent.
        let _ = stream.write_all(&bytes).await;
        end_if_stun(&mut stream, &bytes).await;
        streams.push(stream);
        call.goes_on().await;
    }
    for mut stream in streams {
        let mut answer = Vec::new();
        let _ = within(stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
        assert!(answer.matches("HTTP/1.1").count() <= 1, "one answer at most: {answer}");
        call.goes_on().await;
    }

    let counters = &server.counters;
    assert!(counters.connections_unknown.total() > 0);
    assert!(counters.stun_over_tcp.total() > 0);
    assert!(counters.tls_failed.total() > 0);
    assert!(counters.connections_silent.total() > 0);
    assert_eq!(counters.panics.total(), 0);
}

#[tokio::test]
async fn garbage_inside_tls_disturbs_nobody() {
    let server = impatient();
    let mut call = Call::begin(&server).await;

    let mut streams = Vec::new();
    for protocols in [&["http/1.1"][..], &["h2"]] {
        for bytes in garbage() {
            let mut stream = server.connect(protocols).await;
            let _ = stream.write_all(&bytes).await;
            end_if_stun(&mut stream, &bytes).await;
            streams.push(stream);
            call.goes_on().await;
        }
    }
    for mut stream in streams {
        let _ = within(stream.read_to_end(&mut Vec::new())).await;
        call.goes_on().await;
    }

    assert_eq!(server.counters.panics.total(), 0);
}

#[tokio::test]
async fn garbage_over_udp_is_dropped_and_disturbs_nobody() {
    let server = TestServer::with(ON_LOOPBACK);
    let mut call = Call::begin(&server).await;
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let mut sent = 0;

    for bytes in garbage() {
        if bytes.len() < 60_000 && !bytes.starts_with(b"\x00\x01\x00\x00\x21") {
            socket.send_to(&bytes, server.address).await.unwrap();
            sent += 1;
        }
    }

    let dropped = |samples: &Samples| -> u64 {
        let of = |family: &str| -> u64 {
            samples.iter().filter(|(name, _)| name.starts_with(family)).map(|(_, count)| count).sum()
        };
        ["turn", "stun", "turn_dtls"].map(|part| of(&format!("moim_{part}_dropped_total{{"))).iter().sum()
    };
    let samples = metrics_once(&server, |samples| dropped(samples) >= sent).await;
    assert_eq!(dropped(&samples), sent);
    assert_eq!(samples["moim_stun_binding_requests_total{outcome=\"success\"}"], 0);
    call.goes_on().await;
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = TestServer::with("limits.strangers_per_address_max = 3");
    // Those with a session do not count.
    let mut call = Call::begin(&server).await;
    let _known = [server.client(Kind::WebSocket).await, server.client(Kind::WebSocket).await];
    let before = server.counters.connections.total();
    let mut silent = Vec::new();
    while server.counters.strangers_over_limit.total() == 0 {
        assert!(silent.len() <= 3, "three are too many already");
        silent.push(TcpStream::connect(server.address).await.unwrap());
        let taken = before + silent.len() as u64;
        within(async {
            while server.counters.connections.total() < taken {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    call.goes_on().await;
}

#[tokio::test]
async fn a_connection_whose_session_is_over_is_a_strangers_again() {
    let server = TestServer::with("limits.strangers_per_address_max = 3");
    let json = [("content-type", "application/json")];
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::http2(&server).await;
        let hello = r#"{"type":"hello","version":1}"#;
        let mut events = connection.begin("POST", "/signal/v1/events", &json, hello).await.into_body();
        within(events.frame()).await.unwrap().unwrap();
        // The link ends, and the connection stays.
        drop(events);
        idle.push(connection);
    }

    within(async {
        while server.counters.strangers_over_limit.total() == 0 {
            drop(TcpStream::connect(server.address).await.unwrap());
            sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_request_too() {
    let server = impatient();
    let mut stream = server.connect(&["http/1.1"]).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());

    stream.write_all(request.as_bytes()).await.unwrap();

    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn requests_cannot_be_smuggled() {
    let server = TestServer::start();
    let host = server.host();
    let mut stream = server.connect(&["http/1.1"]).await;
    let request = format!(
        "POST /signal/v1/frames HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );

    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;

    // RFC 9112 §6.1: transfer coding wins, or the request is refused; what it must never be is read by its length.
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.contains("HTTP/1.1 501"), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
}
