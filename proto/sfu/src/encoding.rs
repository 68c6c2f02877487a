//! One RTP stream of a track, as it comes in.

use crate::facts::{Facts, FactsReader};
use crate::id::EncodingId;
use crate::keyframes::KeyFrames;
use crate::layers::LayerIndex;
use crate::rates::Rates;
use crate::ring::{NotKept, Ring};
use crate::size::picture_size;
use crate::slot::JOIN_LATE_MAX;
use crate::stats::{DropReason, EncodingStats};
use crate::track::EncodingSpec;
use moim_rtp::payload::PayloadFormat;
use moim_wire::{ExtSeqNo, MediaKind, RtpTimestamp};
use std::time::{Duration, Instant};

/// What has not come for so long is not sent at present.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(2);
/// What cannot be read for so long needs a key frame: until then, what is missing may only be late.
pub(crate) const UNREADABLE_MAX: Duration = Duration::from_millis(100);
/// A number so far from the newest one is of another stream.
const JUMP_MAX: u64 = 1 << 15;

/// An encoding of a track.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) id: EncodingId,
    /// The track's index.
    pub(crate) track: u32,
    /// Index in the track.
    pub(crate) number: u8,
    /// Counted up when the stream begins anew.
    pub(crate) epoch: u32,
    /// What is added to numbers as they come (modulo 2^64), so that no two packets ever have the same, whatever streams it was.
    seq_offset: u64,
    /// Whether the next packet is the first of a stream.
    is_anew: bool,
    pub(crate) format: PayloadFormat,
    pub(crate) spec: EncodingSpec,
    pub(crate) facts: FactsReader,
    pub(crate) ring: Ring,
    pub(crate) rates: Rates,
    pub(crate) key_frames: KeyFrames,
    /// As key frames say.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) last_packet: Option<Instant>,
    /// The time of the last key frame.
    last_key_frame: Option<RtpTimestamp>,
    /// The highest layers when it was looked at last.
    pub(crate) highest: LayerIndex,
    /// Whether packets came when it was looked at last.
    pub(crate) was_sent: bool,
    /// Since when it is asked for and does not come.
    pub(crate) missing_since: Option<Instant>,
    /// Until when it is taken for one that cannot be had.
    pub(crate) unavailable_until: Option<Instant>,
    /// Since when nothing that comes can be read: what says how is lost.
    pub(crate) unreadable_since: Option<Instant>,
    /// Whether a request for a key frame is to be told.
    pub(crate) is_key_frame_due: bool,
    pub(crate) stats: EncodingStats,
}

impl Encoding {
    pub(crate) fn new(
        id: EncodingId,
        (track, number): (u32, u8),
        format: PayloadFormat,
        spec: EncodingSpec,
        now: Instant,
    ) -> Self {
        Self {
            id,
            track,
            number,
            epoch: 0,
            seq_offset: 0,
            is_anew: false,
            format,
            spec,
            facts: FactsReader::new(format),
            ring: Ring::new(),
            rates: Rates::new(now),
            key_frames: KeyFrames::default(),
            size: None,
            last_packet: None,
            last_key_frame: None,
            highest: LayerIndex::default(),
            was_sent: false,
            missing_since: None,
            unavailable_until: None,
            unreadable_since: None,
            is_key_frame_due: false,
            stats: EncodingStats::default(),
        }
    }

