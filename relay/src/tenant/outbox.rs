use super::ParcelHeader;
use crate::handover::{Exchange, Handover};
use moim_turn::{FiveTuple, ShardId};

/// How many bytes of packets a tenant sends before the relay has its turn again: half a millisecond's work, and what stays in a
/// core's second cache between being encrypted and being taken by the kernel.
pub const OUTBOX_LEN_MAX: usize = 512 * 1024;

/// How many runs a tenant sends before the relay has its turn again.
pub const OUTBOX_RUNS_MAX: usize = 4096;

/// The way of packets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// To [`FiveTuple::client`], from [`FiveTuple::server`], which is an address that is listened on. The transport is UDP.
    pub five_tuple: FiveTuple,
    /// The traffic class byte of the IP header: the DSCP and the congestion mark (RFC 2474, RFC 3168).
    pub traffic_class: u8,
}

/// Packets that lie one after the other and go one way, all of one length but the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingRun {
    pub(crate) way: Way,
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) segment_len: usize,
}

/// What a tenant has written and not yet sent. It is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    /// As long as it may become from the first use on. Pages that nothing was ever written to are not backed by memory.
    bytes: Vec<u8>,
    len: usize,
    runs: Vec<OutgoingRun>,
    /// Whether there was no room for something.
    is_exhausted: bool,
}

/// Where a tenant puts what it sends.
///
/// Packets are written into [`room`](Self::room) one after the other. Neighbours that go one way and are of one length leave as
/// one run, which costs a fraction of what they cost apart: whoever has several packets for one address puts them together. What
/// goes one way keeps its order. They leave when the packets that have arrived are dealt with, and what is sent at the end of the turn
/// then.
#[derive(Debug)]
pub struct Outbox<'a> {
    packets: &'a mut Packets,
    exchange: &'a mut Exchange,
}

impl Packets {
    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What is to be sent, in order.
    pub(crate) fn runs(&self) -> &[OutgoingRun] {
        &self.runs
    }

    /// The packets of a run.
    pub(crate) fn bytes(&self, run: &OutgoingRun) -> &[u8] {
        &self.bytes[run.start..][..run.len]
    }

    /// Forgets what was sent. Whether there was no room for more.
    pub(crate) fn clear(&mut self) -> bool {
        self.len = 0;
        self.runs.clear();
        std::mem::take(&mut self.is_exhausted)
    }

    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        if self.bytes.is_empty() {
            self.bytes.resize(OUTBOX_LEN_MAX, 0);
        }
        let is_full = self.runs.len() >= OUTBOX_RUNS_MAX || len > OUTBOX_LEN_MAX - self.len;
        self.is_exhausted |= is_full;
        (!is_full).then(|| &mut self.bytes[self.len..][..len])
    }

    fn send(&mut self, way: Way, len: usize, segment_len: usize) {
        let len = len.min(self.bytes.len() - self.len);
        if len == 0 {
            return;
        }
        let segment_len = segment_len.clamp(1, len);
        let start = self.len;
        self.len += len;
        if let Some(run) = self.runs.last_mut()
            && run.way == way
            && run.len.is_multiple_of(run.segment_len)
            && (segment_len == run.segment_len || len == segment_len && len < run.segment_len)
        {
            run.len += len;
            return;
        }
        self.runs.push(OutgoingRun { way, start, len, segment_len });
    }
}

impl OutgoingRun {
    /// How many packets it is.
    pub(crate) fn packets(&self) -> usize {
        self.len.div_ceil(self.segment_len)
    }
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(packets: &'a mut Packets, exchange: &'a mut Exchange) -> Self {
        Self { packets, exchange }
    }

    /// Room for `len` bytes behind what was sent so far; what is in it is of no meaning. [`None`]: this turn takes no more. The next one
    /// comes at once, if [`poll_timeout`](super::Tenant::poll_timeout) says so.
    pub fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        self.packets.room(len)
    }

    /// Sends the first `len` bytes of the room as one packet. An empty one is none.
    pub fn send(&mut self, way: Way, len: usize) {
        self.packets.send(way, len, len);
    }

    /// Sends the first `len` bytes of the room as packets of `segment_len` bytes, of which the last may be shorter.
    pub fn send_run(&mut self, way: Way, len: usize, segment_len: usize) {
        self.packets.send(way, len, segment_len);
    }

    /// Copies something for the tenant of a shard, where it arrives within a turn, in order. Neighbours with one header and of one length
    /// arrive together. If that shard does not keep up, it is dropped and counted
    /// ([`TenantBusy`](crate::RelayDrop::TenantBusy)).
    pub fn send_parcel(&mut self, to: ShardId, header: ParcelHeader, bytes: &[u8]) {
        self.exchange.hand_over(to, Handover::Parcel { header }, bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::Transport;
    use std::net::SocketAddr;

    #[test]
    fn neighbours_that_go_one_way_and_are_of_one_length_are_a_run() {
        let mut packets = Packets::default();
        for (port, bytes) in [
            (1, &b"aaa"[..]),
            (1, b"bbb"),
            (1, b"c"),
            (1, b"d"),
            (2, b"e"),
            (2, b""),
            (1, b"ff"),
            (1, b"ggg"),
        ] {
            packets.room(8).unwrap()[..bytes.len()].copy_from_slice(bytes);
            packets.send(way(port), bytes.len(), bytes.len());
        }
        packets.room(8).unwrap()[..5].copy_from_slice(b"hhhii");
        packets.send(way(1), 5, 3);

        let runs: Vec<_> = packets
            .runs()
            .iter()
            .map(|run| (run.way.five_tuple.client.port(), packets.bytes(run), run.segment_len))
            .collect();
        let expected: [(u16, &[u8], usize); 5] =
            [(1, b"aaabbbc", 3), (1, b"d", 1), (2, b"e", 1), (1, b"ff", 2), (1, b"ggghhhii", 3)];
        assert_eq!(runs, expected);
        assert!(!packets.clear());
        assert!(packets.is_empty());
    }

    #[test]
    fn there_is_room_for_what_a_turn_may_send() {
        let mut packets = Packets::default();
        while packets.room(1_200).is_some() {
            packets.send(way(1), 1_200, 1_200);
        }
        assert_eq!(packets.runs()[0].len, OUTBOX_LEN_MAX / 1_200 * 1_200);
        assert!(packets.clear(), "there was more");

        while packets.room(8).is_some() {
            let port = u16::try_from(packets.runs().len()).unwrap();
            packets.send(way(port), 8, 8);
        }
        assert_eq!(packets.runs().len(), OUTBOX_RUNS_MAX);
        assert!(packets.clear());
        assert!(packets.room(8).is_some());
    }

    fn way(port: u16) -> Way {
        let client = SocketAddr::from(([192, 0, 2, 9], port));
        let five_tuple = FiveTuple::new(Transport::Udp, client, "192.0.2.1:3478".parse().unwrap());
        Way { five_tuple, traffic_class: 0 }
    }
}
