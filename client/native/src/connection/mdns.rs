//! Resolving names of candidates, by which browsers hide their addresses: a one-shot multicast query (RFC 6762 §5.1).
//!
//! Over IPv4 only: every browser that hides addresses answers there. Nothing is cached: a name is asked for once in its life.

mod message;

use if_addrs::{IfAddr, Ifv4Addr};
use message::{answer, query};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);
/// When to ask, counted from the beginning (RFC 6762 §5.2: the second time after a second, then at twice the distance).
const ASK_AT: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3)];
/// How long to wait for an answer in all.
const TIME_MAX: Duration = Duration::from_secs(5);
/// The longest message there is (RFC 6762 §17).
const MESSAGE_LEN_MAX: usize = 9_000;
/// Messages that are read while waiting for an answer: a noisy network must not keep this busy.
const MESSAGES_MAX: usize = 512;
/// The longest name (RFC 1035 §2.3.4).
const NAME_LEN_MAX: usize = 253;

/// Asks the networks of these addresses for that of `name`, which ends in `.local`. [`None`] if nobody answers in time.
pub(crate) async fn resolve(name: String, interfaces: Vec<IpAddr>) -> Option<IpAddr> {
    if name.len() > NAME_LEN_MAX || !name.to_ascii_lowercase().ends_with(".local") {
        return None;
    }
    let ipv4 = |address| if let IpAddr::V4(address) = address { Some(address) } else { None };
    let interfaces: Vec<Ipv4Addr> = interfaces.into_iter().filter_map(ipv4).collect();
    let socket = match open(&interfaces) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::debug!(%error, "no socket for multicast DNS");
            return None;
        }
    };
    let links = links(&interfaces);
    let begin = Instant::now();
    let mut left = MESSAGES_MAX;
    for (index, at) in ASK_AT.into_iter().enumerate() {
        let until = begin + ASK_AT.get(index + 1).copied().unwrap_or(TIME_MAX);
        timeout_at(begin + at, std::future::pending::<()>()).await.ok();
        ask(&socket, &name, index == 0, &interfaces).await;
        if let Ok(found) = timeout_at(until, wait(&socket, &name, &links, &mut left)).await {
            return found;
        }
    }
    None
}

/// On the port of multicast DNS, so that answers to everybody are heard as well as those to us.
fn open(interfaces: &[Ipv4Addr]) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, GROUP.port())).into())?;
    for interface in interfaces {
        // One that has no multicast is none to ask on.
        if let Err(error) = socket.join_multicast_v4(GROUP.ip(), interface) {
            tracing::debug!(%error, "an interface has no multicast");
        }
    }
    UdpSocket::from_std(socket.into())
}

async fn ask(socket: &UdpSocket, name: &str, is_first: bool, interfaces: &[Ipv4Addr]) {
    let Some(query) = query(name, is_first) else { return };
    for interface in interfaces {
        if SockRef::from(socket).set_multicast_if_v4(interface).is_ok() {
            // Another interface, or another try, may do better.
            let _ = socket.send_to(&query, SocketAddr::V4(GROUP)).await;
        }
    }
}

/// The networks that addresses of ours are in.
fn links(interfaces: &[Ipv4Addr]) -> Vec<Ifv4Addr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let ipv4 = all.filter_map(|interface| match interface.addr {
        IfAddr::V4(address) => Some(address),
        IfAddr::V6(_) => None,
    });
    ipv4.filter(|address| interfaces.contains(&address.ip)).collect()
}

/// Whether an answer from there counts: it comes from the port of multicast DNS (RFC 6762 §6), and from somebody on the local
/// link (RFC 6762 §11). Whoever is farther away has no say in what names mean here.
fn is_from_link(source: SocketAddr, links: &[Ifv4Addr]) -> bool {
    let SocketAddr::V4(source) = source else { return false };
    let is_on = |link: &Ifv4Addr| (link.ip & link.netmask) == (*source.ip() & link.netmask);
    source.port() == GROUP.port() && links.iter().any(is_on)
}

/// The first answer. [`None`] once more was read than should be.
async fn wait(socket: &UdpSocket, name: &str, links: &[Ifv4Addr], left: &mut usize) -> Option<IpAddr> {
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    while *left > 0 {
        *left -= 1;
        // Errors that are read off a socket are of packets sent before.
        let Ok((len, source)) = socket.recv_from(&mut buffer).await else { continue };
        if is_from_link(source, links)
            && let Some(found) = answer(&buffer[..len], name)
        {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Ifv4Addr, Ipv4Addr, is_from_link};

    /// Covers: RFC 6762 §6, RFC 6762 §11
    #[test]
    fn only_the_local_network_says_what_names_mean() {
        let link = Ifv4Addr {
            ip: Ipv4Addr::new(192, 0, 2, 66),
            netmask: Ipv4Addr::new(255, 255, 255, 192),
            prefixlen: 26,
            broadcast: None,
        };
        let counts = |source: &str| is_from_link(source.parse().unwrap(), std::slice::from_ref(&link));

        assert!(counts("192.0.2.66:5353") && counts("192.0.2.126:5353"));
        assert!(!counts("192.0.2.126:53530"), "anybody may use another port");
        assert!(!counts("192.0.2.130:5353") && !counts("198.51.100.1:5353"), "somebody farther away");
        assert!(!counts("[2001:db8::1]:5353"));
    }
}
