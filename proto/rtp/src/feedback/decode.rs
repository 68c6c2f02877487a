use crate::rtcp::{Ccfb, Ecn, Twcc};
use moim_wire::{SeqNo, Ssrc};
use std::time::Duration;

/// Understands transport feedback: a sender keeps one per transport.
#[derive(Clone, Copy, Debug, Default)]
pub struct TwccDecoder {
    /// The last reference time, its wraps counted, in units of 64 ms.
    reference: Option<u64>,
}

/// The wraps that come before the first reference time, so that what is before it has a time too.
const REFERENCE_START: u64 = 1 << 24;

impl TwccDecoder {
    /// A decoder that has seen no feedback.
    pub fn new() -> Self {
        Self::default()
    }

    /// What became of each packet that the feedback speaks of: its number, extended to be near `newest`, the last packet that was sent; and when it
    /// arrived, by the receiver's clock since an arbitrary moment.
    ///
    /// [`None`] if it speaks of packets from before the first one. Numbers beyond `newest` are the receiver's invention, and
    /// the caller's to skip.
    pub fn decode<'a>(
        &mut self,
        feedback: &Twcc<'a>,
        newest: u64,
    ) -> Option<impl Iterator<Item = (u64, Option<Duration>)> + use<'a>> {
        let newest_seq = SeqNo((newest & 0xFFFF) as u16);
        let base = newest.checked_add_signed(i64::from(feedback.base.seq.distance_from(newest_seq)))?;
        let reference = extend(self.reference, feedback.base.reference_time, 24, REFERENCE_START);
        self.reference = Some(reference);
        let statuses = (base..).zip(feedback.statuses());
        Some(statuses.map(move |(seq, (_, arrival))| {
            let at = arrival.map(|ticks| {
                // A large jump back before the beginning of time is the receiver's invention.
                let ticks = (reference * 256).saturating_add_signed(ticks);
                Duration::from_micros(ticks * 250)
            });
            (seq, at)
        }))
    }
}

/// Understands congestion feedback: a sender keeps one per transport.
#[derive(Clone, Copy, Debug, Default)]
pub struct CcfbDecoder {
    /// When the last report was made, wraps counted, in units of 2^-16 s.
    time: Option<u64>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CcfbResult {
    /// Its stream.
    pub ssrc: Ssrc,
    /// Its number there.
    pub seq: SeqNo,
    /// Whether it arrived.
    pub is_received: bool,
    /// When, by the receiver's clock since an arbitrary moment, if the receiver knows.
    pub at: Option<Duration>,
    /// How the network marked it.
    pub ecn: Ecn,
}

impl CcfbDecoder {
    /// A decoder that has seen no feedback.
    pub fn new() -> Self {
        Self::default()
    }

    /// What became of each packet that the feedback speaks of.
    pub fn decode<'a>(&mut self, feedback: &Ccfb<'a>) -> impl Iterator<Item = CcfbResult> + use<'a> {
        let time = extend(self.time, feedback.time, 32, 1 << 32);
        self.time = Some(time);
        feedback.blocks().flat_map(move |block| {
            block.statuses().map(move |(seq, arrival)| {
                let age = arrival.and_then(|arrival| arrival.age);
                // An age has 1024 units in a second, a moment 65,536.
                let at = age.map(|age| time.saturating_sub(u64::from(age) << 6));
                CcfbResult {
                    ssrc: block.ssrc,
                    seq,
                    is_received: arrival.is_some(),
                    at: at.map(|at| Duration::from_nanos((at * 1_000_000) / 65_536 * 1_000)),
                    ecn: arrival.map_or(Ecn::NotCapable, |arrival| arrival.ecn),
                }
            })
        })
    }
}

/// The value near `last` whose lowest `bits` are `low`; the first one begins at `start`.
fn extend(last: Option<u64>, low: u32, bits: u32, start: u64) -> u64 {
    let Some(last) = last else {
        return start + u64::from(low);
    };
    // The difference in `bits` bits with sign: shifted to the top and back.
    let shift = u64::BITS - bits;
    let difference = (u64::from(low).wrapping_sub(last) << shift).cast_signed() >> shift;
    last.saturating_add_signed(difference)
}
