//! Data channels (RFC 8831): streams of the association with a name, opened by message or by agreement.
//!
//! Messages wait here until SCTP has room for them, and take turns by the priorities of their channels.

mod channel;
mod schedule;

pub use channel::{
    DataChannel, DataChannelCounters, DataChannelError, DataChannelEvent, DataChannelId, DataChannelInit,
    DataChannelState, DataMessage,
};

use crate::dcep::{self, Reliability};
use crate::sctp::{SctpEvent, SctpState, SctpTransport};
use bytes::Bytes;
use schedule::{Schedule, Waiting};
use sctp_proto::PayloadProtocolIdentifier as Ppid;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Most channels of a connection at a time, closing ones included.
pub const CHANNELS_MAX: usize = 1024;
/// The longest label or protocol, in bytes.
pub const LABEL_LEN_MAX: usize = dcep::LABEL_LEN_MAX;
/// Bytes that may wait in all channels of a connection, unless configured otherwise: as browsers have it for one.
pub const BUFFERED_AMOUNT_MAX: usize = 16 << 20;
/// Bytes that may wait in a channel however many wait in others.
const BUFFERED_AMOUNT_SHARE: usize = 16 << 10;
/// Messages that may wait in all channels of a connection: short ones take more room than their bytes.
const MESSAGES_MAX: usize = 1 << 16;
/// Messages that may wait in a channel however many wait in others.
const MESSAGES_SHARE: usize = 64;
/// What may wait to be told about channels. What comes on streams is not read while so many wait.
const EVENTS_MAX: usize = 256;
/// The highest stream (RFC 8831 §6.2: 65,535 cannot be used).
const STREAM_MAX: u16 = 65_534;

/// The channels of a connection.
#[derive(Debug)]
pub(crate) struct DataChannels {
    channels: BTreeMap<DataChannelId, DataChannel>,
    streams: BTreeMap<u16, DataChannelId>,
    /// Streams whose reset is under way: not to be used until it is through.
    resetting: BTreeSet<u16>,
    readable: BTreeSet<u16>,
    /// The stream after the one that was read last: they take turns.
    next_to_read: u16,
    /// Channels that end once what was sent on them is delivered.
    closing: BTreeSet<DataChannelId>,
    /// Messages that SCTP has not been given yet.
    schedule: Schedule,
    /// Channels of which more than their threshold waits, so that it is news when it no longer does.
    above_threshold: BTreeSet<DataChannelId>,
    events: VecDeque<DataChannelEvent>,
    next_id: u32,
    /// The DTLS client uses even streams (RFC 8832 §6). Known once DTLS is connected.
    is_even: Option<bool>,
    buffered_max: usize,
    opened: u64,
    closed: u64,
    /// Messages that were of no channel, or made no sense.
    dropped: u64,
}

impl DataChannels {
    pub(crate) fn new(buffered_max: usize) -> Self {
        Self {
            channels: BTreeMap::new(),
            streams: BTreeMap::new(),
            resetting: BTreeSet::new(),
            readable: BTreeSet::new(),
            next_to_read: 0,
            closing: BTreeSet::new(),
            schedule: Schedule::default(),
            above_threshold: BTreeSet::new(),
            events: VecDeque::new(),
            next_id: 0,
            is_even: None,
            buffered_max,
            opened: 0,
            closed: 0,
            dropped: 0,
        }
    }

    pub(crate) fn channel(&self, id: DataChannelId) -> Option<&DataChannel> {
        self.channels.get(&id)
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = (DataChannelId, &DataChannel)> {
        self.channels.iter().map(|(id, channel)| (*id, channel))
    }

    /// Channels that have opened and closed, ever.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.opened, self.closed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty() || !self.readable.is_empty()
    }

