use super::{Arrival, Network, NetworkCounters, NetworkOptions};
use crate::tls::Trust;
use moim_ice::{CandidateProtocol, Protocol, TcpType, Transmit};
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

async fn next(network: &mut Network) -> Arrival {
    let mut buffer = [0; 2048];
    poll_fn(|context| network.poll(context, &mut buffer)).await
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is not what this is about")]
#[tokio::test]
async fn a_stream_whose_other_end_says_nothing_is_closed() {
    let tls = Arc::new(Trust::Anybody.client_config().unwrap());
    let mut network = Network::new(NetworkOptions { has_loopback: true, has_tcp: true, tls });
    let address = loop {
        if let Arrival::AddressAdded(added) = next(&mut network).await
            && added.protocol == CandidateProtocol::Tcp(TcpType::Passive)
            && added.address.ip().is_loopback()
        {
            break added.address;
        }
    };
    let connect = || TcpStream::connect(address).unwrap();
    let (mut silent, mut spoke_once) = (connect(), connect());
    spoke_once.write_all(b"\x00\x05hello").unwrap();

    let (mut accepted, mut closed, mut packets) = (0, 0, 0);
    while (accepted, packets) != (2, 5) {
        match next(&mut network).await {
            Arrival::Accepted { .. } => accepted += 1,
            Arrival::Packet { len, .. } => packets += len,
            _ => {}
        }
    }
    // Once everything is there, time goes by as fast as nothing happens.
    tokio::time::pause();
    while closed < 2 {
        match next(&mut network).await {
            Arrival::Closed { .. } => closed += 1,
            Arrival::Packet { len, .. } => packets += len,
            _ => {}
        }
    }

    assert_eq!(packets, 5);
    for stream in [&mut silent, &mut spoke_once] {
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0, "it is closed");
    }
}

#[tokio::test]
async fn the_first_packet_of_a_socket_is_sent() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let tls = Arc::new(Trust::Anybody.client_config().unwrap());
    let mut network = Network::new(NetworkOptions { has_loopback: true, has_tcp: false, tls });
    let local = loop {
        if let Arrival::AddressAdded(added) = next(&mut network).await
            && added.protocol == CandidateProtocol::Udp
            && added.address.ip() == Ipv4Addr::LOCALHOST
        {
            break added.address;
        }
    };

    let remote = peer.local_addr().unwrap();
    network.send(&Transmit { local, remote, protocol: Protocol::Udp, len: 5 }, b"first");

    assert_eq!(network.counters(), NetworkCounters::default());
    assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (5, local));
}
