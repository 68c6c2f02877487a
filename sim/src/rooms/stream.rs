//! One encoding of a publisher: pictures in layers, and the packets they are in.

use super::archive::{Archive, Sent, StreamKey};
use super::codec::{Codec, Part, beginning};
use super::descriptor::{Descriptors, Said};
use crate::random::{Chance, Random};
use moim_rtp::extension::{AudioLevel, ExtensionKind, RawRange};
use moim_rtp::{ExtensionMap, ExtensionValues, OutgoingHeader, write_header};
use moim_wire::{ExtSeqNo, MediaKind, PayloadType, RtpTimestamp, Ssrc};
use std::rc::Rc;

/// Sizes of payloads, in bytes: enough for what is at the beginning and for the number at the end.
const PAYLOAD_LEN: std::ops::Range<u64> = 48..900;
/// Numbers that leap so far are of another stream.
const JUMP: u64 = 40_000;
/// At most so many spatial layers.
const SPATIAL: usize = 3;

/// One encoding of a publisher.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) key: StreamKey,
    codec: Codec,
    random: Random,
    seq: ExtSeqNo,
    index: u64,
    /// What its clock is ahead of the publisher's.
    offset: u32,
    picture: u64,
    frame_number: u64,
    /// Where in the pattern of temporal layers the next picture is.
    position: usize,
    tl0: u8,
    /// The last frame of each spatial layer (first index) and temporal layer: its picture and its number.
    last: [[Option<(u64, u64)>; 3]; SPATIAL],
    /// How many spatial layers are sent.
    spatial: u8,
    is_active_news: bool,
    needs_key: bool,
    descriptors: Option<Descriptors>,
    template_id_offset: u8,
    /// How large its pictures are, in packets.
    packets: u64,
    pub(super) has_begun: bool,
}

/// A frame on its way into packets.
struct Frame {
    part: Part,
    references: Vec<(u64, u8)>,
    /// How many frames back they are.
    back: Vec<u64>,
    number: u64,
    is_last_of_picture: bool,
}

impl Stream {
    /// A stream with numbers that begin anywhere, often soon to wrap.
    pub(super) fn new(key: StreamKey, codec: Codec, mut random: Random) -> Self {
        let near = |random: &mut Random, end: u64, span: u64| {
            if random.happens(Chance::percent(50)) { end - random.below(span) } else { random.below(end) }
        };
        let seq = near(&mut random, 0x1_0000, 300);
        let offset = near(&mut random, 1 << 32, 900_000);
        let picture = 0x1_0000 + near(&mut random, 0x8000, 60);
        let template_id_offset = u8::try_from(random.below(64)).unwrap_or(0);
        Self {
            key,
            codec,
            seq: ExtSeqNo(0x1_0000 + seq),
            index: 0,
            offset: u32::try_from(offset & 0xFFFF_FFFF).unwrap_or(0),
            picture,
            frame_number: picture * 2,
            position: 0,
            tl0: u8::try_from(random.below(256)).unwrap_or(0),
            last: [[None; 3]; SPATIAL],
            spatial: codec.spatial,
            is_active_news: false,
            needs_key: false,
            descriptors: codec.has_descriptor.then(|| Descriptors::new(codec, template_id_offset)),
            template_id_offset,
            packets: 1 + u64::try_from(key.encoding).unwrap_or(0),
            has_begun: false,
            random,
        }
    }

    /// Its numbers are far from those of the stream before it.
    pub(super) fn jump_from(&mut self, before: &Self) {
        self.seq = ExtSeqNo(before.seq.0 + JUMP);
    }

    /// Its clock when the publisher's is at this.
    pub(super) fn timestamp(&self, clock: u32) -> u32 {
        clock.wrapping_add(self.offset)
    }

    /// From the next picture of the lowest temporal layer on, so many spatial layers are sent.
    pub(super) fn set_spatial(&mut self, spatial: u8) {
        let spatial = spatial.clamp(1, self.codec.spatial);
        self.is_active_news |= spatial != self.spatial;
        // A layer that refers to those below in key frames only begins with one.
        self.needs_key |= self.codec.is_key_svc && spatial > self.spatial;
        self.spatial = spatial;
        for last in &mut self.last[usize::from(spatial)..] {
            *last = [None; 3];
        }
    }

