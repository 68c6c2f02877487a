//! RTCP that is sent: reports at intervals, feedback when it is due (RFC 3550 §6, RFC 4585 §3).

use super::encoding::Encoding;
use super::outgoing::Payloads;
use super::receive::{Inbound, Role};
use super::section::CongestionFeedback;
use super::send::SendSection;
use moim_rtp::extension::TransportSequence;
use moim_rtp::feedback::{CcfbRecorder, TwccRecorder};
use moim_rtp::reception::ReportSchedule;
use moim_rtp::rtcp::{Compound, Ecn, FirEntry, Item, ItemKind, OutgoingChunk, ReportBlock, SenderInfo};
use moim_sdp::jsep::TransceiverId;
use moim_wire::{Deadline, ExtSeqNo, NtpTime, RtpTimestamp, Ssrc};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest RTCP packet, in bytes, before protection.
pub(super) const RTCP_LEN_MAX: usize = 1_160;
/// What a report packet holds (RFC 3550 §6.4.1).
const REPORTS_MAX: usize = 31;
/// Most senders that report at a time; the others have their turn.
const SENDER_REPORTS_MAX: usize = 8;
/// A key frame is asked for at most so often.
pub(super) const KEY_FRAME_PAUSE: Duration = Duration::from_millis(250);

/// What RTCP is about to say.
#[derive(Debug)]
pub(super) struct RtcpOut {
    cname: String,
    /// By what this side reports while it sends nothing.
    receiver_ssrc: Ssrc,
    schedule: ReportSchedule,
    is_reduced_size: bool,
    pub(super) feedback: Recorder,
    /// Streams that miss packets.
    missing: BTreeSet<u32>,
    missing_due: Option<Instant>,
    /// Streams of which a key frame is wanted.
    key_frames: BTreeSet<u32>,
    byes: Vec<Ssrc>,
    /// Whose turn it is to be reported on, and to report.
    stream_turn: usize,
    encoding_turn: usize,
}

/// What is recorded for the other side's congestion control.
#[derive(Debug)]
pub(super) enum Recorder {
    None,
    /// By numbers of the transport, once a packet has one: who only sends needs no more.
    Waiting,
    Twcc(Box<TwccRecorder>),
    Ccfb(Box<CcfbRecorder>),
}

/// What RTCP is made of.
pub(super) struct Sources<'a> {
    pub(super) inbound: &'a mut Inbound,
    pub(super) encodings: &'a [Encoding],
    pub(super) senders: &'a [Option<Box<SendSection>>],
    /// Where it may be said what media clocks read.
    pub(super) source: &'a dyn Payloads,
    pub(super) wall: NtpTime,
}

impl RtcpOut {
    pub(super) fn new(cname: String, receiver_ssrc: Ssrc, seed: [u8; 32], now: Instant) -> Self {
        Self {
            cname,
            receiver_ssrc,
            schedule: ReportSchedule::new(ReportSchedule::VIDEO, seed, now),
            is_reduced_size: false,
            feedback: Recorder::None,
            missing: BTreeSet::new(),
            missing_due: None,
            key_frames: BTreeSet::new(),
            byes: Vec::new(),
            stream_turn: 0,
            encoding_turn: 0,
        }
    }

    /// What was negotiated about it.
    pub(super) fn configure(&mut self, is_reduced_size: bool, feedback: CongestionFeedback, now: Instant) {
        self.is_reduced_size = is_reduced_size;
        match (feedback, &self.feedback) {
            (CongestionFeedback::Twcc, Recorder::None) => self.feedback = Recorder::Waiting,
            (CongestionFeedback::Ccfb, Recorder::None) => {
                self.feedback = Recorder::Ccfb(Box::new(CcfbRecorder::new(now)));
            }
            _ => {}
        }
    }

    /// A packet has arrived, as far as congestion control minds.
    #[inline]
    pub(super) fn on_packet(
        &mut self,
        sequence: Option<TransportSequence>,
        ssrc: Ssrc,
        seq: ExtSeqNo,
        now: Instant,
    ) {
        match (&mut self.feedback, sequence) {
            (Recorder::Twcc(recorder), Some(sequence)) => recorder.on_packet(sequence, now),
            (Recorder::Waiting, Some(sequence)) => {
                let mut recorder = Box::new(TwccRecorder::new(now));
                recorder.on_packet(sequence, now);
                self.feedback = Recorder::Twcc(recorder);
            }
            (Recorder::Ccfb(recorder), _) => {
                recorder.on_packet(ssrc, seq, Ecn::NotCapable, now);
            }
            (Recorder::Twcc(_) | Recorder::Waiting | Recorder::None, _) => {}
        }
    }

    /// A stream misses packets, which are to be asked for then.
    #[inline]
    pub(super) fn on_missing(&mut self, stream: u32, due: Instant) {
        if self.missing_due.is_none_or(|before| due < before) {
            self.missing_due = Some(due);
        }
        self.missing.insert(stream);
    }

