//! What a slot was sent, looked at as it comes.

use super::archive::{Archive, Sent, StreamKey};
use super::settle::Settled;
use super::{Broken, must};
use moim_rtp::payload::{PayloadFormat, PictureId, dependency_descriptor, vp8, vp9};
use moim_sfu::{Forward, Forwarder, PacketCopy, RAW_LEN_MAX};
use moim_wire::MediaKind;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

/// No number goes back by more.
const BACK_MAX: u64 = 512;
/// How long time may leap ahead where something else is shown, beyond what has passed: what sender reports may say.
const LEAP_SECONDS_MAX: u64 = 4;

/// What a slot was sent.
#[derive(Debug)]
pub(super) struct Receiver {
    kind: MediaKind,
    pub(super) window: BTreeMap<u64, Item>,
    newest: u64,
    /// The streams that it was sent one after the other: those that packets in the window are of.
    pub(super) segments: BTreeMap<u32, Segment>,
    segment: u32,
    time: Option<(u32, Instant)>,
    tl0: Option<u8>,
    frame_number: Option<u16>,
    pub(super) settled: Settled,
    pub(super) last_at: Option<Instant>,
    /// How many packets it was sent.
    pub(super) count: u64,
}

/// A number that was used.
#[derive(Debug)]
pub(super) enum Item {
    /// By an empty packet.
    Filler,
    /// By one that was sent on.
    Packet(Got),
}

/// A packet as it leaves.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) segment: u32,
    pub(super) sent: Rc<Sent>,
    pub(super) marker: bool,
    pub(super) picture_id: Option<u16>,
}

/// Packets in a row that are of one stream.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) stream: StreamKey,
    pub(super) begun: u64,
    /// When the last one was sent: the how manieth packet of all that came.
    pub(super) last_order: u64,
    time_offset: u32,
    tl0_offset: Option<u8>,
    frame_offset: Option<u16>,
}

/// What is in a packet when it is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// The number at the end of its payload.
    pub(super) id: u64,
    /// Of all its bytes.
    pub(super) hash: u64,
    picture_id: Option<u16>,
    tl0: Option<u8>,
    frame_number: Option<u16>,
}

/// Fetches what a copy is of, as it leaves. [`None`] if it is not there (any more), or nothing.
pub(super) fn fetch(forwarder: &Forwarder, copy: &PacketCopy) -> Result<Option<Fetched>, Broken> {
    let Some(stored) = copy.packet.and_then(|packet| forwarder.payload(packet)) else { return Ok(None) };
    let mut payload = stored.payload.to_vec();
    let applied = copy.payload.apply(&mut payload);
    must(applied.is_ok(), "descriptors can be rewritten", || format!("{applied:?}"))?;
    let of_picture = match stored.format {
        PayloadFormat::Vp8 => vp8::Descriptor::parse(&payload)
            .ok()
            .map(|(fields, _)| (fields.picture_id, fields.tl0_picture_index)),
        PayloadFormat::Vp9 => vp9::Descriptor::parse(&payload)
            .ok()
            .map(|(fields, _)| (fields.picture_id, fields.tl0_picture_index)),
        PayloadFormat::Opus | PayloadFormat::H264 | PayloadFormat::H265 | PayloadFormat::Av1 => None,
    };
    let (picture_id, tl0) = of_picture.unwrap_or_default();
    let mut scratch = [0; RAW_LEN_MAX];
    let (values, raw) = stored.extensions_for(copy.descriptor, &mut scratch);
    let descriptor = values.dependency_descriptor.and_then(|range| range.of(raw));
    let mandatory = descriptor.and_then(|bytes| dependency_descriptor::MandatoryFields::parse(bytes).ok());
    let id = payload.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let bytes = payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Ok(Some(Fetched {
        id,
        hash: bytes,
        picture_id: picture_id.map(PictureId::number),
        tl0,
        frame_number: mandatory.map(|fields| fields.frame_number),
    }))
}

