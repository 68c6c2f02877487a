//! Payloads as encoders and packetizers make them, as far as a forwarder looks at them.

use moim_rtp::payload::{PayloadFormat, PictureId, h264, h265, vp8, vp9};
use moim_wire::Writer;

/// How a publisher encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The payload format.
    pub format: PayloadFormat,
    /// Spatial layers within one stream: 1 to 3.
    pub spatial: u8,
    /// Temporal layers: 1 to 3.
    pub temporal: u8,
    /// Whether spatial layers refer to those below in key frames only (K-SVC).
    pub is_key_svc: bool,
    /// Of VP9: whether frames say what they refer to.
    pub is_flexible: bool,
    /// Whether packets have a dependency descriptor.
    pub has_descriptor: bool,
    /// Of VP8: eight pictures in a round, in which few can be switched up at.
    pub is_deep: bool,
    /// Of H.264: parameter sets in packets of their own.
    pub has_lone_parameters: bool,
}

impl Codec {
    /// Sound.
    pub const OPUS: Self = Self::plain(PayloadFormat::Opus);

    /// One layer of this.
    pub const fn plain(format: PayloadFormat) -> Self {
        Self {
            format,
            spatial: 1,
            temporal: 1,
            is_key_svc: false,
            is_flexible: false,
            has_descriptor: false,
            is_deep: false,
            has_lone_parameters: false,
        }
    }

    /// The temporal layers of pictures, over and over.
    pub(super) fn pattern(self) -> &'static [u8] {
        match (self.temporal, self.is_deep) {
            (1, _) => &[0],
            (2, _) => &[0, 1],
            (_, true) => &[0, 2, 1, 2, 0, 2, 1, 2],
            (_, false) => &[0, 2, 1, 2],
        }
    }
}

/// One packet's part in its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) picture: u64,
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    /// Whether the picture needs no other.
    pub(super) is_key: bool,
    /// Whether the frame refers to other pictures.
    pub(super) is_inter: bool,
    /// Whether it refers to the spatial layer below.
    pub(super) is_inter_layer: bool,
    /// Whether a receiver can step up to its temporal layer here: it refers to the lowest one only.
    pub(super) is_sync: bool,
    /// Which packet of the frame, and of how many.
    pub(super) number: usize,
    pub(super) count: usize,
    /// How many pictures back it refers to.
    pub(super) back: Vec<u64>,
    pub(super) tl0: u8,
    /// The highest spatial layer that is sent.
    pub(super) top: u8,
}

impl Part {
    pub(super) fn is_first(&self) -> bool {
        self.number == 0
    }

    pub(super) fn is_last(&self) -> bool {
        self.number + 1 == self.count
    }
}

/// The beginning of a payload of `len` bytes: everything that anybody reads.
pub(super) fn beginning(codec: Codec, part: &Part, len: usize) -> Vec<u8> {
    match codec.format {
        PayloadFormat::Vp8 => vp8(codec, part),
        PayloadFormat::Vp9 => vp9(codec, part),
        PayloadFormat::H264 => h264(codec, part, len),
        PayloadFormat::H265 => h265(part),
        PayloadFormat::Av1 => av1(part),
        PayloadFormat::Opus => vec![0x78],
    }
}

fn picture_id(part: &Part) -> PictureId {
    PictureId::Long(u16::try_from(part.picture & 0x7FFF).unwrap_or(0))
}

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), moim_wire::OutOfSpace>) -> Vec<u8> {
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer).expect("descriptors are short");
    writer.into_written().to_vec()
}

fn vp8(codec: Codec, part: &Part) -> Vec<u8> {
    let has_layers = codec.temporal > 1;
    let fields = vp8::Descriptor {
        is_partition_start: part.is_first(),
        picture_id: Some(picture_id(part)),
        tl0_picture_index: has_layers.then_some(part.tl0),
        temporal: has_layers.then_some(vp8::TemporalLayer { id: part.temporal, is_sync: part.is_sync }),
        ..vp8::Descriptor::default()
    };
    let mut payload = written(|writer| fields.write(writer));
    if part.is_first() && part.is_key {
        // RFC 6386 §9.1: a key frame, its start code, 640 × 360.
        payload.extend_from_slice(&[0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01]);
    } else {
        payload.push(1);
    }
    payload
}

