use crate::{Destination, Poller, RecvBatch, SendBuffers, Socket, SocketOptions, sys};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

/// What the kernel does for UDP, found out by doing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It joins packets that arrive back to back (`UDP_GRO`, Linux 5.0).
    pub gro: bool,
    /// It takes runs of packets (`UDP_SEGMENT`, Linux 4.18).
    pub gso: bool,
    /// It takes timeouts in nanoseconds (`epoll_pwait2`, Linux 5.11).
    pub precise_timeouts: bool,
}

/// Sends a run over loopback and looks what becomes of it. A network device may still do less than the kernel.
pub fn probe() -> io::Result<Capabilities> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = Socket::bind(address, &SocketOptions::default())?;
    let gro = sys::set_option(&socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
    let mut buffers = SendBuffers::new();
    let mut queue = buffers.queue();
    for packet in [b"run", b"run"] {
        queue.push(Destination::new(socket.local_addr()), &[packet]);
    }
    queue.flush(&socket);
    // What was sent is not waited for: it only has to leave the socket's queue with the socket.
    let _ = RecvBatch::new().recv(&socket)?;
    let counters = buffers.counters();
    let gso = counters.runs_refused == 0 && counters.messages == 1;
    let mut poller = Poller::new()?;
    poller.wait(Some(Duration::ZERO))?;
    Ok(Capabilities { gro, gso, precise_timeouts: poller.is_precise() })
}
