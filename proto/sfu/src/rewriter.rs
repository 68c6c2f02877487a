//! The numbers of what goes out by one slot, which go on whatever they are taken from.

use crate::facts::Facts;
use crate::numbers::{LeftOut, Numbers, Refused};
use crate::packet::{DescriptorRewrite, PayloadRewrite};
use crate::timeline::{Begin, SenderClock, Timeline};
use moim_rtp::payload::{PayloadFormat, vp8, vp9};
use moim_wire::{ExtSeqNo, RtpTimestamp, SeqNo};
use rand_chacha::rand_core::RngCore;
use std::time::Instant;

/// For how many packets it is known what became of them: late ones within these have their place.
const PACKETS_KNOWN_WORDS: usize = 8;
/// The same for pictures.
const PICTURES_KNOWN_WORDS: usize = 2;

/// Sequence numbers, timestamps, picture ids and frame numbers of one outgoing stream.
#[derive(Debug)]
pub(crate) struct Rewriter {
    packets: Numbers<PACKETS_KNOWN_WORDS>,
    time: Timeline,
    /// Of VP8 and VP9.
    pictures: Numbers<PICTURES_KNOWN_WORDS>,
    /// Of dependency descriptors.
    frames: Numbers<PICTURES_KNOWN_WORDS>,
    tl0: Counter<8>,
    key_index: Counter<5>,
}

/// A running number of so many bits, of which none is left out. It is kept in the upper bits of a byte, which wraps as it does.
#[derive(Clone, Copy, Debug, Default)]
struct Counter<const BITS: u32> {
    offset: u8,
    newest: u8,
}

/// A packet's numbers in the outgoing stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rewritten {
    pub(crate) seq: ExtSeqNo,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) payload: PayloadRewrite,
    pub(crate) descriptor: DescriptorRewrite,
}

impl Rewriter {
    /// Numbers that begin anywhere (RFC 3550 §5.1).
    pub(crate) fn new(random: &mut impl RngCore) -> Self {
        let [seq0, seq1, picture0, picture1] = random.next_u32().to_be_bytes();
        // In the lower half, so that SRTP need not tell a first wrap from a late packet.
        let first = ExtSeqNo::first(SeqNo(u16::from_be_bytes([seq0, seq1]) & 0x7FFF));
        let picture = u64::from(u16::from_be_bytes([picture0, picture1]) & 0x7FFF);
        Self {
            packets: Numbers::new(first.0 - 1),
            time: Timeline::new(RtpTimestamp(random.next_u32())),
            pictures: Numbers::new(picture),
            frames: Numbers::new(picture),
            tl0: Counter::default(),
            key_index: Counter::default(),
        }
    }

    /// Another source begins with this packet.
    pub(crate) fn begin(
        &mut self,
        facts: &Facts,
        format: PayloadFormat,
        clocks: Option<(SenderClock, SenderClock)>,
        now: Instant,
    ) -> Rewritten {
        let begin = Begin { timestamp: facts.timestamp, clock_rate: format.clock_rate(), clocks };
        let picture = facts.picture.map(|number| self.pictures.begin(number));
        let frame = facts.frame.map(|frame| self.frames.begin(frame.number));
        facts.tl0.inspect(|index| self.tl0.begin(*index));
        facts.key_index.inspect(|index| self.key_index.begin(*index));
        Rewritten {
            seq: ExtSeqNo(self.packets.begin(facts.seq.0)),
            timestamp: self.time.begin(&begin, now),
            payload: self.payload(facts, format, picture),
            descriptor: descriptor(frame),
        }
    }

    /// The numbers of a packet that is forwarded.
    #[inline]
    pub(crate) fn pass(
        &mut self,
        facts: &Facts,
        format: PayloadFormat,
        now: Instant,
    ) -> Result<Rewritten, Refused> {
        let picture = facts.picture.map(|number| self.pictures.pass_again(number)).transpose()?;
        let frame = facts.frame.map(|frame| self.frames.pass_again(frame.number)).transpose()?;
        Ok(Rewritten {
            seq: ExtSeqNo(self.packets.pass(facts.seq.0)?),
            timestamp: self.time.pass(facts.timestamp, now),
            payload: self.payload(facts, format, picture),
            descriptor: descriptor(frame),
        })
    }

    /// Leaves a packet out. If others were numbered as if it were not, its own number and time have to be filled.
    #[inline]
    pub(crate) fn leave_out(
        &mut self,
        facts: &Facts,
        format: PayloadFormat,
    ) -> Result<Option<ExtSeqNo>, Refused> {
        // Pictures of VP8 have numbers without gaps, or receivers wait for what is missing. In VP9 and in dependency descriptors a frame says how many
        // numbers back those are that it refers to, so that theirs stay.
        if let (PayloadFormat::Vp8, Some(number)) = (format, facts.picture) {
            // That some packet of the picture was forwarded does not change what becomes of this one.
            let _known = self.pictures.leave_out(number);
        }
        match self.packets.leave_out(facts.seq.0)? {
            LeftOut::Unnoticed => Ok(None),
            LeftOut::Gap(seq) => Ok(Some(ExtSeqNo(seq))),
        }
    }

    /// The time of a packet that is left out, if its number has to be filled.
    pub(crate) fn time_of(&mut self, timestamp: RtpTimestamp, now: Instant) -> RtpTimestamp {
        self.time.pass(timestamp, now)
    }

    /// Whether a frame with a dependency descriptor was forwarded.
    pub(crate) fn has_frame(&self, number: u64) -> bool {
        self.frames.has_passed(number)
    }

    /// A sender report of the present source, as it would be for this stream.
    pub(crate) fn translate(&self, clock: SenderClock) -> SenderClock {
        self.time.translate(clock)
    }

    #[inline]
    fn payload(&mut self, facts: &Facts, format: PayloadFormat, picture: Option<u64>) -> PayloadRewrite {
        let picture_id = picture.map(|number| (number & 0x7FFF) as u16);
        match format {
            PayloadFormat::Vp8 => PayloadRewrite::Vp8(vp8::Rewrite {
                picture_id,
                tl0_picture_index: facts.tl0.map(|index| self.tl0.pass(index)),
                key_index: facts.key_index.map(|index| self.key_index.pass(index)),
            }),
            PayloadFormat::Vp9 => PayloadRewrite::Vp9(vp9::Rewrite {
                picture_id,
                tl0_picture_index: facts.tl0.map(|index| self.tl0.pass(index)),
            }),
            PayloadFormat::Opus | PayloadFormat::H264 | PayloadFormat::H265 | PayloadFormat::Av1 => {
                PayloadRewrite::None
            }
        }
    }
}

impl<const BITS: u32> Counter<BITS> {
    /// Another source begins with `index`: it becomes the next one.
    fn begin(&mut self, index: u8) {
        self.newest = self.newest.wrapping_add(1 << (8 - BITS));
        self.offset = self.newest.wrapping_sub(index << (8 - BITS));
    }

    fn pass(&mut self, index: u8) -> u8 {
        let out = (index << (8 - BITS)).wrapping_add(self.offset);
        if out.wrapping_sub(self.newest).cast_signed() > 0 {
            self.newest = out;
        }
        out >> (8 - BITS)
    }
}

fn descriptor(frame: Option<u64>) -> DescriptorRewrite {
    let frame_number = frame.map(|number| (number & 0xFFFF) as u16);
    DescriptorRewrite { frame_number, active_decode_targets: None }
}
