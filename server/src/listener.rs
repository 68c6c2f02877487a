//! The listening sockets, and the loop that takes connections.

use crate::config::ListenerConfig;
use crate::connection::Connection;
use crate::shared::Shared;
use crate::tasks::contained;
use crate::tls::Tls;
use ipnet::IpNet;
use moim_turn::RealmId;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Connections that the kernel keeps until they are taken.
const BACKLOG: i32 = 1024;
/// How long to rest when no connection can be taken, for want of file descriptors say.
const REST: Duration = Duration::from_millis(100);
/// How often to try for a port that is free everywhere, when any will do.
pub(crate) const FREE_PORT_TRIES_MAX: u32 = 16;

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    /// Which of the configured realms TURN clients find here.
    pub(crate) realm: RealmId,
    /// Every TCP connection comes through a proxy of these, which begins it by saying whose it is.
    proxies: Option<Vec<IpNet>>,
}

impl Listener {
    /// A listener of the default realm that clients connect to themselves.
    fn plain(address: SocketAddr) -> Self {
        Self { address, realm: RealmId(0), proxies: None }
    }

    fn of(config: &ListenerConfig) -> Self {
        Self {
            address: config.address,
            // There are never so many realms; a place that is not there is nobody's.
            realm: RealmId(u16::try_from(config.realm).unwrap_or(u16::MAX)),
            proxies: config.proxy_protocol.then(|| config.proxies.clone()),
        }
    }

    /// Whether connections begin with a PROXY protocol header.
    pub(crate) fn is_behind_proxy(&self) -> bool {
        self.proxies.is_some()
    }

    /// Whether `address` is one of its proxies'.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().flatten().any(|prefix| prefix.contains(&address))
    }
}

/// A listener with its socket for TCP. For UDP it has as many as the relay has threads, which are theirs.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listener: Arc<Listener>,
    pub(crate) tcp: TcpListener,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({protocol}): {source}{}", advice(.address, .source))]
pub struct BindError {
    address: SocketAddr,
    protocol: &'static str,
    source: io::Error,
}

impl BindError {
    pub(crate) fn tcp(address: SocketAddr, source: io::Error) -> Self {
        Self { address, protocol: "TCP", source }
    }

    pub(crate) fn udp(address: SocketAddr, source: io::Error) -> Self {
        Self { address, protocol: "UDP", source }
    }

    /// Whether somebody else has the port.
    pub(crate) fn is_port_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// Whether this machine does without IPv6, or without IPv4.
    fn is_family_missing(&self) -> bool {
        self.address.ip().is_unspecified()
            && (self.source.kind() == io::ErrorKind::AddrNotAvailable
                || self.source.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()))
    }
}

fn advice(address: &SocketAddr, source: &io::Error) -> String {
    let port = address.port();
    let kind = source.kind();
    if kind == io::ErrorKind::AddrInUse {
        format!(
            "\n\nAnother program has port {port}, perhaps another moim. Stop it (`ss -lptun 'sport = :{port}'` shows which \
             it is), or choose another port: moim --port {}",
            port.wrapping_add(1).max(1024)
        )
    } else if kind == io::ErrorKind::PermissionDenied {
        format!(
            "\n\nPorts below 1024 need a permission. Give it to the program (sudo setcap cap_net_bind_service=+ep \
             \"$(command -v moim)\"), let systemd give it (AmbientCapabilities=CAP_NET_BIND_SERVICE), or choose a higher \
             port than {port}: moim --port 8443"
        )
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "\n\nThis machine has no such address. `ip address` lists those that it has.".to_owned()
    } else {
        String::new()
    }
}

/// Binds every address for TCP. With port 0 all of `addresses` get the same free one. Needs a Tokio runtime.
pub(crate) fn bind(addresses: &[SocketAddr], further: &[ListenerConfig]) -> Result<Vec<Bound>, BindError> {
    let mut bound = bind_to_one_port(addresses)?;
    for config in further {
        bound.push(bind_one(Listener::of(config))?);
    }
    Ok(bound)
}

