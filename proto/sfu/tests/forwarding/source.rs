//! Publishers: streams of packets of which it is known what they depend on.

use moim_rtp::extension::ExtensionKind;
use moim_rtp::payload::dependency_descriptor::{
    self as descriptor, DecodeTargetIndication, DependencyDescriptor, List, MandatoryFields, Template,
    TemplateStructure,
};
use moim_rtp::payload::{PayloadFormat, PictureId, h264, vp8, vp9};
use moim_rtp::{ExtensionMap, ExtensionValues, OutgoingHeader, write_header};
use moim_wire::{ExtSeqNo, PayloadType, RtpTimestamp, Ssrc, Writer};

/// Temporal layers of pictures, over and over.
const PATTERN: [u8; 4] = [0, 2, 1, 2];

/// A packet on its way to the forwarder.
#[derive(Clone, Debug)]
pub(crate) struct SourcePacket {
    pub(crate) encoding: usize,
    pub(crate) seq: ExtSeqNo,
    pub(crate) format: PayloadFormat,
    pub(crate) bytes: Vec<u8>,
    pub(crate) truth: Truth,
}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) frame: FrameId,
    pub(crate) is_key: bool,
    pub(crate) temporal: u8,
    /// Which packet of the frame, and of how many.
    pub(crate) part: (usize, usize),
    pub(crate) references: Vec<FrameId>,
}

/// One spatial layer of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameId {
    pub(crate) picture: u64,
    pub(crate) spatial: u8,
}

/// One encoding of a publisher.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) format: PayloadFormat,
    pub(crate) encoding: usize,
    spatial_layers: u8,
    payload_len: usize,
    packets: usize,
    seq: ExtSeqNo,
    timestamp: RtpTimestamp,
    picture: u64,
    since_key: usize,
    tl0: u8,
    last_t0: u64,
    last_t1: u64,
}

impl Source {
    /// An encoding whose numbers soon wrap. `packets` is how many a frame has.
    pub(crate) fn new(format: PayloadFormat, encoding: usize, packets: usize) -> Self {
        let at = u16::try_from(encoding).unwrap();
        Self {
            format,
            encoding,
            spatial_layers: if format == PayloadFormat::Vp9 { 2 } else { 1 },
            payload_len: 400,
            packets,
            seq: ExtSeqNo((1 << 16) | u64::from(65_400 + at * 20)),
            timestamp: RtpTimestamp(u32::MAX - 100_000 - u32::from(at) * 7_777),
            picture: 0x7FFF - 40 - u64::from(at) * 5,
            since_key: 0,
            tl0: 250,
            last_t0: 0,
            last_t1: 0,
        }
    }

    pub(crate) fn timestamp(&self) -> RtpTimestamp {
        self.timestamp
    }

    /// The packets of the next picture, 33 ms after the one before.
    pub(crate) fn picture(&mut self, is_key: bool) -> Vec<SourcePacket> {
        self.timestamp = self.timestamp.advanced(3_000);
        self.picture += 1;
        self.since_key = if is_key { 0 } else { self.since_key + 1 };
        let temporal = if self.has_temporal() { PATTERN[self.since_key % 4] } else { 0 };
        let back_to = match (self.since_key % 4, temporal) {
            (3, 2) => self.last_t1,
            _ => self.last_t0,
        };
        match temporal {
            0 => (self.last_t0, self.tl0) = (self.picture, self.tl0.wrapping_add(1)),
            1 => self.last_t1 = self.picture,
            _ => {}
        }
        let mut packets = Vec::new();
        for spatial in 0..self.spatial_layers {
            let mut references = Vec::new();
            if !is_key {
                references.push(FrameId { picture: back_to, spatial });
            }
            if spatial > 0 {
                references.push(FrameId { picture: self.picture, spatial: spatial - 1 });
            }
            for part in 0..self.packets {
                let truth = Truth {
                    frame: FrameId { picture: self.picture, spatial },
                    is_key,
                    temporal,
                    part: (part, self.packets),
                    references: references.clone(),
                };
                packets.push(self.packet(truth));
            }
        }
        packets
    }

    fn has_temporal(&self) -> bool {
        self.format != PayloadFormat::H264
    }

    fn packet(&mut self, truth: Truth) -> SourcePacket {
        let is_first = truth.part.0 == 0;
        let is_last = truth.part.0 + 1 == truth.part.1;
        let payload = match self.format {
            PayloadFormat::Vp8 => self.vp8(&truth, is_first),
            PayloadFormat::Vp9 => self.vp9(&truth, is_first, is_last),
            PayloadFormat::H264 => h264_slice(&truth, is_first, is_last),
            PayloadFormat::Av1 => av1(&truth, is_first),
            other => panic!("{other:?} is not made here"),
        };
        let raw = if self.format == PayloadFormat::Av1 {
            self.descriptor(&truth, is_first, is_last)
        } else {
            vec![]
        };
        let values = ExtensionValues {
            dependency_descriptor: (!raw.is_empty()).then(|| range(raw.len())),
            ..ExtensionValues::default()
        };
        let header = OutgoingHeader {
            marker: is_last && truth.frame.spatial + 1 == self.spatial_layers,
            payload_type: PayloadType::new(96).unwrap(),
            seq: self.seq.seq(),
            timestamp: self.timestamp,
            ssrc: Ssrc(1),
            csrcs: &[],
            has_padding: false,
        };
        let mut bytes = vec![0; 1_500];
        let layout = write_header(&mut bytes, &header, &extension_map(), &values, &raw).unwrap();
        bytes.truncate(layout.header_len);
        bytes.extend_from_slice(&payload);
        bytes.resize(layout.header_len + payload.len().max(self.payload_len), 0xA5);
        let seq = self.seq;
        self.seq.0 += 1;
        SourcePacket { encoding: self.encoding, seq, format: self.format, bytes, truth }
    }

