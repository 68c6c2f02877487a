//! The way of media packets in: one look-up, decryption where they lie, and what they were before they were repeated.

mod stream;

pub(crate) use stream::{MediaStream, Role, Stream};

use super::section::{Format, FormatEntry, Formats, SectionSpec};
use super::ssrc_table::SsrcTable;
use moim_rtp::extension::TransportSequence;
use moim_rtp::{ExtensionMap, ExtensionValues, Header, rtx};
use moim_sdp::jsep::TransceiverId;
use moim_srtp::{Opener, Reject, ReplayWindow};
use moim_wire::{ExtSeqNo, Mid, PayloadType, Rid, Ssrc};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Most RTP streams that a connection receives.
pub(crate) const STREAMS_MAX: usize = 1_024;
/// Most RTP streams of a media section, retransmissions among them. Of more, the one that was silent longest is forgotten.
pub(crate) const SECTION_STREAMS_MAX: usize = 24;

/// An RTP stream that is received: an index that stays the same while the stream is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiveStreamId(pub u32);

/// A media packet that came. Its payload lies, decrypted, in the driver's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRtp {
    /// Whose it is.
    pub transceiver: TransceiverId,
    /// Which of the transceiver's streams it is of.
    pub stream: ReceiveStreamId,
    /// Which encoding of a simulcast that is, if the sender has said so.
    pub rid: Option<Rid>,
    /// Its header; of a packet that was sent again by RTX, as it was before.
    pub header: Header,
    /// Its number, with the rollovers of the sixteen bits in the header.
    pub seq: ExtSeqNo,
    /// Its header extensions. The places of long ones are in the packet: from `packet_start` on.
    pub extensions: ExtensionValues,
    /// Where the RTP packet begins in the driver's buffer.
    pub packet_start: usize,
    /// Where the payload lies in the driver's buffer.
    pub payload: Range<usize>,
    /// It was missing, and came by RTX.
    pub is_repaired: bool,
}

/// Why a media packet is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    NoKeys,
    Malformed,
    Reject(Reject),
    UnknownStream,
    PayloadType,
    NotWanted,
    TooManyStreams,
    /// Nothing but padding, or a repetition of what was not missing.
    Empty,
}

/// A transceiver's way in.
#[derive(Debug)]
pub(crate) struct ReceiveSection {
    pub(crate) mid: Mid,
    pub(crate) is_active: bool,
    formats: Formats,
    map: ExtensionMap,
    /// Its streams, by their places in the table of all.
    pub(crate) streams: Vec<u32>,
}

/// All that is received.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) streams: Vec<Option<Box<Stream>>>,
    pub(crate) sections: Vec<Option<Box<ReceiveSection>>>,
    by_ssrc: SsrcTable<u32>,
    /// The extensions of all sections: what a packet of an unknown stream is read by.
    merged: ExtensionMap,
    free: Vec<u32>,
    rtt: Option<Duration>,
    /// The packet that came last. It lies here, so that it is not carried through every function in between.
    pub(crate) latest: Option<ReceivedRtp>,
}

/// A packet that was taken: whom it is for, or only what it says about the way here.
pub(crate) struct Taken {
    /// Whether it is [`Inbound::latest`] now.
    pub(crate) received: Result<(), Unusable>,
    /// The number for congestion control.
    pub(crate) transport_sequence: Option<TransportSequence>,
    pub(crate) ssrc: Ssrc,
    pub(crate) seq: ExtSeqNo,
    /// The stream misses packets, and when they are to be asked for.
    pub(crate) missing: Option<(u32, Instant)>,
}

