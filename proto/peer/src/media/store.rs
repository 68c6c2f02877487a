//! Where packets lie from the moment they are given to be sent until nobody can ask for them again.

use super::outgoing::{Payloads, SharedPayload};
use moim_rtp::{ExtensionMap, ExtensionValues, HeaderLayout, OutgoingHeader, write_header};
use moim_wire::{ExtSeqNo, PayloadType, RtpTimestamp, SeqNo, Ssrc};
use std::time::Instant;

/// The longest RTP packet that is sent, in bytes, before protection: with everything around it, it passes through Ethernet.
pub const PACKET_LEN_MAX: usize = 1_400;

/// Room for a header whose payload lies elsewhere, in bytes. A longer one takes the room of a whole packet.
const HEADER_ROOM: usize = 128;

/// A place in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// How much of a packet there is to be room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// All of it.
    Packet,
    /// The header alone, of the usual length.
    Header,
}

impl Room {
    fn other(self) -> Self {
        match self {
            Self::Packet => Self::Header,
            Self::Header => Self::Packet,
        }
    }

    fn allocate(self) -> Box<[u8]> {
        let len = match self {
            Self::Packet => PACKET_LEN_MAX,
            Self::Header => HEADER_ROOM,
        };
        vec![0; len].into_boxed_slice()
    }
}

/// Where the payload of a packet lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Behind the header.
    Copied,
    /// Elsewhere.
    Shared(SharedPayload),
    /// Nowhere any more.
    Gone,
}

/// A packet with its header, not protected.
pub(super) struct StoredPacket {
    /// The header, and the payload if that was copied.
    bytes: Box<[u8]>,
    room: Room,
    pub(super) body: Body,
    /// Of the whole packet, wherever its payload lies.
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
    pub(super) fn room_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.bytes[..self.layout.header_len]
    }

    pub(super) fn ssrc(&self) -> Ssrc {
        let [.., first, second, third, fourth] = *self.bytes.first_chunk::<12>().unwrap_or(&[0; 12]);
        Ssrc(u32::from_be_bytes([first, second, third, fourth]))
    }

    pub(super) fn payload_len(&self) -> usize {
        usize::from(self.len) - self.layout.header_len
    }

    /// Where the payload is copied to.
    pub(super) fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.layout.header_len..usize::from(self.len)]
    }

    /// What of the packet lies here: the header, and the payload if that was copied.
    pub(super) fn kept_mut(&mut self) -> &mut [u8] {
        let len = if self.body == Body::Copied { usize::from(self.len) } else { self.layout.header_len };
        &mut self.bytes[..len]
    }

    /// Writes the payload to `out`, which is as long, unless it [is kept here](Self::kept_mut). [`None`]: it is gone.
    pub(super) fn fetch(&mut self, source: &dyn Payloads, out: &mut [u8]) -> Option<()> {
        match &self.body {
            Body::Copied => return Some(()),
            Body::Shared(shared) if source.write(shared, out) => return Some(()),
            Body::Shared(_) | Body::Gone => {}
        }
        self.body = Body::Gone;
        None
    }

    /// Writes the payload to `out`, which is as long, wherever it lies. [`None`]: it is gone.
    pub(super) fn write_payload(&mut self, source: &dyn Payloads, out: &mut [u8]) -> Option<()> {
        self.fetch(source, out)?;
        if self.body == Body::Copied {
            out.copy_from_slice(self.payload_mut());
        }
        Some(())
    }
}

/// The packets of a connection. Room that was used once is used again; nothing is allocated for a packet then.
pub(super) struct PacketStore {
    packets: Vec<StoredPacket>,
    /// By [`Room`].
    free: [Vec<u32>; 2],
    packets_max: usize,
    blank: HeaderLayout,
}

impl PacketStore {
    pub(super) fn new(packets_max: usize) -> Self {
        Self { packets: Vec::new(), free: [Vec::new(), Vec::new()], packets_max, blank: blank_layout() }
    }

    /// Room for a packet, which one part needs to begin with. [`None`]: there is none.
    pub(super) fn take(&mut self, room: Room) -> Option<Slot> {
        let index = match self.free[room as usize].pop() {
            Some(index) => index,
            None if self.packets.len() < self.packets_max => self.add(room)?,
            // As many as there may be: one of the others becomes one of these.
            None => {
                let index = self.free[room.other() as usize].pop()?;
                let packet = &mut self.packets[index as usize];
                (packet.bytes, packet.room) = (room.allocate(), room);
                index
            }
        };
        let packet = &mut self.packets[index as usize];
        (packet.references, packet.sent) = (1, None);
        (packet.is_waiting_again, packet.resends) = (false, 0);
        Some(Slot(index))
    }

    fn add(&mut self, room: Room) -> Option<u32> {
        let index = u32::try_from(self.packets.len()).ok()?;
        self.packets.push(StoredPacket {
            bytes: room.allocate(),
            room,
            body: Body::Copied,
            len: 0,
            layout: self.blank,
            seq: ExtSeqNo(0),
            sent: None,
            is_waiting_again: false,
            resends: 0,
            references: 0,
        });
        // As many places as packets: giving one back never allocates.
        for free in &mut self.free {
            free.reserve(self.packets.len());
        }
        Some(index)
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
            self.free[packet.room as usize].push(slot.0);
        }
    }

    /// Packets that somebody needs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len() - self.free.iter().map(Vec::len).sum::<usize>()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_packets_of_either_kind() {
        let mut store = PacketStore::new(8);
        for room in [Room::Header, Room::Packet, Room::Header] {
            for taken in [8, 3] {
                let slots: Vec<_> = (0..taken).map(|_| store.take(room).unwrap()).collect();
                assert_eq!(store.len(), taken);
                for slot in slots {
                    assert_eq!(store.get_mut(slot).room_mut().len(), room.allocate().len());
                    store.release(slot);
                }
            }
        }
        let slots: Vec<_> = (0..8).map(|_| store.take(Room::Packet).unwrap()).collect();
        assert!(store.take(Room::Header).is_none() && store.take(Room::Packet).is_none());
        assert_eq!(slots.len(), store.len());
    }
}
