//! The way of media packets out: a header and one copy when they are given, protection when they leave.

use super::encoding::Encoding;
use super::outgoing::{NO_EXTENSIONS, OutgoingRtp, Payload, Payloads, SendError};
use super::queue::Queue;
use super::section::{Formats, SectionSpec};
use super::store::{Body, PACKET_LEN_MAX, PacketStore, Room, Slot};
use moim_cc::{Paced, PacketKind};
use moim_rtp::extension::{AbsSendTime, TransportSequence};
use moim_rtp::{
    ExtensionMap, ExtensionValues, Header, HeaderCache, HeaderLayout, OutgoingHeader, rtx, write_header,
    write_padding,
};
use moim_srtp::Sealer;
use moim_wire::{ExtSeqNo, MediaKind, Mid, PayloadType, Rid, SeqNo, Ssrc};
use std::time::{Duration, Instant};

/// A packet is sent again at most so often: within a round trip it cannot have been missed twice.
const RESEND_PAUSE_MIN: Duration = Duration::from_millis(20);
/// And at most so many times: whoever asks for everything, always, gets no more than that many times what is sent anyway.
const RESENDS_MAX: u8 = 10;
/// The longest padding of a packet (RFC 3550 §5.1).
const PADDING_LEN_MAX: usize = 224;

/// What says whose stream a packet is of, as long as the other side may not know.
type Names = (Mid, Option<Rid>);

/// A transceiver's way out.
#[derive(Debug)]
pub(crate) struct SendSection {
    pub(crate) kind: MediaKind,
    pub(crate) is_active: bool,
    pub(crate) formats: Formats,
    pub(crate) map: ExtensionMap,
    pub(crate) mid: Mid,
    /// Its encodings, by their places in the table of all.
    pub(crate) encodings: Vec<u32>,
    has_transport_sequence: bool,
    has_abs_send_time: bool,
    /// Of its map: a section that is negotiated again begins anew.
    headers: HeaderCache<Option<Names>>,
}

impl SendSection {
    pub(super) fn new(spec: &SectionSpec) -> Self {
        Self {
            kind: spec.kind,
            is_active: spec.sends,
            formats: spec.send_formats.clone(),
            map: spec.extensions.clone(),
            mid: spec.mid,
            encodings: Vec::new(),
            has_transport_sequence: spec.has_transport_sequence(),
            has_abs_send_time: spec.extensions.id(moim_rtp::ExtensionKind::AbsSendTime).is_some(),
            headers: HeaderCache::new(None),
        }
    }

    /// What its packets are to the pacer.
    pub(super) fn packet_kind(&self) -> PacketKind {
        if self.kind == MediaKind::Audio { PacketKind::Audio } else { PacketKind::Video }
    }
}

/// A packet that waits to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    slot: Slot,
    encoding: u32,
    len: u16,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// For the first time.
    New,
    /// Again, by RTX.
    Rtx,
    /// Again, exactly as it was.
    Same,
}

impl Paced for Queued {
    fn size(&self) -> u32 {
        u32::from(self.len)
    }
}

/// What was put into the buffer.
pub(super) struct Sent {
    pub(super) len: usize,
    pub(super) encoding: u32,
    /// Its number among the packets of the transport, if the other side tells of it.
    pub(super) number: Option<u64>,
}

/// What leaves a connection, as far as it takes to write packets.
pub(super) struct Outbound<'a> {
    pub(super) sealer: &'a Sealer,
    pub(super) store: &'a mut PacketStore,
    /// Where payloads lie that the store has only references to.
    pub(super) source: &'a dyn Payloads,
    /// The transport's next number.
    pub(super) transport_seq: &'a mut u64,
    /// Whether the other side tells what of the transport's packets arrives.
    pub(super) is_numbered: bool,
    pub(super) abs_send_time: AbsSendTime,
}

