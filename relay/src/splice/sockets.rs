//! TCP sockets at relayed transport addresses.

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Connections of peers that the kernel keeps until they are taken.
const BACKLOG: i32 = 16;
/// After how much silence the other end is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A socket that takes peers' connections to a relayed transport address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Begins to connect from a relayed transport address to a peer. The socket becomes writable when that is decided.
pub(crate) fn connect(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = bind(from)?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// Takes the next connection of a peer, if there is one. An error: none can be taken for the moment, for want of
/// descriptors say; the kernel keeps it, and the poller would report it over and over again.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    loop {
        match SockRef::from(listener).accept() {
            Ok((socket, address)) => {
                if socket.set_nonblocking(true).is_ok()
                    && let Some(address) = address.as_socket()
                {
                    return Ok(Some((socket.into(), address)));
                }
            }
            // The peer has gone again already.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Makes a connection fit for being spliced.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // RFC 6062 §5.2: connections to peers leave from the port that listens.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process without descriptors to spare gets an error as well, and can be made no part of a test with others.
    #[test]
    fn what_cannot_be_taken_is_told_from_nothing() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(matches!(accept(&listener), Ok(None)));
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(matches!(accept(&listener), Ok(Some(_))));

        SockRef::from(&listener).shutdown(std::net::Shutdown::Both).unwrap();

        assert!(accept(&listener).is_err());
    }
}
