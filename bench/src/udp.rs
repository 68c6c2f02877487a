//! UDP over IPv4 in batches, by nothing but the system calls.
//!
//! It is written apart from `moim-udp` on purpose: what measures a thing should not be made of it, and a blind forwarder
//! built on this is the floor that no relay over sockets gets under.

#![expect(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take structures of pointers, and no safe wrapper of them has UDP_GRO"
)]

use libc::{c_int, cmsghdr, iovec, mmsghdr, msghdr, sockaddr_in};
use std::io;
use std::mem::{self, size_of};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

/// Most messages of one system call.
pub(crate) const BATCH_MAX: usize = 64;
/// What a train of datagrams can take, in bytes.
pub(crate) const TRAIN_LEN_MAX: usize = 65_536;
/// Room for what control messages there are: IP_PKTINFO and UDP_SEGMENT, or UDP_GRO.
const CONTROL_LEN: usize = 64;
/// What the kernel is asked to keep of a socket that measures, in bytes each way: nothing is to be lost there.
pub(crate) const MEASURING_BUFFER_LEN: i32 = 64 << 20;
/// The same of a socket that forwards. More of it would only hide for longer that a rate is too high.
pub(crate) const FORWARDING_BUFFER_LEN: i32 = 1 << 20;

/// Room for control messages, aligned as they must be.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_LEN]);

/// A non-blocking socket.
pub(crate) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// A socket at `address`. With `gro`, datagrams of one train are received as one.
    ///
    /// Bound to no particular address it speaks for all of them: see [`Outgoing::from`].
    pub(crate) fn bind(address: SocketAddrV4, gro: bool, buffer_len: i32) -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked.
        let fd = check(unsafe {
            libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0)
        })?;
        // SAFETY: `fd` was opened just now and belongs to nobody else.
        let socket = Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } };
        // What the limits of an ordinary user allow, then what root may have.
        for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE, libc::SO_SNDBUF, libc::SO_SNDBUFFORCE] {
            // Smaller buffers are no failure: what they lose is counted by `drops`.
            let _ = socket.set(libc::SOL_SOCKET, option, buffer_len);
        }
        if gro {
            socket.set(libc::SOL_UDP, libc::UDP_GRO, 1)?;
        }
        let name = to_name(address);
        // SAFETY: `name` is a sockaddr_in of the length that is given.
        check(unsafe { libc::bind(fd, (&raw const name).cast(), len_of::<sockaddr_in>()) })?;
        Ok(socket)
    }

    /// Waits until there is something to receive, or for so long.
    pub(crate) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: `poll` is one pollfd.
        match check(unsafe { libc::poll(&raw mut poll, 1, timeout_ms) }) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// How many datagrams the kernel dropped because nobody received them in time.
    pub(crate) fn drops(&self) -> io::Result<u32> {
        let mut memory = [0_u32; libc::SK_MEMINFO_DROPS as usize + 1];
        let mut len = len_of::<[u32; libc::SK_MEMINFO_DROPS as usize + 1]>();
        // SAFETY: `memory` has the length that is given.
        check(unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                (&raw mut memory).cast(),
                &raw mut len,
            )
        })?;
        Ok(memory[libc::SK_MEMINFO_DROPS as usize])
    }

    fn set(&self, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
        // SAFETY: `value` is an int of the length that is given.
        check(unsafe {
            libc::setsockopt(self.fd.as_raw_fd(), level, option, (&raw const value).cast(), len_of::<c_int>())
        })?;
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A datagram to send, or a train of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// Where it begins in the memory that is sent from.
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// The length of each datagram but the last; `None` if there is but one.
    pub(crate) segment_len: Option<u16>,
    /// The address it comes from, where the socket has more than one.
    pub(crate) from: Option<Ipv4Addr>,
    pub(crate) to: SocketAddrV4,
}

