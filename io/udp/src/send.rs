use crate::SendDrop;
use crate::control::SendControl;
use crate::name::Name;
use crate::recv::is_pending;
use crate::socket::Socket;
use crate::sys;
use moim_wire::is_one_host;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// How many packets the kernel takes as one run.
pub const RUN_SEGMENTS_MAX: usize = 64;

/// The longest run, in bytes: what fits into one IPv4 packet.
pub const RUN_LEN_MAX: usize = 65_507;

/// How often a message is tried again after an error that may be about another one, sent earlier.
const PENDING_ERRORS_MAX: usize = 2;

/// How many runs a socket sends packet by packet, after its network device refused to segment, before it asks again.
const OFFLOAD_REST: u16 = 256;

/// Where a packet goes, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where to.
    pub address: SocketAddr,
    /// From which of this host's addresses: for a reply, [`Train::local`](crate::Train::local) of the request. [`None`]
    /// leaves it to the address the socket is bound to, and to routing.
    pub source: Option<IpAddr>,
    /// The traffic class byte of the IP header: the DSCP and the congestion mark (RFC 2474, RFC 3168).
    pub traffic_class: u8,
}

impl Destination {
    /// An address, from whichever of this host's addresses, and nothing special.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, source: None, traffic_class: 0 }
    }
}

/// How often what happened to packets that were to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Packets handed to the network.
    pub packets: u64,
    /// What they took: a run counts once. Fewer than packets when runs stay together.
    pub messages: u64,
    /// Runs that were refused as such, and sent packet by packet.
    pub runs_refused: u64,
    drops: [u64; SendDrop::ALL.len()],
}

impl SendCounters {
    /// Packets that were not sent for this reason.
    pub fn drops(&self, reason: SendDrop) -> u64 {
        self.drops[reason as usize]
    }
}

/// What it takes to send a batch, to be used again and again.
#[derive(Default)]
pub struct SendBuffers {
    messages: Vec<Outgoing>,
    /// What the messages are made of, in their order.
    parts: Vec<libc::iovec>,
    prepared: Prepared,
    /// For the packets of a run that was refused.
    singles: Prepared,
    /// What those are made of: parts of one packet each.
    single_parts: Vec<libc::iovec>,
    counters: SendCounters,
}

/// The headers of what is about to be sent, and what they point to.
#[derive(Default)]
struct Prepared {
    names: Vec<Name>,
    controls: Vec<SendControl>,
    headers: Vec<libc::mmsghdr>,
}

/// A packet, or a run of packets that the kernel takes as one message.
#[derive(Clone, Debug)]
struct Outgoing {
    to: Destination,
    parts: Range<usize>,
    len: usize,
    /// How long each packet of the run is; the last may be shorter.
    segment_len: usize,
    segments: usize,
    /// Whether another packet may join.
    is_open: bool,
}

impl SendBuffers {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often what happened, since the buffers were made.
    pub fn counters(&self) -> &SendCounters {
        &self.counters
    }

    /// Begins a batch. What it is made of is borrowed until it has been sent.
    pub fn queue<'a>(&mut self) -> SendQueue<'_, 'a> {
        self.messages.clear();
        self.parts.clear();
        SendQueue { buffers: self, borrowed: PhantomData }
    }
}

impl std::fmt::Debug for SendBuffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendBuffers").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// Packets that are about to leave one socket.
///
/// Each is a list of slices, wherever they lie, so that putting a header before a payload moves nothing. Neighbours of one
/// destination and length become a run, which crosses the kernel as one message; the last of a run may be shorter.
#[derive(Debug)]
pub struct SendQueue<'q, 'a> {
    buffers: &'q mut SendBuffers,
    borrowed: PhantomData<&'a [u8]>,
}

