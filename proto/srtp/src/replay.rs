use crate::Reject;
use moim_wire::{ExtSeqNo, SeqNo};

/// How far behind the newest packet of a stream another may be and still be taken, in packets.
///
/// RFC 3711 §3.3.2 wants 64. Streams without RTX have lost packets sent again under their first number, a round-trip
/// time later: at a thousand packets a second that is hundreds of packets behind.
pub const REPLAY_WINDOW: u64 = (WORDS as u64 - 1) * 64;

/// One word more than the window is long, so that a whole word can be forgotten at a time (RFC 6479).
const WORDS: usize = 16;

/// Below this number there is no packet: the index of a stream's very first possible packet is the beginning of the second
/// cycle of [`ExtSeqNo`].
const INDEX_MIN: u64 = 1 << 16;

/// What is remembered of an incoming RTP stream: how far it has come, rollovers counted, and which of the last
/// [`REPLAY_WINDOW`] packets were received (RFC 3711 §3.3.1, §3.3.2).
///
/// Only authentic packets change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: Option<ExtSeqNo>,
    /// One bit per packet, at its number modulo the bits there are.
    received: [u64; WORDS],
}

impl ReplayWindow {
    /// The window of a stream of which nothing has been received yet. Its rollover counter is taken to be 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The newest packet received.
    pub fn highest(&self) -> Option<ExtSeqNo> {
        self.highest
    }

    /// The number of a packet that says it is `seq`: the nearest to the newest packet (RFC 3711 §3.3.1).
    pub fn estimate(&self, seq: SeqNo) -> ExtSeqNo {
        self.highest.map_or(ExtSeqNo::first(seq), |highest| highest.extend(seq))
    }

    /// Whether a packet of this number may still be taken.
    pub(crate) fn check(&self, index: ExtSeqNo) -> Result<(), Reject> {
        if index.0 < INDEX_MIN {
            return Err(Reject::TooOld);
        }
        let Some(highest) = self.highest else {
            return Ok(());
        };
        if index > highest {
            Ok(())
        } else if highest.0 - index.0 >= REPLAY_WINDOW {
            Err(Reject::TooOld)
        } else if self.received[word(index.0)] & bit(index.0) != 0 {
            Err(Reject::Replayed)
        } else {
            Ok(())
        }
    }

    /// Remembers a packet that has passed [`ReplayWindow::check`] and proved authentic.
    pub(crate) fn accept(&mut self, index: ExtSeqNo) {
        match self.highest {
            Some(highest) if index <= highest => {}
            Some(highest) => {
                let ahead = (index.0 / 64 - highest.0 / 64).min(WORDS as u64);
                for step in 1..=ahead {
                    self.received[word(highest.0 + step * 64)] = 0;
                }
                self.highest = Some(index);
            }
            None => self.highest = Some(index),
        }
        self.received[word(index.0)] |= bit(index.0);
    }
}

fn word(index: u64) -> usize {
    usize::try_from(index / 64 % WORDS as u64).expect("less than the number of words")
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}
