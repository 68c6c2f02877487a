//! What was sent, and what of it came: what a packet that leaves is held against.

use super::codec::Part;
use moim_rtp::payload::PayloadFormat;
use moim_wire::ExtSeqNo;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

/// Packets of a stream that are remembered. What is further behind concerns nobody.
const PACKETS_KEPT: usize = 6_000;
/// Whoever numbers packets knows what became of so many: the forwarder's limit.
const LATE_MAX: u64 = 512;

/// One stream: of an encoding of a track, from one beginning to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamKey {
    pub(super) publisher: usize,
    /// Which time it is that it publishes.
    pub(super) life: u32,
    pub(super) encoding: usize,
    /// Which stream of the encoding.
    pub(super) generation: u32,
}

/// A packet that was sent.
#[derive(Clone)]
pub(super) struct Sent {
    /// What the payload ends with.
    pub(super) id: u64,
    pub(super) stream: StreamKey,
    /// Which of the stream, from 0 on.
    pub(super) index: u64,
    pub(super) seq: ExtSeqNo,
    pub(super) timestamp: u32,
    pub(super) format: PayloadFormat,
    pub(super) bytes: Vec<u8>,
    /// [`None`] if it is nothing but padding.
    pub(super) part: Option<Part>,
    /// The frames that its frame refers to: pictures and spatial layers.
    pub(super) references: Vec<(u64, u8)>,
    pub(super) frame_number: Option<u64>,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, index, part, .. } = self;
        write!(f, "{index} of {stream:?}: {part:?}")
    }
}

/// A packet of a stream, and when it came to the server: the how manieth of all, if it did in time.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) sent: Rc<Sent>,
    pub(super) came: Option<u64>,
}

#[derive(Debug, Default)]
struct Stream {
    records: VecDeque<Record>,
    /// The index of the first one that is remembered.
    first: u64,
    newest_came: u64,
    is_over: bool,
}

/// Everything that was sent lately.
#[derive(Debug, Default)]
pub(super) struct Archive {
    streams: BTreeMap<StreamKey, Stream>,
    by_id: BTreeMap<u64, Rc<Sent>>,
    ids: u64,
}

impl Archive {
    /// A number for the next packet.
    pub(super) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(super) fn keep(&mut self, sent: Sent) -> Rc<Sent> {
        let sent = Rc::new(sent);
        let stream = self.streams.entry(sent.stream).or_default();
        self.by_id.insert(sent.id, Rc::clone(&sent));
        stream.records.push_back(Record { sent: Rc::clone(&sent), came: None });
        if stream.records.len() > PACKETS_KEPT {
            if let Some(old) = stream.records.pop_front() {
                self.by_id.remove(&old.sent.id);
            }
            stream.first += 1;
        }
        sent
    }

    /// A packet has come and was taken.
    pub(super) fn came(&mut self, sent: &Sent, order: u64) {
        let Some(stream) = self.streams.get_mut(&sent.stream) else { return };
        let is_in_time = stream.newest_came.saturating_sub(sent.index) < LATE_MAX;
        stream.newest_came = stream.newest_came.max(sent.index);
        let place = sent.index.checked_sub(stream.first).and_then(|place| usize::try_from(place).ok());
        if let Some(record) = place.and_then(|place| stream.records.get_mut(place))
            && is_in_time
        {
            record.came.get_or_insert(order);
        }
    }

    /// Whether later packets of its stream have come.
    pub(super) fn is_late(&self, sent: &Sent) -> bool {
        self.streams.get(&sent.stream).is_some_and(|stream| stream.newest_came > sent.index)
    }

    pub(super) fn sent(&self, id: u64) -> Option<&Rc<Sent>> {
        self.by_id.get(&id)
    }

    /// The packets of a stream from one index to another, without the last.
    pub(super) fn between(&self, key: StreamKey, from: u64, to: u64) -> impl Iterator<Item = &Record> {
        let stream = self.streams.get(&key);
        let place = |index: u64, first: u64| usize::try_from(index.saturating_sub(first)).unwrap_or(0);
        stream.into_iter().flat_map(move |stream| {
            let end = place(to, stream.first).min(stream.records.len());
            let begin = place(from, stream.first).min(end);
            stream.records.range(begin..end)
        })
    }

    /// Whether so late a packet of a stream would be of no use to anybody any more.
    pub(super) fn is_settled(&self, key: StreamKey, index: u64) -> bool {
        let stream = self.streams.get(&key);
        stream.is_none_or(|stream| stream.is_over || stream.newest_came.saturating_sub(index) > LATE_MAX)
    }

    /// Whether nothing of a stream comes any more.
    pub(super) fn is_over(&self, key: StreamKey) -> bool {
        self.streams.get(&key).is_none_or(|stream| stream.is_over)
    }

    /// Nothing comes any more of streams other than those.
    pub(super) fn close_others(&mut self, is_current: impl Fn(StreamKey) -> bool) {
        for (key, stream) in &mut self.streams {
            stream.is_over = !is_current(*key);
        }
    }

    /// Streams that are over are of no concern any more, once everybody has looked at what came of them.
    pub(super) fn forget(&mut self) {
        let by_id = &mut self.by_id;
        self.streams.retain(|_, stream| {
            let is_over = stream.is_over;
            if is_over {
                for record in &stream.records {
                    by_id.remove(&record.sent.id);
                }
            }
            !is_over
        });
    }
}
