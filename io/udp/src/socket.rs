use crate::control::RecvControl;
use crate::sys;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// How a [`Socket`] is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Several sockets share the address; the kernel spreads clients over them by their addresses (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Tell per train to which of this host's addresses it was sent. A socket bound to one address knows.
    pub packet_info: bool,
    /// Queue ICMP errors for [`Socket::take_error`].
    pub recv_errors: bool,
    /// What is asked of the kernel for what has arrived, in bytes. The kernel gives less where its limit
    /// (`net.core.rmem_max`) says so. [`None`] leaves it at the system's default.
    pub recv_buffer_len: Option<usize>,
    /// The same for what is to be sent (`net.core.wmem_max`).
    pub send_buffer_len: Option<usize>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            reuse_port: false,
            packet_info: true,
            recv_errors: false,
            recv_buffer_len: None,
            send_buffer_len: None,
        }
    }
}

/// A UDP socket that never blocks, for one thread.
#[derive(Debug)]
pub struct Socket {
    raw: RawSocket,
    local: SocketAddr,
    /// How many runs are sent packet by packet before segmentation offload is tried again.
    offload_rest: Cell<u16>,
}

/// What the network, or this host on its behalf, said about a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerError {
    /// Where the packet was sent to.
    pub peer: SocketAddr,
    /// The type of the ICMP (for an IPv6 peer: ICMPv6) message.
    pub icmp_type: u8,
    /// Its code.
    pub icmp_code: u8,
    /// The longest packet that the path takes, in bytes, when the packet was too long for it.
    pub mtu: Option<u32>,
}

/// ICMP: fragmentation needed (RFC 792, RFC 1191); ICMPv6: packet too big (RFC 4443 §3.2).
const TOO_LONG_V4: (u8, u8) = (3, 4);
const TOO_LONG_V6: (u8, u8) = (2, 0);

impl Socket {
    /// Binds to an address; port 0 picks a free port.
    ///
    /// An IPv6 socket takes IPv6 only, also when bound to `::`: IPv4 gets a socket of its own, on the same port if need be,
    /// so that IPv4 addresses are IPv4 addresses everywhere.
    pub fn bind(address: SocketAddr, options: &SocketOptions) -> io::Result<Self> {
        let raw =
            RawSocket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        if options.reuse_port {
            raw.set_reuse_port(true)?;
        }
        if let Some(len) = options.recv_buffer_len {
            raw.set_recv_buffer_size(len)?;
        }
        if let Some(len) = options.send_buffer_len {
            raw.set_send_buffer_size(len)?;
        }
        let [info, class, errors] = if address.is_ipv6() {
            [libc::IPV6_RECVPKTINFO, libc::IPV6_RECVTCLASS, libc::IPV6_RECVERR]
        } else {
            [libc::IP_PKTINFO, libc::IP_RECVTOS, libc::IP_RECVERR]
        };
        let level = if address.is_ipv6() { libc::IPPROTO_IPV6 } else { libc::IPPROTO_IP };
        sys::set_option(&raw, level, class, 1)?;
        if options.packet_info {
            sys::set_option(&raw, level, info, 1)?;
        }
        if options.recv_errors {
            sys::set_option(&raw, level, errors, 1)?;
        }
        // A kernel without it delivers packets one by one.
        let _ = sys::set_option(&raw, libc::SOL_UDP, libc::UDP_GRO, 1);
        raw.bind(&address.into())?;
        // Asking costs a system call, of which there would be one per allocation.
        let local = if address.port() == 0 { bound_address(&raw)? } else { address };
        Ok(Self { raw, local, offload_rest: Cell::new(0) })
    }

    /// The address the socket is bound to, with the port that was picked if it was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Whether what is sent must arrive in one piece. Without, packets longer than the path takes are fragmented.
    pub fn set_dont_fragment(&self, dont_fragment: bool) -> io::Result<()> {
        if self.local.is_ipv6() {
            let mode = if dont_fragment { libc::IPV6_PMTUDISC_DO } else { libc::IPV6_PMTUDISC_WANT };
            sys::set_option(&self.raw, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode)
        } else {
            let mode = if dont_fragment { libc::IP_PMTUDISC_DO } else { libc::IP_PMTUDISC_WANT };
            sys::set_option(&self.raw, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, mode)
        }
    }

    /// Takes the oldest error that a packet sent from here met, if the socket was bound with
    /// [`SocketOptions::recv_errors`]. The poller reports a socket as failed until none is left.
    pub fn take_error(&self) -> Option<PeerError> {
        loop {
            let mut control = RecvControl::EMPTY;
            let (peer, control_len) = sys::recv_error(&self.raw, &mut control).ok()?;
            let error = control.messages(control_len).find_map(|(level, kind, data)| match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                    PeerError::parse(peer?, data)
                }
                _ => None,
            });
            // What cannot be told is passed over; each turn takes one error off the queue, which the kernel bounds.
            if error.is_some() {
                return error;
            }
        }
    }

    pub(crate) fn fd(&self) -> libc::c_int {
        self.raw.as_raw_fd()
    }

    pub(crate) fn offload_rest(&self) -> &Cell<u16> {
        &self.offload_rest
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

impl PeerError {
    /// From a `struct sock_extended_err`: errno (4 bytes), origin, type, code, padding, info (4 bytes).
    fn parse(peer: SocketAddr, data: &[u8]) -> Option<Self> {
        let [errno, rest] = [data.get(..4)?, data.get(4..12)?];
        let errno = libc::c_int::from_ne_bytes(errno.try_into().ok()?);
        let [origin, icmp_type, icmp_code, _, ref info @ ..] = *rest else { return None };
        let info = u32::from_ne_bytes(info.try_into().ok()?);
        let too_long = if peer.is_ipv6() { TOO_LONG_V6 } else { TOO_LONG_V4 };
        let (icmp_type, icmp_code) = match origin {
            libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6 => (icmp_type, icmp_code),
            // This host knows already what a router would say.
            libc::SO_EE_ORIGIN_LOCAL if errno == libc::EMSGSIZE => too_long,
            _ => return None,
        };
        let mtu = ((icmp_type, icmp_code) == too_long).then_some(info);
        Some(Self { peer, icmp_type, icmp_code, mtu })
    }
}

fn bound_address(raw: &RawSocket) -> io::Result<SocketAddr> {
    let address = raw.local_addr()?;
    address.as_socket().ok_or_else(|| io::Error::other("a UDP socket has no IP address"))
}
