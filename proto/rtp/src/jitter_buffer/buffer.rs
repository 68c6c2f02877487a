use super::delay::PlayoutClock;
use super::packets::{Group, Packet, Packets};
use super::{Config, DropReason, Frame, Incoming, Output, Statistics};
use crate::payload::{self, Depacketizer, PacketSummary, PayloadError};
use moim_wire::{Deadline, ExtSeqNo, MediaKind, SeqNo};
use std::time::{Duration, Instant};

/// A packet so far ahead of the newest is no loss but another stream (RFC 3550 A.1).
const DROPOUT_MAX: i64 = 3_000;
/// A packet so far behind the newest is no reordering but another stream (RFC 3550 A.1).
const MISORDER_MAX: i64 = 3_000;

/// See the [module](super).
#[derive(Debug)]
pub struct JitterBuffer {
    config: Config,
    is_audio: bool,
    clock: PlayoutClock,
    depacketizer: Depacketizer,
    packets: Packets,
    /// The highest sequence number seen.
    newest: Option<ExtSeqNo>,
    /// The first sequence number that was neither given out nor given up. None before the first frame.
    next: Option<ExtSeqNo>,
    /// The sequence number behind one that was out of range: if it comes, the stream has begun anew.
    restart: Option<SeqNo>,
    continuity: Continuity,
    /// Sequence numbers given up that nobody was told of.
    lost: u64,
    key_frame_asked: Option<Instant>,
    key_frame_needed: bool,
    statistics: Statistics,
    now: Instant,
}