/// What `sendmmsg` reads.
pub(crate) struct Sender {
    names: Box<[sockaddr_in; BATCH_MAX]>,
    iovecs: Box<[iovec; BATCH_MAX]>,
    controls: Box<[Control; BATCH_MAX]>,
    headers: Box<[mmsghdr; BATCH_MAX]>,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Self {
            names: Box::new([to_name(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)); BATCH_MAX]),
            iovecs: Box::new([iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH_MAX]),
            controls: Box::new([Control([0; CONTROL_LEN]); BATCH_MAX]),
            headers: Box::new([empty_header(); BATCH_MAX]),
        }
    }

    /// Sends `messages`, parts of `memory`, and says how many of them the kernel took. It takes none when its buffer is full.
    pub(crate) fn send(
        &mut self,
        socket: &Socket,
        memory: &[u8],
        messages: &[Outgoing],
    ) -> io::Result<usize> {
        assert!(messages.len() <= BATCH_MAX, "a batch has room for {BATCH_MAX}");
        for (index, message) in messages.iter().enumerate() {
            let bytes = &memory[message.start..message.start + message.len];
            self.names[index] = to_name(message.to);
            self.iovecs[index] = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = len_of::<sockaddr_in>();
            header.msg_iov = &raw mut self.iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[index]).cast();
            header.msg_controllen = CONTROL_LEN;
            header.msg_controllen = write_control(header, message);
        }
        let count = count_of(messages);
        // SAFETY: the first `count` headers were filled above; they point into `memory`, which outlives the call and is only read, and
        // into the boxes of `self`.
        let sent = unsafe { libc::sendmmsg(socket.fd.as_raw_fd(), self.headers.as_mut_ptr(), count, 0) };
        match check(sent) {
            Ok(sent) => Ok(sent.unsigned_abs() as usize),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Writes the control messages of `message` where `header` says, and returns how long they are.
fn write_control(header: &mut msghdr, message: &Outgoing) -> usize {
    let mut used = 0;
    // SAFETY: the room for control messages is aligned for `cmsghdr` and holds both of them; each is written within its own length.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        if let Some(from) = message.from {
            let value = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from(from).to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            used += put_control(control, libc::SOL_IP, libc::IP_PKTINFO, value);
            control = (&raw mut *header.msg_control.cast::<Control>()).cast::<u8>().add(used).cast();
        }
        if let Some(segment_len) = message.segment_len {
            used += put_control(control, libc::SOL_UDP, libc::UDP_SEGMENT, segment_len);
        }
    }
    used
}

/// # Safety
/// `control` is aligned and has room for a control message with a `T`.
unsafe fn put_control<T>(control: *mut cmsghdr, level: c_int, kind: c_int, value: T) -> usize {
    let value_len = u32::try_from(size_of::<T>()).expect("values are short");
    // SAFETY: as the caller promises; the value may lie unaligned behind the header.
    unsafe {
        (*control).cmsg_level = level;
        (*control).cmsg_type = kind;
        (*control).cmsg_len = libc::CMSG_LEN(value_len) as usize;
        ptr::write_unaligned(libc::CMSG_DATA(control).cast(), value);
        libc::CMSG_SPACE(value_len) as usize
    }
}

/// What was received: a datagram, or a train of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    /// Where it begins in [`Receiver::memory`].
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// The length of each datagram but the last.
    pub(crate) segment_len: usize,
    pub(crate) from: SocketAddrV4,
}

/// What `recvmmsg` fills.
pub(crate) struct Receiver {
    memory: Vec<u8>,
    slot_len: usize,
    names: Box<[sockaddr_in; BATCH_MAX]>,
    // Never read here, but what the kernel reads.
    _iovecs: Box<[iovec; BATCH_MAX]>,
    _controls: Box<[Control; BATCH_MAX]>,
    headers: Box<[mmsghdr; BATCH_MAX]>,
    count: usize,
}

impl Receiver {
    /// With room for messages of `slot_len` bytes each.
    pub(crate) fn new(slot_len: usize) -> Self {
        let mut memory = vec![0; slot_len * BATCH_MAX];
        let mut names = Box::new([to_name(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)); BATCH_MAX]);
        let mut iovecs = Box::new([iovec { iov_base: ptr::null_mut(), iov_len: slot_len }; BATCH_MAX]);
        let mut controls = Box::new([Control([0; CONTROL_LEN]); BATCH_MAX]);
        let mut headers = Box::new([empty_header(); BATCH_MAX]);
        for (index, slot) in memory.chunks_exact_mut(slot_len).enumerate() {
            iovecs[index].iov_base = slot.as_mut_ptr().cast();
            let header = &mut headers[index].msg_hdr;
            header.msg_name = (&raw mut names[index]).cast();
            header.msg_iov = &raw mut iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut controls[index]).cast();
        }
        Self { memory, slot_len, names, _iovecs: iovecs, _controls: controls, headers, count: 0 }
    }

    /// Receives what is there, up to a batch, in place of what was received before. Returns how many messages there are.
    pub(crate) fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        for header in &mut *self.headers {
            header.msg_hdr.msg_namelen = len_of::<sockaddr_in>();
            header.msg_hdr.msg_controllen = CONTROL_LEN;
        }
        let count = count_of(&*self.headers);
        // SAFETY: the headers point into the memory and the boxes of `self`, each with its own length.
        let received = unsafe {
            libc::recvmmsg(socket.fd.as_raw_fd(), self.headers.as_mut_ptr(), count, 0, ptr::null_mut())
        };
        self.count = match check(received) {
            Ok(received) => received.unsigned_abs() as usize,
            // Said of something that was sent before; it stands for no message.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused) =>
            {
                0
            }
            Err(error) => return Err(error),
        };
        Ok(self.count)
    }

    /// One of the messages that were received last.
    pub(crate) fn message(&self, index: usize) -> Incoming {
        assert!(index < self.count, "only what was received can be looked at");
        let header = &self.headers[index];
        let len = usize::try_from(header.msg_len).expect("a length in memory");
        Incoming {
            start: index * self.slot_len,
            len,
            segment_len: gro_segment_len(&header.msg_hdr).unwrap_or(len),
            from: from_name(&self.names[index]),
        }
    }

    /// All that messages were received into.
    pub(crate) fn memory(&self) -> &[u8] {
        &self.memory
    }
}

