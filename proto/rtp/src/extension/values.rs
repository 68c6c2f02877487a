use super::{
    AbsCaptureTime, AbsSendTime, AudioLevel, Element, ExtensionKind, ExtensionMap, Extensions, PlayoutDelay,
    TransmissionOffset, VideoOrientation, VideoTiming,
};
use moim_wire::{Mid, Rid, SeqNo};
use std::ops::Range;

/// What the header extensions of a packet say: small ones as values, long ones as places in a buffer.
///
/// The buffer is the packet that was read, or, for a packet to be written, one that is given along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionValues {
    /// [`ExtensionKind::Mid`].
    pub mid: Option<Mid>,
    /// [`ExtensionKind::Rid`].
    pub rid: Option<Rid>,
    /// [`ExtensionKind::RepairedRid`].
    pub repaired_rid: Option<Rid>,
    /// [`ExtensionKind::TransportSequenceNumber`], or the second version of it.
    pub transport_sequence: Option<TransportSequence>,
    /// [`ExtensionKind::AbsSendTime`].
    pub abs_send_time: Option<AbsSendTime>,
    /// [`ExtensionKind::AudioLevel`].
    pub audio_level: Option<AudioLevel>,
    /// [`ExtensionKind::AbsCaptureTime`].
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// [`ExtensionKind::PlayoutDelay`].
    pub playout_delay: Option<PlayoutDelay>,
    /// [`ExtensionKind::VideoOrientation`].
    pub video_orientation: Option<VideoOrientation>,
    /// [`ExtensionKind::VideoContentType`]: 0 is anything, 1 is a screen.
    pub video_content_type: Option<u8>,
    /// [`ExtensionKind::VideoTiming`].
    pub video_timing: Option<VideoTiming>,
    /// [`ExtensionKind::TransmissionTimeOffset`].
    pub transmission_offset: Option<TransmissionOffset>,
    /// [`ExtensionKind::ColorSpace`], not looked into.
    pub color_space: Option<RawRange>,
    /// [`ExtensionKind::DependencyDescriptor`], not looked into.
    pub dependency_descriptor: Option<RawRange>,
    /// [`ExtensionKind::VideoLayersAllocation`], for [`super::VideoLayersAllocation::parse`].
    pub layers_allocation: Option<RawRange>,
}

/// The number of a packet among all that a transport carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportSequence {
    /// The number.
    pub seq: SeqNo,
    /// What the sender asks of the receiver, if this is the second version of the extension.
    pub feedback_request: Option<FeedbackRequest>,
}

/// A sender that decides when there is feedback asks for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackRequest {
    /// Whether the feedback shall say when packets arrived, not only that they did.
    pub with_times: bool,
    /// How many packets it shall cover, up to this one: 15 bits. 0 asks for nothing.
    pub packet_count: u16,
}

/// A place in a buffer of at most 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRange {
    start: u16,
    len: u16,
}

impl RawRange {
    /// The place from `start` on that has `len` bytes. [`None`] if it does not lie in the first 64 KiB.
    pub fn new(start: usize, len: usize) -> Option<Self> {
        Some(Self { start: u16::try_from(start).ok()?, len: u16::try_from(len).ok()? })
    }

    /// The bytes there, if `buffer` has them.
    pub fn of(self, buffer: &[u8]) -> Option<&[u8]> {
        buffer.get(self.range())
    }

    /// As a range.
    pub fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.len)
    }
}

impl ExtensionMap {
    /// Reads what the extensions of a packet say. What has no number here, or a length that its kind cannot have, is skipped.
    pub fn read(&self, extensions: Extensions<'_>) -> ExtensionValues {
        let mut values = ExtensionValues::default();
        for element in extensions {
            if let Some(kind) = self.kind(element.id) {
                values.take(kind, &element);
            }
        }
        values
    }
}

impl ExtensionValues {
    fn take(&mut self, kind: ExtensionKind, element: &Element<'_>) {
        let data = element.data;
        match kind {
            ExtensionKind::Mid => self.mid = Mid::from_bytes(data).ok(),
            ExtensionKind::Rid => self.rid = Rid::from_bytes(data).ok(),
            ExtensionKind::RepairedRid => self.repaired_rid = Rid::from_bytes(data).ok(),
            ExtensionKind::TransportSequenceNumber | ExtensionKind::TransportSequenceNumberV2 => {
                self.transport_sequence = TransportSequence::read(data);
            }
            ExtensionKind::AbsSendTime => {
                if let [first, second, third] = *data {
                    let bits = u32::from_be_bytes([0, first, second, third]);
                    self.abs_send_time = Some(AbsSendTime::from_bits(bits));
                }
            }
            // In the two-byte form, RFC 6464 §3 allows a byte of padding.
            ExtensionKind::AudioLevel => {
                self.audio_level = data.first().map(|byte| AudioLevel::from_byte(*byte));
            }
            ExtensionKind::AbsCaptureTime => {
                self.abs_capture_time = AbsCaptureTime::read(data);
            }
            ExtensionKind::PlayoutDelay => {
                self.playout_delay = data.try_into().ok().map(PlayoutDelay::from_bytes);
            }
            ExtensionKind::VideoOrientation => {
                self.video_orientation = data.first().map(|byte| VideoOrientation::from_byte(*byte));
            }
            ExtensionKind::VideoContentType => self.video_content_type = data.first().copied(),
            ExtensionKind::VideoTiming => self.video_timing = VideoTiming::read(data),
            ExtensionKind::ColorSpace => self.color_space = element.range(),
            ExtensionKind::DependencyDescriptor => self.dependency_descriptor = element.range(),
            ExtensionKind::VideoLayersAllocation => self.layers_allocation = element.range(),
            ExtensionKind::TransmissionTimeOffset => {
                self.transmission_offset = data.try_into().ok().map(TransmissionOffset::from_bytes);
            }
        }
    }

