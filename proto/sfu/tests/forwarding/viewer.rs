//! What one slot of a subscriber has got, checked as a receiver would, and against what was sent.

use crate::source::{FrameId, SourcePacket, extension_map};
use moim_rtp::Header;
use moim_rtp::payload::{PayloadFormat, PictureId, dependency_descriptor, vp8, vp9};
use moim_sfu::{Forward, Forwarder, RAW_LEN_MAX, TrackId};
use std::collections::{BTreeMap, BTreeSet};

/// No packet is overtaken by more.
pub(crate) const OVERTAKEN_BY_MAX: u8 = 8;

/// A packet as it leaves for the subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) track: TrackId,
    pub(crate) packet: SourcePacket,
    pub(crate) timestamp: u32,
    pub(crate) picture_id: Option<u16>,
    pub(crate) tl0: Option<u8>,
    pub(crate) frame_number: Option<u16>,
    pub(crate) marker: bool,
    pub(crate) is_key_frame: bool,
    pub(crate) is_switch: bool,
    /// The decode targets that the descriptor says to be active.
    pub(crate) active_targets: Option<u32>,
}

/// Everything that a slot was sent, by its number.
#[derive(Debug, Default)]
pub(crate) struct Viewer {
    /// [`None`] is an empty packet.
    pub(crate) got: BTreeMap<u64, Option<Got>>,
    descriptors: dependency_descriptor::Reader,
}

/// Packets in a row that are of one encoding of one track.
pub(crate) struct Segment<'a> {
    pub(crate) got: Vec<(u64, Option<&'a Got>)>,
    pub(crate) encoding: usize,
    pub(crate) track: TrackId,
}

impl Viewer {
    /// Takes a packet when it is to leave.
    pub(crate) fn take(
        &mut self,
        forwarder: &Forwarder,
        forward: &Forward,
        (track, sent): (TrackId, &SourcePacket),
    ) {
        let copy = &forward.copy;
        let Some(reference) = copy.packet else {
            assert!(self.got.insert(copy.seq.0, None).is_none(), "a number twice: {:?}", copy.seq);
            return;
        };
        let stored = forwarder.payload(reference).expect("it has just come");
        let header = Header::parse(&sent.bytes).unwrap();
        assert_eq!(stored.payload, &sent.bytes[header.payload(&sent.bytes).unwrap()]);
        let mut payload = stored.payload.to_vec();
        copy.payload.apply(&mut payload).unwrap();
        let (picture_id, tl0) = match stored.format {
            PayloadFormat::Vp8 => {
                let (fields, _) = vp8::Descriptor::parse(&payload).unwrap();
                (fields.picture_id.map(PictureId::number), fields.tl0_picture_index)
            }
            PayloadFormat::Vp9 => {
                let (fields, _) = vp9::Descriptor::parse(&payload).unwrap();
                (fields.picture_id.map(PictureId::number), fields.tl0_picture_index)
            }
            _ => (None, None),
        };
        let mut scratch = [0; RAW_LEN_MAX];
        let (values, raw) = stored.extensions_for(copy.descriptor, &mut scratch);
        let descriptor = values.dependency_descriptor.and_then(|range| range.of(raw));
        let descriptor = descriptor.map(|bytes| self.descriptors.read(bytes).expect("it is still one"));
        let frame_number = descriptor.as_ref().map(|descriptor| descriptor.mandatory.frame_number);
        // What is written can be read.
        let mut bytes = [0; 1_000];
        let outgoing = moim_rtp::OutgoingHeader {
            marker: copy.marker,
            payload_type: header.payload_type,
            seq: copy.seq.seq(),
            timestamp: copy.timestamp,
            ssrc: header.ssrc,
            csrcs: &[],
            has_padding: false,
        };
        moim_rtp::write_header(&mut bytes, &outgoing, &extension_map(), &values, raw).unwrap();
        let got = Got {
            track,
            packet: sent.clone(),
            timestamp: copy.timestamp.0,
            picture_id,
            tl0,
            frame_number,
            marker: copy.marker,
            is_key_frame: copy.is_key_frame,
            is_switch: forward.is_switch,
            active_targets: descriptor.and_then(|descriptor| descriptor.active_decode_targets),
        };
        assert!(self.got.insert(copy.seq.0, Some(got)).is_none(), "a number twice: {:?}", copy.seq);
    }

    pub(crate) fn packets(&self) -> impl Iterator<Item = &Got> {
        self.got.values().flatten()
    }

