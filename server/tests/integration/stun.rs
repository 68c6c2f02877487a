//! STUN on the same port.

use crate::command_line::moim;
use crate::management::metrics_once;
use crate::support::{TestServer, within};
use moim_stun::attribute::XorMappedAddress;
use moim_stun::{Class, Message};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::net::UdpSocket;

/// Covers: RFC 8489 §6.3.1
async fn tells_the_address(ip: IpAddr) {
    let server = TestServer::on(ip, "");
    let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).await.unwrap();

    socket.send_to(b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!", server.address).await.unwrap();
    let mut response = [0; 512];
    let (len, from) = within(socket.recv_from(&mut response)).await.unwrap();

    assert_eq!(from, server.address);
    assert_eq!(&response[8..20], b"transaction!");
    let message = Message::parse(&response[..len]).unwrap();
    assert_eq!(message.class(), Class::SuccessResponse);
    let XorMappedAddress(told) = message.get().unwrap().unwrap();
    assert_eq!(told, socket.local_addr().unwrap());
}

#[tokio::test]
async fn a_client_learns_its_ipv4_address() {
    tells_the_address(Ipv4Addr::LOCALHOST.into()).await;
}

#[tokio::test]
async fn a_client_learns_its_ipv6_address() {
    tells_the_address(Ipv6Addr::LOCALHOST.into()).await;
}

/// Two loopback addresses that no other process uses, since there are more of them than processes; and a port that no other
/// test uses there.
pub(crate) fn own_addresses() -> ([Ipv4Addr; 2], u16) {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(3479);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let addresses = [0, 0x80].map(|half: u8| Ipv4Addr::new(127, 64 | half | (high & 0x3f), middle, low));
    (addresses, NEXT_PORT.fetch_add(1, Ordering::Relaxed))
}

async fn discover(server: &TestServer) -> Value {
    let home = tempfile::tempdir().unwrap();
    let mut command = moim(&home, &["nat", "--json", &server.address.to_string()], &[]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    reports[0].clone()
}

/// Covers: RFC 5780 §4.3, §4.4
#[tokio::test]
async fn with_a_second_address_clients_find_out_what_their_nat_does() {
    for (shards, disclosure) in [(1, "proportionate"), (2, "always")] {
        let ([primary, alternate], port) = own_addresses();
        let server = TestServer::on(
            primary.into(),
            &format!(
                "[stun]\nalternate_addresses = ['{alternate}:{port}']\ndisclosure = '{disclosure}'\n[turn]\nshards = {shards}\n\
                 [management]\naddress = '127.0.0.1:0'\n"
            ),
        );

        let report = discover(&server).await;

        assert_eq!(report["nat"], false, "{report}");
        assert_eq!(report["mapping"], "none", "{report}");
        assert_eq!(report["filtering"], "endpoint_independent", "{report}");
        metrics_once(&server, |samples| {
            samples["moim_stun_discovery_responses_total{way=\"from_elsewhere\"}"] > 0
        })
        .await;
    }
}

#[tokio::test]
async fn with_a_second_port_clients_find_out_less() {
    let ([primary, _], port) = own_addresses();
    let server =
        TestServer::on(primary.into(), &format!("[stun]\nalternate_addresses = ['{primary}:{port}']\n"));

    let report = discover(&server).await;

    assert_eq!(report["mapping"], "none", "{report}");
    assert_eq!(report["filtering"]["unknown"], "port_only", "{report}");
}

#[tokio::test]
async fn without_a_second_address_filtering_stays_unknown() {
    let server = TestServer::start();

    let report = discover(&server).await;

    assert_eq!(report["mapping"], "none", "{report}");
    assert_eq!(report["filtering"]["unknown"], "no_other_address", "{report}");
}

/// Whoever forges sources gets no more than without discovery.
///
/// Covers: RFC 5780 §6.1
#[tokio::test]
async fn a_bare_request_is_told_of_other_addresses_only_if_that_is_wanted() {
    const REQUEST: &[u8] = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";
    for (disclosure, len_wanted) in [("proportionate", 32), ("always", 68)] {
        let ([primary, alternate], port) = own_addresses();
        let server = TestServer::on(
            primary.into(),
            &format!("[stun]\nalternate_addresses = ['{alternate}:{port}']\ndisclosure = '{disclosure}'\n"),
        );
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();

        socket.send_to(REQUEST, server.address).await.unwrap();

        let mut response = [0; 512];
        let (len, from) = within(socket.recv_from(&mut response)).await.unwrap();
        assert_eq!((len, from), (len_wanted, server.address));
    }
}