    /// Makes a channel. It opens when there is an association.
    pub(crate) fn create(
        &mut self,
        init: DataChannelInit,
        sctp: &mut SctpTransport,
    ) -> Result<DataChannelId, DataChannelError> {
        if init.label.len() > LABEL_LEN_MAX || init.protocol.len() > LABEL_LEN_MAX {
            return Err(DataChannelError::LabelTooLong);
        }
        if let Some(stream) = init.negotiated
            && (stream > STREAM_MAX || self.is_in_use(stream))
        {
            return Err(DataChannelError::Stream);
        }
        let id = self.add(init).ok_or(DataChannelError::TooMany)?;
        if sctp.state() == SctpState::Connected && !self.open(id, sctp) {
            self.channels.remove(&id);
            return Err(DataChannelError::Stream);
        }
        Ok(id)
    }

    pub(crate) fn send(
        &mut self,
        id: DataChannelId,
        binary: bool,
        data: &[u8],
        sctp: &mut SctpTransport,
        now: Instant,
    ) -> Result<(), DataChannelError> {
        let waiting = self.buffered_amount(id, sctp) + data.len();
        let is_too_long = waiting > BUFFERED_AMOUNT_SHARE
            && waiting + self.buffered_elsewhere(id, sctp) > self.buffered_max;
        let are_too_many =
            self.schedule.count_of(id) >= MESSAGES_SHARE && self.schedule.count() >= MESSAGES_MAX;
        let channel = self.channels.get_mut(&id).ok_or(DataChannelError::Unknown)?;
        if channel.state != DataChannelState::Open {
            return Err(DataChannelError::NotOpen);
        }
        let max = sctp.send_len_max();
        if data.len() > max as usize {
            return Err(DataChannelError::TooLong { max });
        }
        if is_too_long || are_too_many {
            return Err(DataChannelError::BufferFull);
        }
        // RFC 8831 §6.6: SCTP has no empty messages, so that one byte stands for none.
        let (ppid, message) = match (binary, data.is_empty()) {
            (true, false) => (Ppid::Binary, Bytes::copy_from_slice(data)),
            (true, true) => (Ppid::BinaryEmpty, Bytes::from_static(&[0])),
            (false, false) => (Ppid::String, Bytes::copy_from_slice(data)),
            (false, true) => (Ppid::StringEmpty, Bytes::from_static(&[0])),
        };
        let expires = match channel.init.reliability {
            // Of no lifetime at all is what is sent once, if it can be sent at once.
            Reliability::MaxPacketLifeTime(ms) => now.checked_add(Duration::from_millis(ms.max(1).into())),
            Reliability::Reliable | Reliability::MaxRetransmits(_) => None,
        };
        channel.counters.messages_sent += 1;
        channel.counters.bytes_sent += data.len() as u64;
        if waiting > channel.low_threshold {
            self.above_threshold.insert(id);
        }
        let len = message.len();
        self.schedule.push(id, channel.init.priority, Waiting { ppid, message, len, expires });
        Ok(())
    }

    /// The next packet of SCTP's, which is given the messages that are next.
    pub(crate) fn poll_transmit(&mut self, sctp: &mut SctpTransport, now: Instant) -> Option<Bytes> {
        loop {
            let packet = sctp.poll_transmit(now);
            if packet.is_some() || !self.hand_over(sctp, now) {
                return packet;
            }
        }
    }

    /// Gives SCTP as many messages as it has room for. False: none.
    fn hand_over(&mut self, sctp: &mut SctpTransport, now: Instant) -> bool {
        let mut is_any = false;
        while sctp.has_room() {
            let Some((id, waiting)) = self.schedule.pop() else { break };
            let Some(channel) = self.channels.get(&id) else { continue };
            let Some(stream) = channel.stream else { continue };
            if let Some(expires) = waiting.expires {
                if expires <= now {
                    continue;
                }
                // What has less than the shortest lifetime that SCTP knows may be sent, once.
                let left = expires.saturating_duration_since(now).as_millis().max(1);
                let left = u32::try_from(left).unwrap_or(u32::MAX);
                let ordered = channel.init.ordered || channel.awaits_ack;
                sctp.set_delivery(stream, ordered, Reliability::MaxPacketLifeTime(left));
            }
            // The other side may have closed the channel meanwhile, which is told.
            is_any |= sctp.write(stream, waiting.ppid, &waiting.message).is_ok();
        }
        is_any
    }

