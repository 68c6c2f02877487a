//! What a receiver misses, and when it asks for it (RFC 4585 §6.2.1).

use crate::rtcp::Compound;
use moim_wire::{Deadline, ExtSeqNo, OutOfSpace, SeqNo, Ssrc};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets of one stream that are asked for at a time. When more are missing, the oldest are given up.
pub const MISSING_MAX: usize = 512;

/// How patiently missing packets are asked for.
#[derive(Clone, Copy, Debug)]
pub struct NackConfig {
    /// How long a packet may be late before it is missing: the network changes the order of packets, too.
    pub reordering: Duration,
    /// How often a packet is asked for.
    pub tries_max: u8,
    /// After that time nobody waits for a packet any more.
    pub age_max: Duration,
}

impl Default for NackConfig {
    fn default() -> Self {
        Self { reordering: Duration::from_millis(5), tries_max: 10, age_max: Duration::from_secs(1) }
    }
}

/// Watches the sequence numbers of a stream for gaps, and asks for what is missing, once in a round-trip time.
#[derive(Clone, Debug)]
pub struct NackGenerator {
    config: NackConfig,
    highest: Option<ExtSeqNo>,
    /// In the order of their numbers.
    missing: VecDeque<Missing>,
    resend_after: Duration,
    /// Not later than the first of them is due.
    due: Option<Instant>,
    given_up: u64,
    has_new_gap: bool,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    seq: ExtSeqNo,
    noticed: Instant,
    due: Instant,
    tries: u8,
}

/// Before the round-trip time is known.
const RTT_AT_FIRST: Duration = Duration::from_millis(100);
/// A packet sent again takes as long as any, and network and pacer vary.
const RESEND_MIN: Duration = Duration::from_millis(20);
const RESEND_MAX: Duration = Duration::from_millis(500);

impl NackGenerator {
    /// A generator that has seen no packet.
    pub fn new(config: NackConfig) -> Self {
        Self {
            config,
            highest: None,
            missing: VecDeque::new(),
            resend_after: RTT_AT_FIRST,
            due: None,
            given_up: 0,
            has_new_gap: false,
        }
    }

    /// How long an answer takes.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.resend_after = (rtt + rtt / 4).clamp(RESEND_MIN, RESEND_MAX);
    }

    /// A packet has arrived, whether by itself or by its repair.
    pub fn on_packet(&mut self, seq: ExtSeqNo, now: Instant) {
        match self.highest {
            Some(highest) if seq <= highest => {
                if let Ok(at) = self.missing.binary_search_by_key(&seq, |missing| missing.seq) {
                    self.missing.remove(at);
                }
                return;
            }
            Some(highest) => self.notice_gap(highest.0 + 1..seq.0, now),
            // Nothing before the first packet is missing.
            None => {}
        }
        self.highest = Some(seq);
    }

    fn notice_gap(&mut self, gap: std::ops::Range<u64>, now: Instant) {
        let len = gap.end - gap.start;
        if len == 0 {
            return;
        }
        // Of a gap too long to fill only the end is asked for.
        let kept = gap.end.saturating_sub(MISSING_MAX as u64).max(gap.start)..gap.end;
        self.give_up(kept.start - gap.start);
        let due = now + self.config.reordering;
        for seq in kept {
            if self.missing.len() >= MISSING_MAX {
                self.missing.pop_front();
                self.give_up(1);
            }
            self.missing.push_back(Missing { seq: ExtSeqNo(seq), noticed: now, due, tries: 0 });
        }
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn give_up(&mut self, count: u64) {
        self.given_up += count;
        self.has_new_gap |= count > 0;
    }

    /// Asks for what is missing and due, in one NACK of `media`, as much as fits; hands out how many packets.
    ///
    /// [`OutOfSpace`] if none fits, though some are due.
    pub fn poll_request(
        &mut self,
        out: &mut Compound<'_>,
        sender: Ssrc,
        media: Ssrc,
        now: Instant,
    ) -> Result<usize, OutOfSpace> {
        if self.due.is_none_or(|due| due > now) {
            return Ok(0);
        }
        self.drop_hopeless(now);
        let due = self.missing.iter().filter(|missing| missing.due <= now);
        let mut seqs = due.map(|missing| missing.seq.seq()).peekable();
        let requested = if seqs.peek().is_some() { out.nack(sender, media, seqs)? } else { 0 };
        for missing in self.missing.iter_mut().filter(|missing| missing.due <= now).take(requested) {
            missing.tries += 1;
            missing.due = now + self.resend_after;
        }
        self.due = self.missing.iter().map(|missing| missing.due).min();
        Ok(requested)
    }

    fn drop_hopeless(&mut self, now: Instant) {
        let before = self.missing.len();
        let NackConfig { tries_max, age_max, .. } = self.config;
        self.missing.retain(|missing| {
            let is_answerable = missing.tries < tries_max || missing.due > now;
            is_answerable && now.saturating_duration_since(missing.noticed) < age_max
        });
        self.give_up((before - self.missing.len()) as u64);
    }

    /// When to ask again.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.due.map(|due| Deadline::new(due, "missing packets"))
    }

    /// Which packets are missing and still hoped for.
    pub fn missing(&self) -> impl Iterator<Item = SeqNo> + '_ {
        self.missing.iter().map(|missing| missing.seq.seq())
    }

    /// How many packets have been given up.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Whether packets have been given up since this was last asked: a decoder needs a key frame now.
    pub fn take_unrecoverable(&mut self) -> bool {
        std::mem::take(&mut self.has_new_gap)
    }
}