impl<'a> SendQueue<'_, 'a> {
    /// Appends a packet made of `parts`, one after the other.
    pub fn push(&mut self, to: Destination, parts: &[&'a [u8]]) {
        let SendBuffers { messages, parts: all, .. } = &mut *self.buffers;
        let before = all.len();
        let mut len = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            len += part.len();
            all.push(libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() });
        }
        match messages.last_mut() {
            Some(run) if run.takes(&to, len) => run.join(len, all.len()),
            _ => messages.push(Outgoing::new(to, before..all.len(), len)),
        }
    }

    /// Appends packets that lie one after the other, each `segment_len` bytes long; the last may be shorter.
    ///
    /// It is the same as pushing each of them, for a fraction of the work: they are one part of the message, not one each.
    pub fn push_run(&mut self, to: Destination, mut packets: &'a [u8], segment_len: usize) {
        let segment_len = segment_len.max(1);
        while !packets.is_empty() {
            let SendBuffers { messages, parts, .. } = &mut *self.buffers;
            let first_len = segment_len.min(packets.len());
            if !messages.last().is_some_and(|run| run.takes(&to, first_len)) {
                messages.push(Outgoing::begin(to, parts.len(), first_len));
            }
            let Some(run) = messages.last_mut() else { return };
            let (taken, rest) = packets.split_at(run.room(packets.len(), segment_len));
            parts.push(libc::iovec { iov_base: taken.as_ptr().cast_mut().cast(), iov_len: taken.len() });
            run.join_all(taken.len(), parts.len());
            packets = rest;
        }
    }

    /// Whether nothing is waiting to be sent.
    pub fn is_empty(&self) -> bool {
        self.buffers.messages.is_empty()
    }

    /// Sends what was pushed, and begins again.
    ///
    /// What cannot be sent is dropped and counted; what one destination meets is no matter of the others'. When the
    /// socket's buffer is full, the rest is dropped: what is relayed is of no use later.
    pub fn flush(&mut self, socket: &Socket) {
        self.buffers.flush(socket);
        self.buffers.messages.clear();
        self.buffers.parts.clear();
    }
}

impl Outgoing {
    fn new(to: Destination, parts: Range<usize>, len: usize) -> Self {
        Self { to, parts, len, segment_len: len, segments: 1, is_open: len > 0 }
    }

    /// A run of packets of `segment_len` bytes that has none yet.
    fn begin(to: Destination, parts_start: usize, segment_len: usize) -> Self {
        Self { to, parts: parts_start..parts_start, len: 0, segment_len, segments: 0, is_open: true }
    }

    fn takes(&self, to: &Destination, len: usize) -> bool {
        self.is_open
            && (1..=self.segment_len).contains(&len)
            && self.segments < RUN_SEGMENTS_MAX
            && self.len + len <= RUN_LEN_MAX
            && self.to == *to
    }

    fn join(&mut self, len: usize, parts_end: usize) {
        self.parts.end = parts_end;
        self.len += len;
        self.segments += 1;
        self.is_open = len == self.segment_len;
    }

    /// How many of `len` bytes, in packets of `segment_len`, may join: one packet at least, since [`takes`](Self::takes) has
    /// said so of the first.
    fn room(&self, len: usize, segment_len: usize) -> usize {
        if segment_len != self.segment_len {
            return segment_len.min(len);
        }
        let by_count = RUN_SEGMENTS_MAX - self.segments;
        let by_len = (RUN_LEN_MAX.saturating_sub(self.len) / segment_len).max(1);
        len.min(by_count.min(by_len) * segment_len)
    }

    /// So many bytes join: packets of the run's length, or of less the last.
    fn join_all(&mut self, len: usize, parts_end: usize) {
        self.parts.end = parts_end;
        self.len += len;
        self.segments += len.div_ceil(self.segment_len);
        self.is_open = len.is_multiple_of(self.segment_len);
    }

    /// Finds out here what the kernel would refuse, and what may only be a forged address.
    fn check(&self, local: SocketAddr) -> Result<(), SendDrop> {
        let Destination { address, source, .. } = self.to;
        if address.is_ipv6() != local.is_ipv6() || address.port() == 0 || !is_one_host(address.ip()) {
            return Err(SendDrop::BadDestination);
        }
        match source {
            Some(ip) if ip.is_ipv6() != local.is_ipv6() || !is_one_host(ip) => Err(SendDrop::BadSource),
            _ => Ok(()),
        }
    }
}