    /// A key frame of a stream is wanted.
    pub(super) fn want_key_frame(&mut self, stream: u32) {
        self.key_frames.insert(stream);
    }

    /// A stream of this side's ends.
    pub(super) fn bye(&mut self, ssrc: Ssrc) {
        if self.byes.len() < REPORTS_MAX {
            self.byes.push(ssrc);
        }
    }

    /// `passed`: a moment that has passed.
    pub(super) fn poll_timeout(&self, passed: Instant) -> Option<Deadline> {
        if !self.key_frames.is_empty() || !self.byes.is_empty() {
            return Some(Deadline::new(passed, "rtcp"));
        }
        let missing = self.missing_due.map(|at| Deadline::new(at, "missing packets"));
        Deadline::soonest(Deadline::soonest(self.feedback_due(), missing), Some(self.schedule.poll_timeout()))
    }

    fn feedback_due(&self) -> Option<Deadline> {
        match &self.feedback {
            Recorder::None | Recorder::Waiting => None,
            Recorder::Twcc(recorder) => recorder.poll_timeout(),
            Recorder::Ccfb(recorder) => recorder.poll_timeout(),
        }
    }

    /// Whether there is something to be said. Asked before each packet of media: the soonest of all is not needed for that.
    #[inline]
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.key_frames.is_empty()
            || !self.byes.is_empty()
            || self.missing_due.is_some_and(|due| due <= now)
            || self.schedule.poll_timeout().at <= now
            || self.feedback_due().is_some_and(|deadline| deadline.at <= now)
    }

    /// Writes what is due, in one packet. [`None`]: nothing.
    pub(super) fn poll(&mut self, out: &mut [u8], sources: Sources<'_>, now: Instant) -> Option<usize> {
        let mut sources = sources;
        let len_max = out.len().min(RTCP_LEN_MAX);
        let mut compound = Compound::new(&mut out[..len_max]);
        let sender = sources.encodings.iter().find(|encoding| encoding.clock.is_some());
        let sender = sender.map_or(self.receiver_ssrc, |encoding| encoding.spec.ssrc);
        if self.schedule.poll(now) {
            self.reports(&mut compound, &mut sources, now);
        } else if !self.is_reduced_size {
            // RFC 4585 §3.1: feedback goes behind a report and a description, short as they may be.
            let _ = compound.receiver_report(sender, &[]);
            self.describe(&mut compound, sender);
        }
        // What does not fit has its turn with the next packet.
        let _ = self.write_feedback(&mut compound, &mut sources, sender, now);
        let len = compound.len();
        (len > 0).then_some(len)
    }

    /// RFC 3550 §6.4: each sender reports; reports on what is received go with the first.
    fn reports(&mut self, compound: &mut Compound<'_>, sources: &mut Sources<'_>, now: Instant) {
        let mut blocks = [EMPTY_BLOCK; REPORTS_MAX];
        let count = self.report_blocks(&mut blocks, sources.inbound, now);
        let mut blocks = &blocks[..count];
        let total = sources.encodings.len();
        let (mut first, mut written) = (None, 0);
        for step in 0..total {
            let Some(info) = sources.sender_info((self.encoding_turn + step) % total, now) else { continue };
            if written >= SENDER_REPORTS_MAX || compound.sender_report(&info, blocks).is_err() {
                self.encoding_turn = (self.encoding_turn + step) % total;
                break;
            }
            (blocks, written) = (&[], written + 1);
            first = first.or(Some(info.ssrc));
        }
        if first.is_none() {
            // There is room: the packet is empty.
            let _ = compound.receiver_report(self.receiver_ssrc, blocks);
        }
        self.describe(compound, first.unwrap_or(self.receiver_ssrc));
    }

    fn describe(&self, compound: &mut Compound<'_>, ssrc: Ssrc) {
        let items = [Item { kind: ItemKind::CNAME, text: self.cname.as_bytes() }];
        // Without it the packet is still understood.
        let _ = compound.source_description(&[OutgoingChunk { ssrc, items: &items }]);
    }

    /// Reports on the streams whose turn it is, of those that have brought something since their last one.
    fn report_blocks(
        &mut self,
        blocks: &mut [ReportBlock; REPORTS_MAX],
        inbound: &mut Inbound,
        now: Instant,
    ) -> usize {
        let total = inbound.streams.len();
        let mut count = 0;
        for step in 0..total {
            if count >= REPORTS_MAX {
                self.stream_turn = (self.stream_turn + step) % total;
                break;
            }
            let index = (self.stream_turn + step) % total;
            let Some(stream) = inbound.streams[index].as_deref_mut() else { continue };
            let (ssrc, Role::Media(media)) = (stream.ssrc, &mut stream.role) else { continue };
            if media.reported_packets == media.counters.packets {
                continue;
            }
            media.reported_packets = media.counters.packets;
            if let Some(block) = media.reception.as_mut().and_then(|reception| reception.report(ssrc, now)) {
                blocks[count] = block;
                count += 1;
            }
        }
        count
    }

    fn write_feedback(
        &mut self,
        compound: &mut Compound<'_>,
        sources: &mut Sources<'_>,
        sender: Ssrc,
        now: Instant,
    ) -> Result<(), moim_wire::OutOfSpace> {
        if !self.byes.is_empty() {
            compound.bye(&self.byes, None)?;
            self.byes.clear();
        }
        while let Some(&stream) = self.key_frames.first() {
            if let Some((media, ssrc)) = sources.inbound.media_mut(stream) {
                let (has_pli, has_fir) =
                    media.format.map_or((false, false), |format| (format.has_pli, format.has_fir));
                if has_pli {
                    compound.picture_loss(sender, ssrc)?;
                    media.counters.plis += 1;
                } else if has_fir {
                    let request = media.fir_number.wrapping_add(1);
                    compound.full_intra_request(sender, &[FirEntry { ssrc, request }])?;
                    media.fir_number = request;
                    media.counters.firs += 1;
                }
            }
            self.key_frames.remove(&stream);
        }
        self.ask_for_missing(compound, sources, sender, now)?;
        match &mut self.feedback {
            Recorder::None | Recorder::Waiting => {}
            Recorder::Twcc(recorder) => {
                // It speaks of the transport; some stacks want to see a stream that they know.
                let media =
                    sources.inbound.streams.iter().flatten().next().map_or(Ssrc(0), |stream| stream.ssrc);
                recorder.poll_feedback(compound, sender, media, now)?;
            }
            Recorder::Ccfb(recorder) => {
                recorder.poll_feedback(compound, sender, sources.wall, now)?;
            }
        }
        Ok(())
    }

    fn ask_for_missing(
        &mut self,
        compound: &mut Compound<'_>,
        sources: &mut Sources<'_>,
        sender: Ssrc,
        now: Instant,
    ) -> Result<(), moim_wire::OutOfSpace> {
        if self.missing_due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let mut due: Option<Instant> = None;
        let mut done = Ok(());
        self.missing.retain(|stream| {
            let Some((media, ssrc)) = sources.inbound.media_mut(*stream) else { return false };
            let Some(nack) = &mut media.nack else { return false };
            match nack.poll_request(compound, sender, ssrc, now) {
                Ok(0) => {}
                Ok(_) => media.counters.nacks += 1,
                Err(error) => done = Err(error),
            }
            let is_recent = |at: Instant| now.saturating_duration_since(at) < KEY_FRAME_PAUSE;
            let next = nack.poll_timeout().map(|deadline| deadline.at);
            if nack.take_unrecoverable() && !media.key_frame_asked.is_some_and(is_recent) {
                media.key_frame_asked = Some(now);
                self.key_frames.insert(*stream);
            }
            due = due.into_iter().chain(next).min();
            next.is_some()
        });
        self.missing_due = due;
        done
    }
}

