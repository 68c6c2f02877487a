//! What a driver does: packets in and out, time, events.

use super::{PeerConnection, Phase};
use crate::event::{DropReason, Event, Handled, Received, Transmit};
use crate::media::{NoPayloads, Payloads, Unusable};
use moim_ice::PathId;
use moim_srtp::Reject;
use moim_wire::Deadline;
use std::ops::Range;
use std::time::Instant;

/// What was in a packet.
enum Content {
    Media,
    /// What the connection has seen to itself.
    Other,
}

impl PeerConnection {
    /// Takes a packet. Media is decrypted where it lies, and [`Handled::Rtp`] says what it is.
    pub fn handle_input(&mut self, received: Received<'_>, now: Instant) -> Handled {
        let Received { local, remote, protocol, bytes } = received;
        let input = moim_ice::Received { local, remote, protocol, bytes };
        match self.ice.handle_input(input, now) {
            moim_ice::Handled::Data { path, range } => match self.handle_data(bytes, range, path, now) {
                Ok(Content::Media) => self.media.inbound.latest.take().map_or(Handled::Taken, Handled::Rtp),
                Ok(Content::Other) => Handled::Taken,
                Err(reason) => {
                    self.drops.count(reason);
                    Handled::Dropped(reason)
                }
            },
            moim_ice::Handled::Taken => {
                self.pump(now);
                Handled::Taken
            }
            moim_ice::Handled::NotForMe => Handled::NotForMe,
            moim_ice::Handled::Dropped(_) => {
                self.drops.count(DropReason::Ice);
                Handled::Dropped(DropReason::Ice)
            }
        }
    }

    /// RFC 7983 §7: the first byte says what it is.
    fn handle_data(
        &mut self,
        bytes: &mut [u8],
        range: Range<usize>,
        path: PathId,
        now: Instant,
    ) -> Result<Content, DropReason> {
        let (start, len) = (range.start, range.len());
        let packet = bytes.get_mut(range).ok_or(DropReason::Malformed)?;
        match packet.first() {
            Some(20..=63) => {
                self.note_datagram(packet);
                let is_taken = self.dtls.handle_datagram(packet, now);
                self.pump(now);
                if is_taken { Ok(Content::Other) } else { Err(DropReason::Dtls) }
            }
            // Whoever has closed it wants no media any more, though the goodbyes are still to be sent.
            Some(128..=191) if self.phase != Phase::Open => Err(DropReason::NoKeys),
            Some(128..=191) if moim_rtp::rtcp::is_rtcp(packet) => {
                self.media.handle_rtcp(packet, now).map_err(drop_reason)?;
                self.ice.data_received(path, len, now);
                self.take_media_events();
                Ok(Content::Other)
            }
            Some(128..=191) => {
                let taken = self.media.receive(packet, start, now).map_err(drop_reason)?;
                self.ice.data_received(path, len, now);
                match taken {
                    Ok(()) => Ok(Content::Media),
                    // Padding, or a repetition of what was there already: it has done what it was sent for.
                    Err(Unusable::Empty) => Ok(Content::Other),
                    Err(unusable) => Err(drop_reason(unusable)),
                }
            }
            Some(_) => Err(DropReason::UnknownProtocol),
            None => Err(DropReason::Malformed),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            self.ice.handle_timeout(now);
            self.follow_closed_ice();
            return;
        }
        self.clock = self.clock.max(now);
        self.media.handle_timeout(now);
        self.take_media_events();
        let is_due = |deadline: Option<Deadline>| deadline.is_some_and(|deadline| deadline.at <= now);
        let (ice, dtls) = (is_due(self.ice.poll_timeout()), is_due(self.dtls.poll_timeout()));
        let sctp = is_due(self.sctp.poll_timeout());
        // Media is due every few milliseconds, the others hardly ever.
        if !(ice || dtls || sctp) {
            return;
        }
        if ice {
            self.ice.handle_timeout(now);
        }
        self.dtls.handle_timeout(now);
        if sctp {
            self.sctp.handle_timeout(now);
            self.sctp_may_send = true;
        }
        self.pump(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. While there is something to send or to tell, it is a moment that has passed.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.events.is_empty() || self.channels.has_events() {
            return Some(Deadline::new(self.clock, "something is to be told"));
        }
        if self.phase == Phase::Closed {
            // Allocations are being given back, again if nobody answers.
            return self.ice.poll_timeout();
        }
        if self.phase == Phase::Closing {
            return Some(Deadline::new(self.clock, "goodbyes are to be sent"));
        }
        let mut soonest = Deadline::soonest(self.ice.poll_timeout(), self.dtls.poll_timeout());
        soonest = Deadline::soonest(soonest, self.sctp.poll_timeout());
        // A relay may have to let the other side through first: until then, nothing can be sent by the path.
        if self.ice.selected().and_then(|path| self.ice.route(path)).is_some() {
            if self.dtls.has_outgoing() || self.sctp_may_send {
                return Some(Deadline::new(self.clock, "something is to be sent"));
            }
            soonest = Deadline::soonest(soonest, self.media.poll_timeout());
        }
        soonest
    }

    /// Writes the next packet to the beginning of `out`, which has [`TRANSMIT_LEN_MAX`](crate::TRANSMIT_LEN_MAX) bytes. [`None`]: nothing more for now.
    ///
    /// For who sends [shared payloads](crate::Payload::Shared), there is [`poll_transmit_from`](Self::poll_transmit_from).
    pub fn poll_transmit(&mut self, out: &mut [u8], now: Instant) -> Option<Transmit> {
        self.poll_transmit_from(&NoPayloads, out, now)
    }

    /// The same, with the payloads that are [shared](crate::Payload::Shared). A packet whose payload is gone is dropped, and counted.
    pub fn poll_transmit_from(
        &mut self,
        source: &dyn Payloads,
        out: &mut [u8],
        now: Instant,
    ) -> Option<Transmit> {
        loop {
            if let Some(transmit) = self.ice.poll_transmit(out) {
                let moim_ice::Transmit { local, remote, protocol, len } = transmit;
                return Some(Transmit { local, remote, protocol, len });
            }
            if let Some(transmit) = self.poll_data(source, out, now) {
                return Some(transmit);
            }
            if self.phase != Phase::Closing {
                return None;
            }
            // Everything is said. What ICE has to give back goes last.
            self.phase = Phase::Closed;
            self.media.close(now);
            self.ice.close(now);
            self.follow_closed_ice();
        }
    }

    /// What happened, oldest first. Messages of data channels are read when they are asked for, one at a time.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let event = self.channels.poll_event(&mut self.sctp)?;
        // Reading makes room that the other side is to know of; and a channel that was opened is acknowledged.
        self.sctp_may_send = true;
        while let Some(event) = self.sctp.poll_event() {
            self.channels.handle_sctp(&event, &mut self.sctp);
        }
        Some(Event::DataChannel(event))
    }