impl Prepared {
    fn clear(&mut self) {
        self.names.clear();
        self.controls.clear();
        self.headers.clear();
    }

    /// Adds a message, but for the pointers to what may still move.
    fn push(&mut self, to: &Destination, segment_len: Option<usize>, parts: *mut libc::iovec, count: usize) {
        let (name, name_len) = Name::new(to.address);
        let mut control = SendControl::EMPTY;
        let segment_len =
            segment_len.map(|len| u16::try_from(len).expect("a run is shorter than an IP packet"));
        let is_ipv6 = to.address.is_ipv6();
        let control_len = control.for_sending(to.source, to.traffic_class, is_ipv6, segment_len);
        let mut header = sys::empty_header();
        header.msg_hdr.msg_namelen = name_len;
        header.msg_hdr.msg_iov = parts;
        header.msg_hdr.msg_iovlen = count as _;
        header.msg_hdr.msg_controllen = control_len as _;
        self.names.push(name);
        self.controls.push(control);
        self.headers.push(header);
    }

    /// Sets the pointers, when nothing will move any more.
    fn finish(&mut self) {
        for ((header, name), control) in self.headers.iter_mut().zip(&self.names).zip(&mut self.controls) {
            header.msg_hdr.msg_name = name.as_ptr().cast_mut();
            if header.msg_hdr.msg_controllen > 0 {
                header.msg_hdr.msg_control = control.as_mut_ptr();
            }
        }
    }

    /// Sends from message `first` on until one fails for good. Returns how many were sent, and that one's error.
    #[expect(unsafe_code, reason = "the headers hold pointers")]
    fn send(&mut self, first: usize, socket: &Socket) -> (usize, Option<io::Error>) {
        let mut next = first;
        let mut errors = 0;
        while next < self.headers.len() {
            // SAFETY: `finish` made the headers point into vectors of this structure, which have not changed since, and
            // `push` to parts that borrow what they point to for as long as the queue lives.
            match unsafe { sys::send_messages(socket.fd(), &mut self.headers[next..]) } {
                Ok(sent) => {
                    next += sent;
                    errors = 0;
                }
                Err(error) if errors < PENDING_ERRORS_MAX && is_pending(&error) => errors += 1,
                Err(error) => return (next - first, Some(error)),
            }
        }
        (next - first, None)
    }
}

impl SendBuffers {
    fn flush(&mut self, socket: &Socket) {
        self.drop_unsendable(socket.local_addr());
        self.prepared.clear();
        let can_offload = socket.offload_rest().get() == 0;
        for message in &self.messages {
            let is_run = message.segments > 1 && can_offload;
            let parts = self.parts.as_mut_ptr().wrapping_add(message.parts.start);
            let segment_len = is_run.then_some(message.segment_len);
            self.prepared.push(&message.to, segment_len, parts, message.parts.len());
        }
        self.prepared.finish();
        let mut next = 0;
        while next < self.messages.len() {
            next = if self.messages[next].segments > 1 && socket.offload_rest().get() > 0 {
                self.send_singly(next, socket)
            } else {
                self.send_together(next, socket)
            };
        }
    }

    /// Sends messages from `first` on, as far as they may be sent as they are, and returns which one is next.
    fn send_together(&mut self, first: usize, socket: &Socket) -> usize {
        let (sent, failure) = self.prepared.send(first, socket);
        let failed = first + sent;
        for message in &self.messages[first..failed] {
            self.counters.messages += 1;
            self.counters.packets += message.segments as u64;
        }
        let Some(error) = failure else { return failed };
        if is_full(&error) {
            self.drop_messages(failed..self.messages.len(), SendDrop::BufferFull);
            return self.messages.len();
        }
        if self.messages[failed].segments > 1 && refuses_runs(&error) {
            self.counters.runs_refused += 1;
            // The device does not compute checksums, whoever the destination is; other errors are about this one.
            if error.raw_os_error() == Some(libc::EIO) {
                socket.offload_rest().set(OFFLOAD_REST);
            }
            return self.send_singly(failed, socket);
        }
        self.drop_messages(failed..failed + 1, reason(&error));
        failed + 1
    }

