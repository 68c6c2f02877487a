use super::Wire;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// The longest datagram there is.
const DATAGRAM_LEN_MAX: usize = 65_535;

/// A UDP socket of one destination.
pub(super) struct Udp {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Udp {
    pub(super) fn connect(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        Ok(Self { socket, buffer: vec![0; DATAGRAM_LEN_MAX] })
    }
}

impl Wire for Udp {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send(bytes).map(|_| ())
    }

    fn receive(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>> {
        // A timeout of less than a tick of the kernel's would last that long.
        self.socket.set_nonblocking(wait.is_zero())?;
        if !wait.is_zero() {
            self.socket.set_read_timeout(Some(wait))?;
        }
        match self.socket.recv(&mut self.buffer) {
            Ok(len) => Ok(Some(self.buffer[..len].to_vec())),
            Err(error) => none_yet(error),
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn is_closed(&self) -> bool {
        false
    }
}

/// Whether an error of receiving means that nothing came.
pub(super) fn none_yet<T>(error: io::Error) -> io::Result<Option<T>> {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    let is_nothing = matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused);
    if is_nothing { Ok(None) } else { Err(error) }
}
