//! Where the payloads of connections lie: in the forwarder.

use crate::section::Sections;
use moim_peer::sdp::jsep::TransceiverId;
use moim_peer::{PayloadKey, Payloads, SharedPayload};
use moim_rtp::payload::{vp8, vp9};
use moim_sfu::{EncodingId, Forwarder, PacketRef, PayloadRewrite, SlotId, SubscriberId};
use moim_wire::{NtpTime, RtpTimestamp};

/// The forwarder, as a connection sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf<'a> {
    pub(crate) forwarder: &'a Forwarder,
    pub(crate) sections: &'a Sections,
    pub(crate) subscriber: Option<SubscriberId>,
}

impl Payloads for Shelf<'_> {
    fn write(&self, payload: &SharedPayload, out: &mut [u8]) -> bool {
        let Some((packet, rewrite)) = unpack(payload) else { return false };
        let Some(stored) = self.forwarder.payload(packet) else { return false };
        if stored.payload.len() != out.len() {
            return false;
        }
        out.copy_from_slice(stored.payload);
        rewrite.apply(out).is_ok()
    }

    fn clock(&self, transceiver: TransceiverId, _: usize) -> Option<(NtpTime, RtpTimestamp)> {
        let index = self.sections.slot_of(transceiver)?;
        self.forwarder.sender_report(SlotId { subscriber: self.subscriber?, index })
    }
}

/// How a connection keeps a packet of the forwarder's: the encoding's place is the stream, and which encoding that is goes above the rewrite.
pub(crate) fn pack(packet: PacketRef, rewrite: PayloadRewrite, len: u16) -> SharedPayload {
    let encoding = packet.encoding.to_bits();
    let [place, generation] = [encoding & LOWER, encoding & !LOWER];
    let stream = u32::try_from(place).unwrap_or_default();
    let key = PayloadKey { stream, seq: packet.seq };
    SharedPayload { key, len, rewrite: generation | u64::from(pack_rewrite(rewrite)) }
}

fn unpack(payload: &SharedPayload) -> Option<(PacketRef, PayloadRewrite)> {
    let bits = payload.rewrite & !LOWER | u64::from(payload.key.stream);
    let encoding = EncodingId::from_bits(bits)?;
    let rewrite = unpack_rewrite(u32::try_from(payload.rewrite & LOWER).ok()?);
    Some((PacketRef { encoding, seq: payload.key.seq }, rewrite))
}

const LOWER: u64 = u32::MAX as u64;

// What is rewritten, in 32 bits: each number with a bit above it that says that it is there. Picture ids have 15 bits and indices of key frames 5,
// on the wire as well.
const PICTURE_ID: Field = Field { at: 0, bits: 15 };
const TL0_PICTURE_INDEX: Field = Field { at: 16, bits: 8 };
const KEY_INDEX: Field = Field { at: 25, bits: 5 };
const IS_VP9: u32 = 1 << 31;

/// A number that may be there.
#[derive(Clone, Copy)]
struct Field {
    at: u32,
    bits: u32,
}

impl Field {
    fn pack(self, value: Option<u32>) -> u32 {
        value.map_or(0, |value| (1 << self.bits | value & ((1 << self.bits) - 1)) << self.at)
    }

    fn unpack(self, packed: u32) -> Option<u32> {
        let value = packed >> self.at;
        (value >> self.bits & 1 == 1).then_some(value & ((1 << self.bits) - 1))
    }
}

fn pack_rewrite(rewrite: PayloadRewrite) -> u32 {
    match rewrite {
        PayloadRewrite::None => 0,
        PayloadRewrite::Vp8(vp8::Rewrite { picture_id, tl0_picture_index, key_index }) => {
            PICTURE_ID.pack(picture_id.map(u32::from))
                | TL0_PICTURE_INDEX.pack(tl0_picture_index.map(u32::from))
                | KEY_INDEX.pack(key_index.map(u32::from))
        }
        PayloadRewrite::Vp9(vp9::Rewrite { picture_id, tl0_picture_index }) => {
            PICTURE_ID.pack(picture_id.map(u32::from))
                | TL0_PICTURE_INDEX.pack(tl0_picture_index.map(u32::from))
                | IS_VP9
        }
    }
}

fn unpack_rewrite(packed: u32) -> PayloadRewrite {
    let picture_id = PICTURE_ID.unpack(packed).and_then(|value| u16::try_from(value).ok());
    let tl0_picture_index = TL0_PICTURE_INDEX.unpack(packed).and_then(|value| u8::try_from(value).ok());
    let key_index = KEY_INDEX.unpack(packed).and_then(|value| u8::try_from(value).ok());
    if packed & IS_VP9 != 0 {
        return PayloadRewrite::Vp9(vp9::Rewrite { picture_id, tl0_picture_index });
    }
    // Where nothing is different, it does not matter in what.
    if packed == 0 {
        return PayloadRewrite::None;
    }
    PayloadRewrite::Vp8(vp8::Rewrite { picture_id, tl0_picture_index, key_index })
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_wire::ExtSeqNo;

    #[test]
    fn what_is_packed_is_what_is_unpacked() {
        let rewrites = [
            PayloadRewrite::None,
            PayloadRewrite::Vp8(vp8::Rewrite {
                picture_id: Some(0x7FFF),
                tl0_picture_index: None,
                key_index: None,
            }),
            PayloadRewrite::Vp8(vp8::Rewrite {
                picture_id: Some(0),
                tl0_picture_index: Some(0),
                key_index: Some(31),
            }),
            PayloadRewrite::Vp8(vp8::Rewrite {
                picture_id: None,
                tl0_picture_index: Some(255),
                key_index: None,
            }),
            PayloadRewrite::Vp9(vp9::Rewrite { picture_id: None, tl0_picture_index: None }),
            PayloadRewrite::Vp9(vp9::Rewrite { picture_id: Some(77), tl0_picture_index: Some(3) }),
        ];
        for bits in [1 << 32, u64::MAX, 5 << 32 | 7] {
            let encoding = EncodingId::from_bits(bits).unwrap();
            for rewrite in rewrites {
                let packet = PacketRef { encoding, seq: ExtSeqNo(1 << 40 | 9) };
                assert_eq!(unpack(&pack(packet, rewrite, 1_200)), Some((packet, rewrite)));
            }
        }
    }
}
