use super::verdict::Verdict;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// A peer: a UDP socket of this machine that clients of the server talk to.
pub(crate) struct Peer {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Peer {
    pub(crate) fn open(ip: IpAddr) -> Result<Self, Verdict> {
        let socket = UdpSocket::bind((ip, 0))
            .map_err(|error| Verdict::skipped(format_args!("no peer can be opened at {ip}: {error}")))?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn send(&self, to: SocketAddr, data: &[u8]) -> Result<(), Verdict> {
        self.socket.send_to(data, to)?;
        Ok(())
    }

    /// The next datagram, and where it came from. [`None`]: none came in time.
    pub(crate) fn receive(&self, wait: Duration) -> Result<Option<(SocketAddr, Vec<u8>)>, Verdict> {
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let mut buffer = vec![0; 65_535];
        match self.socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                buffer.truncate(len);
                Ok(Some((from, buffer)))
            }
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused)
}