fn vp9(codec: Codec, part: &Part) -> Vec<u8> {
    let has_layers = codec.temporal > 1 || codec.spatial > 1;
    let mut references = [0; vp9::REFERENCES_MAX];
    for (to, back) in references.iter_mut().zip(&part.back) {
        *to = u8::try_from(*back).unwrap_or(127);
    }
    let fields = vp9::Descriptor {
        picture_id: Some(picture_id(part)),
        is_inter_predicted: part.is_inter,
        layer: has_layers.then_some(vp9::Layer {
            temporal_id: part.temporal,
            // What comes behind refers to nothing above this layer from before it.
            is_switching_point: part.temporal < 2,
            spatial_id: part.spatial,
            is_inter_layer_predicted: part.is_inter_layer,
        }),
        tl0_picture_index: (has_layers && !codec.is_flexible).then_some(part.tl0),
        is_flexible: codec.is_flexible,
        references: if codec.is_flexible { references } else { [0; vp9::REFERENCES_MAX] },
        is_frame_start: part.is_first(),
        is_frame_end: part.is_last(),
        is_not_for_upper_layers: part.spatial == part.top || (codec.is_key_svc && !part.is_key),
        ..vp9::Descriptor::default()
    };
    written(|writer| fields.write(writer))
}

/// Parameter sets, then fragments of a slice (RFC 6184 §5.8).
fn h264(codec: Codec, part: &Part, len: usize) -> Vec<u8> {
    const SPS: [u8; 6] = [0x67, 0x42, 0xC0, 0x1F, 0xDA, 0x01];
    let parameters = if !part.is_key {
        0
    } else if codec.has_lone_parameters {
        2
    } else {
        1
    };
    match (part.number, parameters) {
        (0, 2) => SPS.to_vec(),
        (1, 2) => vec![0x68, 0xCE, 0x3C, 0x80],
        (0, 1) => {
            let mut payload = vec![0x60 | h264::unit_type::STAP_A, 0, 6];
            payload.extend_from_slice(&SPS);
            // The second unit is the rest of the packet.
            let rest = u16::try_from(len - payload.len() - 2).unwrap_or(u16::MAX);
            payload.extend_from_slice(&rest.to_be_bytes());
            payload.push(0x68);
            payload
        }
        (number, _) => {
            let unit = if part.is_key { h264::unit_type::IDR } else { h264::unit_type::SLICE };
            let is_start = number == parameters;
            vec![
                0x60 | h264::unit_type::FU_A,
                (u8::from(is_start) << 7) | (u8::from(part.is_last() && !is_start) << 6) | unit,
                0x88,
            ]
        }
    }
}

/// Fragments of slices (RFC 7798 §4.4.3): of IDR pictures, of those at which temporal layers can be switched up (TSA), and of others.
fn h265(part: &Part) -> Vec<u8> {
    const IDR: u8 = 19;
    const TSA: u8 = 3;
    const TRAIL: u8 = 1;
    let temporal = part.temporal + 1;
    if part.is_key && part.is_first() {
        return vec![h265::unit_type::VPS << 1, temporal, 0x01, 0x60];
    }
    let unit = if part.is_key {
        IDR
    } else if part.temporal > 0 && part.is_sync {
        TSA
    } else {
        TRAIL
    };
    let is_start = part.number == usize::from(part.is_key);
    vec![
        h265::unit_type::FRAGMENT << 1,
        temporal,
        (u8::from(is_start) << 7) | (u8::from(part.is_last() && !is_start) << 6) | unit,
        0x88,
    ]
}

/// An aggregation header, and an OBU: a sequence header first in key frames.
fn av1(part: &Part) -> Vec<u8> {
    let begins_sequence = part.is_key && part.is_first() && part.spatial == 0;
    let header = 0x10 | (u8::from(!part.is_first()) << 7) | (u8::from(begins_sequence) << 3);
    let obu = if begins_sequence { 0x08 } else { 0x30 };
    vec![header, obu]
}