/// Puts a packet into the store and into the queue.
///
/// The payload is copied last, and nothing is read back after that: the store's memory was last touched a second ago, and a load that
/// has to wait for stores waits until that memory has come.
pub(super) fn enqueue(
    section: &mut SendSection,
    encoding: &mut Encoding,
    index: u32,
    packet: &OutgoingRtp<'_>,
    (store, queue): (&mut PacketStore, &mut Queue),
    now: Instant,
) -> Result<(), SendError> {
    let format = section.formats.media(packet.payload_type).ok_or(SendError::PayloadType)?;
    let seq = encoding.number(packet.seq).ok_or(SendError::SeqUsed)?;
    let header = OutgoingHeader {
        marker: packet.marker,
        payload_type: packet.payload_type,
        seq: seq.seq(),
        timestamp: packet.timestamp,
        ssrc: encoding.spec.ssrc,
        csrcs: &[],
        has_padding: false,
    };
    let names = (!encoding.is_known).then_some((section.mid, encoding.spec.rid));
    let (slot, layout) = take_with_header(section, &header, names, packet, store)?;
    let (stored, len) = (store.get_mut(slot), layout.header_len + packet.payload.len());
    let Some(len) = u16::try_from(len).ok().filter(|len| usize::from(*len) <= PACKET_LEN_MAX) else {
        store.release(slot);
        return Err(SendError::TooLong);
    };
    (stored.layout, stored.seq, stored.len) = (layout, seq, len);
    match &packet.payload {
        Payload::Copied(_) => stored.body = Body::Copied,
        Payload::Shared(shared) => stored.body = Body::Shared(*shared),
    }
    encoding.set_used(seq);
    encoding.clock = Some((packet.timestamp, now, format.clock_rate));
    queue.push(Queued { slot, encoding: index, len, how: How::New }, section.packet_kind(), store, now)?;
    encoding.counters.packets += 1;
    encoding.counters.payload_bytes += packet.payload.len() as u64;
    encoding.counters.header_bytes += layout.header_len as u64;
    encoding.counters.frames_marked += u64::from(packet.marker);
    if format.has_nack {
        encoding.history.insert(seq, slot, store, now);
    }
    if let Payload::Copied(payload) = packet.payload {
        store.get_mut(slot).payload_mut().copy_from_slice(payload);
    }
    Ok(())
}

/// Writes a header to where there is room for what is to be kept with it.
fn take_with_header(
    section: &mut SendSection,
    header: &OutgoingHeader<'_>,
    names: Option<Names>,
    packet: &OutgoingRtp<'_>,
    store: &mut PacketStore,
) -> Result<(Slot, HeaderLayout), SendError> {
    let rooms: &[Room] = match packet.payload {
        Payload::Copied(_) => &[Room::Packet],
        // Few headers are so long that they need more.
        Payload::Shared(_) => &[Room::Header, Room::Packet],
    };
    for room in rooms {
        let slot = store.take(*room).ok_or(SendError::QueueFull)?;
        let out = store.get_mut(slot).room_mut();
        let (has_transport_sequence, has_abs_send_time) =
            (section.has_transport_sequence, section.has_abs_send_time);
        let complete = |values: &mut ExtensionValues| {
            (values.mid, values.rid) = (names.map(|(mid, _)| mid), names.and_then(|(_, rid)| rid));
            values.repaired_rid = None;
            values.transport_sequence = has_transport_sequence.then(TransportSequence::default);
            values.abs_send_time = has_abs_send_time.then(|| AbsSendTime::from_bits(0));
        };
        let given = (packet.extensions, packet.raw);
        if let Ok(layout) = section.headers.write(out, header, &section.map, given, (names, complete)) {
            return Ok((slot, layout));
        }
        store.release(slot);
    }
    Err(SendError::TooLong)
}

/// What is asked for again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) seq: SeqNo,
    /// Within this time after it was sent it cannot have been missed.
    pub(super) pause: Duration,
    pub(super) now: Instant,
}

/// A packet that is asked for again, if it is there and was not sent a moment ago.
pub(super) fn again(
    section: &SendSection,
    encoding: &Encoding,
    index: u32,
    asked: Asked,
    store: &mut PacketStore,
) -> Option<Queued> {
    let Asked { seq, pause, now } = asked;
    let slot = encoding.history.find_fresh(seq, now)?;
    let stored = store.get_mut(slot);
    // One that still waits, for its first time or to be sent again, is on its way already, however often it is asked for.
    let sent = stored.sent.filter(|_| !stored.is_waiting_again)?;
    let is_too_soon = now.saturating_duration_since(sent) < pause.max(RESEND_PAUSE_MIN);
    if is_too_soon || stored.resends >= RESENDS_MAX || stored.body == Body::Gone {
        return None;
    }
    let how = if rtx_of(section, encoding, stored.header()).is_some() { How::Rtx } else { How::Same };
    let len = stored.len;
    (stored.is_waiting_again, stored.resends) = (true, stored.resends + 1);
    store.keep(slot);
    Some(Queued { slot, encoding: index, len, how })
}

