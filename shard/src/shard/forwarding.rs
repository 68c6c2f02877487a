//! The way of media: from the connection that it came by to those of the subscribers.

use super::MediaShard;
use crate::counters::DropReason;
use crate::section::{Continuity, Outgoing};
use crate::shelf;
use moim_peer::sdp::jsep::TransceiverId;
use moim_peer::{OutgoingRtp, ReceivedRtp, SendError};
use moim_sfu::{Forward, Forwarder, MediaPacket, RAW_LEN_MAX};
use std::time::Instant;

impl MediaShard {
    /// A media packet has come by a connection, and lies decrypted in `bytes`.
    pub(super) fn forward(&mut self, place: usize, rtp: &ReceivedRtp, bytes: &[u8], now: Instant) {
        self.counters.packets_in += 1;
        if let Err(reason) = self.try_forward(place, rtp, bytes, now) {
            self.counters.drops.count(reason);
        }
    }

    fn try_forward(
        &mut self,
        place: usize,
        rtp: &ReceivedRtp,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        let connection = self.connections.get_mut(place).ok_or(DropReason::NotPublished)?;
        let participant = connection.participant;
        let section = connection.sections.incoming_mut(rtp.transceiver).ok_or(DropReason::NotPublished)?;
        let encoding = section.encoding(rtp.rid).ok_or(DropReason::UnknownEncoding)?;
        if rtp.header.payload_type != section.payload_type {
            return Err(DropReason::OtherFormat);
        }
        // Also of what is not forwarded yet: once it is, a key frame is asked of this stream.
        let continuity = section.note(encoding, rtp.stream, rtp.header.ssrc);
        let Some(track) = section.forwarded else {
            let participant = self.rooms.participant(participant);
            let is_permitted = participant.is_some_and(|participant| participant.permissions.publish);
            return Err(if is_permitted { DropReason::NotPublished } else { DropReason::NotPermitted });
        };
        match continuity {
            Continuity::Same => {}
            Continuity::New => self.forwarder.restart(track, encoding, now),
            Continuity::Old => return Err(DropReason::OldStream),
        }
        let packet = MediaPacket {
            track,
            encoding,
            header: &rtp.header,
            seq: rtp.seq,
            extensions: &rtp.extensions,
            packet: &bytes[rtp.packet_start..],
            payload: &bytes[rtp.payload.clone()],
        };
        let mut forwards = std::mem::take(&mut self.forwards);
        // What is dropped is counted there; and copies may have been made of what came before.
        let _ = self.forwarder.receive(&packet, now, &mut |forward| forwards.push(forward));
        self.counters.packets_forwarded += forwards.len() as u64;
        self.hand_out(&forwards, now);
        forwards.clear();
        self.forwards = forwards;
        Ok(())
    }

    /// Gives copies to the connections that they are for. They leave when the turn ends.
    fn hand_out(&mut self, forwards: &[Forward], now: Instant) {
        let mut scratch = [0; RAW_LEN_MAX];
        for forward in forwards {
            let index = forward.slot.subscriber.index();
            let Some(place) = self.subscribers.get(index).copied() else { continue };
            let Some(connection) = self.connections.get_mut(place) else { continue };
            let Some(slot) = connection.sections.slots.get_mut(usize::from(forward.slot.index)) else {
                continue;
            };
            let give =
                |transceiver, packet: &OutgoingRtp<'_>| connection.peer.send_rtp(transceiver, 0, packet, now);
            let is_taken = send(&self.forwarder, forward, slot, &mut scratch, give);
            if !is_taken {
                self.counters.drops.count(DropReason::SubscriberBusy);
                continue;
            }
            if !std::mem::replace(&mut connection.is_ready, true) {
                self.ready.push_back(place);
            }
        }
    }
}

/// Makes a subscriber's packet out of a copy: all but its payload, which is fetched when it leaves. Says whether it was taken.
fn send(
    forwarder: &Forwarder,
    forward: &Forward,
    slot: &mut Outgoing,
    scratch: &mut [u8; RAW_LEN_MAX],
    give: impl FnOnce(TransceiverId, &OutgoingRtp<'_>) -> Result<(), SendError>,
) -> bool {
    let copy = &forward.copy;
    let stored = copy.packet.and_then(|packet| Some((packet, forwarder.payload(packet)?)));
    let Some((packet, stored)) = stored else {
        // A number that nothing else has: whatever the stream is at present.
        let Some(payload_type) = slot.latest else { return false };
        let empty = OutgoingRtp::new(payload_type, copy.marker, copy.timestamp, &[]);
        return give(slot.transceiver, &OutgoingRtp { seq: Some(copy.seq.seq()), ..empty }).is_ok();
    };
    let Some(payload_type) = slot.payload_types.get(stored.format) else { return false };
    slot.latest = Some(payload_type);
    let payload = shelf::pack(packet, copy.payload, forward.payload_len);
    let (extensions, raw) = stored.extensions_for(copy.descriptor, scratch);
    let shared = OutgoingRtp::shared(payload_type, copy.marker, copy.timestamp, payload);
    let numbered = OutgoingRtp { seq: Some(copy.seq.seq()), extensions: &extensions, raw, ..shared };
    give(slot.transceiver, &numbered).is_ok()
}