    pub(crate) fn segments(&self) -> Vec<Segment<'_>> {
        let mut segments: Vec<Segment<'_>> = Vec::new();
        for (seq, got) in &self.got {
            match (got, segments.last_mut()) {
                (Some(got), _) if got.is_switch => segments.push(Segment {
                    got: vec![(*seq, Some(got))],
                    encoding: got.packet.encoding,
                    track: got.track,
                }),
                (got, Some(segment)) => {
                    let of = got.as_ref().map(|got| (got.track, got.packet.encoding));
                    assert!(of.is_none_or(|of| of == (segment.track, segment.encoding)), "a hidden switch");
                    segment.got.push((*seq, got.as_ref()));
                }
                (_, None) => panic!("a stream that does not begin: {seq}"),
            }
        }
        segments
    }

    /// What must hold whatever was lost or reordered on the way to the forwarder. `arrived` says which packets of a track came.
    pub(crate) fn check(&self, arrived: &BTreeMap<(TrackId, usize), BTreeSet<u64>>) {
        let segments = self.segments();
        for segment in &segments {
            let first = segment.got[0];
            assert!(first.1.is_some_and(|got| got.is_key_frame), "a switch begins with a key frame");
            self.check_gaps(segment, &arrived[&(segment.track, segment.encoding)]);
        }
        self.check_times();
        self.check_pictures();
    }

    /// A gap is as long as what was lost.
    fn check_gaps(&self, segment: &Segment<'_>, arrived: &BTreeSet<u64>) {
        let of: Vec<_> =
            segment.got.iter().filter_map(|(seq, got)| Some((*seq, (*got)?.packet.seq.0))).collect();
        let end = of.last().map_or(0, |(out, _)| *out);
        for pair in of.windows(2) {
            let [(out_a, a), (out_b, b)] = *pair else { continue };
            assert!(a < b, "the order is that of the publisher");
            let lost = (a + 1..b).filter(|seq| !arrived.contains(seq)).count() as u64;
            let empty = self.got.range(out_a + 1..out_b).filter(|(_, got)| got.is_none()).count() as u64;
            let missing = out_b - out_a - 1 - empty;
            // What is late comes to nothing once something else is shown.
            let is_near_end = out_b + u64::from(OVERTAKEN_BY_MAX) >= end;
            assert!(
                missing == lost || (is_near_end && missing > lost),
                "{missing} are missing behind {out_a}, and {lost} were lost"
            );
        }
    }

    fn check_times(&self) {
        let mut before: Option<(&Got, u64)> = None;
        for got in self.packets() {
            let picture = got.packet.truth.frame.picture;
            if let Some((last, last_picture)) = before {
                let ahead = got.timestamp.wrapping_sub(last.timestamp).cast_signed();
                let is_same = picture == last_picture
                    && got.packet.encoding == last.packet.encoding
                    && got.track == last.track;
                assert_eq!(ahead > 0, !is_same, "time goes on from picture to picture: {last:?} {got:?}");
                assert!(ahead >= 0);
            }
            before = Some((got, picture));
        }
    }

    /// Picture ids and frame numbers go up from picture to picture, and are the same within one.
    fn check_pictures(&self) {
        let mut before: Option<&Got> = None;
        for got in self.packets() {
            if let Some(last) = before {
                let is_same = got.timestamp == last.timestamp;
                if let (Some(id), Some(last)) = (got.picture_id, last.picture_id) {
                    let ahead = id.wrapping_sub(last) & 0x7FFF;
                    assert_eq!(ahead == 0, is_same);
                    assert!(ahead < 1_000, "{last} to {id}");
                }
                if let (Some(number), Some(last)) = (got.frame_number, last.frame_number) {
                    assert_eq!(number.wrapping_sub(last) == 0, is_same);
                    assert!(number.wrapping_sub(last) < 1_000);
                }
            }
            before = Some(got);
        }
    }

    /// What must hold where nothing was lost or late: numbers have no gaps.
    pub(crate) fn check_numbers(&self) {
        let seqs: Vec<_> = self.got.keys().copied().collect();
        assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "there are gaps, and nothing was lost");
    }

    /// What must hold where nothing was lost: frames are whole, what they refer to is there, and pictures have no gaps.
    pub(crate) fn check_frames(&self) {
        for segment in &self.segments() {
            check_frames(segment);
        }
    }
}

fn check_frames(segment: &Segment<'_>) {
    let got: Vec<_> = segment.got.iter().filter_map(|(_, got)| *got).collect();
    let mut frames: BTreeMap<FrameId, usize> = BTreeMap::new();
    for got in &got {
        *frames.entry(got.packet.truth.frame).or_default() += 1;
    }
    let mut pictures: Vec<(u16, u8)> = Vec::new();
    // At the end a frame may be in the middle of coming, or be interrupted by a switch.
    let certain = got.len().saturating_sub(2 * usize::from(OVERTAKEN_BY_MAX));
    for got in &got[..certain] {
        let truth = &got.packet.truth;
        assert_eq!(frames[&truth.frame], truth.part.1, "a part of a frame is missing: {truth:?}");
        for reference in &truth.references {
            assert!(frames.contains_key(reference), "{truth:?} refers to what was left out");
        }
        if let (Some(id), Some(tl0)) = (got.picture_id, got.tl0)
            && pictures.last() != Some(&(id, tl0))
        {
            pictures.push((id, tl0));
        }
    }
    if got.first().is_some_and(|got| got.packet.format == PayloadFormat::Vp8) {
        let is_next = |pair: &[(u16, u8)]| {
            pair[1].0 == (pair[0].0 + 1) & 0x7FFF && pair[1].1.wrapping_sub(pair[0].1) <= 1
        };
        assert!(pictures.windows(2).all(is_next), "pictures of VP8 have no gaps: {pictures:?}");
    }
}