fn bind_to_one_port(addresses: &[SocketAddr]) -> Result<Vec<Bound>, BindError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_all(addresses) {
            // The port was free on the first address, and not on another.
            Err(error)
                if error.is_port_taken()
                    && tries < FREE_PORT_TRIES_MAX
                    && addresses.iter().all(|address| address.port() == 0) => {}
            result => return result,
        }
    }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<Bound>, BindError> {
    let mut all: Vec<Bound> = Vec::new();
    let mut missing = None;
    for &address in addresses {
        let port = all.first().map_or(address.port(), |first| first.listener.address.port());
        match bind_one(Listener::plain(SocketAddr::new(address.ip(), port))) {
            Ok(bound) => all.push(bound),
            Err(error) if error.is_family_missing() => {
                tracing::warn!(%error, "doing without this address");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if all.is_empty() => Err(error),
        _ => Ok(all),
    }
}

fn bind_one(mut listener: Listener) -> Result<Bound, BindError> {
    let address = listener.address;
    let tcp = bind_tcp(address).map_err(|source| BindError { address, protocol: "TCP", source })?;
    // Where the port was 0, it is not any more.
    let address = tcp.local_addr().map_err(|source| BindError { address, protocol: "TCP", source })?;
    listener.address = address;
    Ok(Bound { listener: Arc::new(listener), tcp })
}

/// A TCP socket that listens on `address`. Needs a Tokio runtime.
pub(crate) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // One socket for each family, so that IPv4 clients never show up as `::ffff:…`.
        socket.set_only_v6(true)?;
    }
    // A restart need not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes connections until signalling has ended.
pub(crate) async fn accept(
    listener: Arc<Listener>,
    tcp: TcpListener,
    tls: Tls,
    shared: Arc<Shared>,
    free: Arc<Semaphore>,
) {
    let app = crate::http::app::App::new(Arc::clone(&shared));
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted,
            () = shared.closing.cancelled() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            // The client has gone again already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                tracing::error!(%error, "cannot take connections for the moment");
                sleep(REST).await;
                continue;
            }
        };
        shared.counters.connections.add_one();
        let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
            shared.counters.connections_over_limit.add_one();
            continue;
        };
        let connection = Connection {
            app: app.clone(),
            tls: tls.acceptor().clone(),
            shared: Arc::clone(&shared),
            listener: Arc::clone(&listener),
            address,
            place,
        };
        let counters = Arc::clone(&shared.counters);
        // Boxed, since it is moved on its way into a task: HTTP, the largest thing it can become, takes 20 KB.
        let served = Box::pin(connection.serve(stream));
        shared.tasks.spawn(async move {
            contained("connection", &counters, served).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[tokio::test]
    async fn any_free_port_is_the_same_one_everywhere() {
        let loopback = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];

        let bound = bind(&loopback, &[]).unwrap();

        let port = bound[0].listener.address.port();
        assert_ne!(port, 0);
        for (one, ip) in bound.iter().zip(loopback.map(|address| address.ip())) {
            assert_eq!(one.listener.address, SocketAddr::new(ip, port));
            assert_eq!(one.tcp.local_addr().unwrap(), one.listener.address);
        }
    }

    #[tokio::test]
    async fn a_port_that_another_has_is_an_error_that_says_what_to_do() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();

        let error = bind(&[address], &[]).unwrap_err().to_string();

        assert!(error.starts_with(&format!("cannot listen on {address} (TCP): ")), "{error}");
        assert!(
            error.contains(&format!("moim --port {}", address.port().wrapping_add(1).max(1024))),
            "{error}"
        );
    }

    #[test]
    fn advice_fits_the_failure() {
        let error = |kind: io::ErrorKind| {
            let address = (Ipv4Addr::UNSPECIFIED, 443).into();
            BindError { address, protocol: "TCP", source: kind.into() }.to_string()
        };

        assert!(error(io::ErrorKind::PermissionDenied).contains("CAP_NET_BIND_SERVICE"));
        assert!(error(io::ErrorKind::AddrNotAvailable).contains("no such address"));
        assert!(!error(io::ErrorKind::OutOfMemory).contains('\n'));
    }
}
