use super::ssrc;
use crate::ParseError;
use moim_wire::{OutOfSpace, Reader, SeqNo, Ssrc, Writer};

/// When packets of a transport arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twcc<'a> {
    /// Who received them.
    pub sender: Ssrc,
    /// One of the streams they belong to; nobody looks at it.
    pub media: Ssrc,
    /// Where it begins.
    pub base: TwccBase,
    count: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// Where transport feedback begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwccBase {
    /// The first packet it speaks of.
    pub seq: SeqNo,
    /// The moment that arrivals are told from: 24 bits in units of 64 ms, from an arbitrary beginning. It wraps.
    pub reference_time: u32,
    /// One more than in the last feedback; it wraps.
    pub feedback_count: u8,
}

impl<'a> Twcc<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let (sender, media) = (ssrc(reader)?, ssrc(reader)?);
        let seq = SeqNo(reader.u16().ok_or(ParseError::TooShort)?);
        let count = reader.u16().ok_or(ParseError::TooShort)?;
        let time = reader.u32().ok_or(ParseError::TooShort)?;
        let base = TwccBase { seq, reference_time: time >> 8, feedback_count: (time & 0xFF) as u8 };
        let body = reader.rest();
        let (mut chunks_len, mut deltas_len, mut announced) = (0, 0, 0);
        while announced < usize::from(count) {
            let chunk = Chunk(reader.u16().ok_or(ParseError::TooShort)?);
            chunks_len += 2;
            // What a chunk says beyond the last packet does not count.
            let len = chunk.len().min(usize::from(count) - announced);
            deltas_len += chunk.deltas_len(len).ok_or(ParseError::Content)?;
            announced += len;
        }
        let (chunks, rest) = body.split_at(chunks_len);
        let deltas = rest.get(..deltas_len).ok_or(ParseError::TooShort)?;
        Ok(Self { sender, media, base, count, chunks, deltas })
    }

    /// How many packets it speaks of.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The packets in the order of their numbers: for each that arrived, when: in units of 250 µs after the reference time, possibly before
    /// it.
    pub fn statuses(&self) -> impl Iterator<Item = (SeqNo, Option<i64>)> + use<'a> {
        let (chunks, mut deltas) = (self.chunks.as_chunks().0, Reader::new(self.deltas));
        let symbols = chunks.iter().map(|chunk| Chunk(u16::from_be_bytes(*chunk))).flat_map(Chunk::symbols);
        let mut at = 0;
        let base = self.base.seq;
        (0..self.count).zip(symbols).map(move |(offset, symbol)| {
            let delta = match symbol {
                Symbol::Lost => None,
                Symbol::Small => deltas.u8().map(i64::from),
                Symbol::Large => deltas.u16().map(|delta| i64::from(delta.cast_signed())),
            };
            let arrival = delta.map(|delta| {
                at += delta;
                at
            });
            (base.advanced(offset), arrival)
        })
    }
}

/// What a chunk says about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Symbol {
    /// It did not arrive.
    Lost = 0,
    /// It arrived, and one byte says when.
    Small = 1,
    /// It arrived, and two bytes with sign say when.
    Large = 2,
}

impl Symbol {
    fn of(status: Option<i16>) -> Self {
        match status {
            None => Self::Lost,
            Some(0..=255) => Self::Small,
            Some(_) => Self::Large,
        }
    }

    fn delta_len(self) -> usize {
        self as usize
    }
}

/// Sixteen bits that say what became of several packets.
#[derive(Clone, Copy)]
struct Chunk(u16);

/// The most packets of one run: 13 bits.
const RUN_MAX: u16 = 0x1FFF;
/// Packets in a vector of one bit each, received or not.
const NARROW_LEN: usize = 14;
/// Packets in a vector of two bits each.
const WIDE_LEN: usize = 7;

impl Chunk {
    fn is_vector(self) -> bool {
        self.0 & 0x8000 != 0
    }

    fn is_wide(self) -> bool {
        self.0 & 0x4000 != 0
    }

    /// How many packets it speaks of.
    fn len(self) -> usize {
        match (self.is_vector(), self.is_wide()) {
            (true, true) => WIDE_LEN,
            (true, false) => NARROW_LEN,
            (false, _) => usize::from(self.0 & RUN_MAX),
        }
    }

    /// Packet by packet. The reserved symbol, which [`Chunk::deltas_len`] refuses, is taken for a loss.
    fn symbols(self) -> impl Iterator<Item = Symbol> {
        (0..self.len()).map(move |at| self.symbol(at).unwrap_or(Symbol::Lost))
    }

    fn symbol(self, at: usize) -> Option<Symbol> {
        let bits = match (self.is_vector(), self.is_wide()) {
            (true, true) => self.0 >> (12 - 2 * at),
            (true, false) => (self.0 >> (13 - at)) & 1,
            (false, _) => self.0 >> 13,
        };
        match bits & 0x03 {
            0 => Some(Symbol::Lost),
            1 => Some(Symbol::Small),
            2 => Some(Symbol::Large),
            _ => None,
        }
    }

