use crate::id::{EncodingId, SlotId, TrackId};
use moim_rtp::extension::RawRange;
use moim_rtp::payload::{PayloadError, PayloadFormat, dependency_descriptor, vp8, vp9};
use moim_rtp::{ExtensionValues, Header};
use moim_wire::{ExtSeqNo, RtpTimestamp};
use std::num::NonZeroU32;

/// A packet of a track that came in, decrypted.
#[derive(Clone, Copy, Debug)]
pub struct MediaPacket<'a> {
    /// The track it is of.
    pub track: TrackId,
    /// Which of the track's encodings, in the order of [`TrackSpec::encodings`](crate::TrackSpec::encodings).
    pub encoding: usize,
    /// Its header.
    pub header: &'a Header,
    /// Its number, without wraps.
    pub seq: ExtSeqNo,
    /// What its header extensions say. Places are in `packet`.
    pub extensions: &'a ExtensionValues,
    /// The whole packet.
    pub packet: &'a [u8],
    /// The payload, without padding. A packet with nothing but padding has an empty one.
    pub payload: &'a [u8],
}

/// Where a packet lies in a [`Forwarder`](crate::Forwarder), as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRef {
    /// In which encoding's ring.
    pub encoding: EncodingId,
    /// Its number among all that ever came there.
    pub seq: ExtSeqNo,
}

/// A packet for one subscriber: where it lies, and what is different in it. It is what queues and histories keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketCopy {
    /// Where it lies. [`None`]: it is a packet without a payload, for a number that would otherwise stay a gap: it was given to a packet that was late,
    /// and turned out not to be for this subscriber.
    pub packet: Option<PacketRef>,
    /// Its number in the subscriber's stream. A stream's first is in the second cycle, as everywhere.
    pub seq: ExtSeqNo,
    /// Its time in the subscriber's stream.
    pub timestamp: RtpTimestamp,
    /// Whether it is the last one of a picture, or the first one after silence.
    pub marker: bool,
    /// Whether decoding can begin with it.
    pub is_key_frame: bool,
    /// What is different in the payload.
    pub payload: PayloadRewrite,
    /// What is different in the dependency descriptor.
    pub descriptor: DescriptorRewrite,
}

const _: () = assert!(size_of::<PacketCopy>() <= 48, "thousands of subscribers keep a thousand each");

/// What a sink is told to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// To whom, and as part of which stream.
    pub slot: SlotId,
    /// What.
    pub copy: PacketCopy,
    /// Bytes of its payload.
    pub payload_len: u16,
    /// Whether the slot forwards another encoding or track from here on.
    pub is_switch: bool,
}

/// What a subscriber's copy has different in its payload descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadRewrite {
    /// Nothing.
    #[default]
    None,
    /// RFC 7741 §4.2.
    Vp8(vp8::Rewrite),
    /// RFC 9628 §4.2.
    Vp9(vp9::Rewrite),
}

impl PayloadRewrite {
    /// Changes a copy of the payload where it lies. Its length stays.
    pub fn apply(self, payload: &mut [u8]) -> Result<(), PayloadError> {
        match self {
            Self::None => Ok(()),
            Self::Vp8(rewrite) => vp8::rewrite(payload, rewrite),
            Self::Vp9(rewrite) => vp9::rewrite(payload, rewrite),
        }
    }
}

/// What a subscriber's copy has different in its dependency descriptor, if it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescriptorRewrite {
    /// The number of the frame.
    pub frame_number: Option<u16>,
    /// The decode targets that the subscriber gets, where that has to be said.
    pub active_decode_targets: Option<NonZeroU32>,
}

/// A packet that is still there.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// How the payload is to be understood.
    pub format: PayloadFormat,
    /// The payload as it came.
    pub payload: &'a [u8],
    /// What its header extensions say, as far as that goes beyond one connection. Places are in `raw`.
    pub extensions: &'a ExtensionValues,
    /// The bytes of long extensions.
    pub raw: &'a [u8],
    pub(crate) descriptors: &'a dependency_descriptor::Reader,
}

/// Longest bytes that long extensions of a packet have together.
pub const RAW_LEN_MAX: usize = 512;

impl<'a> Stored<'a> {
    /// The header extensions of a subscriber's copy, and the bytes that places in it refer to: those of the packet, or `scratch`.
    ///
    /// Nothing is allocated but where a descriptor has to say which decode targets are active: in the first frame after a change.
    pub fn extensions_for(
        &self,
        rewrite: DescriptorRewrite,
        scratch: &'a mut [u8; RAW_LEN_MAX],
    ) -> (ExtensionValues, &'a [u8]) {
        let mut values = *self.extensions;
        let Some(descriptor) = values.dependency_descriptor.and_then(|range| range.of(self.raw)) else {
            return (values, self.raw);
        };
        if rewrite == DescriptorRewrite::default() {
            return (values, self.raw);
        }
        let (out, behind) = scratch.split_at_mut(dependency_descriptor::LEN_MAX);
        let len = match rewrite.active_decode_targets {
            Some(active) => self.with_active_targets(descriptor, active, out),
            None => None,
        };
        let len = len.unwrap_or_else(|| {
            let len = descriptor.len().min(out.len());
            out[..len].copy_from_slice(&descriptor[..len]);
            len
        });
        if let Some(number) = rewrite.frame_number {
            // One that is too short to have a number was left out when it came.
            let _too_short = dependency_descriptor::rewrite_frame_number(&mut out[..len], number);
        }
        values.dependency_descriptor = RawRange::new(0, len);
        values.color_space = values.color_space.and_then(|range| {
            let bytes = range.of(self.raw)?;
            behind.get_mut(..bytes.len())?.copy_from_slice(bytes);
            RawRange::new(dependency_descriptor::LEN_MAX, bytes.len())
        });
        (values, scratch)
    }

    /// [`None`] if the descriptor does not fit the present structure any more: then it goes as it came.
    fn with_active_targets(&self, bytes: &[u8], active: NonZeroU32, out: &mut [u8]) -> Option<usize> {
        let mut reader = self.descriptors.clone();
        let mut descriptor = reader.read(bytes).ok()?;
        descriptor.active_decode_targets = Some(active.get());
        descriptor.write(reader.structure()?, out).ok()
    }
}