/// What UDP_GRO said of a message that was received.
fn gro_segment_len(header: &msghdr) -> Option<usize> {
    // SAFETY: the kernel wrote whole control messages into the room for them and set their length.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_UDP && (*control).cmsg_type == libc::UDP_GRO {
                return usize::try_from(ptr::read_unaligned(libc::CMSG_DATA(control).cast::<c_int>())).ok();
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Gives this thread, and what it starts from now on, a network of its own, with nothing in it.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: no pointers. Descriptors stay shared; sockets opened before stay where they are.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// Lets the card `name` of this thread's network join packets that belong together (GRO). A virtual card then also receives by
/// NAPI, which can run on a thread of its own.
pub(crate) fn join_packets(name: &str) -> io::Result<()> {
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        data: u32,
    }
    /// `ETHTOOL_SGRO` of linux/ethtool.h.
    const SET_GRO: u32 = 0x2c;
    let mut value = EthtoolValue { command: SET_GRO, data: 1 };
    // SAFETY: no pointers; the result is checked. The descriptor belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?) };
    // SAFETY: zeros are an empty request.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request names a card and points to a value that outlives the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) }).map(drop)
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn empty_header() -> mmsghdr {
    // SAFETY: null pointers and zero lengths are what an empty header is.
    unsafe { mem::zeroed() }
}

fn to_name(address: SocketAddrV4) -> sockaddr_in {
    sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).expect("a family is a small number"),
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn from_name(name: &sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)), u16::from_be(name.sin_port))
}

fn count_of<T>(batch: &[T]) -> libc::c_uint {
    libc::c_uint::try_from(batch.len()).expect("a batch is small")
}

fn len_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("structures are short")
}

#[cfg(test)]
mod tests {
    use super::{MEASURING_BUFFER_LEN, Outgoing, Receiver, Sender, Socket, TRAIN_LEN_MAX};
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

    fn bound(gro: bool) -> (Socket, SocketAddrV4) {
        let port = std::net::UdpSocket::bind((ANY, 0)).unwrap().local_addr().unwrap().port();
        (
            Socket::bind(SocketAddrV4::new(ANY, port), gro, MEASURING_BUFFER_LEN).unwrap(),
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        )
    }

    #[test]
    fn a_train_arrives_whole_and_from_the_address_that_was_chosen() {
        let (sender, from) = bound(false);
        let (receiver, to) = bound(true);
        let memory: Vec<u8> = (0..=255).cycle().take(2_500).collect();
        let source = Ipv4Addr::new(127, 16, 0, 9);
        let train =
            Outgoing { start: 0, len: memory.len(), segment_len: Some(1_000), from: Some(source), to };
        assert_eq!(Sender::new().send(&sender, &memory, &[train]).unwrap(), 1);

        receiver.wait(Duration::from_secs(5)).unwrap();
        let mut batch = Receiver::new(TRAIN_LEN_MAX);
        assert_eq!(batch.receive(&receiver).unwrap(), 1);
        let message = batch.message(0);
        assert_eq!((message.len, message.segment_len), (2_500, 1_000));
        assert_eq!(message.from, SocketAddrV4::new(source, from.port()));
        assert_eq!(&batch.memory()[message.start..message.start + message.len], memory);
        assert_eq!(batch.receive(&receiver).unwrap(), 0);
        assert_eq!(receiver.drops().unwrap(), 0);
    }
}
