//! What waits to be sent: in the order it came, or as congestion control has it.

use super::outgoing::SendError;
use super::send::Queued;
use super::store::PacketStore;
use moim_cc::pacer::Full;
use moim_cc::{Config, Pacer, PacerConfig, PacerOutput, PacketKind, ProbeId, SendSideController, SentPacket};
use moim_wire::{Bitrate, Deadline};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A target is told when it has changed by so much: one part in this many.
const TARGET_STEP: u64 = 32;

/// What waits to be sent.
#[derive(Debug)]
pub(super) enum Queue {
    /// In the order it came: nothing is known of what the network carries.
    Plain(Plain),
    /// Evenly, at the rate that the network carries.
    Paced(Box<Paced>),
}

#[derive(Debug)]
pub(super) struct Plain {
    /// What was asked for again goes first.
    again: VecDeque<Queued>,
    waiting: VecDeque<Queued>,
    packets_max: usize,
    /// What the other side says it can receive, if that is news; and what was told of that last.
    limit: Option<Bitrate>,
    told: Option<Bitrate>,
}

#[derive(Debug)]
pub(super) struct Paced {
    pacer: Pacer<Queued>,
    pub(super) controller: SendSideController,
    told: Bitrate,
}

/// What is to be sent now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Packet { queued: Queued, kind: PacketKind, probe: Option<ProbeId> },
    Padding { size: u32, probe: Option<ProbeId> },
}

impl Queue {
    pub(super) fn new(packets_max: usize) -> Self {
        let (again, waiting) = (VecDeque::new(), VecDeque::new());
        Self::Plain(Plain { again, waiting, packets_max, limit: None, told: None })
    }

    /// The other side tells from now on what arrives.
    pub(super) fn pace(&mut self, config: Config, pacer: PacerConfig, now: Instant) {
        let Self::Plain(plain) = self else { return };
        // The configuration was checked when the connection was made.
        let Ok(controller) = SendSideController::new(config, now) else { return };
        let mut pacer = Pacer::new(pacer, controller.pacing_rate(), now);
        for queued in plain.again.drain(..).chain(plain.waiting.drain(..)) {
            // A pacer that is new has room for all that a queue held; what it has not would be late anyway.
            let _ = pacer.enqueue(queued, PacketKind::Video, now);
        }
        *self = Self::Paced(Box::new(Paced { pacer, told: Bitrate::ZERO, controller }));
    }

    pub(super) fn push(
        &mut self,
        queued: Queued,
        kind: PacketKind,
        store: &mut PacketStore,
        now: Instant,
    ) -> Result<(), SendError> {
        let refused = match self {
            Self::Plain(plain) => plain.push(queued, kind),
            Self::Paced(paced) => paced.pacer.enqueue(queued, kind, now).map_err(|Full(queued)| queued),
        };
        refused.map_err(|queued| {
            queued.drop_from(store);
            SendError::QueueFull
        })
    }

    #[inline]
    pub(super) fn pop(&mut self, now: Instant) -> Option<Next> {
        match self {
            Self::Plain(plain) => {
                let queued = plain.again.pop_front().or_else(|| plain.waiting.pop_front())?;
                Some(Next::Packet { queued, kind: PacketKind::Video, probe: None })
            }
            Self::Paced(paced) => Some(match paced.pacer.poll(now)? {
                PacerOutput::Packet { packet, kind, probe } => Next::Packet { queued: packet, kind, probe },
                PacerOutput::Padding { size, probe } => Next::Padding { size, probe },
            }),
        }
    }

    /// There was nothing to pad with.
    pub(super) fn cancel_padding(&mut self, now: Instant) {
        if let Self::Paced(paced) = self {
            paced.pacer.cancel_padding(now);
        }
    }

    /// A packet has left, with this number of the transport.
    #[inline]
    pub(super) fn on_sent(&mut self, packet: SentPacket, now: Instant) {
        if let Self::Paced(paced) = self {
            paced.controller.on_sent(packet, now);
            paced.pacer.hold(paced.controller.is_full());
        }
    }

