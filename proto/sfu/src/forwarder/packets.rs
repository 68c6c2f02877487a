//! The way of a packet.

use super::Forwarder;
use crate::arena::Arena;
use crate::encoding::Encoding;
use crate::id::{EncodingId, SlotId, TrackId};
use crate::packet::{Forward, MediaPacket, PacketRef, Stored};
use crate::slot::{Slot, Taken};
use crate::stats::DropReason;
use crate::timeline::SenderClock;
use crate::track::Watcher;
use moim_wire::{ExtSeqNo, MediaKind, NtpTime, RtpTimestamp};
use std::time::Instant;

impl Forwarder {
    /// A packet has come. Gives `sink` a copy for each slot that gets it: as a rule one, and more where a stream is joined behind its beginning.
    ///
    /// The payload is kept, and nothing is allocated once the ring has the size that the rate needs. What is dropped is counted.
    pub fn receive(
        &mut self,
        packet: &MediaPacket<'_>,
        now: Instant,
        sink: &mut impl FnMut(Forward),
    ) -> Result<(), DropReason> {
        self.now = now;
        self.stats.packets_received += 1;
        let result = self.take(packet, now, sink);
        if let Err(reason) = result {
            self.stats.drops.count(reason);
        }
        result
    }

    fn take(
        &mut self,
        packet: &MediaPacket<'_>,
        now: Instant,
        sink: &mut impl FnMut(Forward),
    ) -> Result<(), DropReason> {
        let track = self.tracks.get_mut(packet.track.0).ok_or(DropReason::UnknownTrack)?;
        let id = track.encodings.get(packet.encoding).ok_or(DropReason::UnknownTrack)?;
        let encoding = self.encodings.get_mut(id.0).ok_or(DropReason::UnknownTrack)?;
        if track.is_muted {
            return Err(DropReason::Muted);
        }
        let epoch = encoding.epoch;
        let (facts, malformed) = encoding.receive(packet, now)?;
        if epoch != encoding.epoch {
            track.clocks[packet.encoding] = None;
            stop_watchers(&track.watchers, &mut self.slots, encoding.number);
        }
        if let Some(level) = packet.extensions.audio_level
            && track.kind() == MediaKind::Audio
            && track.voice.on_level(level, now)
        {
            // The first word is not to be lost.
            self.tick_at = Some(now);
        }
        let payload_len = u16::try_from(packet.payload.len()).unwrap_or(u16::MAX);
        let bit = 1 << encoding.number;
        for watcher in &mut track.watchers {
            if watcher.encodings & bit == 0 {
                continue;
            }
            let Some(slot) = self.slots.at_mut(watcher.slot) else { continue };
            match slot.take(&facts, payload_len, encoding, &track.clocks, now) {
                Taken::No => {}
                Taken::Forward(forward) => {
                    self.stats.packets_forwarded += 1;
                    sink(forward);
                }
                Taken::Switched(forward) => {
                    self.stats.packets_forwarded += 1;
                    sink(forward);
                    catch_up(slot, facts.seq, encoding, now, &mut |forward| {
                        self.stats.packets_forwarded += 1;
                        sink(forward);
                    });
                    watcher.encodings = slot.encodings();
                    self.dirty.slot(watcher.slot, &mut slot.is_dirty);
                }
                Taken::TooLate => self.stats.drops.count(DropReason::TooLate),
            }
            if std::mem::take(&mut slot.is_other_layer) {
                self.dirty.slot(watcher.slot, &mut slot.is_dirty);
            }
        }
        malformed.map_or(Ok(()), Err)
    }

    /// The packet that a copy is of, as long as it is there.
    pub fn payload(&self, packet: PacketRef) -> Option<Stored<'_>> {
        let encoding = self.encodings.get(packet.encoding.0)?;
        let (entry, payload, raw) = encoding.ring.find(packet.seq)?;
        Some(Stored {
            format: encoding.format,
            payload,
            extensions: &entry.extensions,
            raw,
            descriptors: &encoding.facts.descriptors,
        })
    }

    /// A sender report of an encoding came (RFC 3550 §6.4.1): the clock of the sender, and that of the stream at the same moment.
    pub fn on_sender_report(&mut self, track: TrackId, encoding: usize, ntp: NtpTime, rtp: RtpTimestamp) {
        if let Some(track) = self.tracks.get_mut(track.0)
            && let Some(clock) = track.clocks.get_mut(encoding)
        {
            *clock = Some(SenderClock { ntp, rtp });
        }
    }

    /// What a sender report of a slot's stream says, going by the last one of what it forwards. [`None`] until there is one.
    pub fn sender_report(&self, slot: SlotId) -> Option<(NtpTime, RtpTimestamp)> {
        let slot = self.slot(slot)?;
        let track = self.tracks.get(slot.track?.0)?;
        let clock = (*track.clocks.get(usize::from(slot.playing?.encoding))?)?;
        let clock = slot.translate(clock);
        Some((clock.ntp, clock.rtp))
    }

    /// An encoding's stream begins anew, with other numbers: the publisher has replaced its sender.
    pub fn restart(&mut self, track: TrackId, encoding: usize, now: Instant) {
        let Some(track) = self.tracks.get_mut(track.0) else { return };
        let Some(id) = track.encodings.get(encoding).copied() else { return };
        if let Some(encoding) = self.encodings.get_mut(id.0) {
            encoding.restart(now);
        }
        if let Some(clock) = track.clocks.get_mut(encoding) {
            *clock = None;
        }
        stop_watchers(&track.watchers, &mut self.slots, u8::try_from(encoding).unwrap_or(u8::MAX));
        let (index, slots) = (track.id.0.index, track.watchers.len());
        for at in 0..slots {
            self.want_key_frame_of_watcher(index, at, now);
        }
    }

    /// The encoding that a track's index leads to.
    pub(super) fn encoding_id(&self, track: u32, encoding: u8) -> Option<EncodingId> {
        self.tracks.at(track)?.encodings.get(usize::from(encoding)).copied()
    }
}

/// An encoding's stream has ended, or is interrupted: whoever watched it has to join it anew.
pub(super) fn stop_watchers(watchers: &[Watcher], slots: &mut Arena<Slot>, encoding: u8) {
    for watcher in watchers {
        if let Some(slot) = slots.at_mut(watcher.slot) {
            slot.stop(encoding);
        }
    }
}

/// What came before the packet by which a stream is joined, and belongs behind it.
fn catch_up(
    slot: &mut Slot,
    begun: ExtSeqNo,
    encoding: &Encoding,
    now: Instant,
    sink: &mut impl FnMut(Forward),
) {
    for seq in begun.0 + 1..=encoding.ring.newest().0 {
        let Some((facts, payload_len)) = encoding.ring.facts(ExtSeqNo(seq)) else { continue };
        match slot.take(&facts, payload_len, encoding, &[], now) {
            Taken::Forward(forward) | Taken::Switched(forward) => sink(forward),
            Taken::No | Taken::TooLate => {}
        }
    }
}
