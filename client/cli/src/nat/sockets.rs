use moim_stun::discovery::{SocketId, Transmit};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Datagrams that wait to be looked at.
const QUEUE_MAX: usize = 64;
/// How long a thread listens before it looks whether anybody still wants to hear.
const LISTEN: Duration = Duration::from_millis(200);
/// More than any answer has; the rest of a longer datagram is cut off, and it is no message then.
const DATAGRAM_LEN_MAX: usize = 4096;

/// A datagram, and where it came in.
pub(super) struct Datagram {
    pub(super) socket: SocketId,
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// The sockets of a discovery, opened as they are needed. Each has a thread that listens.
pub(super) struct Sockets {
    source: IpAddr,
    open: BTreeMap<SocketId, UdpSocket>,
    sender: SyncSender<Datagram>,
    receiver: Receiver<Datagram>,
}

impl Sockets {
    /// Sockets for servers of one family. [`None`]: this machine has no way to it.
    pub(super) fn towards(server: SocketAddr) -> Option<Self> {
        let source = crate::source_towards(server).ok()?;
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        Some(Self { source, open: BTreeMap::new(), sender, receiver })
    }

    /// The address of a socket, with the IP address that packets leave from.
    pub(super) fn local_addr(&mut self, id: SocketId) -> io::Result<SocketAddr> {
        let source = self.source;
        Ok(SocketAddr::new(source, self.socket(id)?.local_addr()?.port()))
    }

    /// Sends, if the network lets it. What cannot be sent is like what is lost.
    pub(super) fn send(&mut self, transmit: &Transmit) -> io::Result<()> {
        let _ = self.socket(transmit.socket)?.send_to(&transmit.bytes, transmit.to);
        Ok(())
    }

    /// The next datagram on any of the sockets. [`None`]: none came in time.
    pub(super) fn receive(&self, wait: Duration) -> Option<Datagram> {
        self.receiver.recv_timeout(wait).ok()
    }

    fn socket(&mut self, id: SocketId) -> io::Result<&UdpSocket> {
        let any: IpAddr = match self.source {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        if !self.open.contains_key(&id) {
            let socket = UdpSocket::bind((any, 0))?;
            socket.set_read_timeout(Some(LISTEN))?;
            let listening = socket.try_clone()?;
            let sender = self.sender.clone();
            thread::spawn(move || listen(id, &listening, &sender));
            self.open.insert(id, socket);
        }
        Ok(&self.open[&id])
    }
}

/// Hands on what comes in, until nobody takes it.
fn listen(id: SocketId, socket: &UdpSocket, sender: &SyncSender<Datagram>) {
    let mut buffer = [0; DATAGRAM_LEN_MAX];
    loop {
        let datagram = match socket.recv_from(&mut buffer) {
            Ok((len, from)) => Datagram { socket: id, from, bytes: buffer[..len].to_vec() },
            // An empty one, to learn whether anybody is still there.
            Err(_) => Datagram { socket: id, from: (Ipv4Addr::UNSPECIFIED, 0).into(), bytes: Vec::new() },
        };
        if sender.send(datagram).is_err() {
            return;
        }
    }
}
