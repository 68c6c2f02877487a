use crate::control::RecvControl;
use crate::name::Name;
use crate::socket::Socket;
use crate::sys;
use moim_wire::is_one_host;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

/// How many trains a [`RecvBatch`] holds.
pub const RECV_SLOTS: usize = 32;

/// The longest train, in bytes: GRO joins packets as long as they would fit into one IP packet.
const TRAIN_LEN_MAX: usize = 65_535;

/// From one slot's beginning to the next one's. With a power of two, the beginnings of all slots would compete for the same
/// few lines of the processor's cache, and most trains are short.
const SLOT_STRIDE: usize = 65_536 + 512;

/// How many errors about packets sent earlier one `recv` passes over before it gives up on the socket.
const PENDING_ERRORS_MAX: usize = 64;

/// Buffers for trains that have arrived, to be used again and again.
///
/// It takes 2 MiB of address space (32 slots of 64 KiB, since the kernel may join 64 packets of one sender into one slot);
/// pages that no packet ever reached are not backed by memory.
pub struct RecvBatch {
    storage: Vec<u8>,
    names: Vec<Name>,
    controls: Vec<RecvControl>,
    /// Never read here, but the headers point to them.
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    trains: Vec<Arrived>,
}

/// What is known of a filled slot.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    len: usize,
    segment_len: usize,
    source: SocketAddr,
    local: Option<IpAddr>,
    traffic_class: u8,
}

/// Packets of one sender that arrived back to back, all of one length but the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train<'a> {
    /// The payloads, one after the other.
    pub bytes: &'a [u8],
    /// How long each of them is, in bytes. As long as `bytes` for a single packet; 0 for an empty one.
    pub segment_len: usize,
    /// Who sent it. This may be forged, and be an address that nothing can be sent to.
    pub source: SocketAddr,
    /// To which of this host's addresses it was sent, if the socket tells ([`SocketOptions::packet_info`]) and it was not
    /// sent to many hosts at once (multicast, broadcast), which no reply can come from.
    ///
    /// [`SocketOptions::packet_info`]: crate::SocketOptions::packet_info
    pub local: Option<IpAddr>,
    /// The traffic class byte of its IP header: the DSCP and the congestion mark (RFC 2474, RFC 3168).
    pub traffic_class: u8,
}

/// A [`Train`] whose packets may be changed where they lie: decrypted, or turned into their answers.
#[derive(Debug, PartialEq, Eq)]
pub struct TrainMut<'a> {
    /// The payloads, one after the other.
    pub bytes: &'a mut [u8],
    /// How long each of them is, in bytes. As long as `bytes` for a single packet; 0 for an empty one.
    pub segment_len: usize,
    /// Who sent it. This may be forged, and be an address that nothing can be sent to.
    pub source: SocketAddr,
    /// To which of this host's addresses it was sent: see [`Train::local`].
    pub local: Option<IpAddr>,
    /// The traffic class byte of its IP header: the DSCP and the congestion mark (RFC 2474, RFC 3168).
    pub traffic_class: u8,
}

impl<'a> Train<'a> {
    /// The packets of the train. An empty packet is one.
    pub fn segments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let empty = self.bytes.is_empty().then_some(self.bytes);
        empty.into_iter().chain(self.bytes.chunks(self.segment_len.max(1)))
    }

    /// How many packets they are.
    pub fn packets(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_len.max(1)).max(1)
    }
}