    /// Sends a run packet by packet, and returns which message is next.
    fn send_singly(&mut self, index: usize, socket: &Socket) -> usize {
        socket.offload_rest().set(socket.offload_rest().get().saturating_sub(1));
        let Self { messages, parts: run_parts, singles, single_parts: parts, counters, .. } = self;
        let run = &messages[index];
        singles.clear();
        cut(&run_parts[run.parts.clone()], run.segment_len, parts);
        let mut rest = 0..parts.len();
        while !rest.is_empty() {
            let count = packet_parts(&parts[rest.clone()], run.segment_len);
            singles.push(&run.to, None, parts.as_mut_ptr().wrapping_add(rest.start), count);
            rest.start += count;
        }
        singles.finish();
        let mut next = 0;
        while next < singles.headers.len() {
            let (sent, failure) = singles.send(next, socket);
            counters.messages += sent as u64;
            counters.packets += sent as u64;
            next += sent;
            if let Some(error) = failure {
                counters.drops[reason(&error) as usize] += 1;
                next += 1;
            }
        }
        index + 1
    }

    fn drop_unsendable(&mut self, local: SocketAddr) {
        let Self { messages, counters, .. } = self;
        messages.retain(|message| match message.check(local) {
            Ok(()) => true,
            Err(reason) => {
                counters.drops[reason as usize] += message.segments as u64;
                false
            }
        });
    }

    fn drop_messages(&mut self, dropped: Range<usize>, reason: SendDrop) {
        let packets: usize = self.messages[dropped].iter().map(|message| message.segments).sum();
        self.counters.drops[reason as usize] += packets as u64;
    }
}

/// Cuts parts that packets of `segment_len` bytes lie in one after the other, so that each part is of one packet.
fn cut(parts: &[libc::iovec], segment_len: usize, cut: &mut Vec<libc::iovec>) {
    cut.clear();
    let mut room = segment_len;
    for part in parts {
        let mut rest = *part;
        while rest.iov_len > 0 {
            let len = rest.iov_len.min(room);
            cut.push(libc::iovec { iov_base: rest.iov_base, iov_len: len });
            rest.iov_base = rest.iov_base.cast::<u8>().wrapping_add(len).cast();
            rest.iov_len -= len;
            room = if len == room { segment_len } else { room - len };
        }
    }
}

/// How many parts the first packet of a run is made of.
fn packet_parts(parts: &[libc::iovec], segment_len: usize) -> usize {
    let ends = parts.iter().scan(0, |end, part| {
        *end += part.iov_len;
        Some(*end)
    });
    // The run's last packet may be shorter, and then takes all that is left.
    ends.take_while(|end| *end < segment_len).count().saturating_add(1).min(parts.len())
}

/// Whether the socket's buffer is full. The device's queue may be full as well (`ENOBUFS`), but that is one packet's fate.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the kernel may take the packets of a run, if it does not take the run: the device does not compute checksums
/// (`EIO`), or a packet is longer than the path to this destination takes (`EINVAL`, `EMSGSIZE`), so that it would be
/// fragmented.
fn refuses_runs(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE))
}

fn reason(error: &io::Error) -> SendDrop {
    match error.raw_os_error() {
        Some(
            libc::ECONNREFUSED
            | libc::ECONNRESET
            | libc::EHOSTUNREACH
            | libc::EHOSTDOWN
            | libc::ENETUNREACH
            | libc::ENETDOWN
            | libc::ENONET,
        ) => SendDrop::Unreachable,
        Some(libc::EPERM | libc::EACCES) => SendDrop::Forbidden,
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => SendDrop::BufferFull,
        // A destination of no use was found out before, so that the source is what is left.
        Some(libc::EINVAL | libc::EADDRNOTAVAIL) => SendDrop::BadSource,
        Some(libc::EMSGSIZE) => SendDrop::TooLong,
        _ => SendDrop::Other,
    }
}

#[cfg(test)]
mod tests;
