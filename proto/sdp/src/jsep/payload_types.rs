use super::capability::Codec;
use super::codec_match::SectionCodec;
use moim_wire::{MediaKind, PayloadType};
use std::collections::{BTreeMap, BTreeSet};

/// Which payload types our codecs have. Within a bundle a number means the same in all sections (RFC 9143 §9.1), and what
/// it has meant once it means for good.
#[derive(Clone, Debug, Default)]
pub(super) struct PayloadTypes {
    /// By kind and place of the codec among our capabilities.
    assigned: BTreeMap<(MediaKind, usize), Assigned>,
    /// All numbers that anybody has used. There are 128 at most.
    taken: BTreeSet<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Assigned {
    payload_type: PayloadType,
    rtx: Option<PayloadType>,
}

impl PayloadTypes {
    /// The codec as our offers list it, or `None` if all numbers are in use.
    pub(super) fn offered(&mut self, kind: MediaKind, index: usize, codec: &Codec) -> Option<SectionCodec> {
        let known = self.assigned.get(&(kind, index)).copied();
        let payload_type = match known {
            Some(assigned) => assigned.payload_type,
            None => self.free(codec.payload_type.get())?,
        };
        let known_rtx = known.and_then(|assigned| assigned.rtx);
        self.assigned.insert((kind, index), Assigned { payload_type, rtx: known_rtx });
        self.taken.insert(payload_type.get());
        // A codec that was first negotiated without retransmission may still get a number for it.
        let rtx = match known_rtx {
            None if codec.rtx => self.free(codec.payload_type.get().wrapping_add(1)),
            rtx => rtx.filter(|_| codec.rtx),
        };
        self.taken.extend(rtx.map(PayloadType::get));
        self.assigned.insert((kind, index), Assigned { payload_type, rtx });
        Some(SectionCodec { codec: Codec { payload_type, rtx: rtx.is_some(), ..codec.clone() }, rtx })
    }

    /// Nothing may take a number that the other side has used.
    pub(super) fn reserve(&mut self, payload_types: impl Iterator<Item = PayloadType>) {
        self.taken.extend(payload_types.map(PayloadType::get));
    }

    /// The other side's offer calls a codec of ours so: that holds from now on.
    pub(super) fn adopt(
        &mut self,
        kind: MediaKind,
        index: usize,
        payload_type: PayloadType,
        rtx: Option<PayloadType>,
    ) {
        let clashes = |other: PayloadType| other == payload_type || Some(other) == rtx;
        self.assigned
            .retain(|_, assigned| !clashes(assigned.payload_type) && !assigned.rtx.is_some_and(clashes));
        self.taken.insert(payload_type.get());
        self.taken.extend(rtx.map(PayloadType::get));
        self.assigned.insert((kind, index), Assigned { payload_type, rtx });
    }

    /// The preferred number, or else one that nobody has used, or else one that we do not use.
    fn free(&self, preferred: u8) -> Option<PayloadType> {
        let is_ours = |number: u8| {
            self.assigned.values().any(|assigned| {
                assigned.payload_type.get() == number || assigned.rtx.is_some_and(|rtx| rtx.get() == number)
            })
        };
        let mut numbers = std::iter::once(preferred).chain(dynamic());
        let number = numbers
            .find(|number| !self.taken.contains(number))
            .or_else(|| dynamic().find(|number| !is_ours(*number)))?;
        PayloadType::new(number)
    }
}

/// The numbers that have no meaning of their own and are not those of RTCP packets (RFC 3551 §3, RFC 5761 §4).
fn dynamic() -> impl Iterator<Item = u8> {
    (96..=127).chain(35..=63)
}