fn rtx_of(section: &SendSection, encoding: &Encoding, header: &[u8]) -> Option<(Ssrc, PayloadType)> {
    let payload_type = PayloadType::new(*header.get(1)? & 0x7F)?;
    Some((encoding.spec.rtx?, section.formats.media(payload_type)?.rtx?))
}

impl Queued {
    pub(super) fn encoding(&self) -> u32 {
        self.encoding
    }

    /// Nobody will send it.
    pub(super) fn drop_from(self, store: &mut PacketStore) {
        store.get_mut(self.slot).is_waiting_again = false;
        store.release(self.slot);
    }

    /// Writes the packet, protected, to the beginning of `out`. [`None`]: it did not fit, or could not be protected.
    #[inline]
    pub(super) fn write(
        self,
        section: &SendSection,
        encoding: &mut Encoding,
        out: &mut [u8],
        outbound: &mut Outbound<'_>,
        now: Instant,
    ) -> Option<Sent> {
        // The encoding that it was given to may be gone, and its place another's.
        let is_its_own = outbound.store.get(self.slot).ssrc() == encoding.spec.ssrc;
        let sent = match self.how {
            _ if !is_its_own => None,
            How::New => self.write_new(encoding, out, outbound),
            How::Same => self.write_same(encoding, out, outbound),
            How::Rtx => self.write_rtx(section, encoding, out, outbound),
        };
        let stored = outbound.store.get_mut(self.slot);
        (stored.sent, stored.is_waiting_again) = (Some(now), false);
        encoding.counters.payloads_gone += u64::from(is_its_own && stored.body == Body::Gone);
        outbound.store.release(self.slot);
        let (len, number) = sent?;
        Some(Sent { len, encoding: self.encoding, number })
    }

    fn write_new(
        self,
        encoding: &mut Encoding,
        out: &mut [u8],
        outbound: &mut Outbound<'_>,
    ) -> Option<(usize, Option<u64>)> {
        let stored = outbound.store.get_mut(self.slot);
        let (len, layout, seq) = (usize::from(stored.len), stored.layout, stored.seq);
        // First of all: what is gone takes no number.
        stored.fetch(outbound.source, out.get_mut(layout.header_len..len)?)?;
        let number = next_number(outbound.transport_seq, &layout, outbound.is_numbered);
        // In the store as well: if it is sent again as it was, it has to be exactly that.
        let kept = stored.kept_mut();
        if let Some(number) = number {
            layout.set_transport_sequence(kept, ExtSeqNo(number).seq());
        }
        layout.set_abs_send_time(kept, outbound.abs_send_time);
        out[..kept.len()].copy_from_slice(kept);
        if let (Some([media, _]), Some(number)) = (encoding.numbers.as_deref_mut(), number) {
            media.insert(seq, number);
        }
        Some((outbound.sealer.seal_rtp(out, len, layout.header_len, seq).ok()?, number))
    }

    fn write_same(
        self,
        encoding: &mut Encoding,
        out: &mut [u8],
        outbound: &mut Outbound<'_>,
    ) -> Option<(usize, Option<u64>)> {
        let stored = outbound.store.get_mut(self.slot);
        let len = usize::from(stored.len);
        stored.fetch(outbound.source, out.get_mut(stored.layout.header_len..len)?)?;
        let kept = stored.kept_mut();
        out[..kept.len()].copy_from_slice(kept);
        encoding.counters.retransmitted_packets += 1;
        encoding.counters.retransmitted_bytes += stored.payload_len() as u64;
        Some((outbound.sealer.seal_rtp(out, len, stored.layout.header_len, stored.seq).ok()?, None))
    }