    /// Follows what SCTP has delivered: of channels in which little waits any more it is told, and those that are to end do.
    pub(crate) fn settle(&mut self, sctp: &mut SctpTransport) {
        let Self { channels, schedule, events, above_threshold, .. } = self;
        above_threshold.retain(|id| {
            let Some(channel) = channels.get(id) else { return false };
            let (Some(stream), DataChannelState::Open) = (channel.stream, channel.state) else {
                return false;
            };
            let amount = schedule.len_of(*id) + sctp.buffered_amount(stream);
            let is_low = amount <= channel.low_threshold && events.len() < EVENTS_MAX;
            if is_low {
                events.push_back(DataChannelEvent::BufferedAmountLow(*id));
            }
            !is_low
        });
        self.continue_closing(sctp);
    }

    /// Bytes that wait to be delivered.
    pub(crate) fn buffered_amount(&self, id: DataChannelId, sctp: &mut SctpTransport) -> usize {
        let stream = self.channels.get(&id).and_then(|channel| channel.stream);
        self.schedule.len_of(id) + stream.map_or(0, |stream| sctp.buffered_amount(stream))
    }

    pub(crate) fn set_low_threshold(
        &mut self,
        id: DataChannelId,
        threshold: usize,
        sctp: &mut SctpTransport,
    ) -> Result<(), DataChannelError> {
        let channel = self.channels.get_mut(&id).ok_or(DataChannelError::Unknown)?;
        channel.low_threshold = threshold;
        if self.buffered_amount(id, sctp) > threshold {
            self.above_threshold.insert(id);
        }
        Ok(())
    }

    /// Ends a channel after what was sent on it is delivered.
    pub(crate) fn close(
        &mut self,
        id: DataChannelId,
        sctp: &mut SctpTransport,
    ) -> Result<(), DataChannelError> {
        let channel = self.channels.get_mut(&id).ok_or(DataChannelError::Unknown)?;
        match channel.state {
            DataChannelState::Connecting => self.remove(id),
            DataChannelState::Open => {
                channel.state = DataChannelState::Closing;
                self.closing.insert(id);
                self.continue_closing(sctp);
            }
            DataChannelState::Closing => {}
        }
        Ok(())
    }

    /// DTLS is connected, which says what streams are whose.
    pub(crate) fn set_role(&mut self, is_dtls_client: bool) {
        self.is_even = Some(is_dtls_client);
    }

    /// Takes in what the association tells. Nothing is read before it is asked for by [`Self::poll_event`].
    pub(crate) fn handle_sctp(&mut self, event: &SctpEvent, sctp: &mut SctpTransport) {
        match *event {
            SctpEvent::Connected => {
                let waiting: Vec<_> = self.channels.keys().copied().collect();
                for id in waiting {
                    if !self.open(id, sctp) {
                        self.remove(id);
                    }
                }
            }
            SctpEvent::Lost(_) => self.close_all(),
            SctpEvent::Readable(stream) => {
                self.readable.insert(stream);
            }
            SctpEvent::Finished(stream) => {
                self.resetting.insert(stream);
                if let Some(&id) = self.streams.get(&stream) {
                    self.remove(id);
                }
            }
            SctpEvent::Reset { stream, is_usable } => {
                if is_usable {
                    self.resetting.remove(&stream);
                }
            }
        }
        self.continue_closing(sctp);
    }

