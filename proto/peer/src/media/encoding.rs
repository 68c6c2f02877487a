//! One RTP stream that is sent: where it is, what it did, and what the other side says about it.

use super::history::History;
use super::section::EncodingSpec;
use moim_wire::{ExtSeqNo, RtpTimestamp, SeqNo, Ssrc};
use std::time::{Duration, Instant};

/// Of so many packets of a stream it is known which number of the transport they had.
const NUMBERS_MAX: usize = 1_024;

/// What an encoding has done, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendCounters {
    pub(crate) packets: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) header_bytes: u64,
    pub(crate) retransmitted_packets: u64,
    pub(crate) retransmitted_bytes: u64,
    pub(crate) padding_bytes: u64,
    /// Packets whose payload was not there any more when they were to leave, for the first time or again.
    pub(crate) payloads_gone: u64,
    pub(crate) nacks: u32,
    pub(crate) plis: u32,
    pub(crate) firs: u32,
    pub(crate) frames_marked: u64,
}

/// What the other side has said about an encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RemoteReport {
    pub(crate) fraction_lost: u8,
    pub(crate) packets_lost: i32,
    pub(crate) jitter: u32,
    pub(crate) rtt: Option<Duration>,
    pub(crate) rtt_total: Duration,
    pub(crate) rtt_measurements: u64,
    pub(crate) reports: u64,
}

/// One RTP stream that is sent, with its retransmissions.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) spec: EncodingSpec,
    /// Which transceiver it is of.
    pub(crate) section: u32,
    /// One above the highest number that was used.
    pub(super) next: ExtSeqNo,
    /// Which of the 64 numbers below `next` were used, the highest in the lowest bit.
    used: u64,
    pub(super) rtx_next: ExtSeqNo,
    pub(super) history: History,
    /// The other side knows by now whose stream this is.
    pub(crate) is_known: bool,
    pub(crate) counters: SendCounters,
    pub(crate) remote: Option<RemoteReport>,
    /// The media clock's reading when the latest packet was given, and its rate.
    pub(crate) clock: Option<(RtpTimestamp, Instant, u32)>,
    pub(crate) key_frame_asked: Option<Instant>,
    pub(crate) last_fir: Option<u8>,
    /// Which numbers of the transport packets had, where the other side tells of them by stream.
    pub(super) numbers: Option<Box<[NumberRing; 2]>>,
}

/// The numbers of the transport that the latest packets of a stream had.
#[derive(Debug)]
pub(super) struct NumberRing(Box<[(ExtSeqNo, u64); NUMBERS_MAX]>);

impl NumberRing {
    fn new() -> Self {
        Self(Box::new([(ExtSeqNo(0), 0); NUMBERS_MAX]))
    }

    pub(super) fn insert(&mut self, seq: ExtSeqNo, number: u64) {
        self.0[Self::place(seq)] = (seq, number);
    }

    /// `near`: a number close to the stream's latest.
    fn get(&self, seq: SeqNo, near: ExtSeqNo) -> Option<u64> {
        let seq = near.extend(seq);
        let (kept, number) = self.0[Self::place(seq)];
        (kept == seq && number != 0).then_some(number)
    }

    #[expect(clippy::cast_possible_truncation, reason = "only the lower bits count")]
    fn place(seq: ExtSeqNo) -> usize {
        seq.0 as usize % NUMBERS_MAX
    }
}

impl Encoding {
    /// `seqs`: where the two streams begin. Below 2^15, so that a loss at the beginning does not make the rollover counter
    /// ambiguous (RFC 3711 §3.3.1).
    pub(super) fn new(spec: EncodingSpec, section: u32, seqs: [u16; 2], is_numbered: bool) -> Self {
        let [first, rtx_first] = seqs.map(|seq| ExtSeqNo::first(SeqNo(seq & 0x7FFF)));
        Self {
            spec,
            section,
            next: first,
            used: 0,
            rtx_next: rtx_first,
            history: History::default(),
            is_known: false,
            counters: SendCounters::default(),
            remote: None,
            clock: None,
            key_frame_asked: None,
            last_fir: None,
            numbers: is_numbered.then(|| Box::new([NumberRing::new(), NumberRing::new()])),
        }
    }

    /// Which number of the transport a packet of one of its two streams had.
    pub(super) fn transport_number(&self, ssrc: Ssrc, seq: SeqNo) -> Option<u64> {
        let [media, rtx] = &**self.numbers.as_ref()?;
        if ssrc == self.spec.ssrc { media.get(seq, self.next) } else { rtx.get(seq, self.rtx_next) }
    }

    /// The number of a packet that is the next one, or that its sender has numbered.
    pub(super) fn number(&self, seq: Option<SeqNo>) -> Option<ExtSeqNo> {
        let Some(seq) = seq else { return Some(self.next) };
        if self.used == 0 {
            // A stream begins where its sender says. Streams begin in the second cycle: see `ExtSeqNo`.
            return Some(ExtSeqNo::first(seq));
        }
        let number = self.next.extend(seq);
        if number >= self.next {
            return Some(number);
        }
        let behind = self.next.0 - 1 - number.0;
        (behind < 64 && self.used & (1 << behind) == 0).then_some(number)
    }

    /// A number is used; the highest so far is kept.
    pub(super) fn set_used(&mut self, number: ExtSeqNo) {
        if self.used == 0 {
            (self.next, self.used) = (ExtSeqNo(number.0 + 1), 1);
        } else if number >= self.next {
            let ahead = number.0 + 1 - self.next.0;
            self.used = if ahead >= 64 { 1 } else { (self.used << ahead) | 1 };
            self.next = ExtSeqNo(number.0 + 1);
        } else {
            self.used |= 1 << (self.next.0 - 1 - number.0);
        }
    }
}
