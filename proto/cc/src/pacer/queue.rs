use super::{Full, Paced};
use crate::packet::PacketKind;
use std::collections::VecDeque;

/// Packets of audio that wait, at most. They wait for a poll only.
pub const AUDIO_PACKETS_MAX: usize = 256;
/// Retransmissions that wait, at most.
pub const RETRANSMISSION_PACKETS_MAX: usize = 1_024;
/// Packets of video that wait, at most.
pub const VIDEO_PACKETS_MAX: usize = 4_096;

/// The packets that wait, by kind. Padding that was given as a packet waits behind video.
#[derive(Debug)]
pub(super) struct Queues<P> {
    by_kind: [VecDeque<Waiting<P>>; PacketKind::ALL.len()],
    bytes: usize,
    packets: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Waiting<P> {
    packet: P,
    since: u64,
}

impl<P: Paced> Queues<P> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { by_kind: std::array::from_fn(|_| VecDeque::new()), bytes: 0, packets: 0, bytes_max }
    }

    pub(super) fn push(&mut self, packet: P, kind: PacketKind, now: u64) -> Result<(), Full<P>> {
        let size = packet.size() as usize;
        let queue = &mut self.by_kind[kind as usize];
        if queue.len() >= packets_max(kind) || self.bytes.saturating_add(size) > self.bytes_max {
            return Err(Full(packet));
        }
        queue.push_back(Waiting { packet, since: now });
        self.bytes += size;
        self.packets += 1;
        Ok(())
    }

    pub(super) fn pop_audio(&mut self) -> Option<(P, PacketKind)> {
        self.pop_kind(PacketKind::Audio)
    }

    /// What is to leave first.
    pub(super) fn pop(&mut self) -> Option<(P, PacketKind)> {
        if self.packets == 0 {
            return None;
        }
        PacketKind::ALL.into_iter().find_map(|kind| self.pop_kind(kind))
    }

    pub(super) fn has_audio(&self) -> bool {
        !self.by_kind[PacketKind::Audio as usize].is_empty()
    }

    pub(super) fn oldest_video(&self) -> Option<u64> {
        self.by_kind[PacketKind::Video as usize].front().map(|waiting| waiting.since)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn packets(&self) -> usize {
        self.packets
    }

    pub(super) fn clear(&mut self) {
        for queue in &mut self.by_kind {
            queue.clear();
        }
        self.bytes = 0;
        self.packets = 0;
    }

    fn pop_kind(&mut self, kind: PacketKind) -> Option<(P, PacketKind)> {
        let waiting = self.by_kind[kind as usize].pop_front()?;
        self.bytes -= waiting.packet.size() as usize;
        self.packets -= 1;
        Some((waiting.packet, kind))
    }
}

fn packets_max(kind: PacketKind) -> usize {
    match kind {
        PacketKind::Audio => AUDIO_PACKETS_MAX,
        PacketKind::Retransmission => RETRANSMISSION_PACKETS_MAX,
        PacketKind::Video | PacketKind::Padding => VIDEO_PACKETS_MAX,
    }
}