    /// Data for the path that is selected.
    fn poll_data(&mut self, source: &dyn Payloads, out: &mut [u8], now: Instant) -> Option<Transmit> {
        let path = self.ice.selected()?;
        let head = self.ice.route(path)?.prefix.len();
        let len = self.write_data(source, out.get_mut(head..)?, now)?;
        // What was written has changed nothing about the way. Looking it up again costs less than keeping a copy of it meanwhile.
        let route = self.ice.route(path)?;
        let whole = route.prefix.wrap(out, len)?;
        let transmit =
            Transmit { local: route.local, remote: route.remote, protocol: route.protocol, len: whole };
        self.ice.data_sent(path, len, now);
        Some(transmit)
    }

    /// The next packet of what goes by the path: handshakes first, then media, then data.
    fn write_data(&mut self, source: &dyn Payloads, out: &mut [u8], now: Instant) -> Option<usize> {
        // Who hears that DTLS ends listens to nothing any more: goodbyes of streams go before.
        if self.phase == Phase::Open
            && let Some(datagram) = self.dtls.poll_transmit()
        {
            return write(out, &datagram);
        }
        if let Some(len) = self.media.poll_transmit(source, out, now) {
            return Some(len);
        }
        if let Some(datagram) = self.dtls.poll_transmit() {
            return write(out, &datagram);
        }
        while self.sctp_may_send {
            match self.channels.poll_transmit(&mut self.sctp, now) {
                Some(packet) => {
                    if self.dtls.send(&packet, now)
                        && let Some(datagram) = self.dtls.poll_transmit()
                    {
                        return write(out, &datagram);
                    }
                }
                None => self.sctp_may_send = false,
            }
        }
        None
    }
}

fn write(out: &mut [u8], datagram: &[u8]) -> Option<usize> {
    out.get_mut(..datagram.len())?.copy_from_slice(datagram);
    Some(datagram.len())
}

fn drop_reason(unusable: Unusable) -> DropReason {
    match unusable {
        Unusable::NoKeys => DropReason::NoKeys,
        Unusable::Malformed | Unusable::Empty => DropReason::Malformed,
        Unusable::Reject(Reject::Replayed | Reject::TooOld) => DropReason::Replayed,
        Unusable::Reject(_) => DropReason::NotAuthentic,
        Unusable::UnknownStream => DropReason::UnknownStream,
        Unusable::PayloadType => DropReason::PayloadType,
        Unusable::NotWanted => DropReason::NotWanted,
        Unusable::TooManyStreams => DropReason::TooManyStreams,
    }
}
