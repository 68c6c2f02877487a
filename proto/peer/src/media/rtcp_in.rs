//! RTCP that comes: what the other side has sent and received, and what it wants.

use super::send;
use super::{Media, MediaEvent, Unusable};
use moim_cc::PacketKind;
use moim_rtp::reception::round_trip_time;
use moim_rtp::rtcp::{self, Bye, Packet, ReportBlock, SenderInfo};
use moim_wire::{SeqNo, Ssrc};
use std::time::{Duration, Instant};

use super::rtcp_out::KEY_FRAME_PAUSE;

/// Most packets that one request has sent again.
const ANSWERED_AT_ONCE_MAX: usize = 256;
/// Of so many packets one RTCP packet may tell what became of them, as many as are remembered: a few bytes of feedback can speak of
/// thousands, and be repeated.
const STATUSES_MAX: usize = moim_cc::SENT_MAX;
/// A packet is not sent again for a second request within a round trip; before that is known, within this.
const RTT_AT_FIRST: Duration = Duration::from_millis(100);

impl Media {
    /// Decrypts an RTCP packet where it lies, and does what it says.
    pub(crate) fn handle_rtcp(&mut self, packet: &mut [u8], now: Instant) -> Result<(), Unusable> {
        let keys = self.keys.as_mut().ok_or(Unusable::NoKeys)?;
        let len = keys.opener.open_rtcp(packet).map_err(Unusable::Reject)?;
        let (mut understood, mut statuses_left) = (0, STATUSES_MAX);
        for part in rtcp::packets(&packet[..len]) {
            // What is malformed is passed over; what follows may be sound.
            let Ok(part) = part else { continue };
            understood += 1;
            self.handle_part(&part, &mut statuses_left, now);
        }
        if understood == 0 { Err(Unusable::Malformed) } else { Ok(()) }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not asked for is passed over")]
    fn handle_part(&mut self, part: &Packet<'_>, statuses_left: &mut usize, now: Instant) {
        match part {
            Packet::SenderReport { info, reports } => {
                self.on_sender_report(info, now);
                reports.iter().for_each(|block| self.on_report(&block, now));
            }
            Packet::ReceiverReport { reports, .. } => {
                reports.iter().for_each(|block| self.on_report(&block, now));
            }
            Packet::Nack(nack) => self.on_nack(nack.media, nack.seqs(), now),
            Packet::PictureLoss { media, .. } => {
                self.on_key_frame_request(*media, None, now);
            }
            Packet::FullIntraRequest { entries, .. } => {
                for entry in entries.iter() {
                    self.on_key_frame_request(entry.ssrc, Some(entry.request), now);
                }
            }
            Packet::Twcc(feedback) => {
                let newest = self.transport_seq.saturating_sub(1);
                let count = feedback.count().min(*statuses_left);
                *statuses_left -= count;
                if let Some(results) = self.twcc.decode(feedback, newest) {
                    let results = results.take(count);
                    self.queue.on_feedback(results.take_while(|(seq, _)| *seq <= newest), now);
                }
            }
            Packet::Ccfb(feedback) => {
                let (own, encodings) = (&self.own, &self.encodings);
                let results = self.ccfb.decode(feedback).filter_map(|result| {
                    let encoding = encodings.get(own.get(result.ssrc)? as usize)?;
                    let number = encoding.transport_number(result.ssrc, result.seq)?;
                    Some((number, result.at.filter(|_| result.is_received)))
                });
                self.queue.on_feedback(results, now);
            }
            Packet::Remb(remb) => {
                let limits = self.config.congestion.map(|congestion| (congestion.min, congestion.max));
                let limit = limits.map_or(remb.bitrate, |(min, max)| remb.bitrate.clamp(min, max));
                self.queue.on_limit(limit);
            }
            Packet::Bye(bye) => self.on_bye(bye),
            // Names, and what others have made of the protocol.
            _ => {}
        }
    }

    fn on_sender_report(&mut self, info: &SenderInfo, now: Instant) {
        let Some(index) = self.inbound.by_ssrc(info.ssrc) else { return };
        let Some(section) = self.inbound.stream(index).map(|stream| stream.section) else { return };
        let Some((media, _)) = self.inbound.media_mut(index) else { return };
        if let Some(reception) = &mut media.reception {
            reception.on_sender_report(info, now);
        }
        if let Some(clock) = &mut media.clock {
            clock.on_sender_report(info.ntp, info.timestamp);
        }
        media.sender_reports += 1;
        media.remote_packets = info.packets;
        media.remote_octets = info.octets;
        let (ntp, timestamp) = (info.ntp, info.timestamp);
        self.tell(MediaEvent::SenderReport { section, stream: index, ntp, timestamp });
    }

    /// RFC 3550 §6.4.1: how one of this side's streams arrives.
    fn on_report(&mut self, block: &ReportBlock, now: Instant) {
        let wall = self.wall(now);
        let Some(index) = self.own.get(block.ssrc) else { return };
        let Some(encoding) = self.encodings.get_mut(index as usize) else { return };
        // Whoever reports on a stream knows whose it is, so that packets need not say so any more.
        encoding.is_known = true;
        if encoding.spec.ssrc != block.ssrc {
            return;
        }
        let rtt = round_trip_time(block, wall);
        let report = encoding.remote.get_or_insert_default();
        report.fraction_lost = block.fraction_lost;
        report.packets_lost = block.cumulative_lost;
        report.jitter = block.jitter;
        report.reports += 1;
        if let Some(rtt) = rtt {
            report.rtt = Some(rtt);
            report.rtt_total += rtt;
            report.rtt_measurements += 1;
            self.rtt = Some(rtt);
            self.queue.on_rtt(rtt, now);
            self.inbound.set_rtt(rtt);
        }
    }

    fn on_nack(&mut self, ssrc: Ssrc, seqs: impl Iterator<Item = SeqNo>, now: Instant) {
        let Some(index) = self.own.get(ssrc) else { return };
        let Some(encoding) = self.encodings.get_mut(index as usize) else { return };
        let Some(section) = self.senders.get(encoding.section as usize).and_then(Option::as_deref) else {
            return;
        };
        encoding.counters.nacks = encoding.counters.nacks.saturating_add(1);
        let pause = self.rtt.unwrap_or(RTT_AT_FIRST);
        for seq in seqs.take(ANSWERED_AT_ONCE_MAX) {
            let asked = send::Asked { seq, pause, now };
            let Some(queued) = send::again(section, encoding, index, asked, &mut self.store) else {
                continue;
            };
            if self.queue.push(queued, PacketKind::Retransmission, &mut self.store, now).is_err() {
                return;
            }
        }
    }

    fn on_key_frame_request(&mut self, ssrc: Ssrc, fir: Option<u8>, now: Instant) {
        let Some(index) = self.own.get(ssrc) else { return };
        let Some(encoding) = self.encodings.get_mut(index as usize) else { return };
        match fir {
            None => encoding.counters.plis = encoding.counters.plis.saturating_add(1),
            Some(number) => {
                // RFC 5104 §4.3.1.1: the same number is the same request.
                if encoding.last_fir == Some(number) {
                    return;
                }
                encoding.last_fir = Some(number);
                encoding.counters.firs = encoding.counters.firs.saturating_add(1);
            }
        }
        let is_recent = |at: Instant| now.saturating_duration_since(at) < KEY_FRAME_PAUSE;
        if encoding.key_frame_asked.is_some_and(is_recent) {
            return;
        }
        encoding.key_frame_asked = Some(now);
        let section = encoding.section;
        let sender = self.senders.get(section as usize).and_then(Option::as_deref);
        let place = sender.and_then(|sender| sender.encodings.iter().position(|other| *other == index));
        if let Some(encoding) = place {
            self.tell(MediaEvent::KeyFrameRequested { section, encoding });
        }
    }

    fn on_bye(&mut self, bye: &Bye<'_>) {
        for ssrc in bye.ssrcs.iter() {
            let Some(index) = self.inbound.by_ssrc(ssrc) else { continue };
            let Some(stream) = self.inbound.stream_mut(index) else { continue };
            // Said again, it is no news.
            if stream.is_media() && !std::mem::replace(&mut stream.is_ended, true) {
                let (section, rid) = (stream.section, stream.rid);
                self.tell(MediaEvent::Bye { section, stream: index, rid });
            }
        }
    }
}