    /// What happened. Reads messages, one at a time: what is not asked for stays with the association, whose window closes.
    pub(crate) fn poll_event(&mut self, sctp: &mut SctpTransport) -> Option<DataChannelEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let next = self.readable.range(self.next_to_read..).next();
            let stream = *next.or_else(|| self.readable.first())?;
            self.next_to_read = stream.saturating_add(1);
            match sctp.read(stream) {
                Some((ppid, message)) => self.handle_message(stream, ppid, message, sctp),
                None => {
                    self.readable.remove(&stream);
                }
            }
        }
    }

    /// Everything is over.
    pub(crate) fn close_all(&mut self) {
        let all: Vec<_> = self.channels.keys().copied().collect();
        for id in all {
            self.remove(id);
        }
        self.readable.clear();
    }

    fn handle_message(&mut self, stream: u16, ppid: Ppid, message: Vec<u8>, sctp: &mut SctpTransport) {
        let id = self.streams.get(&stream).copied();
        let message = match ppid {
            Ppid::Dcep => {
                self.handle_dcep(stream, id, &message, sctp);
                return;
            }
            Ppid::String => DataMessage::Text(String::from_utf8(message).unwrap_or_else(|error| {
                // W3C decodes leniently: what is not UTF-8 is replaced.
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            })),
            Ppid::StringEmpty => DataMessage::Text(String::new()),
            Ppid::Binary => DataMessage::Binary(message),
            Ppid::BinaryEmpty => DataMessage::Binary(Vec::new()),
            Ppid::Unknown => {
                self.dropped += 1;
                return;
            }
        };
        let Some((id, channel)) = id.and_then(|id| Some((id, self.channels.get_mut(&id)?))) else {
            self.dropped += 1;
            return;
        };
        channel.counters.messages_received += 1;
        channel.counters.bytes_received += match &message {
            DataMessage::Text(text) => text.len() as u64,
            DataMessage::Binary(bytes) => bytes.len() as u64,
        };
        self.acknowledged(id, sctp);
        self.events.push_back(DataChannelEvent::Message(id, message));
    }

    fn handle_dcep(
        &mut self,
        stream: u16,
        id: Option<DataChannelId>,
        message: &[u8],
        sctp: &mut SctpTransport,
    ) {
        match (dcep::Message::parse(message), id) {
            (Ok(dcep::Message::Ack), Some(id)) => self.acknowledged(id, sctp),
            (Ok(dcep::Message::Open(open)), None) if self.is_theirs(stream) => {
                self.accept(stream, &open, sctp);
            }
            // RFC 8832 §6: a stream of the wrong parity is closed, without an acknowledgement.
            (Ok(dcep::Message::Open(_)) | Err(_), None) => {
                self.dropped += 1;
                sctp.reset(stream);
            }
            (Ok(_) | Err(_), _) => self.dropped += 1,
        }
    }

    fn accept(&mut self, stream: u16, open: &dcep::Open<'_>, sctp: &mut SctpTransport) {
        let init = DataChannelInit {
            label: open.label.to_owned(),
            protocol: open.protocol.to_owned(),
            ordered: open.ordered,
            reliability: open.reliability,
            negotiated: None,
            priority: open.priority,
        };
        let is_open = sctp.open_stream(stream, init.ordered, init.reliability);
        let Some(id) = is_open.then(|| self.add(init)).flatten() else {
            self.dropped += 1;
            sctp.reset(stream);
            return;
        };
        self.streams.insert(stream, id);
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.stream = Some(stream);
        }
        // It fails if the other side has closed the channel already: then nobody waits for it, and what was sent is to be read.
        let ack = dcep::Message::Ack.to_bytes().unwrap_or_default();
        let _ = sctp.write(stream, Ppid::Dcep, &Bytes::from(ack));
        self.events.push_back(DataChannelEvent::Added(id));
        self.set_open(id);
    }

    fn open(&mut self, id: DataChannelId, sctp: &mut SctpTransport) -> bool {
        let Some(channel) = self.channels.get(&id) else { return false };
        if channel.state != DataChannelState::Connecting {
            return true;
        }
        let Some(stream) = channel.init.negotiated.or_else(|| self.free_stream()) else { return false };
        let Some(channel) = self.channels.get_mut(&id) else { return false };
        let init = &channel.init;
        let is_told = init.negotiated.is_none();
        if !sctp.open_stream(stream, init.ordered || is_told, init.reliability) {
            return false;
        }
        if is_told {
            let open = dcep::Open {
                ordered: init.ordered,
                reliability: init.reliability,
                priority: init.priority,
                label: &init.label,
                protocol: &init.protocol,
            };
            let Some(message) = dcep::Message::Open(open).to_bytes() else { return false };
            // The opening itself is delivered in any case (RFC 8832 §6).
            sctp.set_delivery(stream, true, Reliability::Reliable);
            let is_sent = sctp.write(stream, Ppid::Dcep, &Bytes::from(message)).is_ok();
            sctp.set_delivery(stream, true, init.reliability);
            if !is_sent {
                return false;
            }
            channel.awaits_ack = true;
        }
        channel.stream = Some(stream);
        self.streams.insert(stream, id);
        self.set_open(id);
        true
    }

    fn set_open(&mut self, id: DataChannelId) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.state = DataChannelState::Open;
            self.opened += 1;
            self.events.push_back(DataChannelEvent::Open(id));
        }
    }

    /// The other side knows of the channel: from now on its messages go as they should.
    fn acknowledged(&mut self, id: DataChannelId, sctp: &mut SctpTransport) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        if std::mem::take(&mut channel.awaits_ack)
            && let Some(stream) = channel.stream
        {
            sctp.set_delivery(stream, channel.init.ordered, channel.init.reliability);
        }
    }

    fn continue_closing(&mut self, sctp: &mut SctpTransport) {
        let Self { channels, resetting, schedule, .. } = self;
        self.closing.retain(|id| {
            let Some(stream) = channels.get(id).and_then(|channel| channel.stream) else { return false };
            let is_delivered = !schedule.has(*id) && sctp.buffered_amount(stream) == 0;
            if is_delivered && sctp.reset(stream) {
                resetting.insert(stream);
                return false;
            }
            true
        });
    }

    fn add(&mut self, init: DataChannelInit) -> Option<DataChannelId> {
        if self.channels.len() >= CHANNELS_MAX {
            return None;
        }
        let id = DataChannelId(self.next_id);
        self.next_id = self.next_id.checked_add(1)?;
        let channel = DataChannel {
            init,
            stream: None,
            state: DataChannelState::Connecting,
            awaits_ack: false,
            low_threshold: 0,
            counters: DataChannelCounters::default(),
        };
        self.channels.insert(id, channel);
        Some(id)
    }

    fn remove(&mut self, id: DataChannelId) {
        let Some(channel) = self.channels.remove(&id) else { return };
        self.closing.remove(&id);
        self.above_threshold.remove(&id);
        self.schedule.remove(id);
        if let Some(stream) = channel.stream {
            self.streams.remove(&stream);
            self.readable.remove(&stream);
        }
        if channel.state != DataChannelState::Connecting {
            self.closed += 1;
        }
        self.events.push_back(DataChannelEvent::Closed(id));
    }

    fn free_stream(&self) -> Option<u16> {
        let first = u16::from(!self.is_even?);
        (first..=STREAM_MAX).step_by(2).find(|stream| !self.is_in_use(*stream))
    }

    fn is_in_use(&self, stream: u16) -> bool {
        self.streams.contains_key(&stream)
            || self.resetting.contains(&stream)
            || self.channels.values().any(|channel| channel.init.negotiated == Some(stream))
    }

    /// Whether the other side may open channels on this stream.
    fn is_theirs(&self, stream: u16) -> bool {
        self.is_even.is_some_and(|is_even| stream.is_multiple_of(2) != is_even)
    }

    /// Bytes that wait in other channels.
    fn buffered_elsewhere(&self, id: DataChannelId, sctp: &mut SctpTransport) -> usize {
        let others = self.streams.iter().filter(|(_, other)| **other != id);
        let given: usize = others.map(|(stream, _)| sctp.buffered_amount(*stream)).sum();
        given + self.schedule.len() - self.schedule.len_of(id)
    }
}

#[cfg(test)]
mod tests;