impl Inbound {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            streams: Vec::new(),
            sections: Vec::new(),
            by_ssrc: SsrcTable::new(seed),
            merged: ExtensionMap::new(),
            free: Vec::new(),
            rtt: None,
            latest: None,
        }
    }

    /// A section was negotiated (again).
    pub(crate) fn set_section(&mut self, index: u32, spec: &SectionSpec, now: Instant) {
        let place = index as usize;
        if self.sections.len() <= place {
            self.sections.resize_with(place + 1, || None);
        }
        let streams = self.sections[place].take().map(|before| before.streams).unwrap_or_default();
        self.sections[place] = Some(Box::new(ReceiveSection {
            mid: spec.mid,
            is_active: spec.receives,
            formats: spec.receive_formats.clone(),
            map: spec.extensions.clone(),
            streams,
        }));
        self.index_sections();
        self.forget_signalled(index);
        for (ssrc, rtx) in &spec.remote_streams {
            let media = self.signalled(*ssrc, index, Role::Media(Box::new(MediaStream::new())), now);
            if let Some(rtx) = rtx {
                self.signalled(*rtx, index, Role::Rtx(media), now);
            }
        }
    }

    /// A section is no more.
    pub(crate) fn remove_section(&mut self, index: u32) {
        let Some(section) = self.sections.get_mut(index as usize).and_then(Option::take) else { return };
        for stream in section.streams {
            self.forget(stream);
        }
        self.index_sections();
    }

    pub(crate) fn stream(&self, index: u32) -> Option<&Stream> {
        self.streams.get(index as usize)?.as_deref()
    }

    pub(crate) fn media_mut(&mut self, index: u32) -> Option<(&mut MediaStream, Ssrc)> {
        let stream = self.streams.get_mut(index as usize)?.as_deref_mut()?;
        let ssrc = stream.ssrc;
        match &mut stream.role {
            Role::Media(media) => Some((media, ssrc)),
            Role::Rtx(_) => None,
        }
    }

    pub(crate) fn by_ssrc(&self, ssrc: Ssrc) -> Option<u32> {
        self.by_ssrc.get(ssrc)
    }

    /// Decrypts a packet where it lies and finds out what it is. `start` is where it lies in the driver's buffer.
    pub(crate) fn receive(
        &mut self,
        packet: &mut [u8],
        start: usize,
        opener: &Opener,
        now: Instant,
    ) -> Result<Taken, Unusable> {
        let header = Header::parse(packet).map_err(|_| Unusable::Malformed)?;
        let (index, opened) = if let Some(index) = self.by_ssrc.get(header.ssrc) {
            let stream = self.streams[index as usize].as_deref_mut().ok_or(Unusable::UnknownStream)?;
            let opened =
                opener.open_rtp(&mut stream.window, packet, header.header_len).map_err(Unusable::Reject)?;
            (stream.heard, stream.is_ended) = (now, false);
            (index, opened)
        } else {
            // Authentic first: only the other side itself can make streams known.
            let mut window = ReplayWindow::new();
            let opened = opener.open_rtp(&mut window, packet, header.header_len).map_err(Unusable::Reject)?;
            (self.adopt(&header, packet, window, now)?, opened)
        };
        self.take(&header, &packet[..opened.len], start, (index, opened.index), now)
    }

    fn take(
        &mut self,
        header: &Header,
        packet: &[u8],
        start: usize,
        (index, seq): (u32, ExtSeqNo),
        now: Instant,
    ) -> Result<Taken, Unusable> {
        let stream = self.stream(index).ok_or(Unusable::UnknownStream)?;
        let (section_index, is_rtx) = (stream.section, matches!(stream.role, Role::Rtx(_)));
        let section = self.section(section_index).ok_or(Unusable::NotWanted)?;
        let payload = header.payload(packet).map_err(|_| Unusable::Malformed)?;
        let extensions = section.map.read(header.extensions(packet));
        let found = match section.formats.get(header.payload_type) {
            _ if !section.is_active => Err(Unusable::NotWanted),
            Some(FormatEntry::Media(format)) if !is_rtx => {
                self.take_media(index, header, seq, payload, (&extensions, format, now))
            }
            Some(FormatEntry::Rtx(repeated)) if is_rtx => {
                self.take_again(index, header, packet, payload, (&extensions, repeated, now))
            }
            _ => Err(Unusable::PayloadType),
        };
        let transceiver = TransceiverId(section_index);
        let missing = self.missing_of(index);
        let transport_sequence = extensions.transport_sequence;
        let received = found.map(|found| {
            self.latest = Some(ReceivedRtp {
                transceiver,
                stream: ReceiveStreamId(found.stream),
                rid: found.rid,
                header: found.header,
                seq: found.seq,
                extensions,
                packet_start: start,
                payload: start + found.payload.start..start + found.payload.end,
                is_repaired: found.is_repaired,
            });
        });
        Ok(Taken { received, transport_sequence, ssrc: header.ssrc, seq, missing })
    }

    /// When the packets that a stream misses are to be asked for.
    #[inline]
    fn missing_of(&self, index: u32) -> Option<(u32, Instant)> {
        match &self.stream(index)?.role {
            Role::Media(media) => Some((index, media.nack.as_ref()?.poll_timeout()?.at)),
            Role::Rtx(_) => None,
        }
    }

    /// How long an answer takes.
    pub(crate) fn set_rtt(&mut self, rtt: Duration) {
        for stream in self.streams.iter_mut().flatten() {
            if let Role::Media(media) = &mut stream.role
                && let Some(nack) = &mut media.nack
            {
                nack.set_rtt(rtt);
            }
        }
        self.rtt = Some(rtt);
    }

    fn take_media(
        &mut self,
        index: u32,
        header: &Header,
        seq: ExtSeqNo,
        payload: Range<usize>,
        (extensions, format, now): (&ExtensionValues, Format, Instant),
    ) -> Result<Found, Unusable> {
        let rtt = self.rtt;
        let stream = self.stream_mut(index).ok_or(Unusable::UnknownStream)?;
        if extensions.rid.is_some() {
            stream.rid = extensions.rid;
        }
        let rid = stream.rid;
        let Role::Media(media) = &mut stream.role else { return Err(Unusable::PayloadType) };
        media.on_packet(header, seq, payload.len(), (format, rtt), now);
        if payload.is_empty() {
            return Err(Unusable::Empty);
        }
        Ok(Found { stream: index, rid, header: *header, seq, payload, is_repaired: false })
    }

    /// RFC 4588 §4: what was sent again is what it was.
    fn take_again(
        &mut self,
        index: u32,
        header: &Header,
        packet: &[u8],
        payload: Range<usize>,
        (extensions, repeated, now): (&ExtensionValues, PayloadType, Instant),
    ) -> Result<Found, Unusable> {
        let original = rtx::unwrap(packet, payload).ok_or(Unusable::Empty)?;
        let of = self.repeated_by(index, extensions.repaired_rid).ok_or(Unusable::UnknownStream)?;
        let stream = self.stream_mut(of).ok_or(Unusable::UnknownStream)?;
        let (ssrc, rid) = (stream.ssrc, stream.rid);
        let Role::Media(media) = &mut stream.role else { return Err(Unusable::UnknownStream) };
        let Some(highest) = media.highest else { return Err(Unusable::Empty) };
        let seq = highest.extend(original.seq);
        if !media.on_repaired(seq, original.payload.len(), now) {
            return Err(Unusable::Empty);
        }
        let mut header = *header;
        (header.payload_type, header.seq, header.ssrc) = (repeated, original.seq, ssrc);
        Ok(Found { stream: of, rid, header, seq, payload: original.payload, is_repaired: true })
    }

    /// Which stream of media a stream repeats.
    fn repeated_by(&mut self, index: u32, repaired_rid: Option<Rid>) -> Option<u32> {
        let stream = self.stream(index)?;
        if let Role::Rtx(Some(of)) = stream.role {
            return Some(of);
        }
        let section = self.section(stream.section)?;
        let mut candidates = section.streams.iter().copied().filter(|index| {
            let other = self.stream(*index);
            other.is_some_and(|other| {
                matches!(other.role, Role::Media(_)) && (repaired_rid.is_none() || other.rid == repaired_rid)
            })
        });
        // Without a name it is clear only if there is one.
        let of = candidates.next().filter(|_| candidates.next().is_none())?;
        self.stream_mut(index)?.role = Role::Rtx(Some(of));
        Some(of)
    }

    /// Makes an unknown stream known, by what its packet says, or else by its payload type (RFC 8843 §9.2).
    fn adopt(
        &mut self,
        header: &Header,
        packet: &[u8],
        window: ReplayWindow,
        now: Instant,
    ) -> Result<u32, Unusable> {
        let values = self.merged.read(header.extensions(packet));
        let by_mid = values.mid.and_then(|mid| {
            let of_mid =
                |section: &Option<Box<ReceiveSection>>| section.as_ref().is_some_and(|s| s.mid == mid);
            self.sections.iter().position(of_mid).and_then(|index| u32::try_from(index).ok())
        });
        let section_index = match by_mid {
            Some(section) => section,
            None if values.mid.is_none() => {
                self.only_section_with(header.payload_type).ok_or(Unusable::UnknownStream)?
            }
            None => return Err(Unusable::UnknownStream),
        };
        let section = self.section(section_index).ok_or(Unusable::UnknownStream)?;
        let role = match section.formats.get(header.payload_type) {
            Some(FormatEntry::Media(_)) => Role::Media(Box::new(MediaStream::new())),
            Some(FormatEntry::Rtx(_)) => Role::Rtx(None),
            None => return Err(Unusable::PayloadType),
        };
        let stream = Stream {
            ssrc: header.ssrc,
            section: section_index,
            rid: values.rid,
            window,
            role,
            heard: now,
            is_signalled: false,
            is_ended: false,
        };
        self.add(stream).ok_or(Unusable::TooManyStreams)
    }

    /// A stream that the other side's description names.
    fn signalled(&mut self, ssrc: Ssrc, section: u32, role: Role, now: Instant) -> Option<u32> {
        let mut window = ReplayWindow::new();
        if let Some(index) = self.by_ssrc.get(ssrc) {
            let stream = self.stream_mut(index)?;
            if stream.section == section {
                stream.is_signalled = true;
                if let (Role::Rtx(of), Role::Rtx(Some(told))) = (&mut stream.role, &role) {
                    *of = Some(*told);
                }
                return Some(index);
            }
            // It has moved. What came of it before must not come again.
            window = stream.window.clone();
            self.forget(index);
        }
        let (heard, is_signalled, is_ended) = (now, true, false);
        self.add(Stream { ssrc, section, rid: None, window, role, heard, is_signalled, is_ended })
    }

    /// What an earlier description has named stays only as long as there is room, unless the present one names it too.
    fn forget_signalled(&mut self, section: u32) {
        let streams = self.section(section).map(|section| section.streams.clone()).unwrap_or_default();
        for index in streams {
            if let Some(stream) = self.stream_mut(index) {
                stream.is_signalled = false;
            }
        }
    }

    fn add(&mut self, stream: Stream) -> Option<u32> {
        let section_index = stream.section;
        let section = self.section(section_index)?;
        if section.streams.len() >= SECTION_STREAMS_MAX {
            let silent =
                section.streams.iter().copied().filter_map(|index| Some((index, self.stream(index)?)));
            let silent = silent.filter(|(_, stream)| !stream.is_signalled);
            let (silent, _) = silent.min_by_key(|(_, stream)| stream.heard)?;
            self.forget(silent);
        }
        let ssrc = stream.ssrc;
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.streams.len() < STREAMS_MAX => {
                self.streams.push(None);
                u32::try_from(self.streams.len() - 1).ok()?
            }
            None => return None,
        };
        self.streams[index as usize] = Some(Box::new(stream));
        self.by_ssrc.insert(ssrc, index);
        self.sections.get_mut(section_index as usize)?.as_deref_mut()?.streams.push(index);
        Some(index)
    }

    fn forget(&mut self, index: u32) {
        let Some(stream) = self.streams.get_mut(index as usize).and_then(Option::take) else { return };
        self.by_ssrc.remove(stream.ssrc);
        self.free.push(index);
        let Some(section) = self.sections.get_mut(stream.section as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        section.streams.retain(|other| *other != index);
        for other in section.streams.clone() {
            if let Some(other) = self.stream_mut(other)
                && matches!(other.role, Role::Rtx(Some(of)) if of == index)
            {
                other.role = Role::Rtx(None);
            }
        }
    }

    fn index_sections(&mut self) {
        self.merged = ExtensionMap::new();
        for section in self.sections.iter().flatten() {
            for (id, kind) in section.map.iter() {
                // RFC 8843 §14: numbers mean the same in all sections of a bundle. The first one counts where they do not.
                let _ = self.merged.insert(id, kind);
            }
        }
    }

    /// The section that a payload type is of, if it is of one alone.
    fn only_section_with(&self, payload_type: PayloadType) -> Option<u32> {
        let has_it = |section: &Option<Box<ReceiveSection>>| {
            section.as_ref().is_some_and(|it| it.is_active && it.formats.get(payload_type).is_some())
        };
        let mut sections = (0..).zip(&self.sections).filter(|(_, section)| has_it(section));
        let (only, _) = sections.next()?;
        sections.next().is_none().then_some(only)
    }

    fn section(&self, index: u32) -> Option<&ReceiveSection> {
        self.sections.get(index as usize)?.as_deref()
    }

    pub(crate) fn stream_mut(&mut self, index: u32) -> Option<&mut Stream> {
        self.streams.get_mut(index as usize)?.as_deref_mut()
    }
}

/// A packet as it is for whom it is for.
struct Found {
    stream: u32,
    rid: Option<Rid>,
    header: Header,
    seq: ExtSeqNo,
    payload: Range<usize>,
    is_repaired: bool,
}