    /// RFC 4588 §4: a stream of its own, the payload after the number that it had.
    fn write_rtx(
        self,
        section: &SendSection,
        encoding: &mut Encoding,
        out: &mut [u8],
        outbound: &mut Outbound<'_>,
    ) -> Option<(usize, Option<u64>)> {
        let stored = outbound.store.get_mut(self.slot);
        let original = Header::parse(stored.header()).ok()?;
        let (ssrc, payload_type) = rtx_of(section, encoding, stored.header())?;
        let mut values = section.map.read(original.extensions(stored.header()));
        // Nothing says which stream is repeated but the packet itself: whether others know it by now cannot be told.
        (values.mid, values.rid, values.repaired_rid) = (Some(section.mid), None, encoding.spec.rid);
        let header = OutgoingHeader {
            marker: original.marker,
            payload_type,
            seq: encoding.rtx_next.seq(),
            timestamp: original.timestamp,
            ssrc,
            csrcs: &[],
            has_padding: false,
        };
        let layout = write_header(out, &header, &section.map, &values, stored.header()).ok()?;
        let payload_at = layout.header_len + rtx::wrap(out.get_mut(layout.header_len..)?, original.seq, &[])?;
        let payload_len = stored.payload_len();
        let len = payload_at + payload_len;
        stored.write_payload(outbound.source, out.get_mut(payload_at..len)?)?;
        encoding.counters.retransmitted_packets += 1;
        encoding.counters.retransmitted_bytes += payload_len as u64;
        finish_rtx(encoding, out, len, &layout, outbound)
    }
}

/// Writes a packet that nobody needs, by the stream of retransmissions: the latest one once more if it is about as long as is wanted, or
/// else nothing but padding.
pub(super) fn write_padding_packet(
    section: &SendSection,
    encoding: &mut Encoding,
    (index, size): (u32, usize),
    out: &mut [u8],
    outbound: &mut Outbound<'_>,
) -> Option<Sent> {
    let slot = encoding.history.newest()?;
    let newest = outbound.store.get(slot);
    let len = usize::from(newest.len);
    if newest.sent.is_some() && len <= size && len > size / 2 {
        outbound.store.keep(slot);
        let queued = Queued { slot, encoding: index, len: 0, how: How::Rtx };
        let sent = queued.write_rtx(section, encoding, out, outbound);
        outbound.store.release(slot);
        if let Some((len, number)) = sent {
            return Some(Sent { len, encoding: index, number });
        }
    }
    let newest = outbound.store.get(slot);
    let (ssrc, payload_type) = rtx_of(section, encoding, newest.header())?;
    let timestamp = Header::parse(newest.header()).ok()?.timestamp;
    let header = OutgoingHeader {
        marker: false,
        payload_type,
        seq: encoding.rtx_next.seq(),
        timestamp,
        ssrc,
        csrcs: &[],
        has_padding: true,
    };
    let mut values = NO_EXTENSIONS;
    values.mid = Some(section.mid);
    values.repaired_rid = encoding.spec.rid;
    values.transport_sequence = section.has_transport_sequence.then(TransportSequence::default);
    values.abs_send_time = section.has_abs_send_time.then_some(outbound.abs_send_time);
    let layout = write_header(out, &header, &section.map, &values, &[]).ok()?;
    let padding_len = size.saturating_sub(layout.header_len).clamp(1, PADDING_LEN_MAX);
    let len = layout.header_len + padding_len;
    write_padding(out.get_mut(layout.header_len..len)?);
    encoding.counters.padding_bytes += padding_len as u64;
    let (len, number) = finish_rtx(encoding, out, len, &layout, outbound)?;
    Some(Sent { len, encoding: index, number })
}

/// Numbers and protects a packet of the stream of retransmissions.
fn finish_rtx(
    encoding: &mut Encoding,
    out: &mut [u8],
    len: usize,
    layout: &HeaderLayout,
    outbound: &mut Outbound<'_>,
) -> Option<(usize, Option<u64>)> {
    let number = next_number(outbound.transport_seq, layout, outbound.is_numbered);
    if let Some(number) = number {
        layout.set_transport_sequence(out, ExtSeqNo(number).seq());
    }
    layout.set_abs_send_time(out, outbound.abs_send_time);
    let index = encoding.rtx_next;
    encoding.rtx_next = ExtSeqNo(index.0 + 1);
    if let (Some([_, rtx]), Some(number)) = (encoding.numbers.as_deref_mut(), number) {
        rtx.insert(index, number);
    }
    Some((outbound.sealer.seal_rtp(out, len, layout.header_len, index).ok()?, number))
}

/// The number of a packet of the transport, if the other side tells what becomes of it.
fn next_number(next: &mut u64, layout: &HeaderLayout, is_numbered: bool) -> Option<u64> {
    if !is_numbered && !layout.has_transport_sequence() {
        return None;
    }
    let number = *next;
    *next += 1;
    Some(number)
}
