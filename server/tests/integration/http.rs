//! Pages, headers, health.

use crate::support::{Answer, Connection, TestServer, within};
use std::fs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_app_is_served_over_both_versions_of_http() {
    let server = TestServer::start();
    for mut connection in [server.http().await, Connection::http2(&server).await] {
        let start = connection.get("/", &[]).await;
        let room = connection.get("/r/tea", &[]).await;

        assert_eq!(start.status, 200);
        assert_eq!(start.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(start.header("cache-control"), "no-cache");
        assert_eq!(start.body, room.body);
        let known = connection.get("/", &[("if-none-match", start.header("etag"))]).await;
        assert_eq!(known.status, 304);
        assert!(known.body.is_empty());
    }
}

#[tokio::test]
async fn what_the_start_page_refers_to_is_there() {
    let server = TestServer::start();
    let mut connection = server.http().await;
    let start = connection.get("/", &[]).await;
    let assets: Vec<&str> =
        start.text().split(['"', '\'', '=', ' ', '>']).filter(|word| word.starts_with("/assets/")).collect();
    assert!(!assets.is_empty(), "the page refers to its script");

    for path in assets {
        let plain = connection.get(path, &[]).await;
        let compressed = connection.get(path, &[("accept-encoding", "br, gzip")]).await;

        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(compressed.status, 200, "{path}");
        if compressed.header("content-encoding").is_empty() {
            assert_eq!(compressed.body, plain.body);
        }
        let head = connection.ask("HEAD", path, &[], "").await;
        assert_eq!(head.header("content-length"), plain.body.len().to_string());
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start();
    let mut connection = server.http().await;
    let no_origin = [("origin", "https://evil.example")];
    let answers = [
        connection.get("/", &[]).await,
        connection.get("/nothing/here", &[]).await,
        connection.ask("DELETE", "/", &[], "").await,
        connection.get("/healthz", &[]).await,
        connection.ask("POST", "/signal/v1/frames", &no_origin, "").await,
    ];

    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [200, 404, 405, 200, 403]);
    for answer in &answers {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.ends_with(&format!("connect-src 'self' wss://{}", server.host())), "{policy}");
        assert!(answer.header("permissions-policy").contains("camera=(self)"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        // Who is told to insist on a certificate that is made anew some day is locked out that day.
        assert_eq!(answer.header("strict-transport-security"), "");
    }
}

#[tokio::test]
async fn a_certificate_of_an_authority_is_insisted_on() {
    let folder = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "An authority");
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let (certificate_file, key_file) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    fs::write(&certificate_file, certificate.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let root = authority.self_signed(&authority_key).unwrap().der().clone();

    let server = TestServer::trusted_by(
        root,
        &format!("tls = {{ certificate = {certificate_file:?}, key = {key_file:?} }}"),
    );
    let answer = server.http().await.get("/", &[]).await;

    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[tokio::test]
async fn plain_http_is_sent_on_to_https() {
    let server = TestServer::start();
    let host = server.host();

    let answer = raw(&server, &format!("GET /r/tea?lang=ko HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 308 Permanent Redirect\r\n"), "{answer}");
    assert!(answer.contains(&format!("location: https://{host}/r/tea?lang=ko\r\n")), "{answer}");

    for host in ["evil.example/path", "a b", "user@moim.example", ""] {
        let answer = raw(&server, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{host:?}: {answer}");
        assert!(!answer.contains("location"), "{host:?}: {answer}");
    }
}

#[tokio::test]
async fn first_bytes_may_come_one_by_one() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.host()).bytes() {
        stream.write_all(&[byte]).await.unwrap();
        // Lets the server, which shares this thread, read what there is.
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
}

/// Sends bytes over plain TCP; everything that comes back until the server closes.
async fn raw(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn tells_how_it_is() {
    let server = TestServer::start();
    let mut connection = server.http().await;

    assert_eq!(connection.get("/healthz", &[]).await.status, 200);
    assert_eq!(connection.get("/readyz", &[]).await.status, 200);
    let description = connection.get("/api/v1/server", &[]).await;
    let description: serde_json::Value = serde_json::from_slice(&description.body).unwrap();
    assert_eq!(description, serde_json::json!({ "version": moim_server::VERSION, "open": true }));
}

/// Covers: docs/protocol.md "Links", last paragraph
#[tokio::test]
async fn pages_of_other_origins_need_to_be_allowed() {
    let server = TestServer::with("http.allowed_origins = ['https://School.example:443']");
    let mut connection = server.http().await;
    let own = format!("https://{}", server.host());
    let ask = async |connection: &mut Connection, method: &str, origin: &str| -> Answer {
        let headers = [("origin", origin), ("content-type", "application/json")];
        connection.ask(method, "/signal/v1/frames", &headers, "").await
    };

    for origin in
        ["https://evil.example", "http://school.example", "https://school.example:8443", "null", &own[1..]]
    {
        let answer = ask(&mut connection, "POST", origin).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(ask(&mut connection, "OPTIONS", origin).await.status, 403, "{origin}");
    }
    // Allowed, though it fails for want of a session.
    let answer = ask(&mut connection, "POST", "https://school.example").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), "https://school.example");
    assert_eq!(answer.header("vary"), "origin");
    assert_eq!(ask(&mut connection, "POST", &own).await.status, 401);
    let preflight = ask(&mut connection, "OPTIONS", "https://school.example").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization, content-type, if-match");
    assert_eq!(server.counters.origins_refused.total(), 10);
}