    /// A packet of sound.
    pub(super) fn sound(&mut self, clock: u32, level: AudioLevel, archive: &mut Archive) -> Rc<Sent> {
        let part = Part {
            picture: self.index,
            spatial: 0,
            temporal: 0,
            is_key: true,
            is_inter: false,
            is_inter_layer: false,
            is_sync: false,
            number: 0,
            count: 1,
            back: Vec::new(),
            tl0: 0,
            top: 0,
        };
        let values = ExtensionValues { audio_level: Some(level), ..ExtensionValues::default() };
        let frame = Frame { part, references: vec![], back: vec![], number: 0, is_last_of_picture: false };
        self.packet(clock, &frame, &values, &[], archive)
    }

    /// A packet of nothing but padding, as probes are.
    pub(super) fn padding(&mut self, clock: u32, archive: &mut Archive) -> Rc<Sent> {
        let mut bytes = vec![0; 120];
        let header_len =
            self.write_header(clock, (false, true), (&ExtensionValues::default(), &[]), &mut bytes);
        bytes.truncate(header_len);
        bytes.resize(header_len + 99, 0);
        // RFC 3550 §5.1: the last byte counts the padding.
        bytes.push(100);
        let (timestamp, id) = (self.timestamp(clock), archive.next_id());
        let sent = self.sent(id, timestamp, bytes);
        archive.keep(sent)
    }

    /// The packets of the next picture.
    pub(super) fn picture(&mut self, clock: u32, wants_key: bool, archive: &mut Archive) -> Vec<Rc<Sent>> {
        let is_key = wants_key || !self.has_begun || std::mem::take(&mut self.needs_key);
        self.picture += 1;
        if is_key {
            self.begin_anew();
        }
        let pattern = self.codec.pattern();
        let position = self.position;
        let temporal = pattern[position];
        self.position = (position + 1) % pattern.len();
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        // A layer that has ended or has nothing to go on from begins with the lowest temporal layer only.
        let layers: Vec<u8> = (0..self.spatial)
            .take_while(|spatial| temporal == 0 || self.last[usize::from(*spatial)][0].is_some())
            .collect();
        let mut packets = Vec::new();
        for spatial in layers.iter().copied() {
            let mut frame = self.frame(spatial, (temporal, position), is_key);
            frame.is_last_of_picture = usize::from(spatial) + 1 == layers.len();
            frame.part.top = u8::try_from(layers.len() - 1).unwrap_or(0);
            if let Some(descriptors) = &mut self.descriptors {
                descriptors.begin_frame(&frame.part, frame.number);
            }
            let count = frame.part.count;
            for number in 0..count {
                frame.part.number = number;
                let raw = self.descriptor_of(&frame);
                let values = ExtensionValues {
                    dependency_descriptor: (!raw.is_empty()).then(|| RawRange::new(0, raw.len())).flatten(),
                    ..ExtensionValues::default()
                };
                packets.push(self.packet(clock, &frame, &values, &raw, archive));
            }
        }
        if temporal == 0 {
            self.is_active_news = false;
        }
        self.has_begun = true;
        packets
    }

    fn begin_anew(&mut self) {
        self.position = 0;
        self.last = [[None; 3]; SPATIAL];
        self.is_active_news |= self.spatial < self.codec.spatial;
        if self.random.happens(Chance::percent(10)) {
            self.template_id_offset = (self.template_id_offset + 11) % 64;
            if let Some(descriptors) = &mut self.descriptors {
                descriptors.set_offset(self.template_id_offset);
            }
        }
    }

