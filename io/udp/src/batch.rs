use crate::Ecn;
use moim_wire::is_one_host;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use std::io::IoSliceMut;
use std::net::SocketAddr;

/// The longest UDP payload, in bytes. With GRO, one buffer of this length takes a whole train of datagrams.
const BUFFER_LEN: usize = 65_535;

/// Buffers for what one [`Listener::recv`](crate::Listener::recv) takes in, to be used again and again.
///
/// It holds 2 MiB of address space on Linux (32 buffers of 64 KiB each, since the kernel may join 64 datagrams of one
/// sender into one buffer); pages that no datagram ever reached are not backed by memory.
pub struct Batch {
    storage: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
    /// How many of the buffers are filled.
    filled: usize,
    /// The port of the socket, which the kernel does not tell per datagram.
    local_port: u16,
}

/// A datagram that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Its payload, which may be empty.
    pub payload: &'a [u8],
    /// Who sent it. This may be forged, and be an address that nothing can be sent to.
    pub source: SocketAddr,
    /// To which of this host's addresses it was sent. [`None`] if the operating system does not tell, or
    /// if it was sent to many hosts at once (multicast, broadcast), which no reply can come from.
    pub local: Option<SocketAddr>,
    /// Its congestion mark.
    pub ecn: Option<Ecn>,
}

impl Batch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self {
            storage: vec![0; BATCH_SIZE * BUFFER_LEN].into_boxed_slice(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            filled: 0,
            local_port: 0,
        }
    }

    /// The datagrams of the last `recv`, in the order they arrived.
    pub fn iter(&self) -> Datagrams<'_> {
        Datagrams { batch: self, buffer: 0, offset: 0 }
    }

    /// Lets `recv` fill the buffers: it gets them with their metadata, and returns how many it filled.
    pub(crate) fn fill<E>(
        &mut self,
        local_port: u16,
        recv: impl FnOnce(&mut [IoSliceMut<'_>], &mut [RecvMeta]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.filled = 0;
        self.local_port = local_port;
        let mut buffers = self.storage.chunks_exact_mut(BUFFER_LEN).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| buffers.next().expect("the storage is of BATCH_SIZE buffers"));
        self.filled = recv(&mut slices, &mut self.metas)?;
        Ok(())
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("datagrams", &self.iter().count()).finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Received<'a>;
    type IntoIter = Datagrams<'a>;

    fn into_iter(self) -> Datagrams<'a> {
        self.iter()
    }
}

/// Walks the datagrams of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Datagrams<'a> {
    batch: &'a Batch,
    buffer: usize,
    offset: usize,
}

impl<'a> Iterator for Datagrams<'a> {
    type Item = Received<'a>;

    fn next(&mut self) -> Option<Received<'a>> {
        if self.buffer == self.batch.filled {
            return None;
        }
        let meta = &self.batch.metas[self.buffer];
        let contents = &self.batch.storage[self.buffer * BUFFER_LEN..][..meta.len];
        // A train has datagrams of one length, of which the last may be shorter. An empty datagram has a stride of 0.
        let end = contents.len().min(self.offset + meta.stride);
        let payload = &contents[self.offset..end];
        if end == contents.len() {
            self.buffer += 1;
            self.offset = 0;
        } else {
            self.offset = end;
        }
        Some(Received {
            payload,
            source: meta.addr,
            local: meta
                .dst_ip
                .filter(|ip| is_one_host(*ip))
                .map(|ip| SocketAddr::new(ip, self.batch.local_port)),
            ecn: meta.ecn.map(Ecn::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch_of(buffers: &[(&[u8], usize)]) -> Batch {
        let mut batch = Batch::new();
        let filled: Result<(), ()> = batch.fill(3478, |slices, metas| {
            for ((slice, meta), (contents, stride)) in slices.iter_mut().zip(metas).zip(buffers) {
                slice[..contents.len()].copy_from_slice(contents);
                meta.len = contents.len();
                meta.stride = *stride;
                meta.dst_ip = Some("192.0.2.1".parse().unwrap());
            }
            Ok(buffers.len())
        });
        filled.unwrap();
        batch
    }

    fn payloads(batch: &Batch) -> Vec<&[u8]> {
        batch.iter().map(|datagram| datagram.payload).collect()
    }

    #[test]
    fn a_train_comes_apart_into_its_datagrams() {
        let batch = batch_of(&[(b"aaabbbcc", 3), (b"dddd", 4), (b"eeefff", 3)]);

        assert_eq!(payloads(&batch), [&b"aaa"[..], b"bbb", b"cc", b"dddd", b"eee", b"fff"]);
    }

    #[test]
    fn an_empty_datagram_is_one() {
        let batch = batch_of(&[(b"", 0), (b"a", 1), (b"", 0)]);

        assert_eq!(payloads(&batch), [&b""[..], b"a", b""]);
    }

    #[test]
    fn what_a_failed_recv_left_is_not_seen() {
        let mut batch = batch_of(&[(b"a", 1)]);

        assert_eq!(batch.fill(1, |_, _| Err(())), Err(()));
        assert_eq!(batch.iter().count(), 0);
    }

    #[test]
    fn an_address_of_many_hosts_is_not_local() {
        let mut batch = batch_of(&[(b"a", 1)]);
        assert_eq!(batch.iter().next().unwrap().local, Some("192.0.2.1:3478".parse().unwrap()));

        for many in ["255.255.255.255", "224.0.0.1", "ff02::1"] {
            batch.metas[0].dst_ip = Some(many.parse().unwrap());
            assert_eq!(batch.iter().next().unwrap().local, None, "{many}");
        }
    }
}