    /// The stream begins anew, with other numbers.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.epoch = self.epoch.wrapping_add(1);
        self.is_anew = true;
        self.facts.restart();
        self.ring.clear();
        self.rates.reset(now);
        (self.last_packet, self.unreadable_since) = (None, None);
    }

    /// Whether packets come.
    pub(crate) fn is_sent(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|at| now.saturating_duration_since(at) < SILENCE_MAX)
    }

    /// Looks at a packet and keeps it. A packet that cannot be read is kept, too, as one that is for nobody: its number is known to have come.
    pub(crate) fn receive(
        &mut self,
        packet: &crate::MediaPacket<'_>,
        now: Instant,
    ) -> Result<(Facts, Option<DropReason>), DropReason> {
        let seq = self.number(packet.seq, now);
        self.ring.check(seq, packet.payload.len()).map_err(|reason| match reason {
            NotKept::Duplicate => DropReason::Duplicate,
            NotKept::TooOld => DropReason::TooOld,
            NotKept::TooLong => DropReason::TooLong,
        })?;
        let header = packet.header;
        let descriptor = packet.extensions.dependency_descriptor.and_then(|range| range.of(packet.packet));
        let times = (header.timestamp, header.marker);
        let (mut facts, result) = self.facts.read(seq, times, packet.payload, descriptor);
        if result.is_err() {
            (facts.targets, facts.begins) = (0, false);
        }
        self.ring.insert(&facts, packet.extensions, packet.packet, packet.payload, now);
        if facts.begins && facts.is_late && facts.frame.is_some() {
            facts.is_anew = self.read_again_behind(facts.seq);
        }
        self.unreadable_since = if result.is_ok() { None } else { self.unreadable_since.or(Some(now)) };
        self.last_packet = Some(now);
        self.stats.packets += 1;
        self.stats.bytes += packet.payload.len() as u64;
        self.rates.on_packet(facts.layers, packet.payload.len(), facts.starts_picture);
        if facts.begins && self.format.kind() == MediaKind::Video {
            self.on_key_frame(facts.timestamp, packet.payload);
        }
        Ok((facts, result.err().map(|_| DropReason::Malformed)))
    }

    /// The number of a packet among all that ever came.
    fn number(&mut self, seq: ExtSeqNo, now: Instant) -> ExtSeqNo {
        let newest = self.ring.newest().0;
        let number = seq.0.wrapping_add(self.seq_offset);
        if newest != 0 && number.abs_diff(newest) >= JUMP_MAX && !self.is_anew {
            self.restart(now);
        }
        if !self.is_anew {
            return ExtSeqNo(number);
        }
        self.is_anew = false;
        // Far from what came before, so that late packets of the new stream have numbers, too.
        let number = newest + 2 * JUMP_MAX;
        self.seq_offset = number.wrapping_sub(seq.0);
        ExtSeqNo(number)
    }

    /// The size of the pictures, as key frames say or as was announced.
    pub(crate) fn size(&self) -> Option<(u32, u32)> {
        self.size.or(self.spec.size)
    }

    pub(crate) fn statistics(&self) -> EncodingStats {
        let highest = self.rates.highest();
        let tenths = u16::try_from(self.rates.tenths_up_to(highest.temporal)).unwrap_or(u16::MAX);
        EncodingStats {
            bitrate: self.rates.up_to(highest),
            frames_per_second: f32::from(tenths) / 10.0,
            size: self.size(),
            memory: self.ring.memory(),
            ..self.stats
        }
    }

    /// Packets of a key frame came before the one with the structure by which they are read, and may have been taken for something else. Says whether any was.
    fn read_again_behind(&mut self, begun: ExtSeqNo) -> bool {
        let mut has_any = false;
        let end = self.ring.newest().0.min(begun.0 + JOIN_LATE_MAX);
        for seq in (begun.0 + 1..=end).map(ExtSeqNo) {
            let Some((entry, payload, raw)) = self.ring.find(seq) else { continue };
            let descriptor = entry.extensions.dependency_descriptor.and_then(|range| range.of(raw));
            let (taken_for, mut facts) = (entry.facts, entry.facts);
            let is_read = !payload.is_empty() && self.facts.look(&mut facts, payload, descriptor).is_ok();
            if is_read && (facts.frame, facts.targets) != (taken_for.frame, taken_for.targets) {
                self.ring.correct(&facts);
                has_any = true;
            }
        }
        has_any
    }

    fn on_key_frame(&mut self, timestamp: RtpTimestamp, payload: &[u8]) {
        self.key_frames.on_key_frame();
        // Its parameter sets may come in a packet of their own.
        if self.last_key_frame.replace(timestamp) != Some(timestamp) {
            self.stats.key_frames += 1;
        }
        let size = picture_size(self.format, payload, self.facts.descriptors.structure());
        self.size = size.or(self.size);
    }
}
