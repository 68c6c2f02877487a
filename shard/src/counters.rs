//! What was done, and what there is.

use std::sync::{Arc, Mutex, PoisonError};

moim_wire::drop_reasons! {
    "Why a packet went no further, in the shard itself: what connections and the forwarder drop they count themselves.";
    /// Of a section that carries no published track.
    NotPublished => "not_published",
    /// Of somebody who may not publish, or a message of somebody who may send none.
    NotPermitted => "not_permitted",
    /// Of a stream that another one has taken the place of.
    OldStream => "old_stream",
    /// Of an encoding that its section does not have.
    UnknownEncoding => "unknown_encoding",
    /// In another format than the one that its section was negotiated for first.
    OtherFormat => "other_format",
    /// For a subscriber whose connection took no more.
    SubscriberBusy => "subscriber_busy",
    /// A message of the application's that cannot be read.
    DataMalformed => "data_malformed",
    /// A message of somebody who sends too many.
    DataTooMuch => "data_too_much",
    /// A message for somebody whose channel is not open, or takes no more.
    DataUndelivered => "data_undelivered",
    /// To an address that the server does not send to.
    NoWay => "no_way",
}

/// What a shard has done so far, and what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaCounters {
    /// Rooms with somebody in it.
    pub rooms: u64,
    /// Participants, with a connection or without.
    pub participants: u64,
    /// Connections, connected or about to be.
    pub connections: u64,
    /// Connections that are connected.
    pub connected: u64,
    /// Connections that came about so far.
    pub connections_made: u64,
    /// Connections that failed.
    pub connections_failed: u64,
    /// Offers that were answered.
    pub offers_answered: u64,
    /// Offers that could not be.
    pub offers_refused: u64,
    /// Tracks that are forwarded to whoever watches them.
    pub tracks: u64,
    /// Connections that tracks are forwarded to.
    pub subscribers: u64,
    /// Media packets that came.
    pub packets_in: u64,
    /// Bytes of datagrams that came, media or not.
    pub bytes_in: u64,
    /// Copies of them that were made for subscribers.
    pub packets_forwarded: u64,
    /// Messages of applications that were passed on, each receiver counted.
    pub messages_out: u64,
    /// Packets that were sent, media or not.
    pub packets_out: u64,
    /// Bytes of what was sent.
    pub bytes_out: u64,
    /// Turns after which something was left to be sent, since the outbox was full.
    pub outbox_full: u64,
    /// Key frames that publishers were asked for.
    pub key_frames_asked: u64,
    /// Key frames that subscribers asked for.
    pub key_frames_wanted: u64,
    /// What the shard dropped.
    pub drops: Drops,
    /// What the forwarder dropped.
    pub forwarder_drops: moim_sfu::Drops,
    /// Packets that connections dropped, of all reasons.
    pub connection_drops: u64,
}

/// A shard's counters as others see them: as they were a moment ago.
#[derive(Clone, Debug, Default)]
pub struct SharedCounters(Arc<Mutex<MediaCounters>>);

impl SharedCounters {
    /// What they say now.
    pub fn snapshot(&self) -> MediaCounters {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, counters: &MediaCounters) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = *counters;
    }
}