    pub(super) fn on_feedback(
        &mut self,
        results: impl IntoIterator<Item = (u64, Option<Duration>)>,
        now: Instant,
    ) {
        if let Self::Paced(paced) = self {
            paced.controller.on_feedback(results, now);
            paced.follow(now);
        }
    }

    pub(super) fn on_rtt(&mut self, rtt: Duration, now: Instant) {
        if let Self::Paced(paced) = self {
            paced.controller.on_rtt(rtt, now);
        }
    }

    /// Packets take another way from now on.
    pub(super) fn on_path(&mut self, now: Instant) {
        if let Self::Paced(paced) = self {
            paced.controller.route_changed(now);
            paced.follow(now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Self::Paced(paced) = self {
            paced.controller.handle_timeout(now);
            paced.follow(now);
        }
    }

    /// The target, if it is news.
    pub(super) fn take_target(&mut self) -> Option<Bitrate> {
        match self {
            Self::Plain(plain) => {
                let limit = plain.limit.take()?;
                plain.told = Some(limit);
                Some(limit)
            }
            Self::Paced(paced) => {
                let target = paced.controller.target();
                is_news(target, paced.told).then(|| paced.told = target).map(|()| target)
            }
        }
    }

    /// The other side says what it can receive. Where it tells what arrives, that says more.
    pub(super) fn on_limit(&mut self, limit: Bitrate) {
        if let Self::Plain(plain) = self {
            plain.limit = plain.told.is_none_or(|told| is_news(limit, told)).then_some(limit);
        }
    }

    pub(super) fn controller(&self) -> Option<&SendSideController> {
        match self {
            Self::Plain(_) => None,
            Self::Paced(paced) => Some(&paced.controller),
        }
    }

    pub(super) fn controller_mut(&mut self) -> Option<&mut SendSideController> {
        match self {
            Self::Plain(_) => None,
            Self::Paced(paced) => Some(&mut paced.controller),
        }
    }

    /// `passed`: a moment that has passed.
    pub(super) fn poll_timeout(&self, passed: Instant) -> Option<Deadline> {
        match self {
            Self::Plain(plain) => (!plain.is_empty()).then(|| Deadline::new(passed, "media to be sent")),
            Self::Paced(paced) => {
                Deadline::soonest(paced.pacer.poll_timeout(), paced.controller.poll_timeout())
            }
        }
    }

    pub(super) fn clear(&mut self, store: &mut PacketStore, now: Instant) {
        match self {
            Self::Plain(plain) => {
                for queued in plain.again.drain(..).chain(plain.waiting.drain(..)) {
                    queued.drop_from(store);
                }
            }
            // The store goes with the connection: nothing is sent by either any more.
            Self::Paced(paced) => {
                paced.pacer.clear();
                paced.pacer.set_rates(paced.controller.pacing_rate(), Bitrate::ZERO, now);
            }
        }
    }
}

fn is_news(target: Bitrate, told: Bitrate) -> bool {
    target.as_bps().abs_diff(told.as_bps()) > told.as_bps() / TARGET_STEP
}

impl Plain {
    fn push(&mut self, queued: Queued, kind: PacketKind) -> Result<(), Queued> {
        if self.again.len() + self.waiting.len() >= self.packets_max {
            return Err(queued);
        }
        if kind == PacketKind::Retransmission {
            self.again.push_back(queued);
        } else {
            self.waiting.push_back(queued);
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.again.is_empty() && self.waiting.is_empty()
    }
}

impl Paced {
    /// The pacer does what the controller says.
    fn follow(&mut self, now: Instant) {
        self.pacer.set_rates(self.controller.pacing_rate(), Bitrate::ZERO, now);
        self.pacer.hold(self.controller.is_full());
        while let Some(probe) = self.controller.poll_probe() {
            self.pacer.start_probe(probe);
        }
    }
}