    /// Whether there are long ones.
    pub(crate) fn has_raw(&self) -> bool {
        self.color_space.is_some() || self.dependency_descriptor.is_some() || self.layers_allocation.is_some()
    }

    /// Hands `write` each value there is, with its kind; `raw` is the buffer that long ones lie in. Stops when `write` says so.
    pub(crate) fn try_for_each<E>(
        &self,
        raw: &[u8],
        mut write: impl FnMut(ExtensionKind, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(mid) = &self.mid {
            write(ExtensionKind::Mid, mid.as_bytes())?;
        }
        if let Some(rid) = &self.rid {
            write(ExtensionKind::Rid, rid.as_bytes())?;
        }
        if let Some(rid) = &self.repaired_rid {
            write(ExtensionKind::RepairedRid, rid.as_bytes())?;
        }
        if let Some(sequence) = self.transport_sequence {
            write(ExtensionKind::TransportSequenceNumberV2, sequence.write_v2(&mut [0; 4]))?;
            write(ExtensionKind::TransportSequenceNumber, &sequence.seq.0.to_be_bytes())?;
        }
        if let Some(time) = self.abs_send_time {
            write(ExtensionKind::AbsSendTime, &time.bits().to_be_bytes()[1..])?;
        }
        if let Some(level) = self.audio_level {
            write(ExtensionKind::AudioLevel, &[level.to_byte()])?;
        }
        if let Some(time) = self.abs_capture_time {
            write(ExtensionKind::AbsCaptureTime, time.write(&mut [0; 16]))?;
        }
        if let Some(delay) = self.playout_delay {
            write(ExtensionKind::PlayoutDelay, &delay.to_bytes())?;
        }
        if let Some(orientation) = self.video_orientation {
            write(ExtensionKind::VideoOrientation, &[orientation.to_byte()])?;
        }
        if let Some(content) = self.video_content_type {
            write(ExtensionKind::VideoContentType, &[content])?;
        }
        if let Some(timing) = self.video_timing {
            write(ExtensionKind::VideoTiming, &timing.to_bytes())?;
        }
        if let Some(offset) = self.transmission_offset {
            write(ExtensionKind::TransmissionTimeOffset, &offset.to_bytes())?;
        }
        let long = [
            (ExtensionKind::ColorSpace, self.color_space),
            (ExtensionKind::DependencyDescriptor, self.dependency_descriptor),
            (ExtensionKind::VideoLayersAllocation, self.layers_allocation),
        ];
        for (kind, range) in long {
            if let Some(data) = range.and_then(|range| range.of(raw)) {
                write(kind, data)?;
            }
        }
        Ok(())
    }
}

impl TransportSequence {
    /// A number with no request.
    pub fn new(seq: SeqNo) -> Self {
        Self { seq, feedback_request: None }
    }

    fn read(data: &[u8]) -> Option<Self> {
        let request = match *data {
            [_, _] => None,
            [_, _, first, second] => {
                let bits = u16::from_be_bytes([first, second]);
                let request = FeedbackRequest { with_times: bits >> 15 != 0, packet_count: bits & 0x7FFF };
                (request.packet_count != 0).then_some(request)
            }
            _ => return None,
        };
        Some(Self { seq: SeqNo(u16::from_be_bytes([data[0], data[1]])), feedback_request: request })
    }

    fn write_v2(self, out: &mut [u8; 4]) -> &[u8] {
        out[..2].copy_from_slice(&self.seq.0.to_be_bytes());
        match self.feedback_request {
            Some(request) => {
                let bits = (u16::from(request.with_times) << 15) | request.packet_count.min(0x7FFF);
                out[2..].copy_from_slice(&bits.to_be_bytes());
                out
            }
            None => &out[..2],
        }
    }
}

impl Element<'_> {
    fn range(&self) -> Option<RawRange> {
        RawRange::new(self.offset, self.data.len())
    }
}
