//! STUN on the same port.

use crate::support::{TestServer, within};
use moim_stun::attribute::XorMappedAddress;
use moim_stun::{Class, Message};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    assert_eq!(server.counters.stun_answered.total(), 1);
}

#[tokio::test]
async fn a_client_learns_its_ipv4_address() {
    tells_the_address(Ipv4Addr::LOCALHOST.into()).await;
}

#[tokio::test]
async fn a_client_learns_its_ipv6_address() {
    tells_the_address(Ipv6Addr::LOCALHOST.into()).await;
}