    fn picture_id(&self) -> PictureId {
        PictureId::Long((self.picture & 0x7FFF) as u16)
    }

    fn vp8(&self, truth: &Truth, is_first: bool) -> Vec<u8> {
        let is_sync = truth.temporal == 1 || (truth.temporal == 2 && self.since_key % 4 == 1);
        let fields = vp8::Descriptor {
            is_partition_start: is_first,
            picture_id: Some(self.picture_id()),
            tl0_picture_index: Some(self.tl0),
            temporal: Some(vp8::TemporalLayer { id: truth.temporal, is_sync }),
            ..vp8::Descriptor::default()
        };
        let mut payload = written(|writer| fields.write(writer).unwrap());
        if is_first && truth.is_key {
            let side = 320_u16 << self.encoding;
            payload.extend_from_slice(&[0x10, 0, 0, 0x9D, 0x01, 0x2A]);
            payload.extend_from_slice(&side.to_le_bytes());
            payload.extend_from_slice(&(side / 16 * 9).to_le_bytes());
        } else {
            payload.push(1);
        }
        payload
    }

    fn vp9(&self, truth: &Truth, is_first: bool, is_last: bool) -> Vec<u8> {
        let fields = vp9::Descriptor {
            picture_id: Some(self.picture_id()),
            is_inter_predicted: !truth.is_key,
            layer: Some(vp9::Layer {
                temporal_id: truth.temporal,
                is_switching_point: truth.temporal < 2,
                spatial_id: truth.frame.spatial,
                is_inter_layer_predicted: truth.frame.spatial > 0,
            }),
            tl0_picture_index: Some(self.tl0),
            is_frame_start: is_first,
            is_frame_end: is_last,
            is_not_for_upper_layers: truth.frame.spatial + 1 == self.spatial_layers,
            ..vp9::Descriptor::default()
        };
        written(|writer| fields.write(writer).unwrap())
    }

    /// One spatial and three temporal layers, as libwebrtc describes them (L1T3).
    fn descriptor(&self, truth: &Truth, is_first: bool, is_last: bool) -> Vec<u8> {
        let structure = l1t3();
        let template = match (truth.is_key, self.since_key % 4) {
            (true, _) => 0,
            (false, 0) => 1,
            (false, 2) => 2,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let descriptor = DependencyDescriptor {
            mandatory: MandatoryFields {
                is_frame_start: is_first,
                is_frame_end: is_last,
                template_id: template,
                frame_number: (truth.frame.picture & 0xFFFF) as u16,
            },
            structure: (truth.is_key && is_first).then(|| Box::new(structure.clone())),
            active_decode_targets: None,
            indications: None,
            references: None,
            chains: None,
        };
        let mut out = [0; descriptor::LEN_MAX];
        let len = descriptor.write(&structure, &mut out).unwrap();
        out[..len].to_vec()
    }
}

/// The numbers of extensions in these worlds.
pub(crate) fn extension_map() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.set_allow_mixed(true);
    map.insert(1, ExtensionKind::AudioLevel).unwrap();
    map.insert(2, ExtensionKind::DependencyDescriptor).unwrap();
    map
}

fn l1t3() -> TemplateStructure {
    use DecodeTargetIndication::{NotPresent, Switch};
    let template = |temporal_id: u8, references: &[u16]| Template {
        spatial_id: 0,
        temporal_id,
        indications: (0..3).map(|target| if target >= temporal_id { Switch } else { NotPresent }).collect(),
        references: List::from_slice(references),
        chains: vec![],
    };
    TemplateStructure {
        decode_targets: 3,
        templates: vec![
            template(0, &[]),
            template(0, &[4]),
            template(1, &[2]),
            template(2, &[1]),
            template(2, &[1]),
        ],
        ..TemplateStructure::default()
    }
}

fn h264_slice(truth: &Truth, is_first: bool, is_last: bool) -> Vec<u8> {
    let unit = if truth.is_key { 5 } else { 1 };
    // A fragment of a slice (FU-A); the parts between are of the same.
    vec![
        0x60 | h264::unit_type::FU_A,
        (u8::from(is_first) << 7) | (u8::from(is_last && !is_first) << 6) | unit,
        0x88,
    ]
}

fn av1(truth: &Truth, is_first: bool) -> Vec<u8> {
    let first = if !is_first {
        0x90
    } else if truth.is_key {
        0x18
    } else {
        0x10
    };
    vec![first, 0x30]
}

fn range(len: usize) -> moim_rtp::extension::RawRange {
    moim_rtp::extension::RawRange::new(0, len).unwrap()
}

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer);
    writer.into_written().to_vec()
}
