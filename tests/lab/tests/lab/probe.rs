//! Sockets in labs, and what they tell.

use moim_lab::{Host, Lab, Topology};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// Long enough for anything on one machine. Nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection that a firewall swallows is tried.
const ATTEMPT: Duration = Duration::from_millis(500);

/// A lab. Without root there is none, which fails the test: a NAT that was not measured is not known to work.
///
/// The test stays on one processor from here on. Packets that one processor sends arrive in order, so that what has not
/// come before a later packet will not come.
pub(crate) fn lab(topology: Topology) -> Lab {
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    sched_setaffinity(None, &here).unwrap();
    Lab::up(topology).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A UDP socket of a host, for both families.
pub(crate) fn udp(host: &Host, port: u16) -> UdpSocket {
    let bound = host.enter(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))).unwrap();
    // Hosts without IPv6 have no such socket.
    let socket = bound.or_else(|_| host.enter(|| UdpSocket::bind(("0.0.0.0", port))).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A UDP socket of a host at one address.
pub(crate) fn udp_at(host: &Host, address: impl Into<IpAddr>, port: u16) -> UdpSocket {
    let address = SocketAddr::new(address.into(), port);
    let socket = host.enter(|| UdpSocket::bind(address)).unwrap().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends what identifies the packet.
pub(crate) fn send(socket: &UdpSocket, to: SocketAddr, text: &str) {
    // A socket for both families knows IPv4 addresses as mapped ones.
    let is_mapped = to.is_ipv4() && socket.local_addr().unwrap().is_ipv6();
    let to = if is_mapped { SocketAddr::new(mapped_ip(to.ip()), to.port()) } else { to };
    socket.send_to(text.as_bytes(), to).unwrap();
}

fn mapped_ip(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(_) => address,
    }
}

/// Waits for a packet: what it says, and whence it came.
pub(crate) fn receive(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut bytes = [0; 100];
    let (len, from) = socket.recv_from(&mut bytes).expect("a packet arrives");
    let text = String::from_utf8(bytes[..len].to_vec()).unwrap();
    (text, SocketAddr::new(from.ip().to_canonical(), from.port()))
}

/// What has arrived so far, without waiting.
pub(crate) fn arrived(socket: &UdpSocket) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut texts = Vec::new();
    let mut bytes = [0; 2000];
    loop {
        match socket.recv_from(&mut bytes) {
            Ok((len, _)) => texts.push(String::from_utf8_lossy(&bytes[..len]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    socket.set_nonblocking(false).unwrap();
    texts
}

/// As which address a destination sees a client's packets.
pub(crate) fn mapped(client: &UdpSocket, server: &UdpSocket, at: SocketAddr) -> SocketAddr {
    send(client, at, "who am I?");
    receive(server).1
}

/// Whether a client gets a connection to a server, which is expected. The server listens for this question alone.
pub(crate) fn connects(client: &Host, server: &Host, to: SocketAddr) -> bool {
    connects_within(PATIENCE, client, server, to)
}

/// Whether a client gets no connection to a server, which is expected.
pub(crate) fn is_kept_out(client: &Host, server: &Host, to: SocketAddr) -> bool {
    !connects_within(ATTEMPT, client, server, to)
}

fn connects_within(time: Duration, client: &Host, server: &Host, to: SocketAddr) -> bool {
    let listener: TcpListener = server.enter(|| TcpListener::bind(to)).unwrap().unwrap();
    let connected = client.enter(|| TcpStream::connect_timeout(&to, time)).unwrap().is_ok();
    drop(listener);
    connected
}
