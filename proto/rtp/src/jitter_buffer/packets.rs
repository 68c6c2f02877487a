use crate::payload::PacketSummary;
use moim_wire::{ExtSeqNo, RtpTimestamp};
use std::collections::BTreeMap;
use std::time::Instant;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) timestamp: RtpTimestamp,
    pub(super) marker: bool,
    pub(super) arrived: Instant,
    pub(super) payload: Vec<u8>,
    /// What the payload says of itself; nothing if it cannot be read.
    pub(super) summary: PacketSummary,
}

/// The packets that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Packets {
    map: BTreeMap<ExtSeqNo, Packet>,
    bytes: usize,
}

/// The packets at the front that have one timestamp, and so are one frame or a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) first: ExtSeqNo,
    pub(super) last: ExtSeqNo,
    pub(super) timestamp: RtpTimestamp,
    /// When the last one to come came.
    pub(super) arrived: Instant,
    /// Whether no sequence number is missing from the first to the last.
    pub(super) is_contiguous: bool,
    /// Whether the last one is the frame's last.
    pub(super) has_end: bool,
    /// Whether the first one can be the frame's first by its own account.
    pub(super) has_start: bool,
    pub(super) is_key_frame: bool,
    pub(super) is_discardable: bool,
    /// What the first one says of layers and numbers.
    pub(super) summary: PacketSummary,
    /// Whether all of it is padding.
    pub(super) is_padding: bool,
}

impl Group {
    /// Whether nothing is missing within.
    pub(super) fn is_whole(&self) -> bool {
        self.is_contiguous && self.has_end
    }
}

impl Packets {
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn contains(&self, seq: ExtSeqNo) -> bool {
        self.map.contains_key(&seq)
    }

    pub(super) fn insert(&mut self, seq: ExtSeqNo, packet: Packet) {
        self.bytes += packet.payload.len();
        self.map.insert(seq, packet);
    }

    /// The frame or part of one at the front. `is_single` if each packet is a frame.
    pub(super) fn front(&self, is_single: bool) -> Option<Group> {
        let mut packets = self.map.iter().peekable();
        let (first, packet) = packets.next()?;
        let mut group = Group {
            first: *first,
            last: *first,
            timestamp: packet.timestamp,
            arrived: packet.arrived,
            is_contiguous: true,
            has_end: is_single || packet.marker || packet.payload.is_empty(),
            has_start: packet.summary.is_frame_start,
            is_key_frame: packet.summary.is_key_frame,
            is_discardable: packet.summary.is_discardable,
            summary: packet.summary,
            is_padding: packet.payload.is_empty(),
        };
        // Padding at the front is a group of its own: whatever frame it follows is over.
        if is_single || group.is_padding {
            return Some(group);
        }
        while !group.has_end {
            let Some((seq, packet)) = packets.next() else { break };
            let is_next = seq.0 == group.last.0 + 1;
            if packet.timestamp != group.timestamp {
                group.has_end = is_next;
                break;
            }
            group.is_contiguous &= is_next;
            group.last = *seq;
            group.arrived = group.arrived.max(packet.arrived);
            group.has_end = packet.marker;
            group.is_key_frame |= packet.summary.is_key_frame;
            group.is_discardable &= packet.summary.is_discardable || packet.payload.is_empty();
        }
        Some(group)
    }

    /// When the first packet behind what is missing in a group, or right behind it, came.
    pub(super) fn gap_seen(&self, group: &Group) -> Instant {
        let mut before = group.first;
        for (seq, packet) in self.map.range(group.first..) {
            if seq.0 > before.0 + 1 {
                return packet.arrived;
            }
            if *seq > group.last {
                break;
            }
            before = *seq;
        }
        group.arrived
    }

    /// Takes the packets of a group out.
    pub(super) fn take(&mut self, group: &Group) -> impl Iterator<Item = Packet> {
        let behind = self.map.split_off(&ExtSeqNo(group.last.0 + 1));
        let taken = std::mem::replace(&mut self.map, behind);
        self.bytes -= taken.values().map(|packet| packet.payload.len()).sum::<usize>();
        taken.into_values()
    }
}
