//! The two ends of the way of packets: what a sender gives and what came, what leaves.

use super::outgoing::{OutgoingRtp, Payloads, SendError};
use super::queue::Next;
use super::rtcp_out::Sources;
use super::send::{self, Outbound, Sent};
use super::{Media, Unusable};
use moim_cc::{PacketKind, ProbeId, SentPacket};
use moim_rtp::extension::AbsSendTime;
use std::time::Instant;

impl Media {
    /// Gives a packet to be sent by an encoding of a transceiver.
    pub(crate) fn send(
        &mut self,
        section: u32,
        encoding: usize,
        packet: &OutgoingRtp<'_>,
        now: Instant,
    ) -> Result<(), SendError> {
        let section = self
            .senders
            .get_mut(section as usize)
            .and_then(Option::as_deref_mut)
            .ok_or(SendError::Unknown)?;
        let index = *section.encodings.get(encoding).ok_or(SendError::Unknown)?;
        let encoding = self.encodings.get_mut(index as usize).ok_or(SendError::Unknown)?;
        if self.keys.is_none() {
            return Err(SendError::NotConnected);
        }
        if !section.is_active || !encoding.spec.is_accepted {
            return Err(SendError::NotWanted);
        }
        send::enqueue(section, encoding, index, packet, (&mut self.store, &mut self.queue), now)
    }

    /// Decrypts a media packet where it lies, and keeps what it is in [`Inbound::latest`](super::Inbound::latest). `start` is where it lies in the
    /// driver's buffer.
    ///
    /// An error means that it is not the other side's; what is, and is of no use all the same, is an error within.
    pub(crate) fn receive(
        &mut self,
        packet: &mut [u8],
        start: usize,
        now: Instant,
    ) -> Result<Result<(), Unusable>, Unusable> {
        let keys = self.keys.as_ref().ok_or(Unusable::NoKeys)?;
        let taken = self.inbound.receive(packet, start, &keys.opener, now)?;
        self.rtcp.on_packet(taken.transport_sequence, taken.ssrc, taken.seq, now);
        if let Some((stream, due)) = taken.missing {
            self.rtcp.on_missing(stream, due);
        }
        Ok(taken.received)
    }

    /// Writes the next packet to the beginning of `out`, which has room for what protection adds. How long it is.
    /// Payloads that lie elsewhere are of `source`.
    pub(crate) fn poll_transmit(
        &mut self,
        source: &dyn Payloads,
        out: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        self.keys.as_ref()?;
        if let Some(len) = self.poll_rtcp(source, out, now) {
            return Some(len);
        }
        loop {
            let owed = self.padding_owed.take().map(|(size, probe)| Next::Padding { size, probe });
            let next = match owed {
                Some(owed) => owed,
                None => self.queue.pop(now)?,
            };
            // What was sent is noted where it is known: carried from here to there, it would be read back behind the packet just written.
            let sent_len = match next {
                Next::Packet { queued, kind, probe } => self
                    .write_packet(queued, (source, out), now)
                    .map(|sent| self.note_sent(&sent, kind, probe, now)),
                Next::Padding { size, probe } => self.pad(size, probe, (source, out), now),
            };
            if sent_len.is_some() {
                return sent_len;
            }
        }
    }

    fn pad(
        &mut self,
        size: u32,
        probe: Option<ProbeId>,
        (source, out): (&dyn Payloads, &mut [u8]),
        now: Instant,
    ) -> Option<usize> {
        let Some(sent) = self.write_padding(size, (source, out), now) else {
            self.queue.cancel_padding(now);
            return None;
        };
        // A packet of padding is short: the rest of what was asked for follows.
        let rest = size.saturating_sub(u32::try_from(sent.len).unwrap_or(u32::MAX));
        self.padding_owed = (rest > 0).then_some((rest, probe));
        Some(self.note_sent(&sent, PacketKind::Padding, probe, now))
    }

    fn poll_rtcp(&mut self, source: &dyn Payloads, out: &mut [u8], now: Instant) -> Option<usize> {
        if !self.rtcp.is_due(now) {
            return None;
        }
        let wall = self.wall(now);
        let sources = Sources {
            inbound: &mut self.inbound,
            encodings: &self.encodings,
            senders: &self.senders,
            source,
            wall,
        };
        let len = self.rtcp.poll(out, sources, now)?;
        self.rtcp_sent += 1;
        self.keys.as_mut()?.sealer.seal_rtcp(out, len).ok()
    }

    /// What packets say that are sent now. Many are sent at the same moment.
    fn abs_send_time(&mut self, now: Instant) -> AbsSendTime {
        if self.abs_send_time.0 != now {
            self.abs_send_time = (now, AbsSendTime::from_ntp(self.wall(now)));
        }
        self.abs_send_time.1
    }

    fn write_packet(
        &mut self,
        queued: send::Queued,
        (source, out): (&dyn Payloads, &mut [u8]),
        now: Instant,
    ) -> Option<Sent> {
        let abs_send_time = self.abs_send_time(now);
        let encoding = self.encodings.get_mut(queued.encoding() as usize);
        let section =
            encoding.as_ref().and_then(|encoding| self.senders.get(encoding.section as usize)?.as_deref());
        let (Some(section), Some(encoding), Some(keys)) = (section, encoding, &self.keys) else {
            queued.drop_from(&mut self.store);
            return None;
        };
        let mut outbound = Outbound {
            sealer: &keys.sealer,
            store: &mut self.store,
            source,
            transport_seq: &mut self.transport_seq,
            is_numbered: self.feedback.is_some(),
            abs_send_time,
        };
        queued.write(section, encoding, out, &mut outbound, now)
    }

    /// Something to fill a probe with: the latest picture's packet once more, or padding, by a stream of retransmissions.
    fn write_padding(
        &mut self,
        size: u32,
        (source, out): (&dyn Payloads, &mut [u8]),
        now: Instant,
    ) -> Option<Sent> {
        let abs_send_time = self.abs_send_time(now);
        let index = self.latest_video?;
        let encoding = self.encodings.get_mut(index as usize)?;
        let section = self.senders.get(encoding.section as usize)?.as_deref()?;
        let mut outbound = Outbound {
            sealer: &self.keys.as_ref()?.sealer,
            store: &mut self.store,
            source,
            transport_seq: &mut self.transport_seq,
            is_numbered: self.feedback.is_some(),
            abs_send_time,
        };
        send::write_padding_packet(section, encoding, (index, size as usize), out, &mut outbound)
    }

    /// How long the packet is.
    fn note_sent(&mut self, sent: &Sent, kind: PacketKind, probe: Option<ProbeId>, now: Instant) -> usize {
        if kind == PacketKind::Video {
            self.latest_video = Some(sent.encoding);
        }
        if let Some(seq) = sent.number {
            let size = u32::try_from(sent.len).unwrap_or(u32::MAX);
            self.queue.on_sent(SentPacket { seq, size, kind, probe }, now);
        }
        sent.len
    }
}
