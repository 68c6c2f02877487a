//! The packets of an encoding, kept for a while.

use crate::facts::Facts;
use crate::packet::RAW_LEN_MAX;
use moim_rtp::ExtensionValues;
use moim_rtp::extension::RawRange;
use moim_wire::ExtSeqNo;
use std::fmt;
use std::time::{Duration, Instant};

/// Most packets that an encoding's ring has: a power of two. It is a second of 12 Mbit/s.
pub const RING_PACKETS_MAX: usize = 1_024;
/// Most bytes that it has.
pub const RING_BYTES_MAX: usize = 2 << 20;
/// Longest payload that is forwarded, in bytes.
pub const PAYLOAD_LEN_MAX: usize = 1_500;
/// How long packets should stay: as long as the ring may grow for it. It is what a subscriber may ask for again.
const AGE_WANTED: Duration = Duration::from_secs(1);
const PACKETS_FIRST: usize = 32;
const BYTES_FIRST: usize = 16 << 10;

/// A ring of packets by number. Bytes lie in a second ring, one packet after the other, in the order in which they came.
///
/// Both grow until they hold what comes in a second.
pub(crate) struct Ring {
    entries: Vec<Option<Entry>>,
    newest: ExtSeqNo,
    bytes: Vec<u8>,
    /// How many bytes have been written, those included that were left free at the end of the buffer.
    written: u64,
    /// When the rings were at the beginning of their present turn.
    packets_turn: Turn,
    bytes_turn: Turn,
}

/// A packet in the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) facts: Facts,
    pub(crate) extensions: ExtensionValues,
    /// Where its bytes begin, counted over all that were ever written.
    start: u64,
    payload_len: u16,
    raw_len: u16,
}

/// How long it takes to go round.
#[derive(Clone, Copy, Debug)]
struct Turn {
    since: Option<Instant>,
    from: u64,
}

/// Why a packet is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// It is there.
    Duplicate,
    /// Newer ones have its place.
    TooOld,
    /// It is longer than [`PAYLOAD_LEN_MAX`].
    TooLong,
}

impl Ring {
    pub(crate) fn new() -> Self {
        let turn = Turn { since: None, from: 0 };
        Self {
            entries: Vec::new(),
            newest: ExtSeqNo(0),
            bytes: Vec::new(),
            written: 0,
            packets_turn: turn,
            bytes_turn: turn,
        }
    }