    /// How many bytes of times belong to the first `len` packets of it. [`None`] if a symbol is reserved.
    fn deltas_len(self, len: usize) -> Option<usize> {
        if !self.is_vector() {
            return Some(self.symbol(0)?.delta_len() * len);
        }
        (0..len).map(|at| self.symbol(at).map(Symbol::delta_len)).sum()
    }
}

/// Writes the feedback behind its SSRCs. The packets are walked twice: chunks come before times. How many fitted is handed out.
pub(super) fn write(
    out: &mut Writer<'_>,
    base: TwccBase,
    statuses: impl Iterator<Item = Option<i16>> + Clone,
) -> Result<usize, OutOfSpace> {
    out.u16(base.seq.0)?;
    let count_at = out.len();
    out.u16(0)?;
    out.u32((base.reference_time << 8) | u32::from(base.feedback_count))?;
    // What comes behind is padded to whole words, of which packets before consist as well.
    let room = out.remaining() / 4 * 4;
    let (mut pending, mut chunks_len, mut deltas_len, mut count) = (Pending::new(), 0, 0, 0_u16);
    for symbol in statuses.clone().map(Symbol::of) {
        let flushes = pending.flushes_for(symbol);
        // The chunks so far, the one that is pending, and the times.
        let len = chunks_len + 2 * flushes + 2 + deltas_len + symbol.delta_len();
        if len > room || count == u16::MAX {
            break;
        }
        while !pending.takes(symbol) {
            out.u16(pending.flush())?;
            chunks_len += 2;
        }
        pending.push(symbol);
        deltas_len += symbol.delta_len();
        count += 1;
    }
    if count == 0 {
        return Err(OutOfSpace);
    }
    out.u16(pending.flush_last())?;
    out.patch_u16(count_at, count);
    for delta in statuses.take(usize::from(count)).flatten() {
        match u8::try_from(delta) {
            Ok(small) => out.u8(small)?,
            Err(_) => out.u16(delta.cast_unsigned())?,
        }
    }
    Ok(usize::from(count))
}

/// Packets that no chunk has been written for yet. They always fit into one.
#[derive(Clone, Copy)]
struct Pending {
    /// The first of them; those of a longer run are all the same.
    symbols: [Symbol; NARROW_LEN],
    len: usize,
    is_run: bool,
    has_large: bool,
}

impl Pending {
    fn new() -> Self {
        Self { symbols: [Symbol::Lost; NARROW_LEN], len: 0, is_run: true, has_large: false }
    }

    /// Whether one chunk could still speak of all of them and of this one.
    fn takes(&self, symbol: Symbol) -> bool {
        let fits_wide = self.len < WIDE_LEN;
        let fits_narrow = self.len < NARROW_LEN && !self.has_large && symbol != Symbol::Large;
        let fits_run = self.is_run && self.symbols[0] == symbol && self.len < usize::from(RUN_MAX);
        fits_wide || fits_narrow || fits_run
    }

    /// How many chunks have to be written before it takes this one.
    fn flushes_for(&self, symbol: Symbol) -> usize {
        let (mut copy, mut flushes) = (*self, 0);
        while !copy.takes(symbol) {
            copy.flush();
            flushes += 1;
        }
        flushes
    }

    fn push(&mut self, symbol: Symbol) {
        self.is_run &= self.len == 0 || self.symbols[0] == symbol;
        self.has_large |= symbol == Symbol::Large;
        if let Some(place) = self.symbols.get_mut(self.len) {
            *place = symbol;
        }
        self.len += 1;
    }

    /// The chunk for the first of them, as many as it can speak of; the rest stay.
    fn flush(&mut self) -> u16 {
        if self.is_run || self.len <= WIDE_LEN || (self.len == NARROW_LEN && !self.has_large) {
            return self.flush_last();
        }
        let rest = Self { len: WIDE_LEN, ..*self };
        let (bits, symbols, len) = (rest.wide(), self.symbols, self.len);
        *self = Self::new();
        symbols[WIDE_LEN..len].iter().for_each(|symbol| self.push(*symbol));
        bits
    }

    /// The chunk for all of them.
    fn flush_last(&mut self) -> u16 {
        let bits = if self.is_run {
            ((self.symbols[0] as u16) << 13) | u16::try_from(self.len).unwrap_or(RUN_MAX)
        } else if self.len <= WIDE_LEN {
            self.wide()
        } else {
            let bits = self.symbols[..self.len].iter().enumerate();
            bits.fold(0x8000, |bits, (at, symbol)| bits | ((*symbol as u16) << (13 - at)))
        };
        *self = Self::new();
        bits
    }

    fn wide(&self) -> u16 {
        let bits = self.symbols[..self.len].iter().enumerate();
        bits.fold(0xC000, |bits, (at, symbol)| bits | ((*symbol as u16) << (12 - 2 * at)))
    }
}