    fn frame(&mut self, spatial: u8, (temporal, position): (u8, usize), is_key: bool) -> Frame {
        self.frame_number += 1;
        let number = self.frame_number;
        let before = self.last[usize::from(spatial)];
        // What a picture goes on from, by its place in the pattern: whoever steps up at the marked ones needs the lowest layer only.
        let (refers_to, is_sync) = match (temporal, position) {
            (0, _) => (before[0], false),
            (1, 6) => (before[1], false),
            (1, _) => (before[0], true),
            (_, 3 | 7) => (before[1], false),
            (_, 5) => (before[2], false),
            (_, _) => (before[0], true),
        };
        let inter = if is_key { None } else { refers_to };
        let is_inter_layer = spatial > 0 && (inter.is_none() || is_key || !self.codec.is_key_svc);
        let mut references: Vec<(u64, u8)> = inter.iter().map(|(picture, _)| (*picture, spatial)).collect();
        let mut back: Vec<u64> = inter.iter().map(|(_, frame)| number - frame).collect();
        if is_inter_layer {
            references.push((self.picture, spatial - 1));
            back.push(1);
        }
        self.last[usize::from(spatial)][usize::from(temporal)] = Some((self.picture, number));
        let few = if is_key { self.packets * 2 + 2 } else { self.packets };
        let count = 1 + self.random.below(few) + if is_key { 2 } else { 0 };
        Frame {
            part: Part {
                picture: self.picture,
                spatial,
                temporal,
                is_key,
                is_inter: inter.is_some(),
                is_inter_layer,
                is_sync,
                number: 0,
                count: usize::try_from(count).unwrap_or(1),
                back: inter.iter().map(|(picture, _)| self.picture - picture).collect(),
                tl0: self.tl0,
                top: 0,
            },
            references,
            back,
            number,
            is_last_of_picture: false,
        }
    }

    fn descriptor_of(&self, frame: &Frame) -> Vec<u8> {
        let Some(descriptors) = &self.descriptors else { return Vec::new() };
        let tells = self.is_active_news && frame.part.temporal == 0 && frame.part.spatial == 0;
        descriptors.write(&Said {
            part: &frame.part,
            number: frame.number,
            references: &frame.back,
            active: tells.then(|| descriptors.targets_of(self.spatial)),
        })
    }

    fn packet(
        &mut self,
        clock: u32,
        frame: &Frame,
        values: &ExtensionValues,
        raw: &[u8],
        archive: &mut Archive,
    ) -> Rc<Sent> {
        let len = PAYLOAD_LEN.start + self.random.below(PAYLOAD_LEN.end - PAYLOAD_LEN.start);
        let mut payload = beginning(self.codec, &frame.part, usize::try_from(len).unwrap_or(100));
        let id = archive.next_id();
        payload.resize(usize::try_from(len).unwrap_or(100) - 8, 0xA5);
        payload.extend_from_slice(&id.to_be_bytes());
        let marker = frame.part.is_last() && frame.is_last_of_picture;
        let mut bytes = vec![0; 1_500];
        let header_len = self.write_header(clock, (marker, false), (values, raw), &mut bytes);
        bytes.truncate(header_len);
        bytes.extend_from_slice(&payload);
        let timestamp = self.timestamp(clock);
        let sent = Sent {
            part: Some(frame.part.clone()),
            references: frame.references.clone(),
            frame_number: self.descriptors.is_some().then_some(frame.number),
            ..self.sent(id, timestamp, bytes)
        };
        archive.keep(sent)
    }

    fn sent(&mut self, id: u64, timestamp: u32, bytes: Vec<u8>) -> Sent {
        let (index, seq) = (self.index, self.seq);
        self.index += 1;
        self.seq.0 += 1;
        let stream = self.key;
        Sent {
            id,
            stream,
            index,
            seq,
            timestamp,
            format: self.codec.format,
            bytes,
            part: None,
            references: vec![],
            frame_number: None,
        }
    }

    /// Says how long the header is.
    fn write_header(
        &self,
        clock: u32,
        (marker, has_padding): (bool, bool),
        (values, raw): (&ExtensionValues, &[u8]),
        out: &mut [u8],
    ) -> usize {
        let header = OutgoingHeader {
            marker,
            payload_type: PayloadType::new(96).expect("seven bits"),
            seq: self.seq.seq(),
            timestamp: RtpTimestamp(self.timestamp(clock)),
            ssrc: Ssrc(1),
            csrcs: &[],
            has_padding,
        };
        write_header(out, &header, &extension_map(), values, raw).expect("there is room").header_len
    }
}

/// Whether a stream is of pictures.
pub(super) fn is_video(codec: Codec) -> bool {
    codec.format.kind() == MediaKind::Video
}

/// The numbers of extensions in these worlds.
pub(super) fn extension_map() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.set_allow_mixed(true);
    map.insert(1, ExtensionKind::AudioLevel).expect("the first");
    map.insert(2, ExtensionKind::DependencyDescriptor).expect("the second");
    map
}
