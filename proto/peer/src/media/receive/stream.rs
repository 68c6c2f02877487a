use crate::media::section::Format;
use moim_rtp::Header;
use moim_rtp::clock::ClockMap;
use moim_rtp::nack::{NackConfig, NackGenerator};
use moim_rtp::reception::ReceptionStats;
use moim_srtp::ReplayWindow;
use moim_wire::{ExtSeqNo, Rid, Ssrc};
use std::time::{Duration, Instant};

/// What a stream is to its section.
#[derive(Debug)]
pub(crate) enum Role {
    Media(Box<MediaStream>),
    /// It repeats this one. [`None`]: not known yet.
    Rtx(Option<u32>),
}

/// What is known of a stream of media.
#[derive(Debug)]
pub(crate) struct MediaStream {
    /// What reports about it are made of, and which moments its timestamps mean: from its first packet on.
    pub(crate) reception: Option<ReceptionStats>,
    pub(crate) clock: Option<ClockMap>,
    pub(crate) highest: Option<ExtSeqNo>,
    pub(crate) counters: ReceiveCounters,
    /// What is missing, where the other side can send it again.
    pub(crate) nack: Option<Box<NackGenerator>>,
    /// How many packets had come when this was last reported on.
    pub(crate) reported_packets: u64,
    pub(crate) sender_reports: u64,
    pub(crate) remote_packets: u32,
    pub(crate) remote_octets: u32,
    pub(crate) key_frame_asked: Option<Instant>,
    pub(crate) fir_number: u8,
    pub(crate) format: Option<Format>,
}

/// What a stream has brought, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReceiveCounters {
    pub(crate) packets: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) header_bytes: u64,
    pub(crate) repaired_packets: u64,
    pub(crate) repaired_bytes: u64,
    pub(crate) nacks: u32,
    pub(crate) plis: u32,
    pub(crate) firs: u32,
    pub(crate) last_at: Option<Instant>,
}

/// An RTP stream that is received.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: Ssrc,
    pub(crate) section: u32,
    pub(crate) rid: Option<Rid>,
    pub(super) window: ReplayWindow,
    pub(crate) role: Role,
    pub(super) heard: Instant,
    /// The other side's description has named it: it is not forgotten for others.
    pub(super) is_signalled: bool,
    /// The other side has ended it, and nothing has come since.
    pub(crate) is_ended: bool,
}

impl Stream {
    pub(crate) fn is_media(&self) -> bool {
        matches!(self.role, Role::Media(_))
    }
}

impl MediaStream {
    pub(super) fn new() -> Self {
        Self {
            reception: None,
            clock: None,
            highest: None,
            counters: ReceiveCounters::default(),
            nack: None,
            reported_packets: 0,
            sender_reports: 0,
            remote_packets: 0,
            remote_octets: 0,
            key_frame_asked: None,
            fir_number: 0,
            format: None,
        }
    }

    pub(super) fn on_packet(
        &mut self,
        header: &Header,
        seq: ExtSeqNo,
        payload_len: usize,
        (format, rtt): (Format, Option<Duration>),
        now: Instant,
    ) {
        if self.format.is_none_or(|before| before.clock_rate != format.clock_rate) {
            self.reception = Some(ReceptionStats::new(format.clock_rate));
            self.clock = Some(ClockMap::new(format.clock_rate));
        }
        if format.has_nack && self.nack.is_none() {
            let mut nack = NackGenerator::new(NackConfig::default());
            if let Some(rtt) = rtt {
                nack.set_rtt(rtt);
            }
            self.nack = Some(Box::new(nack));
        }
        self.format = Some(format);
        if let Some(nack) = &mut self.nack {
            nack.on_packet(seq, now);
        }
        if let Some(reception) = &mut self.reception {
            reception.on_packet(seq, header.timestamp, payload_len, now);
        }
        self.highest = self.highest.max(Some(seq));
        self.counters.packets += 1;
        self.counters.payload_bytes += payload_len as u64;
        self.counters.header_bytes += header.header_len as u64;
        self.counters.last_at = Some(now);
    }

    /// A packet came by RTX. False: it had not been missing.
    pub(super) fn on_repaired(&mut self, seq: ExtSeqNo, payload_len: usize, now: Instant) -> bool {
        let is_missing = |nack: &NackGenerator| nack.missing().any(|missing| missing == seq.seq());
        if !self.nack.as_deref().is_some_and(is_missing) {
            return false;
        }
        if let Some(nack) = &mut self.nack {
            nack.on_packet(seq, now);
        }
        self.counters.repaired_packets += 1;
        self.counters.repaired_bytes += payload_len as u64;
        self.counters.last_at = Some(now);
        true
    }
}
