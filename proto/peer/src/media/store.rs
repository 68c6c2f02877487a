//! Where packets lie from the moment they are given to be sent until nobody can ask for them again.

use moim_rtp::{ExtensionMap, ExtensionValues, HeaderLayout, OutgoingHeader, write_header};
use moim_wire::{ExtSeqNo, PayloadType, RtpTimestamp, SeqNo, Ssrc};
use std::time::Instant;

/// The longest RTP packet that is sent, in bytes, before protection: with everything around it, it passes through Ethernet.
pub const PACKET_LEN_MAX: usize = 1_400;

/// A place in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// A packet with its header, not protected.
pub(super) struct StoredPacket {
    bytes: Box<[u8; PACKET_LEN_MAX]>,
    pub(super) len: u16,
    pub(super) layout: HeaderLayout,
    pub(super) seq: ExtSeqNo,
    /// When it was sent last. [`None`]: it waits for that.
    pub(super) sent: Option<Instant>,
    /// It was asked for again, and waits for that.
    pub(super) is_waiting_again: bool,
    /// How often it was asked for again.
    pub(super) resends: u8,
    /// Who still needs it: a queue, a history, or both.
    references: u8,
}

impl StoredPacket {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; PACKET_LEN_MAX] {
        &mut self.bytes
    }

    pub(super) fn ssrc(&self) -> Ssrc {
        let [.., first, second, third, fourth] = *self.bytes.first_chunk::<12>().unwrap_or(&[0; 12]);
        Ssrc(u32::from_be_bytes([first, second, third, fourth]))
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.layout.header_len..usize::from(self.len)]
    }
}

/// The packets of a connection. Room that was used once is used again; nothing is allocated for a packet then.
pub(super) struct PacketStore {
    packets: Vec<StoredPacket>,
    free: Vec<u32>,
    packets_max: usize,
    blank: HeaderLayout,
}

impl PacketStore {
    pub(super) fn new(packets_max: usize) -> Self {
        Self { packets: Vec::new(), free: Vec::new(), packets_max, blank: blank_layout() }
    }

    /// Room for a packet, which one part needs to begin with. [`None`]: there is none.
    pub(super) fn take(&mut self) -> Option<Slot> {
        if let Some(index) = self.free.pop() {
            let packet = &mut self.packets[index as usize];
            (packet.references, packet.sent) = (1, None);
            (packet.is_waiting_again, packet.resends) = (false, 0);
            return Some(Slot(index));
        }
        if self.packets.len() >= self.packets_max {
            return None;
        }
        let index = u32::try_from(self.packets.len()).ok()?;
        self.packets.push(StoredPacket {
            bytes: Box::new([0; PACKET_LEN_MAX]),
            len: 0,
            layout: self.blank,
            seq: ExtSeqNo(0),
            sent: None,
            is_waiting_again: false,
            resends: 0,
            references: 1,
        });
        // As many places as packets: giving one back never allocates.
        self.free.reserve(self.packets.len());
        Some(Slot(index))
    }

    pub(super) fn get(&self, slot: Slot) -> &StoredPacket {
        &self.packets[slot.0 as usize]
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut StoredPacket {
        &mut self.packets[slot.0 as usize]
    }

    /// One more part needs the packet.
    pub(super) fn keep(&mut self, slot: Slot) {
        self.packets[slot.0 as usize].references += 1;
    }

    /// One part does not need it any more.
    pub(super) fn release(&mut self, slot: Slot) {
        let packet = &mut self.packets[slot.0 as usize];
        debug_assert!(packet.references > 0, "what is released was kept");
        packet.references = packet.references.saturating_sub(1);
        if packet.references == 0 {
            self.free.push(slot.0);
        }
    }

    /// Packets that somebody needs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len() - self.free.len()
    }
}

/// The layout of a header that has nothing to be filled in later.
fn blank_layout() -> HeaderLayout {
    let header = OutgoingHeader {
        marker: false,
        payload_type: PayloadType::new(0).expect("0 has seven bits"),
        seq: SeqNo(0),
        timestamp: RtpTimestamp(0),
        ssrc: Ssrc(0),
        csrcs: &[],
        has_padding: false,
    };
    write_header(&mut [0; 16], &header, &ExtensionMap::new(), &ExtensionValues::default(), &[])
        .expect("a header without extensions has twelve bytes, and its writer looks ahead by four")
}