/// Which frames a decoder can make use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Continuity {
    /// Only a key frame.
    Broken,
    /// Those up to a temporal layer. The lowest layer's running number was the other one.
    Up { temporal_id_max: u8, tl0_picture_index: Option<u8> },
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new(config: Config, now: Instant) -> Self {
        let format = config.format;
        let is_audio = format.kind() == MediaKind::Audio;
        Self {
            config,
            is_audio,
            clock: PlayoutClock::new(format.clock_rate(), config.delay_min, config.delay_max),
            depacketizer: Depacketizer::new(format),
            packets: Packets::default(),
            newest: None,
            next: None,
            restart: None,
            continuity: if is_audio { Continuity::intact(None) } else { Continuity::Broken },
            lost: 0,
            key_frame_asked: None,
            key_frame_needed: false,
            statistics: Statistics::default(),
            now,
        }
    }

    /// The time that frames wait at present, from the quickest arrival.
    pub fn target_delay(&self) -> Duration {
        self.clock.target()
    }

    /// What was done so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// How many packets wait.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets.len() == 0
    }

    /// Takes a packet.
    pub fn insert(&mut self, packet: Incoming<'_>, now: Instant) -> Result<(), DropReason> {
        self.now = now;
        let taken = self.accept(&packet, now);
        match taken {
            Ok(()) => self.statistics.packets_inserted += 1,
            Err(reason) => self.statistics.packets_dropped[reason as usize] += 1,
        }
        taken
    }

    fn accept(&mut self, packet: &Incoming<'_>, now: Instant) -> Result<(), DropReason> {
        if packet.payload.len() > self.config.bytes_max {
            return Err(DropReason::TooLarge);
        }
        let seq = self.place(packet.seq)?;
        if self.next.is_some_and(|next| seq < next) {
            return Err(DropReason::Late);
        }
        if self.packets.contains(seq) {
            return Err(DropReason::Duplicate);
        }
        if let Some(bounds) = packet.playout_delay {
            self.clock.ask(bounds);
        }
        if !packet.is_retransmission && !packet.payload.is_empty() {
            self.clock.observe(packet.timestamp, self.is_audio || packet.marker, now);
        }
        self.make_room(packet.payload.len());
        if self.next.is_some_and(|next| seq < next) {
            return Err(DropReason::Late);
        }
        let summary = payload::summarize(self.config.format, packet.payload).unwrap_or_default();
        let Incoming { timestamp, marker, .. } = *packet;
        self.packets.insert(
            seq,
            Packet { timestamp, marker, arrived: now, payload: packet.payload.to_vec(), summary },
        );
        Ok(())
    }

    /// The number of a packet that does not wrap.
    fn place(&mut self, seq: SeqNo) -> Result<ExtSeqNo, DropReason> {
        let Some(newest) = self.newest else {
            let first = ExtSeqNo::first(seq);
            self.newest = Some(first);
            return Ok(first);
        };
        let distance = i64::from(seq.distance_from(newest.seq()));
        if (-MISORDER_MAX..=DROPOUT_MAX).contains(&distance) {
            self.restart = None;
            let extended = newest.extend(seq);
            self.newest = Some(newest.max(extended));
            return Ok(extended);
        }
        if self.restart.replace(seq.advanced(1)) != Some(seq) {
            return Err(DropReason::OutOfRange);
        }
        // Two in a row: what waits belongs to a stream that is over.
        self.restart = None;
        self.statistics.restarts += 1;
        while self.give_up_front() {}
        self.break_continuity();
        self.clock.restart();
        // A whole cycle further on, so that numbers grow whatever the new stream begins with.
        let first = ExtSeqNo(newest.0 + (1 << 16)).extend(seq);
        self.newest = Some(first);
        self.next = None;
        Ok(first)
    }

    fn make_room(&mut self, bytes: usize) {
        let is_full = |buffer: &Self| {
            buffer.packets.len() >= buffer.config.packets_max.max(1)
                || buffer.packets.bytes() + bytes > buffer.config.bytes_max
        };
        if is_full(self) {
            self.statistics.overflows += 1;
        }
        while is_full(self) && self.give_up_front() {}
    }

    /// Gives out what is due. To be called until it gives nothing.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        self.now = now;
        loop {
            if self.lost > 0 {
                return Some(Output::Lost { packets: std::mem::take(&mut self.lost) });
            }
            if std::mem::take(&mut self.key_frame_needed) {
                return Some(Output::KeyFrameNeeded);
            }
            let group = self.packets.front(self.is_audio)?;
            let step = self.step(&group);
            if step.at() > now {
                return None;
            }
            match step {
                Step::Give(due) => {
                    if let Some(frame) = self.give(&group, due) {
                        return Some(Output::Frame(frame));
                    }
                }
                Step::Drop(_) => self.drop_group(&group),
                Step::GiveUpGap(_) => self.give_up_gap(&group),
                Step::GiveUpGroup(_) => self.give_up_group(&group),
            }
        }
    }

    /// When to call [`Self::poll`] again if no packet comes before.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.lost > 0 || self.key_frame_needed {
            return Some(Deadline::new(self.now, "jitter buffer: something to tell"));
        }
        let group = self.packets.front(self.is_audio)?;
        Some(match self.step(&group) {
            Step::Give(at) => Deadline::new(at, "jitter buffer: a frame is due"),
            Step::Drop(at) => Deadline::new(at, "jitter buffer: padding"),
            Step::GiveUpGap(at) | Step::GiveUpGroup(at) => {
                Deadline::new(at, "jitter buffer: a packet is lost")
            }
        })
    }

    /// What happens next with the front, and when.
    fn step(&self, group: &Group) -> Step {
        // Whatever timestamps say, nothing is held longer than configured.
        let latest = group.arrived + self.config.delay_max;
        let due = self.clock.due(group.timestamp).map_or(latest, |due| due.min(latest));
        let follows = self.next.is_none_or(|next| next == group.first);
        let starts = group.has_start || self.next == Some(group.first);
        if group.is_padding && follows {
            return Step::Drop(group.arrived);
        }
        if !follows {
            return Step::GiveUpGap(due.max(group.arrived + self.config.loss_wait));
        }
        if group.is_whole() && (self.is_audio || starts) {
            return Step::Give(due);
        }
        Step::GiveUpGroup(due.max(self.packets.gap_seen(group) + self.config.loss_wait))
    }

    /// Takes a whole frame out. None if nobody can make use of it.
    fn give(&mut self, group: &Group, due: Instant) -> Option<Frame> {
        if !self.is_useful(group) {
            self.drop_group(group);
            return None;
        }
        let assembled = self.assemble(group);
        let Ok(data) = assembled else {
            self.statistics.frames_broken += 1;
            self.statistics.frames_dropped += 1;
            self.break_continuity();
            return None;
        };
        self.statistics.frames += 1;
        self.statistics.key_frames += u64::from(group.is_key_frame);
        Some(Frame {
            data,
            timestamp: group.timestamp,
            is_key_frame: group.is_key_frame,
            first: group.first,
            last: group.last,
            arrived: group.arrived,
            due,
        })
    }

    fn assemble(&mut self, group: &Group) -> Result<Vec<u8>, PayloadError> {
        self.next = Some(ExtSeqNo(group.last.0 + 1));
        self.depacketizer.reset();
        let mut packets = self.packets.take(group).filter(|packet| !packet.payload.is_empty());
        packets.try_for_each(|packet| self.depacketizer.push(&packet.payload))?;
        self.depacketizer.finish()
    }

    /// Whether a decoder that has what was given out so far can decode a frame; remembers that it was given out.
    fn is_useful(&mut self, group: &Group) -> bool {
        if self.is_audio {
            return true;
        }
        let PacketSummary { temporal_id, is_switching_point, tl0_picture_index, .. } = group.summary;
        if group.is_key_frame && group.has_start {
            self.continuity = Continuity::intact(tl0_picture_index);
            self.key_frame_asked = None;
            return true;
        }
        match &mut self.continuity {
            Continuity::Broken => {
                self.ask_for_key_frame();
                false
            }
            Continuity::Up { temporal_id_max, .. }
                if temporal_id > *temporal_id_max && !is_switching_point =>
            {
                false
            }
            Continuity::Up { temporal_id_max, tl0_picture_index: tl0 } => {
                // A switching point two layers up says nothing of the layer between.
                if temporal_id == temporal_id_max.saturating_add(1) {
                    *temporal_id_max = temporal_id;
                }
                *tl0 = tl0_picture_index;
                true
            }
        }
    }

    /// What is missing before the front will not come.
    fn give_up_gap(&mut self, group: &Group) {
        let missing = self.next.map_or(0, |next| group.first.0 - next.0);
        self.count_lost(missing);
        self.next = Some(group.first);
        self.continuity = match self.continuity {
            _ if self.is_audio => self.continuity,
            // The lowest layer goes on where it was, so only frames above it are missing.
            Continuity::Up { tl0_picture_index: Some(tl0), .. } if group.continues_lowest_layer(tl0) => {
                Continuity::Up { temporal_id_max: 0, tl0_picture_index: Some(tl0) }
            }
            Continuity::Up { .. } | Continuity::Broken => Continuity::Broken,
        };
        if self.continuity == Continuity::Broken && !group.is_key_frame {
            self.ask_for_key_frame();
        }
    }

    /// What is missing in the front will not come.
    fn give_up_group(&mut self, group: &Group) {
        let here = self.packets.len();
        self.drop_group(group);
        let taken = (here - self.packets.len()) as u64;
        self.count_lost(group.last.0 - group.first.0 + 1 - taken);
        let PacketSummary { temporal_id, tl0_picture_index: of_group, .. } = group.summary;
        match &mut self.continuity {
            _ if group.is_discardable => {}
            Continuity::Up { temporal_id_max, tl0_picture_index }
                if temporal_id > 0 && of_group == *tl0_picture_index && of_group.is_some() =>
            {
                *temporal_id_max = (temporal_id - 1).min(*temporal_id_max);
            }
            Continuity::Up { .. } | Continuity::Broken => self.break_continuity(),
        }
    }

    /// Gives the front up, whether it is whole or not. False if there is none.
    fn give_up_front(&mut self) -> bool {
        let Some(group) = self.packets.front(self.is_audio) else { return false };
        if self.next.is_some_and(|next| next != group.first) {
            self.give_up_gap(&group);
        }
        self.give_up_group(&group);
        true
    }

    fn drop_group(&mut self, group: &Group) {
        drop(self.packets.take(group));
        self.next = Some(ExtSeqNo(group.last.0 + 1));
        self.statistics.frames_dropped += u64::from(!group.is_padding);
    }

    fn count_lost(&mut self, packets: u64) {
        self.lost += packets;
        self.statistics.packets_lost += packets;
    }

    fn break_continuity(&mut self) {
        if !self.is_audio {
            self.continuity = Continuity::Broken;
            self.ask_for_key_frame();
        }
    }

    fn ask_for_key_frame(&mut self) {
        let is_time =
            self.key_frame_asked.is_none_or(|asked| self.now >= asked + self.config.key_frame_interval);
        if is_time {
            self.key_frame_asked = Some(self.now);
            self.key_frame_needed = true;
        }
    }
}

impl Continuity {
    fn intact(tl0_picture_index: Option<u8>) -> Self {
        Self::Up { temporal_id_max: u8::MAX, tl0_picture_index }
    }
}

impl Group {
    /// Whether no frame of the lowest temporal layer is missing between the one with this running number and this group.
    fn continues_lowest_layer(&self, tl0_picture_index: u8) -> bool {
        let expected = tl0_picture_index.wrapping_add(u8::from(self.summary.temporal_id == 0));
        self.has_start && self.summary.tl0_picture_index == Some(expected)
    }
}

/// What to do with the front, from when on.
#[derive(Clone, Copy, Debug)]
enum Step {
    Give(Instant),
    Drop(Instant),
    GiveUpGap(Instant),
    GiveUpGroup(Instant),
}

impl Step {
    fn at(self) -> Instant {
        match self {
            Self::Give(at) | Self::Drop(at) | Self::GiveUpGap(at) | Self::GiveUpGroup(at) => at,
        }
    }
}