const EMPTY_BLOCK: ReportBlock = ReportBlock {
    ssrc: Ssrc(0),
    fraction_lost: 0,
    cumulative_lost: 0,
    highest_seq: 0,
    jitter: 0,
    last_sender_report: 0,
    delay_since: 0,
};

impl Sources<'_> {
    /// What an encoding has sent, and which moments its media clock means. [`None`]: it has sent nothing yet.
    fn sender_info(&self, index: usize, now: Instant) -> Option<SenderInfo> {
        let encoding = self.encodings.get(index)?;
        let (timestamp, at, clock_rate) = encoding.clock?;
        let timestamp = self.media_clock(index, encoding, clock_rate).unwrap_or_else(|| {
            let since = now.saturating_duration_since(at);
            timestamp.advanced(wrapped(since.as_nanos() * u128::from(clock_rate) / 1_000_000_000))
        });
        Some(SenderInfo {
            ssrc: encoding.spec.ssrc,
            ntp: self.wall,
            timestamp,
            packets: wrapped(u128::from(encoding.counters.packets)),
            octets: wrapped(u128::from(encoding.counters.payload_bytes)),
        })
    }

    /// What an encoding's media clock reads now, where that is said elsewhere.
    fn media_clock(&self, index: usize, encoding: &Encoding, clock_rate: u32) -> Option<RtpTimestamp> {
        let section = self.senders.get(encoding.section as usize)?.as_deref()?;
        let place = section.encodings.iter().position(|other| *other as usize == index)?;
        let (ntp, timestamp) = self.source.clock(TransceiverId(encoding.section), place)?;
        // Both are seconds with 32 bits behind the point, and the moment may be ahead.
        let ticks = |later: NtpTime, earlier: NtpTime| {
            wrapped((u128::from(later.0 - earlier.0) * u128::from(clock_rate)) >> 32)
        };
        Some(if self.wall >= ntp {
            timestamp.advanced(ticks(self.wall, ntp))
        } else {
            RtpTimestamp(timestamp.0.wrapping_sub(ticks(ntp, self.wall)))
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the field wraps (RFC 3550 §6.4.1)")]
fn wrapped(count: u128) -> u32 {
    count as u32
}