    /// Forgets everything but which number was the newest, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.entries.fill(None);
    }

    pub(crate) fn newest(&self) -> ExtSeqNo {
        self.newest
    }

    /// Whether a packet can be kept.
    pub(crate) fn check(&self, seq: ExtSeqNo, payload_len: usize) -> Result<(), NotKept> {
        if payload_len > PAYLOAD_LEN_MAX {
            return Err(NotKept::TooLong);
        }
        if self.newest.0.saturating_sub(seq.0) >= self.entries.len().max(PACKETS_FIRST) as u64 {
            return Err(NotKept::TooOld);
        }
        let present = self.entries.get(self.place(seq)).copied().flatten();
        match present {
            Some(entry) if entry.facts.seq == seq => Err(NotKept::Duplicate),
            _ => Ok(()),
        }
    }

    /// Keeps a packet that was [checked](Self::check). `packet` is what its extensions' places are in.
    pub(crate) fn insert(
        &mut self,
        facts: &Facts,
        extensions: &ExtensionValues,
        packet: &[u8],
        payload: &[u8],
        now: Instant,
    ) {
        self.grow(facts.seq, now);
        let mut kept = without_what_is_of_a_connection(extensions);
        let raw_len = raw_len(&kept, packet);
        let start = self.make_space(payload.len() + raw_len);
        let at = self.position(start);
        self.bytes[at..at + payload.len()].copy_from_slice(payload);
        let raw = &mut self.bytes[at + payload.len()..at + payload.len() + raw_len];
        copy_long_values(&mut kept, packet, raw);
        let place = self.place(facts.seq);
        self.entries[place] = Some(Entry {
            facts: *facts,
            extensions: kept,
            start,
            payload_len: u16::try_from(payload.len()).unwrap_or(u16::MAX),
            raw_len: u16::try_from(raw_len).unwrap_or(u16::MAX),
        });
        self.newest = self.newest.max(facts.seq);
    }

    /// A packet, its payload and the bytes of its long extensions.
    pub(crate) fn find(&self, seq: ExtSeqNo) -> Option<(&Entry, &[u8], &[u8])> {
        let entry = self.entries.get(self.place(seq))?.as_ref()?;
        let is_overwritten = self.written - entry.start > self.bytes.len() as u64;
        if entry.facts.seq != seq || is_overwritten {
            return None;
        }
        let at = self.position(entry.start);
        let (payload, behind) = self.bytes.get(at..)?.split_at_checked(usize::from(entry.payload_len))?;
        Some((entry, payload, behind.get(..usize::from(entry.raw_len))?))
    }

    /// A packet is something else than was known when it came.
    pub(crate) fn correct(&mut self, facts: &Facts) {
        let place = self.place(facts.seq);
        if let Some(entry) = self.entries.get_mut(place).and_then(Option::as_mut)
            && entry.facts.seq == facts.seq
        {
            entry.facts = *facts;
        }
    }

    /// What a packet is, and how long its payload.
    pub(crate) fn facts(&self, seq: ExtSeqNo) -> Option<(Facts, u16)> {
        let (entry, _, _) = self.find(seq)?;
        Some((entry.facts, entry.payload_len))
    }

    /// Bytes of memory, for statistics.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Option<Entry>>()
    }

    fn place(&self, seq: ExtSeqNo) -> usize {
        modulo(seq.0, self.entries.len())
    }

    fn position(&self, start: u64) -> usize {
        modulo(start, self.bytes.len())
    }

    /// Room for so many bytes in a row. Says where.
    fn make_space(&mut self, len: usize) -> u64 {
        let left = self.bytes.len() - self.position(self.written);
        if left < len {
            self.written += left as u64;
        }
        let start = self.written;
        self.written += len as u64;
        start
    }

    /// Doubles a ring that goes round too fast.
    fn grow(&mut self, seq: ExtSeqNo, now: Instant) {
        if self.entries.is_empty() {
            self.entries = vec![None; PACKETS_FIRST];
            self.bytes = vec![0; BYTES_FIRST];
        }
        let (packets, bytes) = (self.entries.len() as u64, self.bytes.len() as u64);
        if self.packets_turn.is_too_short(seq.0, packets, now) && self.entries.len() < RING_PACKETS_MAX {
            let before = std::mem::take(&mut self.entries);
            self.entries = vec![None; before.len() * 2];
            for entry in before.into_iter().flatten() {
                let place = self.place(entry.facts.seq);
                self.entries[place] = Some(entry);
            }
        }
        if self.bytes_turn.is_too_short(self.written, bytes, now) && self.bytes.len() < RING_BYTES_MAX {
            self.move_bytes();
        }
    }

    /// To a buffer twice as long.
    fn move_bytes(&mut self) {
        let len = self.bytes.len() as u64;
        let longer = vec![0; self.bytes.len() * 2];
        let before = std::mem::replace(&mut self.bytes, longer);
        let mut order: Vec<_> = (0..self.entries.len())
            .filter_map(|place| Some((self.entries[place]?.start, place)))
            .filter(|(start, _)| self.written - start <= len)
            .collect();
        order.sort_unstable();
        let live_from = order.first().map_or(self.written, |(start, _)| *start);
        for entry in &mut self.entries {
            entry.take_if(|entry| entry.start < live_from);
        }
        self.written = 0;
        for (start, place) in order {
            let Some(mut entry) = self.entries[place] else { continue };
            let entry_len = usize::from(entry.payload_len) + usize::from(entry.raw_len);
            let from = modulo(start, before.len());
            entry.start = self.make_space(entry_len);
            let to = self.position(entry.start);
            self.bytes[to..to + entry_len].copy_from_slice(&before[from..from + entry_len]);
            self.entries[place] = Some(entry);
        }
        self.bytes_turn = Turn { since: None, from: 0 };
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What people say and show is nobody's to print.
        f.debug_struct("Ring").field("newest", &self.newest).finish_non_exhaustive()
    }
}

impl Turn {
    /// Whether half a turn took less time than it should. `at` counts on and on; a turn is `len` of it.
    fn is_too_short(&mut self, at: u64, len: u64, now: Instant) -> bool {
        let Some(since) = self.since else {
            *self = Self { since: Some(now), from: at };
            return false;
        };
        if at.saturating_sub(self.from) < len / 2 {
            return false;
        }
        *self = Self { since: Some(now), from: at };
        now.saturating_duration_since(since) < AGE_WANTED / 2
    }
}

/// A place in a ring, whose length is a power of two, or 0 before it is there.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is a multiple of the length")]
fn modulo(number: u64, len: usize) -> usize {
    number as usize & len.saturating_sub(1)
}

/// Names of streams and numbers of transports are those of the connection by which it came.
fn without_what_is_of_a_connection(extensions: &ExtensionValues) -> ExtensionValues {
    ExtensionValues {
        mid: None,
        rid: None,
        repaired_rid: None,
        transport_sequence: None,
        abs_send_time: None,
        transmission_offset: None,
        layers_allocation: None,
        ..*extensions
    }
}

fn raw_len(extensions: &ExtensionValues, packet: &[u8]) -> usize {
    let len = |range: Option<RawRange>| range.and_then(|range| range.of(packet)).map_or(0, <[u8]>::len);
    (len(extensions.dependency_descriptor) + len(extensions.color_space)).min(RAW_LEN_MAX)
}

/// Moves the bytes of long values to `raw`, and lets the values refer to it.
fn copy_long_values(extensions: &mut ExtensionValues, packet: &[u8], raw: &mut [u8]) {
    let mut used = 0;
    for value in [&mut extensions.dependency_descriptor, &mut extensions.color_space] {
        *value = value.and_then(|range| {
            let bytes = range.of(packet)?;
            raw.get_mut(used..used + bytes.len())?.copy_from_slice(bytes);
            let moved = RawRange::new(used, bytes.len());
            used += bytes.len();
            moved
        });
    }
}

#[cfg(test)]
mod tests;
