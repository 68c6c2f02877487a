use crate::counters::LiveCounters;
use crate::{Batch, Counters, SendDrop, Sent, Transmit};
use moim_wire::is_one_host;
use quinn_udp::{EcnCodepoint, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What is asked of the kernel for either direction, in bytes: some 20 ms of a gigabit per second. The kernel gives less
/// where its limits (`net.core.rmem_max`, `wmem_max`) say so.
const SOCKET_BUFFER_LEN: usize = 2 << 20;

/// How many errors about datagrams sent earlier one `recv` passes over before it gives up on the socket.
const RECV_ERRORS_IN_A_ROW_MAX: usize = 64;

/// The longest train of datagrams that one system call takes, in bytes: what fits into one IP packet.
const TRAIN_LEN_MAX: usize = 65_507;

/// A UDP socket that takes and sends datagrams in batches. Methods take `&self`, so that several tasks can share it.
#[derive(Debug)]
pub struct Listener {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    counters: LiveCounters,
}

impl Listener {
    /// Binds to an address; port 0 picks a free port. Call it within a Tokio runtime with IO enabled.
    ///
    /// An IPv6 socket takes IPv6 only, also when bound to `::`: IPv4 gets a socket of its own, on the same port if need be,
    /// so that IPv4 addresses are IPv4 addresses everywhere.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(SOCKET_BUFFER_LEN)?;
        socket.set_send_buffer_size(SOCKET_BUFFER_LEN)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(StdUdpSocket::from(socket))?;
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?;
        Ok(Self { socket, state, local, counters: LiveCounters::default() })
    }

    /// The address the socket is bound to, with the port that was picked if it was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// How often what happened.
    pub fn counters(&self) -> Counters {
        self.counters.snapshot()
    }

    /// Waits until datagrams have arrived, and takes as many as are there and fit into `batch`, in place of what was in it.
    ///
    /// An error means that the socket is of no use any more. Cancelling is safe: nothing is lost.
    pub async fn recv(&self, batch: &mut Batch) -> io::Result<()> {
        let mut errors_left = RECV_ERRORS_IN_A_ROW_MAX;
        loop {
            let result = self
                .socket
                .async_io(Interest::READABLE, || {
                    batch.fill(self.local.port(), |buffers, metas| {
                        self.state.recv((&self.socket).into(), buffers, metas)
                    })
                })
                .await;
            match result {
                Err(error) if errors_left > 0 && is_about_a_peer(&error) => {
                    self.counters.count_recv_error();
                    errors_left -= 1;
                }
                result => return result,
            }
        }
    }

    /// Sends, and waits for room in the socket's buffer if it has to. Cancelling it may leave the end of a train unsent.
    pub async fn send(&self, transmit: &Transmit<'_>) -> Sent {
        let result = match self.check(transmit) {
            Ok(()) => self.send_trains(transmit).await,
            Err(reason) => Err(reason),
        };
        self.count(result)
    }

    /// Sends, or drops what there is no room for: the right thing to do for an answer that the peer asks for again, in a
    /// loop that must not wait.
    pub fn try_send(&self, transmit: &Transmit<'_>) -> Sent {
        let result = self.check(transmit).and_then(|()| {
            trains(transmit, self.state.max_gso_segments()).try_for_each(|train| {
                // Past Tokio, which takes a socket for not writable until it has been polled once.
                self.state.try_send((&self.socket).into(), &train).map_err(|error| reason(&error))
            })
        });
        self.count(result)
    }

    async fn send_trains(&self, transmit: &Transmit<'_>) -> Result<(), SendDrop> {
        for train in trains(transmit, self.state.max_gso_segments()) {
            let send = || self.state.try_send((&self.socket).into(), &train);
            self.socket.async_io(Interest::WRITABLE, send).await.map_err(|error| reason(&error))?;
        }
        Ok(())
    }

    fn count(&self, result: Result<(), SendDrop>) -> Sent {
        match result {
            Ok(()) => {
                self.counters.count_sent();
                Sent::Yes
            }
            Err(reason) => {
                self.counters.count_send_drop(reason);
                Sent::Dropped(reason)
            }
        }
    }

    /// Finds out here what the kernel would refuse as an invalid argument: a request with a forged source (port 0, say) is
    /// all it takes to provoke that, and the send path answers it by giving up segmentation offload for good.
    fn check(&self, transmit: &Transmit<'_>) -> Result<(), SendDrop> {
        let Transmit { destination, source, .. } = *transmit;
        if destination.is_ipv6() != self.local.is_ipv6()
            || destination.port() == 0
            || !is_one_host(destination.ip())
        {
            return Err(SendDrop::BadDestination);
        }
        match source {
            Some(ip) if ip.is_ipv6() != self.local.is_ipv6() || !is_one_host(ip) => Err(SendDrop::BadSource),
            _ => Ok(()),
        }
    }
}

/// A transmit in as many pieces as the system calls it takes.
fn trains<'a>(
    transmit: &Transmit<'a>,
    segments_max: usize,
) -> impl Iterator<Item = quinn_udp::Transmit<'a>> + use<'a> {
    let Transmit { destination, source, contents, segment_len, ecn } = *transmit;
    let segment_len = segment_len.filter(|len| (1..contents.len()).contains(len));
    let train_len = match segment_len {
        Some(len) => len * segments_max.min(TRAIN_LEN_MAX / len).max(1),
        None => contents.len(),
    };
    let mut rest = Some(contents);
    std::iter::from_fn(move || {
        let (train, behind) = rest?.split_at(train_len.min(rest?.len()));
        rest = (!behind.is_empty()).then_some(behind);
        Some(quinn_udp::Transmit {
            destination,
            ecn: ecn.map(EcnCodepoint::from),
            contents: train,
            segment_size: segment_len,
            src_ip: source,
        })
    })
}

/// What the kernel says of one destination, or of a datagram sent earlier, says nothing about the socket.
fn is_about_a_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::Interrupted
    ) || quinn_udp::is_msg_size_err(error)
}

fn reason(error: &io::Error) -> SendDrop {
    #[expect(clippy::wildcard_enum_match_arm, reason = "there are dozens of kinds, and more to come")]
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => SendDrop::Unreachable,
        io::ErrorKind::PermissionDenied => SendDrop::Forbidden,
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => SendDrop::BufferFull,
        // A destination of no use was found out before, so that the source is what is left.
        io::ErrorKind::InvalidInput | io::ErrorKind::AddrNotAvailable => SendDrop::BadSource,
        _ if quinn_udp::is_msg_size_err(error) => SendDrop::TooLong,
        _ if error.raw_os_error() == Some(libc::ENOBUFS) => SendDrop::BufferFull,
        _ => SendDrop::Other,
    }
}

#[cfg(test)]
mod tests;