impl RecvBatch {
    /// Empty slots.
    pub fn new() -> Self {
        let mut batch = Self {
            storage: vec![0; RECV_SLOTS * SLOT_STRIDE],
            names: vec![Name::EMPTY; RECV_SLOTS],
            controls: vec![RecvControl::EMPTY; RECV_SLOTS],
            iovecs: Vec::with_capacity(RECV_SLOTS),
            headers: Vec::with_capacity(RECV_SLOTS),
            trains: Vec::with_capacity(RECV_SLOTS),
        };
        for slot in 0..RECV_SLOTS {
            let base = batch.storage.as_mut_ptr().wrapping_add(slot * SLOT_STRIDE).cast();
            batch.iovecs.push(libc::iovec { iov_base: base, iov_len: TRAIN_LEN_MAX });
        }
        for slot in 0..RECV_SLOTS {
            let mut header = sys::empty_header();
            header.msg_hdr.msg_name = batch.names.as_mut_ptr().wrapping_add(slot).cast();
            header.msg_hdr.msg_iov = batch.iovecs.as_mut_ptr().wrapping_add(slot);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = batch.controls.as_mut_ptr().wrapping_add(slot).cast();
            batch.headers.push(header);
        }
        batch.prepare(0..RECV_SLOTS);
        batch
    }

    /// Takes what has arrived at a socket into free slots, and tells which ones: none if nothing had arrived, or if no slot
    /// is free.
    ///
    /// What the network says of packets sent earlier is passed over. An error means that the socket is of no use any more.
    pub fn recv(&mut self, socket: &Socket) -> io::Result<Range<usize>> {
        let first = self.trains.len();
        let mut errors_left = PENDING_ERRORS_MAX;
        let received = loop {
            match self.recv_messages(socket, first) {
                Ok(received) => break received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break 0,
                Err(error) if errors_left > 0 && is_pending(&error) => errors_left -= 1,
                Err(error) => return Err(error),
            }
        };
        for slot in first..first + received {
            let arrived = self.arrived(slot, socket.local_addr());
            self.trains.push(arrived);
        }
        Ok(first..self.trains.len())
    }

    /// How many slots are free.
    pub fn free(&self) -> usize {
        RECV_SLOTS - self.trains.len()
    }

    /// How many slots are filled.
    pub fn len(&self) -> usize {
        self.trains.len()
    }

    /// Whether no slot is filled.
    pub fn is_empty(&self) -> bool {
        self.trains.is_empty()
    }

    /// Gives up what was received.
    pub fn clear(&mut self) {
        let used = self.trains.len();
        self.trains.clear();
        self.prepare(0..used);
    }