impl Receiver {
    pub(super) fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            window: BTreeMap::new(),
            newest: 0,
            segments: BTreeMap::new(),
            segment: 0,
            time: None,
            tl0: None,
            frame_number: None,
            settled: Settled::default(),
            last_at: None,
            count: 0,
        }
    }

    /// A number is used, for nothing.
    pub(super) fn take_filler(&mut self, forward: &Forward) -> Result<(), Broken> {
        must(!forward.is_switch, "nothing begins with an empty packet", || format!("{forward:?}"))?;
        self.use_number(forward.copy.seq.0, Item::Filler)
    }

    /// A packet leaves.
    pub(super) fn take(
        &mut self,
        forward: &Forward,
        (sent, fetched): (&Rc<Sent>, &Fetched),
        order: u64,
        now: Instant,
    ) -> Result<(), Broken> {
        let said = || format!("{forward:?} of {:?} {:?}", sent.stream, sent.part);
        let before = self.segments.get(&self.segment).map(|segment| segment.stream);
        must(forward.is_switch || before == Some(sent.stream), "going over is told", said)?;
        if forward.is_switch {
            self.begin(forward, sent, fetched, order, now)?;
        }
        let current = self.segment;
        let Some(segment) = self.segments.get_mut(&current) else { return Ok(()) };
        segment.last_order = order;
        let timestamp = forward.copy.timestamp.0;
        let is_in_time = timestamp == sent.timestamp.wrapping_add(segment.time_offset);
        must(is_in_time, "time goes on as that of the stream does", said)?;
        let is_tl0_kept = fetched.tl0.zip(segment.tl0_offset).is_none_or(|(out, offset)| {
            sent.part.as_ref().is_some_and(|part| out == part.tl0.wrapping_add(offset))
        });
        must(is_tl0_kept, "TL0PICIDX goes on as that of the stream does", said)?;
        let number = sent.frame_number.map(u64::to_be_bytes);
        let number = number.map(|[.., high, low]| u16::from_be_bytes([high, low]));
        let is_frame_kept = fetched
            .frame_number
            .zip(segment.frame_offset)
            .is_none_or(|(out, offset)| number.is_some_and(|number| out == number.wrapping_add(offset)));
        must(is_frame_kept, "frame numbers keep their distances", said)?;
        if let Some(tl0) = fetched.tl0 {
            let is_newer = self.tl0.is_none_or(|newest| tl0.wrapping_sub(newest).cast_signed() > 0);
            self.tl0 = if is_newer { Some(tl0) } else { self.tl0 };
        }
        if let Some(number) = fetched.frame_number {
            let is_newer =
                self.frame_number.is_none_or(|newest| number.wrapping_sub(newest).cast_signed() > 0);
            self.frame_number = if is_newer { Some(number) } else { self.frame_number };
        }
        if self.time.is_none_or(|(newest, _)| timestamp.wrapping_sub(newest).cast_signed() > 0) {
            self.time = Some((timestamp, now));
        }
        (self.last_at, self.count) = (Some(now), self.count + 1);
        let got = Got {
            segment: current,
            sent: Rc::clone(sent),
            marker: forward.copy.marker,
            picture_id: fetched.picture_id,
        };
        self.use_number(forward.copy.seq.0, Item::Packet(got))
    }

    /// Something else begins.
    fn begin(
        &mut self,
        forward: &Forward,
        sent: &Rc<Sent>,
        fetched: &Fetched,
        order: u64,
        now: Instant,
    ) -> Result<(), Broken> {
        let said = || format!("{forward:?} of {:?} {:?}", sent.stream, sent.part);
        let copy = &forward.copy;
        let is_first = sent.part.as_ref().is_some_and(|part| {
            self.kind == MediaKind::Audio || part.is_key && part.spatial == 0 && part.is_first()
        });
        must(is_first && copy.is_key_frame, "what begins, begins with a key frame", said)?;
        must(self.kind == MediaKind::Video || copy.marker, "the first sound is marked", said)?;
        must(self.newest == 0 || copy.seq.0 > self.newest, "what begins comes next", said)?;
        if let Some((newest, at)) = self.time {
            let ahead = copy.timestamp.0.wrapping_sub(newest);
            let rate = if self.kind == MediaKind::Audio { 48_000 } else { 90_000 };
            let longest = rate * (now.saturating_duration_since(at).as_secs() + LEAP_SECONDS_MAX);
            // Beyond half of all numbers nobody can tell what is ahead.
            let is_ahead = ahead > 0 && (u64::from(ahead) < longest || longest > 1 << 31);
            must(is_ahead, "time goes on where something begins", || format!("by {ahead}: {}", said()))?;
        }
        let tl0 = sent.part.as_ref().map_or(0, |part| part.tl0);
        if let Some((out, newest)) = fetched.tl0.zip(self.tl0) {
            must(out == newest.wrapping_add(1), "TL0PICIDX goes on", || format!("{newest}: {}", said()))?;
        }
        if let Some((out, newest)) = fetched.frame_number.zip(self.frame_number) {
            must(out == newest.wrapping_add(1), "frame numbers go on", || format!("{newest}: {}", said()))?;
        }
        self.segment += 1;
        let segment = Segment {
            stream: sent.stream,
            begun: sent.index,
            last_order: order,
            time_offset: copy.timestamp.0.wrapping_sub(sent.timestamp),
            tl0_offset: fetched.tl0.map(|out| out.wrapping_sub(tl0)),
            frame_offset: fetched.frame_number.zip(sent.frame_number).map(|(out, number)| {
                let [.., high, low] = number.to_be_bytes();
                out.wrapping_sub(u16::from_be_bytes([high, low]))
            }),
        };
        self.segments.insert(self.segment, segment);
        Ok(())
    }

    fn use_number(&mut self, seq: u64, item: Item) -> Result<(), Broken> {
        must(seq + BACK_MAX > self.newest, "numbers do not go far back", || {
            format!("{seq} after {}", self.newest)
        })?;
        self.newest = self.newest.max(seq);
        let before = self.window.insert(seq, item);
        must(before.is_none(), "no number is used twice", || format!("{seq}: {before:?}"))
    }

    /// Looks at everything that late packets cannot change any more.
    pub(super) fn settle(&mut self, archive: &Archive, is_end: bool) -> Result<(), Broken> {
        while let Some((_, item)) = self.window.first_key_value() {
            let is_final = match item {
                // What it was for is known by what comes behind it.
                Item::Filler => self.window.len() > 1,
                Item::Packet(got) => {
                    got.segment != self.segment || archive.is_settled(got.sent.stream, got.sent.index)
                }
            };
            if !is_final && !is_end {
                break;
            }
            let Some((seq, item)) = self.window.pop_first() else { break };
            self.settled.take(seq, item, &self.segments, archive)?;
        }
        if is_end || self.settled.is_over(archive) {
            self.settled.end(&self.segments, archive)?;
        }
        let oldest = self.settled.segment().unwrap_or(0);
        self.segments.retain(|number, _| *number >= oldest);
        Ok(())
    }
}