    /// A train that has arrived.
    ///
    /// # Panics
    /// If the slot is not filled.
    pub fn train(&self, slot: usize) -> Train<'_> {
        let Arrived { len, segment_len, source, local, traffic_class } = self.trains[slot];
        Train { bytes: self.bytes(slot, len), segment_len, source, local, traffic_class }
    }

    /// A train that has arrived, to be changed where it lies.
    ///
    /// # Panics
    /// If the slot is not filled.
    pub fn train_mut(&mut self, slot: usize) -> TrainMut<'_> {
        let Arrived { len, segment_len, source, local, traffic_class } = self.trains[slot];
        TrainMut { bytes: self.bytes_mut(slot, len), segment_len, source, local, traffic_class }
    }

    #[expect(unsafe_code, reason = "the counterpart of `bytes`")]
    fn bytes_mut(&mut self, slot: usize, len: usize) -> &mut [u8] {
        assert!(slot < RECV_SLOTS && len <= TRAIN_LEN_MAX, "a train lies within its slot");
        // SAFETY: as in `bytes`; and the batch is borrowed exclusively, so that nobody else reads or writes the slot.
        unsafe { std::slice::from_raw_parts_mut(self.storage.as_mut_ptr().add(slot * SLOT_STRIDE), len) }
    }

    #[expect(unsafe_code, reason = "the kernel writes into the slots through pointers that are set once")]
    fn bytes(&self, slot: usize, len: usize) -> &[u8] {
        assert!(slot < RECV_SLOTS && len <= TRAIN_LEN_MAX, "a train lies within its slot");
        // SAFETY: the slot lies within the storage, which is initialised; the kernel writes there only during `recv`, which
        // borrows the batch exclusively. The pointer is the one the headers' were made from, so that neither invalidates
        // the other.
        unsafe { std::slice::from_raw_parts(self.storage.as_ptr().add(slot * SLOT_STRIDE), len) }
    }

    #[expect(unsafe_code, reason = "the headers hold pointers")]
    fn recv_messages(&mut self, socket: &Socket, first: usize) -> io::Result<usize> {
        if first == RECV_SLOTS {
            return Ok(0);
        }
        // SAFETY: each header points to its own slot, name and control buffer, in vectors of this batch that never grow, of
        // the lengths that `new` and `prepare` set.
        unsafe { sys::recv_messages(socket.fd(), &mut self.headers[first..]) }
    }

    /// Sets what the kernel overwrites in the headers it fills.
    fn prepare(&mut self, slots: Range<usize>) {
        for header in &mut self.headers[slots] {
            header.msg_hdr.msg_namelen = Name::LEN;
            header.msg_hdr.msg_controllen = RecvControl::LEN as _;
            header.msg_hdr.msg_flags = 0;
        }
    }

    fn arrived(&self, slot: usize, local: SocketAddr) -> Arrived {
        let header = &self.headers[slot];
        let len = (header.msg_len as usize).min(TRAIN_LEN_MAX);
        let mut arrived = Arrived {
            len,
            segment_len: len,
            source: self.names[slot].address().unwrap_or_else(|| nowhere(local)),
            local: None,
            traffic_class: 0,
        };
        #[expect(clippy::unnecessary_cast, reason = "it is a socklen_t in other C libraries")]
        let control_len = header.msg_hdr.msg_controllen as usize;
        for (level, kind, data) in self.controls[slot].messages(control_len) {
            arrived.note(level, kind, data);
        }
        arrived.local = arrived.local.filter(|ip| is_one_host(*ip));
        arrived
    }
}

impl Arrived {
    /// Notes what a control message tells.
    fn note(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        match (level, kind, data) {
            // struct in_pktinfo: interface index, the local address, the address in the header.
            (libc::IPPROTO_IP, libc::IP_PKTINFO, [_, _, _, _, _, _, _, _, header @ ..]) => {
                self.local = <[u8; 4]>::try_from(header).ok().map(IpAddr::from);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, _) => {
                self.local = data.first_chunk::<16>().map(|ip| IpAddr::from(*ip));
            }
            // IPv4 has it as a byte, IPv6 as an int.
            (libc::IPPROTO_IP, libc::IP_TOS, [class, ..]) => self.traffic_class = *class,
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS, _) => {
                let class = data.first_chunk().map(|class| libc::c_int::from_ne_bytes(*class));
                self.traffic_class = class.and_then(|class| class.try_into().ok()).unwrap_or(0);
            }
            (libc::SOL_UDP, libc::UDP_GRO, _) => {
                let len = data.first_chunk().map(|len| libc::c_int::from_ne_bytes(*len));
                let len = len.and_then(|len| usize::try_from(len).ok()).filter(|len| *len > 0);
                self.segment_len = len.unwrap_or(self.len).min(self.len);
            }
            _ => {}
        }
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecvBatch").field("trains", &self.trains.len()).finish_non_exhaustive()
    }
}

/// What stands for a source that the kernel does not tell: an address that nothing can be sent to.
fn nowhere(local: SocketAddr) -> SocketAddr {
    let ip: IpAddr =
        if local.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

/// Whether an error may be about a packet sent earlier, which the kernel reports at the next call, whatever it is.
pub(crate) fn is_pending(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EINTR
                | libc::ECONNREFUSED
                | libc::ECONNRESET
                | libc::EHOSTUNREACH
                | libc::EHOSTDOWN
                | libc::ENETUNREACH
                | libc::ENETDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EPROTO
                | libc::EMSGSIZE
                | libc::EACCES
                | libc::EPERM
        )
    )
}
